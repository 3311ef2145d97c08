// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { NATIVE } from "../../src/libraries/Types.sol";

interface SymbolicVm {
    function warp(uint256 timestamp) external;
    function deal(address who, uint256 balance) external;
}

/// @dev A prover's stake: it can always leave in bounded time, with everything that was not
/// forfeited, and never sooner. This contract is the prover and the challenge manager at once.
contract SymbolicProverExit {
    SymbolicVm private constant VM =
        SymbolicVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint40 private constant THAW = 14 days;
    uint128 private constant LEAST = 1 ether;

    ProverRegistry private _registry;

    receive() external payable { }

    function setUp() external {
        VM.warp(1_000_000);
        _registry = new ProverRegistry(address(this), NATIVE, LEAST, THAW);
    }

    function _register(uint128 stake) private {
        VM.deal(address(this), stake);
        _registry.register{ value: stake }(stake, keccak256("key"));
    }

    /// @dev Whatever the stake and however late: after the thaw everything comes back.
    function check_exitAfterTheThaw(uint128 stake, uint40 waited) external {
        if (stake < LEAST || waited < THAW || waited > 3650 days) return;
        _register(stake);
        _registry.startThaw();
        VM.warp(1_000_000 + uint256(waited));
        (bool ok,) = address(_registry).call(abi.encodeCall(_registry.withdraw, ()));
        assert(ok);
        assert(address(this).balance == stake);
        assert(address(_registry).balance == 0);
    }

    function check_noExitBeforeTheThaw(uint128 stake, uint40 waited) external {
        if (stake < LEAST || waited >= THAW) return;
        _register(stake);
        _registry.startThaw();
        VM.warp(1_000_000 + uint256(waited));
        (bool ok,) = address(_registry).call(abi.encodeCall(_registry.withdraw, ()));
        assert(!ok);
        assert(address(_registry).balance == stake);
    }

    /// @dev What is added and what is there add up.
    function check_stakesAddUp(uint128 stake, uint128 more) external {
        if (stake < LEAST || more == 0 || uint256(stake) + more > type(uint128).max) return;
        _register(stake);
        VM.deal(address(this), more);
        _registry.addStake{ value: more }(more);
        assert(_registry.prover(address(this)).stake == uint256(stake) + more);
        assert(address(_registry).balance == uint256(stake) + more);
    }
}
