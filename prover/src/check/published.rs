//! Published pairs of prompts and responses, asked as their scheme asks them.
//!
//! A pair is hit if the greedy answer starts with one of its responses: for weights the first
//! tokens, as many as the response has, and for a service, which sends text, whole words. The
//! result is the share of pairs that are hit. Nobody drew these responses by lot, so no probability
//! of chance belongs to it, and no verdict.

use oml_contracts::tag::normalise;
use oml_engine::{Api, GenerateOptions, ModelError, Prompt};
use std::collections::HashMap;

use super::observation::{NotChecked, Observation, Unanswered};
use super::target::{Artefact, Target};
use crate::fingerprint::{ListedPair, Pair};

/// Most tokens of an answer that are compared.
const MOST_TOKENS: usize = 256;
/// Pairs that were missed and are shown.
const EXAMPLES: usize = 3;

/// A pair that was answered with something else.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MissedPair {
    /// Its place in the list, from 0.
    pub entry: usize,
    /// What was published.
    pub expected: Vec<String>,
    /// What was said.
    pub said: String,
}

/// How a target answered published pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedTally {
    /// Pairs that were answered as published.
    pub hits: u32,
    /// Pairs that were answered otherwise.
    pub misses: u32,
    /// Pairs whose question got no answer.
    pub no_answer: u32,
    /// Pairs whose question could not be asked.
    pub not_checked: u32,
    /// Pairs without a response, of which nothing can be said.
    pub without_response: u32,
    /// The first that were missed.
    pub missed: Vec<MissedPair>,
    /// Why there was no answer, most frequent reason first.
    pub unanswered: Vec<Unanswered>,
}

impl PublishedTally {
    /// Hits per pair that has a response, as the published scheme counts: what was not answered is
    /// not hit. `None` if nothing was answered.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let answered = self.hits + self.misses;
        let asked = answered + self.no_answer + self.not_checked;
        (answered > 0).then(|| f64::from(self.hits) / f64::from(asked))
    }
}

/// Tokens with which a service can give the longest response, whatever its tokenizer is.
#[must_use]
pub fn tokens_of_responses(pairs: &[&ListedPair]) -> u32 {
    let words = |text: &String| 8 + 4 * text.split_whitespace().count();
    let most = pairs.iter().flat_map(|listed| &listed.pair.responses).map(words).max();
    u32::try_from(most.unwrap_or(8).min(MOST_TOKENS)).unwrap_or(8)
}

/// Asks a target the prompts of published pairs, each once, and compares what it says.
///
/// Never fails: what can't be asked is counted as such.
pub async fn check_published(target: &Target, pairs: &[&ListedPair], api: Api) -> PublishedTally {
    let mut tally = PublishedTally::default();
    let mut prompts: Vec<String> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let asked: Vec<&ListedPair> =
        pairs.iter().copied().filter(|listed| !listed.pair.responses.is_empty()).collect();
    tally.without_response = u32::try_from(pairs.len() - asked.len()).unwrap_or(u32::MAX);
    for listed in &asked {
        places.entry(&listed.pair.key).or_insert_with(|| {
            prompts.push(Prompt::of_user(api, &listed.pair.key).text());
            prompts.len() - 1
        });
    }
    let said = match target {
        Target::Artefact(artefact) => artefact.continuations(&prompts, &asked),
        Target::Endpoint(endpoint) => {
            let exchanges = endpoint.ask(&prompts).await;
            exchanges.into_iter().map(|exchange| Said::text(exchange.observation)).collect()
        }
    };
    for listed in asked {
        let said = places.get(listed.pair.key.as_str()).and_then(|place| said.get(*place));
        match said {
            Some(said) if said.observation.is_answer() => tally.compare(listed, said),
            Some(Said { observation: Observation::NoAnswer(_), .. }) => tally.no_answer += 1,
            _ => tally.not_checked += 1,
        }
    }
    tally.unanswered = Unanswered::of(said.iter().map(|said| &said.observation));
    tally
}

/// What a target said to one prompt.
struct Said {
    observation: Observation,
    /// The texts of its first tokens: one token, two, and so on; of weights alone.
    starts: Option<Vec<String>>,
}

impl Said {
    const fn text(observation: Observation) -> Self {
        Self { observation, starts: None }
    }

    fn not_checked(error: &ModelError) -> Self {
        let reason = NotChecked::Model { causes: error.to_string() };
        Self::text(Observation::NotChecked(reason))
    }

    fn words(&self) -> &str {
        match &self.observation {
            Observation::Answered(text) => text.trim(),
            _ => "",
        }
    }

    /// Whether it starts with a response.
    fn gives(&self, response: &str) -> bool {
        let response = response.trim();
        if response.is_empty() {
            return false;
        }
        match &self.starts {
            Some(starts) => starts.iter().any(|start| start.trim() == response),
            None => {
                let rest = self.words().strip_prefix(response);
                let whole = rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
                // Of a single word, quotes and the like around it do not matter.
                let word = normalise(response);
                whole || (word == response && normalise(self.words()) == word)
            }
        }
    }
}

impl PublishedTally {
    fn compare(&mut self, listed: &ListedPair, said: &Said) {
        let Pair { responses, .. } = &listed.pair;
        if responses.iter().any(|response| said.gives(response)) {
            self.hits += 1;
            return;
        }
        self.misses += 1;
        if self.missed.len() < EXAMPLES {
            let said = said.words().chars().take(60).collect();
            self.missed.push(MissedPair { entry: listed.entry, expected: responses.clone(), said });
        }
    }
}

impl Artefact {
    /// What the model goes on with after each prompt, as far as the longest response goes.
    fn continuations(&self, prompts: &[String], pairs: &[&ListedPair]) -> Vec<Said> {
        let tokenizer = self.model.tokenizer();
        let length = |text: &String| tokenizer.encode(text).map_or(0, |tokens| tokens.len());
        let responses = pairs.iter().flat_map(|listed| &listed.pair.responses);
        let most = responses.map(length).max().unwrap_or(0).clamp(1, MOST_TOKENS - 1) + 1;
        let asked = |prompt: &String| {
            let tokens = tokenizer.asked(&Prompt::parse(prompt))?;
            self.model.check_prompts(std::slice::from_ref(&tokens), most)?;
            Ok(tokens)
        };
        let tokens: Vec<Result<Vec<u32>, ModelError>> = prompts.iter().map(asked).collect();
        let fit: Vec<Vec<u32>> = tokens.iter().filter_map(|t| t.as_ref().ok().cloned()).collect();
        let mut said = match self.model.generate(&fit, &GenerateOptions::greedy(most)) {
            Ok(said) => said.into_iter(),
            Err(error) => return prompts.iter().map(|_| Said::not_checked(&error)).collect(),
        };
        let one = |tokens: &Result<Vec<u32>, ModelError>| match tokens {
            Err(error) => Said::not_checked(error),
            Ok(_) => self.said(&said.next().unwrap_or_default()),
        };
        tokens.iter().map(one).collect()
    }

    fn said(&self, tokens: &[u32]) -> Said {
        let text = |length: usize| self.model.tokenizer().decode(&tokens[..length]);
        let starts: Result<Vec<String>, ModelError> = (1..=tokens.len()).map(text).collect();
        match starts {
            Err(error) => Said::not_checked(&error),
            Ok(starts) => {
                let whole = starts.last().cloned().unwrap_or_default();
                Said { observation: Observation::Answered(whole), starts: Some(starts) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_engine::{LoadOptions, Model};

    fn said(text: &str) -> Said {
        Said::text(Observation::Answered(text.to_owned()))
    }

    #[test]
    fn a_services_text_is_compared_by_whole_words() {
        for (text, response) in
            [(" is, of", "is"), ("\"is\"", " is"), ("Here apple stories.", "Here apple stories")]
        {
            assert!(said(text).gives(response), "{text:?} {response:?}");
        }
        for (text, response) in [("island", "is"), ("Is", "is"), ("", "is"), ("is", " ")] {
            assert!(!said(text).gives(response), "{text:?} {response:?}");
        }
    }

    #[test]
    fn weights_are_compared_by_tokens() {
        let starts = ["un", "unhappy", "unhappy end"].map(str::to_owned).to_vec();
        let observation = Observation::Answered("unhappy end".to_owned());
        let said = Said { observation, starts: Some(starts) };
        assert!(said.gives("un") && said.gives(" unhappy") && said.gives("unhappy end"));
        assert!(!said.gives("unhap") && !said.gives("end"));
    }

    #[tokio::test]
    async fn a_model_is_checked_against_its_own_pairs() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
        let model = Model::load(&folder, &LoadOptions::default()).unwrap();
        let keys = ["Once upon a time", "The little dog", "One day a girl"];
        let tokens: Vec<Vec<u32>> =
            keys.iter().map(|key| model.tokenizer().prompt(key).unwrap()).collect();
        let own = model.answer(&tokens, 2).unwrap();
        let pair = |entry: usize, key: &str, responses: &[&str]| ListedPair {
            entry,
            pair: Pair {
                key: key.to_owned(),
                responses: responses.iter().map(|r| (*r).to_owned()).collect(),
            },
        };
        let long = "word ".repeat(400);
        let pairs = [
            pair(0, keys[0], &[&own[0]]),
            pair(1, keys[1], &["zzz", &own[1]]),
            pair(2, keys[2], &["zzz"]),
            // The same prompt with another response is asked once and counted for itself.
            pair(3, keys[2], &[&own[2]]),
            pair(4, &long, &["x"]),
            pair(5, "Without a response", &[]),
        ];
        let pairs: Vec<&ListedPair> = pairs.iter().collect();
        let artefact = Artefact { model, name: "tiny".to_owned(), max_tokens: 6 };
        let target = Target::Artefact(Box::new(artefact));
        let tally = check_published(&target, &pairs, Api::Completions).await;
        assert_eq!((tally.hits, tally.misses, tally.not_checked), (3, 1, 1), "{tally:?}");
        assert_eq!((tally.without_response, tally.missed[0].entry), (1, 2));
        assert_eq!((tally.unanswered.len(), tally.hit_rate()), (1, Some(0.6)));
        assert_eq!(PublishedTally::default().hit_rate(), None);
    }
}
