// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBls12Beacon } from "../../../src/beacons/DrandBls12Beacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../../src/interfaces/IDrandBeacon.sol";
import { Precompiles } from "../../../src/libraries/Precompiles.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract DrandBls12Beacon_constructor is BeaconTest {
    function _refuses(bytes memory key) private {
        vm.expectRevert(IDrandBeacon.Drand_BadPublicKey.selector);
        this.makeBls12(key, GENESIS, PERIOD, MARGIN);
    }

    function test_keepsTheKey() public {
        DrandBls12Beacon beacon = _quicknet();
        assertEq(beacon.publicKey(), _bytes(".quicknet.key"));
        assertEq(uint256(beacon.kind()), uint256(IBeacon.Kind.DrandBls12));
        bytes memory compressed = _bytes(".quicknet.compressedKey");
        assertEq(
            _flip(_slice(compressed, 0, 48), 0), _slice(beacon.publicKey(), 0, 48), "the same x.c1"
        );
        assertEq(_localBls12().publicKey(), _bls12Key(BLS12_SECRET), "local");
    }

    function test_revertWhen_lengthIsAnother() public {
        bytes memory key = _bytes(".quicknet.key");
        bytes[4] memory others = [
            _slice(key, 0, 191),
            bytes.concat(key, hex"00"),
            bytes(""),
            _bytes(".quicknet.compressedKey")
        ];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDrandBeacon.Drand_BadLength.selector, others[i].length, 192)
            );
            this.makeBls12(others[i], GENESIS, PERIOD, MARGIN);
        }
    }

    function test_revertWhen_notOnTheCurve() public {
        bytes memory key = _bytes(".quicknet.key");
        for (uint256 bit; bit < 1536; bit += 47) {
            _refuses(_flip(key, bit));
        }
    }

    function test_revertWhen_inNoGroup() public {
        _refuses(_bytes(".bls12.keyOutsideOfTheGroup"));
    }

    function test_revertWhen_zero() public {
        _refuses(new bytes(192));
    }

    /// @dev The same point, written otherwise.
    function test_revertWhen_aCoordinateIsNotReduced() public {
        bytes memory key = _bytes(".quicknet.key");
        for (uint256 i; i < 4; ++i) {
            _refuses(_unreduced(key, 48 * i));
        }
    }

    function test_revertWhen_aPrecompileIsMissing() public {
        bytes memory key = _bytes(".quicknet.key");
        address[3] memory needed =
            [Precompiles.BLS12_MAP_TO_G1, Precompiles.BLS12_G1_ADD, Precompiles.BLS12_PAIRING];
        for (uint256 i; i < needed.length; ++i) {
            // As on a chain without it, a call succeeds and answers nothing.
            vm.mockCall(needed[i], "", "");
            vm.expectRevert(
                abi.encodeWithSelector(Precompiles.Precompiles_NoAnswer.selector, needed[i])
            );
            this.makeBls12(key, GENESIS, PERIOD, MARGIN);
            vm.clearMockedCalls();
        }
        _quicknet();
    }
}
