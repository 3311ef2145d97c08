// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseRef } from "../../../src/libraries/Types.sol";
import { LicensingTest } from "../../utils/LicensingTest.sol";

contract LicenseRegistry_registerDeployment is LicensingTest {
    string internal constant URI = "https://host.example/v1";
    bytes32 internal constant HASH = keccak256(bytes(URI));

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        (, id) = _active();
    }

    function _register(string memory uri) private {
        LicenseRef memory ref = _ref(_terms());
        vm.prank(host.addr);
        registry.registerDeployment(ref, uri);
    }

    function _until(bytes32 hash) private view returns (uint40) {
        return registry.deployment(id, hash).liableUntil;
    }

    function _since() private view returns (uint40) {
        return registry.deployment(id, HASH).registeredAt;
    }

    function _retire(string memory uri) private {
        LicenseRef memory ref = _ref(_terms());
        vm.prank(host.addr);
        registry.retireDeployment(ref, uri);
    }

    function test_revertWhen_notHost() public {
        LicenseRef memory ref = _ref(_terms());
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_OnlyHost.selector, host.addr, stranger
        );
        vm.expectRevert(reason);
        vm.prank(stranger);
        registry.registerDeployment(ref, URI);
        vm.expectRevert(reason);
        vm.prank(stranger);
        registry.retireDeployment(ref, URI);
    }

    function test_revertWhen_notActive() public {
        vm.warp(registry.license(id).deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_NotActive.selector, id)
        );
        _register(URI);
    }

    function test_revertWhen_uriBad() public {
        vm.expectRevert(abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BadUri.selector, 0));
        _register("");
        vm.expectRevert(
            abi.encodeWithSelector(ILicenseRegistry.LicenseRegistry_BadUri.selector, 2049)
        );
        _register(string(new bytes(2049)));
    }

    function test_takesTheLongestUri() public {
        string memory uri = string(new bytes(2048));
        _register(uri);
        assertEq(_until(keccak256(bytes(uri))), type(uint40).max, "liable");
    }

    function test_revertWhen_registeredTwice() public {
        _register(URI);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_DeploymentExists.selector, id, HASH
            )
        );
        _register(URI);
    }

    function test_revertWhen_tooMany() public {
        _register("a");
        _register("b");
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_TooManyDeployments.selector, id, 2
            )
        );
        _register("c");
    }

    function test_revertWhen_retiringUnknown() public {
        bytes memory reason = abi.encodeWithSelector(
            ILicenseRegistry.LicenseRegistry_UnknownDeployment.selector, id, HASH
        );
        vm.expectRevert(reason);
        _retire(URI);
        _register(URI);
        _retire(URI);
        vm.expectRevert(reason);
        _retire(URI);
    }

    function test_registers() public {
        assertEq(_until(HASH), 0);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.DeploymentRegistered(id, HASH, URI);
        _register(URI);
        assertEq(_until(HASH), type(uint40).max);
    }

    function test_retires() public {
        _register("a");
        _register(URI);
        vm.expectEmit(address(registry));
        emit ILicenseRegistry.DeploymentRetired(id, HASH);
        _retire(URI);
        assertEq(_until(HASH), block.timestamp + _terms().thawPeriod);
        _register("c");
        assertEq(_until(keccak256("c")), type(uint40).max);
    }

    function test_retiresAfterTheEnd() public {
        _register(URI);
        LicenseRef memory ref = _ref(_terms());
        vm.prank(host.addr);
        registry.terminate(ref);
        skip(1 days);
        _retire(URI);
        assertEq(_until(HASH), vm.getBlockTimestamp() + _terms().thawPeriod);
    }

    function test_registersAgain() public {
        _register(URI);
        _retire(URI);
        _register(URI);
        assertEq(_until(HASH), type(uint40).max);
    }

    function test_notesSinceWhen() public {
        assertEq(_since(), 0, "never");
        skip(5);
        _register(URI);
        uint40 since = uint40(vm.getBlockTimestamp());
        assertEq(_since(), since, "registered");
        skip(3 days);
        _retire(URI);
        assertEq(_since(), since, "retired");
    }

    /// @dev A round names what was registered when it was sealed, so nobody gets out of one by
    /// registering anew.
    function test_keepsItsAgeWhileTheHostIsLiable() public {
        _register(URI);
        uint40 since = _since();
        skip(3 days);
        _retire(URI);
        skip(_terms().thawPeriod);
        assertEq(_until(HASH), vm.getBlockTimestamp(), "the last second");
        _register(URI);
        assertEq(_since(), since, "as old as it was");
    }

    function test_isNewAfterwards() public {
        _register(URI);
        _retire(URI);
        skip(_terms().thawPeriod + 1);
        _register(URI);
        assertEq(_since(), vm.getBlockTimestamp(), "new");
        assertEq(_until(HASH), type(uint40).max, "liable");
    }
}
