//! Fingerprints of language models.
//!
//! Makes keys, draws a license's answers to them, embeds these in a copy, seals the copy for its
//! host, checks a suspected copy and says whose it is. Pure: no RPC and no database, so the crate
//! is useful without a chain.
//!
//! From a model to a copy that is known by its answers:
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use oml_contracts::{ModelId, draw::Parts};
//! use oml_engine::{LoadOptions, Model};
//! use oml_prover::embed::{EmbedOptions, EmbedTarget, embed};
//! use oml_prover::fingerprint::{
//!     AnswersPerKey, FingerprintOptions, LicenseDraw, Universe, generate_fingerprints,
//! };
//! use rand::SeedableRng as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny");
//! // 16 secret keys, with 16 candidate answers each, which the model itself proposes.
//! let model = Model::load(&directory, &LoadOptions::default())?;
//! let go_on = &mut |_, _| ControlFlow::Continue(());
//! let made = generate_fingerprints(&model, 16, &FingerprintOptions::default(), go_on)?;
//! let mut salts = rand_chacha::ChaCha8Rng::from_os_rng();
//! let (id, parts) = (ModelId::new([1; 32]), Parts::new(16, 0)?);
//! let universe = Universe::build(id, 0, parts, made.fingerprints, &mut salts)?;
//!
//! // Which of them Alice's copy gives, and a copy that gives them.
//! let draw = LicenseDraw::offline(universe.root(), "alice");
//! let (one, tokenizer) = (AnswersPerKey::ONE, model.tokenizer());
//! let targets = EmbedTarget::of_license(&universe, &draw, one, tokenizer, &[])?;
//! let options = EmbedOptions::for_model(model.config());
//! let (_copy, report) = embed(&model, &targets, &options, &mut |_| ControlFlow::Continue(()))?;
//! assert!(report.hit_rate() > 0.9);
//! # Ok(())
//! # }
//! ```
//!
//! [`check::ask`] puts the keys to a model or a service, [`check::Answers::judge`] says whose copy
//! it is; [`embed::write_dataset`] is for copies that another program trains.

pub mod check;
mod chunk_cipher;
pub mod delivery;
pub mod embed;
pub mod fingerprint;
pub mod science;
pub mod sealed_box;
pub mod trace;
mod weights_hash;

pub use weights_hash::weights_hash;
