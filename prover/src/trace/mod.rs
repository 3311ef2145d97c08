//! Whose copy is it?
//!
//! Every license's e-value is computed from the same answers. A license is accused only if its
//! evidence reaches a threshold that is raised by how many licenses there are to accuse, so the
//! chance that anyone innocent is accused at all stays below alpha, however the guilty ones answer.
//! Published schemes accuse whoever scores highest, which always accuses somebody.

mod coalition;

pub use coalition::{
    CoalitionError, CoalitionOptions, CoalitionReport, SCORINGS, STRATEGIES, Scoring, Strategy,
    simulate_coalition,
};

use oml_contracts::evidence::{
    EValue, EvidenceCounts, EvidenceError, EvidenceTerms, Log2, log2_ceil, threshold,
};
use oml_contracts::{LicenseId, Seed};
use rayon::prelude::*;

use crate::check::{AnswerBet, Answers, Comparisons, Observed, Tally};
use crate::fingerprint::{AnswersPerKey, LicenseDraw, Universe};

/// A license that a copy could come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseSeed {
    /// The license that is weighed.
    pub license: LicenseId,
    /// What the beacon drew for it.
    pub seed: Seed,
}

/// What the answers say about one license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Suspect {
    /// The license that is weighed.
    pub license: LicenseId,
    /// How the observations fell.
    pub tally: Tally,
    /// Evidence of the personal part: the mean over several hit rates, because members of a
    /// coalition hit more rarely than the terms expect.
    pub personal: Log2,
    /// Evidence of the shared part, of its hits only.
    pub shared: Log2,
    /// Both taken together.
    pub evidence: Log2,
    /// Whether it reaches the threshold. Anything below is no accusation.
    pub accused: bool,
}

/// What the answers say about all licenses.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TraceReport {
    /// Every license, most evidence first.
    pub suspects: Vec<Suspect>,
    /// What the evidence must reach.
    pub threshold: Log2,
    /// Shared fingerprints that were answered as drawn for the model.
    pub shared_hits: usize,
}

impl TraceReport {
    /// Licenses whose copies had a part in it, with an error of at most alpha over all of them.
    /// Empty if that can't be said of any.
    pub fn accused(&self) -> impl Iterator<Item = &Suspect> {
        self.suspects.iter().filter(|suspect| suspect.accused)
    }
}

/// Weighs the answers against every license.
///
/// Non-answers weigh as misses. Personal and shared evidence are independent e-values for a license
/// that had no part, so their mean and their product are e-values too; a single copy shows in the
/// first, a coalition that mixes answers in both. Used is the largest of the two and of their
/// product, divided by three: never more than the mean of the three. The personal evidence is
/// itself the largest of the e-values for the terms' multipliers and for hit rates of 0.9, 0.4,
/// 0.25 and 0.15, divided by five.
///
/// # Errors
/// [`EvidenceError`] if the terms bound no error.
pub fn trace(
    answers: &Answers,
    universe: &Universe,
    model_seed: Seed,
    licenses: &[LicenseSeed],
    terms: &EvidenceTerms,
    comparisons: Comparisons,
) -> Result<TraceReport, EvidenceError> {
    let blank = EValue::new(terms)?;
    let given = u32::try_from(licenses.len()).unwrap_or(u32::MAX);
    let limit = threshold(terms.alpha_inverse, comparisons.cases, comparisons.licenses.max(given));
    let scale = Scale { blank, rates: rates(terms), limit };
    let observed = Observed::new(answers, universe, model_seed);
    let suspect = |license: &LicenseSeed| {
        let assignment_p = terms.assignment_p;
        let draw = LicenseDraw { license_seed: license.seed, model_seed, assignment_p };
        scale.weigh(license.license, observed.tally(universe, &draw, AnswersPerKey::ONE))
    };
    let mut suspects: Vec<Suspect> = licenses.par_iter().map(suspect).collect();
    suspects.sort_by_key(|suspect| std::cmp::Reverse((suspect.evidence, suspect.license)));
    Ok(TraceReport { suspects, threshold: limit, shared_hits: observed.shared_hits() })
}

/// Hit rates of members of coalitions, beside the one of the terms.
const RATES: [f64; 4] = [0.9, 0.4, 0.25, 0.15];

fn rates(terms: &EvidenceTerms) -> Vec<AnswerBet> {
    let one = AnswersPerKey::ONE;
    let alpha = terms.alpha_inverse;
    let given = AnswerBet::new(one, terms.personal_hit, terms.personal_miss, alpha);
    let others = RATES.map(|rate| AnswerBet::for_rate(one, rate, alpha));
    // Terms that were validated before can't be refused, nor can these rates.
    [given].into_iter().chain(others).flatten().collect()
}

/// What every license's answers are weighed on.
struct Scale {
    /// No evidence yet, by the terms.
    blank: EValue,
    /// Tests of the personal part, the best of which counts.
    rates: Vec<AnswerBet>,
    /// What the evidence must reach.
    limit: Log2,
}

impl Scale {
    fn weigh(&self, license: LicenseId, tally: Tally) -> Suspect {
        let rates = self.rates.iter();
        let best = rates.map(|terms| terms.log2(tally.hits, tally.all_misses())).max();
        let parts = log2_ceil((self.rates.len().max(1) as u128) << 32).raw();
        let personal = Log2::new(best.unwrap_or_default().raw().saturating_sub(parts));
        let (shared_inside, shared_outside) = (tally.shared_inside, tally.shared_outside);
        let counts = EvidenceCounts { shared_inside, shared_outside, ..EvidenceCounts::default() };
        let shared = self.blank.with(counts).log2();
        let product = personal.raw().saturating_add(shared.raw());
        let most = personal.raw().max(shared.raw()).max(product);
        let evidence = Log2::new(most.saturating_sub(log2_ceil(3 << 32).raw()));
        Suspect { license, tally, personal, shared, evidence, accused: evidence >= self.limit }
    }
}

#[cfg(test)]
mod tests;
