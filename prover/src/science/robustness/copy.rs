//! A copy with fingerprints, made for measuring.

use std::ops::ControlFlow;

use oml_contracts::draw::Parts;
use oml_contracts::{ModelId, Seed};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::RobustnessError;
use crate::embed::{EmbedOptions, EmbedReport, EmbedTarget, embed};
use crate::fingerprint::{
    AnswersPerKey, Fingerprint, FingerprintOptions, LicenseDraw, Universe, generate_fingerprints,
};
use oml_engine::Model;

/// How to mark a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyOptions {
    /// Personal keys; a multiple of 16.
    pub keys: u32,
    /// Answers per key.
    pub answers: AnswersPerKey,
    /// Seed of keys, draws and training.
    pub seed: u64,
    /// How keys and candidates are made; its seed is replaced by the one above.
    pub fingerprints: FingerprintOptions,
}

impl CopyOptions {
    /// Keys and candidates as usual.
    #[must_use]
    pub fn new(keys: u32, answers: AnswersPerKey, seed: u64) -> Self {
        Self { keys, answers, seed, fingerprints: FingerprintOptions::default() }
    }
}

/// A copy that carries the answers of one license.
#[derive(Debug, Clone)]
pub struct MarkedCopy {
    /// The base model with the answers trained into it.
    pub model: Model,
    /// Its universe, of personal keys alone.
    pub universe: Universe,
    /// The draw of its license.
    pub draw: LicenseDraw,
    /// Answers per key.
    pub answers: AnswersPerKey,
    /// How the embedding went.
    pub report: EmbedReport,
}

impl MarkedCopy {
    /// Makes keys, draws answers and embeds them.
    ///
    /// # Errors
    /// `Keys`, `Fingerprint`, `Embed`.
    pub fn make(base: &Model, options: &CopyOptions) -> Result<Self, RobustnessError> {
        let mut made = options.fingerprints.clone();
        made.keys.seed = options.seed;
        let count = options.keys as usize;
        let made =
            generate_fingerprints(base, count, &made, &mut |_, _| ControlFlow::Continue(()))?;
        Self::of_fingerprints(base, made.fingerprints, options)
    }

    /// Draws answers for given fingerprints and embeds them; the keys of the options are ignored.
    ///
    /// # Errors
    /// `Keys` unless there is a multiple of 16 of them; `Embed`.
    pub fn of_fingerprints(
        base: &Model,
        fingerprints: Vec<Fingerprint>,
        options: &CopyOptions,
    ) -> Result<Self, RobustnessError> {
        let count = u32::try_from(fingerprints.len()).unwrap_or(u32::MAX);
        let parts = Parts::new(count, 0).map_err(|_| RobustnessError::Keys(count))?;
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let universe = Universe::build(ModelId::new([0; 32]), 0, parts, fingerprints, &mut rng)?;
        let draw = LicenseDraw {
            license_seed: Seed::new(rng.random()),
            model_seed: Seed::new(rng.random()),
            assignment_p: 16_384,
        };
        let answers = options.answers;
        let targets = EmbedTarget::of_license(&universe, &draw, answers, base.tokenizer(), &[])?;
        let training =
            EmbedOptions { seed: options.seed, ..EmbedOptions::for_model(base.config()) };
        let (model, report) = embed(base, &targets, &training, &mut |_| ControlFlow::Continue(()))?;
        Ok(Self { model, universe, draw, answers, report })
    }
}
