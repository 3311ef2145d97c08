// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef } from "../libraries/Types.sol";

/// @title Hosts' collateral, by license, undelivered fees, and the delayed payout of what was
/// slashed
interface ICollateralVault {
    /// @param amount what the license has at stake, in its currency
    /// @param thawEnd time from which it can be withdrawn, 0 while not thawing
    struct Collateral {
        uint128 amount;
        uint40 thawEnd;
    }

    /// @notice What a conviction takes, and who gets it.
    /// @param bps of the collateral
    /// @param reporterBps, ownerBps of what is taken; the rest is burned
    /// @param committedAt when the reporter committed to a level-0 proof, 0 for a round
    struct Slash {
        uint16 bps;
        address reporter;
        uint16 reporterBps;
        uint16 ownerBps;
        uint40 payoutDelay;
        uint40 committedAt;
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
    error CollateralVault_OnlyEscrow(address caller);
    /// @notice Only the contracts that decide: `Proofs` and `Rounds`.
    error CollateralVault_OnlyJudges(address caller);
    error CollateralVault_OnlyRounds(address caller);
    error CollateralVault_OnlyHost(address host, address caller);
    error CollateralVault_NoAmount();
    error CollateralVault_NoSuchLicense(bytes32 licenseId);
    /// @notice Collateral is counted in 96 bits.
    error CollateralVault_TooLarge(uint128 amount);
    error CollateralVault_LicenseNotEnded(bytes32 licenseId);
    error CollateralVault_AlreadyThawing(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NotThawed(bytes32 licenseId, uint40 thawEnd);
    error CollateralVault_NothingToWithdraw(bytes32 licenseId);
    error CollateralVault_BadBps(uint16 bps);
    error CollateralVault_NoReporter();
    error CollateralVault_UnknownPayout(uint256 payoutId);
    error CollateralVault_OnlyPayee(address payee, address caller);
    /// @notice Money sent there would be nobody's.
    error CollateralVault_BadRecipient(address to);
    error CollateralVault_PayoutLocked(uint256 payoutId, uint40 unlockAt);
    /// @notice The payout is none of a level-0 reporter of this license that committed later.
    error CollateralVault_NotRedirectable(uint256 payoutId);

    event CollateralDeposited(
        bytes32 indexed licenseId, address indexed from, address currency, uint128 amount
    );
    event FeeHeld(bytes32 indexed licenseId, address currency, uint128 amount);
    event FeeRefunded(bytes32 indexed licenseId, address indexed host, uint128 amount);
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
    event PayoutRedirected(uint256 indexed payoutId, address indexed from, address indexed to);
    event PayoutPaid(
        uint256 indexed payoutId, address indexed to, address currency, uint128 amount
    );

    /// @notice Takes collateral and fee of a new license in one transfer. The fee stays here until
    /// the copy is delivered. Only `LicenseRegistry`, which calls once per license.
    function depositFor(
        bytes32 licenseId,
        address from,
        address currency,
        uint128 collateral,
        uint128 fee
    ) external payable;

    /// @notice Adds collateral. Anyone.
    function topUp(LicenseRef calldata ref, uint128 amount) external payable;

    /// @notice Starts the way out of an ended license. Only the host.
    function startThaw(LicenseRef calldata ref) external;

    /// @notice Pays the rest out after the thaw. Only the host.
    function withdraw(LicenseRef calldata ref) external;

    /// @notice Returns collateral and fee to the host of a cancelled license. Only
    /// `LicenseRegistry`, which calls once per license.
    function refund(
        bytes32 licenseId,
        address host,
        address currency,
        uint128 collateral,
        uint128 fee
    ) external;

    /// @notice Returns the held half of the fee to the host of a rejected copy. Only
    /// `LicenseRegistry`, which calls at most once per license.
    function returnFee(bytes32 licenseId, address host, address currency, uint128 fee) external;

    /// @notice Hands a part of the fee of a delivered license to the escrow. Only `PaymentEscrow`,
    /// when the registry asks it to.
    function payFee(address currency, uint128 fee) external;

    /// @notice Takes a part of the collateral; queues reporter's and owner's parts, burns the rest.
    /// Only `Proofs` and `Rounds`. @dev If the currency refuses the burn, that part is queued as a
    /// payout to `BURN`: a slash never depends on it.
    function slash(LicenseRef calldata ref, Slash calldata how)
        external
        returns (uint128 slashed, uint128 toReporter, uint128 toOwner);

    /// @notice Gives a level-0 reporter's part that is not paid yet to `to`, if that reporter
    /// committed later than `before`: who is about to be convicted gains nothing by accusing
    /// itself. Only `Rounds`.
    function redirect(uint256 payoutId, bytes32 licenseId, uint40 before, address to) external;

    /// @notice Pays an unlocked payout to its payee. Anyone may call.
    function payOut(uint256 payoutId) external;

    /// @notice Pays an unlocked payout elsewhere, where its payee can't take the currency. Only the
    /// payee.
    function payOutTo(uint256 payoutId, address to) external;

    /// @notice Collateral of a license; nothing for one that was never acquired.
    function collateral(LicenseRef calldata ref) external view returns (Collateral memory);

    /// @notice What is left of the collateral of an acquired license, one storage read.
    /// @param bought its terms' `collateral`; the caller vouches for it and for the license's
    /// existence
    function collateralLeft(bytes32 licenseId, uint128 bought) external view returns (uint128);
    function payout(uint256 payoutId) external view returns (Payout memory);
    function payoutCount() external view returns (uint256);
}
