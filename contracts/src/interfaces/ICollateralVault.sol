// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {LicenseRef} from "../libraries/Types.sol";

/// @title Hosts' collateral, by license, and the delayed payout of what was slashed
interface ICollateralVault {
    struct Collateral {
        uint128 amount;
        uint16 freezes;
        uint40 thawEnd;
    }

    struct Payout {
        address to;
        address currency;
        uint128 amount;
        uint40 unlockAt;
    }

    event CollateralDeposited(bytes32 indexed licenseId, address indexed from, address currency, uint128 amount);
    event CollateralFrozen(bytes32 indexed licenseId, uint16 freezes);
    event CollateralUnfrozen(bytes32 indexed licenseId, uint16 freezes);
    event ThawStarted(bytes32 indexed licenseId, uint40 thawEnd);
    event CollateralWithdrawn(bytes32 indexed licenseId, address indexed to, address currency, uint128 amount);
    event CollateralSlashed(bytes32 indexed licenseId, uint128 amount, uint128 toReporter, uint128 toOwner, uint128 burned);
    event PayoutQueued(uint256 indexed payoutId, address indexed to, address currency, uint128 amount, uint40 unlockAt);
    event PayoutPaid(uint256 indexed payoutId, address indexed to, address currency, uint128 amount);

    /// @notice Takes the collateral of a new license. Only `LicenseRegistry`.
    function depositFor(bytes32 licenseId, address from, address currency, uint128 amount) external payable;

    /// @notice Adds collateral. Anyone.
    function topUp(LicenseRef calldata ref, uint128 amount) external payable;

    /// @notice A case or proof holds the collateral. Only `ChallengeManager`.
    function freeze(bytes32 licenseId) external;

    /// @notice The case or proof has ended. Only `ChallengeManager`.
    function unfreeze(bytes32 licenseId) external;

    /// @notice Starts the way out of an ended license. Only the host.
    function startThaw(LicenseRef calldata ref) external;

    /// @notice Pays the rest out after the thaw, unless frozen. Only the host.
    function withdraw(LicenseRef calldata ref) external;

    /// @notice Returns everything at once to the host of a cancelled license. Only `LicenseRegistry`.
    function refund(bytes32 licenseId, address host, address currency) external;

    /// @notice Takes `bps` of the collateral; queues reporter's and owner's parts, burns the rest. Only `ChallengeManager`.
    function slash(LicenseRef calldata ref, uint16 bps, address reporter, uint40 payoutDelay)
        external
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner);

    /// @notice Pays an unlocked payout to its beneficiary. Anyone may call.
    function payOut(uint256 payoutId) external;

    function collateral(bytes32 licenseId) external view returns (Collateral memory);
    function payout(uint256 payoutId) external view returns (Payout memory);
    function payoutCount() external view returns (uint256);
}
