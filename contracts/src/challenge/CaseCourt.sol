// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { LibBit } from "solady/utils/LibBit.sol";

import { IPaymentEscrow } from "../interfaces/IPaymentEscrow.sol";
import { Consensus } from "../libraries/Consensus.sol";
import { EValue } from "../libraries/EValue.sol";
import { Leaves } from "../libraries/Leaves.sol";
import { Receipts } from "../libraries/Receipts.sol";
import { TermsLib } from "../libraries/TermsLib.sol";
import { CaseStatus, LicenseRef } from "../libraries/Types.sol";
import { Vouchers } from "../libraries/Vouchers.sol";
import { CaseOpening } from "./CaseOpening.sol";
import { ChallengeBase } from "./ChallengeBase.sol";

/// @title Level 2, second half: rebuttal, verdict, and each coin back exactly once
/// @dev Code that runs only by delegation from `ChallengeManager`, on that contract's storage: one contract would
/// exceed the size limit of EIP-170. Called directly it finds no case and holds neither money nor rights.
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
        uint128 slashed;
        uint128 toReporter;
        uint128 toOwner;
    }

    /// @dev See `IChallengeManager`.
    function rebut(
        LicenseRef calldata ref,
        bytes32 caseId,
        uint16 fingerprint,
        bytes32[] calldata openedKeyHashes,
        IPaymentEscrow.ClaimRow calldata voucher
    ) external {
        Case storage c = _case(ref, caseId);
        _requireStep(caseId, c, CaseStatus.Rebuttal);
        require(
            keccak256(abi.encodePacked(openedKeyHashes)) == _openedKeysHash[caseId],
            ChallengeManager_WrongKeyHashes(caseId)
        );
        require(
            fingerprint < openedKeyHashes.length, ChallengeManager_NoSuchFingerprint(fingerprint)
        );
        bytes32 expected = Receipts.requestHash(ref.terms.modelId, openedKeyHashes[fingerprint]);
        require(
            voucher.requestHash == expected,
            ChallengeManager_WrongRequest(voucher.requestHash, expected)
        );
        bytes32 channelId = _requirePaid(ref, c.licenseId, voucher);
        uint256 member = _payingMember(caseId, c, voucher);

        uint256 paid = _paidMembers[caseId][fingerprint];
        require(paid >> member & 1 == 0, ChallengeManager_AlreadyDone(caseId, c.committee[member]));
        paid |= 1 << member;
        _paidMembers[caseId][fingerprint] = paid;
        emit RequestPaid(caseId, fingerprint, c.committee[member], channelId);

        uint256 size = c.committee.length;
        if (
            size - LibBit.popCount(paid) < Consensus.quorum(size)
                && c.removed >> fingerprint & 1 == 0
        ) {
            c.removed |= 1 << fingerprint;
            emit ObservationRemoved(caseId, fingerprint, channelId);
        }
    }

    /// @dev See `IChallengeManager`.
    function resolve(LicenseRef calldata ref, bytes32 caseId) external nonReentrant {
        Case storage c = _case(ref, caseId);
        _advance(caseId, c);
        CaseStatus status = c.status;
        require(
            status >= CaseStatus.Opened && status <= CaseStatus.Rebuttal
                && block.timestamp > c.deadline,
            ChallengeManager_NotResolvable(caseId, status, c.deadline)
        );
        if (status == CaseStatus.Rebuttal) _judge(ref, caseId, c);
        else _void(ref, caseId, c, status);
        vault.unfreeze(c.licenseId);
    }

    // ---- Rebuttal

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
    function _payingMember(bytes32 caseId, Case storage c, IPaymentEscrow.ClaimRow calldata voucher)
        private
        view
        returns (uint256)
    {
        address signer = _signerOf(voucher);
        uint256 size = c.committee.length;
        for (uint256 i; i < size; ++i) {
            address member = c.committee[i];
            if (member == signer || member == voucher.payer) return i;
        }
        revert ChallengeManager_NotMember(caseId, signer);
    }

    function _signerOf(IPaymentEscrow.ClaimRow calldata voucher) private pure returns (address) {
        return voucher.signer == address(0) ? voucher.payer : voucher.signer;
    }

    // ---- Ends

    /// @dev The contract's own verdict over what was opened and not removed.
    function _judge(LicenseRef calldata ref, bytes32 caseId, Case storage c) private {
        Verdict memory v;
        v.hits = LibBit.popCount(c.hits & ~c.removed);
        v.queries = Leaves.BUNDLE * c.bundles.length - LibBit.popCount(c.removed);
        v.evidence = EValue.evidence(
            v.hits,
            v.queries - v.hits,
            ref.terms.evidence.personalHit,
            ref.terms.evidence.personalMiss
        );
        bool upheld = v.evidence >= c.threshold;
        c.status = upheld ? CaseStatus.Upheld : CaseStatus.Dismissed;

        _payBond(ref, caseId, upheld ? c.reporter : ref.host);
        _settleCommittee(ref, caseId, c, true);
        if (upheld) {
            (v.slashed, v.toReporter, v.toOwner) =
                _punish(ref, c.licenseId, ref.terms.slash.unpaidUseBps, c.reporter);
        }
        _emitResolved(caseId, c, v);
    }

    /// @dev Nothing was decided: the bond returns. Members are paid for a reveal, and penalised where it is certain
    /// that they had the questions: a quorum that has committed proves that the owner handed them out. Before that
    /// the owner may have withheld them, and nobody can tell.
    function _void(LicenseRef calldata ref, bytes32 caseId, Case storage c, CaseStatus step)
        private
    {
        c.status = CaseStatus.Void;
        _payBond(ref, caseId, c.reporter);
        _settleCommittee(ref, caseId, c, step >= CaseStatus.Revealing);
        Verdict memory v;
        _emitResolved(caseId, c, v);
    }

    function _payBond(LicenseRef calldata ref, bytes32 caseId, address to) private {
        uint128 bond = ref.terms.reportBond;
        _credit(ref.terms.currency, to, bond);
        emit BondPaid(caseId, to, ref.terms.currency, bond);
    }

    /// @dev Releases every member; pays those that revealed with the consensus and returns the other fees.
    function _settleCommittee(
        LicenseRef calldata ref,
        bytes32 caseId,
        Case storage c,
        bool penalise
    ) private {
        uint256 unpaid = _fees(ref);
        uint256 dissenters = _dissenters[caseId];
        address[] memory committee = c.committee;
        for (uint256 i; i < committee.length; ++i) {
            address member = committee[i];
            uint128 penalty;
            if (_revealedTagsHash[caseId][member] == 0) {
                if (penalise) penalty = _nonRevealPenalty;
            } else if (dissenters >> i & 1 != 0) {
                penalty = _dissentPenalty;
            } else {
                unpaid -= ref.terms.proverFee;
                _credit(ref.terms.currency, member, ref.terms.proverFee);
                emit ProverPaid(caseId, member, ref.terms.currency, ref.terms.proverFee);
            }
            provers.release(caseId, member, penalty);
        }
        if (unpaid != 0) {
            _credit(ref.terms.currency, c.reporter, unpaid);
            emit FeesReturned(caseId, c.reporter, ref.terms.currency, unpaid);
        }
    }

    function _emitResolved(bytes32 caseId, Case storage c, Verdict memory v) private {
        emit CaseResolved(
            caseId,
            c.status,
            CASE_LEVEL,
            uint16(v.hits),
            uint16(v.queries),
            v.evidence,
            c.threshold,
            v.slashed,
            v.toReporter,
            v.toOwner
        );
    }
}
