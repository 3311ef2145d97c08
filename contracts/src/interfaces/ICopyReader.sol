// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef } from "../libraries/Types.sol";
import { IChallengeTypes } from "./IChallengeTypes.sol";

/// @title Reads a proof of `IChallengeManager.proveUnlicensedModel` and says what it shows, or
/// reverts
interface ICopyReader {
    /// @param licenseId the accused license; @param copyId license of the copy that it serves
    /// @param seriesId what the report must have claimed, see
    /// `IChallengeManager.proveUnlicensedModel`
    /// @param firstServedAt time of the earliest answer
    /// @param hits answers that are the copy's; @param queries all of them
    struct Reading {
        bytes32 licenseId;
        bytes32 copyId;
        bytes32 seriesId;
        uint64 firstServedAt;
        uint16 hits;
        uint16 queries;
        int64 evidence;
        int64 threshold;
    }

    /// @notice Has the signature of the manager's function, whose calldata is passed on as it came.
    /// The caller must be that manager: its wiring and its domain of receipts are asked for.
    function proveUnlicensedModel(
        LicenseRef calldata ref,
        IChallengeTypes.Series calldata series,
        IChallengeTypes.SeriesEvidence calldata given,
        bytes32 salt
    ) external view returns (Reading memory);
}
