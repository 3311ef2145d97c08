// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { ECDSA } from "solady/utils/ECDSA.sol";
import { EIP712 } from "solady/utils/EIP712.sol";

import { RoundOpening } from "./RoundOpening.sol";
import { IRounds } from "./interfaces/IRounds.sol";
import { Currency } from "./libraries/Currency.sol";
import { TermsLib } from "./libraries/TermsLib.sol";
import { BPS, LicenseRef } from "./libraries/Types.sol";

/// @title Level 2: sealed rounds of sampled testers
/// @notice Immutable: no owner, no upgrade, no pause. See `IRounds`.
/// @dev Fees stay here until they are withdrawn or burned; nothing else does.
contract Rounds is RoundOpening, EIP712, ReentrancyGuardTransient {
    bytes32 private constant SEAL_TYPEHASH = keccak256(
        "Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,uint16 promiseBps)"
    );

    constructor(
        address registry_,
        address vault_,
        address provers_,
        address beacon_,
        Config memory config_
    ) RoundOpening(registry_, vault_, provers_, beacon_, config_) { }

    /* -------------------------------- seal -------------------------------- */

    /// @inheritdoc IRounds
    function seal(bytes32 word, bytes32 deployment, uint8 seats)
        external
        payable
        nonReentrant
        returns (bytes32)
    {
        return _seal(msg.sender, word, deployment, seats, 0);
    }

    /// @inheritdoc IRounds
    function sealFor(
        address account,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps,
        bytes calldata signature
    ) external payable nonReentrant returns (bytes32) {
        require(promiseBps <= BPS, Rounds_BadPromise(promiseBps));
        // The payer is in it: who copies the call from the mempool has no signature of its own.
        bytes32 digest = sealDigest(word, deployment, seats, msg.sender, promiseBps);
        address signer = ECDSA.tryRecoverCalldata(digest, signature);
        // The recovery of an invalid signature is 0, which must never stand for an account.
        require(signer == account && signer != address(0), Rounds_BadSeal(signer, account));
        return _seal(account, word, deployment, seats, promiseBps);
    }

    function _seal(
        address account,
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        uint16 promiseBps
    ) private returns (bytes32 roundId) {
        require(TermsLib.isRoundSize(seats) || seats == DEMO_SEATS, Rounds_BadSize(seats));
        roundId = roundIdOf(word, account);
        require(_rounds[roundId].status == RoundStatus.None, Rounds_AlreadySealed(roundId));
        uint32 tickets = PROVERS.totalTickets();
        require(tickets != 0, Rounds_NoTickets());

        uint40 sealedAt = uint40(block.timestamp);
        uint48 beaconRound = BEACON.nextRound();
        _rounds[roundId] = Round({
            sealedAt: sealedAt,
            beaconRound: beaconRound,
            tickets: tickets,
            seats: seats,
            status: RoundStatus.Sealed,
            promiseBps: promiseBps,
            paid: 0,
            payer: msg.sender,
            deployment: deployment
        });
        emit RoundSealed(
            roundId,
            account,
            msg.sender,
            word,
            deployment,
            seats,
            promiseBps,
            beaconRound,
            tickets,
            sealedAt + _answerWindow,
            sealedAt + _roundLength()
        );
        Currency.pull(STAKE_CURRENCY, msg.sender, uint256(seats) * _seatFee);
    }

    /* -------------------------------- answer -------------------------------- */

    /// @inheritdoc IRounds
    function answer(bytes32 roundId, uint8 seat, bytes32 keysHash, bytes32 tags) external {
        Round storage r = _rounds[roundId];
        require(r.status != RoundStatus.None, Rounds_UnknownRound(roundId));
        uint256 until = uint256(r.sealedAt) + _answerWindow;
        require(block.timestamp <= until, Rounds_TooLate(until));
        (, address holder) = _seatOf(roundId, r, seat);
        require(
            holder == msg.sender && holder != address(0),
            Rounds_NotYourSeat(seat, holder, msg.sender)
        );
        Sheets memory sheets_ = _sheets[roundId];
        require(sheets_.answered >> seat & 1 == 0, Rounds_AlreadyAnswered(roundId, seat));

        Sheet memory sheet = Sheet(seat, msg.sender, keysHash, tags);
        _sheets[roundId] = Sheets({
            answered: sheets_.answered | uint32(1 << seat), chain: _linked(sheets_.chain, sheet)
        });
        emit SheetSent(roundId, seat, msg.sender, keysHash, tags);
    }

    /* -------------------------------- fees -------------------------------- */

    /// @inheritdoc IRounds
    function collectLapsed(bytes32 roundId, Sheet[] calldata sent) external {
        Round storage r = _rounds[roundId];
        RoundStatus status = r.status;
        require(status != RoundStatus.None, Rounds_UnknownRound(roundId));
        require(
            status == RoundStatus.Sealed || status == RoundStatus.Lapsed,
            Rounds_WrongStatus(roundId, status)
        );
        uint256 from = uint256(r.sealedAt) + _roundLength() + 1;
        require(block.timestamp >= from, Rounds_TooEarly(from));
        _placesOf(roundId, sent, r.seats);

        if (status == RoundStatus.Sealed) {
            r.status = RoundStatus.Lapsed;
            _unearned += (r.seats - sent.length) * _seatFee;
        }
        uint32 paid = r.paid;
        uint256 amount;
        for (uint256 i; i < sent.length; ++i) {
            uint32 bit = uint32(1 << sent[i].seat);
            if (sent[i].prover != msg.sender || paid & bit != 0) continue;
            paid |= bit;
            amount += _seatFee;
        }
        r.paid = paid;
        if (amount != 0) _credit(msg.sender, amount);
        emit LapsedFeesCollected(roundId, msg.sender, amount);
    }

    /// @inheritdoc IRounds
    function withdrawFees(address to) external nonReentrant {
        // What this contract would send to itself, nobody could take out again.
        require(to != address(0) && to != address(this), Rounds_NoRecipient());
        uint256 amount = fees(msg.sender);
        require(amount != 0, Rounds_NothingToWithdraw(msg.sender));

        _fees[msg.sender] = 1;
        emit FeesWithdrawn(msg.sender, to, amount);
        Currency.push(STAKE_CURRENCY, to, amount);
    }

    /// @inheritdoc IRounds
    function burnFees() external nonReentrant {
        uint256 amount = _unearned;
        require(amount != 0, Rounds_NothingToBurn());

        _unearned = 0;
        emit FeesBurned(amount);
        // A currency that refuses the burn leaves the fees here, out of everyone's reach.
        Currency.tryBurn(STAKE_CURRENCY, amount);
    }

    /* -------------------------------- reports -------------------------------- */

    /// @inheritdoc IRounds
    function takeReport(LicenseRef calldata ref, bytes32 roundId, uint256 payoutId) external {
        bytes32 licenseId = TermsLib.licenseId(ref, address(REGISTRY));
        require(
            _convicted[roundId] == licenseId && licenseId != 0,
            Rounds_NotConvicted(roundId, licenseId)
        );
        Round storage r = _rounds[roundId];
        VAULT.redirect(payoutId, licenseId, r.sealedAt, r.payer);
    }

    /* -------------------------------- views -------------------------------- */

    /// @inheritdoc IRounds
    function config() external view returns (Config memory) {
        return Config(_answerWindow, _openWindow, _payoutDelay, _seatFee);
    }

    /// @inheritdoc IRounds
    function round(bytes32 roundId) external view returns (Round memory) {
        return _rounds[roundId];
    }

    /// @inheritdoc IRounds
    function seedOf(bytes32 roundId) external view returns (bytes32) {
        return _seedOf(roundId, _rounds[roundId]);
    }

    /// @inheritdoc IRounds
    function seatOf(bytes32 roundId, uint8 seat)
        external
        view
        returns (uint32 ticket, address holder)
    {
        return _seatOf(roundId, _rounds[roundId], seat);
    }

    /// @inheritdoc IRounds
    function sheets(bytes32 roundId) external view returns (uint32 answered, bytes28 chain) {
        Sheets memory sent = _sheets[roundId];
        return (sent.answered, sent.chain);
    }

    /// @inheritdoc IRounds
    function fees(address prover) public view returns (uint256) {
        uint256 kept = _fees[prover];
        return kept == 0 ? 0 : kept - 1;
    }

    /// @inheritdoc IRounds
    function unearnedFees() external view returns (uint256) {
        return _unearned;
    }

    /// @inheritdoc IRounds
    function ledger(bytes32 licenseId, bool leak) external view returns (Ledger memory) {
        return _ledgers[licenseId][leak];
    }

    /// @inheritdoc IRounds
    function flagOf(bytes32 deploymentHash) external view returns (bytes32 roundId) {
        return _flags[deploymentHash];
    }

    /// @inheritdoc IRounds
    function convictedBy(bytes32 roundId) external view returns (bytes32 licenseId) {
        return _convicted[roundId];
    }

    /// @inheritdoc IRounds
    function sealDigest(
        bytes32 word,
        bytes32 deployment,
        uint8 seats,
        address payer,
        uint16 promiseBps
    ) public view returns (bytes32) {
        return _hashTypedData(
            keccak256(abi.encode(SEAL_TYPEHASH, word, deployment, seats, payer, promiseBps))
        );
    }

    function _domainNameAndVersion()
        internal
        pure
        override
        returns (string memory name, string memory version)
    {
        return ("OML", "1");
    }
}
