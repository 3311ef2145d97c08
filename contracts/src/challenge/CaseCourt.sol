// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibBit } from "solady/utils/LibBit.sol";

import { IPaymentEscrow } from "../interfaces/IPaymentEscrow.sol";
import { Consensus } from "../libraries/Consensus.sol";
import { EValue } from "../libraries/EValue.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { Receipts } from "../libraries/Receipts.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import { CaseRef, CaseStatus, Drawn, EvidenceTerms, LicenseRef } from "../libraries/Types.sol";
import { Vouchers } from "../libraries/Vouchers.sol";
import { CaseOpening } from "./CaseOpening.sol";
import { ChallengeBase } from "./ChallengeBase.sol";

/// @title Level 2, second half: rebuttal, verdict, and each coin back exactly once
/// @dev Code that runs only by delegation from `ChallengeManager`, on that contract's storage: one
/// contract would exceed the size limit of EIP-170. Called directly it finds no case and holds
/// neither money nor rights.
contract CaseCourt is CaseOpening {
    constructor(
        address registry_,
        address vault_,
        address escrow_,
        address provers_,
        address beacon_,
        Config memory config_
    ) ChallengeBase(registry_, vault_, escrow_, provers_, beacon_, config_) { }

    /// @dev What a verdict says, gathered for its event.
    struct Verdict {
        uint256 hits;
        uint256 queries;
        int64 evidence;
        int64 threshold;
        uint128 slashed;
        uint128 toReporter;
        uint128 toOwner;
    }

    /// @dev See `IChallengeManager`.
    function rebut(
        CaseRef calldata ref,
        Drawn calldata drawn,
        Outcome calldata outcome,
        bytes32[] calldata openedKeyHashes,
        uint16 fingerprint,
        IPaymentEscrow.ClaimRow calldata voucher
    ) external {
        (bytes32 caseId, bytes32 licenseId, Case storage c) = _case(ref);
        _requireStep(caseId, c, CaseStatus.Rebuttal);
        _requireFacts(caseId, c, _factsOf(drawn, _outcomeHash(outcome)));
        require(
            keccak256(abi.encodePacked(openedKeyHashes)) == outcome.keysHash,
            ChallengeManager_WrongKeyHashes(caseId)
        );
        require(
            fingerprint < openedKeyHashes.length, ChallengeManager_NoSuchFingerprint(fingerprint)
        );
        _requireRequest(ref.license.terms.modelId, openedKeyHashes[fingerprint], voucher);
        bytes32 channelId = _requirePaid(ref.license, licenseId, voucher);
        uint256 member = _payingMember(caseId, drawn.committee, voucher);
        _countPayment(caseId, fingerprint, drawn.committee, member, channelId);
    }

    /// @dev See `IChallengeManager`.
    function resolve(
        CaseRef calldata ref,
        Drawn calldata drawn,
        bytes32 questionsHash,
        Outcome calldata outcome
    ) external nonReentrant {
        (bytes32 caseId, bytes32 licenseId, Case storage c) = _case(ref);
        _advance(caseId, c);
        CaseStatus status = c.status;
        require(
            status >= CaseStatus.Opened && status <= CaseStatus.Rebuttal
                && block.timestamp > c.deadline,
            ChallengeManager_NotResolvable(caseId, status, c.deadline)
        );
        _requireFacts(caseId, c, _expectedFacts(status, drawn, questionsHash, outcome));
        if (status == CaseStatus.Rebuttal) _judge(ref, caseId, licenseId, drawn, outcome);
        else _void(ref, caseId, drawn, status);
        if (_slashes(ref)) vault.unfreeze(licenseId);
    }

    /// @dev What the facts must be in a step, given what the caller says of them.
    function _expectedFacts(
        CaseStatus status,
        Drawn calldata drawn,
        bytes32 questionsHash,
        Outcome calldata outcome
    ) private pure returns (bytes32) {
        if (status == CaseStatus.Opened) return 0;
        if (status == CaseStatus.Drawn) return _hashDrawn(drawn);
        if (status == CaseStatus.Rebuttal) return _factsOf(drawn, _outcomeHash(outcome));
        return _factsOf(drawn, questionsHash);
    }

    // ---- Rebuttal

    /// @dev The voucher is the permission of this request.
    function _requireRequest(
        bytes32 modelId,
        bytes32 keyHash,
        IPaymentEscrow.ClaimRow calldata voucher
    ) private pure {
        bytes32 expected = Receipts.requestHash(modelId, keyHash);
        require(
            voucher.requestHash == expected
                || voucher.requestHash == Receipts.plainRequestHash(modelId, keyHash),
            ChallengeManager_WrongRequest(voucher.requestHash, expected)
        );
    }

    /// @dev Once fewer members than the quorum are left that did not pay, the observation is
    /// removed.
    function _countPayment(
        bytes32 caseId,
        uint16 fingerprint,
        address[] calldata committee,
        uint256 member,
        bytes32 channelId
    ) private {
        uint256 paid = _paidMembers[caseId][fingerprint];
        require(paid >> member & 1 == 0, ChallengeManager_AlreadyDone(caseId, committee[member]));
        paid |= 1 << member;
        _paidMembers[caseId][fingerprint] = paid;
        emit RequestPaid(caseId, fingerprint, committee[member], channelId);

        uint256 size = committee.length;
        uint256 removed = _removed[caseId];
        if (
            size - LibBit.popCount(paid) < Consensus.quorum(size) && removed >> fingerprint & 1 == 0
        ) {
            _removed[caseId] = removed | 1 << fingerprint;
            emit ObservationRemoved(caseId, fingerprint, channelId);
        }
    }

    /// @dev The voucher is signed, at least at the price, and backed by its channel.
    function _requirePaid(
        LicenseRef calldata ref,
        bytes32 licenseId,
        IPaymentEscrow.ClaimRow calldata voucher
    ) private view returns (bytes32 channelId) {
        channelId = escrow.channelIdOf(licenseId, voucher.payer, voucher.signer, voucher.salt);
        uint128 deposited = escrow.channel(channelId).deposited;
        uint256 price =
            TermsLib.price(ref.terms, voucher.cumulativeRequests, voucher.cumulativeTokens);
        require(
            voucher.cumulativeRequests != 0 && deposited != 0
                && voucher.cumulativeAmount <= deposited && voucher.cumulativeAmount >= price,
            ChallengeManager_NotPaid(channelId, voucher.cumulativeAmount, price, deposited)
        );
        bytes32 digest = escrow.voucherDigest(
            channelId,
            voucher.cumulativeAmount,
            voucher.cumulativeRequests,
            voucher.cumulativeTokens,
            voucher.requestHash
        );
        address signer = _signerOf(voucher);
        require(
            Vouchers.isSignedBy(signer, digest, voucher.signature),
            ChallengeManager_BadVoucherSignature(signer)
        );
    }

    /// @dev Place in the committee of the voucher's signer, or of its payer.
    function _payingMember(
        bytes32 caseId,
        address[] calldata committee,
        IPaymentEscrow.ClaimRow calldata voucher
    ) private pure returns (uint256) {
        address signer = _signerOf(voucher);
        for (uint256 i; i < committee.length; ++i) {
            if (committee[i] == signer || committee[i] == voucher.payer) return i;
        }
        revert ChallengeManager_NotMember(caseId, signer);
    }

    function _signerOf(IPaymentEscrow.ClaimRow calldata voucher) private pure returns (address) {
        return voucher.signer == address(0) ? voucher.payer : voucher.signer;
    }

    // ---- Ends

    /// @dev The contract's own verdict over what was opened and not removed.
    function _judge(
        CaseRef calldata ref,
        bytes32 caseId,
        bytes32 licenseId,
        Drawn calldata drawn,
        Outcome calldata outcome
    ) private {
        Verdict memory v = _weigh(ref, _removed[caseId], outcome);
        bool upheld = v.evidence >= v.threshold;
        _cases[caseId].status = upheld ? CaseStatus.Upheld : CaseStatus.Dismissed;

        _payBond(ref, caseId, upheld ? ref.reporter : ref.license.host);
        _settleCommittee(ref, caseId, drawn.committee, true);
        if (upheld && _slashes(ref)) {
            (v.slashed, v.toReporter, v.toOwner) = _punish(
                ref.license, licenseId, ref.license.terms.slash.unpaidUseBps, ref.reporter
            );
        }
        if (upheld && ref.leak) {
            _flags[ref.deploymentHash] = caseId;
            emit DeploymentFlagged(ref.deploymentHash, licenseId, caseId);
        }
        _emitResolved(caseId, v);
    }

    /// @dev Personal fingerprints count as hit or miss; of the shared ones only observed hits do,
    /// as inside or outside of the license's assignment.
    function _weigh(CaseRef calldata ref, uint256 removed, Outcome calldata outcome)
        private
        view
        returns (Verdict memory v)
    {
        EvidenceTerms calldata terms = ref.license.terms.evidence;
        uint256 personal = (uint256(1) << Leaves.BUNDLE * _bundlesPerCase) - 1;
        uint256 hits = LibBit.popCount(outcome.hits & personal & ~removed);
        uint256 misses = LibBit.popCount(personal & ~removed) - hits;
        uint256 inside = LibBit.popCount(outcome.hits & ~personal & ~removed);
        uint256 outside = LibBit.popCount(outcome.outside & ~removed);

        v.hits = hits + inside;
        v.queries = hits + misses + inside + outside;
        v.evidence = EValue.evidence(hits, misses, terms.personalHit, terms.personalMiss);
        if (inside + outside != 0) {
            v.evidence += EValue.evidence(inside, outside, terms.sharedHit, terms.sharedMiss);
        }
        v.threshold = EValue.threshold(terms.alphaInverse, ref.cases, ref.licenses);
    }

    /// @dev Nothing was decided: the bond returns. Members are paid for a reveal, and penalised
    /// where it is certain that they had the questions: a quorum that has committed proves that the
    /// owner handed them out. Before that the owner may have withheld them, and nobody can tell.
    function _void(CaseRef calldata ref, bytes32 caseId, Drawn calldata drawn, CaseStatus step)
        private
    {
        _cases[caseId].status = CaseStatus.Void;
        _payBond(ref, caseId, ref.reporter);
        // Nobody was drawn yet, whatever the caller says.
        if (step == CaseStatus.Opened) {
            _returnFees(ref, caseId, _fees(ref.license.terms.proverFee));
        } else {
            _settleCommittee(ref, caseId, drawn.committee, step >= CaseStatus.Revealing);
        }
        Verdict memory v;
        _emitResolved(caseId, v);
    }

    function _payBond(CaseRef calldata ref, bytes32 caseId, address to) private {
        uint128 bond = ref.license.terms.reportBond;
        address currency = ref.license.terms.currency;
        _credit(currency, to, bond);
        emit BondPaid(caseId, to, currency, bond);
    }

    /// @dev Releases every member; pays those that revealed with the consensus and returns the
    /// other fees.
    function _settleCommittee(
        CaseRef calldata ref,
        bytes32 caseId,
        address[] calldata committee,
        bool penalise
    ) private {
        uint128 fee = ref.license.terms.proverFee;
        address currency = ref.license.terms.currency;
        uint256 unpaid = _fees(fee);
        uint256 dissenters = _cases[caseId].dissenters;
        for (uint256 i; i < committee.length; ++i) {
            address member = committee[i];
            uint128 penalty;
            if (!_isRevealed(_words[caseId][member])) {
                if (penalise) penalty = _nonRevealPenalty;
            } else if (dissenters >> i & 1 != 0) {
                penalty = _dissentPenalty;
            } else {
                unpaid -= fee;
                _credit(currency, member, fee);
                emit ProverPaid(caseId, member, currency, fee);
            }
            provers.release(caseId, member, penalty);
        }
        _returnFees(ref, caseId, unpaid);
    }

    function _returnFees(CaseRef calldata ref, bytes32 caseId, uint256 unpaid) private {
        if (unpaid == 0) return;
        address currency = ref.license.terms.currency;
        _credit(currency, ref.reporter, unpaid);
        emit FeesReturned(caseId, ref.reporter, currency, unpaid);
    }

    function _emitResolved(bytes32 caseId, Verdict memory v) private {
        emit CaseResolved(
            caseId,
            _cases[caseId].status,
            CASE_LEVEL,
            uint16(v.hits),
            uint16(v.queries),
            v.evidence,
            v.threshold,
            v.slashed,
            v.toReporter,
            v.toOwner
        );
    }
}
