//! How copies are trained: flags of `oml fingerprint embed`.

use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_engine::{LoraOptions, Model};
use oml_prover::embed::{CheckpointOptions, EmbedOptions};
use std::path::{Path, PathBuf};

/// How to train. What is not given fits the model's width.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Training")]
pub(crate) struct Training {
    /// Learning rate of AdamW [default: falls with the model's width; four times that with --lora]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Pull towards the base model's weights after each step, in [0, 1)
    #[arg(long)]
    averaging: Option<f64>,
    /// Share of the base model's own text in the loss, in [0, 1) [default: 0.9]; more keeps more of
    /// the model and takes more steps
    #[arg(long)]
    benign_fraction: Option<f64>,
    /// Steps after which to stop in any case [default: 300]
    #[arg(long)]
    max_steps: Option<usize>,
    /// Stop below this loss per token of the answers once every answer is given [default: 0.07]
    #[arg(long)]
    stop_loss: Option<f64>,
    /// Fingerprints per step
    #[arg(long)]
    batch_size: Option<usize>,
    /// Tokens of one forward and backward pass; bounds memory, not results
    #[arg(long, value_name = "N")]
    micro_batch_tokens: Option<usize>,
    /// Train low-rank adapters of this rank instead of all weights; they are merged into the copy
    #[arg(long, value_name = "RANK")]
    lora: Option<usize>,
    /// The adapters count this much, divided by their rank [default: twice the rank]
    #[arg(long, requires = "lora", value_name = "WEIGHT")]
    lora_alpha: Option<f64>,
    /// Matrices to adapt in every layer [default: all seven]
    #[arg(long, requires = "lora", value_delimiter = ',', value_name = "NAME,…")]
    lora_modules: Vec<String>,
    /// Seed of benign texts and batches
    #[arg(long)]
    training_seed: Option<u64>,
    /// Texts, one per line, that services may put before a prompt (a chat's system message): the
    /// answers are trained under them too, so that they outlive others of their kind
    #[arg(long, value_name = "FILE")]
    system_prompts: Option<PathBuf>,
    /// Held-out texts, one per line, on which the loss of utility is measured; else the model
    /// writes some itself
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Multiple-choice questions that base and copy answer, one JSON object per line: context,
    /// choices, answer
    #[arg(long, value_name = "FILE")]
    pub(super) multiple_choice: Option<PathBuf>,
    /// Save the state here, and go on from it
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Steps between checkpoints
    #[arg(long, default_value_t = 10)]
    checkpoint_every: usize,
}

impl Training {
    /// The options for a model.
    pub(crate) fn options(&self, model: &Model) -> Result<EmbedOptions> {
        let mut options = EmbedOptions::for_model(model.config());
        let set = |slot: &mut f64, value: Option<f64>| *slot = value.unwrap_or(*slot);
        set(&mut options.learning_rate, self.learning_rate);
        set(&mut options.averaging, self.averaging);
        set(&mut options.benign_fraction, self.benign_fraction);
        set(&mut options.stop_loss, self.stop_loss);
        options.max_steps = self.max_steps.unwrap_or(options.max_steps);
        options.batch_size = self.batch_size.unwrap_or(options.batch_size);
        options.seed = self.training_seed.unwrap_or(options.seed);
        options.micro_batch_tokens = self.micro_batch_tokens.unwrap_or(options.micro_batch_tokens);
        if let Some(lora) = self.adapters() {
            let usual = LORA_RATE * EmbedOptions::for_model(model.config()).learning_rate;
            options.learning_rate = self.learning_rate.unwrap_or(usual);
            options.lora = Some(lora);
        }
        if let Some(path) = &self.texts {
            options.utility.texts = lines(path)?;
        }
        let every = self.checkpoint_every;
        options.checkpoint = self.checkpoint.clone().map(|dir| CheckpointOptions { dir, every });
        Ok(options)
    }
}

/// Adapters take a learning rate several times as high as all weights do.
const LORA_RATE: f64 = 4.0;

impl Training {
    /// Low-rank adapters, if they are asked for.
    fn adapters(&self) -> Option<LoraOptions> {
        let rank = self.lora?;
        let alpha =
            self.lora_alpha.unwrap_or_else(|| 2.0 * u32::try_from(rank).map_or(0.0, f64::from));
        let modules = match self.lora_modules.as_slice() {
            [] => LoraOptions::default().modules,
            named => named.to_vec(),
        };
        Some(LoraOptions { rank, alpha, modules })
    }

    /// What services may put before a prompt.
    pub(crate) fn system_prompts(&self) -> Result<Vec<String>> {
        self.system_prompts.as_deref().map(lines).transpose().map(Option::unwrap_or_default)
    }
}

/// Lines of a file that are not blank.
pub(super) fn lines(path: &Path) -> Result<Vec<String>> {
    let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
    Ok(text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use oml_engine::LoadOptions;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        training: Training,
    }

    fn options(flags: &[&str]) -> EmbedOptions {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prover/assets/models/tiny");
        let model = Model::load(&tiny, &LoadOptions::default()).unwrap();
        let line = Line::try_parse_from(["embed"].iter().chain(flags)).unwrap();
        line.training.options(&model).unwrap()
    }

    #[test]
    fn adapters_have_a_rate_of_their_own() {
        let all = options(&["--micro-batch-tokens", "512"]);
        assert_eq!((all.lora, all.micro_batch_tokens), (None, 512));
        let adapted = options(&["--lora", "4"]);
        assert!(adapted.learning_rate > all.learning_rate);
        let expected = LoraOptions { rank: 4, alpha: 8.0, ..LoraOptions::default() };
        assert_eq!(adapted.lora, Some(expected));
        let flags = ["--lora", "4", "--lora-alpha", "3", "--lora-modules", "q_proj,v_proj"];
        let chosen = options(&[&flags[..], &["--learning-rate", "0.5"]].concat());
        let modules = ["q_proj", "v_proj"].map(str::to_owned).to_vec();
        assert_eq!(chosen.lora, Some(LoraOptions { rank: 4, alpha: 3.0, modules }));
        assert!((chosen.learning_rate - 0.5).abs() < 1e-12);
        assert!(Line::try_parse_from(["embed", "--lora-alpha", "3"]).is_err());
    }
}
