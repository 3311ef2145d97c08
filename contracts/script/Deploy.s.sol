// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ChallengeManager } from "../src/ChallengeManager.sol";
import { CollateralVault } from "../src/CollateralVault.sol";
import { Deployer } from "../src/Deployer.sol";
import { LicenseRegistry } from "../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../src/PaymentEscrow.sol";
import { ProverRegistry } from "../src/ProverRegistry.sol";
import { BlockHashBeacon } from "../src/beacons/BlockHashBeacon.sol";
import { IChallengeTypes } from "../src/interfaces/IChallengeTypes.sol";
import { TestToken } from "../src/testing/TestToken.sol";
import { Vm } from "../test/utils/Vm.sol";

/// @dev What forge offers besides `Vm`.
interface VmBroadcast {
    function broadcastRawTransaction(bytes calldata data) external;
}

/// @title Deploys the core, at addresses that its code and settings decide
/// @notice What stands alone is created by CREATE2 through the deterministic-deployment proxy; the
/// circle of the core by `Deployer`, which also does the wiring. Running again finds everything in
/// place; other settings give other addresses. Settings come from the environment, see `settings`:
/// `forge script script/Deploy.s.sol --rpc-url … --sender … --broadcast`
contract Deploy {
    /// @notice Nothing was created where it should be: the chain refused the code, or a constructor
    /// the settings.
    error Deploy_NotCreated(string name, address expected);

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

    /// @notice Deterministic-deployment proxy: creates with CREATE2 from a salt and the code behind
    /// it. The same on every chain, as the transaction that creates it has no known key.
    address public constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;

    /// @dev Who pays for that transaction, how much, and the transaction.
    address private constant PROXY_MAKER = 0x3fAB184622Dc19b6109349B94811493BF2a45362;
    uint256 private constant PROXY_COST = 0.01 ether;
    bytes private constant PROXY_TRANSACTION =
        hex"f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222";

    /// @notice Deploys as the script's sender and writes the addresses to `OML_ADDRESSES`
    /// (default `deployments/<chain id>.json`).
    function run() external {
        vm.startBroadcast();
        if (PROXY.code.length == 0) {
            payable(PROXY_MAKER).transfer(PROXY_COST);
            VmBroadcast(address(vm)).broadcastRawTransaction(PROXY_TRANSACTION);
        }
        Settings memory chosen = settings();
        address token;
        if (vm.envOr("OML_TEST_TOKEN", false)) {
            bytes memory arguments = abi.encode("OML Test Dollar", "TUSD", uint8(18));
            token = _create2("TestToken.sol:TestToken", arguments);
            chosen.stakeCurrency = token;
        }
        (Core memory core, uint256 startedAt) = deploy(chosen);
        vm.stopBroadcast();
        write(core, token, startedAt);
    }

    /// @notice Deploys what is not there yet of the core with these settings.
    /// @return core the contracts
    /// @return startedAt block of the first of them
    function deploy(Settings memory chosen) public returns (Core memory core, uint256 startedAt) {
        _create2("CopyReader.sol:CopyReader", "");
        core.beacon = BlockHashBeacon(_create2("BlockHashBeacon.sol:BlockHashBeacon", ""));
        Deployer deployer = Deployer(_create2("Deployer.sol:Deployer", ""));
        Deployer.Plan memory plan = planOf(address(core.beacon), chosen);
        address[5] memory parts;
        for (uint256 i; i < parts.length; ++i) {
            parts[i] = _deployPart(deployer, plan, Deployer.Part(i));
        }
        core.registry = LicenseRegistry(parts[0]);
        core.vault = CollateralVault(parts[1]);
        core.escrow = PaymentEscrow(payable(parts[2]));
        core.provers = ProverRegistry(parts[3]);
        core.challengeManager = ChallengeManager(parts[4]);
        startedAt = deployer.startedAt(deployer.planIdOf(plan));
    }

    /// @notice The plan of these settings with the code of this compilation.
    function planOf(address beacon, Settings memory chosen)
        public
        view
        returns (Deployer.Plan memory plan)
    {
        plan.beacon = beacon;
        plan.stakeCurrency = chosen.stakeCurrency;
        plan.minStake = chosen.minStake;
        plan.stakeThawPeriod = chosen.stakeThawPeriod;
        plan.config = chosen.config;
        for (uint256 i; i < plan.codeHashes.length; ++i) {
            plan.codeHashes[i] = keccak256(codeOf(Deployer.Part(i)));
        }
    }

    /// @notice Creation code of a part, as compiled.
    function codeOf(Deployer.Part part) public view returns (bytes memory) {
        return vm.getCode(_artefactOf(part));
    }

    function _deployPart(Deployer deployer, Deployer.Plan memory plan, Deployer.Part part)
        private
        returns (address place)
    {
        place = deployer.addressOf(plan, part);
        if (place.code.length != 0) return place;
        deployer.deployPart(plan, part, codeOf(part));
        require(place.code.length != 0, Deploy_NotCreated(_artefactOf(part), place));
    }

    function _artefactOf(Deployer.Part part) private pure returns (string memory) {
        string[5] memory names = [
            "LicenseRegistry.sol:LicenseRegistry",
            "CollateralVault.sol:CollateralVault",
            "PaymentEscrow.sol:PaymentEscrow",
            "ProverRegistry.sol:ProverRegistry",
            "ChallengeManager.sol:ChallengeManager"
        ];
        return names[uint256(part)];
    }

    /// @dev Creates by the proxy, with salt 0, what is not there yet.
    function _create2(string memory artefact, bytes memory arguments)
        private
        returns (address place)
    {
        bytes memory code = abi.encodePacked(vm.getCode(artefact), arguments);
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", PROXY, bytes32(0), keccak256(code)));
        place = address(uint160(uint256(hash)));
        if (place.code.length != 0) return place;
        (bool ok,) = PROXY.call(abi.encodePacked(bytes32(0), code));
        require(ok && place.code.length != 0, Deploy_NotCreated(artefact, place));
    }

    /// @notice Settings of a public network; each can be replaced by the environment variable named
    /// here.
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
    function write(Core memory core, address token, uint256 startedAt) public {
        string memory o = "addresses";
        vm.serializeUint(o, "chainId", block.chainid);
        vm.serializeUint(o, "deployedAtBlock", startedAt);
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
}
