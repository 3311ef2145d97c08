// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef } from "../libraries/Types.sol";

/// @title Hosts' collateral, by license, and the delayed payout of what was slashed
interface ICollateralVault {
    /// @param amount what the license has at stake, in its currency
    /// @param freezes open cases and proofs that hold it
    /// @param thawEnd time from which it can be withdrawn, 0 while not thawing
    struct Collateral {
        uint128 amount;
        uint16 freezes;
        uint40 thawEnd;
    }

    /// @param amount 0 once paid
    /// @param unlockAt time from which it can be paid
    struct Payout {
        address to;
        address currency;
        uint128 amount;
        uint40 unlockAt;
    }

    error CollateralVault_OnlyRegistry(address caller);
    error CollateralVault_OnlyChallengeManager(address caller);
    error CollateralVault_OnlyHost(address host, address caller);
    error CollateralVault_NoAmount();
    error CollateralVault_AlreadyDeposited(bytes32 licenseId);
    error CollateralVault_NoSuchLicense(bytes32 licenseId);
    error CollateralVault_NotFrozen(bytes32 licenseId);
    error CollateralVault_LicenseNotEnded(bytes32 licenseId);
    error CollateralVault_AlreadyThawing(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NotThawed(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_Frozen(bytes32 licenseId, uint16 freezes);
    error CollateralVault_NothingToWithdraw(bytes32 licenseId);
    error CollateralVault_BadBps(uint16 bps);
    error CollateralVault_NoReporter();
    error CollateralVault_UnknownPayout(uint256 payoutId);
    error CollateralVault_PayoutLocked(uint256 payoutId, uint40 unlockAt);

    event CollateralDeposited(
        bytes32 indexed licenseId, address indexed from, address currency, uint128 amount
    );
    event CollateralFrozen(bytes32 indexed licenseId, uint16 freezes);
    event CollateralUnfrozen(bytes32 indexed licenseId, uint16 freezes);
    event ThawStarted(bytes32 indexed licenseId, uint40 thawEnd);
    event CollateralWithdrawn(
        bytes32 indexed licenseId, address indexed to, address currency, uint128 amount
    );
    event CollateralSlashed(
        bytes32 indexed licenseId,
        uint128 amount,
        uint128 toReporter,
        uint128 toOwner,
        uint128 burned
    );
    event PayoutQueued(
        uint256 indexed payoutId,
        address indexed to,
        address currency,
        uint128 amount,
        uint40 unlockAt
    );
    event PayoutPaid(
        uint256 indexed payoutId, address indexed to, address currency, uint128 amount
    );

    /// @notice Takes the collateral of a new license. Only `LicenseRegistry`.
    function depositFor(bytes32 licenseId, address from, address currency, uint128 amount)
        external
        payable;

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

    /// @notice Returns everything at once to the host of a cancelled license. Only
    /// `LicenseRegistry`.
    function refund(bytes32 licenseId, address host, address currency) external;

    /// @notice Takes `bps` of the collateral; queues reporter's and owner's parts, burns the rest.
    /// Only `ChallengeManager`. @dev If the currency refuses the burn, that part is queued as a
    /// payout to `BURN`: a slash never depends on it.
    function slash(LicenseRef calldata ref, uint16 bps, address reporter, uint40 payoutDelay)
        external
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner);

    /// @notice Pays an unlocked payout to its beneficiary. Anyone may call.
    function payOut(uint256 payoutId) external;

    function collateral(bytes32 licenseId) external view returns (Collateral memory);
    function payout(uint256 payoutId) external view returns (Payout memory);
    function payoutCount() external view returns (uint256);
}
