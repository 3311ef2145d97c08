// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../src/interfaces/IRounds.sol";
import { LicenseRef, NATIVE, OpenedBundle } from "../../src/libraries/Types.sol";
import { CoreTest } from "./CoreTest.sol";

/// @title The owner's side of rounds: words, their root, seals and openings
abstract contract RoundOwner is CoreTest {
    /// @dev What owner and seats know of a round.
    struct Play {
        bytes32 roundId;
        bytes32 word;
        uint8 index;
        address account;
        bytes32 wordSalt;
        bytes32 deploymentHash;
        bytes32 deploymentSalt;
        uint8 seats;
        uint40 sealedAt;
        uint32[] bundles;
        IRounds.Sheet[] sheets;
    }

    uint256 internal constant WORDS = 128;
    bytes32 internal constant DEPLOYMENT_SALT = keccak256("deployment salt");

    /// @dev Level 0 are the words.
    bytes32[][] private _levels;

    function setUp() public virtual override {
        super.setUp();
        _makeWords();
        _commitCases();
        skip(1);
    }

    function _makeWords() private {
        bytes32[] memory level = new bytes32[](WORDS);
        for (uint8 k; k < WORDS; ++k) {
            level[k] = rounds.wordOf(licenseId, k, _wordAccount(k).addr, _wordSalt(k));
        }
        _levels.push(level);
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[](level.length / 2);
            for (uint256 i; i < above.length; ++i) {
                above[i] = keccak256(abi.encode(level[2 * i], level[2 * i + 1]));
            }
            _levels.push(above);
            level = above;
        }
    }

    function _commitCases() internal virtual {
        LicenseRef memory ref_ = ref();
        vm.prank(owner.addr);
        registry.commitCases(ref_, _casesRoot());
    }

    function _casesRoot() internal view returns (bytes32) {
        return _levels[7][0];
    }

    function _wordAccount(uint8 index) internal pure returns (Account memory account) {
        account.key = uint256(keccak256(abi.encode("word key", index))) >> 1;
        account.addr = vm.addr(account.key);
    }

    function _wordSalt(uint8 index) internal pure returns (bytes32) {
        return keccak256(abi.encode("word salt", index));
    }

    function _wordProof(uint8 index) internal view returns (bytes32[] memory proof) {
        proof = new bytes32[](7);
        for (uint256 i; i < 7; ++i) {
            proof[i] = _levels[i][(uint256(index) >> i) ^ 1];
        }
    }

    /// @dev A round of the license that nobody has sealed yet.
    function _planned(uint8 index, bytes32 deploymentHash) internal view returns (Play memory p) {
        p.index = index;
        p.account = _wordAccount(index).addr;
        p.wordSalt = _wordSalt(index);
        p.word = _levels[0][index];
        p.roundId = rounds.roundIdOf(p.word, p.account);
        p.deploymentHash = deploymentHash;
        p.deploymentSalt = DEPLOYMENT_SALT;
        p.seats = _seats();
    }

    function _commitment(Play memory p) internal view returns (bytes32) {
        return rounds.deploymentCommitment(p.deploymentHash, 0, p.deploymentSalt);
    }

    function _fees(Play memory p) internal view returns (uint256 value) {
        return provers.stakeCurrency() == NATIVE ? uint256(p.seats) * SEAT_FEE : 0;
    }

    /// @dev Seals with the reporter's money.
    function _seal(Play memory p) internal {
        _sealFor(p, reporter, 0);
    }

    function _sealFor(Play memory p, address payer, uint16 promiseBps) internal {
        bytes memory signed = _signSeal(p, payer, promiseBps);
        bytes32 commitment = _commitment(p);
        uint256 value = _fees(p);
        vm.prank(payer);
        rounds.sealFor{ value: value }(p.account, p.word, commitment, p.seats, promiseBps, signed);
        p.sealedAt = uint40(vm.getBlockTimestamp());
    }

    function _signSeal(Play memory p, address payer, uint16 promiseBps)
        internal
        view
        returns (bytes memory)
    {
        bytes32 digest = rounds.sealDigest(p.word, _commitment(p), p.seats, payer, promiseBps);
        return signature(_wordAccount(p.index).key, digest);
    }

    /// @dev Everything that the round drew, opened.
    function _opening(Play memory p) internal view returns (IRounds.Opening memory o) {
        o.license = ref();
        o.index = p.index;
        o.account = p.account;
        o.wordSalt = p.wordSalt;
        o.wordProof = _wordProof(p.index);
        o.deploymentHash = p.deploymentHash;
        o.deploymentSalt = p.deploymentSalt;
        o.bundles = new OpenedBundle[](p.seats / 2);
        for (uint256 j; j < p.bundles.length; ++j) {
            o.bundles[j] = tree.opened(p.bundles[j]);
        }
        // A copy, for tests that change it.
        o.sheets = abi.decode(abi.encode(p.sheets), (IRounds.Sheet[]));
    }

    function _open(Play memory p) internal {
        _openWith(_opening(p));
    }

    function _openWith(IRounds.Opening memory o) internal {
        vm.prank(owner.addr);
        rounds.open(o);
    }

    function _expectOpenRevert(IRounds.Opening memory o, bytes memory reason) internal {
        vm.expectRevert(reason);
        _openWith(o);
    }

    function _toOpening(Play memory p) internal {
        vm.warp(uint256(p.sealedAt) + ANSWER_WINDOW + 1);
    }

    function _afterEnd(Play memory p) internal {
        vm.warp(uint256(p.sealedAt) + ROUND_LENGTH + 1);
    }

    function _logA(bool leak) internal view returns (int64) {
        return rounds.ledger(licenseId, leak).logA;
    }

    function _assertStatus(Play memory p, IRounds.RoundStatus expected) internal view {
        assertEq(uint256(rounds.round(p.roundId).status), uint256(expected), "status of the round");
    }
}
