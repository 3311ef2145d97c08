//! Candidate responses from just outside the nucleus of the next-token distribution.
//!
//! After Nasery et al. 2025 ("Scalable Fingerprinting of Large Language Models"): likely enough to
//! be learned without harm, unlikely enough not to be said by chance. Two changes make the draw
//! sound. Invalid tokens are filtered out *before* sixteen are taken; redrawing after a draw, as
//! published, favors some candidates over others. And because endpoints return text, a candidate is
//! a whole word rather than a token: its first token comes from the perinucleus, the model extends
//! it greedily to the end of the word, and the token that ends the word is trained along. So the
//! first word of an answer is fixed for vocabularies of letters and of words alike.

use std::collections::BTreeSet;

use oml_contracts::Tag;
use oml_contracts::leaf::CANDIDATES;
use oml_contracts::tag::{normalise, tag_of};

use super::{Candidate, Candidates, FingerprintError, Key};
use oml_engine::{
    Api, Branch, Cache, Model, ModelError, argmax, first_word_is_complete, ranked_probabilities,
    run_batches,
};

/// How candidates are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perinucleus {
    /// Probability mass of the nucleus, whose tokens are passed over; in (0, 1).
    pub nucleus: f32,
    /// Most tokens of a response, the one after the word included. Checks generate this many.
    pub max_response_tokens: usize,
    /// Tokens probed per key before it is given up.
    pub max_probes: usize,
}

impl Default for Perinucleus {
    fn default() -> Self {
        Self { nucleus: 0.8, max_response_tokens: 6, max_probes: 256 }
    }
}

/// Tokens extended to words at a time, per key.
const PROBES_PER_ROUND: usize = 24;

/// Finds the candidates of each key, in the order of the keys.
///
/// A key without 16 valid candidates yields `TooFewCandidates` in its place.
///
/// # Errors
/// `Option` if a setting is out of range; `Model` if the model fails.
pub fn perinucleus(
    model: &Model,
    keys: &[Key],
    options: &Perinucleus,
) -> Result<Vec<Result<Candidates, FingerprintError>>, FingerprintError> {
    options.check()?;
    let prompts: Vec<Vec<u32>> =
        keys.iter().map(|key| key.prompt_tokens(model.tokenizer())).collect::<Result<_, _>>()?;
    model.check_prompts(&prompts, options.max_response_tokens)?;
    let mut found: Vec<Option<Result<Candidates, FingerprintError>>> =
        keys.iter().map(|_| None).collect();
    run_batches(model.batches(&prompts, options.max_response_tokens), |batch| {
        let rows: Vec<&[u32]> = batch.iter().map(|&i| prompts[i].as_slice()).collect();
        let (logits, cache) = model.prefill(&rows)?;
        let mut searches: Vec<Search<'_>> = batch
            .iter()
            .zip(&logits)
            .map(|(&i, logits)| Search::new(model, &keys[i], logits, options))
            .collect();
        run_searches(model, &cache, &mut searches, options)?;
        for (&i, search) in batch.iter().zip(searches) {
            found[i] = Some(search.finish());
        }
        Ok(())
    })?;
    Ok(found.into_iter().flatten().collect())
}

impl Perinucleus {
    fn check(&self) -> Result<(), FingerprintError> {
        let refuse = |name, value: String, requirement| {
            Err(FingerprintError::Option { name, value, requirement })
        };
        if !(self.nucleus > 0.0 && self.nucleus < 1.0) {
            return refuse("nucleus", self.nucleus.to_string(), "must lie in (0, 1)");
        }
        if self.max_response_tokens < 2 {
            let value = self.max_response_tokens.to_string();
            return refuse("max_response_tokens", value, "must be 2 or more: a word and its end");
        }
        Ok(())
    }
}

fn run_searches(
    model: &Model,
    cache: &Cache,
    searches: &mut [Search<'_>],
    options: &Perinucleus,
) -> Result<(), ModelError> {
    // What the model says unasked is no candidate: the base model would hit it.
    let greedy: Vec<Branch> =
        searches.iter().enumerate().map(|(row, s)| Branch { row, first: s.greedy_token }).collect();
    let answers = model.branch(cache, &greedy, options.max_response_tokens)?;
    for (search, tokens) in searches.iter_mut().zip(&answers) {
        search.exclude(&normalise(&model.tokenizer().decode(tokens)?));
    }
    loop {
        let mut branches = Vec::new();
        for (row, search) in searches.iter_mut().enumerate() {
            branches.extend(search.probes(options).into_iter().map(|first| Branch { row, first }));
        }
        if branches.is_empty() {
            return Ok(());
        }
        let responses = model.branch(cache, &branches, options.max_response_tokens)?;
        for (branch, tokens) in branches.iter().zip(responses) {
            searches[branch.row].offer(model, tokens, options)?;
        }
    }
}

/// The search for one key's candidates.
struct Search<'a> {
    key: &'a Key,
    greedy_token: u32,
    /// Tokens past the nucleus that start a word, most likely first.
    valid: Vec<u32>,
    probed: usize,
    excluded: BTreeSet<String>,
    accepted: Vec<Candidate>,
    tags: BTreeSet<Tag>,
    /// Why the key is given up, if it is.
    refusal: Option<&'static str>,
}

impl<'a> Search<'a> {
    fn new(model: &Model, key: &'a Key, logits: &[f32], options: &Perinucleus) -> Self {
        let tokenizer = model.tokenizer();
        let ranked = ranked_probabilities(logits, 1.0);
        let mut cumulative = 0.0;
        // The token that crosses the mass still belongs to the nucleus.
        let boundary = ranked.iter().position(|(_, p)| {
            cumulative += p;
            cumulative >= options.nucleus
        });
        let outside = ranked.iter().skip(boundary.unwrap_or(0) + 1).map(|(token, _)| *token);
        let starts_word = |&token: &u32| match key.api() {
            Api::Completions => tokenizer.word_initial(token).is_some(),
            Api::Chat => tokenizer.opening(token).is_some(),
        };
        let valid = outside.filter(starts_word).collect();
        let greedy_token = argmax(logits);
        let inside_word = key.api() == Api::Completions && continues_word(model, key, greedy_token);
        let words = key.text().split(|c: char| !c.is_alphanumeric());
        Self {
            key,
            greedy_token,
            valid,
            probed: 0,
            excluded: words.map(normalise).filter(|w| !w.is_empty()).collect(),
            accepted: Vec::with_capacity(CANDIDATES),
            tags: BTreeSet::new(),
            refusal: inside_word.then_some("the key ends inside a word"),
        }
    }

    fn exclude(&mut self, word: &str) {
        if !word.is_empty() {
            self.excluded.insert(word.to_owned());
        }
    }

    /// The next tokens to extend to words; none once the search is over.
    fn probes(&mut self, options: &Perinucleus) -> Vec<u32> {
        if self.accepted.len() == CANDIDATES || self.refusal.is_some() {
            return Vec::new();
        }
        let end = (self.probed + PROBES_PER_ROUND).min(options.max_probes).min(self.valid.len());
        let probes = self.valid[self.probed.min(end)..end].to_vec();
        self.probed = end;
        probes
    }

    /// Accepts a response as a candidate if it is valid; responses come in order of likelihood.
    fn offer(
        &mut self,
        model: &Model,
        mut tokens: Vec<u32>,
        options: &Perinucleus,
    ) -> Result<(), ModelError> {
        if self.accepted.len() == CANDIDATES {
            return Ok(());
        }
        let text = model.tokenizer().decode(&tokens)?;
        if !first_word_is_complete(&text) {
            // A generation that stopped short of its limit ended with the text itself.
            match model.tokenizer().eos().first() {
                Some(&eos) if tokens.len() < options.max_response_tokens => tokens.push(eos),
                _ => return Ok(()),
            }
        }
        let word = normalise(&text);
        let long_enough = word.chars().nth(1).is_some();
        let apart = |c: &Candidate| !c.word.starts_with(&word) && !word.starts_with(&c.word);
        if !long_enough || self.excluded.contains(&word) || !self.accepted.iter().all(apart) {
            return Ok(());
        }
        let tag = tag_of(&word);
        if !tag.is_zero() && self.tags.insert(tag) {
            self.accepted.push(Candidate { word, tokens });
        }
        Ok(())
    }

    fn finish(self) -> Result<Candidates, FingerprintError> {
        if self.accepted.len() < CANDIDATES {
            let fault = self.refusal.map_or_else(
                || format!("{} tokens past the nucleus were tried", self.probed),
                str::to_owned,
            );
            return Err(FingerprintError::TooFewCandidates {
                key: self.key.text().to_owned(),
                found: self.accepted.len(),
                fault,
            });
        }
        Candidates::new(self.accepted)
    }
}

/// Whether the model would go on with the key's last word.
fn continues_word(model: &Model, key: &Key, next: u32) -> bool {
    let tokenizer = model.tokenizer();
    let longer = [key.tokens(), &[next]].concat();
    let ends_in_word = key.text().ends_with(char::is_alphanumeric);
    let continuation = tokenizer.decode(&longer).unwrap_or_default();
    let added = continuation.strip_prefix(key.text()).unwrap_or_default();
    ends_in_word && added.starts_with(char::is_alphanumeric)
}
