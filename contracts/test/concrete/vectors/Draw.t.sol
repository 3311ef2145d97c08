// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../../src/libraries/Bundles.sol";
import { Draw } from "../../../src/libraries/Draw.sol";
import { VectorTest } from "./VectorTest.sol";

contract DrawVectors is VectorTest {
    mapping(uint256 word => uint256 bits) private _burned;

    function setUp() public {
        _load("draw");
    }

    function test_seeds() public view {
        bytes32 value = _word("beaconValue");
        address user = _address("contract");
        assertEq(Draw.seed(value, user, _word("licenseId")), _word("licenseSeed"), "license");
        bytes32 universe = keccak256(abi.encode(_word("modelId"), uint32(_number("epoch"))));
        assertEq(Draw.seed(value, user, universe), _word("modelSeed"), "model");
        assertEq(Draw.seed(value, user, _word("caseId")), _word("caseSeed"), "case");
    }

    function test_draws() public view {
        uint256[] memory indices = _numbers("index");
        uint256[] memory personal = _numbers("personal");
        uint256[] memory shared = _numbers("shared");
        uint256[] memory assigned = _numbers("assigned");
        bytes32 licenseSeed = _word("licenseSeed");
        bytes32 modelSeed = _word("modelSeed");
        bytes32 root = _word("root");
        bytes32 salt = _word("salt");
        uint16 p = uint16(_number("assignmentP"));
        _assertFilled(indices.length);
        for (uint256 i; i < indices.length; ++i) {
            uint32 index = uint32(indices[i]);
            assertEq(Draw.candidate(licenseSeed, root, index, salt), personal[i], "personal");
            assertEq(Draw.candidate(modelSeed, root, index, salt), shared[i], "shared");
            assertEq(
                Draw.isAssigned(licenseSeed, root, index, salt, p), assigned[i] == 1, "assigned"
            );
        }
    }

    /// @dev The picks of the shared part go on counting where those of the personal part ended.
    function _checkShared(uint256 first, uint32 from) private {
        uint256 end = first + _number("sharedTotal");
        uint256[] memory burned = _numbers("sharedBurned");
        for (uint256 i; i < burned.length; ++i) {
            _burned[burned[i] >> 8] |= 1 << (burned[i] & 0xff);
        }
        uint256[] memory picked = _numbers("sharedPicked");
        _assertFilled(picked.length);
        uint256 remaining = end - first - burned.length;
        for (uint32 i; i < picked.length; ++i) {
            uint32 bundle =
                Bundles.pick(_burned, first, end, remaining - i, _word("caseSeed"), from + i);
            assertEq(bundle, picked[i], "shared bundle");
        }
    }

    function test_bundles() public {
        uint256 total = _number("bundleTotal");
        uint256[] memory burned = _numbers("burned");
        for (uint256 i; i < burned.length; ++i) {
            _burned[burned[i] >> 8] |= 1 << (burned[i] & 0xff);
        }
        uint256[] memory picked = _numbers("picked");
        _assertFilled(picked.length);
        uint256 remaining = total - burned.length;
        for (uint32 j; j < picked.length; ++j) {
            uint32 bundle = Bundles.pick(_burned, 0, total, remaining - j, _word("caseSeed"), j);
            assertEq(bundle, picked[j], "bundle");
        }
        _checkShared(total, uint32(picked.length));
    }
}
