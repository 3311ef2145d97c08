// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../../script/Deploy.s.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract DeployTest is TestBase {
    Deploy private _script;

    function setUp() public {
        _script = new Deploy();
    }

    function test_revertWhen_anotherDeployer() public {
        Deploy.Settings memory settings = _script.settings();
        address expected = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        address actual = vm.computeCreateAddress(address(_script), vm.getNonce(address(_script)));
        vm.expectRevert(
            abi.encodeWithSelector(
                Deploy.Deploy_WrongAddress.selector, bytes32("beacon"), expected, actual
            )
        );
        _script.deploy(address(this), settings);
    }

    function test_wires() public {
        Deploy.Settings memory settings = _script.settings();
        Deploy.Core memory core = _script.deploy(address(_script), settings);
        assertEq(address(core.challengeManager.registry()), address(core.registry));
        assertEq(address(core.challengeManager.vault()), address(core.vault));
        assertEq(address(core.challengeManager.escrow()), address(core.escrow));
        assertEq(address(core.challengeManager.provers()), address(core.provers));
        assertEq(address(core.challengeManager.beacon()), address(core.beacon));
        assertEq(core.provers.challengeManager(), address(core.challengeManager));
        assertEq(core.provers.minStake(), settings.minStake);
        assertEq(abi.encode(core.challengeManager.config()), abi.encode(settings.config));
    }
}
