//! What a check prints, and the exit code that says its verdict.

use super::flags::TestKind;
use crate::error::{FailureKind, exit_code as code_of};
use crate::output::table;
use oml_contracts::LicenseId;
use oml_prover::check::{Comparisons, RankTally, Tally, Verdict};
use serde::Serialize;
use std::process::ExitCode;

/// A judged target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckShown {
    pub(crate) target: String,
    /// The license; none for a check with seeds alone.
    pub(crate) license_id: Option<LicenseId>,
    /// `match`, `no match` or `inconclusive`.
    pub(crate) verdict: &'static str,
    /// Why it is inconclusive.
    pub(crate) reason: Option<String>,
    /// Which test this is.
    pub(crate) test: TestKind,
    pub(crate) answers_per_key: u8,
    /// How the answers fell, of a test of answers.
    pub(crate) tally: Option<Tally>,
    /// How the ranks fell, of a rank test.
    pub(crate) ranks: Option<RankTally>,
    /// The bet on ranks that gathered most: kept, faded, suppressed or either.
    pub(crate) bet: Option<String>,
    pub(crate) evidence_log2: f64,
    pub(crate) threshold_log2: f64,
    /// Bound on the probability that an innocent target is called a match.
    pub(crate) alpha: f64,
    /// What the accuser could have chosen from; raises the threshold.
    pub(crate) counts: Comparisons,
}

/// A verdict in words, and why it is none.
pub(in crate::commands::fingerprint) fn verdict_words(
    verdict: &Verdict,
) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Match => ("match", None),
        Verdict::NoMatch => ("no match", None),
        Verdict::Inconclusive(why) => ("inconclusive", Some(why.to_string())),
    }
}

pub(super) fn exit_code(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Match => ExitCode::SUCCESS,
        Verdict::NoMatch => ExitCode::from(code_of(FailureKind::NoMatch)),
        Verdict::Inconclusive(_) => ExitCode::from(code_of(FailureKind::Inconclusive)),
    }
}

pub(super) fn human(checked: &CheckShown) -> String {
    let row = |what: &str, value: String| [what.to_owned(), value];
    let license = checked.license_id.map_or("seeds only".to_owned(), |id| id.to_string());
    let mut rows = vec![row("license", license)];
    if checked.answers_per_key > 1 {
        rows.push(row("answers per key", checked.answers_per_key.to_string()));
    }
    if let Some(tally) = &checked.tally {
        rows.extend([
            row("answers of this copy", format!("{} of {}", tally.hits, asked(tally))),
            row("other answers", tally.misses.to_string()),
            row("no answer", tally.no_answer.to_string()),
            row("could not be asked", tally.not_checked.to_string()),
        ]);
    }
    if let Some(ranks) = &checked.ranks {
        rows.extend(rank_rows(ranks, checked.bet.as_deref().unwrap_or_default()));
    }
    rows.extend([
        row(
            "evidence",
            format!("2^{:.2}, must reach 2^{:.2}", checked.evidence_log2, checked.threshold_log2),
        ),
        row(
            "chosen from",
            format!("{} licenses, {} cases", checked.counts.licenses, checked.counts.cases),
        ),
    ]);
    let verdict = match (checked.verdict, &checked.reason) {
        ("match", _) => format!("match: wrong with probability {:e} at most", checked.alpha),
        ("no match", _) => {
            "no match: answers, but not like this copy; a copy that forgot can't be told from this"
                .to_owned()
        }
        (other, reason) => format!("{other}: {}", reason.as_deref().unwrap_or_default()),
    };
    format!("{}\n{}\n{verdict}", checked.target, table(["what", "value"], rows))
}

/// Personal fingerprints that were to be asked.
fn asked(tally: &Tally) -> u32 {
    tally.hits + tally.misses + tally.no_answer + tally.not_checked
}

/// The part of the table that only a rank test has.
fn rank_rows(ranks: &RankTally, bet: &str) -> Vec<[String; 2]> {
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
    use oml_prover::check::Inconclusive;

    #[test]
    fn verdicts_have_their_exit_codes() {
        for (verdict, code) in [
            (Verdict::Match, 0),
            (Verdict::NoMatch, 10),
            (Verdict::Inconclusive(Inconclusive::NotEnough), 11),
        ] {
            assert_eq!(exit_code(&verdict), ExitCode::from(code));
        }
    }

    #[test]
    fn no_match_is_not_called_innocence() {
        let checked = CheckShown {
            target: "http://h".to_owned(),
            license_id: None,
            verdict: "no match",
            reason: None,
            test: TestKind::Argmax,
            answers_per_key: 1,
            tally: Some(Tally { hits: 1, misses: 15, ..Tally::default() }),
            ranks: None,
            bet: None,
            evidence_log2: -8.0,
            threshold_log2: 30.0,
            alpha: 1e-9,
            counts: Comparisons { cases: 1, licenses: 1 },
        };
        let text = human(&checked);
        assert!(text.contains("1 of 16") && text.contains("a copy that forgot"), "{text}");
    }

    #[test]
    fn the_table_shows_where_answers_stand() {
        let mut ranks = [0; 16];
        (ranks[0], ranks[15]) = (12, 3);
        let tally = RankTally { ranks, scored: 15, tied: 2, ..RankTally::default() };
        let text = format!("{:?}", rank_rows(&tally, "kept"));
        assert!(text.contains("15, 2 of them") && text.contains("12 0 0") && text.contains("kept"));
    }
}
