//! What a copy is trained to answer.

use crate::fingerprint::{AnswerSet, AnswersPerKey, Candidate, Key, LicenseDraw, Universe};
use oml_contracts::tag::normalise;
use oml_engine::{Model, ModelError, TextTokenizer};

/// One answer to embed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedTarget {
    /// Token ids of the prompt, as the model gets them.
    pub prompt: Vec<u32>,
    /// Token ids of the same prompt under each of the system prompts for which the answer is
    /// trained too, see [`oml_engine::Prompt::under`]; as many for every target.
    pub under_systems: Vec<Vec<u32>>,
    /// Token ids of the response, with the one that ends its word.
    pub response: Vec<u32>,
    /// Normal form of the answer's text.
    pub expected: String,
    /// Normal forms of the other answers to the same prompt, each trained as a target of its own. A
    /// copy that gives any of them has given its answer.
    pub alternatives: Vec<String>,
}

impl EmbedTarget {
    /// The answer `candidate` to `key`, also under each of the system prompts.
    ///
    /// # Errors
    /// As [`TextTokenizer::asked`].
    pub fn new(
        tokenizer: &TextTokenizer,
        key: &Key,
        candidate: &Candidate,
        systems: &[String],
    ) -> Result<Self, ModelError> {
        let under = |system: &String| tokenizer.asked(&key.prompt().under(system));
        Ok(Self {
            prompt: key.prompt_tokens(tokenizer)?,
            under_systems: systems.iter().map(under).collect::<Result<_, _>>()?,
            response: candidate.tokens.clone(),
            expected: candidate.word.clone(),
            alternatives: Vec::new(),
        })
    }

    /// Everything that a license's copy is trained to answer, also under each of the system
    /// prompts.
    ///
    /// # Errors
    /// As [`TextTokenizer::asked`].
    pub fn of_license(
        universe: &Universe,
        draw: &LicenseDraw,
        answers: AnswersPerKey,
        tokenizer: &TextTokenizer,
        systems: &[String],
    ) -> Result<Vec<Self>, ModelError> {
        let mut targets = Vec::new();
        for set in universe.answer_sets(draw, answers) {
            for candidate in &set.candidates {
                let target = Self::new(tokenizer, set.key, candidate, systems)?;
                targets.push(Self { alternatives: others(&set, candidate), ..target });
            }
        }
        Ok(targets)
    }

    /// Every way in which it is asked; the first is the plain one.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Vec<u32>> {
        std::iter::once(&self.prompt).chain(&self.under_systems)
    }

    /// Whether a word, in normal form, is one of the answers.
    pub(super) fn accepts(&self, word: &str) -> bool {
        self.expected == word || self.alternatives.iter().any(|other| other == word)
    }
}

/// The words of a set of answers without the one of `candidate`.
fn others(set: &AnswerSet<'_>, candidate: &Candidate) -> Vec<String> {
    let words = set.candidates.iter().map(|candidate| &candidate.word);
    words.filter(|word| **word != candidate.word).cloned().collect()
}

/// Positions of targets whose answer, as a check reads it, is none of those that count.
pub(super) fn misses(
    model: &Model,
    prompts: &[Vec<u32>],
    targets: &[EmbedTarget],
    most_tokens: usize,
) -> Result<Vec<usize>, ModelError> {
    let answers = model.answer_first_word(prompts, most_tokens)?;
    let wrong = answers.iter().zip(targets).enumerate();
    Ok(wrong.filter(|(_, (a, t))| !t.accepts(&normalise(a))).map(|(i, _)| i).collect())
}
