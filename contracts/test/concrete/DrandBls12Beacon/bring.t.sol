// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBls12Beacon } from "../../../src/beacons/DrandBls12Beacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../../src/interfaces/IDrandBeacon.sol";
import { Precompiles } from "../../../src/libraries/Precompiles.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract DrandBls12Beacon_bring is BeaconTest {
    DrandBls12Beacon internal beacon;
    uint48 internal round;
    bytes internal signature_;

    function setUp() public override {
        super.setUp();
        beacon = _quicknet();
        round = uint48(vm.parseJsonUintArray(golden, ".quicknet.rounds")[1]);
        signature_ = vm.parseJsonBytesArray(golden, ".quicknet.signatures")[1];
    }

    function _refuses(uint48 number, bytes memory proof) private {
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_BadSignature.selector, number));
        beacon.bring(number, proof);
    }

    function test_publicRounds() public {
        uint256[] memory rounds = vm.parseJsonUintArray(golden, ".quicknet.rounds");
        bytes[] memory signatures = vm.parseJsonBytesArray(golden, ".quicknet.signatures");
        bytes32[] memory values = vm.parseJsonBytes32Array(golden, ".quicknet.values");
        assertEq(rounds.length, 2);
        for (uint256 i; i < rounds.length; ++i) {
            assertEq(beacon.bring(uint48(rounds[i]), signatures[i]), values[i]);
            _assertValue(beacon, uint48(rounds[i]), IBeacon.Status.Ready, values[i]);
        }
    }

    /// @dev Among a few rounds are some with the larger y, and some with the smaller.
    function test_eitherYIsMarkedInTheCompressedSignature() public {
        IBeacon local = _localBls12();
        uint256[2] memory seen;
        for (uint48 number = 1; number <= 8; ++number) {
            bytes memory proof = _signBls12(number);
            bytes memory compressed = _slice(proof, 0, 48);
            bool larger = _isLarger(_slice(proof, 48, 48));
            ++seen[larger ? 1 : 0];
            compressed[0] |= larger ? bytes1(0xa0) : bytes1(0x80);
            assertEq(local.bring(number, proof), sha256(compressed));
        }
        assertGt(seen[0], 0, "smaller");
        assertGt(seen[1], 0, "larger");
    }

    /// @dev (p − 1) / 2 is the smaller y of its pair and the number after it the larger one. Nobody
    /// knows a signature with such a y, so here the pairing is told to be one.
    function test_theMiddleOfTheFieldDividesTheMarks() public {
        IBeacon local = _localBls12();
        bytes memory x = _slice(signature_, 0, 48);
        bytes16 high = 0x0d0088f51cbff34d258dd3db21a5d66b;
        bytes16 above = 0x0d0088f51cbff34d258dd3db21a5d66c;
        bytes16 below = 0x0d0088f51cbff34d258dd3db21a5d66a;
        bytes32 low = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;
        bytes[4] memory ys = [
            abi.encodePacked(high, low),
            abi.encodePacked(below, bytes32(type(uint256).max)),
            abi.encodePacked(high, bytes32(uint256(low) + 1)),
            abi.encodePacked(above, bytes32(0))
        ];
        vm.mockCall(Precompiles.BLS12_PAIRING, "", abi.encode(true));
        for (uint48 i; i < 4; ++i) {
            bytes memory compressed = bytes.concat(x);
            compressed[0] |= i < 2 ? bytes1(0x80) : bytes1(0xa0);
            bytes memory proof = bytes.concat(x, ys[i]);
            assertEq(local.bring(i + 1, proof), sha256(compressed), "value");
        }
    }

    /// @dev y > p − y, byte by byte.
    function _isLarger(bytes memory y) private pure returns (bool) {
        bytes memory other = _negated(y);
        for (uint256 i; i < 48; ++i) {
            if (y[i] != other[i]) return y[i] > other[i];
        }
        return false;
    }

    function test_revertWhen_lengthIsAnother() public {
        bytes[4] memory others = [
            bytes(""),
            _slice(signature_, 0, 95),
            bytes.concat(signature_, hex"00"),
            vm.parseJsonBytesArray(golden, ".quicknet.compressed")[1]
        ];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDrandBeacon.Drand_BadLength.selector, others[i].length, 96)
            );
            beacon.bring(round, others[i]);
        }
    }

    function test_revertWhen_aBitOfTheSignatureIsAnother() public {
        bytes memory proof = signature_;
        for (uint256 bit; bit < 768; ++bit) {
            _refuses(round, _flip(proof, bit));
        }
    }

    function test_revertWhen_anotherRound() public {
        bytes memory proof = signature_;
        _refuses(round - 1, proof);
        _refuses(round + 1, proof);
        _refuses(1000, proof);
        // Beyond these bits, a round is not out.
        for (uint256 bit; bit < 25; ++bit) {
            uint48 other = round ^ uint48(1 << bit);
            if (beacon.publishedAt(other) <= NOW) _refuses(other, proof);
        }
    }

    function test_revertWhen_anotherNetwork() public {
        _refuses(round, _signBls12(round));
    }

    function test_revertWhen_theOtherPoint() public {
        bytes memory proof = signature_;
        _refuses(round, bytes.concat(_slice(proof, 0, 48), _negated(_slice(proof, 48, 48))));
    }

    function test_revertWhen_zeroOrInNoGroup() public {
        _refuses(round, new bytes(96));
        _refuses(round, _bytes(".bls12.signatureOutsideOfTheGroup"));
    }

    /// @dev The same point written otherwise would be another value.
    function test_revertWhen_aCoordinateIsNotReduced() public {
        bytes memory proof = signature_;
        _refuses(round, _unreduced(proof, 0));
        _refuses(round, _unreduced(proof, 48));
    }

    function test_revertWhen_aPrecompileAnswersNothing() public {
        address[3] memory needed =
            [Precompiles.BLS12_MAP_TO_G1, Precompiles.BLS12_G1_ADD, Precompiles.BLS12_PAIRING];
        for (uint256 i; i < needed.length; ++i) {
            vm.mockCall(needed[i], "", "");
            vm.expectRevert(
                abi.encodeWithSelector(Precompiles.Precompiles_NoAnswer.selector, needed[i])
            );
            beacon.bring(round, signature_);
            vm.clearMockedCalls();
        }
    }
}
