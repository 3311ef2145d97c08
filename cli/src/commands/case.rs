//! `oml case`: look at cases, and push them on where anyone may.

use crate::flags::Global;
use crate::output::{Output, table};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::{TxRecord, case};
use oml_contracts::CaseId;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Verbs of `oml case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show a case
    Show {
        /// Case
        case_id: CaseId,
    },
    /// List the cases of this deployment of the contracts
    List,
    /// Draw bundles and committee, bringing the beacon's round if need be; anyone may
    Draw {
        #[command(flatten)]
        push: Push,
        /// Longest wait for the beacon, in seconds
        #[arg(long, default_value_t = 1_800)]
        wait: u64,
    },
    /// End a case whose time has come; anyone may
    Resolve(Push),
    /// Wait until a case is decided and print the verdict
    Watch {
        /// Case
        case_id: CaseId,
        /// Seconds to wait
        #[arg(long, default_value_t = 600)]
        timeout: u64,
    },
}

/// A case and the license file that proves its terms.
#[derive(Args, Clone, Debug)]
pub(crate) struct Push {
    /// Case
    case_id: CaseId,
    /// License file of the accused
    #[arg(long, value_name = "FILE")]
    license: PathBuf,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Show { case_id } => {
            let data = case::describe(&global.reading().await?, case_id).await?;
            let status = data["status"].as_str().unwrap_or_default().to_owned();
            output.result(&data, &status, || format!("{data:#}"));
        }
        Verb::List => list(global).await?,
        Verb::Draw { push: Push { case_id, license }, wait } => {
            let (chain, license) = (global.signing().await?, LicenseFile::load(&license)?);
            let sent = case::draw(&chain, case_id, &license, Duration::from_secs(wait)).await?;
            let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
            output.result(&sent, &case_id.to_string(), || lines.join("\n"));
        }
        Verb::Resolve(Push { case_id, license }) => {
            let chain = global.signing().await?;
            print(&case::resolve(&chain, case_id, &LicenseFile::load(&license)?).await?, output);
        }
        Verb::Watch { case_id, timeout } => {
            let chain = global.reading().await?;
            let within = Duration::from_secs(timeout);
            let verdict = case::watch(&chain, case_id, within, |s| output.progress(s)).await?;
            output.result(&verdict, verdict.verdict, || {
                format!(
                    "{}: {} of {} hits, evidence 2^{:.2}, threshold 2^{:.2}, slashed {}",
                    verdict.verdict,
                    verdict.hits,
                    verdict.queries,
                    verdict.e_value_log2,
                    verdict.threshold_log2,
                    verdict.slashed
                )
            });
        }
    }
    Ok(())
}

fn print(record: &TxRecord, output: Output) {
    let hash = record.hash.map(|h| h.to_string()).unwrap_or_default();
    output.result(record, &hash, || record.line());
}

async fn list(global: &Global) -> Result<()> {
    let cases = case::list(&global.reading().await?).await?;
    let text = |case: &Value, field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let ids: Vec<String> = cases.iter().map(|c| text(c, "caseId")).collect();
    global.output().result(&cases, &ids.join("\n"), || {
        let rows =
            cases.iter().map(|c| [text(c, "caseId"), text(c, "licenseId"), text(c, "status")]);
        table(["case", "license", "status"], rows)
    });
    Ok(())
}
