//! `oml fingerprint dataset` and `accept`: copies that another program trains.

use super::check::per_key;
use super::embed::report_table;
use super::onchain::{Draws, Own};
use super::training::lines;
use crate::compute::{load_model, read_questions};
use crate::flags::Global;
use clap::Args;
use eyre::Result;
use oml_client::copy::{CopyMaker, CopyOrder, float_of_copies, start};
use oml_client::{elsewhere, files, local_model, model};
use oml_engine::Model;
use oml_prover::embed::{DatasetForm, DatasetOptions, DatasetReport, EmbedOptions};
use oml_prover::fingerprint::{LicenseDraw, Universe};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Flags of `dataset`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dataset {
    /// Model that will be trained: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Where the rows are written, one JSON object per line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What a row holds
    #[arg(long, value_enum, default_value_t = RowForm::Completion)]
    form: RowForm,
    /// Different answers per key; `accept` needs the same number
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
    /// Texts, one per line, that services may put before a prompt: every answer stands under each
    /// of them once more
    #[arg(long, value_name = "FILE")]
    system_prompts: Option<PathBuf>,
    /// Rows that the model writes itself, which hold the rest of what it says in place
    /// [default: three for each answer]
    #[arg(long, value_name = "N")]
    own_texts: Option<usize>,
    /// Most tokens of such a row
    #[arg(long, default_value_t = 32, value_name = "N")]
    own_length: usize,
    /// Seed of these rows
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
}

/// Forms of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum RowForm {
    /// {"prompt", "completion"}: text; mask the prompt
    Completion,
    /// {"messages"}: of keys that are messages; train the last one alone
    Chat,
    /// {"`input_ids`", "`attention_mask`", "`labels`"}: exactly the tokens that `embed` trains
    Tokens,
}

/// A written training set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenDataset {
    file: PathBuf,
    #[serde(flatten)]
    rows: DatasetReport,
}

/// Rows of the model's own text for each answer, if their number is not given.
const OWN_TEXTS_PER_ANSWER: usize = 3;

/// Writes what a license's copy is trained on.
pub(super) async fn run_dataset(args: &Dataset, global: &Global) -> Result<()> {
    let universe = args.own.load()?;
    let (draw, base) = drawn(&args.draws, &universe, &args.model, global).await?;
    let answers = per_key(args.answers)?;
    let systems = args.system_prompts.as_deref().map(lines).transpose()?.unwrap_or_default();
    let sets = universe.answer_sets(&draw, answers).map(|set| set.candidates.len());
    let usual = sets.sum::<usize>() * OWN_TEXTS_PER_ANSWER;
    let options = DatasetOptions {
        form: match args.form {
            RowForm::Completion => DatasetForm::Completion,
            RowForm::Chat => DatasetForm::Chat,
            RowForm::Tokens => DatasetForm::Tokens,
        },
        answers,
        systems: &systems,
        own_texts: args.own_texts.unwrap_or(usual),
        own_length: args.own_length,
        seed: args.seed,
    };
    let rows = elsewhere::save_dataset(&base, &universe, &draw, &options, &args.out)?;
    let written = WrittenDataset { file: args.out.clone(), rows };
    let file = args.out.display().to_string();
    global.output().result(&written, &file, || described(&written, args.form));
    Ok(())
}

fn described(written: &WrittenDataset, form: RowForm) -> String {
    let DatasetReport { answers, own_texts, retokenized } = written.rows;
    let masked = match form {
        RowForm::Completion => "train the completion alone: mask every token of the prompt",
        RowForm::Chat => "train the last message alone: mask everything before it",
        RowForm::Tokens => "the labels mask the prompts already (-100)",
    };
    let exact = match retokenized {
        0 => String::new(),
        rows => format!("\n{rows} answers become other tokens as text; --form tokens is exact"),
    };
    format!(
        "wrote {answers} answers and {own_texts} texts of the model's own to {}\n{masked}{exact}\n\
         keep the file secret: whoever reads it can avoid the keys",
        written.file.display()
    )
}

/// Flags of `accept`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Accept {
    /// Model that was trained: directory or hub id
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: String,
    /// Copy to judge: a directory as trainers save it
    #[arg(long, value_name = "DIR")]
    copy: PathBuf,
    /// Different answers per key of its training set
    #[arg(long, default_value_t = 1, value_name = "N")]
    answers: u8,
    /// Texts, one per line, under which the answers are asked too
    #[arg(long, value_name = "FILE")]
    system_prompts: Option<PathBuf>,
    /// Held-out texts, one per line, on which the loss of utility is measured; else the model
    /// writes some itself
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Multiple-choice questions that base and copy answer, one JSON object per line: context,
    /// choices, answer
    #[arg(long, value_name = "FILE")]
    multiple_choice: Option<PathBuf>,
    /// Also write the report as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
}

/// Judges a copy that was trained elsewhere, by the report that `embed` makes of its own.
pub(super) async fn run_accept(args: &Accept, global: &Global) -> Result<()> {
    elsewhere::refuse_adapter(&args.copy)?;
    let output = global.output();
    let universe = args.own.load()?;
    let (draw, base) = drawn(&args.draws, &universe, &args.model, global).await?;
    let read = |path: &Option<PathBuf>| path.as_deref().map(lines).transpose();
    let systems = read(&args.system_prompts)?.unwrap_or_default();
    let mut options = EmbedOptions::for_model(base.config());
    options.utility.texts = read(&args.texts)?.unwrap_or_default();
    let questions = args.multiple_choice.as_deref().map(read_questions).transpose()?;
    let questions = questions.unwrap_or_default();
    let copy = load_model(&args.copy.display().to_string())?;
    let maker = CopyMaker {
        progress: &output,
        stop: &Default::default(),
        answers: per_key(args.answers)?,
        systems: &systems,
        questions: &questions,
    };
    let before = maker.choices(&base)?;
    let float = float_of_copies(&args.copy)?;
    let mut embedder = start(&base, options, float)?;
    let order =
        CopyOrder { universe: &universe, draw: &draw, before, float, out: args.copy.as_path() };
    let accepted = elsewhere::accept(&maker, &mut embedder, &order, &copy)?;
    if let Some(path) = &args.report {
        files::save(path, &accepted.report)?;
    }
    let original = float_of_copies(&local_model::locate(&args.model)?)?;
    output.result(&accepted, &accepted.weights_hash.to_string(), || {
        let headline = format!("accepted {}", accepted.dir.display());
        let note = if original == float {
            String::new()
        } else {
            format!("\nthe base is stored as {original:?}: a host sees that the copy is another")
        };
        format!("{headline}\n{}{}", report_table(&accepted), note.to_lowercase())
    });
    Ok(())
}

/// What was drawn for the license, and the base; a license's base must be the model on chain.
async fn drawn(
    draws: &Draws,
    universe: &Universe,
    base: &str,
    global: &Global,
) -> Result<(LicenseDraw, Model)> {
    let draw = draws.resolve(universe, global).await?;
    if draws.license.is_some() {
        let dir: PathBuf = local_model::locate(base)?;
        model::require_weights(&global.reading().await?, universe.model(), Path::new(&dir)).await?;
    }
    Ok((draw, load_model(base)?))
}
