// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../src/interfaces/IProverRegistry.sol";
import { NATIVE } from "../../src/libraries/Types.sol";

interface SymbolicVm {
    function warp(uint256 timestamp) external;
    function deal(address who, uint256 balance) external;
}

/// @dev A prover's stake: it can always leave in bounded time, whole, and never sooner. This
/// contract is the prover.
contract SymbolicProverExit {
    SymbolicVm private constant VM =
        SymbolicVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint40 private constant THAW = 14 days;
    uint128 private constant PRICE = 1 ether;
    uint256 private constant START = 1_000_000;

    ProverRegistry private _registry;

    receive() external payable { }

    function setUp() external {
        VM.warp(START);
        _registry = new ProverRegistry(
            IProverRegistry.Config(NATIVE, PRICE, 7 days, 30 days, THAW, 2 days)
        );
    }

    /// @dev `count` tickets bought and released at once.
    function _release(uint32 count) private {
        VM.deal(address(this), PRICE * count);
        _registry.join{ value: PRICE * count }(count, keccak256("key"), "inbox");
        uint32[] memory tickets = new uint32[](count);
        for (uint32 i; i < count; ++i) {
            tickets[i] = i;
        }
        _registry.release(tickets);
    }

    function _withdraw(uint256 waited) private returns (bool ok) {
        VM.warp(START + waited);
        (ok,) = address(_registry).call(abi.encodeCall(_registry.withdraw, (address(this))));
    }

    /// @dev However late: after the thaw everything comes back, once.
    function check_exitAfterTheThaw(uint40 waited) external {
        if (waited < THAW || waited > 3650 days) return;
        _release(3);
        assert(_withdraw(waited));
        assert(address(this).balance == 3 * PRICE);
        assert(address(_registry).balance == 0);
        VM.deal(address(_registry), 3 * PRICE);
        assert(!_withdraw(waited));
    }

    function check_noExitBeforeTheThaw(uint40 waited) external {
        if (waited >= THAW) return;
        _release(3);
        assert(!_withdraw(waited));
        assert(address(_registry).balance == 3 * PRICE);
    }

    /// @dev Whatever is staked beside it, only what left comes back.
    function check_whatStaysStays(uint40 waited) external {
        if (waited < THAW || waited > 3650 days) return;
        _release(1);
        VM.deal(address(this), 2 * PRICE);
        _registry.join{ value: 2 * PRICE }(2, keccak256("key"), "inbox");
        assert(_withdraw(waited));
        assert(address(this).balance == PRICE);
        assert(address(_registry).balance == 2 * PRICE);
        assert(_registry.prover(address(this)).tickets == 2);
    }
}
