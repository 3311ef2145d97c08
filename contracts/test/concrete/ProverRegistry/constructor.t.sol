// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { NATIVE } from "../../../src/libraries/Types.sol";
import { ProverTest } from "../../utils/ProverTest.sol";

contract ProverRegistry_constructor is ProverTest {
    /// @dev External, for a refused constructor must be a call that reverts: else the test ends.
    function make(IProverRegistry.Config memory c) external returns (ProverRegistry) {
        return new ProverRegistry(c);
    }

    function _expectBad(IProverRegistry.Config memory c, bytes32 name, uint256 value) private {
        vm.expectRevert(
            abi.encodeWithSelector(IProverRegistry.ProverRegistry_BadConfig.selector, name, value)
        );
        this.make(c);
    }

    function test_revertWhen_currencyHasNoCode() public {
        _expectBad(_config(alice), "stakeCurrency", uint160(alice));
    }

    function test_revertWhen_priceOutOfRange() public {
        IProverRegistry.Config memory c = _config(NATIVE);
        c.ticketPrice = 0;
        _expectBad(c, "ticketPrice", 0);
        c.ticketPrice = uint128(1) << 96;
        _expectBad(c, "ticketPrice", uint256(1) << 96);
    }

    function test_revertWhen_periodOutOfRange() public {
        uint40[2] memory bad = [uint40(0), 3650 days + 1];
        for (uint256 i; i < 2; ++i) {
            IProverRegistry.Config memory c = _config(NATIVE);
            c.warmUp = bad[i];
            _expectBad(c, "warmUp", bad[i]);
            c = _config(NATIVE);
            c.alivePeriod = bad[i];
            _expectBad(c, "alivePeriod", bad[i]);
            c = _config(NATIVE);
            c.roundLength = bad[i];
            _expectBad(c, "roundLength", bad[i]);
            c = _config(NATIVE);
            c.thawPeriod = bad[i];
            _expectBad(c, "thawPeriod", bad[i]);
        }
    }

    function test_revertWhen_thawShorterThanRound() public {
        IProverRegistry.Config memory c = _config(NATIVE);
        c.thawPeriod = c.roundLength - 1;
        _expectBad(c, "thawPeriod", c.thawPeriod);
    }

    function test_keepsTheLimits() public {
        IProverRegistry.Config memory c = IProverRegistry.Config(NATIVE, 1, 1, 1, 1, 1);
        assertEq(abi.encode(new ProverRegistry(c).config()), abi.encode(c), "smallest");
        uint40 most = 3650 days;
        c = IProverRegistry.Config(NATIVE, type(uint96).max, most, most, most, most);
        assertEq(abi.encode(new ProverRegistry(c).config()), abi.encode(c), "largest");
    }

    function test_keepsTheConfig() public {
        IProverRegistry.Config memory c = _config(NATIVE);
        c.thawPeriod = c.roundLength;
        ProverRegistry built = new ProverRegistry(c);
        assertEq(abi.encode(built.config()), abi.encode(c), "config");
        assertEq(built.stakeCurrency(), NATIVE, "currency");
        assertEq(built.totalTickets(), 0, "no tickets");
    }
}
