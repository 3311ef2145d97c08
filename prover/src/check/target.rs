//! What is checked: published weights or a running service.

use std::time::Instant;

use super::answers::Answers;
use super::clock::{millis, unix_millis};
use super::endpoint::Endpoint;
use super::observation::{NotChecked, Observation};
use super::questions::Questions;
use super::transcript::{Exchange, Transcript};
use oml_engine::{Model, ModelError, Prompt};

/// Weights that lie on this machine.
#[derive(Debug)]
pub struct Artefact {
    /// The loaded model.
    pub model: Model,
    /// Where it came from; only for the transcript.
    pub name: String,
    /// Tokens generated for an answer.
    pub max_tokens: usize,
}

/// A suspected copy.
#[derive(Debug)]
pub enum Target {
    /// Weights that lie on this machine.
    Artefact(Box<Artefact>),
    /// An OpenAI-compatible HTTP service.
    Endpoint(Endpoint),
}

/// Asks a target all questions, in order, and says what it did.
///
/// Never fails: what can't be asked comes back as "not checked". Running weights blocks the calling
/// thread for as long as it takes.
pub async fn ask(target: &Target, questions: &Questions) -> Answers {
    let prompts = questions.prompts();
    let (name, exchanges) = match target {
        Target::Artefact(artefact) => (artefact.name.clone(), artefact.ask(&prompts)),
        Target::Endpoint(endpoint) => (endpoint.address(), endpoint.ask(&prompts).await),
    };
    Answers::new(questions, Transcript { target: name, exchanges })
}

impl Artefact {
    /// Runs the model on each prompt.
    #[must_use]
    pub fn ask(&self, prompts: &[String]) -> Vec<Exchange> {
        let asked_at = unix_millis();
        let started = Instant::now();
        let observations = match self.run(prompts) {
            Ok(texts) => texts.into_iter().map(Observation::Answered).collect(),
            // One prompt too long fails a batch: then each is asked on its own.
            Err(_) => prompts.iter().map(|prompt| self.ask_one(prompt)).collect::<Vec<_>>(),
        };
        let took = millis(started);
        let exchange = |(prompt, observation): (&String, Observation)| Exchange {
            prompt: prompt.clone(),
            asked_at,
            took,
            attempts: 1,
            observation,
        };
        prompts.iter().zip(observations).map(exchange).collect()
    }

    fn ask_one(&self, prompt: &String) -> Observation {
        match self.run(std::slice::from_ref(prompt)) {
            Ok(texts) => Observation::Answered(texts.into_iter().next().unwrap_or_default()),
            Err(error) => Observation::NotChecked(NotChecked::Model { causes: error.to_string() }),
        }
    }

    fn run(&self, prompts: &[String]) -> Result<Vec<String>, ModelError> {
        let tokenizer = self.model.tokenizer();
        let asked = |prompt: &String| tokenizer.asked(&Prompt::parse(prompt));
        let tokens = prompts.iter().map(asked).collect::<Result<Vec<_>, _>>()?;
        self.model.answer_first_word(&tokens, self.max_tokens)
    }
}
