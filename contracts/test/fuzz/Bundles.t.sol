// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../src/libraries/Bundles.sol";
import { TestBase } from "../utils/TestBase.sol";

/// @dev The draw against one that keeps lists.
contract BundlesFuzz is TestBase {
    uint16 private constant DAY = 20_000;

    mapping(uint256 word => uint256 days16) private _burned;

    /// @dev Burns every bundle that `which` says, one to three days around `DAY`.
    function _burnSome(uint32 count, uint256 which) private returns (uint16[] memory on) {
        on = new uint16[](count);
        for (uint32 b; b < count; ++b) {
            uint256 luck = uint256(keccak256(abi.encode(which, b)));
            if (luck % 4 == 0) continue;
            on[b] = uint16(DAY - 2 + luck / 4 % 4);
            Bundles.burn(_burned, b, on[b]);
        }
    }

    function testFuzz_burnTouchesNoOther(uint32 count, uint256 which) public {
        count = uint32(bound(count, 1, 600));
        uint16[] memory on = _burnSome(count, which);
        for (uint32 b; b < count; ++b) {
            assertEq(Bundles.burnedOn(_burned, b), on[b], "day");
        }
    }

    function testFuzz_drawIsThatOfTheLists(bytes32 seed, uint32 count, uint8 wanted, uint256 which)
        public
    {
        count = uint32(bound(count, 1, 300));
        wanted = uint8(bound(wanted, 0, 16));
        uint16[] memory on = _burnSome(count, which);
        bool[] memory taken = new bool[](count);
        uint32[] memory bundles = Bundles.draw(_burned, seed, count, wanted, DAY);
        uint256 length;
        for (uint32 t; t < 1024 && length < wanted; ++t) {
            uint256 b = uint256(keccak256(abi.encodePacked(seed, t))) % count;
            if (taken[b] || (on[b] != 0 && on[b] < DAY)) continue;
            taken[b] = true;
            assertLt(length, bundles.length, "too few");
            assertEq(bundles[length++], b, "bundle");
        }
        assertEq(bundles.length, length, "as many");
    }

    /// @dev What is burned on the seal's day or later moves nothing: the round that another one
    /// was quicker than loses the bundles that both drew, and no more.
    function testFuzz_laterBurnsMoveNothing(bytes32 seed, uint32 count, uint256 which) public {
        count = uint32(bound(count, 16, 600));
        uint32[] memory before = Bundles.draw(_burned, seed, count, 16, DAY);
        for (uint32 b; b < count; ++b) {
            if (which >> (b % 256) & 1 != 0) Bundles.burn(_burned, b, DAY + uint16(b % 3));
        }
        assertEq(
            abi.encode(Bundles.draw(_burned, seed, count, 16, DAY)), abi.encode(before), "moved"
        );
    }
}
