// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { EValue } from "../../src/libraries/EValue.sol";
import { TermsLib } from "../../src/libraries/TermsLib.sol";
import { NATIVE, Royalty, Terms } from "../../src/libraries/Types.sol";
import { TermsCheckTest } from "../utils/TermsCheckTest.sol";

contract TermsCheckFuzz is TermsCheckTest {
    function testFuzz_agreeOnAnyWords(uint256[3] memory where, uint256[3] memory pick) public view {
        bytes memory words = _good();
        for (uint256 i; i < 3; ++i) {
            _set(words, bound(where[i], FIRST, LAST), pick[i] % 4 == 0 ? pick[i] : _bound(pick[i]));
        }
        _agree(words, _lineage(), false);
    }

    function testFuzz_agreeOnMultipliers(uint64 hit, uint16 p, bool shared, bool above)
        public
        view
    {
        bytes memory words = _good();
        uint256 parts = shared ? 65_536 : 16;
        uint256 chance = shared ? bound(p, 1, 65_535) : 1;
        hit = uint64(bound(hit, EValue.ONE, parts * EValue.ONE / chance));
        // The largest miss that keeps the mean at 1, or one more.
        uint256 miss = (parts * EValue.ONE - chance * hit) / (parts - chance) + (above ? 1 : 0);
        _set(words, shared ? 21 : 19, hit);
        _set(words, shared ? 22 : 20, miss);
        if (shared) _set(words, 23, chance);
        _agree(words, _lineage(), false);
    }

    function testFuzz_agreeOnRoyalties(uint8 count, bytes32 seed, uint8 bit, uint8 kind)
        public
        view
    {
        Terms memory terms = _termsIn(NATIVE);
        terms.royalties = new Royalty[](count % 9);
        for (uint256 i; i < terms.royalties.length; ++i) {
            seed = keccak256(abi.encode(seed));
            terms.royalties[i] = Royalty(address(bytes20(seed)), uint16(uint256(seed)));
        }
        bytes32 lineage = TermsLib.royaltiesHash(terms.royalties);
        bytes memory words = abi.encode(terms);
        _agree(words, lineage, true);
        kind %= 3;
        if (kind == 0) lineage ^= bytes32(uint256(1) << bit);
        if (kind == 1) lineage = 0;
        // A bit of any of the rows' words.
        if (kind == 2 && terms.royalties.length != 0) {
            uint256 word = 34 + uint256(seed) % (2 * terms.royalties.length);
            _set(words, word, _get(words, word) ^ uint256(1) << bit);
        }
        _agree(words, lineage, false);
    }
}
