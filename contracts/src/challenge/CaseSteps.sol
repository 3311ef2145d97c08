// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EfficientHashLib } from "solady/utils/EfficientHashLib.sol";

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IChallengeManager } from "../interfaces/IChallengeManager.sol";
import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Currency } from "../libraries/Currency.sol";
import { Draw } from "../libraries/Draw.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import {
    CaseRef,
    CaseStatus,
    Drawn,
    LicenseRef,
    LicenseStatus,
    Terms
} from "../libraries/Types.sol";
import { CaseBook } from "./CaseBook.sol";
import { ReportDesk } from "./ReportDesk.sol";

/// @title Level 2, first half: a drawn committee asks blindly
abstract contract CaseSteps is CaseBook, ReportDesk {
    /// @inheritdoc IChallengeManager
    function openCase(LicenseRef calldata ref, bytes32 deploymentHash, bytes32 salt)
        external
        payable
        nonReentrant
        returns (bytes32 caseId)
    {
        return _open(ref, deploymentHash, salt, false);
    }

    /// @inheritdoc IChallengeManager
    function openLeakCase(LicenseRef calldata ref, string calldata uri, bytes32 salt)
        external
        payable
        nonReentrant
        returns (bytes32 caseId)
    {
        bytes32 deploymentHash = keccak256(bytes(uri));
        caseId = _open(ref, deploymentHash, salt, true);
        emit DeploymentAccused(caseId, deploymentHash, uri);
    }

    /// @inheritdoc IChallengeManager
    function drawCase(CaseRef calldata ref) external nonReentrant {
        (bytes32 caseId,, Case storage c) = _case(ref);
        _requireStep(caseId, c, CaseStatus.Opened);
        (IBeacon.Status status, bytes32 value) = beacon.valueOf(c.seedRound);
        require(status != IBeacon.Status.Pending, ChallengeManager_SeedPending(c.seedRound));
        if (status == IBeacon.Status.Stale) {
            c.seedRound = beacon.nextRound();
            emit SeedRoundMoved(caseId, c.seedRound);
            return;
        }

        bytes32 seed = Draw.seed(value, address(this), caseId);
        uint40 deadline = uint40(block.timestamp) + _questionsWindow;
        (c.status, c.deadline) = (CaseStatus.Drawn, deadline);
        uint32[] memory bundles = registry.burnBundles(
            ref.license.terms.modelId,
            ref.license.terms.epoch,
            seed,
            _bundlesPerCase,
            _sharedBundlesPerCase
        );
        address[] memory committee = provers.drawCommittee(
            keccak256(abi.encodePacked(seed, "committee")), _committeeSize, ref.openedAt
        );
        c.facts = _hashDrawn(bundles, committee);
        emit CaseDrawn(caseId, bundles, committee, deadline);
    }

    /// @inheritdoc IChallengeManager
    function postQuestions(
        CaseRef calldata ref,
        Drawn calldata drawn,
        bytes32 questionsHash,
        uint16 count
    ) external {
        (bytes32 caseId,, Case storage c) = _case(ref);
        _requireOwner(ref);
        _requireStep(caseId, c, CaseStatus.Drawn);
        _requireFacts(caseId, c, _hashDrawn(drawn));
        require(questionsHash != 0, ChallengeManager_EmptyHash());
        uint256 min = Leaves.BUNDLE * drawn.bundles.length + _minDecoys;
        require(
            count >= min && count <= MAX_QUESTIONS,
            ChallengeManager_BadQuestionCount(count, min, MAX_QUESTIONS)
        );
        uint40 deadline = uint40(block.timestamp) + _commitWindow;
        (c.status, c.deadline, c.questionCount) = (CaseStatus.Committing, deadline, count);
        c.facts = _factsOf(drawn, questionsHash);
        emit QuestionsPosted(caseId, questionsHash, count, deadline);
    }

    /// @inheritdoc IChallengeManager
    function commitTags(
        bytes32 caseId,
        Drawn calldata drawn,
        bytes32 questionsHash,
        bytes32 commitment
    ) external {
        Case storage c = _cases[caseId];
        _requireStep(caseId, c, CaseStatus.Committing);
        _requireFacts(caseId, c, _factsOf(drawn, questionsHash));
        bytes32 word = _committedWord(commitment);
        require(word != 0, ChallengeManager_EmptyHash());
        require(
            _isMember(drawn.committee, msg.sender), ChallengeManager_NotMember(caseId, msg.sender)
        );
        require(_words[caseId][msg.sender] == 0, ChallengeManager_AlreadyDone(caseId, msg.sender));
        _words[caseId][msg.sender] = word;
        uint8 commits = c.commits + 1;
        c.commits = commits;
        emit TagsCommitted(caseId, msg.sender, commitment);
        if (commits == _committeeSize) _startReveal(caseId, c, uint40(block.timestamp));
    }

    /// @inheritdoc IChallengeManager
    function revealTags(bytes32 caseId, bytes calldata tags, bytes32 salt) external {
        Case storage c = _cases[caseId];
        _advance(caseId, c);
        _requireStep(caseId, c, CaseStatus.Revealing);
        bytes32 word = _words[caseId][msg.sender];
        require(!_isRevealed(word), ChallengeManager_AlreadyDone(caseId, msg.sender));
        require(
            tags.length == 4 * uint256(c.questionCount),
            ChallengeManager_WrongLength("tags", tags.length, 4 * uint256(c.questionCount))
        );
        bytes32 tagsHash = keccak256(tags);
        // Someone who has not committed has the word 0, which no commitment has.
        require(
            word != 0
                && _committedWord(keccak256(abi.encode(caseId, msg.sender, salt, tagsHash)))
                    == word,
            ChallengeManager_WrongTags(caseId, msg.sender)
        );
        _words[caseId][msg.sender] = _revealedWord(tagsHash);
        uint8 reveals = c.reveals + 1;
        c.reveals = reveals;
        emit TagsRevealed(caseId, msg.sender, tags);
        if (reveals == c.commits) _startOpening(caseId, c, uint40(block.timestamp));
    }

    /// @inheritdoc IChallengeManager
    function caseOf(bytes32 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    /// @inheritdoc IChallengeManager
    function caseIdOf(CaseRef calldata ref) external view returns (bytes32 caseId) {
        (caseId,,) = _case(ref);
    }

    /// @inheritdoc IChallengeManager
    function removedOf(bytes32 caseId) external view returns (uint256) {
        return _removed[caseId];
    }

    /// @inheritdoc IChallengeManager
    function wordOf(bytes32 caseId, address prover) external view returns (bytes32) {
        return _words[caseId][prover];
    }

    /// @inheritdoc IChallengeManager
    function flagOf(bytes32 deploymentHash) external view returns (bytes32 caseId) {
        return _flags[deploymentHash];
    }

    // ---- Opening

    /// @dev Freezes, takes bond and fees, counts the case. Fixes what the evidence must reach: 1/α
    /// times the cases so far and the licenses that could have been chosen from. Opening many cases
    /// and keeping the lucky one is thereby paid for.
    function _open(LicenseRef calldata ref, bytes32 deploymentHash, bytes32 salt, bool leak)
        private
        returns (bytes32 caseId)
    {
        Terms calldata terms = ref.terms;
        _requireLevel(terms, CASE_LEVEL);
        Fixed memory f;
        f.licenseId =
            TermsLib.licenseId(TermsLib.offerId(terms, address(registry)), ref.host, ref.nonce);
        f.deploymentHash = deploymentHash;
        f.reporter = msg.sender;
        f.openedAt = uint40(block.timestamp);
        f.leak = leak;
        uint32 left = _count(f, terms);
        _consumeReport(EfficientHashLib.hash(f.licenseId, deploymentHash), salt);
        require(left >= _bundlesPerCase, ChallengeManager_TooFewBundles(left, _bundlesPerCase));
        uint128 bond = terms.reportBond;
        caseId = _enter(f, bond);
        if (!leak || terms.leakLiability) vault.freeze(f.licenseId, terms.collateral);
        Currency.pull(terms.currency, msg.sender, uint256(bond) + _fees(terms.proverFee));
    }

    /// @dev Counts the case, and refuses it if license or deployment are not liable; returns the
    /// bundles that are left.
    function _count(Fixed memory f, Terms calldata terms) private returns (uint32 left) {
        address to = address(registry);
        bytes4 selector = ILicenseRegistry.countCase.selector;
        LicenseStatus status;
        uint40 liableUntil;
        // (status, liableUntil, f.cases, f.licenses, left) = registry.countCase(terms.modelId,
        // terms.epoch, f.licenseId, f.deploymentHash): the terms begin with the first two arguments
        // and `f` with the last two. The registry is ours and fixed at deployment, so its five
        // words are clean. They lie in free memory and are not kept.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            calldatacopy(add(free, 0x04), terms, 0x40)
            mcopy(add(free, 0x44), f, 0x40)
            if iszero(call(gas(), to, 0, free, 0x84, free, 0xa0)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
            if lt(returndatasize(), 0xa0) { revert(0, 0) }
            status := mload(free)
            liableUntil := mload(add(free, 0x20))
            mcopy(add(f, 0x80), add(free, 0x40), 0x40)
            left := mload(add(free, 0x80))
        }
        bool liable = liableUntil >= block.timestamp;
        require(!f.leak || !liable, ChallengeManager_DeploymentRegistered(f.deploymentHash));
        require(
            f.leak || liable, ChallengeManager_DeploymentNotLiable(f.deploymentHash, liableUntil)
        );
        _requireLiable(f.licenseId, status);
    }

    function _enter(Fixed memory f, uint128 bond) private returns (bytes32 caseId) {
        caseId = _caseIdOf(f);
        uint48 seedRound = beacon.nextRound();
        Case storage c = _cases[caseId];
        uint256 word = uint256(CaseStatus.Opened) | uint256(f.openedAt + _questionsWindow) << 8
            | uint256(seedRound) << 48;
        // Status, deadline and seed round, the first three fields of the slot. No other is set in a
        // new case, and it is new, for its number among the universe's cases is in its id.
        assembly ("memory-safe") {
            sstore(c.slot, word)
        }
        (bytes32 topic, bytes32 licenseId) = (CaseOpened.selector, f.licenseId);
        // emit CaseOpened(caseId, f.licenseId, f.reporter, f.deploymentHash, seedRound, bond,
        // f.openedAt, f.cases, f.licenses, f.leak): the last four lie in memory as they are
        // encoded. The data lies in free memory and is not kept.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, mload(add(f, 0x20)))
            mstore(add(free, 0x20), seedRound)
            mstore(add(free, 0x40), bond)
            mcopy(add(free, 0x60), add(f, 0x60), 0x80)
            log4(free, 0xe0, topic, caseId, licenseId, mload(add(f, 0x40)))
        }
    }

    function _isMember(address[] calldata committee, address account) private pure returns (bool) {
        for (uint256 i; i < committee.length; ++i) {
            if (committee[i] == account) return true;
        }
        return false;
    }
}
