//! The test of answers: does the target give those that were drawn?

use super::flags::{Check, TestKind};
use super::judging::{Judging, per_key};
use super::shown::{CheckShown, asked, exit_code, explanation, human, verdict_words};
use crate::commands::fingerprint::ask::AskedParts;
use crate::output::Output;
use eyre::Result;
use oml_client::files;
use oml_prover::check::{Answers, CheckOutcome, Verdict};
use oml_prover::fingerprint::{AnswersPerKey, Universe};
use std::process::ExitCode;

/// Runs the test of answers; the exit code is the verdict.
pub(super) async fn run(
    args: &Check,
    judging: &Judging,
    universe: &Universe,
    output: Output,
) -> Result<ExitCode> {
    let per_key = per_key(args.answers)?;
    let outcome = ask(args, judging, universe, per_key, output).await?;
    let checked = shown(args.ask.name(), judging, &outcome, per_key);
    if let (Some(path), Some(evidence)) = (&args.evidence, outcome.clone().into_evidence()) {
        files::save(path, &evidence)?;
    }
    output.result(&checked, checked.verdict, || human(&checked));
    Ok(exit_code(outcome.verdict()))
}

/// Asks a target until the verdict is clear, or everything if the flags say so.
async fn ask(
    args: &Check,
    judging: &Judging,
    universe: &Universe,
    per_key: AnswersPerKey,
    output: Output,
) -> Result<CheckOutcome> {
    let mut enough = |answers: &Answers| {
        let outcome = judging.judge(answers, universe, per_key)?;
        Ok(!matches!(outcome.verdict(), Verdict::Inconclusive(_)) && !args.all)
    };
    let unburned = &judging.standing().unburned;
    let asked = args.ask.ask(universe, unburned, AskedParts::Personal, output, &mut enough);
    judging.judge(&asked.await?, universe, per_key)
}

fn shown(
    target: &str,
    judging: &Judging,
    outcome: &CheckOutcome,
    per_key: AnswersPerKey,
) -> CheckShown {
    let (verdict, reason) = verdict_words(outcome.verdict());
    let (tally, alpha) = (outcome.tally(), 1.0 / judging.alpha_inverse as f64);
    let (ask_more, left_to_ask) = (outcome.ask_more(), judging.left_to_ask(asked(&tally)));
    CheckShown {
        target: target.to_owned(),
        license_id: judging.license_id,
        verdict,
        reason,
        explanation: explanation(outcome.verdict(), alpha, ask_more, left_to_ask),
        judged_by: format!(
            "the mean of seven bets on copies that keep 5 to 90 % of their answers; {:.0} % \
             explains these best",
            100.0 * outcome.likeliest_survival()
        ),
        ask_more,
        left_to_ask,
        unanswered: outcome.unanswered().to_vec(),
        test: TestKind::Argmax,
        answers_per_key: per_key.get(),
        tally: Some(tally),
        ranks: None,
        bet: None,
        evidence_log2: outcome.evidence_log2().to_f64(),
        threshold_log2: outcome.threshold_log2().to_f64(),
        alpha,
        counts: judging.standing().counts,
    }
}
