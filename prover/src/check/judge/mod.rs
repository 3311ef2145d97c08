//! From answers to a verdict on one license.

use std::collections::BTreeSet;

use oml_contracts::draw::Part;
use oml_contracts::evidence::{
    EValue, EvidenceCounts, EvidenceError, EvidenceTerms, Log2, threshold,
};
use oml_contracts::{Root, Seed, Tag};

use super::answers::Answers;
use super::observation::Observation;
use crate::fingerprint::{LicenseDraw, Universe};

/// Evidence against "this is the licensed copy" that ends a check: odds of 1 in 128.
const DROP: Log2 = Log2::new(-7 << 32);

/// Among how many checks and licenses a match could have been found. Whoever compares more finds
/// more by chance, so each raises what the evidence must reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Comparisons {
    /// Checks made with this universe, this one included.
    pub cases: u32,
    /// Licenses of this universe.
    pub licenses: u32,
}

/// How the observations fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Personal fingerprints answered as drawn for the license.
    pub hits: u32,
    /// Personal fingerprints answered otherwise.
    pub misses: u32,
    /// Personal fingerprints without an answer; they weigh as misses.
    pub no_answer: u32,
    /// Personal fingerprints that could not be asked; they weigh as misses too.
    pub not_checked: u32,
    /// Shared fingerprints answered as drawn for the model, and assigned to the license.
    pub shared_inside: u32,
    /// The same, but not assigned to it.
    pub shared_outside: u32,
}

impl Tally {
    /// Everything of the personal part that was not a hit: silence weighs against the claim.
    #[must_use]
    pub(crate) const fn all_misses(&self) -> u32 {
        self.misses + self.no_answer + self.not_checked
    }

    const fn silence(&self) -> Silence {
        Silence { not_checked: self.not_checked, no_answer: self.no_answer }
    }
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The target gives the answers of this license's copy, beyond the agreed doubt.
    Match,
    /// The target answers, and not like this license's copy. Says nothing about copies that were
    /// changed until they forgot.
    NoMatch,
    /// The answers, or what was answered of them, do not suffice for either verdict.
    Inconclusive(Inconclusive),
}

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inconclusive {
    /// Some questions could not be asked.
    #[error("{0} fingerprints could not be checked; ask them again")]
    NotChecked(u32),
    /// Too little was answered to tell.
    #[error("{0} fingerprints got no answer; silence is no verdict")]
    NoAnswers(u32),
    /// The answers point neither way.
    #[error("the evidence suffices for neither verdict; ask more fingerprints")]
    NotEnough,
}

/// The outcome of a check for one license.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckOutcome {
    verdict: Verdict,
    tally: Tally,
    evidence: Log2,
    threshold: Log2,
    transcript: String,
    root: Root,
}

/// Proof, for the owner's own use and for ordering a round, that a target gives a license's
/// answers.
///
/// Only [`CheckOutcome::into_evidence`] makes one, and only of a match.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Evidence {
    outcome: CheckOutcome,
}

impl Answers {
    /// Judges the answers for one license. What was not answered weighs against the claim.
    ///
    /// # Errors
    /// [`EvidenceError`] if the terms bound no error.
    pub fn judge(
        &self,
        universe: &Universe,
        draw: &LicenseDraw,
        terms: &EvidenceTerms,
        comparisons: Comparisons,
    ) -> Result<CheckOutcome, EvidenceError> {
        let tally = self.tally(universe, draw);
        let blank = EValue::new(terms)?;
        let weighed = EvidenceLevels {
            evidence: blank.with(counted(&tally, tally.all_misses())).log2(),
            answered: blank.with(counted(&tally, tally.misses)).log2(),
            threshold: threshold(terms.alpha_inverse, comparisons.cases, comparisons.licenses),
        };
        Ok(CheckOutcome::new(self, universe, tally, weighed))
    }

    /// Sorts the observations for one license.
    #[must_use]
    pub fn tally(&self, universe: &Universe, draw: &LicenseDraw) -> Tally {
        Observed::new(self, universe, draw.model_seed).tally(universe, draw)
    }
}

/// Answers as they count for any license: a fingerprint that was asked twice counts once, with its
/// first observation, because asking again until it hits must not help.
pub(crate) struct Observed {
    /// Personal fingerprints that were answered, with the answer's tag.
    personal: Vec<(u32, Tag)>,
    /// Shared fingerprints that were answered as drawn for the model.
    shared_hits: Vec<u32>,
    no_answer: u32,
    not_checked: u32,
}

impl Observed {
    pub(crate) fn new(answers: &Answers, universe: &Universe, model_seed: Seed) -> Self {
        let mut seen = BTreeSet::new();
        let mut observed =
            Self { personal: Vec::new(), shared_hits: Vec::new(), no_answer: 0, not_checked: 0 };
        for (index, observation) in answers.of_fingerprints() {
            let Some(part) = universe.parts().part_of(index).filter(|_| seen.insert(index)) else {
                continue;
            };
            match (part, observation) {
                (Part::Personal, Observation::Answered(_)) => {
                    observed.personal.push((index, observation.tag()));
                }
                (Part::Personal, Observation::NoAnswer(_)) => observed.no_answer += 1,
                (Part::Personal, Observation::NotChecked(_)) => observed.not_checked += 1,
                (Part::Shared, _) => {
                    let drawn = universe.shared_tag(model_seed, index);
                    if observation.is_answer() && Some(observation.tag()) == drawn {
                        observed.shared_hits.push(index);
                    }
                }
            }
        }
        observed
    }

    pub(crate) fn shared_hits(&self) -> usize {
        self.shared_hits.len()
    }

    pub(crate) fn tally(&self, universe: &Universe, draw: &LicenseDraw) -> Tally {
        let mut tally =
            Tally { no_answer: self.no_answer, not_checked: self.not_checked, ..Tally::default() };
        for (index, tag) in &self.personal {
            let drawn = universe.answer(draw, *index).map(|answer| answer.candidate.tag());
            let slot = if drawn == Some(*tag) { &mut tally.hits } else { &mut tally.misses };
            *slot += 1;
        }
        for index in &self.shared_hits {
            let inside = universe.assigns(draw, *index);
            let slot = if inside { &mut tally.shared_inside } else { &mut tally.shared_outside };
            *slot += 1;
        }
        tally
    }
}

/// A tally as the e-value takes it, with as many misses as the caller counts.
const fn counted(tally: &Tally, misses: u32) -> EvidenceCounts {
    EvidenceCounts {
        personal_hits: tally.hits,
        personal_misses: misses,
        shared_inside: tally.shared_inside,
        shared_outside: tally.shared_outside,
    }
}

/// What a test gathered, and what it had to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvidenceLevels {
    /// Evidence with silence counted against the claim. A match rests on it.
    pub(crate) evidence: Log2,
    /// Evidence of what was answered, alone. The case against a match rests on it.
    pub(crate) answered: Log2,
    /// What the evidence must reach for a match.
    pub(crate) threshold: Log2,
}

/// Questions that say nothing, by whose doing it was.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Silence {
    /// They could not be asked.
    pub(crate) not_checked: u32,
    /// The target was reached and did not answer.
    pub(crate) no_answer: u32,
}

impl Verdict {
    pub(crate) fn of(weighed: EvidenceLevels, silence: Silence) -> Self {
        let Silence { not_checked, no_answer } = silence;
        if weighed.evidence >= weighed.threshold {
            Self::Match
        } else if weighed.answered <= DROP {
            Self::NoMatch
        } else if not_checked > 0 {
            Self::Inconclusive(Inconclusive::NotChecked(not_checked))
        } else if no_answer > 0 {
            Self::Inconclusive(Inconclusive::NoAnswers(no_answer))
        } else {
            Self::Inconclusive(Inconclusive::NotEnough)
        }
    }
}

impl CheckOutcome {
    pub(super) fn new(
        answers: &Answers,
        universe: &Universe,
        tally: Tally,
        weighed: EvidenceLevels,
    ) -> Self {
        Self {
            verdict: Verdict::of(weighed, tally.silence()),
            tally,
            evidence: weighed.evidence,
            threshold: weighed.threshold,
            transcript: answers.transcript().hash_text(),
            root: universe.root(),
        }
    }

    /// What the check says.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// How the observations fell.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The evidence that the contract would compute.
    #[must_use]
    pub const fn evidence_log2(&self) -> Log2 {
        self.evidence
    }

    /// What it had to reach.
    #[must_use]
    pub const fn threshold_log2(&self) -> Log2 {
        self.threshold
    }

    /// The evidence, if this is a match.
    #[must_use]
    pub fn into_evidence(self) -> Option<Evidence> {
        (self.verdict == Verdict::Match).then_some(Evidence { outcome: self })
    }
}

impl Evidence {
    /// The outcome behind it.
    #[must_use]
    pub const fn outcome(&self) -> &CheckOutcome {
        &self.outcome
    }
}

#[cfg(test)]
mod tests;
