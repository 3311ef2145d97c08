//! What a target thinks of each candidate.

use std::collections::BTreeMap;

use oml_contracts::leaf::CANDIDATES;
use oml_contracts::tag::normalise;

use crate::check::answers::Answers;
use crate::check::clock::{millis, unix_millis};
use crate::check::observation::{NotChecked, Observation};
use crate::check::questions::Questions;
use crate::check::target::{Artefact, Target};
use crate::check::transcript::{Exchange, Transcript};
use crate::fingerprint::{Candidate, Entry, Key, Universe};
use oml_engine::{Api, ModelError, Prompt, TextTokenizer};

/// Scores of the 16 candidates of one fingerprint, in the order of their tags; larger is likelier.
///
/// Any scores do that were fixed without knowledge of the draw: logits, log-probabilities, or their
/// distance to another model's. What is not known of a candidate is negative infinity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandidateScores([f64; CANDIDATES]);

impl CandidateScores {
    /// Takes scores in the order of the candidates' tags.
    #[must_use]
    pub const fn new(scores: [f64; CANDIDATES]) -> Self {
        Self(scores)
    }

    /// The scores in the order of tags.
    #[must_use]
    pub const fn as_array(&self) -> &[f64; CANDIDATES] {
        &self.0
    }

    /// Least and largest rank, from 1, that candidate `choice` can have; they differ where scores
    /// are tied. What is no number may stand anywhere.
    #[must_use]
    pub fn rank(&self, choice: u8) -> (usize, usize) {
        let Some(own) = self.0.get(usize::from(choice)).filter(|own| !own.is_nan()) else {
            return (1, CANDIDATES);
        };
        let above = self.0.iter().filter(|other| *other > own).count();
        let not_below = self.0.iter().filter(|other| other.is_nan() || *other >= own).count();
        (above + 1, not_below)
    }

    /// The sums that the ranks of distinct candidates can have.
    #[must_use]
    pub(crate) fn sums_of_ranks(&self, choices: &[u8]) -> RankSums {
        let mut groups: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for choice in choices {
            *groups.entry(self.rank(*choice)).or_default() += 1;
        }
        let mut sums = RankSums { low: 0, ways: vec![1], known: true };
        for ((least, most), count) in groups {
            sums = sums.and(least, most, count);
        }
        let given = |choice: &u8| usize::from(*choice) < CANDIDATES;
        sums.known = choices.iter().all(given) && !self.0.iter().any(|score| score.is_nan());
        sums
    }
}

/// Sums of the ranks of the drawn answers, each with the number of ways to break ties that give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RankSums {
    /// The smallest sum that is possible.
    low: usize,
    /// Of the smallest and those after it.
    ways: Vec<u64>,
    /// Whether every score is a number, so that only ties leave a rank open.
    known: bool,
}

impl RankSums {
    /// A sum without ties.
    #[must_use]
    pub(crate) fn exact(sum: usize) -> Self {
        Self { low: sum, ways: vec![1], known: true }
    }

    /// Of a fingerprint of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { low: 0, ways: vec![0; CANDIDATES * CANDIDATES], known: false }
    }

    /// Least and largest.
    #[must_use]
    pub(crate) fn bounds(&self) -> (usize, usize) {
        (self.low, self.low + self.ways.len() - 1)
    }

    /// Ways to break ties per sum, from the smallest on; `None` if ranks are open for another
    /// reason.
    pub(super) fn ways(&self) -> Option<&[u64]> {
        self.known.then_some(&self.ways)
    }

    /// These sums plus those of `count` answers among candidates that share the ranks from `least`
    /// to `most`: any `count` of these ranks are as likely as any others.
    fn and(&self, least: usize, most: usize, count: usize) -> Self {
        let largest = count * most;
        // subsets[m][s] = sets of m of the ranks with sum s.
        let mut subsets = vec![vec![0_u64; largest + 1]; count + 1];
        subsets[0][0] = 1;
        for rank in least..=most {
            for size in (1..=count).rev() {
                for sum in (rank..=largest).rev() {
                    subsets[size][sum] += subsets[size - 1][sum - rank];
                }
            }
        }
        let low = (least..).take(count).sum::<usize>();
        let high = largest - (0..count).sum::<usize>();
        let added = &subsets[count][low..=high];
        let mut ways = vec![0_u64; self.ways.len() + added.len() - 1];
        for (i, a) in self.ways.iter().enumerate() {
            for (j, b) in added.iter().enumerate() {
                ways[i + j] += a * b;
            }
        }
        Self { low: self.low + low, ways, known: self.known }
    }
}

/// The candidates' scores, as a target gave them. They come from asking and from nowhere else.
#[derive(Debug, Clone)]
pub struct Scores {
    answers: Answers,
    scored: BTreeMap<u32, CandidateScores>,
}

impl Scores {
    pub(super) fn new(
        questions: &Questions,
        transcript: Transcript,
        found: Vec<Option<CandidateScores>>,
    ) -> Self {
        let mut scored = BTreeMap::new();
        for (question, scores) in questions.list().iter().zip(found) {
            if let (Some(index), Some(scores)) = (question.fingerprint, scores) {
                scored.insert(index, scores);
            }
        }
        Self { answers: Answers::new(questions, transcript), scored }
    }

    /// Everything that was asked. What was listed stands there as JSON text in place of the answer.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        self.answers.transcript()
    }

    /// What became of each fingerprint, in the order of asking.
    pub(crate) fn of_fingerprints(&self) -> impl Iterator<Item = (u32, &Observation)> {
        self.answers.of_fingerprints()
    }

    /// Scores of a fingerprint, if the target gave any.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<CandidateScores> {
        self.scored.get(&index).copied()
    }

    /// Adds another round. Of what was asked before, the first scores stay.
    pub fn extend(&mut self, other: Self) {
        for (index, scores) in other.scored {
            if !self.answers.of_fingerprints().any(|(known, _)| known == index) {
                self.scored.insert(index, scores);
            }
        }
        self.answers.extend(other.answers);
    }

    /// The same scores as distances to those of another model, such as the base: what the base
    /// model prefers anyway then says nothing. Fingerprints that the other was not asked keep their
    /// scores.
    #[must_use]
    pub fn relative_to(mut self, reference: &Self) -> Self {
        for (index, scores) in &mut self.scored {
            let Some(other) = reference.get(*index) else { continue };
            scores.0.iter_mut().zip(other.0).for_each(|(score, other)| {
                // A candidate that either does not list can't be compared, so it stays unknown.
                *score = if other.is_finite() { *score - other } else { f64::NEG_INFINITY };
            });
        }
        self
    }
}

/// Asks a target what it thinks of the candidates of every key.
///
/// Never fails: what can't be asked comes back as "not checked". Running weights blocks the calling
/// thread for as long as it takes.
pub async fn score(target: &Target, questions: &Questions, universe: &Universe) -> Scores {
    let prompts = questions.prompts();
    let entries: Vec<Option<&Entry>> = questions
        .list()
        .iter()
        .map(|question| question.fingerprint.and_then(|index| universe.entry(index)))
        .collect();
    let (name, exchanges, found) = match target {
        Target::Artefact(artefact) => {
            let (exchanges, found) = artefact.score(&prompts, &entries);
            (artefact.name.clone(), exchanges, found)
        }
        Target::Endpoint(endpoint) => {
            let exchanges = endpoint.ask_log_probabilities(&prompts).await;
            let found =
                exchanges.iter().zip(&entries).map(|(e, entry)| listed(e, *entry)).collect();
            (endpoint.address(), exchanges, found)
        }
    };
    Scores::new(questions, Transcript { target: name, exchanges }, found)
}

impl Artefact {
    fn score(
        &self,
        prompts: &[String],
        entries: &[Option<&Entry>],
    ) -> (Vec<Exchange>, Vec<Option<CandidateScores>>) {
        let (asked_at, started) = (unix_millis(), std::time::Instant::now());
        let results: Vec<Result<Option<CandidateScores>, ModelError>> = match self
            .score_all(prompts, entries)
        {
            Ok(found) => found.into_iter().map(Ok).collect(),
            // One prompt too long fails a batch: then each is asked on its own.
            Err(_) => (prompts.iter().zip(entries)).map(|(p, e)| self.score_one(p, *e)).collect(),
        };
        let took = millis(started);
        let exchange = |prompt: &String, result: &Result<Option<CandidateScores>, ModelError>| {
            let observation = match result {
                Ok(scores) => {
                    Observation::Answered(serde_json::json!(scores.map(|s| s.0)).to_string())
                }
                Err(error) => {
                    Observation::NotChecked(NotChecked::Model { causes: error.to_string() })
                }
            };
            Exchange { prompt: prompt.clone(), asked_at, took, attempts: 1, observation }
        };
        let exchanges = prompts.iter().zip(&results).map(|(p, r)| exchange(p, r)).collect();
        (exchanges, results.into_iter().map(|result| result.ok().flatten()).collect())
    }

    fn score_one(
        &self,
        prompt: &String,
        entry: Option<&Entry>,
    ) -> Result<Option<CandidateScores>, ModelError> {
        let found = self.score_all(std::slice::from_ref(prompt), &[entry])?;
        Ok(found.into_iter().next().flatten())
    }

    fn score_all(
        &self,
        prompts: &[String],
        entries: &[Option<&Entry>],
    ) -> Result<Vec<Option<CandidateScores>>, ModelError> {
        let tokenizer = self.model.tokenizer();
        let asked = |prompt: &String| tokenizer.asked(&Prompt::parse(prompt));
        let tokens = prompts.iter().map(asked).collect::<Result<Vec<_>, _>>()?;
        let mut found = vec![None; prompts.len()];
        let mut failed = None;
        self.model.for_each_last_logits(&tokens, |i, logits| {
            match of_logits(tokenizer, entries[i], logits) {
                Ok(scores) => found[i] = scores,
                Err(error) => failed = Some(error),
            }
        })?;
        failed.map_or(Ok(found), Err)
    }
}

/// Logits of the candidates' first tokens.
pub(crate) fn of_logits(
    tokenizer: &TextTokenizer,
    entry: Option<&Entry>,
    logits: &[f32],
) -> Result<Option<CandidateScores>, ModelError> {
    let Some(entry) = entry else { return Ok(None) };
    let mut scores = [f64::NEG_INFINITY; CANDIDATES];
    for (score, candidate) in scores.iter_mut().zip(entry.candidates.iter()) {
        let token = first_token(tokenizer, &entry.key, candidate)?;
        let logit = token.and_then(|token| logits.get(usize::try_from(token).ok()?));
        *score = logit.map_or(f64::NEG_INFINITY, |logit| f64::from(*logit));
    }
    Ok(Some(CandidateScores(scores)))
}

/// The token with which a candidate's word starts: the trained one where the suspect's vocabulary
/// means the same by it, else what the suspect's own tokenizer makes of the text.
fn first_token(
    tokenizer: &TextTokenizer,
    key: &Key,
    candidate: &Candidate,
) -> Result<Option<u32>, ModelError> {
    let trained = candidate.tokens.first().copied();
    let same = |token: &u32| {
        let piece = match key.api() {
            Api::Completions => tokenizer.word_initial(*token),
            Api::Chat => tokenizer.opening(*token),
        };
        let piece = piece.map(normalise);
        piece.is_some_and(|piece| !piece.is_empty() && candidate.word.starts_with(&piece))
    };
    if let Some(token) = trained.filter(same) {
        return Ok(Some(token));
    }
    if key.api() == Api::Chat {
        return Ok(tokenizer.encode(&candidate.word)?.first().copied());
    }
    let key = key.text();
    let (before, whole) =
        (tokenizer.encode(key)?, tokenizer.encode(&format!("{key} {}", candidate.word))?);
    Ok(whole.strip_prefix(before.as_slice()).and_then(|rest| rest.first().copied()))
}

/// Scores from a list of tokens with their log-probabilities.
fn listed(exchange: &Exchange, entry: Option<&Entry>) -> Option<CandidateScores> {
    let (Observation::Answered(text), Some(entry)) = (&exchange.observation, entry) else {
        return None;
    };
    let list: Vec<(String, f64)> = serde_json::from_str(text).ok()?;
    Some(of_list(&list, entry))
}

/// A candidate's score is that of the longest listed token with which its word starts; a candidate
/// without one is tied at the bottom with all others of that kind.
fn of_list(list: &[(String, f64)], entry: &Entry) -> CandidateScores {
    let words: Vec<&str> = entry.candidates.iter().map(|c| c.word.as_str()).collect();
    let mut scores = [f64::NEG_INFINITY; CANDIDATES];
    for (place, candidate) in entry.candidates.iter().enumerate() {
        let own = candidate.tokens.first().map(|token| format!("token_id:{token}"));
        let fit = |text: &str| -> usize {
            if own.as_deref() == Some(text) {
                return usize::MAX;
            }
            let piece = piece_of(text);
            if !piece.is_empty() && words[place].starts_with(&piece) { piece.len() } else { 0 }
        };
        let best = list.iter().map(|(text, _)| fit(text)).max().unwrap_or(0);
        let fitting = list.iter().filter(|(text, _)| best > 0 && fit(text) == best);
        scores[place] = fitting.map(|(_, score)| *score).fold(f64::NEG_INFINITY, f64::max);
    }
    CandidateScores(scores)
}

/// Letters and digits with which a listed token starts a word; empty if it starts none. Servers
/// show the blank before a word as it is or as the vocabulary's sign for it.
fn piece_of(token: &str) -> String {
    let start = token.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '▁' | 'Ġ'));
    if start.starts_with(char::is_alphanumeric) { normalise(start) } else { String::new() }
}

#[cfg(test)]
mod tests;
