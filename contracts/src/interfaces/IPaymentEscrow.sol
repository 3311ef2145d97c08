// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef } from "../libraries/Types.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
interface IPaymentEscrow {
    /// @param deposited all that was ever deposited, less what the payer took back
    /// @param thawPeriod of the license's terms
    /// @param thawEnd time from which the payer can withdraw, 0 while not thawing
    /// @param openedAt time of opening, 0 for an unknown channel
    /// @param claimed cumulative amount claimed by vouchers
    /// @param settledRequests cumulative requests of the newest claimed voucher
    /// @param settledTokens cumulative tokens of the newest claimed voucher
    struct Channel {
        uint128 deposited;
        uint40 thawPeriod;
        uint40 thawEnd;
        uint40 openedAt;
        uint128 claimed;
        uint64 settledRequests;
        uint64 settledTokens;
    }

    /// @notice One voucher in a claim. The channel follows from (license, payer, signer, salt).
    struct ClaimRow {
        address payer;
        address signer;
        bytes32 salt;
        uint128 cumulativeAmount;
        uint64 cumulativeRequests;
        uint64 cumulativeTokens;
        bytes32 requestHash;
        bytes signature;
    }

    enum ClaimError {
        None,
        UnknownChannel,
        NotIncreasing,
        BelowPrice,
        ExceedsDeposit,
        BadSignature,
        ExceedsCollateralRatio
    }

    error PaymentEscrow_OnlyRegistry(address caller);
    error PaymentEscrow_NoAmount();
    error PaymentEscrow_LicenseNotActive(bytes32 licenseId);
    error PaymentEscrow_ChannelExists(bytes32 channelId);
    error PaymentEscrow_UnknownChannel(bytes32 channelId);
    error PaymentEscrow_AlreadyThawing(bytes32 channelId, uint40 thawEnd);
    error PaymentEscrow_NotThawed(bytes32 channelId, uint40 thawEnd);
    error PaymentEscrow_NoRecipient();
    error PaymentEscrow_NoBalance(address currency, address account);
    error PaymentEscrow_FeeAlreadyHeld(bytes32 licenseId);
    error PaymentEscrow_NoFeeHeld(bytes32 licenseId);

    event ChannelOpened(
        bytes32 indexed channelId,
        bytes32 indexed licenseId,
        address indexed payer,
        address signer,
        bytes32 salt,
        address currency,
        uint40 thawPeriod
    );
    event ChannelDeposited(bytes32 indexed channelId, uint128 amount, uint128 deposited);
    event ChannelThawing(bytes32 indexed channelId, uint40 thawEnd);
    event ChannelWithdrawn(bytes32 indexed channelId, address indexed payer, uint128 amount);
    event VoucherClaimed(
        bytes32 indexed channelId,
        uint128 amount,
        uint128 cumulativeAmount,
        uint64 cumulativeRequests,
        uint64 cumulativeTokens
    );
    event VoucherRejected(bytes32 indexed channelId, ClaimError reason);
    event ClaimSplit(
        bytes32 indexed licenseId, uint128 total, uint128 toHost, uint128 toOwner, uint128 toParents
    );
    event FeeHeld(bytes32 indexed licenseId, address currency, uint128 amount);
    event FeeReleased(bytes32 indexed licenseId, uint128 toOwner, uint128 toParents);
    event FeeRefunded(bytes32 indexed licenseId, address indexed host, uint128 amount);
    event BalanceWithdrawn(
        address indexed currency, address indexed account, address indexed to, uint256 amount
    );

    /// @notice Opens a channel of the caller to an active license and deposits. `signer` 0 means
    /// the payer itself.
    function openChannel(LicenseRef calldata ref, address signer, bytes32 salt, uint128 amount)
        external
        payable
        returns (bytes32 channelId);

    /// @notice Adds to a channel. Anyone. A running thaw goes on and will release the addition too.
    function deposit(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 amount
    ) external payable;

    /// @notice The payer starts to leave; the host has the thaw period to claim. Only the payer.
    function startThaw(bytes32 licenseId, address signer, bytes32 salt) external;

    /// @notice Pays the unclaimed rest back after the thaw. Only the payer.
    function withdraw(LicenseRef calldata ref, address signer, bytes32 salt) external;

    /// @notice Claims vouchers of one license. A bad row is skipped with `VoucherRejected`, never a
    /// revert. Anyone. @dev A row is taken whole or not at all, so that nobody can burn a voucher
    /// for a part of its worth. A batch
    /// takes at most what the collateral covers by `minCollateralRatioBps`. Parts are rounded down:
    /// the owner's remainder stays with the host, the parents' with the owner.
    /// @return total newly claimed, already split into balances
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        returns (uint128 total);

    /// @notice Pulls the caller's balance.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);

    /// @notice Holds, releases, refunds a license fee. Only `LicenseRegistry`.
    function holdFee(bytes32 licenseId, address from, address currency, uint128 amount)
        external
        payable;
    function releaseFee(LicenseRef calldata ref) external;
    function refundFee(bytes32 licenseId, address host, address currency) external;

    function channel(bytes32 channelId) external view returns (Channel memory);
    function channelIdOf(bytes32 licenseId, address payer, address signer, bytes32 salt)
        external
        view
        returns (bytes32);
    function balanceOf(address currency, address account) external view returns (uint256);
    function voucherDigest(
        bytes32 channelId,
        uint128 cumulativeAmount,
        uint64 cumulativeRequests,
        uint64 cumulativeTokens,
        bytes32 requestHash
    ) external view returns (bytes32);
}
