// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CollateralVault } from "../src/CollateralVault.sol";
import { Deployer } from "../src/Deployer.sol";
import { LicenseRegistry } from "../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../src/PaymentEscrow.sol";
import { Proofs } from "../src/Proofs.sol";
import { ProverRegistry } from "../src/ProverRegistry.sol";
import { Rounds } from "../src/Rounds.sol";
import { IBeacon } from "../src/interfaces/IBeacon.sol";
import { IDrandBeacon } from "../src/interfaces/IDrandBeacon.sol";
import { IProofs } from "../src/interfaces/IProofs.sol";
import { IProverRegistry } from "../src/interfaces/IProverRegistry.sol";
import { IRounds } from "../src/interfaces/IRounds.sol";
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

    /// @notice There is no beacon of this name.
    error Deploy_UnknownBeacon(string name);

    /// @notice A beacon that stands already, or one to create.
    struct BeaconChoice {
        address place;
        string artefact;
        bytes arguments;
    }

    struct Settings {
        BeaconChoice beacon;
        IProverRegistry.Config provers;
        IProofs.Config proofs;
        IRounds.Config rounds;
    }

    struct Core {
        IBeacon beacon;
        LicenseRegistry registry;
        CollateralVault vault;
        PaymentEscrow escrow;
        ProverRegistry provers;
        Proofs proofs;
        Rounds rounds;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @notice Deterministic-deployment proxy: creates with CREATE2 from a salt and the code behind
    /// it. The same on every chain, as the transaction that creates it has no known key.
    address public constant PROXY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;

    /// @dev Of anvil.
    uint256 private constant LOCAL_CHAIN = 31_337;

    string private constant BN254 = "DrandBn254Beacon.sol:DrandBn254Beacon";
    string private constant BLS12 = "DrandBls12Beacon.sol:DrandBls12Beacon";

    /// @dev The League of Entropy's networks, by chain hash 04f1e909… and 52db9ba7…; the second key
    /// is published compressed.
    uint256 private constant EVMNET_GENESIS = 1_727_521_075;
    uint256 private constant QUICKNET_GENESIS = 1_692_803_367;
    bytes private constant EVMNET_KEY =
        hex"07e1d1d335df83fa98462005690372c643340060d205306a9aa8106b6bd0b3820557ec32c2ad488e4d4f6008f89a346f18492092ccc0d594610de2732c8b808f0095685ae3a85ba243747b1b2f426049010f6b73a0cf1d389351d5aaaa1047f6297d3a4f9749b33eb2d904c9d9ebf17224150ddd7abd7567a9bec6c74480ee0b";
    bytes private constant QUICKNET_KEY =
        hex"03cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a01a714f2edb74119a2f2b0d5a7c75ba902d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b0e5db2b6bfbb01c867749cadffca88b36c24f3012ba09fc4d3022c5c37dce0f977d3adb5d183c7477c442b1f04515273";

    /// @dev (p − 1) / 2 of BLS12-381's field: of two points with one x, one has a larger y.
    bytes private constant HALF =
        hex"0d0088f51cbff34d258dd3db21a5d66bb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555";

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
            chosen.provers.stakeCurrency = token;
        }
        (Core memory core, uint256 startedAt) = deploy(chosen);
        vm.stopBroadcast();
        write(core, token, startedAt);
    }

    /// @notice Deploys what is not there yet of the core with these settings.
    /// @return core the contracts
    /// @return startedAt block of the first of them
    function deploy(Settings memory chosen) public returns (Core memory core, uint256 startedAt) {
        core.beacon = IBeacon(
            chosen.beacon.place == address(0)
                ? _create2(chosen.beacon.artefact, chosen.beacon.arguments)
                : chosen.beacon.place
        );
        Deployer deployer = Deployer(_create2("Deployer.sol:Deployer", ""));
        Deployer.Plan memory plan = planOf(address(core.beacon), chosen);
        address[6] memory parts;
        for (uint256 i; i < parts.length; ++i) {
            parts[i] = _deployPart(deployer, plan, Deployer.Part(i));
        }
        core.registry = LicenseRegistry(parts[0]);
        core.vault = CollateralVault(parts[1]);
        core.escrow = PaymentEscrow(payable(parts[2]));
        core.provers = ProverRegistry(parts[3]);
        core.proofs = Proofs(parts[4]);
        core.rounds = Rounds(parts[5]);
        startedAt = deployer.startedAt(deployer.planIdOf(plan));
    }

    /// @notice The plan of these settings with the code of this compilation.
    function planOf(address beacon, Settings memory chosen)
        public
        view
        returns (Deployer.Plan memory plan)
    {
        plan.beacon = beacon;
        plan.provers = chosen.provers;
        plan.proofs = chosen.proofs;
        plan.rounds = chosen.rounds;
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
        string[6] memory names = [
            "LicenseRegistry.sol:LicenseRegistry",
            "CollateralVault.sol:CollateralVault",
            "PaymentEscrow.sol:PaymentEscrow",
            "ProverRegistry.sol:ProverRegistry",
            "Proofs.sol:Proofs",
            "Rounds.sol:Rounds"
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
        chosen.beacon = beaconChoice();
        IRounds.Config memory rounds = chosen.rounds;
        rounds.answerWindow = uint40(vm.envOr("OML_ANSWER_WINDOW", 1 days));
        rounds.openWindow = uint40(vm.envOr("OML_OPEN_WINDOW", 1 days));
        rounds.payoutDelay = uint40(vm.envOr("OML_PAYOUT_DELAY", 7 days));
        rounds.seatFee = uint128(vm.envOr("OML_SEAT_FEE", 0.001 ether));
        chosen.proofs.reportDelay = uint40(vm.envOr("OML_REPORT_DELAY", 1 minutes));
        chosen.proofs.payoutDelay = rounds.payoutDelay;
        IProverRegistry.Config memory provers = chosen.provers;
        provers.stakeCurrency = vm.envOr("OML_STAKE_CURRENCY", address(0));
        provers.ticketPrice = uint128(vm.envOr("OML_TICKET_PRICE", 0.1 ether));
        provers.warmUp = uint40(vm.envOr("OML_WARM_UP", 14 days));
        provers.alivePeriod = uint40(vm.envOr("OML_ALIVE_PERIOD", 30 days));
        provers.thawPeriod = uint40(vm.envOr("OML_STAKE_THAW", 60 days));
        provers.roundLength = rounds.answerWindow + rounds.openWindow;
    }

    /// @notice The beacon at `OML_BEACON_ADDRESS`, or one that `OML_BEACON` names, see
    /// `beaconNamed`. Default: `randao` on a local chain, else `evmnet`.
    function beaconChoice() public view returns (BeaconChoice memory choice) {
        choice.place = vm.envOr("OML_BEACON_ADDRESS", address(0));
        if (choice.place != address(0)) return choice;
        string memory usual = block.chainid == LOCAL_CHAIN ? "randao" : "evmnet";
        return beaconNamed(vm.envOr("OML_BEACON", usual));
    }

    /// @notice `randao`, for chains whose blocks are made by many, see `RandaoBeacon`; the public
    /// drand networks `evmnet` and `quicknet`; or a drand scheme with a network of one's own,
    /// `drand-bn254` and `drand-bls12`.
    function beaconNamed(string memory name) public view returns (BeaconChoice memory choice) {
        bytes32 hash = keccak256(bytes(name));
        if (hash == keccak256("randao")) {
            uint256 usual = block.chainid == LOCAL_CHAIN ? 2 : 128;
            choice.artefact = "RandaoBeacon.sol:RandaoBeacon";
            choice.arguments = abi.encode(
                vm.envOr("OML_BEACON_MARGIN", usual), vm.envOr("OML_BEACON_BIAS_BITS", uint256(1))
            );
        } else if (hash == keccak256("evmnet")) {
            choice = _drand(BN254, EVMNET_KEY, EVMNET_GENESIS, 3);
        } else if (hash == keccak256("quicknet")) {
            choice = _drand(BLS12, QUICKNET_KEY, QUICKNET_GENESIS, 3);
        } else {
            bool isBn254 = hash == keccak256("drand-bn254");
            require(isBn254 || hash == keccak256("drand-bls12"), Deploy_UnknownBeacon(name));
            choice = _drand(
                isBn254 ? BN254 : BLS12,
                vm.parseBytes(vm.envOr("OML_BEACON_KEY", string("0x"))),
                vm.envOr("OML_BEACON_GENESIS", uint256(0)),
                vm.envOr("OML_BEACON_PERIOD", uint256(3))
            );
        }
    }

    function _drand(string memory artefact, bytes memory key, uint256 genesis, uint256 period)
        private
        view
        returns (BeaconChoice memory choice)
    {
        choice.artefact = artefact;
        uint256 margin = vm.envOr("OML_BEACON_MARGIN", uint256(300));
        choice.arguments = abi.encode(key, genesis, period, margin);
    }

    /// @notice Writes the addresses file that the node, the CLI and the tests read.
    function write(Core memory core, address token, uint256 startedAt) public {
        string memory o = "addresses";
        vm.serializeUint(o, "chainId", block.chainid);
        vm.serializeUint(o, "deployedAtBlock", startedAt);
        vm.serializeString("beacon", "source", _sourceOf(core.beacon));
        vm.serializeString(
            o, "beacon", vm.serializeAddress("beacon", "address", address(core.beacon))
        );
        vm.serializeAddress(o, "licenseRegistry", address(core.registry));
        vm.serializeAddress(o, "collateralVault", address(core.vault));
        vm.serializeAddress(o, "paymentEscrow", address(core.escrow));
        vm.serializeAddress(o, "proverRegistry", address(core.provers));
        if (token != address(0)) vm.serializeAddress(o, "token", token);
        vm.serializeAddress(o, "proofs", address(core.proofs));
        string memory json = vm.serializeAddress(o, "rounds", address(core.rounds));
        string memory path = vm.envOr("OML_ADDRESSES", string(""));
        if (bytes(path).length == 0) {
            vm.createDir("deployments", true);
            path = string.concat("deployments/", vm.toString(block.chainid), ".json");
        }
        vm.writeJson(json, path);
    }

    /// @dev What the beacon's values are made of, as the addresses file names it.
    function _sourceOf(IBeacon beacon) private returns (string memory) {
        string memory o = "source";
        IBeacon.Kind kind = beacon.kind();
        vm.serializeUint(o, "margin", beacon.margin());
        if (kind == IBeacon.Kind.Randao) {
            vm.serializeUint(o, "biasBits", beacon.biasBits());
            return vm.serializeString(o, "kind", "randao");
        }
        bool isBn254 = kind == IBeacon.Kind.DrandBn254;
        require(isBn254 || kind == IBeacon.Kind.DrandBls12, Deploy_UnknownBeacon("of another kind"));
        IDrandBeacon drand = IDrandBeacon(address(beacon));
        vm.serializeUint(o, "genesis", drand.genesis());
        vm.serializeUint(o, "period", drand.period());
        bytes memory key = drand.publicKey();
        vm.serializeString(o, "publicKey", vm.toString(isBn254 ? key : _compressed(key)));
        return vm.serializeString(o, "kind", isBn254 ? "drand-evmnet" : "drand-quicknet");
    }

    /// @dev A key on BLS12-381 as drand publishes it: x with two marks in its first byte, that it
    /// is compressed, and whether y is the larger one: by c1, or c0 where that is zero.
    function _compressed(bytes memory key) private pure returns (bytes memory x) {
        x = new bytes(96);
        for (uint256 i; i < 96; ++i) {
            x[i] = key[i];
        }
        bool isLarger = _isZero(key, 96) ? _isLarger(key, 144) : _isLarger(key, 96);
        x[0] |= isLarger ? bytes1(0xa0) : bytes1(0x80);
    }

    function _isZero(bytes memory key, uint256 from) private pure returns (bool) {
        for (uint256 i; i < 48; ++i) {
            if (key[from + i] != 0) return false;
        }
        return true;
    }

    function _isLarger(bytes memory key, uint256 from) private pure returns (bool) {
        for (uint256 i; i < 48; ++i) {
            if (key[from + i] != HALF[i]) return key[from + i] > HALF[i];
        }
        return false;
    }
}
