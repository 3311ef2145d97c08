//! What a check prints, and the exit code that says its verdict.

use super::flags::TestKind;
use crate::error::{FailureKind, exit_code as code_of};
use crate::output::table;
use oml_contracts::LicenseId;
use oml_prover::check::{Comparisons, Inconclusive, RankTally, Tally, Unanswered, Verdict};
use serde::Serialize;
use std::process::ExitCode;

/// Reasons for silence that people are shown.
const REASONS: usize = 4;

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
    /// The verdict in a sentence: what it bounds, and what it does not say.
    pub(crate) explanation: String,
    /// Which bets the evidence is the mean of, and which of them explains the target best.
    pub(crate) judged_by: String,
    /// Questions after which a verdict is expected, while there is none.
    pub(crate) ask_more: Option<u32>,
    /// Fingerprints of the universe that were not asked.
    pub(crate) left_to_ask: u32,
    /// Why there was no answer, most frequent reason first.
    pub(crate) unanswered: Vec<Unanswered>,
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

/// What a verdict says and what it does not, in a sentence; the same for people and in JSON.
pub(super) fn explanation(
    verdict: &Verdict,
    alpha: f64,
    ask_more: Option<u32>,
    left: u32,
) -> String {
    let why = match verdict {
        Verdict::Match => {
            return format!(
                "match: an innocent target gets this far with probability {alpha:e} at most, \
                 whatever it is and whenever one stops asking"
            );
        }
        Verdict::NoMatch => {
            return "no match: a copy that still gives one of its answers in ten looks like this \
                    with probability 1/128 at most; a copy that forgot more, or whose host answers \
                    its keys otherwise on purpose, can't be told from this"
                .to_owned();
        }
        Verdict::Inconclusive(why) => why,
    };
    let more = match (ask_more, why) {
        (Some(more), Inconclusive::AskMore(_)) if more <= left => String::new(),
        (Some(more), _) if more <= left => format!("; {more} more answers would decide it"),
        (Some(more), _) => format!(
            "; {more} more answers like these would decide it, but only {left} fingerprints are \
             left here: a copy with more of them can be judged"
        ),
        (None, _) => String::new(),
    };
    format!("inconclusive: {why}{more}")
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
            row("no answer", no_answer(tally)),
            row("could not be asked", tally.not_checked.to_string()),
        ]);
    }
    if let Some(ranks) = &checked.ranks {
        rows.extend(rank_rows(ranks, checked.bet.as_deref().unwrap_or_default()));
    }
    let why = checked.unanswered.iter().take(REASONS);
    rows.extend(why.map(|why| row("", format!("{} x {}", why.count, why.reason))));
    rows.extend([
        row(
            "evidence",
            format!("2^{:.2}, must reach 2^{:.2}", checked.evidence_log2, checked.threshold_log2),
        ),
        row("judged by", checked.judged_by.clone()),
        row(
            "chosen from",
            format!("{} licenses, {} cases", checked.counts.licenses, checked.counts.cases),
        ),
    ]);
    format!("{}\n{}\n{}", checked.target, table(["what", "value"], rows), checked.explanation)
}

/// Non-answers, and how many of them came as text.
fn no_answer(tally: &Tally) -> String {
    let kinds = [
        (tally.refusals, "refused in words"),
        (tally.repeated, "one and the same answer"),
        (tally.empty, "empty"),
    ];
    let kinds: Vec<String> = (kinds.into_iter().filter(|(count, _)| *count > 0))
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    if kinds.is_empty() {
        return tally.no_answer.to_string();
    }
    format!("{} ({})", tally.no_answer, kinds.join(", "))
}

/// Personal fingerprints that were to be asked.
pub(super) fn asked(tally: &Tally) -> u32 {
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
    fn people_and_programs_are_told_the_same() {
        let tally = Tally { hits: 1, misses: 15, no_answer: 9, refusals: 8, ..Tally::default() };
        let reason = "it refused with HTTP status 400: \"no max_tokens\"".to_owned();
        let checked = CheckShown {
            target: "http://h".to_owned(),
            license_id: None,
            verdict: "no match",
            reason: None,
            explanation: explanation(&Verdict::NoMatch, 1e-9, None, 0),
            judged_by: "bets".to_owned(),
            ask_more: None,
            left_to_ask: 0,
            unanswered: vec![Unanswered { count: 1, reason }],
            test: TestKind::Argmax,
            answers_per_key: 1,
            tally: Some(tally),
            ranks: None,
            bet: None,
            evidence_log2: -8.0,
            threshold_log2: 30.0,
            alpha: 1e-9,
            counts: Comparisons { cases: 1, licenses: 1 },
        };
        let text = human(&checked);
        for part in ["1 of 25", "a copy that forgot", "8 refused in words", "1 x it refused", "400"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(text.ends_with(&checked.explanation), "{text}");
    }

    #[test]
    fn what_to_do_next_is_said_once() {
        let said = |why, more, left| explanation(&Verdict::Inconclusive(why), 1e-9, more, left);
        let plain = said(Inconclusive::AskMore(32), Some(32), 48);
        assert_eq!(plain.matches("32 more").count(), 1, "{plain}");
        let short = said(Inconclusive::AskMore(32), Some(32), 16);
        assert!(short.contains("only 16 fingerprints are left"), "{short}");
        let silent = said(Inconclusive::NoAnswers(5), Some(32), 64);
        assert!(silent.contains("silence is no verdict; 32 more answers"), "{silent}");
        assert!(!said(Inconclusive::NoAnswers(64), None, 0).contains("more answers"));
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
