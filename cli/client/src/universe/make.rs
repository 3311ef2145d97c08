//! Universes made: fingerprints generated, and placed in random order under fresh salts.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::progress::Progress;
use oml_contracts::ModelId;
use oml_contracts::draw::Parts;
use oml_engine::Model;
use oml_prover::fingerprint::{
    DroppedKey, Fingerprint, FingerprintError, FingerprintOptions, Fingerprints, Key, Perinucleus,
    Universe, generate_fingerprints, perinucleus,
};
use rand::SeedableRng as _;
use std::ops::ControlFlow;

/// Keys whose candidates are searched together, so that progress shows.
const BATCH: usize = 32;

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

/// Makes the fingerprints of a universe from given keys, in their order, until there are enough.
/// Keys without 16 candidates are left out and reported.
///
/// # Errors
/// Too few of the keys can be used, or the model fails.
pub fn from_keys(
    model: &Model,
    keys: &[Key],
    parts: Parts,
    options: &Perinucleus,
    progress: &dyn Progress,
) -> Result<Fingerprints> {
    let wanted = parts.total() as usize;
    let bar = progress.bar(wanted as u64, "candidates");
    let mut made = Fingerprints { fingerprints: Vec::with_capacity(wanted), dropped: Vec::new() };
    for batch in keys.chunks(BATCH) {
        for (key, found) in batch.iter().zip(perinucleus(model, batch, options)?) {
            match found {
                Ok(candidates) if made.fingerprints.len() < wanted => {
                    made.fingerprints.push(Fingerprint { key: key.clone(), candidates });
                }
                Ok(_) => {}
                Err(reason @ FingerprintError::TooFewCandidates { .. }) => made
                    .dropped
                    .push(DroppedKey { text: key.text().to_owned(), reason: reason.to_string() }),
                Err(other) => return Err(other.into()),
            }
        }
        bar.at(made.fingerprints.len() as u64);
        if made.fingerprints.len() == wanted {
            break;
        }
    }
    bar.finish();
    let usable = made.fingerprints.len();
    if usable < wanted {
        return Err(fail(
            format!("only {usable} of {} keys can be used, {wanted} are wanted", keys.len()),
            "give more keys, or lower --personal or --shared",
            FailureKind::Failed,
        ));
    }
    Ok(made)
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
