// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Consensus } from "../libraries/Consensus.sol";
import { CaseStatus, LicenseRef } from "../libraries/Types.sol";
import { ChallengeBase } from "./ChallengeBase.sol";

/// @title The steps of a case
/// @dev Opened → Drawn → Committing → Revealing → Opening → Rebuttal → Upheld | Dismissed | Void. A step ends when
/// all have acted or its deadline has passed; the next step's window starts then. Nobody's call is needed for a
/// deadline to take effect (`_advance`).
abstract contract CaseBook is ChallengeBase {
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

    /// @dev Goes on where a deadline has passed and enough members have acted; else the case waits for `resolve`.
    function _advance(bytes32 caseId, Case storage c) internal {
        uint256 needed = Consensus.quorum(c.committee.length);
        if (
            c.status == CaseStatus.Committing && block.timestamp > c.deadline && c.commits >= needed
        ) _startReveal(caseId, c, c.deadline);
        if (c.status == CaseStatus.Revealing && block.timestamp > c.deadline && c.reveals >= needed)
        {
            _startOpening(caseId, c, c.deadline);
        }
    }

    // ---- Checks

    function _case(LicenseRef calldata ref, bytes32 caseId) internal view returns (Case storage c) {
        c = _cases[caseId];
        bytes32 licenseId = _licenseId(ref);
        require(c.licenseId == licenseId, ChallengeManager_WrongLicense(c.licenseId, licenseId));
    }

    /// @dev The case is in this step and its deadline has not passed.
    function _requireStep(bytes32 caseId, Case storage c, CaseStatus step) internal view {
        require(c.status == step, ChallengeManager_WrongStatus(caseId, c.status));
        require(block.timestamp <= c.deadline, ChallengeManager_TooLate(c.deadline));
    }

    function _requireOwner(LicenseRef calldata ref) internal view {
        require(
            msg.sender == ref.terms.owner, ChallengeManager_NotOwner(msg.sender, ref.terms.owner)
        );
    }

    /// @dev All fees of a committee; the product of a `uint128` and a `uint8` can't overflow.
    function _fees(LicenseRef calldata ref) internal view returns (uint256) {
        return uint256(ref.terms.proverFee) * _committeeSize;
    }
}
