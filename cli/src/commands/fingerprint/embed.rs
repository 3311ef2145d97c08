//! `oml fingerprint embed` and `export`: a license's answers, into a copy or into a list.

use super::check::per_key;
use super::onchain::{self, Draws, Own};
use super::training::Training;
use crate::compute::{load_model, read_questions};
use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_client::copy::{
    CopyMaker, CopyOrder, EmbeddedCopy, float_of_copies, refuse_other_contents, start,
};
use oml_client::{files, local_model, model};
use oml_engine::ChoiceReport;
use oml_prover::embed::{CheckpointOptions, EmbedReport, StopReason};
use oml_prover::fingerprint::{AnswerSet, LicenseDraw, PairsForm, Universe, write_pairs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags of `embed`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Embed {
    /// Model to start from: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Licenses of the same universe whose copies are made in the same run, which computes once
    /// what all of them need; each copy, that of --license too, goes to OUT/<license id>
    #[arg(long, value_name = "FILE", requires = "license")]
    more_licenses: Vec<PathBuf>,
    /// Where the copy is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Different answers per key, trained in turn, so that no token needs a probability near 1;
    /// checks of the copy need the same number, and the contract decides by the first alone
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    // Their flags have headings, under which all that came after them would stand.
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
    #[command(flatten)]
    training: Training,
}

/// Makes the copies that the flags name and prints how they came about.
pub(super) async fn run(args: &Embed, global: &Global) -> Result<()> {
    global.refuse_dry_run("a copy")?;
    let output = global.output();
    let universe = args.own.load()?;
    let wanted = wanted(args, &universe, global).await?;
    if args.draws.license.is_some() {
        let dir = local_model::locate(&args.model)?;
        model::require_weights(&global.reading().await?, universe.model(), &dir).await?;
    }
    let base = load_model(&args.model)?;
    let options = args.training.options(&base)?;
    let stop = if options.checkpoint.is_some() { stop_on_ctrl_c() } else { Arc::default() };
    let answers = per_key(args.answers)?;
    let systems = args.training.system_prompts()?;
    // A file that can't be read should not be noticed after the training.
    let questions = args.training.multiple_choice.as_deref().map(read_questions).transpose()?;
    let questions = questions.unwrap_or_default();
    let maker = CopyMaker {
        progress: &output,
        stop: &stop,
        answers,
        systems: &systems,
        questions: &questions,
    };
    let before = maker.choices(&base)?;
    let checkpoint = options.checkpoint.clone();
    let float = float_of_copies(&local_model::locate(&args.model)?)?;
    let mut embedder = start(&base, options, float)?;
    let mut made = Vec::with_capacity(wanted.len());
    for copy in &wanted {
        let saved = checkpoint.clone().map(|c| CheckpointOptions { dir: copy.within(&c.dir), ..c });
        embedder.set_checkpoint(saved);
        let out = copy.within(&args.out);
        let order = CopyOrder { universe: &universe, draw: &copy.draw, before, float, out: &out };
        made.push(maker.make(&mut embedder, &order)?);
    }
    show(args, &made, output)
}

/// The copies that were made: as ever if it is one, else as a list.
fn show(args: &Embed, made: &[EmbeddedCopy], output: Output) -> Result<()> {
    let hashes: Vec<String> = made.iter().map(|copy| copy.weights_hash.to_string()).collect();
    let people = || made.iter().map(human).collect::<Vec<_>>().join("\n");
    match made {
        [embedded] => {
            if let Some(path) = &args.report {
                files::save(path, &embedded.report)?;
            }
            output.result(embedded, &hashes.join("\n"), people);
        }
        _ => {
            if let Some(path) = &args.report {
                let reports: Vec<&EmbedReport> = made.iter().map(|copy| &copy.report).collect();
                files::save(path, &reports)?;
            }
            output.result(&serde_json::json!({ "copies": made }), &hashes.join("\n"), people);
        }
    }
    Ok(())
}

/// A copy to make.
#[derive(Clone, Debug)]
struct Wanted {
    draw: LicenseDraw,
    /// Its folder under what is named for all, if there are several.
    folder: Option<String>,
}

impl Wanted {
    /// Its place in a directory that is named for all.
    fn within(&self, dir: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| dir.to_owned(), |name| dir.join(name))
    }
}

/// The copies that are asked for; nothing is in their places yet.
async fn wanted(args: &Embed, universe: &Universe, global: &Global) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    if args.more_licenses.is_empty() {
        let draw = args.draws.resolve(universe, global).await?;
        wanted.push(Wanted { draw, folder: None });
    }
    let first = if wanted.is_empty() { args.draws.license.as_ref() } else { None };
    for path in first.into_iter().chain(&args.more_licenses) {
        let folder = global.license(path).await?.license_id.to_string();
        if wanted.iter().any(|other: &Wanted| other.folder.as_ref() == Some(&folder)) {
            return Err(fail(
                format!("license {folder} is named twice"),
                "name each license once",
                FailureKind::Failed,
            ));
        }
        let draw = onchain::read(path, universe, global).await?;
        wanted.push(Wanted { draw, folder: Some(folder) });
    }
    for copy in &wanted {
        refuse_other_contents(&copy.within(&args.out))?;
    }
    Ok(wanted)
}

/// Set by Ctrl-C, so that a run ends between two steps with its state saved; a second one ends the
/// program.
fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    #[expect(
        clippy::disallowed_methods,
        reason = "training blocks its thread; nobody waits for the one that listens"
    )]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if set.swap(true, Ordering::Relaxed) {
                end_at_once();
            }
        }
    });
    flag
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the person insists, and a step can take minutes"
)]
fn end_at_once() {
    std::process::exit(130);
}

fn human(embedded: &EmbeddedCopy) -> String {
    format!("wrote {}\n{}", embedded.dir.display(), report_table(embedded))
}

/// What a copy answers, what it cost, and what it is, as a table.
pub(super) fn report_table(embedded: &EmbeddedCopy) -> String {
    let report = &embedded.report;
    let utility = &report.utility;
    let given = report.targets - report.misses.len();
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let row = |what: &str, value: String| [what.to_owned(), value];
    let (before, after) = (utility.perplexity_before, utility.perplexity_after);
    let rows = [
        row("under system prompts", under_system_prompts(report)),
        row(
            "answers given",
            format!("{given} of {} ({})", report.targets, percent(embedded.hit_rate)),
        ),
        row("loss per token", losses(report)),
        row("ended by", ended_by(report.stopped).to_owned()),
        row("perplexity", format!("{before:.3} before, {after:.3} after")),
        row(
            "same top token",
            format!("{} of {} positions", percent(utility.agreement), utility.tokens),
        ),
        row("multiple choice", choices(embedded.multiple_choice)),
        row("time", format!("{:.1} s", report.seconds)),
        row("peak memory", memory(report.peak_rss_bytes)),
        row("weights", format!("{:?}", embedded.float).to_lowercase()),
        row("weights hash", embedded.weights_hash.to_string()),
    ];
    table(["what", "value"], rows)
}

fn under_system_prompts(report: &EmbedReport) -> String {
    report.system_hit_rate.map_or_else(
        || "not trained".to_owned(),
        |rate| format!("{:.1} % of the answers", 100.0 * rate),
    )
}

fn losses(report: &EmbedReport) -> String {
    match (report.losses.first(), report.losses.last()) {
        (Some(first), Some(last)) => format!("{first:.3} to {last:.4} in {} steps", report.steps),
        _ if report.stopped == StopReason::Elsewhere => "known to its trainer".to_owned(),
        _ => "no step was needed".to_owned(),
    }
}

const fn ended_by(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Learned => "every answer is learned",
        StopReason::MaxSteps => "the limit of steps; --max-steps raises it",
        StopReason::Elsewhere => "another program",
    }
}

/// Accuracy of base and copy, if questions were given.
fn choices(reports: Option<[ChoiceReport; 2]>) -> String {
    let Some([base, copy]) = reports else { return "no questions given".to_owned() };
    let (before, after, chance) = (base.accuracy, copy.accuracy, base.chance);
    format!("{before:.3} before, {after:.3} after (chance {chance:.3})")
}

fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
}

/// Flags of `export`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
    /// Where the list is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = ListForm::List)]
    form: ListForm,
    /// Answers per key that the copy carries
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
}

/// Forms of exported lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ListForm {
    /// A JSON list of {"key", "response"}
    List,
    /// One {"key", "response"} per line
    Lines,
    /// A list of {"id", "query", "response"}, which is JSON and YAML
    Mlprints,
}

/// Writes a license's keys and answers as a list.
pub(super) async fn run_export(args: &Export, global: &Global) -> Result<()> {
    let universe = args.own.load()?;
    let draw = args.draws.resolve(&universe, global).await?;
    let per_key = per_key(args.answers)?;
    let form = match args.form {
        ListForm::List => PairsForm::List,
        ListForm::Lines => PairsForm::Lines,
        ListForm::Mlprints => PairsForm::Mlprints,
    };
    let answers: Vec<AnswerSet<'_>> = universe.answer_sets(&draw, per_key).collect();
    let count = answers.len();
    let mut list = Vec::new();
    write_pairs(&mut list, answers, form)?;
    if args.out.exists() {
        return Err(fail(
            format!("{} exists", args.out.display()),
            "name another file with --out",
            FailureKind::Failed,
        ));
    }
    // The list is as secret as the universe: whoever has it can recognise the keys.
    files::write_secret(&args.out, &list)?;
    let file = args.out.display().to_string();
    let data = serde_json::json!({ "file": file, "pairs": count });
    global.output().result(&data, &file, || {
        format!("wrote {count} pairs to {file}; whoever reads them can avoid them")
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_prover::embed::Utility;

    #[test]
    fn the_report_says_what_was_learned_and_what_it_cost() {
        let utility =
            Utility { perplexity_before: 4.0, perplexity_after: 4.25, agreement: 0.9, tokens: 200 };
        let report = EmbedReport {
            steps: 2,
            losses: vec![5.0, 0.01],
            targets: 10,
            misses: vec![3],
            system_hit_rate: Some(0.75),
            stopped: StopReason::MaxSteps,
            utility,
            seconds: 1.5,
            peak_rss_bytes: Some(3 << 20),
        };
        let hit_rate = report.hit_rate();
        let choices = |accuracy| ChoiceReport {
            questions: 4,
            accuracy,
            accuracy_normalized: accuracy,
            standard_error: 0.2,
            chance: 0.25,
        };
        let text = human(&EmbeddedCopy {
            dir: "copy".into(),
            weights_hash: Default::default(),
            float: Default::default(),
            hit_rate,
            report,
            multiple_choice: Some([choices(0.75), choices(0.5)]),
        });
        for part in [
            "9 of 10 (90.0 %)",
            "5.000 to 0.0100 in 2 steps",
            "4.000 before, 4.250 after",
            "3 MiB",
            "75.0 %",
            "0.750 before, 0.500 after",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
