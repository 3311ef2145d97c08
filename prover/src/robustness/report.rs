//! What an attack leaves of the fingerprints.

use oml_contracts::evidence::Log2;
use oml_contracts::tag::normalise;

use super::{Attack, MarkedCopy, RobustnessError, ServedUtility, Suspect, served_utility};
use crate::check::{
    CandidateScores, Counts, RankTerms, RankTest, SeveralTerms, Verdict, of_logits,
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
    /// The verdict.
    pub verdict: Verdict,
}

/// What the tests saw of the copy.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Share of keys that are answered with one of the drawn answers.
    pub survival: f64,
    /// Mean of the least rank that a drawn answer of a key has among its 16 candidates; 8.5 is chance for
    /// one answer.
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
pub struct Row {
    /// The attack.
    pub attack: String,
    /// Answers per key of the copy.
    pub answers_per_key: u8,
    /// What is left of the fingerprints.
    pub held: Held,
    /// What is left of the model.
    pub utility: ServedUtility,
}

/// Hit rate for which the multipliers of the test of answers are chosen.
const RATE: f64 = 0.6;

/// Applies an attack to a copy and tests what is served.
///
/// `other_texts` are what fine-tuning trains on, `held_out` what utility is measured on.
///
/// # Errors
/// [`RobustnessError`].
pub fn judge_attack(
    base: &Model,
    copy: &MarkedCopy,
    attack: &Attack,
    (other_texts, held_out): (&[Vec<u32>], &[Vec<u32>]),
    (alpha_inverse, counts, seed): (u64, Counts, u64),
) -> Result<Row, RobustnessError> {
    let suspect = attack.apply(base, &copy.model, other_texts, seed)?;
    Ok(Row {
        attack: attack.to_string(),
        answers_per_key: copy.answers.get(),
        held: held(&suspect, copy, alpha_inverse, counts)?,
        utility: served_utility(base, &suspect, held_out)?,
    })
}

fn held(
    suspect: &Suspect,
    copy: &MarkedCopy,
    alpha_inverse: u64,
    counts: Counts,
) -> Result<Held, RobustnessError> {
    let entries = copy.universe.entries();
    let prompts = entries
        .iter()
        .map(|entry| suspect.ids(&entry.key.prompt()))
        .collect::<Result<Vec<_>, ModelError>>()?;
    let said = suspect.answers(&prompts, Perinucleus::default().max_response_tokens)?;
    let logits = suspect.first_logits(&prompts)?;
    let several = SeveralTerms::for_rate(copy.answers, RATE, alpha_inverse)?;
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
        let scores = of_logits(suspect.model.tokenizer(), Some(entry), logits)?.unwrap_or(unknown);
        test.observe(&scores.sums_of_ranks(&set.choices));
        best += set.choices.iter().map(|choice| scores.rank(*choice).1).min().unwrap_or(16);
    }
    let count = f64::from(keys.max(1));
    Ok(Held {
        survival: f64::from(hits) / count,
        mean_best_rank: best as f64 / count,
        largest_probability: largest,
        answers: result(several.log2(hits, keys - hits), several.threshold(counts)),
        ranks: result(test.log2(), terms.threshold(counts)),
    })
}

fn result(evidence: Log2, threshold: Log2) -> TestResult {
    TestResult {
        evidence_log2: evidence.to_f64(),
        threshold_log2: threshold.to_f64(),
        verdict: Verdict::of([evidence, evidence, threshold], 0, 0),
    }
}

fn top_probability(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    1.0 / sum
}
