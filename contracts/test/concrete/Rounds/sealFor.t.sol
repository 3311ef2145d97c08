// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { RoundTest } from "../../utils/RoundTest.sol";

contract Rounds_sealFor is RoundTest {
    function test_revertWhen_thePromiseIsAboveAll() public {
        Play memory p = _planned(0, deployment);
        bytes memory signed = _signSeal(p, reporter, 10_001);
        bytes32 commitment = _commitment(p);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_BadPromise.selector, 10_001));
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, commitment, p.seats, 10_001, signed);
    }

    function _expectBad(Play memory p, bytes32 digest, bytes memory signed) private {
        (bytes32 r, bytes32 s, uint8 v) = _parts(signed);
        address signer = ecrecover(digest, v, r, s);
        assertNotEq(uint256(uint160(signer)), uint256(uint160(p.account)), "another signer");
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_BadSeal.selector, signer, p.account));
    }

    function _parts(bytes memory signed) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        assembly ("memory-safe") {
            r := mload(add(signed, 0x20))
            s := mload(add(signed, 0x40))
            v := byte(0, mload(add(signed, 0x60)))
        }
    }

    /// @dev Whatever of the seal is another than what was signed.
    function test_revertWhen_anythingElseWasSigned() public {
        Play memory p = _planned(0, deployment);
        bytes memory signed = _signSeal(p, reporter, 500);
        bytes32 c = _commitment(p);
        uint8 n = p.seats;
        bytes32[5] memory digests = [
            rounds.sealDigest("another", c, n, reporter, 500),
            rounds.sealDigest(p.word, "another", n, reporter, 500),
            rounds.sealDigest(p.word, c, 8, reporter, 500),
            rounds.sealDigest(p.word, c, n, host.addr, 500),
            rounds.sealDigest(p.word, c, n, reporter, 501)
        ];
        vm.startPrank(reporter);
        _expectBad(p, digests[0], signed);
        rounds.sealFor(p.account, "another", c, n, 500, signed);
        _expectBad(p, digests[1], signed);
        rounds.sealFor(p.account, p.word, "another", n, 500, signed);
        _expectBad(p, digests[2], signed);
        rounds.sealFor(p.account, p.word, c, 8, 500, signed);
        _expectBad(p, digests[4], signed);
        rounds.sealFor(p.account, p.word, c, n, 501, signed);
        vm.stopPrank();
        _expectBad(p, digests[3], signed);
        vm.prank(host.addr);
        rounds.sealFor(p.account, p.word, c, n, 500, signed);
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, c, n, 500, signed);
    }

    function test_revertWhen_onAnotherChain() public {
        Play memory p = _planned(0, deployment);
        bytes memory signed = _signSeal(p, reporter, 0);
        bytes32 c = _commitment(p);
        vm.chainId(1);
        vm.expectPartialRevert(IRounds.Rounds_BadSeal.selector);
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, c, p.seats, 0, signed);
    }

    /// @dev What recovers to nobody must not stand for nobody's account.
    function test_revertWhen_theSignatureIsNone() public {
        bytes[3] memory none = [bytes(""), new bytes(65), hex"1234"];
        for (uint256 i; i < none.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IRounds.Rounds_BadSeal.selector, address(0), address(0))
            );
            vm.prank(reporter);
            rounds.sealFor(address(0), "word", "deployment", 8, 0, none[i]);
        }
    }

    function test_sealForTheAccount() public {
        Play memory p = _planned(0, deployment);
        uint256 before = token.balanceOf(reporter);
        _sealFor(p, reporter, 10_000);
        IRounds.Round memory r = rounds.round(p.roundId);
        assertEq(r.payer, reporter, "payer");
        assertEq(r.promiseBps, 10_000, "promise");
        assertEq(r.seats, p.seats, "seats");
        assertEq(r.deployment, _commitment(p), "deployment");
        assertEq(before - token.balanceOf(reporter), p.seats * uint256(SEAT_FEE), "fees");
    }

    /// @dev The account itself and a payer name the same round.
    function test_revertWhen_theAccountSealed() public {
        Play memory p = _planned(0, deployment);
        _fund(p.account);
        bytes32 c = _commitment(p);
        vm.prank(p.account);
        assertEq(rounds.seal(p.word, c, p.seats), p.roundId, "identifier");
        bytes memory signed = _signSeal(p, reporter, 0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_AlreadySealed.selector, p.roundId));
        vm.prank(reporter);
        rounds.sealFor(p.account, p.word, c, p.seats, 0, signed);
    }
}
