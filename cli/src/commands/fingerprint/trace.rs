//! `oml fingerprint trace`: whose copy is it? One set of answers, weighed against many licenses.

use super::ask::{AskArgs, AskedParts};
use super::onchain::Own;
use crate::error::{FailureKind, exit_code, fail};
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::Chain;
use oml_client::files::LicenseFile;
use oml_client::universe::{UniverseStanding, license_draw};
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::{LicenseId, Seed};
use oml_prover::check::{Answers, Comparisons, Tally};
use oml_prover::fingerprint::Universe;
use oml_prover::trace::{LicenseSeed, Suspect, TraceReport, trace};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Suspects that people are shown.
const SHOWN: usize = 10;

/// Flags of `trace`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Trace {
    #[command(flatten)]
    own: Own,
    /// License files of everyone it could be; the threshold rises with their number
    #[arg(long = "license", value_name = "FILE", required = true, num_args = 1..)]
    licenses: Vec<PathBuf>,
    #[command(flatten)]
    ask: AskArgs,
}

/// Whose copy it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Traced {
    target: String,
    /// Licenses whose copies had a part in it; empty if that can't be said of any.
    accused: Vec<LicenseId>,
    threshold_log2: f64,
    alpha: f64,
    counts: Comparisons,
    shared_hits: usize,
    suspects: Vec<Weighed>,
}

/// What the answers say about one license.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Weighed {
    license_id: LicenseId,
    accused: bool,
    evidence_log2: f64,
    personal_log2: f64,
    shared_log2: f64,
    tally: Tally,
}

impl From<&Suspect> for Weighed {
    fn from(suspect: &Suspect) -> Self {
        Self {
            license_id: suspect.license,
            accused: suspect.accused,
            evidence_log2: suspect.evidence.to_f64(),
            personal_log2: suspect.personal.to_f64(),
            shared_log2: suspect.shared.to_f64(),
            tally: suspect.tally,
        }
    }
}

/// Runs `trace`: exit code 0 if someone is accused, 10 if nobody is, 11 if hardly anything was
/// answered.
pub(super) async fn run(args: &Trace, global: &Global) -> Result<ExitCode> {
    let output = global.output();
    let universe = args.own.load()?;
    let chain = global.reading().await?;
    let mut files = Vec::new();
    for named in &args.licenses {
        files.push(global.license(named).await?);
    }
    let (model_seed, licenses) = seeds(&chain, &universe, &files).await?;
    let terms = common_terms(&files)?;
    let standing = UniverseStanding::read(&chain, &universe).await?;
    let answers = args
        .ask
        .ask(&universe, &standing.unburned, AskedParts::Both, output, &mut |_: &Answers| Ok(false))
        .await?;
    let report = trace(&answers, &universe, model_seed, &licenses, &terms, standing.counts)?;
    let traced = traced(args.ask.name(), &report, &terms, standing.counts);
    let quiet: Vec<String> = traced.accused.iter().map(ToString::to_string).collect();
    output.result(&traced, &quiet.join("\n"), || human(&traced));
    let answered = answers.observations().filter(|o| o.is_answer()).count();
    let asked = answers.observations().len();
    Ok(exit(&traced.accused, answered, asked))
}

fn exit(accused: &[LicenseId], answered: usize, asked: usize) -> ExitCode {
    if !accused.is_empty() {
        return ExitCode::SUCCESS;
    }
    // Silence accuses nobody and acquits nobody.
    let silent = 2 * answered < asked;
    let kind = if silent { FailureKind::Inconclusive } else { FailureKind::NoMatch };
    ExitCode::from(exit_code(kind))
}

async fn seeds(
    chain: &Chain,
    universe: &Universe,
    files: &[LicenseFile],
) -> Result<(Seed, Vec<LicenseSeed>)> {
    let mut model_seed = Seed::ZERO;
    let mut licenses: Vec<LicenseSeed> = Vec::with_capacity(files.len());
    for file in files {
        let draw = license_draw(chain, universe, file).await?;
        model_seed = draw.model_seed;
        if !licenses.iter().any(|known| known.license == file.license_id) {
            licenses.push(LicenseSeed { license: file.license_id, seed: draw.license_seed });
        }
    }
    Ok((model_seed, licenses))
}

/// One e-value can weigh all licenses only if their terms agree on what evidence is.
fn common_terms(files: &[LicenseFile]) -> Result<EvidenceTerms> {
    let Some(first) = files.first() else {
        return Err(fail("no license is named", "give --license FILE", FailureKind::Failed));
    };
    match files.iter().find(|file| file.terms.evidence() != first.terms.evidence()) {
        None => Ok(first.terms.evidence()),
        Some(other) => Err(fail(
            format!(
                "licenses {} and {} have different terms of evidence",
                first.license_id, other.license_id
            ),
            "trace the licenses of one offer at a time",
            FailureKind::Failed,
        )),
    }
}

fn traced(
    target: &str,
    report: &TraceReport,
    terms: &EvidenceTerms,
    counts: Comparisons,
) -> Traced {
    Traced {
        target: target.to_owned(),
        accused: report.accused().map(|suspect| suspect.license).collect(),
        threshold_log2: report.threshold.to_f64(),
        alpha: 1.0 / terms.alpha_inverse as f64,
        counts,
        shared_hits: report.shared_hits,
        suspects: report.suspects.iter().map(Weighed::from).collect(),
    }
}

fn human(traced: &Traced) -> String {
    let rows = traced.suspects.iter().take(SHOWN).map(|suspect| {
        let tally = &suspect.tally;
        let personal = tally.hits + tally.misses + tally.no_answer + tally.not_checked;
        [
            suspect.license_id.to_string(),
            format!("{} of {personal}", tally.hits),
            format!("{} in, {} out", tally.shared_inside, tally.shared_outside),
            format!("2^{:.2}", suspect.evidence_log2),
            if suspect.accused { "accused" } else { "-" }.to_owned(),
        ]
    });
    let table = table(["license", "own answers", "shared answers", "evidence", ""], rows);
    let verdict = match traced.accused.len() {
        0 => "nobody is accused: no license's evidence reaches the threshold".to_owned(),
        n => format!(
            "{n} accused; that any of them is innocent has probability {:e} at most",
            traced.alpha
        ),
    };
    format!("{}, threshold 2^{:.2}\n{table}\n{verdict}", traced.target, traced.threshold_log2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_acquits_nobody() {
        assert_eq!(exit(&[LicenseId::ZERO], 0, 16), ExitCode::SUCCESS);
        assert_eq!(exit(&[], 8, 16), ExitCode::from(10));
        assert_eq!(exit(&[], 7, 16), ExitCode::from(11));
    }
}
