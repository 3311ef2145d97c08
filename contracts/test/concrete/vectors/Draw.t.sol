// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Bundles } from "../../../src/libraries/Bundles.sol";
import { Draw } from "../../../src/libraries/Draw.sol";
import { VectorTest } from "./VectorTest.sol";

contract DrawVectors is VectorTest {
    mapping(uint256 word => uint256 days16) private _burned;

    function setUp() public {
        _load("draw");
    }

    function test_seeds() public view {
        bytes32 value = _word("beaconValue");
        address user = _address("contract");
        assertEq(Draw.seed(value, user, _word("licenseId")), _word("licenseSeed"), "license");
        bytes32 universe = keccak256(abi.encode(_word("modelId"), uint32(_number("epoch"))));
        assertEq(Draw.seed(value, user, universe), _word("modelSeed"), "model");
        assertEq(Draw.seed(value, user, _word("roundId")), _word("roundSeed"), "round");
    }

    function test_draws() public view {
        uint256[] memory indices = _numbers("index");
        uint256[] memory personal = _numbers("personal");
        uint256[] memory shared = _numbers("shared");
        bytes32 licenseSeed = _word("licenseSeed");
        bytes32 modelSeed = _word("modelSeed");
        bytes32 root = _word("root");
        bytes32 salt = _word("salt");
        _assertFilled(indices.length);
        for (uint256 i; i < indices.length; ++i) {
            uint32 index = uint32(indices[i]);
            assertEq(Draw.candidate(licenseSeed, root, index, salt), personal[i], "personal");
            assertEq(Draw.candidate(modelSeed, root, index, salt), shared[i], "shared");
        }
    }

    function test_bundles() public {
        uint256[] memory burned = _numbers("burned");
        uint256[] memory burnedOn = _numbers("burnedOn");
        for (uint256 i; i < burned.length; ++i) {
            Bundles.burn(_burned, uint32(burned[i]), uint16(burnedOn[i]));
        }
        uint256[] memory picked = _numbers("picked");
        _assertFilled(picked.length);
        uint32[] memory drawn = Bundles.draw(
            _burned,
            _word("roundSeed"),
            uint32(_number("bundles")),
            picked.length,
            uint16(_number("day"))
        );
        assertEq(drawn.length, picked.length, "as many as wanted");
        for (uint256 i; i < picked.length; ++i) {
            assertEq(drawn[i], picked[i], "bundle");
        }
    }
}
