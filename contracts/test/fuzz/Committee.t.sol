// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { Consensus } from "../../src/libraries/Consensus.sol";
import { ProverTest } from "../utils/ProverTest.sol";
import { Sheets } from "../utils/Sheets.sol";

contract CommitteeFuzz is ProverTest {
    function testFuzz_drawsDistinctEligibleMembers(bytes32 seed, uint8 size, uint8 leaving) public {
        address[] memory accounts = _registerMany(20);
        size = uint8(bound(size, 1, 15));
        for (uint256 i; i < leaving % 5; ++i) {
            vm.prank(accounts[(uint256(seed) % 20 + i) % 20]);
            provers.startThaw();
        }
        _register(alice, 500 ether);
        address[] memory committee = _draw(seed, size);
        assertEq(committee.length, size, "size");
        for (uint256 i; i < size; ++i) {
            IProverRegistry.Prover memory p = provers.prover(committee[i]);
            assertEq(p.openCases, 1, "counted once, so drawn once");
            assertEq(p.thawEnd, 0, "stays");
            assertLt(p.activeFrom, block.timestamp, "was there");
        }
    }

    /// @dev Stakes of 1 : 3 : 6 make the first place 10 %, 30 %, 60 %; the tolerance is five
    /// standard deviations.
    function test_drawsByStake() public {
        address carol = makeAddr("carol");
        _fund(carol);
        _register(alice, MIN_STAKE);
        _register(bob, 3 * MIN_STAKE);
        _register(carol, 6 * MIN_STAKE);
        skip(1);
        uint256 draws = 3000;
        uint256 ofAlice;
        uint256 ofBob;
        uint256 id = vm.snapshotState();
        for (uint256 i; i < draws; ++i) {
            address first = _draw(keccak256(abi.encode(i)), 1)[0];
            if (first == alice) ++ofAlice;
            if (first == bob) ++ofBob;
            require(vm.revertToState(id), "snapshot lost");
        }
        assertApproxEqAbs(ofAlice, 300, 83, "a tenth");
        assertApproxEqAbs(ofBob, 900, 126, "three tenths");
    }

    /// @dev Given the first, the others are drawn by stake too: without carol, alice comes before
    /// bob one time in four.
    function test_drawsWithoutReplacement() public {
        address carol = makeAddr("carol");
        _fund(carol);
        _register(alice, MIN_STAKE);
        _register(bob, 3 * MIN_STAKE);
        _register(carol, 60 * MIN_STAKE);
        skip(1);
        uint256 aliceSecond;
        uint256 draws;
        uint256 id = vm.snapshotState();
        for (uint256 i; i < 2200; ++i) {
            address[] memory committee = _draw(keccak256(abi.encode(i)), 2);
            require(vm.revertToState(id), "snapshot lost");
            if (committee[0] != carol) continue;
            ++draws;
            if (committee[1] == alice) ++aliceSecond;
        }
        assertGt(draws, 1900, "carol is nearly always first");
        assertApproxEqAbs(aliceSecond * 4, draws, 380, "a quarter");
    }

    function judge(bytes[] calldata sheets, bytes calldata sheetOf, uint256 count, uint256 needed)
        external
        pure
        returns (bytes4[] memory tags, uint256 mask)
    {
        return Consensus.judge(sheets, sheetOf, count, needed);
    }

    /// @dev Against counting each tag of each member.
    function testFuzz_consensusIsWhatIsCounted(uint256 seed, uint8 size, uint8 count) public view {
        size = uint8(bound(size, 1, 9));
        count = uint8(bound(count, 1, 24));
        bytes[] memory memberTags = new bytes[](size);
        for (uint256 i; i < size; ++i) {
            if (uint256(keccak256(abi.encode(seed, i))) % 8 == 0) continue;
            for (uint256 p; p < count; ++p) {
                uint256 random = uint256(keccak256(abi.encode(seed, i, p))) % 8;
                bytes4 tag = random > 1 ? bytes4(uint32(p + 1)) : bytes4(uint32(random));
                memberTags[i] = bytes.concat(memberTags[i], tag);
            }
            // Members that agree on everything, as honest ones mostly do.
            if (i > seed % 3 && seed % 2 == 0 && memberTags[0].length != 0) {
                memberTags[i] = memberTags[0];
            }
        }
        uint256 needed = Consensus.quorum(size);
        (bytes[] memory sheets, bytes memory sheetOf) = Sheets.from(memberTags);
        (bytes4[] memory tags, uint256 mask) = this.judge(sheets, sheetOf, count, needed);
        for (uint256 p; p < count; ++p) {
            assertEq(bytes32(tags[p]), bytes32(_counted(memberTags, p, needed)), "consensus");
        }
        for (uint256 i; i < size; ++i) {
            assertEq(mask >> i & 1 == 1, _dissents(memberTags[i], tags), "dissent");
        }
    }

    function _counted(bytes[] memory memberTags, uint256 p, uint256 needed)
        private
        pure
        returns (bytes4)
    {
        for (uint256 i; i < memberTags.length; ++i) {
            bytes4 tag = _tagAt(memberTags[i], p);
            uint256 votes;
            for (uint256 j; j < memberTags.length; ++j) {
                if (memberTags[j].length != 0 && _tagAt(memberTags[j], p) == tag) ++votes;
            }
            if (tag != 0 && votes >= needed) return tag;
        }
        return 0;
    }

    function _dissents(bytes memory own, bytes4[] memory tags) private pure returns (bool) {
        uint256 settled;
        uint256 different;
        for (uint256 p; own.length != 0 && p < tags.length; ++p) {
            if (tags[p] == 0) continue;
            ++settled;
            if (_tagAt(own, p) != tags[p]) ++different;
        }
        return different > settled - different;
    }

    function _tagAt(bytes memory tags, uint256 p) private pure returns (bytes4 tag) {
        if (tags.length == 0) return 0;
        for (uint256 b; b < 4; ++b) {
            tag |= bytes4(tags[4 * p + b]) >> (8 * b);
        }
    }
}
