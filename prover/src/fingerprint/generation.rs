//! Keys with their candidates: everything a universe commits to.

use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

use super::{
    Candidates, FingerprintError, Key, KeyGenerator, KeyOptions, Perinucleus, perinucleus,
};
use oml_engine::Model;

/// A key and the 16 responses from which its answer will be drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The prompt, which survives the way through an endpoint.
    pub key: Key,
    /// The possible answers.
    pub candidates: Candidates,
}

/// How to make fingerprints.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FingerprintOptions {
    /// How to make keys.
    pub keys: KeyOptions,
    /// How to find candidates.
    pub candidates: Perinucleus,
}

/// A key that has no 16 candidates and was replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedKey {
    /// Text of the key.
    pub text: String,
    /// Why it was dropped.
    pub reason: String,
}

/// The outcome of [`generate_fingerprints`].
#[derive(Debug, Clone)]
pub struct Fingerprints {
    /// As many as were asked for.
    pub fingerprints: Vec<Fingerprint>,
    /// Keys that were replaced on the way.
    pub dropped: Vec<DroppedKey>,
}

/// Keys tried per fingerprint asked for, before giving up.
const KEYS_PER_FINGERPRINT: usize = 10;

/// Makes `count` fingerprints for a model; the same options give the same ones.
///
/// Keys without 16 candidates are replaced and reported. `progress(done, count)` is called after
/// each round and may stop the work.
///
/// # Errors
/// `KeysExhausted` if the source runs dry, too many keys have too few candidates, or `progress`
/// stopped the work early; `Option`, `Model`.
pub fn generate_fingerprints(
    model: &Model,
    count: usize,
    options: &FingerprintOptions,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Fingerprints, FingerprintError> {
    let mut source = KeyGenerator::new(model, options.keys.clone(), [])?;
    let mut fingerprints = Vec::with_capacity(count);
    let mut dropped = Vec::new();
    while fingerprints.len() < count {
        let keys = source.take(count - fingerprints.len())?;
        let found = perinucleus(model, &keys, &options.candidates)?;
        for (key, candidates) in keys.into_iter().zip(found) {
            match candidates {
                Ok(candidates) => fingerprints.push(Fingerprint { key, candidates }),
                Err(reason) => dropped
                    .push(DroppedKey { text: key.text().to_owned(), reason: reason.to_string() }),
            }
        }
        let stopped = progress(fingerprints.len(), count).is_break();
        let tried = fingerprints.len() + dropped.len();
        if fingerprints.len() < count && (stopped || tried > count * KEYS_PER_FINGERPRINT) {
            return Err(FingerprintError::KeysExhausted {
                found: fingerprints.len(),
                wanted: count,
                attempts: tried,
            });
        }
    }
    Ok(Fingerprints { fingerprints, dropped })
}
