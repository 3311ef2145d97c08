// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_drawBundles is LicensingTest {
    bytes32 private constant SEED = keccak256("seed");
    uint32 private constant BUNDLES = PERSONAL / 16;

    function _now() private view returns (uint40) {
        return uint40(vm.getBlockTimestamp());
    }

    function _draw(uint8 wanted, uint40 sealedAt)
        private
        view
        returns (uint32[] memory bundles, bool[] memory burned)
    {
        return registry.drawBundles(modelId, 0, SEED, wanted, sealedAt);
    }

    function _burn(uint32 bundle) private {
        uint32[] memory bundles = new uint32[](1);
        bundles[0] = bundle;
        vm.prank(rounds);
        registry.burn(modelId, 0, bundles);
    }

    function test_revertWhen_universeUnknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_UnknownUniverse.selector, modelId, 9
            )
        );
        registry.drawBundles(modelId, 9, SEED, 8, 0);
    }

    function test_drawsDifferentBundlesOfThePersonalPart() public view {
        (uint32[] memory bundles, bool[] memory burned) = _draw(16, _now());
        assertEq(bundles.length, 16, "all of them");
        assertEq(burned.length, 16, "as many marks");
        assertEq(
            bundles[0],
            uint32(uint256(keccak256(abi.encodePacked(SEED, uint32(0)))) % BUNDLES),
            "the first candidate"
        );
        for (uint256 j; j < 16; ++j) {
            assertLt(bundles[j], BUNDLES, "personal");
            assertFalse(burned[j], "none is burned");
            for (uint256 i; i < j; ++i) {
                assertNotEq(bytes32(uint256(bundles[i])), bytes32(uint256(bundles[j])), "twice");
            }
        }
    }

    /// @dev Two rounds of a day can draw the same: what one of them opened is marked, and moves
    /// nothing else of the other's draw.
    function test_marksWhatWasBurnedSinceTheSealsDay() public {
        (uint32[] memory before,) = _draw(8, _now());
        uint40 sealedAt = _now();
        _burn(before[3]);
        skip(2 days);
        _burn(before[5]);
        (uint32[] memory bundles, bool[] memory burned) = _draw(8, sealedAt);
        for (uint256 j; j < 8; ++j) {
            assertEq(bundles[j], before[j], "the same draw");
            assertEq(burned[j], j == 3 || j == 5, "burned");
        }
    }

    function test_skipsWhatWasBurnedOnADayBefore() public {
        (uint32[] memory before,) = _draw(9, _now());
        _burn(before[3]);
        skip(1 days);
        (uint32[] memory bundles, bool[] memory burned) = _draw(8, _now());
        for (uint256 j; j < 8; ++j) {
            assertEq(bundles[j], before[j < 3 ? j : j + 1], "moved up");
            assertFalse(burned[j], "burned");
        }
    }

    function test_drawsWhatIsLeft() public {
        for (uint32 b = 5; b < BUNDLES; ++b) {
            _burn(b);
        }
        skip(1 days);
        (uint32[] memory bundles,) = _draw(8, _now());
        assertEq(bundles.length, 5, "five are left");
        for (uint32 b; b < 5; ++b) {
            _burn(b);
        }
        skip(1 days);
        (bundles,) = _draw(8, _now());
        assertEq(bundles.length, 0, "none is left");
    }
}
