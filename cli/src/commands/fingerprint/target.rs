//! Whom to ask: weights on this machine, or a service.

use super::reach::{check_scheme, reach};
use crate::compute::load_model;
use crate::error::{FailureKind, HintExt as _};
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_prover::check::{Artefact, Endpoint, EndpointOptions, Limits, Target};
use oml_prover::fingerprint::Perinucleus;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A target and how it may be asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArgs {
    /// Model directory, or base URL of an OpenAI-compatible service
    #[arg(long, value_name = "DIR_OR_URL")]
    target: String,
    /// Name of the model at the service
    #[arg(long, default_value = "model", value_name = "NAME")]
    target_model: String,
    /// File with the service's API key
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Questions at a time
    #[arg(long, default_value_t = 4, value_name = "N")]
    concurrency: usize,
    /// Requests per minute, if the service allows no more [default: no limit]
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<NonZeroU32>,
    /// Seconds for one answer
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

impl TargetArgs {
    /// As flagged, for messages.
    pub(super) fn name(&self) -> &str {
        &self.target
    }

    /// Opens the target; a service is asked for answers of so many tokens, and for the
    /// log-probabilities of so many.
    pub(super) async fn open(&self, max_tokens: u32, top_logprobs: u32) -> Result<Target> {
        check_scheme(&self.target)?;
        if !self.target.starts_with("http://") && !self.target.starts_with("https://") {
            let model = load_model(&self.target)?;
            let max_tokens = Perinucleus::default().max_response_tokens;
            let name = self.target.clone();
            return Ok(Target::Artefact(Box::new(Artefact { model, name, max_tokens })));
        }
        let options = EndpointOptions {
            model: self.target_model.clone(),
            max_tokens,
            top_logprobs,
            api_key: self.api_key_file.as_deref().map(read_api_key).transpose()?,
            // The address was typed by the person who asks, not written by the host.
            allow_private: true,
            limits: Limits {
                request_seconds: self.timeout,
                question_seconds: self.timeout.saturating_mul(3),
                concurrency: self.concurrency,
                requests_per_minute: self.requests_per_minute,
                ..Limits::default()
            },
            ..EndpointOptions::default()
        };
        let endpoint = Endpoint::new(&self.target, options).hint(
            format!("{} can't be asked", self.target),
            "give a model directory, or a base URL such as http://127.0.0.1:8000",
            FailureKind::Failed,
        )?;
        reach(&self.target).await?;
        Ok(Target::Endpoint(endpoint))
    }
}

fn read_api_key(path: &Path) -> Result<Zeroizing<String>> {
    let text = Zeroizing::new(String::from_utf8(files::read(path)?)?);
    Ok(Zeroizing::new(text.trim().to_owned()))
}
