//! `oml fingerprint check`: does a target give the answers of a license's copy?

use super::ask::{AskArgs, Parts, Standing};
use super::onchain::{self, Draws, Own};
use super::ranks;
use crate::Global;
use crate::chain::Chain;
use crate::error::{Exit, HintExt};
use crate::files::{self, LicenseFile};
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_contracts::LicenseId;
use oml_contracts::evidence::EvidenceTerms;
use oml_prover::check::{
    Answers, CheckOutcome, Comparisons, RankTally, SeveralTerms, Tally, Verdict,
};
use oml_prover::fingerprint::{AnswersPerKey, LicenseDraw, Universe};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Hit rate for which multipliers are chosen where no license's terms say it.
const OFFLINE_RATE: f64 = 0.6;
/// 1/alpha where no license's terms say it.
const OFFLINE_ALPHA_INVERSE: u64 = 1_000_000_000;

/// Flags of `check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    draws: Draws,
    #[command(flatten)]
    pub(super) ask: AskArgs,
    /// What is tested: the answers themselves, or the ranks of the drawn answers among their candidates
    #[arg(long, value_enum, default_value_t = TestKind::Argmax)]
    pub(super) test: TestKind,
    /// Answers per key that the copy carries
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) answers: u8,
    /// With --test rank: model whose own preferences are taken off the target's, such as the base
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    pub(super) reference: Option<String>,
    /// Ask everything, even after the verdict is clear
    #[arg(long)]
    pub(super) all: bool,
    /// Write the evidence of a match to this file
    #[arg(long, value_name = "FILE")]
    pub(super) evidence: Option<PathBuf>,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TestKind {
    /// Whether the target gives the drawn answers: what the contract decides by
    Argmax,
    /// Where the drawn answers stand among their 16 candidates; needs weights or log-probabilities
    Rank,
}

/// A judged target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
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

/// A license to judge answers for, and by which terms.
#[derive(Clone, Debug)]
pub(crate) struct Judging {
    pub(crate) license_id: Option<LicenseId>,
    pub(crate) draw: LicenseDraw,
    pub(crate) terms: EvidenceTerms,
    pub(super) standing: Standing,
}

impl Judging {
    /// From a license file and the chain.
    pub(crate) async fn of_license(
        chain: &Chain,
        universe: &Universe,
        license: &LicenseFile,
    ) -> Result<Self> {
        Ok(Self {
            license_id: Some(license.license_id),
            draw: onchain::license_draw(chain, universe, license).await?,
            terms: license.terms.evidence,
            standing: Standing::read(chain, universe).await?,
        })
    }

    fn offline(universe: &Universe, draw: LicenseDraw) -> Result<Self> {
        let terms =
            EvidenceTerms::for_rates(OFFLINE_RATE, 0.9, draw.assignment_p, OFFLINE_ALPHA_INVERSE)
                .hint(
                format!("--assignment-p {} can't be used", draw.assignment_p),
                "16384 is one in four",
                Exit::Failed,
            )?;
        Ok(Self { license_id: None, draw, terms, standing: Standing::offline(universe) })
    }

    /// What is left to ask, and from how many one could choose.
    pub(super) const fn standing(&self) -> &Standing {
        &self.standing
    }

    fn judge(
        &self,
        answers: &Answers,
        universe: &Universe,
        per_key: AnswersPerKey,
    ) -> Result<CheckOutcome> {
        if per_key == AnswersPerKey::ONE {
            return Ok(answers.judge(universe, &self.draw, &self.terms, self.standing.counts)?);
        }
        // The terms' multipliers are for one answer; several have another chance.
        let terms = SeveralTerms::for_rate(per_key, OFFLINE_RATE, self.terms.alpha_inverse)?;
        Ok(answers.judge_several(universe, &self.draw, &terms, self.standing.counts))
    }
}

/// Runs `check`; the exit code is the verdict.
pub(super) async fn run(args: &Check, global: &Global) -> Result<ExitCode> {
    let output = global.output();
    let universe = args.own.load()?;
    let judging = match &args.draws.license {
        Some(path) => {
            let chain = Chain::reader(&global.chain).await?;
            Judging::of_license(&chain, &universe, &LicenseFile::load(path)?).await?
        }
        None => Judging::offline(&universe, args.draws.resolve(&universe, global).await?)?,
    };
    let per_key = per_key(args.answers)?;
    if args.test == TestKind::Rank {
        return ranks::run(args, &judging, &universe, per_key, output).await;
    }
    let outcome = judging.ask(&args.ask, &universe, per_key, args.all, output).await?;
    let checked = judging.checked(args.ask.name(), &outcome, per_key);
    if let (Some(path), Some(evidence)) = (&args.evidence, outcome.clone().into_evidence()) {
        files::save(path, &evidence)?;
    }
    output.result(&checked, checked.verdict, || human(&checked));
    Ok(exit_code(outcome.verdict()))
}

/// A number of answers per key from a flag.
pub(super) fn per_key(answers: u8) -> Result<AnswersPerKey> {
    AnswersPerKey::new(answers).hint(
        format!("--answers {answers} can't be used"),
        "it is the number with which the copy was embedded, 1 to 8",
        Exit::Failed,
    )
}

/// A verdict in words, and why it is none.
pub(super) fn verdict_words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Match => ("match", None),
        Verdict::NoMatch => ("no match", None),
        Verdict::Inconclusive(why) => ("inconclusive", Some(why.to_string())),
    }
}

impl Judging {
    /// Asks a target until the verdict is clear, or everything if `all`.
    pub(crate) async fn ask(
        &self,
        ask: &AskArgs,
        universe: &Universe,
        per_key: AnswersPerKey,
        all: bool,
        output: crate::output::Output,
    ) -> Result<CheckOutcome> {
        let mut enough = |answers: &Answers| {
            let outcome = self.judge(answers, universe, per_key)?;
            Ok(!matches!(outcome.verdict(), Verdict::Inconclusive(_)) && !all)
        };
        let answers = ask
            .ask(universe, &self.standing.unburned, Parts::Personal, output, &mut enough)
            .await?;
        self.judge(&answers, universe, per_key)
    }

    pub(crate) fn checked(
        &self,
        target: &str,
        outcome: &CheckOutcome,
        per_key: AnswersPerKey,
    ) -> Checked {
        let (verdict, reason) = verdict_words(outcome.verdict());
        Checked {
            target: target.to_owned(),
            license_id: self.license_id,
            verdict,
            reason,
            test: TestKind::Argmax,
            answers_per_key: per_key.get(),
            tally: Some(outcome.tally()),
            ranks: None,
            bet: None,
            evidence_log2: outcome.evidence_log2().to_f64(),
            threshold_log2: outcome.threshold_log2().to_f64(),
            alpha: 1.0 / self.terms.alpha_inverse as f64,
            counts: self.standing.counts,
        }
    }
}

pub(super) fn exit_code(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Match => ExitCode::SUCCESS,
        Verdict::NoMatch => ExitCode::from(Exit::NoMatch as u8),
        Verdict::Inconclusive(_) => ExitCode::from(Exit::Inconclusive as u8),
    }
}

pub(super) fn human(checked: &Checked) -> String {
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
        rows.extend(ranks::rows(ranks, checked.bet.as_deref().unwrap_or_default()));
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
        let checked = Checked {
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
}
