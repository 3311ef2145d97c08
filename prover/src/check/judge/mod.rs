//! From answers to a verdict on one license.

use std::collections::BTreeSet;

use oml_contracts::draw::Part;
use oml_contracts::evidence::Log2;
use oml_contracts::tag::tag_of;
use oml_contracts::{Root, Seed, Tag};

use super::answer_terms::AnswerTerms;
use super::answers::Answers;
use super::evasion::Evasions;
use super::observation::{Observation, Unanswered};
use super::tally::{Comparisons, Silence, Tally};
use crate::fingerprint::{AnswersPerKey, LicenseDraw, Universe};

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The target gives the answers of this license's copy, beyond the agreed doubt.
    Match,
    /// The target answers, and a copy that still gives one drawn answer in ten would look like
    /// this with probability 1 in 128 at most. Says nothing about copies that forgot more.
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
    /// The answers point neither way yet, and after so many more a verdict is expected.
    #[error("the evidence suffices for neither verdict; ask {0} more fingerprints")]
    AskMore(u32),
    /// The answers point neither way, and would not if they went on like this.
    #[error(
        "the evidence suffices for neither verdict, and more answers like these would not change it"
    )]
    NotEnough,
}

/// The outcome of a check for one license.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CheckOutcome {
    verdict: Verdict,
    tally: Tally,
    evidence: Log2,
    threshold: Log2,
    /// Share of its answers that explains the hits best.
    likeliest_survival: f64,
    /// Questions after which a verdict is expected, while there is none.
    ask_more: Option<u32>,
    /// Why there was no answer, most frequent reason first.
    unanswered: Vec<Unanswered>,
    transcript: String,
    root: Root,
}

/// Proof, for the owner's own use and for ordering a round, that a target gives a license's
/// answers.
///
/// Only [`CheckOutcome::into_evidence`] makes one, and only of a match.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evidence {
    outcome: CheckOutcome,
}

impl Answers {
    /// Judges the personal answers for one license. What was not answered weighs against the
    /// claim, and clears nobody.
    #[must_use]
    pub fn judge(
        &self,
        universe: &Universe,
        draw: &LicenseDraw,
        terms: &AnswerTerms,
        comparisons: Comparisons,
    ) -> CheckOutcome {
        let tally = self.tally(universe, draw, terms.answers());
        let (evidence, threshold) =
            (terms.log2(tally.hits, tally.all_misses()), terms.threshold(comparisons));
        let weighed = EvidenceLevels {
            evidence,
            threshold,
            cleared: tally.mostly_answered() && terms.clears(tally.hits, tally.misses),
        };
        let more = || terms.ask_more(&tally, threshold);
        let verdict = Verdict::of(weighed, tally.silence(), more);
        CheckOutcome {
            ask_more: matches!(verdict, Verdict::Inconclusive(_)).then(more).flatten(),
            verdict,
            likeliest_survival: terms.likeliest_survival(tally.hits, tally.all_misses()),
            tally,
            evidence,
            threshold,
            unanswered: Unanswered::of(self.of_fingerprints().map(|(_, observation)| observation)),
            transcript: self.transcript().hash_text(),
            root: universe.root(),
        }
    }

    /// Sorts the observations for one license, whose copy carries so many answers per key.
    #[must_use]
    pub fn tally(&self, universe: &Universe, draw: &LicenseDraw, answers: AnswersPerKey) -> Tally {
        Observed::new(self, universe, draw.model_seed).tally(universe, draw, answers)
    }
}

/// Answers as they count for any license: a fingerprint that was asked twice counts once, with its
/// first observation, because asking again until it hits must not help.
pub(crate) struct Observed {
    /// Personal fingerprints that were answered, with the answer's tag.
    personal: Vec<(u32, Tag)>,
    /// Shared fingerprints that were answered as drawn for the model.
    shared_hits: Vec<u32>,
    /// What no license changes.
    silent: Tally,
}

impl Observed {
    pub(crate) fn new(answers: &Answers, universe: &Universe, model_seed: Seed) -> Self {
        let mut seen = BTreeSet::new();
        let mut observed =
            Self { personal: Vec::new(), shared_hits: Vec::new(), silent: Tally::default() };
        let mut said: Vec<(u32, &str)> = Vec::new();
        for (index, observation) in answers.of_fingerprints() {
            let Some(part) = universe.parts().part_of(index).filter(|_| seen.insert(index)) else {
                continue;
            };
            match (part, observation) {
                (Part::Personal, Observation::Answered(text)) => said.push((index, text)),
                (Part::Personal, Observation::NoAnswer(_)) => observed.silent.no_answer += 1,
                (Part::Personal, Observation::NotChecked(_)) => observed.silent.not_checked += 1,
                (Part::Shared, _) => {
                    let drawn = universe.shared_tag(model_seed, index);
                    if observation.is_answer() && Some(observation.tag()) == drawn {
                        observed.shared_hits.push(index);
                    }
                }
            }
        }
        let evasions = Evasions::of(&said, universe);
        evasions.add_to(&mut observed.silent);
        let answered = said.into_iter().filter(|(index, _)| !evasions.contains(*index));
        observed.personal = answered.map(|(index, text)| (index, tag_of(text))).collect();
        observed
    }

    pub(crate) fn shared_hits(&self) -> usize {
        self.shared_hits.len()
    }

    pub(crate) fn tally(
        &self,
        universe: &Universe,
        draw: &LicenseDraw,
        answers: AnswersPerKey,
    ) -> Tally {
        let mut tally = self.silent;
        for (index, tag) in &self.personal {
            let hit = if answers == AnswersPerKey::ONE {
                universe.answer(draw, *index).is_some_and(|own| own.candidate.tag() == *tag)
            } else {
                let set = universe.answer_set(draw, *index, answers);
                set.is_some_and(|set| set.candidates.iter().any(|own| own.tag() == *tag))
            };
            *(if hit { &mut tally.hits } else { &mut tally.misses }) += 1;
        }
        for index in &self.shared_hits {
            let inside = universe.assigns(draw, *index);
            let slot = if inside { &mut tally.shared_inside } else { &mut tally.shared_outside };
            *slot += 1;
        }
        tally
    }
}

/// What a test gathered, and what it had to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EvidenceLevels {
    /// Evidence with silence counted against the claim. A match rests on it.
    pub(crate) evidence: Log2,
    /// What the evidence must reach for a match.
    pub(crate) threshold: Log2,
    /// Whether the evidence for innocence, of what was answered alone, is strong in itself.
    pub(crate) cleared: bool,
}

impl Verdict {
    /// Weighs what a test gathered; `more` says after how many further questions it would decide.
    pub(crate) fn of(
        weighed: EvidenceLevels,
        silence: Silence,
        more: impl FnOnce() -> Option<u32>,
    ) -> Self {
        if weighed.evidence >= weighed.threshold {
            Self::Match
        } else if weighed.cleared {
            Self::NoMatch
        } else if silence.not_checked > 0 {
            Self::Inconclusive(Inconclusive::NotChecked(silence.not_checked))
        } else if silence.no_answer > 0 {
            Self::Inconclusive(Inconclusive::NoAnswers(silence.no_answer))
        } else {
            Self::Inconclusive(more().map_or(Inconclusive::NotEnough, Inconclusive::AskMore))
        }
    }
}

impl CheckOutcome {
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

    /// The evidence, an e-value: the mean of bets on several survival rates.
    #[must_use]
    pub const fn evidence_log2(&self) -> Log2 {
        self.evidence
    }

    /// What it had to reach.
    #[must_use]
    pub const fn threshold_log2(&self) -> Log2 {
        self.threshold
    }

    /// The share of its answers kept, among those that were bet on, which explains the hits best.
    #[must_use]
    pub const fn likeliest_survival(&self) -> f64 {
        self.likeliest_survival
    }

    /// Questions after which a verdict is expected if the target goes on like this; only while
    /// there is none.
    #[must_use]
    pub const fn ask_more(&self) -> Option<u32> {
        self.ask_more
    }

    /// Why fingerprints were not answered, most frequent reason first.
    #[must_use]
    pub fn unanswered(&self) -> &[Unanswered] {
        &self.unanswered
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
