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
        p.sheets = new IRounds.Sheet[](p.seats);
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
        p.sheets[seat] = IRounds.Sheet(holder, keysHash, tags);
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

    function _collect(Play memory p, uint8 seat) internal {
        IRounds.Sheet memory sheet = p.sheets[seat];
        vm.prank(sheet.prover);
        rounds.collect(p.roundId, seat, sheet.keysHash, sheet.tags);
    }

    function _expectNothing(Play memory p, uint8 seat) internal {
        IRounds.Sheet memory sheet = p.sheets[seat];
        vm.expectRevert(
            abi.encodeWithSelector(IRounds.Rounds_NothingToCollect.selector, p.roundId, seat)
        );
        vm.prank(sheet.prover);
        rounds.collect(p.roundId, seat, sheet.keysHash, sheet.tags);
    }
}
