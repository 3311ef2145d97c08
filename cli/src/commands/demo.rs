//! `oml demo`: the whole protocol on a local chain, in seven acts.

use crate::compute::load_options;
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::Progress;
use oml_client::money::Currency;
use oml_demo::{DemoBeacon, DemoOptions, DemoReport, DemoTally, PlayedAct, play_many, play_once};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

/// What to play.
#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// Model to license: directory or hub id
    #[arg(long, default_value = "prover/assets/models/tiny", value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Model that the innocent host serves
    #[arg(long, default_value = "prover/assets/models/tiny-b", value_name = "DIR_OR_HUB_ID")]
    other_model: String,
    /// Seed of everything that is not drawn by the chain
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write keys, copies, databases and logs; a new folder under .oml/ if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Play only these acts; 1 and 2 are always played
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,4,5,6,7", value_name = "N,N")]
    acts: Vec<u8>,
    /// Play this many times with seeds counted up, and report how often each act ended how
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "keep")]
    runs: u64,
    /// Draw from a drand network of one process instead of the local chain's RANDAO; takes minutes
    /// more, since the chain's clock can't be turned
    #[arg(long)]
    drand: bool,
    /// Leave chain, nodes and servers running, and print how to explore them
    #[arg(long)]
    keep: bool,
}

/// Plays the demo, once or many times.
pub(crate) async fn run(args: Demo, global: &Global) -> Result<()> {
    let output = global.output();
    let progress: Arc<dyn Progress> = Arc::new(output);
    let options = DemoOptions {
        model: args.model,
        other_model: args.other_model,
        load: load_options()?,
        seed: args.seed,
        dir: args.dir,
        acts: args.acts,
        beacon: if args.drand { DemoBeacon::Drand } else { DemoBeacon::Randao },
        keep: args.keep,
        oml: std::env::current_exe()?,
    };
    if args.runs == 1 {
        let report = play_once(&options, &progress).await?;
        output.result(&report, &report.supply, || human(&report));
        return Ok(());
    }
    let tally = play_many(&options, args.runs, &progress).await?;
    output.result(&tally, &tally.runs.to_string(), || counted(&tally));
    Ok(())
}

/// The tables at the end.
fn human(report: &DemoReport) -> String {
    let amounts = Amounts(report.currency.as_ref());
    let mut text = String::new();
    for act in &report.acts {
        let head =
            format!("Act {}: {} [{}] {:.1} s", act.number, act.title, act.verdict, act.seconds);
        let gains: Vec<String> =
            act.gains.iter().map(|g| format!("{} {}", g.who, amounts.signed(g.amount))).collect();
        let _ = writeln!(text, "\n{head}");
        let _ = writeln!(text, "{}", transactions(act));
        let _ = writeln!(text, "who gained what: {}", gains.join(", "));
    }
    let header = ["act", "verdict", "level", "hits", "log2 E", "threshold", "slashed"];
    let _ =
        writeln!(text, "\n{}", table(header, report.acts.iter().map(|act| verdict(act, amounts))));
    let rows = report.balances.iter().map(|(who, units)| [who.clone(), amounts.shown(units)]);
    let _ = writeln!(text, "{}", table(["holder", "balance"], rows));
    let supply = amounts.shown(&report.supply);
    let _ = write!(text, "sum of all balances = supply = {supply}; {:.1} s in all", report.seconds);
    text
}

fn transactions(act: &PlayedAct) -> String {
    let rows = act.transactions.iter().map(|t| {
        let ok = if t.success { "" } else { "reverted" };
        let (gas, hash) = (t.gas.to_string(), short(&t.hash));
        [t.step.clone(), t.from.clone(), t.to.clone(), gas, hash, ok.to_owned()]
    });
    table(["step", "from", "to", "gas", "transaction", ""], rows)
}

/// The row of an act in the table of verdicts.
fn verdict(act: &PlayedAct, amounts: Amounts<'_>) -> [String; 7] {
    let number = |n: Option<f64>| n.map_or_else(String::new, |n| format!("{n:.2}"));
    [
        format!("{} {}", act.number, act.title),
        act.verdict.clone(),
        act.evidence_level.map_or_else(String::new, |level| level.to_string()),
        hits(act),
        number(act.e_value_log2),
        number(act.threshold_log2),
        act.slashed.as_deref().map(|units| amounts.shown(units)).unwrap_or_default(),
    ]
}

/// Hits that counted, and what each seat found.
fn hits(act: &PlayedAct) -> String {
    let Some((hits, queries)) = act.hits.zip(act.queries) else { return String::new() };
    let seats = act.seats.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
    format!("{hits}/{queries} ({})", seats.join(" "))
}

/// Verdicts of many runs.
fn counted(tally: &DemoTally) -> String {
    let rows = tally.verdicts.iter().map(|(act, verdicts)| {
        let counts: Vec<String> = verdicts.iter().map(|(v, n)| format!("{v} {n}")).collect();
        let seen = tally.evidence.get(act).map_or_else(String::new, |rows| {
            let hits: Vec<String> = rows.iter().map(|(h, q, ..)| format!("{h}/{q}")).collect();
            hits.join(" ")
        });
        [act.to_string(), counts.join(", "), seen]
    });
    table(["act", "verdicts", "hits"], rows)
}

/// Shows amounts of the demo's token, which its report has in smallest units.
#[derive(Clone, Copy)]
struct Amounts<'a>(Option<&'a Currency>);

impl Amounts<'_> {
    fn shown(self, units: &str) -> String {
        let money = self.0.zip(units.parse().ok()).map(|(currency, units)| currency.of(units));
        money.map_or_else(|| units.to_owned(), |money| money.to_string())
    }

    fn signed(self, amount: i128) -> String {
        let shown = self.shown(&amount.unsigned_abs().to_string());
        if amount < 0 { format!("−{shown}") } else { format!("+{shown}") }
    }
}

fn short(hash: &str) -> String {
    hash.get(..12).map_or_else(|| hash.to_owned(), |head| format!("{head}…"))
}
