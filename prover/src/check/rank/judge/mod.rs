//! From scores to a verdict on one license.

use std::collections::BTreeSet;

use oml_contracts::Root;
use oml_contracts::draw::Part;
use oml_contracts::evidence::Log2;

use super::bets::{RankTerms, RankTest};
use super::scores::Scores;
use crate::check::judge::EvidenceLevels;
use crate::check::observation::{Observation, Unanswered};
use crate::check::{Comparisons, Silence, Verdict};
use crate::fingerprint::{LicenseDraw, Universe};

/// How the ranks fell.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct RankTally {
    /// Drawn answers per rank from 1 to 16; tied ones count at the worst rank they share.
    pub ranks: [u32; 16],
    /// Fingerprints with scores.
    pub scored: u32,
    /// Of these, the ones whose drawn answers are tied with other candidates.
    pub tied: u32,
    /// Fingerprints of which the target gave no scores; each bet gets its least for them.
    pub no_answer: u32,
    /// Fingerprints that could not be asked; they weigh the same.
    pub not_checked: u32,
}

/// The outcome of a rank test for one license.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RankOutcome {
    verdict: Verdict,
    tally: RankTally,
    evidence: Log2,
    threshold: Log2,
    bet: String,
    /// Questions after which a verdict is expected, while there is none.
    ask_more: Option<u32>,
    /// Why there were no scores, most frequent reason first.
    unanswered: Vec<Unanswered>,
    transcript: String,
    root: Root,
}

impl Scores {
    /// Judges the ranks of the personal answers drawn for one license. What was not scored weighs
    /// against the claim.
    #[must_use]
    pub fn judge(
        &self,
        universe: &Universe,
        draw: &LicenseDraw,
        terms: &RankTerms,
        comparisons: Comparisons,
    ) -> RankOutcome {
        let mut tally = RankTally::default();
        let mut test = RankTest::new(terms);
        let mut seen = BTreeSet::new();
        for (index, observation) in self.of_fingerprints() {
            let personal = universe.parts().part_of(index) == Some(Part::Personal);
            if !personal || !seen.insert(index) {
                continue;
            }
            let set = universe.answer_set(draw, index, terms.answers());
            if let (Some(scores), Some(set)) = (self.get(index), set) {
                let sums = scores.sums_of_ranks(&set.choices);
                test.observe(&sums);
                tally.scored += 1;
                tally.tied += u32::from(sums.bounds().0 < sums.bounds().1);
                for choice in &set.choices {
                    tally.ranks[scores.rank(*choice).1 - 1] += 1;
                }
                continue;
            }
            test.observe_nothing();
            match observation {
                Observation::NotChecked(_) => tally.not_checked += 1,
                Observation::Answered(_) | Observation::NoAnswer(_) => tally.no_answer += 1,
            }
        }
        self.outcome(universe, tally, &test, terms.threshold(comparisons))
    }

    fn outcome(
        &self,
        universe: &Universe,
        tally: RankTally,
        test: &RankTest<'_>,
        threshold: Log2,
    ) -> RankOutcome {
        let evidence = test.log2();
        let weighed = EvidenceLevels { evidence, threshold, cleared: test.clears() };
        let silence = Silence { not_checked: tally.not_checked, no_answer: tally.no_answer };
        let more = || test.ask_more(threshold);
        let verdict = Verdict::of(weighed, silence, more);
        RankOutcome {
            ask_more: matches!(verdict, Verdict::Inconclusive(_)).then(more).flatten(),
            verdict,
            evidence,
            threshold,
            bet: test.best().to_owned(),
            unanswered: Unanswered::of(self.of_fingerprints().map(|(_, observation)| observation)),
            transcript: self.transcript().hash_text(),
            root: universe.root(),
            tally,
        }
    }
}

impl RankOutcome {
    /// What the test says.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// How the ranks fell.
    #[must_use]
    pub const fn tally(&self) -> &RankTally {
        &self.tally
    }

    /// The evidence, an e-value.
    #[must_use]
    pub const fn evidence_log2(&self) -> Log2 {
        self.evidence
    }

    /// What it had to reach.
    #[must_use]
    pub const fn threshold_log2(&self) -> Log2 {
        self.threshold
    }

    /// Questions after which a verdict is expected if ranks go on to fall like this; only while
    /// there is none.
    #[must_use]
    pub const fn ask_more(&self) -> Option<u32> {
        self.ask_more
    }

    /// Why fingerprints have no scores, most frequent reason first.
    #[must_use]
    pub fn unanswered(&self) -> &[Unanswered] {
        &self.unanswered
    }

    /// The bet that gathered most: `kept`, `faded`, `suppressed` or `either` where the usual ones
    /// are used.
    #[must_use]
    pub fn bet(&self) -> &str {
        &self.bet
    }
}

#[cfg(test)]
mod tests;
