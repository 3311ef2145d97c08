// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../src/libraries/EValue.sol";
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
            hash = _fold(hash, keccak256(abi.encodePacked("OML.evidence.stream", uint32(n))), n);
        }
    }

    function _fold(bytes32 hash, bytes32 s, uint256 n) private pure returns (bytes32) {
        (uint64 hit, uint64 miss) = _pair(s, n);
        uint64 x = uint64(_number(s, 0, 8) >> (_number(s, 8, 9) % 64));
        bool valid = EValue.isValid(hit, miss, 1, 16);
        int64 sum;
        if (valid) sum = EValue.evidence(_number(s, 9, 10), _number(s, 10, 11), hit, miss);
        return keccak256(
            abi.encodePacked(hash, EValue.log2Floor(x == 0 ? 1 : x), sum, _limit(s), valid)
        );
    }

    function _limit(bytes32 s) private pure returns (int64) {
        uint256 inverse = _number(s, 24, 28);
        return EValue.threshold(
            uint64(inverse < 2 ? 2 : inverse),
            uint32(1 + _number(s, 28, 30)),
            uint32(1 + _number(s, 30, 32))
        );
    }

    function _pair(bytes32 s, uint256 n) private pure returns (uint64 hit, uint64 miss) {
        uint256 one = EValue.ONE;
        hit = uint64(one + 1 + (_number(s, 11, 19) >> (1 + _number(s, 19, 20) % 40)));
        if (n % 2 == 0 && hit < 16 * one) {
            miss = uint64((16 * one - hit) / 15 + (_number(s, 20, 21) & 1));
        } else {
            miss = uint64(1 + _number(s, 20, 24) % (one - 1));
        }
    }

    /// @dev Bytes `from … to−1` as a number.
    function _number(bytes32 s, uint256 from, uint256 to) private pure returns (uint256) {
        return uint256(s << (8 * from)) >> (256 - 8 * (to - from));
    }
}
