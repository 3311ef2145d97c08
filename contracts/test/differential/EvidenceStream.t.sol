// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../src/libraries/EValue.sol";
import { Judgment } from "../../src/libraries/Judgment.sol";
import { TestBase } from "../utils/TestBase.sol";

/// @dev 10,000 pseudo-random inputs through the e-value library, folded into hashes that Rust has
/// computed from its own implementation (`contracts/verify/statistics/src/stream.rs`), which is
/// tested against exact integers.
contract EvidenceStream is TestBase {
    uint256 private constant CHUNK = 100;

    function test_tenThousandResultsAreThoseOfRust() public view {
        bytes32[] memory digests = vm.parseJsonBytes32Array(vectors("evidence_stream"), ".digest");
        assertEq(digests.length, 100, "the vector is not filled");
        for (uint256 chunk; chunk < digests.length; ++chunk) {
            assertEq(_digest(chunk), digests[chunk], "a result differs in this chunk");
        }
    }

    function _digest(uint256 chunk) private pure returns (bytes32 hash) {
        for (uint256 n = chunk * CHUNK; n < (chunk + 1) * CHUNK; ++n) {
            hash = _fold(hash, keccak256(abi.encodePacked("OML.evidence.stream", uint32(n))));
        }
    }

    function _fold(bytes32 hash, bytes32 s) private pure returns (bytes32) {
        uint256 x = _number(s, 0, 8) >> (_number(s, 8, 9) % 64);
        uint256 hits = _number(s, 9, 10) % 128;
        uint256 misses = _number(s, 10, 11) % 129;
        uint256 inverse = _number(s, 22, 30) >> (_number(s, 11, 12) % 63);
        return keccak256(
            abi.encodePacked(
                hash,
                EValue.log2Floor(x == 0 ? 1 : uint64(x)),
                EValue.evidence(hits, hits + misses),
                EValue.log2Ceil(inverse < 2 ? 2 : inverse)
                    + EValue.log2Ceil(1 + _number(s, 30, 32)),
                Judgment.premium(uint8(_number(s, 12, 13) % 16), uint16(_number(s, 13, 15)))
            )
        );
    }

    /// @dev Bytes `from … to−1` as a number.
    function _number(bytes32 s, uint256 from, uint256 to) private pure returns (uint256) {
        return uint256(s << (8 * from)) >> (256 - 8 * (to - from));
    }
}
