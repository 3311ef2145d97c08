//! What a target did, question by question.

use super::observation::Observation;
use super::questions::Questions;
use super::transcript::{Exchange, Transcript};

/// Observations with their transcript. They come from asking a target and from nowhere else, so a
/// verdict can't rest on answers that nobody gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Index of the fingerprint per exchange; `None` for a decoy.
    fingerprints: Vec<Option<u32>>,
    transcript: Transcript,
}

impl Answers {
    pub(super) fn new(questions: &Questions, transcript: Transcript) -> Self {
        let fingerprints = questions.list().iter().map(|question| question.fingerprint).collect();
        Self { fingerprints, transcript }
    }

    /// Everything that was said.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The observations in the order of the questions.
    pub fn observations(&self) -> impl ExactSizeIterator<Item = &Observation> {
        self.transcript.exchanges.iter().map(|exchange| &exchange.observation)
    }

    /// Fingerprints with what was observed of them; decoys left out.
    pub(crate) fn of_fingerprints(&self) -> impl Iterator<Item = (u32, &Observation)> {
        self.pairs().filter_map(|(index, exchange)| Some((index?, &exchange.observation)))
    }

    /// Adds the answers of another round, such as another bundle.
    pub fn extend(&mut self, other: Self) {
        self.fingerprints.extend(other.fingerprints);
        self.transcript.exchanges.extend(other.transcript.exchanges);
    }

    fn pairs(&self) -> impl Iterator<Item = (Option<u32>, &Exchange)> {
        self.fingerprints.iter().copied().zip(&self.transcript.exchanges)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::observation::NotChecked;
    use super::*;

    /// Answers that a target would have given.
    pub(crate) fn test_observations(said: Vec<(Option<u32>, Observation)>) -> Answers {
        let (fingerprints, observations): (Vec<_>, Vec<_>) = said.into_iter().unzip();
        let exchange = |observation| Exchange {
            prompt: String::new(),
            asked_at: 0,
            took: 0,
            attempts: 1,
            observation,
        };
        let exchanges = observations.into_iter().map(exchange).collect();
        let target = "test".to_owned();
        Answers { fingerprints, transcript: Transcript { target, exchanges } }
    }

    /// Texts per fingerprint; `None` could not be asked.
    pub(crate) fn test_answers(said: Vec<(u32, Option<String>)>) -> Answers {
        let observation = |text: Option<String>| match text {
            Some(text) => Observation::Answered(text),
            None => Observation::NotChecked(NotChecked::NotAsked),
        };
        test_observations(said.into_iter().map(|(i, text)| (Some(i), observation(text))).collect())
    }
}
