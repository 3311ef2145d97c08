// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { TestBase } from "./TestBase.sol";

/// @title A prover registry with funded accounts
abstract contract ProverTest is TestBase {
    uint128 internal constant PRICE = 10 ether;
    uint40 internal constant WARM_UP = 7 days;
    uint40 internal constant ALIVE = 30 days;
    uint40 internal constant THAW = 14 days;
    uint40 internal constant ROUND = 2 days;
    bytes32 internal constant KEY = keccak256("encryption key");
    string internal constant INBOX = "https://prover.example/inbox";

    ProverRegistry internal provers;
    TestToken internal token;
    address internal alice;
    address internal bob;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        alice = makeAddr("alice");
        bob = makeAddr("bob");
        token = new TestToken("Test Dollar", "TUSD", 18);
        provers = new ProverRegistry(_config(address(token)));
        _fund(alice);
        _fund(bob);
    }

    function _config(address currency) internal pure returns (IProverRegistry.Config memory) {
        return IProverRegistry.Config(currency, PRICE, WARM_UP, ALIVE, THAW, ROUND);
    }

    function _fund(address account) internal {
        token.mint(account, 1_000_000 ether);
        vm.prank(account);
        token.approve(address(provers), type(uint256).max);
    }

    function _join(address account, uint32 count) internal {
        vm.prank(account);
        provers.join(count, KEY, INBOX);
    }

    /// @dev `count` tickets of the account, which are past their warm-up.
    function _warm(address account, uint32 count) internal {
        _join(account, count);
        skip(WARM_UP);
    }

    function _leave(address account, uint32 first, uint32 count) internal {
        vm.prank(account);
        provers.release(_range(first, count));
    }

    function _range(uint32 first, uint32 count) internal pure returns (uint32[] memory tickets) {
        tickets = new uint32[](count);
        for (uint32 i; i < count; ++i) {
            tickets[i] = first + i;
        }
    }

    /// @dev Dead places of this second can be filled afterwards.
    function _skipRound() internal {
        skip(ROUND + 2);
    }

    function _now() internal view returns (uint40) {
        return uint40(vm.getBlockTimestamp());
    }

    function _holder(uint32 index) internal view returns (address) {
        return provers.holderAt(index, _now());
    }

    function _expectRevert(bytes4 selector, address account) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, account));
    }

    function _expectNotHeld(uint32 index, address account) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_NotHeld.selector, index, account)
        );
    }
}
