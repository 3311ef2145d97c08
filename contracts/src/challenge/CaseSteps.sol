// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IBeacon } from "../interfaces/IBeacon.sol";
import { IChallengeManager } from "../interfaces/IChallengeManager.sol";
import { ILicenseRegistry } from "../interfaces/ILicenseRegistry.sol";
import { Currency } from "../libraries/Currency.sol";
import { Draw } from "../libraries/Draw.sol";
import { EValue } from "../libraries/EValue.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { CaseStatus, LicenseRef } from "../libraries/Types.sol";
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
        bytes32 licenseId = _licenseId(ref);
        _liableLicense(ref, licenseId, CASE_LEVEL);
        _consumeReport(keccak256(abi.encode(licenseId, deploymentHash)), salt);
        require(vault.collateral(licenseId).amount != 0, ChallengeManager_NoCollateral(licenseId));
        _requireLiableDeployment(licenseId, deploymentHash);

        caseId = keccak256(
            abi.encode(block.chainid, address(this), licenseId, deploymentHash, _caseCount++)
        );
        Case storage c = _cases[caseId];
        c.licenseId = licenseId;
        c.deploymentHash = deploymentHash;
        c.reporter = msg.sender;
        c.status = CaseStatus.Opened;
        c.openedAt = uint40(block.timestamp);
        c.deadline = uint40(block.timestamp) + _questionsWindow;
        c.seedRound = beacon.nextRound();
        c.threshold = _countCase(ref);
        vault.freeze(licenseId);
        Currency.pull(ref.terms.currency, msg.sender, ref.terms.reportBond + _fees(ref));
        emit CaseOpened(
            caseId, licenseId, msg.sender, deploymentHash, c.seedRound, ref.terms.reportBond
        );
    }

    /// @inheritdoc IChallengeManager
    function drawCase(LicenseRef calldata ref, bytes32 caseId) external nonReentrant {
        Case storage c = _case(ref, caseId);
        _requireStep(caseId, c, CaseStatus.Opened);
        (IBeacon.Status status, bytes32 value) = beacon.valueOf(c.seedRound);
        require(status != IBeacon.Status.Pending, ChallengeManager_SeedPending(c.seedRound));
        if (status == IBeacon.Status.Stale) {
            c.seedRound = beacon.nextRound();
            emit SeedRoundMoved(caseId, c.seedRound);
            return;
        }

        bytes32 seed = Draw.seed(value, address(this), caseId);
        c.status = CaseStatus.Drawn;
        c.deadline = uint40(block.timestamp) + _questionsWindow;
        c.bundles = registry.burnPersonalBundles(
            ref.terms.modelId, ref.terms.epoch, seed, _bundlesPerCase
        );
        c.committee = provers.drawCommittee(
            keccak256(abi.encodePacked(seed, "committee")), _committeeSize, c.openedAt
        );
        emit CaseDrawn(caseId, c.bundles, c.committee, c.deadline);
    }

    /// @inheritdoc IChallengeManager
    function postQuestions(
        LicenseRef calldata ref,
        bytes32 caseId,
        bytes32 questionsHash,
        uint16 count
    ) external {
        Case storage c = _case(ref, caseId);
        _requireOwner(ref);
        _requireStep(caseId, c, CaseStatus.Drawn);
        require(questionsHash != 0, ChallengeManager_EmptyHash());
        uint256 min = Leaves.BUNDLE * _bundlesPerCase + _minDecoys;
        require(
            count >= min && count <= MAX_QUESTIONS,
            ChallengeManager_BadQuestionCount(count, min, MAX_QUESTIONS)
        );
        c.status = CaseStatus.Committing;
        c.deadline = uint40(block.timestamp) + _commitWindow;
        c.questionsHash = questionsHash;
        c.questionCount = count;
        emit QuestionsPosted(caseId, questionsHash, count, c.deadline);
    }

    /// @inheritdoc IChallengeManager
    function commitTags(bytes32 caseId, bytes32 commitment) external {
        Case storage c = _cases[caseId];
        _requireStep(caseId, c, CaseStatus.Committing);
        require(commitment != 0, ChallengeManager_EmptyHash());
        require(_isMember(c, msg.sender), ChallengeManager_NotMember(caseId, msg.sender));
        require(
            _commitments[caseId][msg.sender] == 0, ChallengeManager_AlreadyDone(caseId, msg.sender)
        );
        _commitments[caseId][msg.sender] = commitment;
        uint8 commits = ++c.commits;
        emit TagsCommitted(caseId, msg.sender, commitment);
        if (commits == _committeeSize) _startReveal(caseId, c, uint40(block.timestamp));
    }

    /// @inheritdoc IChallengeManager
    function revealTags(bytes32 caseId, bytes calldata tags, bytes32 salt) external {
        Case storage c = _cases[caseId];
        _advance(caseId, c);
        _requireStep(caseId, c, CaseStatus.Revealing);
        require(
            _revealedTagsHash[caseId][msg.sender] == 0,
            ChallengeManager_AlreadyDone(caseId, msg.sender)
        );
        require(
            tags.length == 4 * uint256(c.questionCount),
            ChallengeManager_WrongLength("tags", tags.length, 4 * uint256(c.questionCount))
        );
        bytes32 tagsHash = keccak256(tags);
        // Someone who has not committed has the commitment 0, which nothing hashes to.
        require(
            keccak256(abi.encode(caseId, msg.sender, salt, tagsHash))
                == _commitments[caseId][msg.sender],
            ChallengeManager_WrongTags(caseId, msg.sender)
        );
        _revealedTagsHash[caseId][msg.sender] = tagsHash;
        uint8 reveals = ++c.reveals;
        emit TagsRevealed(caseId, msg.sender, tags);
        if (reveals == c.commits) _startOpening(caseId, c, uint40(block.timestamp));
    }

    /// @inheritdoc IChallengeManager
    function caseOf(bytes32 caseId) external view returns (Case memory) {
        return _cases[caseId];
    }

    /// @inheritdoc IChallengeManager
    function caseCount() external view returns (uint256) {
        return _caseCount;
    }

    /// @inheritdoc IChallengeManager
    function commitmentOf(bytes32 caseId, address prover) external view returns (bytes32) {
        return _commitments[caseId][prover];
    }

    /// @inheritdoc IChallengeManager
    function revealedTagsHash(bytes32 caseId, address prover) external view returns (bytes32) {
        return _revealedTagsHash[caseId][prover];
    }

    // ---- Opening

    function _requireLiableDeployment(bytes32 licenseId, bytes32 deploymentHash) private view {
        uint40 liableUntil = registry.deploymentLiableUntil(licenseId, deploymentHash);
        require(
            liableUntil >= block.timestamp,
            ChallengeManager_DeploymentNotLiable(deploymentHash, liableUntil)
        );
    }

    /// @dev Counts the case and fixes what its evidence must reach: 1/α times the cases so far and the licenses that
    /// could have been chosen from. Opening many cases and keeping the lucky one is thereby paid for.
    function _countCase(LicenseRef calldata ref) private returns (int64) {
        bytes32 modelId = ref.terms.modelId;
        uint32 epoch = ref.terms.epoch;
        registry.countCase(modelId, epoch);
        ILicenseRegistry.Universe memory universe = registry.universe(modelId, epoch);
        uint256 left = universe.personalCount / Leaves.BUNDLE - universe.burnedBundles;
        require(left >= _bundlesPerCase, ChallengeManager_TooFewBundles(left, _bundlesPerCase));
        return EValue.threshold(ref.terms.evidence.alphaInverse, universe.cases, universe.licenses);
    }

    function _isMember(Case storage c, address account) private view returns (bool) {
        uint256 size = c.committee.length;
        for (uint256 i; i < size; ++i) {
            if (c.committee[i] == account) return true;
        }
        return false;
    }
}
