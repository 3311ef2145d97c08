// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../script/Deploy.s.sol";
import { CollateralVault } from "../../src/CollateralVault.sol";
import { LicenseRegistry } from "../../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { Proofs } from "../../src/Proofs.sol";
import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { Rounds } from "../../src/Rounds.sol";
import { LicenseRef, NATIVE, Parent, Terms } from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { FingerprintTree } from "./FingerprintTree.sol";
import { InstantBeacon } from "./InstantBeacon.sol";
import { SampleCopy } from "./SampleCopy.sol";
import { SampleTerms } from "./SampleTerms.sol";
import { TestBase } from "./TestBase.sol";

/// @title The whole core as deployed, an active license with a registered deployment, and provers
abstract contract CoreTest is TestBase {
    uint40 internal constant ANSWER_WINDOW = 2 hours;
    uint40 internal constant OPEN_WINDOW = 3 hours;
    uint40 internal constant ROUND_LENGTH = ANSWER_WINDOW + OPEN_WINDOW;
    uint40 internal constant PAYOUT_DELAY = 7 days;
    uint40 internal constant WARM_UP = 1 days;
    uint128 internal constant SEAT_FEE = 0.1 ether;
    uint128 internal constant TICKET_PRICE = 10 ether;
    uint128 internal constant COLLATERAL = 100 ether;
    uint32 internal constant SHARED = 32;
    uint256 internal constant PROVERS = 5;
    uint32 internal constant TICKETS_EACH = 8;
    string internal constant URI = "https://host.example/v1";

    Rounds internal rounds;
    Proofs internal proofs;
    LicenseRegistry internal registry;
    CollateralVault internal vault;
    PaymentEscrow internal escrow;
    ProverRegistry internal provers;
    TestToken internal token;
    address internal beacon;
    FingerprintTree internal tree;

    Account internal owner;
    Account internal host;
    Account internal serving;
    /// @dev Pays for rounds.
    address internal reporter;
    address internal stranger;
    Account[] internal members;

    bytes32 internal modelId;
    bytes32 internal licenseId;
    bytes32 internal deployment = keccak256(bytes(URI));
    /// @dev Encoded, because the compiler copies no dynamic array of structs to storage.
    bytes private _encodedRef;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1000);
        installBlockHashHistory();
        owner = makeAccount("owner");
        host = makeAccount("host");
        serving = makeAccount("serving");
        reporter = makeAddr("reporter");
        stranger = makeAddr("stranger");
        token = _makeToken();
        _deployCore();
        _fund(host.addr);
        _fund(reporter);
        for (uint256 i; i < PROVERS; ++i) {
            members.push(makeAccount(string.concat("prover ", vm.toString(i))));
            _fund(members[i].addr);
            _join(members[i].addr, TICKETS_EACH);
        }
        skip(WARM_UP);
        _license();
        mine(1);
    }

    function _makeToken() internal virtual returns (TestToken) {
        return new TestToken("Test Dollar", "TUSD", 18);
    }

    function _settings() internal virtual returns (Deploy.Settings memory chosen) {
        chosen.rounds.answerWindow = ANSWER_WINDOW;
        chosen.rounds.openWindow = OPEN_WINDOW;
        chosen.rounds.payoutDelay = PAYOUT_DELAY;
        chosen.rounds.seatFee = SEAT_FEE;
        chosen.proofs.reportDelay = 60;
        chosen.proofs.payoutDelay = PAYOUT_DELAY;
        chosen.provers.stakeCurrency = address(token);
        chosen.provers.ticketPrice = TICKET_PRICE;
        chosen.provers.warmUp = WARM_UP;
        chosen.provers.alivePeriod = 30 days;
        chosen.provers.thawPeriod = 14 days;
        chosen.provers.roundLength = ROUND_LENGTH;
    }

    function _deployCore() private {
        Deploy script = new Deploy();
        Deploy.Settings memory chosen = _settings();
        beacon = address(new InstantBeacon());
        chosen.beacon.place = beacon;
        (Deploy.Core memory core,) = script.deploy(chosen);
        registry = core.registry;
        vault = core.vault;
        escrow = core.escrow;
        provers = core.provers;
        proofs = core.proofs;
        rounds = core.rounds;
    }

    function _fund(address account) internal virtual {
        token.mint(account, 1_000_000 ether);
        vm.deal(account, 1_000_000 ether);
        vm.startPrank(account);
        token.approve(address(vault), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        token.approve(address(provers), type(uint256).max);
        token.approve(address(rounds), type(uint256).max);
        vm.stopPrank();
    }

    function _join(address account, uint32 count) internal {
        uint256 value = provers.stakeCurrency() == NATIVE ? uint256(count) * TICKET_PRICE : 0;
        bytes32 key = keccak256(abi.encode("encryption key", account));
        vm.prank(account);
        provers.join{ value: value }(count, key, "https://prover.example/inbox");
    }

    /// @dev Seats of this license's rounds.
    function _seats() internal pure virtual returns (uint8) {
        return 16;
    }

    function _terms() internal view virtual returns (Terms memory terms) {
        terms = SampleTerms.make(modelId, 0, owner.addr, address(token));
        terms.evidenceLevels = 5;
        terms.collateral = COLLATERAL;
        terms.seats = _seats();
        terms.alphaInverse = 1e9;
        terms.maxDeployments = 2;
        terms.slash.unpaidUseBps = 8000;
        terms.slash.reporterBps = 3000;
        terms.slash.ownerBps = 4000;
    }

    function _personalCount() internal pure virtual returns (uint32) {
        return 1024;
    }

    function _makeTree(uint32 count) internal virtual returns (FingerprintTree) {
        return new FingerprintTree(modelId, 0, count);
    }

    function _license() private {
        vm.startPrank(owner.addr);
        modelId = registry.registerModel("weights", "metadata", new Parent[](0));
        tree = _makeTree(_personalCount() + SHARED);
        registry.commitUniverse(modelId, tree.root(), _personalCount(), SHARED);
        Terms memory terms = _terms();
        registry.publishOffer(terms);
        vm.stopPrank();
        LicenseRef memory ref_ = LicenseRef(terms, host.addr, 1);
        _encodedRef = abi.encode(ref_);
        licenseId = _activeLicense(ref_);
        _register(URI);
    }

    function _activeLicense(LicenseRef memory ref_) internal virtual returns (bytes32 id) {
        uint256 value =
            ref_.terms.currency == NATIVE ? ref_.terms.licenseFee + ref_.terms.collateral : 0;
        vm.prank(ref_.host);
        id = registry.acquire{ value: value }(
            ref_.terms, ref_.nonce, serving.addr, SampleCopy.ENCRYPTION_KEY
        );
        _mineBeacon("license");
        registry.drawLicenseSeed(id);
        _deliver(ref_);
    }

    function _deliver(LicenseRef memory ref_) internal {
        vm.prank(ref_.host);
        registry.acceptCopy(ref_, SampleCopy.ROOT, SampleCopy.KEY_HASH);
        registry.deliverKey(ref_, SampleCopy.KEY);
    }

    function _register(string memory uri) internal virtual {
        LicenseRef memory ref_ = ref();
        vm.prank(host.addr);
        registry.registerDeployment(ref_, uri);
    }

    function _retire(string memory uri) internal {
        LicenseRef memory ref_ = ref();
        vm.prank(host.addr);
        registry.retireDeployment(ref_, uri);
    }

    function ref() internal view returns (LicenseRef memory) {
        return abi.decode(_encodedRef, (LicenseRef));
    }

    /// @dev Three blocks, so that a round named before is out.
    function _mineBeacon(string memory label) internal {
        for (uint256 i; i < 3; ++i) {
            mineWithHash(keccak256(abi.encode(label, vm.getBlockNumber())));
        }
    }

    /// @dev What an account has of the provers' stake currency.
    function _held(address account) internal view returns (uint256) {
        return provers.stakeCurrency() == NATIVE ? account.balance : token.balanceOf(account);
    }
}
