// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverTest } from "../utils/ProverTest.sol";

/// @dev What tickets cost. Honest only with `FOUNDRY_PROFILE=gas`: every call is then a transaction
/// of its own, with base fee and calldata. `tooling/snapshots/Tickets.json` holds the figures.
contract TicketsGas is ProverTest {
    string internal constant GROUP = "Tickets";

    /// @dev Other profiles would write figures that are not honest.
    function setUp() public override {
        bytes32 profile = keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string(""))));
        vm.skip(profile != keccak256("gas"), "only with FOUNDRY_PROFILE=gas");
        super.setUp();
        // Not the first of all: the array and the registry's balance are there.
        _join(bob, 2);
    }

    function test_gas_join() public {
        _join(alice, 1);
        uint256 first = vm.snapshotGasLastCall(GROUP, "join, first ticket");
        _join(alice, 1);
        uint256 one = vm.snapshotGasLastCall(GROUP, "join, one more ticket");
        _join(alice, 16);
        uint256 sixteen = vm.snapshotGasLastCall(GROUP, "join, 16 tickets");
        assertLt((sixteen - one) / 15, 29_000, "a new ticket");
        assertLt(first, 250_000, "first");
    }

    function test_gas_joinDeadPlaces() public {
        _warm(alice, 16);
        _leave(alice, 2, 16);
        vm.snapshotGasLastCall(GROUP, "release, 16 tickets");
        _skipRound();
        _join(bob, 16);
        vm.snapshotGasLastCall(GROUP, "join, 16 dead places");
    }

    function test_gas_release() public {
        _warm(alice, 2);
        _leave(alice, 2, 1);
        vm.snapshotGasLastCall(GROUP, "release, 1 ticket");
    }

    function test_gas_evict() public {
        _warm(alice, 17);
        skip(ALIVE);
        provers.evict(_range(2, 1));
        vm.snapshotGasLastCall(GROUP, "evict, 1 ticket");
        provers.evict(_range(3, 16));
        vm.snapshotGasLastCall(GROUP, "evict, 16 tickets");
    }

    function test_gas_compact() public {
        _warm(alice, 4);
        _leave(alice, 2, 2);
        _leave(bob, 0, 1);
        _skipRound();
        provers.compact(1);
        vm.snapshotGasLastCall(GROUP, "compact, a move");
        _skipRound();
        provers.compact(1);
        vm.snapshotGasLastCall(GROUP, "compact, a place cut off");
    }

    function test_gas_stayAlive() public {
        skip(1);
        vm.prank(bob);
        provers.stayAlive();
        vm.snapshotGasLastCall(GROUP, "stayAlive");
    }

    function test_gas_holderAt() public {
        skip(WARM_UP);
        vm.cool(address(provers));
        assertEq(provers.holderAt(0, _now()), bob, "holder");
        vm.snapshotGasLastCall(GROUP, "holderAt, cold, as a call");
    }
}
