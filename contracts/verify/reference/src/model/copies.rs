//! Level 0, fourth proof: the receipts of a host show another host's copy.

use std::collections::BTreeSet;

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::leaf::{BUNDLE, BUNDLE_LEAVES};
use oml_contracts::rpc::abi::ChallengeManager::{self as Manager, SeriesEvidence};
use oml_contracts::rpc::abi::LicenseRegistry as Registry;
use oml_contracts::rpc::abi::{LicenseRef, Receipt, Violation};

use super::answers::name;
use super::faults::Faults;
use super::keys::served_from;
use super::leaves::{Tag, candidate, check_leaves, keccak, tags};
use super::refusal::{Caused, Refused};
use super::state::{License, ReferenceModel};
use super::universe::universe_of;
use super::verdict::{multiplier, whole_log2};

/// Copies, and reports, are taken to be so many.
const TRIES: u64 = (1 << 32) - 1;
const MAX_QUERIES: usize = 256;

/// Answers of a host, said to be those of a copy.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// The accused license.
    pub(crate) license: LicenseRef,
    /// What is compared with which copy.
    pub(crate) series: Manager::Series,
    /// Leaves and answers.
    pub(crate) given: SeriesEvidence,
    /// By answer the account that its signature names, zero for none.
    pub(crate) signers: Vec<Address>,
    /// Of the commitment.
    pub(crate) salt: B256,
}

/// Tag of a text whose first word is ASCII and ends inside of the text, before any byte above 0x7f.
fn first_word(text: &[u8]) -> Option<Tag> {
    let begins = text.iter().position(|c| c.is_ascii_alphanumeric() || !c.is_ascii())?;
    let rest = &text[begins..];
    let length = rest.iter().position(|c| !c.is_ascii_alphanumeric())?;
    let word = &rest[..length];
    let ends = rest[length].is_ascii() && !word.is_empty();
    ends.then(|| keccak256(word).0.first_chunk().copied().unwrap_or_default())
}

impl ReferenceModel {
    /// What a report of this proof commits to.
    #[must_use]
    pub(crate) fn series_claim(&self, license: &LicenseRef, series: &Manager::Series) -> B256 {
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
        faults.unless(agreed, Manager::ChallengeManager_NotAgreed { violation });
        let delivered = copy.is_some_and(|copy| !copy.artefact.is_zero());
        let foreign = own.host != other.host && own.terms.modelId != other.terms.modelId;
        let copy_id = self.license_id(other);
        let error = Manager::ChallengeManager_NotForeign { copyId: copy_id };
        faults.unless(delivered && foreign, error);
        let license = self.find_license(self.license_id(own)).map(|at| &self.licenses[at]);
        let activated = license.map_or(0, |license| license.activation_round);
        let drawn = copy.map_or(0, |copy| copy.round);
        let before = Manager::ChallengeManager_DrawnBefore {
            seedRound: U48::from(drawn),
            activationRound: U48::from(activated),
        };
        faults.unless(activated != 0 && drawn >= activated, before);
    }

    /// Every answer has the receipt of the channel's next request, in the order in which they were
    /// signed; the time of the first.
    fn answer_faults(&self, given: &Series, keys: &[B256], faults: &mut Faults) -> u64 {
        let id = self.license_id(&given.license);
        let settlement = given.license.terms.settlementPeriod.to();
        let mut first = u64::MAX;
        let mut before: Option<(u32, u64)> = None;
        let answers = given.given.answers.iter().zip(&given.signers).zip(keys);
        for (j, ((answer, signer), _)) in answers.enumerate() {
            if answer.signature.is_empty() {
                let unsaid = Manager::ChallengeManager_WrongLength {
                    name: name("text"),
                    given: U256::from(answer.text.len()),
                    expected: U256::ZERO,
                };
                faults.unless(answer.text.is_empty(), unsaid);
                continue;
            }
            let number = (answer.keyEpoch, answer.seq);
            let late = Manager::ChallengeManager_NotInOrder { answer: U256::from(j) };
            faults.unless(before.is_none_or(|before| before < number), late);
            before = Some(number);
            let key = self.serving_key(id, answer.keyEpoch);
            self.admissible_faults(&key, answer.keyEpoch, settlement, faults);
            let (signer, serving) = (*signer, key.signer);
            let bad = Manager::ChallengeManager_BadReceiptSignature { signer, servingKey: serving };
            faults.unless(signer == serving && !signer.is_zero(), bad);
            first = first.min(served_from(answer.servedAt, &key));
        }
        first
    }

    /// The receipt that must stand behind answer `j`, the `nth` that was given.
    #[must_use]
    pub(crate) fn series_receipt(
        &self,
        license: &LicenseRef,
        series: &Manager::Series,
        nth: u64,
        key: B256,
        answer: &Manager::ServedAnswer,
    ) -> Receipt {
        let plain = keccak256("OML.request.plain.v1");
        let said = keccak256("OML.response.v1");
        Receipt {
            licenseId: self.license_id(license),
            keyEpoch: answer.keyEpoch,
            channelId: series.channelId,
            seq: answer.seq,
            cumulativeRequests: series.firstRequest + nth,
            cumulativeTokens: answer.cumulativeTokens,
            servedAt: answer.servedAt,
            requestHash: keccak(&[&plain[..], &license.terms.modelId[..], &key[..]]),
            responseHash: keccak(&[&said[..], &answer.text[..]]),
        }
    }

    fn series_hits(&self, given: &Series, seed: B256) -> u32 {
        let root = self.universe(universe_of(&given.series.copy.terms)).root;
        let opened = given.series.bundles.iter().zip(&given.given.bundles);
        let leaves = opened.flat_map(|(bundle, opened)| {
            (bundle * BUNDLE_LEAVES..).zip(&opened.leaves).collect::<Vec<_>>()
        });
        let hit = |((index, leaf), answer): &((u32, &_), &Manager::ServedAnswer)| {
            let leaf: &Manager::OpenedLeaf = leaf;
            let drawn = tags(leaf)[candidate(seed, root, *index, leaf.salt)];
            first_word(&answer.text) == Some(drawn)
        };
        u32::try_from(leaves.zip(&given.given.answers).filter(hit).count()).unwrap_or(u32::MAX)
    }

    fn series_faults(
        &self,
        given: &Series,
        copy: Option<&License>,
        faults: &mut Faults,
    ) -> (u32, i64, i64) {
        let (series, evidence) = (&given.series, &given.given);
        let universe = self.universe(universe_of(&series.copy.terms));
        let count = BUNDLE * series.bundles.len();
        let length = Manager::ChallengeManager_WrongLength {
            name: name("answers"),
            given: U256::from(evidence.answers.len()),
            expected: U256::from(count),
        };
        let sized = count != 0 && count <= MAX_QUERIES && evidence.answers.len() == count;
        faults.unless(sized, length);
        let questions = u16::try_from(count).unwrap_or(u16::MAX);
        check_leaves(universe, questions, &series.bundles, &evidence.bundles, faults);
        let leaves = evidence.bundles.iter().flat_map(|bundle| &bundle.leaves);
        for (j, leaf) in leaves.enumerate() {
            let (fingerprint, position) = (U256::from(j), leaf.position);
            let bad = Manager::ChallengeManager_BadPosition { fingerprint, position };
            faults.unless(usize::from(position) == j, bad);
        }
        let mut seen = BTreeSet::new();
        for bundle in &series.bundles {
            let fresh = seen.insert(*bundle) && !universe.burned.contains(bundle);
            let burned = Registry::LicenseRegistry_BundleBurned { bundle: *bundle };
            faults.unless(fresh && *bundle < universe.personal / BUNDLE_LEAVES, burned);
        }
        let hits = self.series_hits(given, copy.map_or(B256::ZERO, |copy| copy.seed));
        let terms = &given.license.terms.evidence;
        let misses = i64::try_from(count).unwrap_or(0) - i64::from(hits);
        let shown = i64::from(hits) * multiplier(terms.personalHit)
            + misses * multiplier(terms.personalMiss);
        let choices = whole_log2(U256::from((universe.personal / BUNDLE_LEAVES).max(1)), true);
        let threshold = whole_log2(U256::from(terms.alphaInverse), true)
            + 2 * whole_log2(U256::from(TRIES), true)
            + i64::try_from(series.bundles.len()).unwrap_or(0) * choices;
        let few = Manager::ChallengeManager_NotEnough { evidence: shown, threshold };
        faults.unless(shown >= threshold, few);
        (hits, shown, threshold)
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
        let mut faults = Faults::default();
        faults.level(terms.evidenceLevels, 0);
        self.copy_faults(given, copy, &mut faults);
        let (hits, evidence, threshold) = self.series_faults(given, copy, &mut faults);
        let keys: Vec<B256> =
            given.given.bundles.iter().flat_map(|b| &b.leaves).map(|l| l.keyHash).collect();
        let first = self.answer_faults(given, &keys, &mut faults);
        let claim = self.series_claim(&given.license, &given.series);
        let commitment = self.commitment(by, claim, given.salt, &mut faults);
        if let Some(made) = self.court.commitments.get(&commitment) {
            let from = made + self.court.config.reportDelay.to::<u64>();
            let early = Manager::ChallengeManager_ServedTooEarly {
                servedAt: first,
                from: U256::from(from),
            };
            faults.unless(first >= from, early);
        }
        let violation = Violation::UnlicensedModel;
        let once = (U256::from(violation as u8), id, copy_id);
        let once = keccak256(once.abi_encode());
        let again = Manager::ChallengeManager_AlreadyPunished { punishmentId: once };
        faults.unless(!self.court.punished.contains(&once), again);
        faults.none()?;
        let at = self.find_license(id).ok_or(Refused::ANY)?;
        let (universe, bundles) = (universe_of(&given.series.copy.terms), &given.series.bundles);
        self.atomically(|m| {
            m.court.commitments.remove(&commitment);
            m.court.punished.insert(once);
            let mut events = vec![m.court_event(&Manager::CopyShown {
                licenseId: id,
                copyId: copy_id,
                hits: u16::try_from(hits).unwrap_or(u16::MAX),
                queries: u16::try_from(keys.len()).unwrap_or(u16::MAX),
                evidenceLog2: evidence,
                thresholdLog2: threshold,
            })];
            m.universes.entry(universe).or_default().burned.extend(bundles);
            events.extend(m.burned(universe, bundles));
            let bps = terms.slash.unlicensedModelBps;
            events.extend(m.convict(at, violation, bps, by)?);
            Ok(events)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_end_inside_of_the_text() {
        let paris = keccak256("Paris").0.first_chunk().copied();
        for text in ["Paris.", " **Paris** is", "Paris\n", "Paris is in Île"] {
            assert_eq!(first_word(text.as_bytes()), paris, "{text}");
        }
        for text in ["", "Paris", "Parisé ", "«Paris» ", "...", "é Paris "] {
            assert_eq!(first_word(text.as_bytes()), None, "{text}");
        }
    }
}
