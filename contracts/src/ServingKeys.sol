// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IServingKeys } from "./interfaces/IServingKeys.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { LicenseRef, ServingKey } from "./libraries/Types.sol";

/// @title The serving keys of licenses, by epoch
/// @dev Part of `LicenseRegistry`. A key is only ever added or ended: who signed a receipt of an
/// epoch can never be changed, so a host can't rotate a proof away. See decision 022.
abstract contract ServingKeys is IServingKeys {
    /// @dev Requests that were admitted before a rotation still get their receipts.
    uint40 private constant GRACE = 1 hours;

    uint40 private constant NEVER = type(uint40).max;

    mapping(bytes32 licenseId => ServingKey[]) private _keys;

    /// @inheritdoc IServingKeys
    function rotateServingKey(LicenseRef calldata ref, address next)
        external
        returns (uint32 keyEpoch)
    {
        (bytes32 licenseId, ServingKey[] storage keys) = _ownKeys(ref);
        require(keys.length != 0, ServingKeys_NoSuchKey(licenseId, 0));
        ServingKey storage current = keys[keys.length - 1];

        // A revoked key has its end already.
        if (!current.revoked) current.until = uint40(block.timestamp) + GRACE;
        keyEpoch = uint32(keys.length);
        _addKey(licenseId, next);
        emit ServingKeyRotated(licenseId, keyEpoch, next);
    }

    /// @inheritdoc IServingKeys
    function revokeServingKey(LicenseRef calldata ref, uint32 keyEpoch) external {
        (bytes32 licenseId, ServingKey[] storage keys) = _ownKeys(ref);
        require(keyEpoch < keys.length, ServingKeys_NoSuchKey(licenseId, keyEpoch));
        ServingKey storage key = keys[keyEpoch];
        // Else each revocation would move the time until which proofs are admissible.
        require(!key.revoked, ServingKeys_Revoked(licenseId, keyEpoch));

        key.until = uint40(block.timestamp);
        key.revoked = true;
        emit ServingKeyRevoked(licenseId, keyEpoch, uint40(block.timestamp));
    }

    /// @inheritdoc IServingKeys
    function servingKey(bytes32 licenseId, uint32 keyEpoch)
        external
        view
        returns (ServingKey memory key)
    {
        ServingKey[] storage keys = _keys[licenseId];
        if (keyEpoch < keys.length) key = keys[keyEpoch];
    }

    /// @inheritdoc IServingKeys
    function servingKeys(bytes32 licenseId) external view returns (ServingKey[] memory) {
        return _keys[licenseId];
    }

    /// @dev Names the key of the license's next epoch.
    function _addKey(bytes32 licenseId, address signer) internal {
        require(signer != address(0), ServingKeys_NoSigner());
        _keys[licenseId].push(ServingKey(signer, uint40(block.timestamp), NEVER, false));
    }

    function _ownKeys(LicenseRef calldata ref)
        private
        view
        returns (bytes32 licenseId, ServingKey[] storage keys)
    {
        require(msg.sender == ref.host, ServingKeys_OnlyHost(ref.host, msg.sender));
        licenseId = TermsLib.licenseId(ref, address(this));
        keys = _keys[licenseId];
    }
}
