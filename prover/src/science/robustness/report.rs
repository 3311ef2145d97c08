//! What an attack leaves of the fingerprints.

use oml_contracts::tag::normalise;

use super::{Attack, MarkedCopy, RobustnessError, ServedModel, ServedUtility, served_utility};
use crate::check::{
    AnswerTerms, CandidateScores, Comparisons, EvidenceLevels, RankTerms, RankTest, Silence,
    Verdict, of_logits,
};
use crate::fingerprint::Perinucleus;
use oml_engine::{Model, ModelError};

/// Outcome of one test.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// Base-2 logarithm of the evidence.
    pub evidence_log2: f64,
    /// What it must reach.
    pub threshold_log2: f64,
    /// What the test says of the copy.
    pub verdict: Verdict,
}

/// What the tests saw of the copy.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Share of keys that are answered with one of the drawn answers.
    pub survival: f64,
    /// Mean of the least rank that a drawn answer of a key has among its 16 candidates; 8.5 is
    /// chance for one answer.
    pub mean_best_rank: f64,
    /// Largest probability of any first token, over all keys, as served.
    pub largest_probability: f64,
    /// The test of answers.
    pub answers: TestResult,
    /// The rank test.
    pub ranks: TestResult,
}

/// One attack on one copy.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackRow {
    /// The attack as the command line writes it.
    pub attack: String,
    /// Answers per key of the copy.
    pub answers_per_key: u8,
    /// What is left of the fingerprints.
    pub held: Held,
    /// What is left of the model.
    pub utility: ServedUtility,
}

/// What attacks on copies of a base model are measured with.
#[derive(Debug, Clone, Copy)]
pub struct AttackSetting<'a> {
    /// The model that copies were made of.
    pub base: &'a Model,
    /// Token sequences that fine-tuning trains on.
    pub other_texts: &'a [Vec<u32>],
    /// Token sequences that utility is measured on.
    pub held_out: &'a [Vec<u32>],
    /// Inverse of the error rate of both tests.
    pub alpha_inverse: u64,
    /// Cases and licenses among which a match is found.
    pub comparisons: Comparisons,
    /// Seed of what an attack draws.
    pub seed: u64,
}

impl AttackSetting<'_> {
    /// Applies an attack to a copy and tests what is served.
    ///
    /// # Errors
    /// [`RobustnessError`].
    pub fn judge(&self, copy: &MarkedCopy, attack: &Attack) -> Result<AttackRow, RobustnessError> {
        let served = attack.apply(self.base, &copy.model, self.other_texts, self.seed)?;
        Ok(AttackRow {
            attack: attack.to_string(),
            answers_per_key: copy.answers.get(),
            held: held(&served, copy, self.alpha_inverse, self.comparisons)?,
            utility: served_utility(self.base, &served, self.held_out)?,
        })
    }
}

fn held(
    served: &ServedModel,
    copy: &MarkedCopy,
    alpha_inverse: u64,
    comparisons: Comparisons,
) -> Result<Held, RobustnessError> {
    let entries = copy.universe.entries();
    let prompts = entries
        .iter()
        .map(|entry| served.ids(&entry.key.prompt()))
        .collect::<Result<Vec<_>, ModelError>>()?;
    let said = served.answers(&prompts, Perinucleus::default().max_response_tokens)?;
    let logits = served.first_logits(&prompts)?;
    let answer_terms = AnswerTerms::new(copy.answers, alpha_inverse)?;
    let terms = RankTerms::new(copy.answers, alpha_inverse)?;
    let (mut hits, mut keys, mut best) = (0_u32, 0_u32, 0_usize);
    let mut largest = 0.0_f64;
    let mut test = RankTest::new(&terms);
    for ((entry, said), logits) in entries.iter().zip(&said).zip(&logits) {
        let Some(set) = copy.universe.answer_set(&copy.draw, entry.index, copy.answers) else {
            continue;
        };
        keys += 1;
        hits += u32::from(set.contains(&normalise(said)));
        largest = largest.max(top_probability(logits));
        let unknown = CandidateScores::new([f64::NAN; 16]);
        let scores = of_logits(served.model.tokenizer(), Some(entry), logits)?.unwrap_or(unknown);
        test.observe(&scores.sums_of_ranks(&set.choices));
        best += set.choices.iter().map(|choice| scores.rank(*choice).1).min().unwrap_or(16);
    }
    let count = f64::from(keys.max(1));
    Ok(Held {
        survival: f64::from(hits) / count,
        mean_best_rank: best as f64 / count,
        largest_probability: largest,
        answers: result(EvidenceLevels {
            evidence: answer_terms.log2(hits, keys - hits),
            threshold: answer_terms.threshold(comparisons),
            cleared: answer_terms.clears(hits, keys - hits),
        }),
        ranks: result(EvidenceLevels {
            evidence: test.log2(),
            threshold: terms.threshold(comparisons),
            cleared: test.clears(),
        }),
    })
}

fn result(weighed: EvidenceLevels) -> TestResult {
    TestResult {
        evidence_log2: weighed.evidence.to_f64(),
        threshold_log2: weighed.threshold.to_f64(),
        verdict: Verdict::of(weighed, Silence::default(), || None),
    }
}

fn top_probability(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    1.0 / sum
}
