// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LicenseRef, OpenedBundle } from "../libraries/Types.sol";

/// @title Level 2: sealed rounds of sampled testers, and the ledger of each license
/// @notice Sealed → (beacon) answers → opened or lapsed. Nothing on chain names the license before
/// the opening. `docs/decisions/024-sealed-rounds.md` has the mechanism, 023 the theorem.
interface IRounds {
    /// @notice Fixed at deployment.
    /// @param answerWindow seconds after the seal in which seats answer
    /// @param openWindow seconds after that in which the owner opens
    /// @param payoutDelay seconds until what was slashed is paid
    /// @param seatFee per seat, in the provers' stake currency
    struct Config {
        uint40 answerWindow;
        uint40 openWindow;
        uint40 payoutDelay;
        uint128 seatFee;
    }

    enum RoundStatus {
        None,
        Sealed,
        Opened,
        Convicted,
        /// Not opened in time, and a seat has asked for its fee.
        Lapsed
    }

    /// @param sealedAt time of the seal
    /// @param beaconRound whose value draws seats and leaves
    /// @param tickets among which seats are drawn
    /// @param seats N
    /// @param promiseBps part of the owner's share of a slash that goes to the payer
    /// @param paid bit i: the fee of seat i was credited
    /// @param payer who paid the fees; the reporter of a slash
    /// @param deployment `deploymentCommitment` of what is tested
    struct Round {
        uint40 sealedAt;
        uint48 beaconRound;
        uint32 tickets;
        uint8 seats;
        RoundStatus status;
        uint16 promiseBps;
        uint32 paid;
        address payer;
        bytes32 deployment;
    }

    /// @notice Evidence against a license, in one slot.
    /// @param logA log2 of the evidence, 32 fractional bits
    /// @param charged indices whose premium was taken: one more than the largest opened
    /// @param opened bit k: index k was opened
    struct Ledger {
        int64 logA;
        uint8 charged;
        uint64 opened;
    }

    /// @notice What a seat sent.
    /// @param keysHash `keccak256` of the eight key hashes, one after the other
    /// @param tags eight tags of 4 bytes; 0 for no answer, a refusal, a demand for money
    struct Sheet {
        uint8 seat;
        address prover;
        bytes32 keysHash;
        bytes32 tags;
    }

    /// @notice What the owner brings to open a round.
    /// @param index of the word, 0 … 63 for a registered deployment, 64 … 127 for any other
    /// @param account that sealed
    /// @param wordSalt of the word
    /// @param wordProof seven siblings up to the license's `casesRoot`, bottom up
    /// @param deploymentHash `keccak256` of the deployment's URI
    /// @param accessHash what the hand-out says of how to get in, 0 for nothing
    /// @param deploymentSalt of the commitment
    /// @param bundles in the order of the draw; one without leaves stays closed
    /// @param sheets all that were sent, in the order in which they came
    struct Opening {
        LicenseRef license;
        uint8 index;
        address account;
        bytes32 wordSalt;
        bytes32[] wordProof;
        bytes32 deploymentHash;
        bytes32 accessHash;
        bytes32 deploymentSalt;
        OpenedBundle[] bundles;
        Sheet[] sheets;
    }

    error Rounds_BadConfig(bytes32 name, uint256 value);
    /// @notice Rounds have 4, 8, 16, 24 or 32 seats.
    error Rounds_BadSize(uint8 seats);
    error Rounds_BadPromise(uint16 bps);
    error Rounds_NoTickets();
    /// @notice This account sealed with this word before.
    error Rounds_AlreadySealed(bytes32 roundId);
    error Rounds_UnknownRound(bytes32 roundId);
    /// @notice The seal is not signed by the account.
    error Rounds_BadSeal(address signer, address account);
    error Rounds_NoSuchSeat(uint8 seat, uint8 seats);
    /// @notice The round's draw is not out, or nobody brought it.
    error Rounds_NotDrawn(bytes32 roundId, uint48 beaconRound);
    /// @notice The beacon can't give the value any more: the round lapses.
    error Rounds_DrawLost(bytes32 roundId, uint48 beaconRound);
    error Rounds_TooEarly(uint256 from);
    error Rounds_TooLate(uint256 until);
    /// @notice The seat is another's, or vacant (`holder` zero).
    error Rounds_NotYourSeat(uint8 seat, address holder, address caller);
    error Rounds_AlreadyAnswered(bytes32 roundId, uint8 seat);
    error Rounds_WrongStatus(bytes32 roundId, RoundStatus status);
    error Rounds_OnlyOwner(address owner, address caller);
    error Rounds_LevelNotAccepted(uint8 level);
    /// @notice The word is not under the license's `casesRoot`, or that was committed too late.
    error Rounds_WrongWord(bytes32 word);
    error Rounds_AlreadyOpened(bytes32 licenseId, uint8 index);
    error Rounds_WrongSize(uint8 seats, uint8 agreed);
    /// @notice What is named is not what was committed to when the round was sealed.
    error Rounds_WrongDeployment(bytes32 given, bytes32 sealed_);
    /// @notice The index is of the other kind: registered deployments have 0 … 63.
    error Rounds_WrongKind(uint8 index, bool registered);
    error Rounds_DeploymentNotLiable(bytes32 deploymentHash, uint40 liableUntil);
    error Rounds_LicenseNotLiable(bytes32 licenseId);
    error Rounds_WrongLength(bytes32 name, uint256 given, uint256 expected);
    /// @notice These are not the sheets that were sent, in the order in which they came.
    error Rounds_WrongSheets(bytes32 roundId);
    error Rounds_NothingToWithdraw(address prover);
    error Rounds_NoRecipient();
    error Rounds_NothingToBurn();
    /// @notice The round convicted nobody, or another license.
    error Rounds_NotConvicted(bytes32 roundId, bytes32 licenseId);

    event RoundSealed(
        bytes32 indexed roundId,
        address indexed account,
        address indexed payer,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps,
        uint48 beaconRound,
        uint32 tickets,
        uint40 answerUntil,
        uint40 openUntil
    );
    event SheetSent(
        bytes32 indexed roundId,
        uint8 indexed seat,
        address indexed prover,
        bytes32 keysHash,
        bytes32 tags
    );
    /// @param hits of each seat, one byte by seat from the first on
    /// @param kept hits of the seats that were not struck
    /// @param gain what the round added before its premium; @param logA after the round
    event RoundOpened(
        bytes32 indexed roundId,
        bytes32 indexed licenseId,
        bytes32 indexed deploymentHash,
        uint8 index,
        bytes32 hits,
        uint16 kept,
        int64 gain,
        int64 logA,
        int64 threshold,
        bool convicted
    );
    event LicenseConvicted(
        bytes32 indexed roundId,
        bytes32 indexed licenseId,
        address indexed reporter,
        uint128 slashed,
        uint128 toReporter,
        uint128 toOwner
    );
    /// @notice A deployment that nobody registered serves this license's copy.
    event DeploymentFlagged(
        bytes32 indexed deploymentHash, bytes32 indexed licenseId, bytes32 indexed roundId
    );
    event LapsedFeesCollected(bytes32 indexed roundId, address indexed prover, uint256 amount);
    event FeesWithdrawn(address indexed prover, address to, uint256 amount);
    event FeesBurned(uint256 amount);

    /// @notice Seals a round of the caller's word and pays its fees: native as `msg.value`, ERC-20
    /// by allowance. The caller is account and reporter.
    function seal(bytes32 word, bytes32 deployment, uint8 seats)
        external
        payable
        returns (bytes32 roundId);

    /// @notice Seals a round of another account, which has signed `sealDigest`; the caller pays and
    /// is the reporter.
    function sealFor(
        address account,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps,
        bytes calldata signature
    ) external payable returns (bytes32 roundId);

    /// @notice What a seat found. Only who holds the seat, once, until the answers end.
    function answer(bytes32 roundId, uint8 seat, bytes32 keysHash, bytes32 tags) external;

    /// @notice Opens a round: counts, strikes, moves the ledger, convicts, credits the fees. Only
    /// the license's owner.
    function open(Opening calldata opening) external;

    /// @notice Credits the caller the fees of the seats that it answered in a round that nobody
    /// has opened in time. Anyone: without a seat of its own it lets the fees of seats that sent
    /// nothing be burned.
    /// @param sent all sheets, in the order in which they came
    function collectLapsed(bytes32 roundId, Sheet[] calldata sent) external;

    /// @notice Pays the caller's fees of all rounds to `to`.
    function withdrawFees(address to) external;

    /// @notice Burns the fees that no seat has earned. Anyone.
    function burnFees() external;

    /// @notice Gives the reporter's part of a level-0 proof that was committed after this round's
    /// seal, and is not paid out yet, to the payer of the round that convicted the license.
    function takeReport(LicenseRef calldata ref, bytes32 roundId, uint256 payoutId) external;

    function config() external view returns (Config memory);
    function round(bytes32 roundId) external view returns (Round memory);
    /// @notice Draws seats and leaves; reverts before it is out.
    function seedOf(bytes32 roundId) external view returns (bytes32);
    /// @notice Ticket of a seat, and who holds it (zero: vacant). Reverts before the draw.
    function seatOf(bytes32 roundId, uint8 seat)
        external
        view
        returns (uint32 ticket, address holder);
    /// @notice What the seats have sent: bit i of `answered` says that seat i has; `chain` is 0
    /// and after each sheet the first 28 bytes of `keccak256(abi.encode(chain, sheet))`.
    function sheets(bytes32 roundId) external view returns (uint32 answered, bytes28 chain);
    /// @notice What a prover can withdraw.
    function fees(address prover) external view returns (uint256);
    /// @notice What `burnFees` would burn.
    function unearnedFees() external view returns (uint256);
    /// @param leak the ledger of unregistered deployments
    function ledger(bytes32 licenseId, bool leak) external view returns (Ledger memory);
    /// @notice Round that found the deployment to serve a copy without being registered, or 0.
    function flagOf(bytes32 deploymentHash) external view returns (bytes32 roundId);
    /// @notice License that the round convicted, or 0; 0 too for a round that only flagged a
    /// deployment, see `flagOf`.
    function convictedBy(bytes32 roundId) external view returns (bytes32 licenseId);
    function roundIdOf(bytes32 word, address account) external pure returns (bytes32);
    /// @notice The word with which `account` can seal the round `index` of a license.
    function wordOf(bytes32 licenseId, uint8 index, address account, bytes32 salt)
        external
        pure
        returns (bytes32);
    function deploymentCommitment(bytes32 deploymentHash, bytes32 accessHash, bytes32 salt)
        external
        pure
        returns (bytes32);
    /// @notice EIP-712 digest of `Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,
    /// uint16 promiseBps)`.
    function sealDigest(
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        address payer,
        uint16 promiseBps
    ) external view returns (bytes32);
}
