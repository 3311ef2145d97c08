//! Flags of `oml fingerprint check`.

use crate::commands::fingerprint::ask::AskArgs;
use crate::commands::fingerprint::onchain::{Draws, Own};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Flags of `check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(super) own: Own,
    #[command(flatten)]
    pub(super) draws: Draws,
    #[command(flatten)]
    pub(super) ask: AskArgs,
    /// What is tested: the answers themselves, or the ranks of the drawn answers among their
    /// candidates
    #[arg(long, value_enum, default_value_t = TestKind::Argmax)]
    pub(super) test: TestKind,
    /// Answers per key that the copy carries
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) answers: u8,
    /// With --test rank: model whose own preferences are taken off the target's, such as the base
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    pub(super) reference: Option<String>,
    /// Ask everything, even after the verdict is clear
    #[arg(long)]
    pub(super) all: bool,
    /// Write the evidence of a match to this file
    #[arg(long, value_name = "FILE")]
    pub(super) evidence: Option<PathBuf>,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TestKind {
    /// Whether the target gives the drawn answers: what the contract decides by
    Argmax,
    /// Where the drawn answers stand among their 16 candidates; needs weights or log-probabilities
    Rank,
}
