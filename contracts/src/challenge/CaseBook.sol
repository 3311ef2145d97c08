// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Consensus } from "../libraries/Consensus.sol";
import { CaseRef, CaseStatus, Drawn } from "../libraries/Types.sol";
import { ChallengeBase } from "./ChallengeBase.sol";

/// @title The steps of a case
/// @dev Opened → Drawn → Committing → Revealing → Opening → Rebuttal → Upheld | Dismissed | Void. A
/// step ends when all have acted or its deadline has passed; the next step's window starts then.
/// Nobody's call is needed for a deadline to take effect (`_advance`).
///
/// A case is one slot of state and one of facts. What was fixed at its opening is the preimage of
/// its id; what was fixed later, the preimage of the facts: `keccak(drawn)`, then
/// `keccak(keccak(drawn) ‖ questionsHash)`, then `keccak(keccak(drawn) ‖ keccak(outcome))`. Callers
/// bring the preimages, which the events have announced. So whoever acts also names what it acts
/// on, and a transaction can't take effect on another draw after a reorg.
abstract contract CaseBook is ChallengeBase {
    /// @dev What is fixed when a case is opened, see `CaseRef`.
    struct Fixed {
        bytes32 licenseId;
        bytes32 deploymentHash;
        address reporter;
        uint40 openedAt;
        uint32 cases;
        uint32 licenses;
        bool leak;
    }

    // ---- Steps

    function _startReveal(bytes32 caseId, Case storage c, uint40 from) internal {
        c.status = CaseStatus.Revealing;
        c.deadline = from + _revealWindow;
        emit RevealStarted(caseId, c.deadline);
    }

    function _startOpening(bytes32 caseId, Case storage c, uint40 from) internal {
        c.status = CaseStatus.Opening;
        c.deadline = from + _openingWindow;
        emit OpeningStarted(caseId, c.deadline);
    }

    /// @dev Goes on where a deadline has passed and enough members have acted; else the case waits
    /// for `resolve`.
    function _advance(bytes32 caseId, Case storage c) internal {
        uint256 needed = Consensus.quorum(_committeeSize);
        if (
            c.status == CaseStatus.Committing && block.timestamp > c.deadline && c.commits >= needed
        ) _startReveal(caseId, c, c.deadline);
        if (c.status == CaseStatus.Revealing && block.timestamp > c.deadline && c.reveals >= needed)
        {
            _startOpening(caseId, c, c.deadline);
        }
    }

    // ---- Facts

    /// @dev Id of a case, and its state: empty if there is no such case.
    function _case(CaseRef calldata ref)
        internal
        view
        returns (bytes32 caseId, bytes32 licenseId, Case storage c)
    {
        licenseId = _licenseId(ref.license);
        caseId = _caseIdOf(
            Fixed({
                licenseId: licenseId,
                deploymentHash: ref.deploymentHash,
                reporter: ref.reporter,
                openedAt: ref.openedAt,
                cases: ref.cases,
                licenses: ref.licenses,
                leak: ref.leak
            })
        );
        c = _cases[caseId];
    }

    function _caseIdOf(Fixed memory fixed_) internal view returns (bytes32) {
        bytes32 id;
        // keccak256(abi.encode(block.chainid, address(this), fixed_)): a struct of seven values
        // lies in memory as it is encoded. Its copy lies in free memory and is not kept.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, chainid())
            mstore(add(free, 0x20), address())
            mcopy(add(free, 0x40), fixed_, 0xe0)
            id := keccak256(free, 0x120)
        }
        return id;
    }

    function _hashDrawn(Drawn calldata drawn) internal pure returns (bytes32) {
        return _hashDrawn(drawn.bundles, drawn.committee);
    }

    function _hashDrawn(uint32[] memory bundles, address[] memory committee)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(bundles, committee));
    }

    /// @dev Facts of the steps after the draw.
    function _factsOf(Drawn calldata drawn, bytes32 added) internal pure returns (bytes32) {
        return keccak256(abi.encode(_hashDrawn(drawn), added));
    }

    function _outcomeHash(Outcome memory outcome) internal pure returns (bytes32) {
        return keccak256(abi.encode(outcome));
    }

    function _requireFacts(bytes32 caseId, Case storage c, bytes32 given) internal view {
        require(c.facts == given, ChallengeManager_WrongFacts(caseId));
    }

    // ---- Checks

    /// @dev The case is in this step and its deadline has not passed.
    function _requireStep(bytes32 caseId, Case storage c, CaseStatus step) internal view {
        require(c.status == step, ChallengeManager_WrongStatus(caseId, c.status));
        require(block.timestamp <= c.deadline, ChallengeManager_TooLate(c.deadline));
    }

    function _requireOwner(CaseRef calldata ref) internal view {
        address owner = ref.license.terms.owner;
        require(msg.sender == owner, ChallengeManager_NotOwner(msg.sender, owner));
    }

    /// @dev Whether the verdict costs the accused its collateral: it controls what it registered,
    /// but not where a copy of its license turns up, unless its terms make it answer for that.
    function _slashes(CaseRef calldata ref) internal pure returns (bool) {
        return !ref.leak || ref.license.terms.leakLiability;
    }

    /// @dev All fees of a committee; the product of a `uint128` and a `uint8` can't overflow.
    function _fees(uint128 proverFee) internal view returns (uint256) {
        return uint256(proverFee) * _committeeSize;
    }

    /// @dev What a member's word is after its reveal. The lowest bit tells a reveal from a
    /// commitment; the other 255 still bind.
    function _revealedWord(bytes32 tagsHash) internal pure returns (bytes32) {
        return tagsHash | bytes32(uint256(1));
    }

    function _committedWord(bytes32 commitment) internal pure returns (bytes32) {
        return commitment & ~bytes32(uint256(1));
    }

    function _isRevealed(bytes32 word) internal pure returns (bool) {
        return uint256(word) & 1 != 0;
    }
}
