// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ChallengeManager } from "../src/ChallengeManager.sol";
import { CollateralVault } from "../src/CollateralVault.sol";
import { LicenseRegistry } from "../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../src/PaymentEscrow.sol";
import { ProverRegistry } from "../src/ProverRegistry.sol";
import { BlockHashBeacon } from "../src/beacons/BlockHashBeacon.sol";
import { IChallengeTypes } from "../src/interfaces/IChallengeTypes.sol";
import { TestToken } from "../src/testing/TestToken.sol";
import { Vm } from "../test/utils/Vm.sol";

/// @title Deploys the core
/// @notice The contracts know each other by immutables, in a circle; so every address is predicted from the
/// deployer's nonce first, and each prediction is checked. Settings come from the environment, see `settings`:
/// `forge script script/Deploy.s.sol --rpc-url … --sender … --broadcast`
contract Deploy {
    /// @notice A deployment did not land where the others expect it: the deployer's nonce moved in between.
    error Deploy_WrongAddress(bytes32 name, address expected, address actual);

    struct Settings {
        address stakeCurrency;
        uint128 minStake;
        uint40 stakeThawPeriod;
        IChallengeTypes.Config config;
    }

    struct Core {
        BlockHashBeacon beacon;
        LicenseRegistry registry;
        CollateralVault vault;
        PaymentEscrow escrow;
        ProverRegistry provers;
        ChallengeManager challengeManager;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Deploys as the script's sender and writes the addresses to `OML_ADDRESSES`
    /// (default `deployments/<chain id>.json`).
    function run() external {
        vm.startBroadcast();
        Settings memory chosen = settings();
        address token;
        if (vm.envOr("OML_TEST_TOKEN", false)) {
            token = address(new TestToken("OML Test Dollar", "TUSD", 18));
            chosen.stakeCurrency = token;
        }
        Core memory core = deploy(msg.sender, chosen);
        vm.stopBroadcast();
        write(core, token);
    }

    /// @notice Deploys the core by CREATE from `deployer`, who must be the sender of every creation made here.
    function deploy(address deployer, Settings memory chosen) public returns (Core memory core) {
        uint256 nonce = vm.getNonce(deployer);
        address beacon = vm.computeCreateAddress(deployer, nonce);
        address registry = vm.computeCreateAddress(deployer, nonce + 1);
        address vault = vm.computeCreateAddress(deployer, nonce + 2);
        address escrow = vm.computeCreateAddress(deployer, nonce + 3);
        address provers = vm.computeCreateAddress(deployer, nonce + 4);
        address manager = vm.computeCreateAddress(deployer, nonce + 5);

        // Checked one by one: a contract that finds nobody at a predicted address fails without a word.
        core.beacon = new BlockHashBeacon();
        _requireAt("beacon", beacon, address(core.beacon));
        core.registry = new LicenseRegistry(vault, escrow, manager, beacon);
        _requireAt("licenseRegistry", registry, address(core.registry));
        core.vault = new CollateralVault(registry, escrow, manager);
        _requireAt("collateralVault", vault, address(core.vault));
        core.escrow = new PaymentEscrow(registry, vault);
        _requireAt("paymentEscrow", escrow, address(core.escrow));
        core.provers = new ProverRegistry(
            manager, chosen.stakeCurrency, chosen.minStake, chosen.stakeThawPeriod
        );
        _requireAt("proverRegistry", provers, address(core.provers));
        core.challengeManager =
            new ChallengeManager(registry, vault, escrow, provers, beacon, chosen.config);
        _requireAt("challengeManager", manager, address(core.challengeManager));
    }

    /// @notice Settings of a public network; each can be replaced by the environment variable named here.
    function settings() public view returns (Settings memory chosen) {
        chosen.stakeCurrency = vm.envOr("OML_STAKE_CURRENCY", address(0));
        chosen.minStake = uint128(vm.envOr("OML_MIN_STAKE", 1 ether));
        chosen.stakeThawPeriod = uint40(vm.envOr("OML_STAKE_THAW", 14 days));
        IChallengeTypes.Config memory c = chosen.config;
        c.reportDelay = uint40(vm.envOr("OML_REPORT_DELAY", 1 minutes));
        c.questionsWindow = uint40(vm.envOr("OML_QUESTIONS_WINDOW", 1 days));
        c.commitWindow = uint40(vm.envOr("OML_COMMIT_WINDOW", 1 days));
        c.revealWindow = uint40(vm.envOr("OML_REVEAL_WINDOW", 1 days));
        c.openingWindow = uint40(vm.envOr("OML_OPENING_WINDOW", 1 days));
        c.rebuttalWindow = uint40(vm.envOr("OML_REBUTTAL_WINDOW", 2 days));
        c.payoutDelay = uint40(vm.envOr("OML_PAYOUT_DELAY", 7 days));
        c.committeeSize = uint8(vm.envOr("OML_COMMITTEE_SIZE", 5));
        c.bundlesPerCase = uint8(vm.envOr("OML_BUNDLES_PER_CASE", 2));
        c.sharedBundlesPerCase = uint8(vm.envOr("OML_SHARED_BUNDLES_PER_CASE", 1));
        c.minDecoys = uint8(vm.envOr("OML_MIN_DECOYS", 16));
        c.nonRevealPenalty = uint128(vm.envOr("OML_NON_REVEAL_PENALTY", 0.2 ether));
        c.dissentPenalty = uint128(vm.envOr("OML_DISSENT_PENALTY", 0.05 ether));
    }

    /// @notice Writes the addresses file that the node, the CLI and the tests read.
    function write(Core memory core, address token) public {
        string memory o = "addresses";
        vm.serializeUint(o, "chainId", block.chainid);
        vm.serializeUint(o, "deployedAtBlock", vm.getBlockNumber());
        vm.serializeAddress(o, "beacon", address(core.beacon));
        vm.serializeAddress(o, "licenseRegistry", address(core.registry));
        vm.serializeAddress(o, "collateralVault", address(core.vault));
        vm.serializeAddress(o, "paymentEscrow", address(core.escrow));
        vm.serializeAddress(o, "proverRegistry", address(core.provers));
        if (token != address(0)) vm.serializeAddress(o, "token", token);
        string memory json =
            vm.serializeAddress(o, "challengeManager", address(core.challengeManager));
        string memory path = vm.envOr("OML_ADDRESSES", string(""));
        if (bytes(path).length == 0) {
            vm.createDir("deployments", true);
            path = string.concat("deployments/", vm.toString(block.chainid), ".json");
        }
        vm.writeJson(json, path);
    }

    function _requireAt(bytes32 name, address expected, address actual) private pure {
        require(expected == actual, Deploy_WrongAddress(name, expected, actual));
    }
}
