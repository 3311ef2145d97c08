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
    uint256 private constant START = 1_000_000;

    receive() external payable { }

    /// @dev A registry of that price, in which this contract had one ticket and released it.
    function _released(uint128 price) private returns (ProverRegistry registry) {
        VM.warp(START);
        registry = new ProverRegistry(
            IProverRegistry.Config(NATIVE, price, 7 days, 30 days, THAW, 2 days)
        );
        VM.deal(address(this), price);
        registry.join{ value: price }(1, keccak256("key"), "inbox");
        registry.release(new uint32[](1));
    }

    function _withdraw(ProverRegistry registry, uint40 waited) private returns (bool ok) {
        VM.warp(START + uint256(waited));
        (ok,) = address(registry).call(abi.encodeCall(registry.withdraw, (address(this))));
    }

    /// @dev Whatever the price and however late: after the thaw everything comes back.
    function check_exitAfterTheThaw(uint96 price, uint40 waited) external {
        if (price == 0 || waited < THAW || waited > 3650 days) return;
        ProverRegistry registry = _released(price);
        assert(_withdraw(registry, waited));
        assert(address(this).balance == price);
        assert(address(registry).balance == 0);
    }

    function check_noExitBeforeTheThaw(uint96 price, uint40 waited) external {
        if (price == 0 || waited >= THAW) return;
        ProverRegistry registry = _released(price);
        assert(!_withdraw(registry, waited));
        assert(address(registry).balance == price);
    }

    /// @dev No second time.
    function check_paysOnce(uint96 price) external {
        if (price == 0) return;
        ProverRegistry registry = _released(price);
        VM.deal(address(registry), 2 * uint256(price));
        assert(_withdraw(registry, THAW));
        assert(!_withdraw(registry, THAW));
        assert(address(registry).balance == price);
    }
}
