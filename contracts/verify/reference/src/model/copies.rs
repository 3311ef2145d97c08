//! Level 0, fourth proof: the receipts of a host show another host's copy.

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::Proofs::{self as Proofs, Series as Asked, ServedAnswer};
use oml_contracts::rpc::abi::{LicenseRef, OpenedBundle, OpenedLeaf, Receipt, Violation};

use super::faults::Faults;
use super::keys::served_from;
use super::leaves::{candidate, check_leaves, keccak, tags};
use super::logarithm::{evidence, log2_ceil};
use super::refusal::{Caused, Refused};
use super::reports::Conviction;
use super::state::{License, ReferenceModel};
use super::universe::universe_of;

/// Copies, and reports, are taken to be so many.
const TRIES: u64 = (1 << 32) - 1;
/// Bundles of a series at most.
const MAX_BUNDLES: usize = 16;

/// Answers of a host, said to be those of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The accused license.
    pub(crate) license: LicenseRef,
    /// What is compared with which copy.
    pub(crate) series: Asked,
    /// The bundles, opened.
    pub(crate) opened: Vec<OpenedBundle>,
    /// One for each leaf.
    pub(crate) answers: Vec<ServedAnswer>,
    /// By answer the account that its signature names, zero for none.
    pub(crate) signers: Vec<Address>,
    /// Of the commitment.
    pub(crate) salt: B256,
}

/// What a series comes to.
#[derive(Debug, Clone, Copy)]
struct Weighed {
    hits: u32,
    evidence: i64,
    threshold: i64,
}

/// Text of a name as the contracts put it into a word.
pub(super) fn name(text: &str) -> B256 {
    let mut word = B256::ZERO;
    word.0.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
    word
}

/// Whether the host gave this answer.
fn is_signed(answer: &ServedAnswer) -> bool {
    !answer.r.is_zero() || !answer.vs.is_zero()
}

impl ReferenceModel {
    /// What a report of this proof commits to.
    #[must_use]
    pub(crate) fn series_claim(&self, license: &LicenseRef, series: &Asked) -> B256 {
        let copy = self.license_id(&series.copy);
        let bundles = series.bundles.clone();
        let first = U256::from(series.firstRequest);
        let words = (copy, series.channelId, first, bundles).abi_encode_params();
        let violation = U256::from(Violation::UnlicensedModel as u8);
        keccak256((violation, self.license_id(license), keccak256(words)).abi_encode())
    }

    fn copy_faults(&self, given: &Series, copy: Option<&License>, faults: &mut Faults) {
        let (own, other) = (&given.license, &given.series.copy);
        let violation = Violation::UnlicensedModel;
        let agreed = own.terms.slash.unlicensedModelBps != 0;
        faults.unless(agreed, Proofs::Proofs_NotAgreed { violation });
        let delivered = copy.is_some_and(|copy| copy.delivered);
        let foreign = own.host != other.host && own.terms.modelId != other.terms.modelId;
        let copy_id = self.license_id(other);
        let error = Proofs::Proofs_NotForeign { copyId: copy_id };
        faults.unless(delivered && foreign, error);
        let license = self.find_license(self.license_id(own)).map(|at| &self.licenses[at]);
        let activated = license.map_or(0, |license| license.activation_round);
        let drawn = copy.map_or(0, |copy| copy.round);
        let before = Proofs::Proofs_DrawnBefore {
            seedRound: U48::from(drawn),
            activationRound: U48::from(activated),
        };
        faults.unless(activated != 0 && drawn >= activated, before);
    }

    /// Every answer has the receipt of the channel's next request, in the order in which they were
    /// signed, and none from before `from`.
    fn answer_faults(&self, given: &Series, from: u64, faults: &mut Faults) {
        let id = self.license_id(&given.license);
        let settlement = given.license.terms.settlementPeriod.to();
        let mut before: Option<(u32, u64)> = None;
        for (j, (answer, signer)) in given.answers.iter().zip(&given.signers).enumerate() {
            if !is_signed(answer) {
                let unsaid = Proofs::Proofs_NotSigned { answer: U256::from(j) };
                faults.unless(answer.tag.is_zero(), unsaid);
                continue;
            }
            let number = (answer.keyEpoch, answer.seq);
            let late = Proofs::Proofs_NotInOrder { answer: U256::from(j) };
            faults.unless(before.is_none_or(|before| before < number), late);
            before = Some(number);
            let key = self.serving_key(id, answer.keyEpoch);
            self.admissible_faults(&key, answer.keyEpoch, settlement, faults);
            let (signer, serving) = (*signer, key.signer);
            let bad = Proofs::Proofs_BadReceiptSignature { signer, servingKey: serving };
            faults.unless(signer == serving && !signer.is_zero(), bad);
            let served = served_from(answer.servedAt, &key);
            let early = Proofs::Proofs_ServedTooEarly { servedAt: served, from: U256::from(from) };
            faults.unless(served >= from, early);
        }
    }

    /// The receipt that must stand behind answer `j`, the `nth` that was given.
    #[must_use]
    pub(crate) fn series_receipt(
        &self,
        license: &LicenseRef,
        series: &Asked,
        nth: u64,
        key: B256,
        answer: &ServedAnswer,
    ) -> Receipt {
        let plain = keccak256("OML.request.plain.v1");
        let said = keccak256("OML.response.v2");
        Receipt {
            licenseId: self.license_id(license),
            keyEpoch: answer.keyEpoch,
            channelId: series.channelId,
            seq: answer.seq,
            cumulativeRequests: series.firstRequest + nth,
            cumulativeTokens: answer.cumulativeTokens,
            servedAt: answer.servedAt,
            requestHash: keccak(&[&plain[..], &license.terms.modelId[..], &key[..]]),
            responseHash: keccak(&[&said[..], &answer.tag[..], &answer.textHash[..]]),
        }
    }

    fn series_hits(&self, given: &Series, seed: B256) -> u32 {
        let root = self.universe(universe_of(&given.series.copy.terms)).root;
        let opened = given.series.bundles.iter().zip(&given.opened);
        let leaves = opened.flat_map(|(bundle, opened)| {
            (bundle.wrapping_mul(BUNDLE_LEAVES)..).zip(&opened.leaves).collect::<Vec<_>>()
        });
        let hit = |((index, leaf), answer): &((u32, &OpenedLeaf), &ServedAnswer)| {
            tags(leaf)[candidate(seed, root, *index, leaf.salt)] == *answer.tag
        };
        u32::try_from(leaves.zip(&given.answers).filter(hit).count()).unwrap_or(u32::MAX)
    }

    /// There are bundles, all of them are opened, and each leaf has its answer.
    fn length_faults(given: &Series, faults: &mut Faults) {
        let bundles = given.series.bundles.len();
        let mut exact = |what: &str, given: usize, expected: usize, holds: bool| {
            let error = Proofs::Proofs_WrongLength {
                name: name(what),
                given: U256::from(given),
                expected: U256::from(expected),
            };
            faults.unless(holds, error);
        };
        exact("series", bundles, MAX_BUNDLES, (1..=MAX_BUNDLES).contains(&bundles));
        let opened = given.opened.len();
        exact("opened", opened, bundles, opened == bundles);
        let (answers, leaves) = (given.answers.len(), BUNDLE * bundles);
        exact("answers", answers, leaves, answers == leaves);
    }

    fn series_faults(&self, given: &Series, seed: B256, faults: &mut Faults) -> Weighed {
        let bundles = &given.series.bundles;
        let id = universe_of(&given.series.copy.terms);
        let universe = self.universe(id);
        Self::length_faults(given, faults);
        check_leaves(universe, bundles, &given.opened, faults);
        self.bundle_faults(id, bundles, faults);
        let hits = self.series_hits(given, seed);
        let count = u32::try_from(BUNDLE * bundles.len()).unwrap_or(u32::MAX);
        let evidence = evidence(hits, count.saturating_sub(hits));
        let choices = log2_ceil(U256::from((universe.personal / BUNDLE_LEAVES).max(1)));
        let threshold = log2_ceil(U256::from(given.license.terms.alphaInverse.max(1)))
            + 2 * log2_ceil(U256::from(TRIES))
            + i64::try_from(bundles.len()).unwrap_or(0) * choices;
        faults.unless(evidence >= threshold, Proofs::Proofs_NotEnough { evidence, threshold });
        Weighed { hits, evidence, threshold }
    }

    /// `proveUnlicensedModel`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn show_copy(&mut self, by: Address, given: &Series) -> Caused {
        let terms = &given.license.terms;
        let id = self.license_id(&given.license);
        let copy_id = self.license_id(&given.series.copy);
        let copy = self.find_license(copy_id).map(|at| &self.licenses[at]);
        let seed = copy.map_or(B256::ZERO, |copy| copy.seed);
        let mut faults = Faults::default();
        faults.level(terms.evidenceLevels);
        self.copy_faults(given, copy, &mut faults);
        let weighed = self.series_faults(given, seed, &mut faults);
        let claim = self.series_claim(&given.license, &given.series);
        let report = self.commitment(by, claim, given.salt, &mut faults);
        // Without a commitment nothing else is looked at.
        let from = self.reported_from(&report).unwrap_or(0);
        self.answer_faults(given, from, &mut faults);
        let violation = Violation::UnlicensedModel;
        let punishment = self.punishment(violation, id, copy_id, &mut faults);
        faults.none()?;
        let at = self.find_license(id).ok_or(Refused::ANY)?;
        let bps = terms.slash.unlicensedModelBps;
        self.atomically(|m| {
            let mut events = vec![m.proofs_event(&Proofs::CopyShown {
                licenseId: id,
                copyId: copy_id,
                hits: u16::try_from(weighed.hits).unwrap_or(u16::MAX),
                queries: u16::try_from(given.answers.len()).unwrap_or(u16::MAX),
                evidenceLog2: weighed.evidence,
                thresholdLog2: weighed.threshold,
            })];
            let universe = universe_of(&given.series.copy.terms);
            events.extend(m.burn_all(universe, &given.series.bundles));
            events.extend(m.convict(at, &Conviction { violation, bps, report, punishment })?);
            Ok(events)
        })
    }
}
