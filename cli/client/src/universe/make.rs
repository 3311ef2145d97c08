//! Universes made: fingerprints generated, and placed in random order under fresh salts.

use crate::error::{FailureKind, HintExt, Result};
use crate::progress::Progress;
use oml_contracts::ModelId;
use oml_contracts::draw::Parts;
use oml_engine::Model;
use oml_prover::fingerprint::{
    Fingerprint, FingerprintOptions, Fingerprints, Universe, generate_fingerprints,
};
use rand::SeedableRng as _;
use std::ops::ControlFlow;

/// Makes the fingerprints of a universe.
///
/// # Errors
/// The model has too few keys with 16 candidates.
pub fn generate(
    model: &Model,
    parts: Parts,
    options: &FingerprintOptions,
    progress: &dyn Progress,
) -> Result<Fingerprints> {
    let bar = progress.bar(u64::from(parts.total()), "fingerprints");
    let made = generate_fingerprints(model, parts.total() as usize, options, &mut |done, _| {
        bar.at(done as u64);
        ControlFlow::Continue(())
    });
    bar.finish();
    made.hint("no universe could be made", "other keys or more of them may do", FailureKind::Failed)
}

/// Places fingerprints in random order under fresh salts.
///
/// # Errors
/// Not as many fingerprints as the parts take.
pub fn build(
    model_id: ModelId,
    epoch: u32,
    parts: Parts,
    fingerprints: Vec<Fingerprint>,
) -> Result<Universe> {
    let mut rng = rand::rngs::StdRng::from_os_rng();
    Ok(Universe::build(model_id, epoch, parts, fingerprints, &mut rng)?)
}
