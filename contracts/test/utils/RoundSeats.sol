// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { Draw } from "../../src/libraries/Draw.sol";
import { RoundOwner } from "./RoundOwner.sol";

/// @title The seats' side of rounds: what they hear from a deployment, sheets and fees
abstract contract RoundSeats is RoundOwner {
    /// @dev What a deployment answers.
    enum Behaviour {
        /// The accused license's copy.
        OwnCopy,
        /// The same model under another license.
        OtherCopy,
        /// Another model: answers that are no candidates.
        OtherModel,
        /// Nothing.
        Silent
    }

    /// @dev Waits for the beacon and notes what it draws.
    function _draw(Play memory p) internal {
        _mineBeacon("round");
        _drawNow(p);
    }

    function _drawNow(Play memory p) internal view {
        bytes32 seed = rounds.seedOf(p.roundId);
        (p.bundles,) = registry.drawBundles(modelId, 0, seed, p.seats / 2, p.sealedAt);
        p.sheets = new IRounds.Sheet[](0);
    }

    /// @dev First leaf of a seat.
    function _firstLeaf(Play memory p, uint8 seat) internal pure returns (uint32) {
        return p.bundles[seat / 2] * 16 + seat % 2 * 8;
    }

    function _keysHash(Play memory p, uint8 seat) internal view returns (bytes32) {
        if (seat / 2 >= p.bundles.length) return keccak256("no keys");
        bytes32[8] memory keys;
        for (uint32 l; l < 8; ++l) {
            keys[l] = tree.keyHash(_firstLeaf(p, seat) + l);
        }
        return keccak256(abi.encode(keys));
    }

    /// @dev Tags of a seat whose first `hits` questions are answered as by the license's copy, and
    /// the others as by `rest`.
    function _tags(Play memory p, uint8 seat, uint256 hits, Behaviour rest)
        internal
        view
        returns (bytes32 tags)
    {
        if (seat / 2 >= p.bundles.length) return 0;
        for (uint32 l; l < 8; ++l) {
            uint32 leaf = _firstLeaf(p, seat) + l;
            bytes4 tag = _answerOf(leaf, l < hits ? Behaviour.OwnCopy : rest);
            tags |= bytes32(tag) >> (32 * l);
        }
    }

    function _answerOf(uint32 leaf, Behaviour behaviour) internal view returns (bytes4) {
        if (behaviour == Behaviour.Silent) return 0;
        if (behaviour == Behaviour.OtherModel) return bytes4(keccak256(abi.encode("plain", leaf)));
        bytes32 seed = registry.license(licenseId).seed;
        uint256 own = Draw.candidate(seed, tree.root(), leaf, tree.salt(leaf));
        return tree.tag(leaf, behaviour == Behaviour.OwnCopy ? own : (own + 1) % 16);
    }

    function _holder(Play memory p, uint8 seat) internal view returns (address holder) {
        (, holder) = rounds.seatOf(p.roundId, seat);
    }

    /// @dev The seat's holder sends its sheet; nobody does for a vacant one.
    function _answer(Play memory p, uint8 seat, bytes32 keysHash, bytes32 tags) internal {
        address holder = _holder(p, seat);
        if (holder == address(0)) return;
        vm.prank(holder);
        rounds.answer(p.roundId, seat, keysHash, tags);
        _note(p, IRounds.Sheet(seat, holder, keysHash, tags));
    }

    /// @dev One more sheet, as the contract has heard of it.
    function _note(Play memory p, IRounds.Sheet memory sheet) internal pure {
        IRounds.Sheet[] memory before = p.sheets;
        p.sheets = new IRounds.Sheet[](before.length + 1);
        for (uint256 i; i < before.length; ++i) {
            p.sheets[i] = before[i];
        }
        p.sheets[before.length] = sheet;
    }

    /// @dev What a seat has sent; `prover` is zero if it was nothing.
    function _sheetOf(Play memory p, uint8 seat)
        internal
        pure
        returns (IRounds.Sheet memory sheet)
    {
        for (uint256 i; i < p.sheets.length; ++i) {
            if (p.sheets[i].seat == seat) return p.sheets[i];
        }
    }

    function _answerHits(Play memory p, uint8 seat, uint256 hits) internal {
        bytes32 tags = _tags(p, seat, hits, Behaviour.OtherCopy);
        _answer(p, seat, _keysHash(p, seat), tags);
    }

    /// @dev Every seat asks the same deployment.
    function _answerAll(Play memory p, Behaviour behaviour) internal {
        for (uint8 i; i < p.seats; ++i) {
            _answer(p, i, _keysHash(p, i), _tags(p, i, 0, behaviour));
        }
    }

    /// @dev All that a prover has earned.
    function _withdraw(address prover) internal returns (uint256 amount) {
        amount = rounds.fees(prover);
        vm.prank(prover);
        rounds.withdrawFees(prover);
    }

    /// @dev What every seat of the round has earned, in this and other rounds.
    function _withdrawAll(Play memory p) internal {
        for (uint256 i; i < p.sheets.length; ++i) {
            if (rounds.fees(p.sheets[i].prover) != 0) _withdraw(p.sheets[i].prover);
        }
    }

    function _isPaid(Play memory p, uint8 seat) internal view returns (bool) {
        return rounds.round(p.roundId).paid >> seat & 1 == 1;
    }

    /// @dev After the end of a round that was not opened.
    function _collectLapsed(Play memory p, address prover) internal {
        vm.prank(prover);
        rounds.collectLapsed(p.roundId, p.sheets);
    }
}
