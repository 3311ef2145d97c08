// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef, ServingKey } from "../libraries/Types.sol";

/// @title The serving keys of licenses, by epoch
/// @notice Epochs count from 0, the key with which the license is bought. Each receipt names the
/// epoch of its key, and its number is of that epoch: a new key has a fresh number space.
interface IServingKeys {
    error ServingKeys_OnlyHost(address host, address caller);
    error ServingKeys_NoSigner();
    /// @notice The license has no key of this epoch, or was never bought.
    error ServingKeys_NoSuchKey(bytes32 licenseId, uint32 keyEpoch);
    error ServingKeys_Revoked(bytes32 licenseId, uint32 keyEpoch);

    event ServingKeyRotated(
        bytes32 indexed licenseId, uint32 indexed keyEpoch, address indexed signer
    );
    event ServingKeyRevoked(bytes32 indexed licenseId, uint32 indexed keyEpoch, uint40 revokedAt);

    /// @notice Names the next key; the one before ends, with an hour for receipts of requests that
    /// were admitted before. Its receipts remain evidence for ever. Only the host, whatever the
    /// license's status. The same account may be named again: its numbers begin anew.
    function rotateServingKey(LicenseRef calldata ref, address next)
        external
        returns (uint32 keyEpoch);

    /// @notice Declares a key stolen, current or retired, and ends it at once: proofs by it are
    /// admissible only until settlement period + 7 days from now. Until then the thief's signatures
    /// are the host's risk. Names no other key. Only the host, once a key.
    function revokeServingKey(LicenseRef calldata ref, uint32 keyEpoch) external;

    /// @notice Key of an epoch; all zero if there is none.
    function servingKey(bytes32 licenseId, uint32 keyEpoch)
        external
        view
        returns (ServingKey memory);

    /// @notice All keys that the license ever had, by epoch; the last one is current unless it is
    /// revoked.
    function servingKeys(bytes32 licenseId) external view returns (ServingKey[] memory);
}
