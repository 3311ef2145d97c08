// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { Deploy } from "../../script/Deploy.s.sol";
import { ChallengeManager } from "../../src/ChallengeManager.sol";
import { CollateralVault } from "../../src/CollateralVault.sol";
import { LicenseRegistry } from "../../src/LicenseRegistry.sol";
import { PaymentEscrow } from "../../src/PaymentEscrow.sol";
import { ProverRegistry } from "../../src/ProverRegistry.sol";
import { CopyReader } from "../../src/challenge/CopyReader.sol";
import { IChallengeTypes } from "../../src/interfaces/IChallengeTypes.sol";
import { ILicenseRegistry } from "../../src/interfaces/ILicenseRegistry.sol";
import { IPaymentEscrow } from "../../src/interfaces/IPaymentEscrow.sol";
import { Draw } from "../../src/libraries/Draw.sol";
import { EValue } from "../../src/libraries/EValue.sol";
import { Receipts } from "../../src/libraries/Receipts.sol";
import {
    CaseRef,
    CaseStatus,
    Drawn,
    LicenseRef,
    NATIVE,
    Parent,
    Receipt,
    Terms,
    Violation
} from "../../src/libraries/Types.sol";
import { TestToken } from "../../src/testing/TestToken.sol";
import { FingerprintTree } from "./FingerprintTree.sol";
import { InstantBeacon } from "./InstantBeacon.sol";
import { SampleTerms } from "./SampleTerms.sol";
import { Sheets } from "./Sheets.sol";
import { TestBase } from "./TestBase.sol";
import { Vm } from "./Vm.sol";

/// @title The whole core as deployed, an active license, provers, and the steps of proofs and cases
abstract contract CaseTest is TestBase {
    /// @dev What a deployment answers.
    enum Behaviour {
        /// The accused license's copy.
        OwnCopy,
        /// The same model under another license.
        OtherCopy,
        /// Another model: answers that are no candidates.
        OtherModel,
        /// Nothing.
        Silent
    }

    /// @dev Off-chain state of a case, as owner and members have it.
    struct Round {
        bytes32 caseId;
        CaseRef id;
        bytes32 questionsHash;
        IChallengeTypes.Outcome outcome;
        uint32[] bundles;
        address[] committee;
        bytes32[] keyHashes;
        IChallengeTypes.OpenedBundle[] opened;
        bytes[] tags;
    }

    uint32 internal constant PERSONAL = 128;
    uint32 internal constant SHARED = 32;
    uint16 internal constant QUESTIONS = 40;
    uint256 internal constant PROVERS = 7;
    uint128 internal constant MIN_STAKE = 10 ether;
    uint128 internal constant COLLATERAL = 100 ether;
    uint128 internal constant BOND = 1 ether;
    uint128 internal constant FEE = 0.1 ether;
    uint256 internal constant FEES = 5 * uint256(FEE);
    string internal constant URI = "https://host.example/v1";
    bytes32 internal constant SALT = keccak256("report salt");
    bytes32 internal constant CHANNEL = keccak256("channel");

    ChallengeManager internal manager;
    LicenseRegistry internal registry;
    CollateralVault internal vault;
    PaymentEscrow internal escrow;
    ProverRegistry internal provers;
    TestToken internal token;
    FingerprintTree internal tree;

    Account internal owner;
    Account internal host;
    Account internal serving;
    Account internal payer;
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
        payer = makeAccount("payer");
        reporter = makeAddr("reporter");
        stranger = makeAddr("stranger");
        token = new TestToken("Test Dollar", "TUSD", 18);
        _deployCore();
        _fund(host.addr);
        _fund(payer.addr);
        _fund(reporter);
        for (uint256 i; i < PROVERS; ++i) {
            members.push(makeAccount(string.concat("prover ", vm.toString(i))));
            _fund(members[i].addr);
            _stake(members[i].addr, MIN_STAKE * 10);
        }
        _license();
        mine(1);
    }

    // ---- Set-up

    function _settings() internal virtual returns (Deploy.Settings memory chosen) {
        chosen.stakeCurrency = address(token);
        chosen.minStake = MIN_STAKE;
        chosen.stakeThawPeriod = 7 days;
        chosen.config = _config();
    }

    function _config() internal pure returns (IChallengeTypes.Config memory) {
        return IChallengeTypes.Config({
            reportDelay: 60,
            questionsWindow: 1 hours,
            commitWindow: 2 hours,
            revealWindow: 3 hours,
            openingWindow: 4 hours,
            rebuttalWindow: 5 hours,
            payoutDelay: 7 days,
            committeeSize: 5,
            bundlesPerCase: 2,
            sharedBundlesPerCase: 0,
            minDecoys: 8,
            nonRevealPenalty: 2 ether,
            dissentPenalty: 1 ether
        });
    }

    function _deployCore() private {
        Deploy script = new Deploy();
        Deploy.Settings memory chosen = _settings();
        chosen.beacon.place = address(new InstantBeacon());
        (Deploy.Core memory core,) = script.deploy(chosen);
        registry = core.registry;
        vault = core.vault;
        escrow = core.escrow;
        provers = core.provers;
        manager = core.challengeManager;
        // A build with other settings, as that of a coverage report, has it elsewhere.
        vm.etch(manager.COPY_READER(), address(new CopyReader()).code);
    }

    function _fund(address account) internal virtual {
        token.mint(account, 1_000_000 ether);
        vm.deal(account, 1_000_000 ether);
        vm.startPrank(account);
        token.approve(address(vault), type(uint256).max);
        token.approve(address(escrow), type(uint256).max);
        token.approve(address(provers), type(uint256).max);
        token.approve(address(manager), type(uint256).max);
        vm.stopPrank();
    }

    function _stake(address account, uint128 amount) internal {
        vm.prank(account);
        provers.register(amount, keccak256(abi.encode("encryption key", account)));
    }

    function _terms() internal view virtual returns (Terms memory) {
        return SampleTerms.make(modelId, 0, owner.addr, address(token));
    }

    function _personalCount() internal pure virtual returns (uint32) {
        return PERSONAL;
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
        vm.prank(host.addr);
        registry.registerDeployment(ref_, URI);
    }

    function _activeLicense(LicenseRef memory ref_) internal returns (bytes32 id) {
        uint256 value =
            ref_.terms.currency == NATIVE ? ref_.terms.licenseFee + ref_.terms.collateral : 0;
        vm.prank(ref_.host);
        id = registry.acquire{ value: value }(ref_.terms, ref_.nonce, serving.addr);
        _mineBeacon("license");
        registry.drawLicenseSeed(id);
        vm.prank(ref_.host);
        registry.activate(ref_, "artefact");
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

    function _currency() internal view returns (address) {
        return ref().terms.currency;
    }

    function _value(uint256 amount) internal view returns (uint256) {
        return _currency() == NATIVE ? amount : 0;
    }

    // ---- Reports

    function _commitReport(address by, bytes32 claimHash) internal {
        vm.prank(by);
        manager.commitReport(keccak256(abi.encode(by, claimHash, SALT)));
    }

    /// @dev Commits to a case and waits for the delay.
    function _reportCase(address by) internal {
        _commitReport(by, keccak256(abi.encode(licenseId, deployment)));
        skip(60);
    }

    /// @dev Commits to a level-0 proof and waits for the delay.
    function _reportProof(address by, Violation violation, Receipt memory receipt) internal {
        _commitReport(
            by, keccak256(abi.encode(violation, licenseId, manager.receiptDigest(receipt)))
        );
        skip(60);
    }

    function _receipt(uint64 seq) internal view returns (Receipt memory) {
        return Receipt({
            licenseId: licenseId,
            keyEpoch: 0,
            channelId: CHANNEL,
            seq: seq,
            cumulativeRequests: seq,
            cumulativeTokens: seq * 100,
            servedAt: uint64(block.timestamp),
            requestHash: keccak256("request"),
            responseHash: keccak256("response")
        });
    }

    function _sign(Receipt memory receipt) internal view returns (bytes memory) {
        return signature(serving.key, manager.receiptDigest(receipt));
    }

    // ---- Cases

    function _open() internal returns (Round memory round) {
        _reportCase(reporter);
        uint256 value = _value(BOND + FEES);
        vm.prank(reporter);
        round.caseId = manager.openCase{ value: value }(ref(), deployment, SALT);
        round.id = _caseRef(ref(), deployment, reporter, false);
    }

    /// @dev What names a case that was opened just now.
    function _caseRef(LicenseRef memory license, bytes32 accused, address by, bool leak)
        internal
        view
        returns (CaseRef memory)
    {
        ILicenseRegistry.Universe memory u =
            registry.universe(license.terms.modelId, license.terms.epoch);
        return CaseRef({
            license: license,
            deploymentHash: accused,
            reporter: by,
            openedAt: uint40(block.timestamp),
            cases: u.cases,
            licenses: u.licenses,
            leak: leak
        });
    }

    function _draw(Round memory round) internal {
        _mineBeacon("case");
        _drawNow(round);
    }

    /// @dev Draws and notes what was drawn, as the event tells it.
    function _drawNow(Round memory round) internal {
        vm.recordLogs();
        manager.drawCase(round.id);
        _noteDraw(round);
    }

    function _noteDraw(Round memory round) internal {
        bytes memory data = _lastLog(IChallengeTypes.CaseDrawn.selector);
        if (data.length == 0) return;
        (round.bundles, round.committee,) = abi.decode(data, (uint32[], address[], uint40));
    }

    /// @dev Data of the last event of this kind since `recordLogs`; empty if there is none, where a
    /// revert was expected.
    function _lastLog(bytes32 topic) internal returns (bytes memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = logs.length; i != 0; --i) {
            if (logs[i - 1].topics[0] == topic) return logs[i - 1].data;
        }
        return "";
    }

    function _drawnOf(Round memory round) internal pure returns (Drawn memory) {
        return Drawn(round.bundles, round.committee);
    }

    function _threshold(CaseRef memory id) internal pure returns (int64) {
        return EValue.threshold(id.license.terms.evidence.alphaInverse, id.cases, id.licenses);
    }

    function _resolve(Round memory round) internal {
        manager.resolve(round.id, _drawnOf(round), round.questionsHash, round.outcome);
    }

    function _drawn() internal returns (Round memory round) {
        round = _open();
        _draw(round);
    }

    /// @dev Questions of a case; at least 8 are decoys.
    function _questions() internal pure virtual returns (uint16) {
        return QUESTIONS;
    }

    /// @dev Fingerprints and decoys in an order that mixes them: fingerprint j is question 13j mod
    /// n.
    function _post(Round memory round) internal {
        _prepare(round);
        vm.prank(owner.addr);
        manager.postQuestions(round.id, _drawnOf(round), round.questionsHash, _questions());
    }

    function _prepare(Round memory round) internal view {
        round.keyHashes = new bytes32[](_questions());
        for (uint256 i; i < _questions(); ++i) {
            round.keyHashes[i] = keccak256(abi.encode("decoy", i));
        }
        round.opened = new IChallengeTypes.OpenedBundle[](round.bundles.length);
        for (uint256 k; k < round.bundles.length; ++k) {
            round.opened[k] = tree.opened(round.bundles[k]);
            for (uint256 l; l < 16; ++l) {
                uint16 position = _position(16 * k + l);
                round.opened[k].leaves[l].position = position;
                round.keyHashes[position] = round.opened[k].leaves[l].keyHash;
            }
        }
        round.questionsHash = keccak256(abi.encodePacked(round.keyHashes));
    }

    /// @dev 13 is coprime to 40 and to 56.
    function _position(uint256 fingerprint) internal pure returns (uint16) {
        return uint16(13 * fingerprint % _questions());
    }

    /// @dev What every member of the committee hears from a deployment.
    function _ask(Round memory round, Behaviour behaviour) internal view {
        bytes memory answers = _answers(round, behaviour);
        round.tags = new bytes[](round.committee.length);
        for (uint256 i; i < round.tags.length; ++i) {
            round.tags[i] = bytes.concat(answers);
        }
    }

    function _answers(Round memory round, Behaviour behaviour)
        internal
        view
        returns (bytes memory answers)
    {
        answers = new bytes(4 * uint256(_questions()));
        if (behaviour == Behaviour.Silent) return answers;
        for (uint256 i; i < _questions(); ++i) {
            _setTag(answers, i, bytes4(keccak256(abi.encode("plain answer", i))));
        }
        if (behaviour == Behaviour.OtherModel) return answers;
        for (uint256 j; j < 16 * round.bundles.length; ++j) {
            bool own = behaviour == Behaviour.OwnCopy;
            // Of the shared part a copy carries what is assigned to its license; the other copy,
            // here, the rest.
            if (_isShared(round, j) && _isAssigned(round, j) != own) continue;
            _setTag(answers, _position(j), _candidateTag(round, j, own));
        }
    }

    function _index(Round memory round, uint256 j) internal pure returns (uint32) {
        return round.bundles[j / 16] * 16 + uint32(j % 16);
    }

    function _isShared(Round memory round, uint256 j) internal pure returns (bool) {
        return _index(round, j) >= _personalCount();
    }

    function _isAssigned(Round memory round, uint256 j) internal view returns (bool) {
        return Draw.isAssigned(
            registry.license(licenseId).seed,
            tree.root(),
            _index(round, j),
            tree.salt(_index(round, j)),
            ref().terms.evidence.assignmentP
        );
    }

    /// @dev Answer of the accused license's copy to fingerprint `j`, or the next candidate.
    function _candidateTag(Round memory round, uint256 j, bool own) internal view returns (bytes4) {
        uint32 index = _index(round, j);
        if (_isShared(round, j)) {
            bytes32 modelSeed = registry.universe(modelId, 0).seed;
            return tree.tag(index, Draw.candidate(modelSeed, tree.root(), index, tree.salt(index)));
        }
        uint256 candidate =
            Draw.candidate(registry.license(licenseId).seed, tree.root(), index, tree.salt(index));
        return tree.tag(index, own ? candidate : (candidate + 1) % 16);
    }

    function _setTag(bytes memory tags, uint256 position, bytes4 tag) internal pure {
        for (uint256 b; b < 4; ++b) {
            tags[4 * position + b] = tag[b];
        }
    }

    function _memberSalt(address member) internal pure returns (bytes32) {
        return keccak256(abi.encode("member salt", member));
    }

    function _commitTags(Round memory round, uint256 i) internal {
        address member = round.committee[i];
        vm.prank(member);
        manager.commitTags(
            round.caseId,
            _drawnOf(round),
            round.questionsHash,
            keccak256(
                abi.encode(round.caseId, member, _memberSalt(member), keccak256(round.tags[i]))
            )
        );
    }

    function _revealTags(Round memory round, uint256 i) internal {
        address member = round.committee[i];
        vm.prank(member);
        manager.revealTags(round.caseId, round.tags[i], _memberSalt(member));
    }

    function _commitAll(Round memory round) internal {
        for (uint256 i; i < round.committee.length; ++i) {
            _commitTags(round, i);
        }
    }

    function _revealAll(Round memory round) internal {
        for (uint256 i; i < round.committee.length; ++i) {
            _revealTags(round, i);
        }
    }

    function _openLeaves(Round memory round) internal {
        vm.recordLogs();
        vm.prank(owner.addr);
        manager.openLeaves(round.id, _drawnOf(round), _opening(round));
        _noteOutcome(round);
    }

    function _opening(Round memory round)
        internal
        pure
        returns (IChallengeTypes.LeafOpening memory given)
    {
        given.bundles = round.opened;
        given.decoyHashes = _decoyHashes(round);
        (given.sheets, given.sheetOf) = Sheets.from(round.tags);
    }

    /// @dev What the opening found, as the event tells it.
    function _noteOutcome(Round memory round) internal {
        bytes memory data = _lastLog(IChallengeTypes.LeavesOpened.selector);
        if (data.length == 0) return;
        (uint256 hits, uint256 outside, bytes32 keysHash,,) =
            abi.decode(data, (uint256, uint256, bytes32, uint16, uint40));
        round.outcome = IChallengeTypes.Outcome(hits, outside, keysHash);
    }

    /// @dev The questions that are no drawn fingerprint, in their order.
    function _decoyHashes(Round memory round) internal pure returns (bytes32[] memory decoys) {
        bool[] memory taken = new bool[](round.keyHashes.length);
        uint256 opened;
        for (uint256 j; j < 16 * round.opened.length; ++j) {
            uint16 position = round.opened[j / 16].leaves[j % 16].position;
            if (position >= taken.length || taken[position]) continue;
            taken[position] = true;
            ++opened;
        }
        decoys = new bytes32[](round.keyHashes.length - opened);
        uint256 next;
        for (uint256 i; i < taken.length; ++i) {
            if (!taken[i]) decoys[next++] = round.keyHashes[i];
        }
    }

    function _posted(Behaviour behaviour) internal returns (Round memory round) {
        round = _drawn();
        _post(round);
        _ask(round, behaviour);
    }

    function _committed(Behaviour behaviour) internal returns (Round memory round) {
        round = _posted(behaviour);
        _commitAll(round);
    }

    function _revealed(Behaviour behaviour) internal returns (Round memory round) {
        round = _committed(behaviour);
        _revealAll(round);
    }

    /// @dev All but the last member revealed, whose tags are not the round's.
    function _revealedByFour(Behaviour behaviour)
        internal
        returns (Round memory round, bytes memory missing)
    {
        round = _committed(behaviour);
        for (uint256 i; i < 4; ++i) {
            _revealTags(round, i);
        }
        (missing, round.tags[4]) = (round.tags[4], "");
    }

    function _opened(Behaviour behaviour) internal returns (Round memory round) {
        round = _revealed(behaviour);
        _openLeaves(round);
    }

    function _judged(Behaviour behaviour) internal returns (Round memory round) {
        round = _opened(behaviour);
        skip(5 hours + 1);
        _resolve(round);
    }

    // ---- Rebuttals

    function _openedKeyHashes(Round memory round) internal pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](16 * round.bundles.length);
        for (uint256 j; j < hashes.length; ++j) {
            hashes[j] = round.opened[j / 16].leaves[j % 16].keyHash;
        }
    }

    function _accountOf(address who) internal view returns (Account memory) {
        for (uint256 i; i < members.length; ++i) {
            if (members[i].addr == who) return members[i];
        }
        revert("no prover of this address");
    }

    function _openChannel(address from, address signer, uint128 amount)
        internal
        returns (bytes32 channelId)
    {
        uint256 value = _value(amount);
        vm.prank(from);
        channelId = escrow.openChannel{ value: value }(ref(), signer, 0, amount);
    }

    /// @dev A voucher for one request with the prompt of `keyHash`, at the price.
    function _voucher(Account memory from, bytes32 keyHash)
        internal
        view
        returns (IPaymentEscrow.ClaimRow memory row)
    {
        row.payer = from.addr;
        row.cumulativeAmount = 0.01 ether;
        row.cumulativeRequests = 1;
        row.cumulativeTokens = 500;
        row.requestHash = Receipts.requestHash(modelId, keyHash);
        _signRow(row, from.key);
    }

    function _signRow(IPaymentEscrow.ClaimRow memory row, uint256 key) internal view {
        bytes32 channelId = escrow.channelIdOf(licenseId, row.payer, row.signer, row.salt);
        row.signature = signature(
            key,
            escrow.voucherDigest(
                channelId,
                row.cumulativeAmount,
                row.cumulativeRequests,
                row.cumulativeTokens,
                row.requestHash
            )
        );
    }

    // ---- Checks

    function _assertCase(bytes32 caseId, CaseStatus expected) internal view {
        assertEq(uint256(manager.caseOf(caseId).status), uint256(expected), "case status");
    }

    function _balance(address account) internal view returns (uint256) {
        return manager.balanceOf(_currency(), account);
    }

    function _hasRevealed(bytes32 caseId, address member) internal view returns (bool) {
        return uint256(manager.wordOf(caseId, member)) & 1 != 0;
    }

    /// @dev Everything owed is there, and nothing else.
    function _assertManagerOwes(uint256 amount) internal view {
        uint256 held =
            _currency() == NATIVE ? address(manager).balance : token.balanceOf(address(manager));
        assertEq(held, amount, "money in the challenge manager");
    }
}
