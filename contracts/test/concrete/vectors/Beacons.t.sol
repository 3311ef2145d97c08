// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { RandaoBeacon } from "../../../src/beacons/RandaoBeacon.sol";
import { HashToBls12 } from "../../../src/libraries/HashToBls12.sol";
import { HashToBn254 } from "../../../src/libraries/HashToBn254.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

/// @dev Computed outside of this code by `scripts/golden_beacons.py`, step by step as RFC 9380 has
/// it; the points of BLS12-381 are from the RFC's appendix J.9.1.
contract BeaconVectors is BeaconTest {
    function _words(string memory key) private view returns (uint256[] memory) {
        return abi.decode(abi.encode(vm.parseJsonBytes32Array(golden, key)), (uint256[]));
    }

    function _many(string memory key) private view returns (bytes[] memory) {
        return vm.parseJsonBytesArray(golden, key);
    }

    function _domain(string memory curve) private view returns (bytes memory) {
        return bytes(vm.parseJsonString(golden, string.concat(".", curve, ".domain")));
    }

    function test_aHeaderOfALocalChain() public {
        uint48 number = uint48(_number(".header.number"));
        bytes memory header = _bytes(".header.rlp");
        RandaoBeacon beacon = new RandaoBeacon(2, 1);
        vm.roll(number);
        mineWithHash(vm.parseJsonBytes32(golden, ".header.hash"));
        assertEq(beacon.bring(number, header), vm.parseJsonBytes32(golden, ".header.mixHash"));
    }

    function test_bn254_maps() public view {
        uint256[] memory u = _words(".bn254.maps.u");
        uint256[] memory x = _words(".bn254.maps.x");
        uint256[] memory y = _words(".bn254.maps.y");
        assertGt(u.length, 20);
        for (uint256 i; i < u.length; ++i) {
            // With a neighbour of any kind, among them one without an inverse.
            for (uint256 j; j < u.length; j += 5) {
                (HashToBn254.Point memory a, HashToBn254.Point memory b) =
                    HashToBn254.mapBoth(u[i], u[j]);
                assertEq(a.x, x[i], "x");
                assertEq(a.y, y[i], "y");
                assertEq(b.x, x[j], "neighbour's x");
                assertEq(b.y, y[j], "neighbour's y");
            }
        }
    }

    function test_bn254_hashes() public view {
        bytes[] memory messages = _many(".bn254.hashes.messages");
        uint256[] memory u = _words(".bn254.hashes.u");
        uint256[] memory v = _words(".bn254.hashes.v");
        bytes[] memory points = _many(".bn254.hashes.points");
        bytes memory domain = _domain("bn254");
        assertGt(messages.length, 5);
        for (uint256 i; i < messages.length; ++i) {
            (uint256 first, uint256 second) = HashToBn254.hashToField(messages[i], domain);
            assertEq(first, u[i], "u");
            assertEq(second, v[i], "v");
            HashToBn254.Point memory point = HashToBn254.hashToPoint(messages[i], domain);
            assertEq(abi.encode(point), points[i], "point");
        }
    }

    function test_bls12_fields() public view {
        bytes[] memory messages = _many(".bls12.fields.messages");
        bytes[] memory u = _many(".bls12.fields.u");
        bytes[] memory v = _many(".bls12.fields.v");
        bytes memory domain = _domain("bls12");
        assertGt(messages.length, 4);
        for (uint256 i; i < messages.length; ++i) {
            (bytes memory first, bytes memory second) = HashToBls12.hashToField(messages[i], domain);
            assertEq(first, u[i], "u");
            assertEq(second, v[i], "v");
        }
    }

    function test_bls12_pointsOfTheStandard() public view {
        bytes[] memory messages = _many(".bls12.standard.messages");
        bytes[] memory points = _many(".bls12.standard.points");
        bytes memory domain = bytes(vm.parseJsonString(golden, ".bls12.standard.domain"));
        assertEq(messages.length, 3);
        for (uint256 i; i < messages.length; ++i) {
            assertEq(_tight(HashToBls12.hashToPoint(messages[i], domain)), points[i], "point");
        }
    }
}
