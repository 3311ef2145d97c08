//! `oml fingerprint science`: the figures behind the method, on models at hand.

use super::{coalition, robustness, visibility};
use crate::compute::load_model;
use crate::error::{FailureKind, HintExt as _};
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_engine::Model;
use oml_prover::check::{Artefact, CandidateScores, Comparisons, Questions, Target, score};
use oml_prover::fingerprint::{AnswersPerKey, Key, Perinucleus, Visibility, key_visibility};
use oml_prover::science::robustness::{
    Attack, AttackRow, AttackSetting, CopyOptions, MarkedCopy, base_texts, usual_attacks,
};
use oml_prover::science::{CapacityRow, NullOptions, NullRow, measure_capacity, null_trials};
use oml_prover::trace::CoalitionOptions;
use serde::Serialize;

/// Flags of `science`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Science {
    /// Models to measure: directories or hub ids; may be repeated
    #[arg(long = "model", required = true, num_args = 1.., value_name = "DIR_OR_HUB_ID")]
    models: Vec<String>,
    /// Numbers of keys for which capacity is measured; multiples of 16
    #[arg(long, value_delimiter = ',', default_value = "16,64,128,256", value_name = "N,…")]
    capacity: Vec<u32>,
    /// Keys of the copies that are attacked; a multiple of 16
    #[arg(long, default_value_t = 64)]
    keys: u32,
    /// Trials of false positives
    #[arg(long, default_value_t = 1_000_000)]
    null_trials: u64,
    /// Trials per coalition; 0 leaves them out
    #[arg(long, default_value_t = 1000)]
    coalition_trials: u32,
    /// Seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What one model showed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfModel {
    model: String,
    parameters: usize,
    capacity: Vec<CapacityRow>,
    attacks: Vec<AttackRow>,
    visibility: Visibility,
    false_positives: Vec<NullRow>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings {
    models: Vec<OfModel>,
    coalitions: Vec<coalition::Row>,
}

/// Error rates at which false positives are counted.
const ALPHA_INVERSES: [u64; 3] = [100, 1000, 1_000_000_000];
/// Fingerprints that a null trial asks: a bundle.
const NULL_QUERIES: usize = 16;
/// Texts on which utility is measured, and their tokens.
const HELD_OUT: (usize, usize) = (48, 32);

/// Measures every model that the flags name and prints the table.
pub(super) async fn run(args: &Science, output: Output) -> Result<()> {
    let mut models = Vec::with_capacity(args.models.len());
    for name in &args.models {
        let found = of_model(args, name, output).await?;
        // A model takes minutes; what is known already should not wait for the next one.
        output.piece(&section(&found));
        models.push(found);
    }
    let coalitions = if args.coalition_trials == 0 {
        Vec::new()
    } else {
        let trials = args.coalition_trials;
        let options = CoalitionOptions { trials, seed: args.seed, ..CoalitionOptions::default() };
        output.progress(format!("coalitions of 1 to 8 copies, {trials} trials each"));
        coalition::play(1..=8, &options, output)?
    };
    let findings = Findings { models, coalitions };
    let wrong: u64 = findings.models.iter().map(convictions).sum();
    output.result(&findings, &wrong.to_string(), || human(&findings));
    Ok(())
}

/// Convictions of the innocent at the smallest error rate.
fn convictions(model: &OfModel) -> u64 {
    let strict = model.false_positives.iter().filter(|row| row.alpha < 1e-8);
    strict.map(|row| row.convictions).sum()
}

/// Attacks are judged for one license alone, at the usual error rate.
fn attack_setting<'a>(
    base: &'a Model,
    other_texts: &'a [Vec<u32>],
    held_out: &'a [Vec<u32>],
    seed: u64,
) -> AttackSetting<'a> {
    let comparisons = Comparisons { cases: 1, licenses: 1 };
    AttackSetting { base, other_texts, held_out, alpha_inverse: 1_000_000_000, comparisons, seed }
}

async fn of_model(args: &Science, name: &str, output: Output) -> Result<OfModel> {
    let base = load_model(name)?;
    let held_out = base_texts(&base, HELD_OUT.0, HELD_OUT.1, args.seed ^ 0x5eed)?;
    let mut capacity = Vec::new();
    for keys in &args.capacity {
        output.progress(format!("{name}: capacity, {keys} keys"));
        let options = CopyOptions::new(*keys, AnswersPerKey::ONE, args.seed);
        let (row, _) = measure_capacity(&base, &options, &held_out).hint(
            format!("no copy with {keys} keys could be made of {name}"),
            "numbers of keys are multiples of 16; a small model may have no more keys to give",
            FailureKind::Failed,
        )?;
        capacity.push(row);
    }
    let two = super::check::per_key(2)?;
    let mut copies = Vec::new();
    for answers in [AnswersPerKey::ONE, two] {
        output.progress(format!("{name}: copy with {} answers per key", answers.get()));
        copies.push(MarkedCopy::make(&base, &CopyOptions::new(args.keys, answers, args.seed))?);
    }
    let texts = robustness::texts(&base, None, args.seed)?;
    let setting = attack_setting(&base, &texts, &held_out, args.seed);
    let mut attacks = Vec::new();
    for attack in usual_attacks().into_iter().chain([Attack::Suppress(0.5)]) {
        output.progress(format!("{name}: attack {attack}"));
        for copy in &copies {
            attacks.push(setting.judge(copy, &attack)?);
        }
    }
    output.progress(format!("{name}: {} null trials", args.null_trials));
    let options = NullOptions {
        trials: args.null_trials,
        seed: args.seed,
        alpha_inverses: ALPHA_INVERSES.to_vec(),
    };
    let copy = &copies[0];
    let false_positives =
        null_trials(copy.universe.root(), &null_scores(&base, copy).await?, &options)?;
    Ok(OfModel {
        model: name.to_owned(),
        parameters: base.config().parameters(),
        capacity,
        attacks,
        visibility: visible(&base, copy)?,
        false_positives,
    })
}

/// What the base model, which carries no answers, thinks of the candidates of the first keys.
async fn null_scores(base: &Model, copy: &MarkedCopy) -> Result<Vec<CandidateScores>> {
    let max_tokens = Perinucleus::default().max_response_tokens;
    let artefact = Artefact { model: base.clone(), name: "base".to_owned(), max_tokens };
    let first = 0..u32::try_from(NULL_QUERIES)?;
    let questions = Questions::new(&copy.universe, first.clone(), [], &mut rand::rng())?;
    let target = Target::Artefact(Box::new(artefact));
    let scores = score(&target, &questions, &copy.universe).await;
    Ok(first.filter_map(|index| scores.get(index)).collect())
}

fn visible(base: &Model, copy: &MarkedCopy) -> Result<Visibility> {
    let keys: Vec<&Key> = copy.universe.entries().iter().map(|entry| &entry.key).collect();
    Ok(key_visibility(base, &keys, &visibility::own_texts(base, &keys, 7)?)?)
}

fn section(model: &OfModel) -> String {
    format!(
        "{} ({:.2} M parameters)\n\ncapacity and utility\n{}\n\nattacks, {} keys, alpha 1e-9\n{}\n\n\
         keys against the model's own text\n{}\n\nfalse positives, {NULL_QUERIES} queries, threshold looked at \
         after each\n{}\n\n",
        model.model,
        model.parameters as f64 / 1e6,
        capacity_table(&model.capacity),
        model.visibility.keys.prompts,
        robustness::rows_table(&model.attacks),
        visibility::human(&model.visibility),
        nulls_table(&model.false_positives),
    )
}

fn human(findings: &Findings) -> String {
    if findings.coalitions.is_empty() {
        return String::new();
    }
    format!(
        "coalitions: mean queries to a conviction (share convicted within 4,096), 2,048 licenses, alpha 1e-9\n{}",
        coalition::rows_table(&findings.coalitions)
    )
}

fn capacity_table(rows: &[CapacityRow]) -> String {
    let rows = rows.iter().map(|row| {
        [
            row.keys.to_string(),
            format!("{:.3}", row.hit_rate),
            row.steps.to_string(),
            format!("{:.1}", row.seconds),
            format!("{:.2} -> {:.2}", row.base_perplexity, row.utility.perplexity),
            format!("{:.3}", row.utility.agreement),
        ]
    });
    table(["keys", "hit rate", "steps", "seconds", "perplexity", "agreement"], rows)
}

fn nulls_table(rows: &[NullRow]) -> String {
    let rows = rows.iter().map(|row| {
        [
            row.test.to_owned(),
            format!("{:e}", row.alpha),
            row.trials.to_string(),
            row.convictions.to_string(),
            format!("{:.2e}", row.rate),
        ]
    });
    table(["test", "bound", "trials", "convictions", "rate"], rows)
}
