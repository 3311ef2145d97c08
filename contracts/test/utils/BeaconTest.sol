// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBls12Beacon } from "../../src/beacons/DrandBls12Beacon.sol";
import { DrandBn254Beacon } from "../../src/beacons/DrandBn254Beacon.sol";
import { RandaoBeacon } from "../../src/beacons/RandaoBeacon.sol";
import { IBeacon } from "../../src/interfaces/IBeacon.sol";
import { HashToBls12 } from "../../src/libraries/HashToBls12.sol";
import { HashToBn254 } from "../../src/libraries/HashToBn254.sol";
import { Headers } from "./Headers.sol";
import { TestBase } from "./TestBase.sol";

/// @title Beacons of public and local networks, and who signs for the local ones
abstract contract BeaconTest is TestBase {
    uint48 internal constant NOW = 1_800_000_000;
    uint48 internal constant START = 20_000;
    uint48 internal constant MARGIN = 60;
    /// @dev Of local networks.
    uint48 internal constant GENESIS = 1_700_000_000;
    uint48 internal constant PERIOD = 3;
    uint256 internal constant BLS12_SECRET = uint256(keccak256("secret of a local network")) >> 2;

    /// @dev g1 and g2 of EIP-2537.
    bytes internal constant BLS12_G2 = hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801"
        hex"000000000000000000000000000000000606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be";

    string internal golden;

    function setUp() public virtual {
        vm.warp(NOW);
        vm.roll(START);
        golden = vectors("beacons");
    }

    // ---- Beacons

    function _evmnet() internal returns (DrandBn254Beacon) {
        return new DrandBn254Beacon(
            _bytes(".evmnet.key"), uint48(_number(".evmnet.genesis")), 3, MARGIN
        );
    }

    function _quicknet() internal returns (DrandBls12Beacon) {
        return new DrandBls12Beacon(
            _bytes(".quicknet.key"), uint48(_number(".quicknet.genesis")), 3, MARGIN
        );
    }

    function _localBn254() internal returns (DrandBn254Beacon) {
        bytes memory key = vm.parseJsonBytesArray(golden, ".bn254.local.keys")[0];
        return new DrandBn254Beacon(key, GENESIS, PERIOD, MARGIN);
    }

    function _localBls12() internal returns (DrandBls12Beacon) {
        return new DrandBls12Beacon(_bls12Key(BLS12_SECRET), GENESIS, PERIOD, MARGIN);
    }

    /// @dev External, for a refused constructor must be a call that reverts.
    function makeBn254(bytes memory key, uint48 genesis, uint48 period, uint48 margin)
        external
        returns (DrandBn254Beacon)
    {
        return new DrandBn254Beacon(key, genesis, period, margin);
    }

    function makeBls12(bytes memory key, uint48 genesis, uint48 period, uint48 margin)
        external
        returns (DrandBls12Beacon)
    {
        return new DrandBls12Beacon(key, genesis, period, margin);
    }

    function makeRandao(uint48 margin, uint8 biasBits) external returns (RandaoBeacon) {
        return new RandaoBeacon(margin, biasBits);
    }

    // ---- Signers

    function _signBn254(uint48 round) internal view returns (bytes memory) {
        bytes32 secret = vm.parseJsonBytes32Array(golden, ".bn254.local.secrets")[0];
        bytes memory message = abi.encodePacked(keccak256(abi.encodePacked(uint64(round))));
        HashToBn254.Point memory point =
            HashToBn254.hashToPoint(message, "BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_");
        return _precompile(address(0x07), abi.encode(point, secret));
    }

    function _signBls12(uint48 round) internal view returns (bytes memory) {
        bytes memory message = abi.encodePacked(sha256(abi.encodePacked(uint64(round))));
        bytes memory point =
            HashToBls12.hashToPoint(message, "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_");
        return _tight(_precompile(address(0x0c), bytes.concat(point, bytes32(BLS12_SECRET))));
    }

    function _bls12Key(uint256 secret) internal view returns (bytes memory) {
        bytes memory key =
            _tight(_precompile(address(0x0e), bytes.concat(BLS12_G2, bytes32(secret))));
        // EIP-2537 has c0 first, drand c1.
        return bytes.concat(
            _slice(key, 48, 48), _slice(key, 0, 48), _slice(key, 144, 48), _slice(key, 96, 48)
        );
    }

    // ---- Blocks

    /// @dev The block that comes now gets a header with this value; returns the header.
    function _mineRandao(bytes32 value) internal returns (bytes memory header) {
        header = Headers.make(vm.getBlockNumber(), value);
        mineWithHash(keccak256(header));
    }

    /// @dev Blocks up to and with this one, whose header has this value.
    function _mineTo(uint48 round, bytes32 value) internal returns (bytes memory header) {
        mine(round - vm.getBlockNumber());
        return _mineRandao(value);
    }

    // ---- Small things

    function _assertValue(IBeacon beacon, uint48 round, IBeacon.Status expected, bytes32 value)
        internal
        view
    {
        (IBeacon.Status status, bytes32 found) = beacon.valueOf(round);
        assertEq(uint256(status), uint256(expected), "status");
        assertEq(found, value, "value");
    }

    function _notOut(uint48 round, uint256 due) internal view returns (bytes memory) {
        return abi.encodeWithSelector(
            IBeacon.Beacon_NotOut.selector, round, vm.getBlockTimestamp(), due
        );
    }

    function _flip(bytes memory data, uint256 bit) internal pure returns (bytes memory) {
        bytes memory flipped = bytes.concat(data);
        flipped[bit / 8] ^= bytes1(uint8(0x80 >> (bit % 8)));
        return flipped;
    }

    function _slice(bytes memory data, uint256 start, uint256 length)
        internal
        pure
        returns (bytes memory part)
    {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[start + i];
        }
    }

    /// @dev The element of 48 bytes at `start` plus the field's order.
    function _unreduced(bytes memory data, uint256 start) internal pure returns (bytes memory) {
        bytes memory order = _tight(HashToBls12.P);
        bytes memory changed = bytes.concat(data);
        uint256 carry;
        for (uint256 i = 48; i > 0; --i) {
            uint256 sum = uint256(uint8(data[start + i - 1])) + uint8(order[i - 1]) + carry;
            changed[start + i - 1] = bytes1(uint8(sum));
            carry = sum >> 8;
        }
        require(carry == 0, "does not fit");
        return changed;
    }

    /// @dev The field's order minus an element of 48 bytes.
    function _negated(bytes memory element) internal pure returns (bytes memory negated) {
        bytes memory order = _tight(HashToBls12.P);
        negated = new bytes(48);
        uint256 borrow;
        for (uint256 i = 48; i > 0; --i) {
            uint256 rest = 256 + uint256(uint8(order[i - 1])) - uint8(element[i - 1]) - borrow;
            negated[i - 1] = bytes1(uint8(rest));
            borrow = rest < 256 ? 1 : 0;
        }
    }

    /// @dev Field elements of 64 bytes without their 16 zeros.
    function _tight(bytes memory data) internal pure returns (bytes memory tight) {
        for (uint256 i; i < data.length; i += 64) {
            tight = bytes.concat(tight, _slice(data, i + 16, 48));
        }
    }

    function _precompile(address place, bytes memory input) internal view returns (bytes memory) {
        (bool ok, bytes memory output) = place.staticcall(input);
        require(ok && output.length != 0, "precompile");
        return output;
    }

    function _bytes(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(golden, key);
    }

    function _number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(golden, key);
    }
}
