//! What the demo reports: per act a verdict with its evidence, transactions and gains; stable as
//! JSON.

use crate::ledger::{Gain, NamedTransaction, Snapshot};
use oml_client::money::Currency;
use oml_client::round::RoundStanding;
use oml_contracts::ledger::RoundSize;
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoReport {
    /// Model directory or hub id.
    pub model: String,
    /// Seed of everything that is not drawn by the chain.
    pub seed: u64,
    /// The acts in order.
    pub acts: Vec<PlayedAct>,
    /// Everyone's token balance at the end, smallest units.
    pub balances: BTreeMap<String, String>,
    /// Sum of the balances, equal to the token's supply.
    pub supply: String,
    /// What all amounts are counted in.
    #[serde(skip)]
    pub currency: Option<Currency>,
    /// Seconds that it took, by the clock on the wall.
    pub seconds: f64,
}

/// What came of one act.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlayedAct {
    /// 1 to 7.
    pub number: u8,
    /// What it plays.
    pub title: String,
    /// How it ended: `done`, or the contract's verdict.
    pub verdict: String,
    /// Evidence level of the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_level: Option<u8>,
    /// log2 of the e-value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_value_log2: Option<f64>,
    /// log2 of what it had to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold_log2: Option<f64>,
    /// Fingerprints answered with the accused license's answer, without the seats that were struck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<u16>,
    /// Fingerprints that were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries: Option<u16>,
    /// Hits of each seat of a round, those that were struck included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<Vec<u8>>,
    /// Taken from the collateral, smallest units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slashed: Option<String>,
    /// What else is worth knowing, in words.
    pub notes: Vec<String>,
    /// Measurements of the copies that were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<DemoCopy>,
    /// Transactions, whoever sent them.
    pub transactions: Vec<NamedTransaction>,
    /// Changes of balances, smallest units.
    pub gains: Vec<Gain>,
    /// Seconds that it took, by the clock on the wall.
    pub seconds: f64,
}

/// A fingerprinted copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoCopy {
    /// Host whose copy it is.
    pub host: String,
    /// Fingerprints embedded: personal and assigned shared ones.
    pub fingerprints: usize,
    /// Share of them that the copy answers as drawn.
    pub hit_rate: f64,
    /// Perplexity on held-out text before.
    pub perplexity_before: f64,
    /// Perplexity on the same text after embedding.
    pub perplexity_after: f64,
    /// Share of benign prompts answered as the base model does.
    pub agreement: f64,
    /// Steps of the optimizer until the answers were learned.
    pub steps: usize,
    /// Seconds that it took, by the clock on the wall.
    pub seconds: f64,
}

impl PlayedAct {
    /// An act that is about to begin.
    pub(crate) fn new(number: u8, title: &str) -> Self {
        Self { number, title: title.to_owned(), verdict: "done".to_owned(), ..Self::default() }
    }

    /// Takes over what a round came to.
    pub(crate) fn judged(&mut self, round: &RoundStanding) {
        self.verdict = round.state.word().to_owned();
        self.evidence_level = Some(2);
        self.seats = Some(round.seats.iter().map(|seat| seat.hits.unwrap_or_default()).collect());
        let Some(outcome) = &round.outcome else { return };
        self.e_value_log2 = Some(outcome.evidence_log2);
        self.threshold_log2 = Some(outcome.threshold_log2);
        self.hits = Some(outcome.kept_hits);
        let size = u8::try_from(round.seats.len()).ok().map(RoundSize::offered);
        self.queries = size.and_then(Result::ok).map(RoundSize::kept_leaves);
        self.slashed = Some(outcome.slashed.units().to_string());
    }
}

impl DemoReport {
    /// Takes the final balances.
    pub(crate) fn close(&mut self, end: &Snapshot, seconds: f64) {
        self.balances = end.balances();
        self.supply = end.supply().to_string();
        self.currency = Some(end.currency().clone());
        self.seconds = seconds;
    }
}

/// Verdicts of many runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoTally {
    /// How many runs were played.
    pub runs: u64,
    /// Per act: how often it ended how.
    pub verdicts: BTreeMap<u8, BTreeMap<String, u64>>,
    /// Per act with evidence: every (hits, queries, log2 E, threshold).
    pub evidence: BTreeMap<u8, Vec<(u16, u16, f64, f64)>>,
}

impl DemoTally {
    /// Counts a run.
    pub(crate) fn add(&mut self, report: DemoReport) {
        self.runs += 1;
        for act in report.acts {
            *self.verdicts.entry(act.number).or_default().entry(act.verdict).or_default() += 1;
            if let (Some(hits), Some(queries), Some(e), Some(threshold)) =
                (act.hits, act.queries, act.e_value_log2, act.threshold_log2)
            {
                self.evidence.entry(act.number).or_default().push((hits, queries, e, threshold));
            }
        }
    }
}
