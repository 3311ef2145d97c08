//! `oml fingerprint check --test rank`: where the drawn answers stand among their candidates.

use super::flags::{Check, TestKind};
use super::judging::{Judging, per_key};
use super::shown::{CheckShown, exit_code, explanation, human, verdict_words};
use crate::commands::fingerprint::ask::AskedParts;
use crate::compute::load_model;
use crate::output::Output;
use eyre::Result;
use oml_client::files;
use oml_prover::check::{
    Artefact, Questions, RankOutcome, RankTerms, Scores, Target, Verdict, score,
};
use oml_prover::fingerprint::{AnswersPerKey, Perinucleus, Universe};
use std::process::ExitCode;

/// Runs the rank test; the exit code is the verdict.
pub(super) async fn run(
    args: &Check,
    judging: &Judging,
    universe: &Universe,
    output: Output,
) -> Result<ExitCode> {
    let per_key = per_key(args.answers)?;
    let terms = RankTerms::new(per_key, judging.alpha_inverse)?;
    let standing = judging.standing();
    let reference = match &args.reference {
        Some(model) => Some(reference_scores(model, universe, &standing.unburned).await?),
        None => None,
    };
    let judge = |scores: &Scores| {
        let relative;
        let scores = match &reference {
            Some(reference) => {
                relative = scores.clone().relative_to(reference);
                &relative
            }
            None => scores,
        };
        scores.judge(universe, &judging.draw, &terms, standing.counts)
    };
    let mut enough = |scores: &Scores| {
        Ok(!args.all && !matches!(judge(scores).verdict(), Verdict::Inconclusive(_)))
    };
    let asked =
        args.ask.ask(universe, &standing.unburned, AskedParts::Personal, output, &mut enough);
    let outcome = judge(&asked.await?);
    if let (Some(path), Verdict::Match) = (&args.evidence, outcome.verdict()) {
        files::save(path, &outcome)?;
    }
    let checked = checked(args, judging, &outcome, per_key);
    output.result(&checked, checked.verdict, || human(&checked));
    Ok(exit_code(outcome.verdict()))
}

/// What another model thinks of the candidates, without any draw in it.
async fn reference_scores(model: &str, universe: &Universe, unburned: &[u32]) -> Result<Scores> {
    let name = model.to_owned();
    let max_tokens = Perinucleus::default().max_response_tokens;
    let model = load_model(model)?;
    let target = Target::Artefact(Box::new(Artefact { model, name, max_tokens }));
    let questions = Questions::of_bundles(universe, unburned, [], &mut rand::rng())?;
    Ok(score(&target, &questions, universe).await)
}

fn checked(
    args: &Check,
    judging: &Judging,
    outcome: &RankOutcome,
    per_key: AnswersPerKey,
) -> CheckShown {
    let (verdict, reason) = verdict_words(outcome.verdict());
    let (ranks, alpha) = (outcome.tally(), 1.0 / judging.alpha_inverse as f64);
    let asked = ranks.scored + ranks.no_answer + ranks.not_checked;
    let (ask_more, left_to_ask) = (outcome.ask_more(), judging.left_to_ask(asked));
    CheckShown {
        target: args.ask.name().to_owned(),
        license_id: judging.license_id,
        verdict,
        reason,
        explanation: explanation(outcome.verdict(), alpha, ask_more, left_to_ask),
        judged_by: format!(
            "the mean of eight bets on where drawn answers stand: kept or suppressed in 10 to 60 % \
             of the keys, faded, at either end; {:?} explains these best",
            outcome.bet()
        ),
        ask_more,
        left_to_ask,
        unanswered: outcome.unanswered().to_vec(),
        test: TestKind::Rank,
        answers_per_key: per_key.get(),
        tally: None,
        ranks: Some(outcome.tally().clone()),
        bet: Some(outcome.bet().to_owned()),
        evidence_log2: outcome.evidence_log2().to_f64(),
        threshold_log2: outcome.threshold_log2().to_f64(),
        alpha,
        counts: judging.standing().counts,
    }
}
