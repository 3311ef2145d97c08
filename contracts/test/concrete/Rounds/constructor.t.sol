// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ProverRegistry } from "../../../src/ProverRegistry.sol";
import { Rounds } from "../../../src/Rounds.sol";
import { IProverRegistry } from "../../../src/interfaces/IProverRegistry.sol";
import { IRounds } from "../../../src/interfaces/IRounds.sol";
import { NATIVE } from "../../../src/libraries/Types.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract Rounds_constructor is TestBase {
    address private constant REGISTRY = address(0x11);
    address private constant VAULT = address(0x12);
    address private constant BEACON = address(0x13);

    ProverRegistry private provers;

    function setUp() public {
        IProverRegistry.Config memory config =
            IProverRegistry.Config(NATIVE, 1 ether, 14 days, 30 days, 60 days, 2 days);
        provers = new ProverRegistry(config);
    }

    function _config() private pure returns (IRounds.Config memory) {
        return IRounds.Config(1 days, 1 days, 7 days, 0.01 ether);
    }

    /// @dev External, for a refused constructor must be a call that reverts: else the test ends.
    function make(
        address registry,
        address vault,
        address provers_,
        address beacon,
        IRounds.Config memory config
    ) external returns (Rounds) {
        return new Rounds(registry, vault, provers_, beacon, config);
    }

    function _make(IRounds.Config memory config) private returns (Rounds) {
        return this.make(REGISTRY, VAULT, address(provers), BEACON, config);
    }

    function _expectBad(bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(IRounds.Rounds_BadConfig.selector, name, value));
    }

    function test_revertWhen_aContractIsMissing() public {
        IRounds.Config memory config = _config();
        _expectBad("registry", 0);
        this.make(address(0), VAULT, address(provers), BEACON, config);
        _expectBad("vault", 0);
        this.make(REGISTRY, address(0), address(provers), BEACON, config);
        _expectBad("beacon", 0);
        this.make(REGISTRY, VAULT, address(provers), address(0), config);
        vm.expectRevert();
        this.make(REGISTRY, VAULT, address(0), BEACON, config);
    }

    function test_revertWhen_aWindowIsEmpty() public {
        IRounds.Config memory config = _config();
        config.answerWindow = 0;
        _expectBad("answerWindow", 0);
        _make(config);
        config = _config();
        config.openWindow = 0;
        _expectBad("openWindow", 0);
        _make(config);
    }

    function test_revertWhen_aWindowIsTooLong() public {
        IRounds.Config memory config = _config();
        config.answerWindow = 365 days + 1;
        _expectBad("answerWindow", 365 days + 1);
        _make(config);
        config = _config();
        config.openWindow = 365 days + 1;
        _expectBad("openWindow", 365 days + 1);
        _make(config);
        config = _config();
        config.payoutDelay = 365 days + 1;
        _expectBad("payoutDelay", 365 days + 1);
        _make(config);
    }

    function test_revertWhen_theFeeIsOutOfRange() public {
        IRounds.Config memory config = _config();
        config.seatFee = 0;
        _expectBad("seatFee", 0);
        _make(config);
        config.seatFee = uint128(type(uint96).max) + 1;
        _expectBad("seatFee", config.seatFee);
        _make(config);
    }

    function test_revertWhen_theTicketsAreForShorterRounds() public {
        IRounds.Config memory config = _config();
        config.openWindow += 1;
        _expectBad("roundLength", 2 days);
        _make(config);
    }

    function test_keepTheLongestConfiguration() public {
        IProverRegistry.Config memory config =
            IProverRegistry.Config(NATIVE, 1 ether, 14 days, 30 days, 730 days, 730 days);
        provers = new ProverRegistry(config);
        IRounds.Config memory longest = IRounds.Config(365 days, 365 days, 365 days, 1);
        assertEq(abi.encode(_make(longest).config()), abi.encode(longest), "a year each");
    }

    function test_keepTheConfiguration() public {
        IRounds.Config memory config = _config();
        assertEq(abi.encode(_make(config).config()), abi.encode(config), "configuration");
        config.payoutDelay = 0;
        config.seatFee = type(uint96).max;
        assertEq(abi.encode(_make(config).config()), abi.encode(config), "at the limits");
    }
}
