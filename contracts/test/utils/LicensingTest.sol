// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { CollateralVault } from "../../src/CollateralVault.sol";
import { LicenseRegistry } from "../../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { IBeacon } from "../../src/interfaces/IBeacon.sol";
import { ICollateralVault } from "../../src/interfaces/ICollateralVault.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import {
    LicenseRef,
    LicenseStatus,
    NATIVE,
    Parent,
    Royalty,
    Terms
} from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { InstantBeacon } from "./InstantBeacon.sol";
import { RoundsConfig } from "./RoundsConfig.sol";
import { SampleCopy } from "./SampleCopy.sol";
import { SampleTerms } from "./SampleTerms.sol";
import { TestBase } from "./TestBase.sol";

/// @title Registry, vault, escrow and beacon, a model with one parent, and the steps of a license
/// @dev Who judges are accounts, so that tests decide what they do.
abstract contract LicensingTest is TestBase {
    bytes32 internal constant WEIGHTS = keccak256("weights");
    bytes32 internal constant METADATA = keccak256("metadata");
    bytes32 internal constant ROOT = keccak256("root");
    bytes32 internal constant ENCRYPTION_KEY = SampleCopy.ENCRYPTION_KEY;
    bytes32 internal constant SEALED = SampleCopy.ROOT;
    bytes32 internal constant COPY_KEY = SampleCopy.KEY;
    bytes32 internal constant REQUEST = keccak256("request");
    uint16 internal constant PARENT_BPS = 1000;
    uint32 internal constant PERSONAL = 512;
    uint32 internal constant SHARED = 64;
    uint128 internal constant DEPOSIT = 10 ether;

    IBeacon internal beacon;
    LicenseRegistry internal registry;
    CollateralVault internal vault;
    PaymentEscrow internal escrow;
    TestToken internal token;

    Account internal owner;
    Account internal parentOwner;
    Account internal host;
    Account internal payer;
    Account internal session;
    address internal reporter;
    address internal stranger;
    address internal proofs;
    address internal rounds;
    address internal servingKey;

    bytes32 internal parentModel;
    bytes32 internal modelId;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1000);
        owner = makeAccount("owner");
        parentOwner = makeAccount("parentOwner");
        host = makeAccount("host");
        payer = makeAccount("payer");
        session = makeAccount("session");
        reporter = makeAddr("reporter");
        stranger = makeAddr("stranger");
        proofs = makeAddr("proofs");
        servingKey = makeAddr("servingKey");
        _deploy();
        _fund(host.addr);
        _fund(payer.addr);
        _fund(stranger);
        _registerModels();
    }

    // ---- Set-up

    function _makeBeacon() internal virtual returns (IBeacon) {
        return new InstantBeacon();
    }

    function _deploy() private {
        beacon = _makeBeacon();
        rounds = address(new RoundsConfig());
        uint256 nonce = vm.getNonce(address(this));
        address vaultAddress = vm.computeCreateAddress(address(this), nonce + 1);
        address escrowAddress = vm.computeCreateAddress(address(this), nonce + 2);
        registry = new LicenseRegistry(vaultAddress, escrowAddress, proofs, rounds, address(beacon));
        vault = new CollateralVault(address(registry), escrowAddress, proofs, rounds);
        escrow = new PaymentEscrow(address(registry), address(vault));
        require(
            address(vault) == vaultAddress && address(escrow) == escrowAddress, "addresses differ"
        );
        token = new TestToken("Test Dollar", "TUSD", 18);
    }

    function _fund(address account) internal {
        token.mint(account, 1_000_000 ether);
        vm.deal(account, 1_000_000 ether);
        vm.startPrank(account);
        token.approve(address(vault), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        vm.stopPrank();
    }

    function _registerModels() private {
        vm.prank(parentOwner.addr);
        parentModel = registry.registerModel(keccak256("parent"), METADATA, new Parent[](0));
        Parent[] memory parents = new Parent[](1);
        parents[0] = Parent(parentModel, PARENT_BPS);
        vm.startPrank(owner.addr);
        modelId = registry.registerModel(WEIGHTS, METADATA, parents);
        registry.commitUniverse(modelId, ROOT, PERSONAL, SHARED);
        vm.stopPrank();
    }

    // ---- Steps of a license

    /// @dev Terms that the registry accepts, in the test token.
    function _terms() internal view returns (Terms memory terms) {
        return _termsIn(address(token));
    }

    function _termsIn(address currency) internal view returns (Terms memory terms) {
        terms = SampleTerms.make(modelId, 0, owner.addr, currency);
        terms.royalties = new Royalty[](1);
        terms.royalties[0] = Royalty(parentOwner.addr, PARENT_BPS);
    }

    function _ref(Terms memory terms) internal view returns (LicenseRef memory) {
        return LicenseRef(terms, host.addr, 1);
    }

    function _id(LicenseRef memory ref) internal view returns (bytes32) {
        return registry.licenseIdOf(ref);
    }

    function _publish(Terms memory terms) internal {
        vm.prank(owner.addr);
        registry.publishOffer(terms);
    }

    /// @dev Publishes the terms and buys a license under them.
    function _acquired(Terms memory terms) internal returns (LicenseRef memory ref, bytes32 id) {
        _publish(terms);
        ref = _ref(terms);
        id = _acquire(ref);
    }

    function _acquire(LicenseRef memory ref) internal returns (bytes32 id) {
        uint256 value =
            ref.terms.currency == NATIVE ? ref.terms.licenseFee + ref.terms.collateral : 0;
        vm.prank(ref.host);
        id = registry.acquire{ value: value }(ref.terms, ref.nonce, servingKey, ENCRYPTION_KEY);
    }

    function _seeded(Terms memory terms) internal returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _acquired(terms);
        mine(3);
        registry.drawLicenseSeed(id);
    }

    function _accepted(Terms memory terms) internal returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _seeded(terms);
        _accept(ref);
    }

    function _accept(LicenseRef memory ref) internal {
        vm.prank(ref.host);
        registry.acceptCopy(ref, SEALED, SampleCopy.KEY_HASH);
    }

    /// @dev Acceptance by the host, and the key from the owner.
    function _deliver(LicenseRef memory ref) internal {
        _accept(ref);
        vm.prank(ref.terms.owner);
        registry.deliverKey(ref, COPY_KEY);
    }

    function _delivered(Terms memory terms) internal returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _seeded(terms);
        _deliver(ref);
    }

    /// @dev Delivered, and the owner has fetched its fee.
    function _active(Terms memory terms) internal returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _delivered(terms);
        if (terms.licenseFee != 0) registry.releaseFee(ref);
    }

    function _active() internal returns (LicenseRef memory ref, bytes32 id) {
        return _active(_terms());
    }

    function _terminated() internal returns (LicenseRef memory ref, bytes32 id) {
        (ref, id) = _active();
        vm.prank(ref.host);
        registry.terminate(ref);
    }

    /// @dev What a conviction at level 2 asks of the vault under these terms.
    function _how(LicenseRef memory ref, uint16 bps, address to, uint40 delay)
        internal
        pure
        returns (ICollateralVault.Slash memory)
    {
        return ICollateralVault.Slash({
            bps: bps,
            reporter: to,
            reporterBps: ref.terms.slash.reporterBps,
            ownerBps: ref.terms.slash.ownerBps,
            payoutDelay: delay,
            committedAt: 0
        });
    }

    function _assertStatus(bytes32 id, LicenseStatus expected) internal view {
        (LicenseStatus status,) = registry.licenseState(id);
        assertEq(uint256(status), uint256(expected), "status");
    }

    // ---- Channels and vouchers

    /// @dev A channel of the payer, who signs itself.
    function _channel(LicenseRef memory ref) internal returns (bytes32 channelId) {
        return _channel(ref, address(0), DEPOSIT);
    }

    function _channel(LicenseRef memory ref, address signer, uint128 amount)
        internal
        returns (bytes32 channelId)
    {
        uint256 value = ref.terms.currency == NATIVE ? amount : 0;
        vm.prank(payer.addr);
        channelId = escrow.openChannel{ value: value }(ref, signer, 0, amount);
    }

    /// @dev A row signed by the payer for its channel with salt 0.
    function _row(LicenseRef memory ref, uint128 amount, uint64 requests, uint64 tokens)
        internal
        view
        returns (IPaymentEscrow.ClaimRow memory)
    {
        return _row(ref, address(0), payer.key, amount, requests, tokens);
    }

    function _row(
        LicenseRef memory ref,
        address signer,
        uint256 key,
        uint128 amount,
        uint64 requests,
        uint64 tokens
    ) internal view returns (IPaymentEscrow.ClaimRow memory row) {
        bytes32 channelId = escrow.channelIdOf(_id(ref), payer.addr, signer, 0);
        bytes32 digest = escrow.voucherDigest(channelId, amount, requests, tokens, REQUEST);
        row = IPaymentEscrow.ClaimRow({
            payer: payer.addr,
            signer: signer,
            salt: 0,
            cumulativeAmount: amount,
            cumulativeRequests: requests,
            cumulativeTokens: tokens,
            requestHash: REQUEST,
            signature: signature(key, digest)
        });
    }

    function _claim(LicenseRef memory ref, IPaymentEscrow.ClaimRow memory row)
        internal
        returns (uint128)
    {
        IPaymentEscrow.ClaimRow[] memory rows = new IPaymentEscrow.ClaimRow[](1);
        rows[0] = row;
        return escrow.claim(ref, rows);
    }

    /// @dev The next call emits this rejection, and claims nothing of the row.
    function _expectRejected(bytes32 channelId, IPaymentEscrow.ClaimError reason) internal {
        vm.expectEmit(address(escrow));
        emit IPaymentEscrow.VoucherRejected(channelId, reason);
    }
}
