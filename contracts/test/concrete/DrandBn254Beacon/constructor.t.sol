// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { DrandBn254Beacon } from "../../../src/beacons/DrandBn254Beacon.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../../src/interfaces/IDrandBeacon.sol";
import { HashToBn254 } from "../../../src/libraries/HashToBn254.sol";
import { Precompiles } from "../../../src/libraries/Precompiles.sol";
import { BeaconTest } from "../../utils/BeaconTest.sol";

contract DrandBn254Beacon_constructor is BeaconTest {
    function _refuses(bytes memory key) private {
        vm.expectRevert(IDrandBeacon.Drand_BadPublicKey.selector);
        this.makeBn254(key, GENESIS, PERIOD, MARGIN);
    }

    function test_keepsTheKey() public {
        DrandBn254Beacon beacon = _evmnet();
        assertEq(beacon.publicKey(), _bytes(".evmnet.key"));
        assertEq(beacon.genesis(), _number(".evmnet.genesis"));
        assertEq(uint256(beacon.kind()), uint256(IBeacon.Kind.DrandBn254));
    }

    function test_revertWhen_lengthIsAnother() public {
        bytes memory key = _bytes(".evmnet.key");
        bytes[3] memory others = [_slice(key, 0, 127), bytes.concat(key, hex"00"), bytes("")];
        for (uint256 i; i < others.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDrandBeacon.Drand_BadLength.selector, others[i].length, 128)
            );
            this.makeBn254(others[i], GENESIS, PERIOD, MARGIN);
        }
    }

    function test_revertWhen_notOnTheCurve() public {
        bytes memory key = _bytes(".evmnet.key");
        for (uint256 bit; bit < 1024; bit += 31) {
            _refuses(_flip(key, bit));
        }
    }

    function test_revertWhen_inNoGroup() public {
        _refuses(_bytes(".bn254.keyOutsideOfTheGroup"));
    }

    function test_revertWhen_zero() public {
        _refuses(new bytes(128));
    }

    /// @dev The same point, written otherwise.
    function test_revertWhen_aCoordinateIsNotReduced() public {
        uint256[4] memory key =
            abi.decode(vm.parseJsonBytesArray(golden, ".bn254.local.keys")[0], (uint256[4]));
        for (uint256 i; i < 4; ++i) {
            key[i] += HashToBn254.P;
            _refuses(abi.encode(key));
            key[i] -= HashToBn254.P;
        }
        this.makeBn254(abi.encode(key), GENESIS, PERIOD, MARGIN);
    }

    function test_revertWhen_thePrecompileIsMissing() public {
        bytes memory key = _bytes(".evmnet.key");
        // As on a chain without it, a call succeeds and answers nothing.
        vm.mockCall(Precompiles.BN254_PAIRING, "", "");
        vm.expectRevert(
            abi.encodeWithSelector(
                Precompiles.Precompiles_NoAnswer.selector, Precompiles.BN254_PAIRING
            )
        );
        this.makeBn254(key, GENESIS, PERIOD, MARGIN);
    }
}
