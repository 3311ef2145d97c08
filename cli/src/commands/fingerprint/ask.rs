//! What `check` and `trace` share: a target, the questions it is asked round by round, what the
//! chain counts.

use super::target::TargetArgs;
use crate::error::{FailureKind, HintExt as _, fail};
use crate::output::Output;
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_contracts::draw::Part;
use oml_contracts::leaf::BUNDLE;
use oml_prover::check::{
    Answers, EndpointOptions, Questions, Scores, Target, Transcript, ask, make_decoys, score,
};
use oml_prover::fingerprint::Universe;
use rand::seq::SliceRandom as _;
use rand::{SeedableRng as _, rngs::StdRng};
use std::path::PathBuf;

/// Fingerprints asked between two looks at the evidence: as many as a bundle has.
const ROUND: usize = BUNDLE;
/// Most keys out of which decoys are made.
const DECOY_CORPUS: usize = 4096;

/// Whom to ask, and how much.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Target")]
pub(crate) struct AskArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Most personal fingerprints to ask [default: all that no round has burned]
    #[arg(long, value_name = "N")]
    queries: Option<usize>,
    /// Decoys mixed in per 16 fingerprints, so that the service can't tell which are keys
    #[arg(long, default_value_t = 4, value_name = "N")]
    decoys: usize,
    /// Tokens whose log-probabilities a service is asked for, by the rank test; services allow 5 or
    /// 20
    #[arg(long, default_value_t = 20, value_name = "N")]
    top_logprobs: u32,
    /// Write everything that was asked and answered to this file
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
}

/// What a target gives back: answers, or scores of candidates.
pub(super) trait Replies: Sized + Send {
    /// Asks a target all of these questions.
    fn ask(
        target: &Target,
        questions: &Questions,
        universe: &Universe,
    ) -> impl Future<Output = Self> + Send;

    /// Adds another round.
    fn with(self, round: Self) -> Self;

    /// What was said.
    fn transcript(&self) -> &Transcript;
}

impl Replies for Answers {
    async fn ask(target: &Target, questions: &Questions, _: &Universe) -> Self {
        ask(target, questions).await
    }

    fn with(mut self, round: Self) -> Self {
        self.extend(round);
        self
    }

    fn transcript(&self) -> &Transcript {
        self.transcript()
    }
}

impl Replies for Scores {
    async fn ask(target: &Target, questions: &Questions, universe: &Universe) -> Self {
        score(target, questions, universe).await
    }

    fn with(mut self, round: Self) -> Self {
        self.extend(round);
        self
    }

    fn transcript(&self) -> &Transcript {
        self.transcript()
    }
}

/// How questions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedParts {
    /// The personal part, in random order.
    Personal,
    /// The personal and the shared part.
    Both,
}

impl AskArgs {
    /// As flagged, for messages.
    pub(super) fn name(&self) -> &str {
        self.target.name()
    }

    /// Asks round by round until `enough` says so or there is nothing left to ask.
    pub(super) async fn ask<T: Replies>(
        &self,
        universe: &Universe,
        unburned: &[u32],
        parts: AskedParts,
        output: Output,
        enough: &mut (dyn FnMut(&T) -> Result<bool> + Send),
    ) -> Result<T> {
        let max_tokens = EndpointOptions::default().max_tokens;
        let target = self.target.open(max_tokens, self.top_logprobs).await?;
        if let Target::Artefact(artefact) = &target {
            output.progress(format!("tokenizer from {}", artefact.model.tokenizer().origin()));
        }
        let mut rng = StdRng::from_os_rng();
        let order = self.order(universe, unburned, parts, &mut rng)?;
        let rounds = order.chunks(ROUND);
        let mut decoys = self.make_decoys(universe, rounds.len())?;
        let bar = output.bar(order.len() as u64, "asking");
        let mut all: Option<T> = None;
        for round in rounds {
            let mixed = decoys.split_off(decoys.len().saturating_sub(self.decoys));
            let questions = Questions::new(universe, round.iter().copied(), mixed, &mut rng)?;
            let replies = T::ask(&target, &questions, universe).await;
            bar.inc(round.len() as u64);
            let so_far = match all.take() {
                Some(before) => before.with(replies),
                None => replies,
            };
            let done = enough(&so_far)?;
            all = Some(so_far);
            if done {
                break;
            }
        }
        bar.finish_and_clear();
        let answers = all.ok_or_else(nothing_left)?;
        if let Some(path) = &self.transcript {
            files::save(path, answers.transcript())?;
        }
        Ok(answers)
    }

    /// Fingerprints to ask, in random order: neighbors were generated together.
    fn order(
        &self,
        universe: &Universe,
        unburned: &[u32],
        parts: AskedParts,
        rng: &mut StdRng,
    ) -> Result<Vec<u32>> {
        let size = u32::try_from(BUNDLE)?;
        let mut personal: Vec<u32> =
            unburned.iter().flat_map(|b| b * size..(b + 1) * size).collect();
        personal.shuffle(rng);
        personal.truncate(self.queries.unwrap_or(usize::MAX));
        if personal.is_empty() {
            return Err(nothing_left());
        }
        if parts == AskedParts::Both {
            let mut shared: Vec<u32> =
                universe.part(Part::Shared).iter().map(|entry| entry.index).collect();
            shared.shuffle(rng);
            personal.extend(shared);
        }
        Ok(personal)
    }

    fn make_decoys(&self, universe: &Universe, rounds: usize) -> oml_client::Result<Vec<String>> {
        let step = universe.entries().len().div_ceil(DECOY_CORPUS).max(1);
        let corpus: Vec<String> =
            universe.entries().iter().step_by(step).map(|entry| entry.key.prompt_text()).collect();
        let corpus: Vec<&str> = corpus.iter().map(String::as_str).collect();
        make_decoys(&corpus, rounds * self.decoys, rand::random()).hint(
            format!("{} decoys could not be made", rounds * self.decoys),
            "ask with fewer --decoys",
            FailureKind::Failed,
        )
    }
}

fn nothing_left() -> eyre::Report {
    fail(
        "there is no fingerprint left to ask",
        "all bundles are burned, or --queries is 0; commit a new epoch of fingerprints",
        FailureKind::Failed,
    )
}
