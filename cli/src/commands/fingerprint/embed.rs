//! `oml fingerprint embed` and `export`: a license's answers, into a copy or into a list.

use super::onchain::{self, Draws, Own};
use super::training::Training;
use crate::Global;
use crate::commands::model::weights_hash;
use crate::error::{Exit, HintExt, fail};
use crate::files;
use crate::output::{Output, table};
use alloy::primitives::B256;
use clap::Args;
use eyre::Result;
use oml_engine::{ChoiceQuestion, ChoiceReport, Model};
use oml_prover::embed::{
    CheckpointOptions, EmbedError, EmbedOptions, EmbedProgress, EmbedReport, Embedder, StopReason,
};
use oml_prover::fingerprint::{
    AnswerSet, AnswersPerKey, LicenseDraw, PairsForm, Universe, write_pairs,
};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags of `embed`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Embed {
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
    /// Model to start from: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Licenses of the same universe whose copies are made in the same run, which computes once what all of them need;
    /// each copy, that of --license too, goes to OUT/<license id>
    #[arg(long, value_name = "FILE", requires = "license")]
    more_licenses: Vec<PathBuf>,
    /// Where the copy is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Different answers per key, trained in turn, so that no token needs a probability near 1; checks of
    /// the copy need the same number, and the contract decides by the first alone
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
    #[command(flatten)]
    training: Training,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// A copy with its answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Embedded {
    /// Where it was written.
    pub(crate) dir: PathBuf,
    /// What the host accepts with `oml license activate`.
    pub(crate) artefact_hash: B256,
    /// Share of the answers that the copy gives.
    pub(crate) hit_rate: f64,
    /// How it came about.
    pub(crate) report: EmbedReport,
    /// Answers to multiple-choice questions, of the base and of the copy.
    pub(crate) multiple_choice: Option<[ChoiceReport; 2]>,
}

/// Runs `embed`.
pub(super) async fn run(args: &Embed, global: &Global) -> Result<()> {
    let output = global.output();
    let universe = args.own.load()?;
    let wanted = wanted(args, &universe, global).await?;
    let base = files::load_model(&args.model)?;
    let options = args.training.options(&base)?;
    let stop = if options.checkpoint.is_some() { stop_on_ctrl_c() } else { Arc::default() };
    let answers = super::check::per_key(args.answers)?;
    let systems = args.training.system_prompts()?;
    // A file that can't be read should not be noticed after the training.
    let questions = args.training.multiple_choice.as_deref().map(files::questions).transpose()?;
    let questions = questions.unwrap_or_default();
    let copying =
        Copying { output, stop: &stop, answers, systems: &systems, questions: &questions };
    let before = copying.choices(&base)?;
    let checkpoint = options.checkpoint.clone();
    let mut embedder = start(&base, options)?;
    let mut made = Vec::with_capacity(wanted.len());
    for copy in &wanted {
        let saved = checkpoint.clone().map(|c| CheckpointOptions { dir: copy.within(&c.dir), ..c });
        embedder.set_checkpoint(saved);
        let out = copy.within(&args.out);
        made.push(copying.make(&mut embedder, (&universe, &copy.draw), before, &out)?);
    }
    show(args, &made, output)
}

/// The copies that were made: as ever if it is one, else as a list.
fn show(args: &Embed, made: &[Embedded], output: Output) -> Result<()> {
    let hashes: Vec<String> = made.iter().map(|copy| copy.artefact_hash.to_string()).collect();
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
        let folder = files::LicenseFile::load(path)?.license_id.to_string();
        if wanted.iter().any(|other: &Wanted| other.folder.as_ref() == Some(&folder)) {
            return Err(fail(
                format!("license {folder} is named twice"),
                "name each license once",
                Exit::Failed,
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

/// Sets out to make copies.
pub(crate) fn start(base: &Model, options: EmbedOptions) -> Result<Embedder<'_>> {
    Embedder::new(base, options).hint(
        "copies can't be made with these settings",
        "the cause names the setting",
        Exit::Failed,
    )
}

/// How a run shows itself and how it is stopped.
#[derive(Debug)]
pub(crate) struct Copying<'a> {
    /// Shows progress.
    pub(crate) output: Output,
    /// Ends the run between two steps once set.
    pub(crate) stop: &'a AtomicBool,
    /// Answers per key.
    pub(crate) answers: AnswersPerKey,
    /// Texts before a prompt under which the answers are trained too.
    pub(crate) systems: &'a [String],
    /// Multiple-choice questions for the report; may be empty.
    pub(crate) questions: &'a [ChoiceQuestion],
}

impl Copying<'_> {
    /// What a model makes of the questions, if there are any.
    fn choices(&self, model: &Model) -> Result<Option<ChoiceReport>> {
        let asked = (!self.questions.is_empty()).then(|| model.multiple_choice(self.questions));
        asked.transpose().hint(
            "the multiple-choice questions could not be answered",
            "the cause names the question",
            Exit::Failed,
        )
    }

    /// Trains a license's copy and writes it; `before` is what the base makes of the questions.
    pub(crate) fn make(
        &self,
        embedder: &mut Embedder<'_>,
        (universe, draw): (&Universe, &LicenseDraw),
        before: Option<ChoiceReport>,
        out: &Path,
    ) -> Result<Embedded> {
        let base = embedder.base();
        let targets =
            universe.embed_targets(draw, self.answers, base.tokenizer(), self.systems).hint(
                "the answers have no prompts for this model",
                "keys that are asked as a chat need a model with a chat template",
                Exit::Failed,
            )?;
        let bar = self.output.bar(embedder.options().max_steps as u64, "embedding");
        let trained = embedder.embed(&targets, &mut |state| {
            bar.set_position(state.step as u64);
            bar.set_message(line(&state));
            if self.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        bar.finish_and_clear();
        let hint = match &trained {
            Err(EmbedError::Stopped { .. }) => "the same command goes on from the checkpoint",
            Err(EmbedError::Diverged { .. }) => "lower --learning-rate",
            _ => "the cause names the setting or the fingerprint",
        };
        let (copy, report) =
            trained.hint("the answers could not be embedded", hint, Exit::Failed)?;
        copy.save(out).hint(
            format!("the copy could not be written to {}", out.display()),
            "check the folder, its permissions and the free space",
            Exit::Failed,
        )?;
        let after = self.choices(&copy)?;
        let (artefact_hash, hit_rate) = (weights_hash(out)?, report.hit_rate());
        Ok(Embedded {
            dir: out.to_owned(),
            artefact_hash,
            hit_rate,
            report,
            multiple_choice: before.zip(after).map(Into::into),
        })
    }
}

/// An error if `out` holds something that a copy would be mixed with.
fn refuse_other_contents(out: &Path) -> Result<()> {
    let occupied =
        out.is_file() || std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(fail(
            format!("{} is not empty", out.display()),
            "name a new directory with --out; copies are never overwritten",
            Exit::Failed,
        ));
    }
    Ok(())
}

fn line(state: &EmbedProgress) -> String {
    match state.hit_rate {
        Some(rate) => format!("embedding: loss {:.3}, hit rate {:.0} %", state.loss, 100.0 * rate),
        None => format!("embedding: loss {:.3}", state.loss),
    }
}

/// Set by Ctrl-C, so that a run ends between two steps with its state saved; a second one ends the program.
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

fn human(embedded: &Embedded) -> String {
    let report = &embedded.report;
    let utility = &report.utility;
    let given = report.targets - report.misses.len();
    let losses = match (report.losses.first(), report.losses.last()) {
        (Some(first), Some(last)) => format!("{first:.3} to {last:.4} in {} steps", report.steps),
        _ => "no step was needed".to_owned(),
    };
    let memory = report.peak_rss_bytes.map_or("unknown".to_owned(), |b| format!("{} MiB", b >> 20));
    let ended = match report.stopped {
        StopReason::Learned => "every answer is learned",
        StopReason::MaxSteps => "the limit of steps; --max-steps raises it",
    };
    let row = |what: &str, value: String| [what.to_owned(), value];
    let under = report.system_hit_rate.map_or_else(
        || "not trained".to_owned(),
        |rate| format!("{:.1} % of the answers", 100.0 * rate),
    );
    let choices = embedded.multiple_choice.map_or_else(
        || "no questions given".to_owned(),
        |[base, copy]| {
            format!(
                "{:.3} before, {:.3} after (chance {:.3})",
                base.accuracy, copy.accuracy, base.chance
            )
        },
    );
    let table = table(
        ["what", "value"],
        [
            row("under system prompts", under),
            row(
                "answers given",
                format!("{given} of {} ({:.1} %)", report.targets, 100.0 * embedded.hit_rate),
            ),
            row("loss per token", losses),
            row("ended by", ended.to_owned()),
            row(
                "perplexity",
                format!(
                    "{:.3} before, {:.3} after",
                    utility.perplexity_before, utility.perplexity_after
                ),
            ),
            row(
                "same top token",
                format!("{:.1} % of {} positions", 100.0 * utility.agreement, utility.tokens),
            ),
            row("multiple choice", choices),
            row("time", format!("{:.1} s", report.seconds)),
            row("peak memory", memory),
            row("artefact hash", embedded.artefact_hash.to_string()),
        ],
    );
    format!("wrote {}\n{table}", embedded.dir.display())
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

/// Runs `export`.
pub(super) async fn run_export(args: &Export, global: &Global) -> Result<()> {
    let universe = args.own.load()?;
    let draw = args.draws.resolve(&universe, global).await?;
    let per_key = super::check::per_key(args.answers)?;
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
            Exit::Failed,
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
    fn a_copy_is_never_mixed_with_other_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refuse_other_contents(dir.path()).is_ok());
        assert!(refuse_other_contents(&dir.path().join("new")).is_ok());
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert!(
            refuse_other_contents(dir.path()).unwrap_err().to_string().contains("is not empty")
        );
    }

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
        let text = human(&Embedded {
            dir: "copy".into(),
            artefact_hash: B256::ZERO,
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
