// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../../script/Deploy.s.sol";
import { Deployer } from "../../../src/Deployer.sol";
import { IBeacon } from "../../../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../../../src/interfaces/IDrandBeacon.sol";
import { ILicenseRegistry } from "../../../src/interfaces/ILicenseRegistry.sol";
import { LicenseStatus } from "../../../src/libraries/Types.sol";
import { TestBase } from "../../utils/TestBase.sol";

contract DeployTest is TestBase {
    Deploy private _script;
    Deployer private _deployer;

    function setUp() public {
        _script = new Deploy();
        _deployer = new Deployer();
    }

    function _plan() private view returns (Deployer.Plan memory) {
        return _script.planOf(address(0xbeac), _script.settings());
    }

    function test_revertWhen_otherCode() public {
        Deployer.Plan memory plan = _plan();
        bytes memory code = _script.codeOf(Deployer.Part.CollateralVault);
        vm.expectRevert(
            abi.encodeWithSelector(
                Deployer.Deployer_WrongCode.selector,
                Deployer.Part.PaymentEscrow,
                keccak256(code),
                plan.codeHashes[2]
            )
        );
        _deployer.deployPart(plan, Deployer.Part.PaymentEscrow, code);
    }

    function test_revertWhen_alreadyThere() public {
        Deployer.Plan memory plan = _plan();
        bytes memory code = _script.codeOf(Deployer.Part.PaymentEscrow);
        address place = _deployer.deployPart(plan, Deployer.Part.PaymentEscrow, code);
        vm.expectRevert(
            abi.encodeWithSelector(
                Deployer.Deployer_AlreadyDeployed.selector, Deployer.Part.PaymentEscrow, place
            )
        );
        _deployer.deployPart(plan, Deployer.Part.PaymentEscrow, code);
    }

    function test_revertWhen_aConstructorRefusesTheSettings() public {
        Deploy.Settings memory settings = _script.settings();
        settings.provers.ticketPrice = 0;
        vm.expectRevert(bytes4(keccak256("DeploymentFailed()")));
        _script.deploy(settings);
    }

    function test_wires() public {
        Deploy.Settings memory settings = _script.settings();
        (Deploy.Core memory core,) = _script.deploy(settings);
        // Whoever is wired to another place would refuse these calls.
        assertEq(abi.encode(core.provers.config()), abi.encode(settings.provers), "provers");
        assertEq(abi.encode(core.proofs.config()), abi.encode(settings.proofs), "proofs");
        assertEq(abi.encode(core.rounds.config()), abi.encode(settings.rounds), "rounds");
        address[2] memory judges = [address(core.proofs), address(core.rounds)];
        bytes32 none = keccak256("no license");
        for (uint256 i; i < 2; ++i) {
            vm.prank(judges[i]);
            vm.expectRevert(
                abi.encodeWithSelector(
                    ILicenseRegistry.LicenseRegistry_WrongStatus.selector, none, LicenseStatus.None
                )
            );
            core.registry.terminateFor(none);
        }
        vm.expectRevert(
            abi.encodeWithSelector(
                ILicenseRegistry.LicenseRegistry_OnlyJudges.selector, address(this)
            )
        );
        core.registry.terminateFor(none);
    }

    /// @dev Each part finds every other one at the address that the deployer gives it.
    function test_argumentsAreTheOtherParts() public view {
        Deployer.Plan memory plan = _plan();
        address[6] memory places;
        for (uint256 i; i < 6; ++i) {
            places[i] = _deployer.addressOf(plan, Deployer.Part(i));
        }
        bytes[6] memory expected = [
            abi.encode(places[1], places[2], places[4], places[5], plan.beacon),
            abi.encode(places[0], places[2], places[4], places[5]),
            abi.encode(places[0], places[1]),
            abi.encode(plan.provers),
            abi.encode(places[0], places[1], places[2], plan.proofs),
            abi.encode(places[0], places[1], places[3], plan.beacon, plan.rounds)
        ];
        for (uint256 i; i < 6; ++i) {
            assertEq(_deployer.argumentsOf(plan, Deployer.Part(i)), expected[i], "arguments");
        }
    }

    /// @dev A place must not change hands while a round draws it, nor a stake leave sooner.
    function test_usualSettingsFitTogether() public view {
        Deploy.Settings memory settings = _script.settings();
        assertEq(
            settings.provers.roundLength,
            settings.rounds.answerWindow + settings.rounds.openWindow,
            "round"
        );
        assertGt(settings.provers.thawPeriod, settings.provers.roundLength, "thaw");
        assertEq(settings.proofs.payoutDelay, settings.rounds.payoutDelay, "payouts");
    }

    function test_usualBeacons() public {
        Deploy.Settings memory settings = _script.settings();
        (Deploy.Core memory core,) = _script.deploy(settings);
        assertEq(uint256(core.beacon.kind()), uint256(IBeacon.Kind.Randao), "local");
        assertEq(core.beacon.margin(), 2, "blocks");
        vm.chainId(1);
        settings.beacon = _script.beaconChoice();
        (core,) = _script.deploy(settings);
        assertEq(uint256(core.beacon.kind()), uint256(IBeacon.Kind.DrandBn254), "elsewhere");
        assertEq(core.beacon.margin(), 300, "seconds");
    }

    function test_namedBeacons() public {
        Deploy.Settings memory settings = _script.settings();
        settings.beacon = _script.beaconNamed("quicknet");
        (Deploy.Core memory core,) = _script.deploy(settings);
        assertEq(uint256(core.beacon.kind()), uint256(IBeacon.Kind.DrandBls12));
        assertEq(IDrandBeacon(address(core.beacon)).genesis(), 1_692_803_367);
        settings.beacon = _script.beaconNamed("evmnet");
        (Deploy.Core memory other,) = _script.deploy(settings);
        assertEq(IDrandBeacon(address(other.beacon)).genesis(), 1_727_521_075);
        assertFalse(address(other.registry) == address(core.registry), "another plan");
    }

    function test_aBeaconThatStands() public {
        Deploy.Settings memory settings = _script.settings();
        settings.beacon.place = makeAddr("beacon");
        (Deploy.Core memory core,) = _script.deploy(settings);
        assertEq(address(core.beacon), settings.beacon.place);
    }

    function test_revertWhen_noSuchBeacon() public {
        vm.expectRevert(abi.encodeWithSelector(Deploy.Deploy_UnknownBeacon.selector, "dice"));
        _script.beaconNamed("dice");
        // A network of one's own, without its key.
        Deploy.Settings memory settings = _script.settings();
        settings.beacon = _script.beaconNamed("drand-bn254");
        vm.expectPartialRevert(Deploy.Deploy_NotCreated.selector);
        _script.deploy(settings);
    }

    function test_aSecondRunFindsEverything() public {
        Deploy.Settings memory settings = _script.settings();
        (Deploy.Core memory core, uint256 startedAt) = _script.deploy(settings);
        assertEq(startedAt, vm.getBlockNumber());
        vm.roll(startedAt + 100);
        (Deploy.Core memory again, uint256 sameStart) = new Deploy().deploy(settings);
        assertEq(abi.encode(again), abi.encode(core));
        assertEq(sameStart, startedAt);
    }

    /// @dev Whoever calls, whenever, on whichever chain: the salt is all that counts.
    function test_addressesDependOnCodeAndSettingsAlone() public {
        Deployer.Plan memory plan = _plan();
        address vault = _deployer.addressOf(plan, Deployer.Part.CollateralVault);
        vm.chainId(12_345);
        vm.prank(makeAddr("anybody"));
        bytes memory code = _script.codeOf(Deployer.Part.CollateralVault);
        assertEq(_deployer.deployPart(plan, Deployer.Part.CollateralVault, code), vault);
        assertGt(vault.code.length, 0);

        plan.rounds.seatFee += 1;
        assertFalse(_deployer.addressOf(plan, Deployer.Part.CollateralVault) == vault);
        plan = _plan();
        plan.codeHashes[4] = keccak256("other code of another part");
        assertFalse(_deployer.addressOf(plan, Deployer.Part.CollateralVault) == vault);
    }
}
