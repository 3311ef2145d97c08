// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Proofs } from "../../../src/Proofs.sol";
import { IProofs } from "../../../src/interfaces/IProofs.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract Proofs_constructor is TestBase {
    function _config() private pure returns (IProofs.Config memory) {
        return IProofs.Config({ reportDelay: 1 minutes, payoutDelay: 7 days });
    }

    /// @dev External, for a refused constructor must be a call that reverts: else the test ends.
    function make(address registry, address vault, address escrow, IProofs.Config memory config)
        external
        returns (Proofs)
    {
        return new Proofs(registry, vault, escrow, config);
    }

    function _make(IProofs.Config memory config) private returns (Proofs) {
        return this.make(address(1), address(2), address(3), config);
    }

    function _expectBad(bytes32 name, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(IProofs.Proofs_BadConfig.selector, name, value));
    }

    function test_revertWhen_addressZero() public {
        _expectBad("registry", 0);
        this.make(address(0), address(2), address(3), _config());
        _expectBad("vault", 0);
        this.make(address(1), address(0), address(3), _config());
        _expectBad("escrow", 0);
        this.make(address(1), address(2), address(0), _config());
    }

    /// @dev Proofs by a revoked key are admissible for seven days, and a report comes first.
    function test_revertWhen_reportDelayOutOfRange() public {
        IProofs.Config memory config = _config();
        config.reportDelay = 0;
        _expectBad("reportDelay", 0);
        _make(config);
        config.reportDelay = 1 days + 1;
        _expectBad("reportDelay", 1 days + 1);
        _make(config);
    }

    function test_revertWhen_payoutDelayTooLong() public {
        IProofs.Config memory config = _config();
        config.payoutDelay = 365 days + 1;
        _expectBad("payoutDelay", 365 days + 1);
        _make(config);
    }

    function test_keepsItsConfiguration() public {
        IProofs.Config memory config = _config();
        assertEq(abi.encode(_make(config).config()), abi.encode(config), "usual");
        (config.reportDelay, config.payoutDelay) = (1 days, 365 days);
        assertEq(abi.encode(_make(config).config()), abi.encode(config), "longest");
        (config.reportDelay, config.payoutDelay) = (1, 0);
        assertEq(abi.encode(_make(config).config()), abi.encode(config), "shortest");
    }

    function test_staysWithinTheSizeLimit() public {
        string memory profile = vm.envOr("FOUNDRY_PROFILE", string("default"));
        vm.skip(keccak256(bytes(profile)) == keccak256("quick"), "not optimised");
        assertLe(address(_make(_config())).code.length, 24_576, "proofs");
    }
}
