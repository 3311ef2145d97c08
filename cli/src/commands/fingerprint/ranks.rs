//! `oml fingerprint check --test rank`: where the drawn answers stand among their candidates.

use super::ask::Parts;
use super::check::{Check, Checked, Judging, TestKind, exit_code, human, verdict_words};
use crate::files;
use crate::output::Output;
use eyre::Result;
use oml_prover::check::{
    Artefact, Questions, RankOutcome, RankTally, RankTerms, Scores, Target, Verdict, score,
};
use oml_prover::fingerprint::{AnswersPerKey, Perinucleus, Universe};
use std::process::ExitCode;

/// Runs the rank test; the exit code is the verdict.
pub(super) async fn run(
    args: &Check,
    judging: &Judging,
    universe: &Universe,
    per_key: AnswersPerKey,
    output: Output,
) -> Result<ExitCode> {
    let terms = RankTerms::new(per_key, judging.terms.alpha_inverse)?;
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
    let asked = args.ask.ask(universe, &standing.unburned, Parts::Personal, output, &mut enough);
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
    let model = files::load_model(model)?;
    let target = Target::Artefact(Box::new(Artefact { model, name, max_tokens }));
    let questions = Questions::of_bundles(universe, unburned, [], &mut rand::rng())?;
    Ok(score(&target, &questions, universe).await)
}

fn checked(
    args: &Check,
    judging: &Judging,
    outcome: &RankOutcome,
    per_key: AnswersPerKey,
) -> Checked {
    let (verdict, reason) = verdict_words(outcome.verdict());
    Checked {
        target: args.ask.name().to_owned(),
        license_id: judging.license_id,
        verdict,
        reason,
        test: TestKind::Rank,
        answers_per_key: per_key.get(),
        tally: None,
        ranks: Some(outcome.tally().clone()),
        bet: Some(outcome.bet().to_owned()),
        evidence_log2: outcome.evidence_log2().to_f64(),
        threshold_log2: outcome.threshold_log2().to_f64(),
        alpha: 1.0 / judging.terms.alpha_inverse as f64,
        counts: judging.standing().counts,
    }
}

/// The part of the table that only a rank test has.
pub(super) fn rows(ranks: &RankTally, bet: &str) -> Vec<[String; 2]> {
    let row = |what: &str, value: String| [what.to_owned(), value];
    let counts: Vec<String> = ranks.ranks.iter().map(ToString::to_string).collect();
    vec![
        row("fingerprints scored", format!("{}, {} of them with ties", ranks.scored, ranks.tied)),
        row("ranks 1 to 16", counts.join(" ")),
        row("best bet", bet.to_owned()),
        row("no scores", ranks.no_answer.to_string()),
        row("could not be asked", ranks.not_checked.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_where_answers_stand() {
        let mut ranks = [0; 16];
        (ranks[0], ranks[15]) = (12, 3);
        let tally = RankTally { ranks, scored: 15, tied: 2, ..RankTally::default() };
        let text = format!("{:?}", rows(&tally, "kept"));
        assert!(text.contains("15, 2 of them") && text.contains("12 0 0") && text.contains("kept"));
    }
}
