// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBls12Beacon } from "../../src/beacons/DrandBls12Beacon.sol";
import { DrandBn254Beacon } from "../../src/beacons/DrandBn254Beacon.sol";
import { RandaoBeacon } from "../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../src/interfaces/IBeacon.sol";
import { BlockHeader } from "../../src/libraries/BlockHeader.sol";
import { HashToBn254 } from "../../src/libraries/HashToBn254.sol";
import { Precompiles } from "../../src/libraries/Precompiles.sol";
import { BeaconTest } from "../utils/BeaconTest.sol";
import { Headers } from "../utils/Headers.sol";

contract BeaconsFuzz is BeaconTest {
    DrandBn254Beacon internal bn254;
    DrandBls12Beacon internal bls12;

    function setUp() public override {
        super.setUp();
        bn254 = _localBn254();
        bls12 = _localBls12();
    }

    function read(bytes calldata header) external pure returns (uint256, bytes32) {
        return BlockHeader.read(header);
    }

    function _out(IBeacon beacon, uint256 seed) private view returns (uint48) {
        // The next round is the first that is not out before the margin, so this one is out.
        return uint48(bound(seed, 1, beacon.nextRound() - MARGIN / PERIOD - 1));
    }

    /// @dev Every round takes its own signature, and no other round's.
    function testFuzz_bn254(uint256 seed, uint256 otherSeed) public {
        uint48 round = _out(bn254, seed);
        uint48 other = _out(bn254, otherSeed);
        bytes memory proof = _signBn254(round);
        if (other != round) {
            vm.expectRevert();
            bn254.bring(other, proof);
        }
        assertEq(bn254.bring(round, proof), sha256(proof));
    }

    function testFuzz_bls12(uint256 seed, uint256 otherSeed) public {
        uint48 round = _out(bls12, seed);
        uint48 other = _out(bls12, otherSeed);
        bytes memory proof = _signBls12(round);
        if (other != round) {
            vm.expectRevert();
            bls12.bring(other, proof);
        }
        bytes32 value = bls12.bring(round, proof);
        bytes memory compressed = _slice(proof, 0, 48);
        compressed[0] |= 0x80;
        bytes32 smaller = sha256(compressed);
        compressed[0] |= 0x20;
        assertTrue(value == smaller || value == sha256(compressed), "drand's randomness");
    }

    function testFuzz_noOtherBytesAreASignature(uint256 seed, bytes32[3] calldata noise) public {
        uint48 round = _out(bn254, seed);
        vm.expectRevert();
        bn254.bring(round, abi.encode(noise[0], noise[1]));
        vm.expectRevert();
        bls12.bring(round, abi.encode(noise));
        // Other points of the curve.
        bytes memory point = _precompile(address(0x07), abi.encode(1, 2, noise[0]));
        vm.expectRevert();
        bn254.bring(round, point);
    }

    function testFuzz_keysWithAFlippedBit(uint256 bit) public {
        bytes memory key = _bytes(".evmnet.key");
        vm.expectRevert();
        this.makeBn254(_flip(key, bound(bit, 0, 1023)), GENESIS, PERIOD, MARGIN);
        key = _bytes(".quicknet.key");
        vm.expectRevert();
        this.makeBls12(_flip(key, bound(bit, 0, 1535)), GENESIS, PERIOD, MARGIN);
    }

    /// @dev Whatever the clock and the network: the round named comes out after the margin, the one
    /// before it does not, no round that is out can be named, and rounds grow with time.
    function testFuzz_nextRound(uint256 time, uint256 genesis, uint256 period, uint256 margin)
        public
    {
        genesis = bound(genesis, 1, 2 ** 40);
        period = bound(period, 1, 1 days);
        margin = bound(margin, 30, 1 days);
        time = bound(time, 1, 2 ** 40);
        vm.warp(time);
        DrandBn254Beacon beacon = new DrandBn254Beacon(
            bn254.publicKey(), uint48(genesis), uint48(period), uint48(margin)
        );
        uint48 round = beacon.nextRound();
        assertGe(beacon.publishedAt(round), time + margin, "after the margin");
        if (round > 1) assertLt(beacon.publishedAt(round - 1), time + margin, "the first");
        vm.expectRevert(_notOut(round, beacon.publishedAt(round)));
        beacon.bring(round, "");
        skip(1);
        assertGe(beacon.nextRound(), round, "grows");
    }

    /// @dev The curve's points come out of the map whatever goes in, and both ways to invert agree.
    function testFuzz_mapLandsOnTheCurve(uint256 u, uint256 v) public view {
        u %= HashToBn254.P;
        v %= HashToBn254.P;
        (HashToBn254.Point memory a, HashToBn254.Point memory b) = HashToBn254.mapBoth(u, v);
        _assertMapped(u, a);
        _assertMapped(v, b);
        uint256 p = HashToBn254.P;
        uint256 square = mulmod(4, mulmod(u, u, p), p);
        uint256 denominator = addmod(1, p - mulmod(square, square, p), p);
        uint256 inverse = Precompiles.power(denominator, p - 2, p);
        assertEq(abi.encode(HashToBn254.map(u, inverse)), abi.encode(a), "alone");
    }

    function _assertMapped(uint256 u, HashToBn254.Point memory point) private pure {
        uint256 p = HashToBn254.P;
        assertEq(mulmod(point.y, point.y, p), HashToBn254.curve(point.x), "on the curve");
        assertEq(point.y & 1, u & 1, "sign");
    }

    function testFuzz_headers(uint256 number, bytes32 mixHash, uint256 extra, uint256 more)
        public
        view
    {
        bytes[] memory whole = Headers.fields(number, mixHash);
        bytes[] memory fields = new bytes[](bound(more, 15, 30));
        for (uint256 i; i < fields.length; ++i) {
            fields[i] = i < whole.length ? whole[i] : Headers.scalar(uint256(Headers.filling(i)));
        }
        fields[Headers.EXTRA_DATA] = Headers.text(new bytes(bound(extra, 0, 32)));
        (uint256 foundNumber, bytes32 foundMix) = this.read(Headers.list(fields));
        assertEq(foundNumber, number);
        assertEq(foundMix, mixHash);
    }

    /// @dev Bytes with a change in them are refused or read, never a panic; and what can be read is
    /// still one list that fills the bytes.
    function testFuzz_changedHeadersDoNotPanic(uint256 place, bytes1 to, uint256 cut) public view {
        bytes memory header = Headers.make(23_000_000, keccak256("mix"));
        header[bound(place, 0, header.length - 1)] = to;
        if (cut % 3 == 0) header = _slice(header, 0, bound(cut, 0, header.length));
        try this.read(header) returns (uint256, bytes32) {
            assertEq(uint8(header[0]), 0xf9);
            assertEq(uint256(uint8(header[1])) << 8 | uint8(header[2]), header.length - 3);
        } catch (bytes memory reason) {
            assertNotEq(bytes32(bytes4(reason)), bytes32(bytes4(0x4e487b71)), "panic");
        }
    }

    /// @dev Only the preimage of the block's hash gives a value.
    function testFuzz_randao(bytes32 value, uint256 later, uint256 place, bytes1 change) public {
        vm.assume(value != 0 && change != 0);
        RandaoBeacon beacon = new RandaoBeacon(2, 1);
        installBlockHashHistory();
        bytes memory header = _mineRandao(value);
        vm.roll(START + bound(later, 1, 8191));
        bytes memory other = bytes.concat(header);
        other[bound(place, 0, other.length - 1)] ^= change;
        vm.expectRevert(
            abi.encodeWithSelector(
                RandaoBeacon.Randao_OtherBlock.selector, START, keccak256(other), keccak256(header)
            )
        );
        beacon.bring(START, other);
        assertEq(beacon.bring(START, header), value);
    }
}
