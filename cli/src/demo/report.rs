//! What the demo reports: per act a verdict with its evidence, transactions and gains; stable as JSON.

use super::ledger::{Gain, Mined, Snapshot};
use crate::money;
use crate::output::table;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The whole run.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Model directory or hub id.
    pub model: String,
    /// Seed of everything that is not drawn by the chain.
    pub seed: u64,
    /// The acts in order.
    pub acts: Vec<Act>,
    /// Everyone's token balance at the end, smallest units.
    pub balances: BTreeMap<String, String>,
    /// Sum of the balances, equal to the token's supply.
    pub supply: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// One act.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// 1 to 6.
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
    /// Fingerprints answered with the accused license's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits: Option<u16>,
    /// Fingerprints counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queries: Option<u16>,
    /// Taken from the collateral, smallest units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slashed: Option<String>,
    /// What else is worth knowing, in words.
    pub notes: Vec<String>,
    /// Measurements of the copies that were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copy>,
    /// Transactions, whoever sent them.
    pub transactions: Vec<Mined>,
    /// Changes of balances, smallest units.
    pub gains: Vec<Gain>,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A fingerprinted copy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    /// Whose.
    pub host: String,
    /// Fingerprints embedded: personal and assigned shared ones.
    pub fingerprints: usize,
    /// Share of them that the copy answers as drawn.
    pub hit_rate: f64,
    /// Perplexity on held-out text before.
    pub perplexity_before: f64,
    /// And after.
    pub perplexity_after: f64,
    /// Share of benign prompts answered as the base model does.
    pub agreement: f64,
    /// Optimizer steps.
    pub steps: usize,
    /// Wall-clock seconds.
    pub seconds: f64,
}

impl Act {
    /// An act that is about to begin.
    pub(crate) fn new(number: u8, title: &str) -> Self {
        Self { number, title: title.to_owned(), verdict: "done".to_owned(), ..Self::default() }
    }

    /// Takes over a case's verdict.
    pub(crate) fn judged(&mut self, verdict: &crate::commands::case::Verdict) {
        self.verdict = verdict.verdict.to_owned();
        self.evidence_level = Some(verdict.evidence_level);
        self.e_value_log2 = Some(verdict.e_value_log2);
        self.threshold_log2 = Some(verdict.threshold_log2);
        self.hits = Some(verdict.hits);
        self.queries = Some(verdict.queries);
        self.slashed = Some(verdict.slashed.to_string());
    }
}

impl Report {
    /// Takes the final balances.
    pub(crate) fn close(&mut self, end: &Snapshot, seconds: f64) {
        self.balances = end.balances();
        self.supply = end.supply().to_string();
        self.seconds = seconds;
    }

    /// The tables at the end.
    pub(crate) fn human(&self) -> String {
        let mut text = String::new();
        for act in &self.acts {
            let _ = writeln!(
                text,
                "\nAct {}: {} [{}] {:.1} s",
                act.number, act.title, act.verdict, act.seconds
            );
            let rows = act.transactions.iter().map(|t| {
                let ok = if t.success { "" } else { "reverted" };
                [
                    t.step.clone(),
                    t.from.clone(),
                    t.to.clone(),
                    t.gas.to_string(),
                    short(&t.hash.to_string()),
                    ok.to_owned(),
                ]
            });
            let _ =
                writeln!(text, "{}", table(["step", "from", "to", "gas", "transaction", ""], rows));
            let gains: Vec<String> =
                act.gains.iter().map(|g| format!("{} {}", g.who, signed(g.amount))).collect();
            let _ = writeln!(text, "who gained what: {}", gains.join(", "));
        }
        let rows = self.acts.iter().map(|act| {
            let number = |n: Option<f64>| n.map_or_else(String::new, |n| format!("{n:.2}"));
            let hits =
                act.hits.zip(act.queries).map_or_else(String::new, |(h, q)| format!("{h}/{q}"));
            let level = act.evidence_level.map_or_else(String::new, |l| l.to_string());
            let slashed = act.slashed.as_deref().and_then(|s| s.parse().ok());
            let slashed =
                slashed.map_or_else(String::new, |s| money::show(s, money::DEFAULT_DECIMALS));
            [
                format!("{} {}", act.number, act.title),
                act.verdict.clone(),
                level,
                hits,
                number(act.e_value_log2),
                number(act.threshold_log2),
                slashed,
            ]
        });
        let header = ["act", "verdict", "level", "hits", "log2 E", "threshold", "slashed"];
        let _ = writeln!(text, "\n{}", table(header, rows));
        let rows = self.balances.iter().map(|(who, units)| {
            let shown = units
                .parse()
                .map_or_else(|_| units.clone(), |u| money::show(u, money::DEFAULT_DECIMALS));
            [who.clone(), shown]
        });
        let _ = writeln!(text, "{}", table(["holder", "balance"], rows));
        let supply = self
            .supply
            .parse()
            .map_or_else(|_| self.supply.clone(), |s| money::show(s, money::DEFAULT_DECIMALS));
        let _ =
            write!(text, "sum of all balances = supply = {supply}; {:.1} s in all", self.seconds);
        text
    }
}

/// Verdicts of many runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tally {
    /// Runs played.
    pub(crate) runs: u64,
    /// Per act: how often it ended how.
    pub(crate) verdicts: BTreeMap<u8, BTreeMap<String, u64>>,
    /// Per act with evidence: every (hits, queries, log2 E, threshold).
    pub(crate) evidence: BTreeMap<u8, Vec<(u16, u16, f64, f64)>>,
}

impl Tally {
    /// Counts a run.
    pub(crate) fn add(&mut self, report: Report) {
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

    /// A table for people.
    pub(crate) fn human(&self) -> String {
        let rows = self.verdicts.iter().map(|(act, verdicts)| {
            let counts: Vec<String> = verdicts.iter().map(|(v, n)| format!("{v} {n}")).collect();
            let seen = self.evidence.get(act).map_or_else(String::new, |rows| {
                let hits: Vec<String> = rows.iter().map(|(h, q, ..)| format!("{h}/{q}")).collect();
                hits.join(" ")
            });
            [act.to_string(), counts.join(", "), seen]
        });
        table(["act", "verdicts", "hits"], rows)
    }
}

fn short(hash: &str) -> String {
    hash.get(..12).map_or_else(|| hash.to_owned(), |head| format!("{head}…"))
}

fn signed(amount: i128) -> String {
    let shown = money::show(amount.unsigned_abs(), money::DEFAULT_DECIMALS);
    if amount < 0 { format!("−{shown}") } else { format!("+{shown}") }
}
