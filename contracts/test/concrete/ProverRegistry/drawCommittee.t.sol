// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { FixedPointMathLib } from "solady/utils/FixedPointMathLib.sol";

import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_drawCommittee is ProverTest {
    function _expectTooFew(uint256 eligible, uint256 needed) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_TooFewProvers.selector, eligible, needed
            )
        );
    }

    /// @dev A draw that leaves no trace.
    function _drawn(bytes32 seed, uint8 size) private returns (address[] memory committee) {
        uint256 id = vm.snapshotState();
        committee = _draw(seed, size);
        require(vm.revertToState(id), "snapshot lost");
    }

    function test_revertWhen_notChallengeManager() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IProverRegistry.ProverRegistry_NotChallengeManager.selector, alice
            )
        );
        vm.prank(alice);
        provers.drawCommittee("seed", 1, 0);
    }

    function test_revertWhen_tooFew() public {
        _registerMany(4);
        _expectTooFew(4, 5);
        _draw("seed", 5);
    }

    function test_skipsThoseWhoCameLater() public {
        _register(alice, MIN_STAKE);
        _expectTooFew(0, 1);
        _draw("seed", 1);
        skip(1);
        _register(bob, 1000 * MIN_STAKE);
        for (uint256 i; i < 20; ++i) {
            assertEq(_drawn(bytes32(i), 1)[0], alice, "the one who was there");
        }
    }

    function test_skipsThoseWhoThaw() public {
        address[] memory accounts = _registerMany(3);
        vm.prank(accounts[1]);
        provers.startThaw();
        address[] memory committee = _draw("seed", 2);
        assertNotEq(committee[0], accounts[1]);
        assertNotEq(committee[1], accounts[1]);
    }

    function test_skipsStakeThatDoesNotCoverOneMoreCase() public {
        _register(alice, 2 * MIN_STAKE);
        skip(1);
        _draw("first", 1);
        _draw("second", 1);
        assertEq(provers.prover(alice).openCases, 2, "cases");
        _expectTooFew(0, 1);
        _draw("third", 1);
        _release(alice, 0);
        _draw("third", 1);
    }

    function test_drawsDistinct() public {
        address[] memory accounts = _registerMany(9);
        address[] memory committee = _draw("seed", 9);
        uint256 sum;
        for (uint256 i; i < 9; ++i) {
            sum += uint160(committee[i]);
            assertEq(provers.prover(committee[i]).openCases, 1, "held");
            for (uint256 j; j < i; ++j) {
                assertNotEq(committee[i], committee[j]);
            }
        }
        assertEq(sum, 9 * uint256(uint160(accounts[4])), "all nine");
    }

    /// @dev Every member has the smallest key of all who were not taken before it.
    function test_takesTheSmallestKeysInOrder() public {
        address[] memory accounts = _registerMany(20);
        for (uint256 draw; draw < 10; ++draw) {
            bytes32 seed = keccak256(abi.encode("seed", draw));
            address[] memory committee = _drawn(seed, 7);
            uint256 last;
            for (uint256 i; i < 7; ++i) {
                uint256 key = _keyOf(seed, committee[i]);
                assertLt(last, key, "ascending");
                uint256 smaller;
                for (uint256 j; j < accounts.length; ++j) {
                    if (_keyOf(seed, accounts[j]) < key) ++smaller;
                }
                assertEq(smaller, i, "none left out");
                last = key;
            }
        }
    }

    /// @dev `−ln(u)` in 1e-18; all have the same stake.
    function _keyOf(bytes32 seed, address account) private pure returns (uint256) {
        uint256 u = uint256(keccak256(abi.encodePacked(seed, account))) % 1e18 + 1;
        return uint256(-FixedPointMathLib.lnWad(int256(u)));
    }

    function test_dependsOnTheSeed() public {
        _registerMany(30);
        assertNotEq(
            keccak256(abi.encode(_drawn("one seed", 5))),
            keccak256(abi.encode(_drawn("another seed", 5)))
        );
    }

    function test_doesNotDependOnTheOrder() public {
        address[] memory accounts = _registerMany(8);
        _register(alice, MIN_STAKE);
        skip(1);
        bytes32 before = keccak256(abi.encode(_drawn("seed", 5)));
        // The first leaves the list and the last takes its place, unless one of them was drawn.
        uint256 i;
        while (_isIn(accounts[i], _drawn("seed", 5))) ++i;
        vm.prank(accounts[i]);
        provers.startThaw();
        assertEq(keccak256(abi.encode(_drawn("seed", 5))), before, "same committee");
    }

    function test_replacesOnlyWhoLeaves() public {
        _registerMany(8);
        address[] memory before = _drawn("seed", 5);
        vm.prank(before[2]);
        provers.startThaw();
        address[] memory committee = _drawn("seed", 5);
        for (uint256 i; i < 5; ++i) {
            if (i != 2) assertTrue(_isIn(before[i], committee), "stays");
        }
        assertFalse(_isIn(before[2], committee), "left");
    }

    function _isIn(address account, address[] memory committee) private pure returns (bool) {
        for (uint256 i; i < committee.length; ++i) {
            if (committee[i] == account) return true;
        }
        return false;
    }
}
