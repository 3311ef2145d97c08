// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { TestBase } from "./TestBase.sol";

/// @title A prover registry whose challenge manager is an account
abstract contract ProverTest is TestBase {
    uint128 internal constant MIN_STAKE = 10 ether;
    uint40 internal constant THAW = 7 days;
    bytes32 internal constant KEY = keccak256("encryption key");
    bytes32 internal constant CASE = keccak256("case");

    ProverRegistry internal provers;
    TestToken internal token;
    address internal manager;
    address internal alice;
    address internal bob;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        manager = makeAddr("manager");
        alice = makeAddr("alice");
        bob = makeAddr("bob");
        token = new TestToken("Test Dollar", "TUSD", 18);
        provers = new ProverRegistry(manager, address(token), MIN_STAKE, THAW);
        _fund(alice);
        _fund(bob);
    }

    function _fund(address account) internal {
        token.mint(account, 1_000_000 ether);
        vm.prank(account);
        token.approve(address(provers), type(uint256).max);
    }

    function _register(address account, uint128 stake) internal {
        vm.prank(account);
        provers.register(stake, KEY);
    }

    /// @dev `count` funded provers with the smallest stake, active a second ago.
    function _registerMany(uint256 count) internal returns (address[] memory accounts) {
        accounts = new address[](count);
        for (uint256 i; i < count; ++i) {
            accounts[i] = address(uint160(0x10000 + i));
            _fund(accounts[i]);
            _register(accounts[i], MIN_STAKE);
        }
        skip(1);
    }

    function _draw(bytes32 seed, uint8 size) internal returns (address[] memory) {
        vm.prank(manager);
        return provers.drawCommittee(seed, size, uint40(block.timestamp));
    }

    function _release(address account, uint128 penalty) internal {
        vm.prank(manager);
        provers.release(CASE, account, penalty);
    }

    function _expectNotRegistered(address account) internal {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_NotRegistered.selector, account)
        );
    }
}
