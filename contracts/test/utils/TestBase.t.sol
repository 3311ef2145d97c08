// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { TestBase } from "./TestBase.sol";

contract Counter {
    uint256 public count;
    uint256 public forbidden;

    event Counted(address indexed by, uint256 count);

    error Counter_Zero(address caller);

    function add(uint256 amount) external {
        require(amount != 0, Counter_Zero(msg.sender));
        count += amount % 100;
        emit Counted(msg.sender, count);
    }

    function tick() external {
        count += 1;
    }

    function spoil() external {
        forbidden = 1;
    }
}

/// @dev The base is relied upon by every other test, so it is tested itself.
contract TestBaseTest is TestBase {
    event Counted(address indexed by, uint256 count);

    Counter internal counter;

    function setUp() public {
        counter = new Counter();
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = Counter.tick.selector;
        targetContract(address(counter));
        targetSelector(FuzzSelector({ addr: address(counter), selectors: selectors }));
    }

    function testFuzz_bound_liesInRange(uint256 value, uint256 a, uint256 b) public pure {
        (uint256 min, uint256 max) = a < b ? (a, b) : (b, a);
        uint256 bounded = bound(value, min, max);
        assertGe(bounded, min);
        assertLe(bounded, max);
        if (value >= min && value <= max) assertEq(bounded, value);
    }

    function testFuzz_boundInt_liesInRange(int256 value, int256 a, int256 b) public pure {
        (int256 min, int256 max) = a < b ? (a, b) : (b, a);
        int256 bounded = boundInt(value, min, max);
        assertGe(bounded, min);
        assertLe(bounded, max);
    }

    function test_bound_reachesBothEnds() public pure {
        assertEq(bound(0, 10, 20), 10);
        assertEq(bound(type(uint256).max, 10, 20), 20);
        assertEq(bound(7, 5, 5), 5);
    }

    function test_makeAccount_signsForItsAddress() public {
        Account memory alice = makeAccount("alice");
        assertEq(makeAddr("alice"), alice.addr);
        bytes32 digest = keccak256("digest");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(alice.key, digest);
        assertEq(ecrecover(digest, v, r, s), alice.addr);
        assertEq(signature(alice.key, digest), abi.encodePacked(r, s, v));
    }

    function test_expectRevert_seesCallerAndReason() public {
        address bob = makeAddr("bob");
        vm.expectRevert(abi.encodeWithSelector(Counter.Counter_Zero.selector, bob));
        vm.prank(bob);
        counter.add(0);
    }

    function test_expectEmit_seesEvent() public {
        address bob = makeAddr("bob");
        vm.expectEmit(address(counter));
        emit Counted(bob, 5);
        vm.prank(bob);
        counter.add(5);
    }

    function test_blockHashHistory_answersAsTheChainDoes() public {
        installBlockHashHistory();
        vm.roll(1000);
        bytes32 blockHash = keccak256("block 1000");
        mineWithHash(blockHash);
        assertEq(blockhash(1000), blockHash);
        (bool served, bytes memory answer) = BLOCK_HASH_HISTORY.staticcall(abi.encode(1000));
        assertTrue(served);
        assertEq(abi.decode(answer, (bytes32)), blockHash);
        (served,) = BLOCK_HASH_HISTORY.staticcall(abi.encode(1001));
        assertFalse(served, "the current block has no hash yet");
    }

    function invariant_onlyTargetedSelectorsAreCalled() public view {
        assertEq(counter.forbidden(), 0);
    }
}
