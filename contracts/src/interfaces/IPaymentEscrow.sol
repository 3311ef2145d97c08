// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef } from "../libraries/Types.sol";

/// @title Payers' channels, batched claims of vouchers, atomic split, pulled balances
interface IPaymentEscrow {
    /// @notice A closed channel takes no deposit and never opens again, or its old vouchers would
    /// be good once more. What is left in it is still claimed, reserved and thawed.
    enum ChannelStatus {
        None,
        Open,
        Closed
    }

    /// @notice One slot. Amounts are counted in 96 bits.
    /// @param deposited all that was ever deposited, less what the payer took back; while the
    /// channel is open it only grows
    /// @param claimed cumulative amount claimed by vouchers
    /// @param thawEnd time from which the payer can withdraw, 0 while not thawing
    /// @param status `None` for an unknown channel
    struct Channel {
        uint96 deposited;
        uint96 claimed;
        uint40 thawEnd;
        ChannelStatus status;
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
    error PaymentEscrow_OnlyVault(address caller);
    error PaymentEscrow_NoAmount();
    error PaymentEscrow_LicenseNotActive(bytes32 licenseId);
    error PaymentEscrow_ChannelExists(bytes32 channelId);
    error PaymentEscrow_UnknownChannel(bytes32 channelId);
    /// @notice The payer has left or the host has closed it; another salt makes another channel.
    error PaymentEscrow_ChannelClosed(bytes32 channelId);
    error PaymentEscrow_AlreadyThawing(bytes32 channelId, uint40 thawEnd);
    error PaymentEscrow_NotThawed(bytes32 channelId, uint40 thawEnd);
    /// @notice Money sent there would be nobody's.
    error PaymentEscrow_BadRecipient(address to);
    error PaymentEscrow_NoBalance(address currency, address account);
    /// @notice A channel's amounts are counted in 96 bits.
    error PaymentEscrow_TooLarge(uint256 amount);
    /// @notice The voucher would not be claimed for this reason.
    error PaymentEscrow_Rejected(bytes32 channelId, ClaimError reason);
    /// @notice The channel has a reservation or a claim of at least this amount.
    error PaymentEscrow_NotIncreasing(bytes32 channelId, uint128 secured);
    /// @notice Neither the host itself nor signed by it.
    error PaymentEscrow_NotByHost(address host, address caller);
    /// @notice So much was never in the channel.
    error PaymentEscrow_WrongDeposit(bytes32 channelId, uint128 named, uint128 deposited);
    /// @notice Nothing would go back to the payer.
    error PaymentEscrow_NothingToClose(bytes32 channelId);

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
    /// @notice The payer has left: the channel is closed.
    event ChannelWithdrawn(bytes32 indexed channelId, address indexed payer, uint128 amount);
    /// @param amount what this claim adds
    event VoucherClaimed(bytes32 indexed channelId, uint128 amount, uint128 cumulativeAmount);
    event VoucherReserved(bytes32 indexed channelId, uint128 cumulativeAmount);
    /// @param finalAmount what the host keeps of the deposit that it has named
    event ChannelClosed(bytes32 indexed channelId, uint128 finalAmount, uint128 toPayer);
    event VoucherRejected(bytes32 indexed channelId, ClaimError reason);
    event ClaimSplit(
        bytes32 indexed licenseId, uint128 total, uint128 toHost, uint128 toOwner, uint128 toParents
    );
    event FeeReleased(bytes32 indexed licenseId, uint128 toOwner, uint128 toParents);
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
    function startThaw(LicenseRef calldata ref, address signer, bytes32 salt) external;

    /// @notice Pays the rest that is neither claimed nor reserved back after the thaw, and closes
    /// the channel. Only the payer.
    function withdraw(LicenseRef calldata ref, address signer, bytes32 salt) external;

    /// @notice Claims vouchers of one license. A bad row is skipped with `VoucherRejected`, never a
    /// revert. Anyone.
    /// @dev A row is taken whole or not at all, so that nobody can burn a voucher for a part of its
    /// worth. What is claimed within a settlement period stays covered by the collateral as
    /// `minCollateralRatioBps` says, see `claimable`. What is reserved needs no signature any more:
    /// it is taken whole, or exactly as far as there is room. Over the claims of a license the
    /// owner's share is rounded down once, the parents' parts once in each claim, to the owner's
    /// gain.
    /// @return total newly claimed, already split into balances
    function claim(LicenseRef calldata ref, ClaimRow[] calldata rows)
        external
        returns (uint128 total);

    /// @notice Reserves a voucher's amount: no withdrawal takes it any more, and it counts as
    /// declared by the host. For a host whose collateral does not cover a claim now, or that claims
    /// later. Anyone.
    function reserve(LicenseRef calldata ref, ClaimRow calldata row) external;

    /// @notice Closes a channel without a thaw: the host, by call or by signature over
    /// `closeDigest`, claims nothing between `finalAmount` and `deposited`, and what of that is
    /// neither claimed nor reserved goes to the payer at once. Anyone may bring the host's
    /// signature.
    /// @param deposited the deposit that the host has seen: a signature never releases what was
    /// added later, which is left to a thaw like the rest
    function close(
        LicenseRef calldata ref,
        address payer,
        address signer,
        bytes32 salt,
        uint128 deposited,
        uint128 finalAmount,
        bytes calldata hostSignature
    ) external;

    /// @notice Pulls the caller's balance.
    function withdrawBalance(address currency, address to) external returns (uint256 amount);

    /// @notice Fetches a part of the fee of a delivered license from the vault and splits it. Only
    /// `LicenseRegistry`, which calls at most twice per license.
    function releaseFee(LicenseRef calldata ref, uint128 fee) external;

    /// @notice Takes a renewal's fee from the host and splits it. Only `LicenseRegistry`.
    function takeFee(LicenseRef calldata ref) external payable;

    function channel(bytes32 channelId) external view returns (Channel memory);

    /// @notice Cumulative amount that is reserved, 0 if nothing is.
    function reserved(bytes32 channelId) external view returns (uint128);

    /// @notice Cumulative amount that the host has declared on chain: claimed or reserved.
    function declared(bytes32 channelId) external view returns (uint128);

    /// @notice What a claim may take now of a license that is or was active: what its collateral
    /// covers by `minCollateralRatioBps`, less what was claimed in this settlement period and the
    /// one before. All there is (2^128 - 1) once the license has ended a settlement period ago.
    function claimable(LicenseRef calldata ref) external view returns (uint128);
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
    function closeDigest(bytes32 channelId, uint128 deposited, uint128 finalAmount)
        external
        view
        returns (bytes32);
}
