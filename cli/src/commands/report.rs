//! `oml report`: commit first, so that nobody can copy the report; then open the case with the
//! bond.

use crate::flags::Global;
use clap::Args;
use eyre::Result;
use oml_client::TxRecord;
use oml_client::files::LicenseFile;
use oml_client::report::{self, ReportDeployment, ReportKind};
use std::path::PathBuf;

/// Report a deployment that serves a license's copy without payment.
///
/// An interrupted report is gone on with by the same command: its commitment is found by --report.
#[derive(Args, Clone, Debug)]
pub(crate) struct Report {
    /// License file of the accused
    #[arg(long, value_name = "FILE")]
    license: PathBuf,
    /// Base URL of the deployment, as its host registered it
    #[arg(long)]
    uri: String,
    /// The deployment is not registered: show that it serves this license's copy. The verdict flags
    /// it; it slashes only if the terms carry leak liability
    #[arg(long)]
    unregistered: bool,
    /// Where the report is kept: its salt, and the case that came of it
    #[arg(long, default_value = "report.json", value_name = "FILE")]
    report: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(args: Report, global: &Global) -> Result<()> {
    let chain = global.signing().await?;
    let order = ReportDeployment {
        license: LicenseFile::load(&args.license)?,
        uri: args.uri,
        kind: if args.unregistered { ReportKind::Leak } else { ReportKind::UnpaidUse },
        keep: args.report,
    };
    let opened = report::open(&chain, &order).await?;
    let id = opened.case_id.map(|id| id.to_string()).unwrap_or_default();
    if opened.case_id.is_some() && opened.transactions.is_empty() {
        global.output().progress("the report had opened its case already; nothing was sent");
    }
    let lines: Vec<String> = opened.transactions.iter().map(TxRecord::line).collect();
    global.output().result(&opened, &id, || format!("case {id}\n{}", lines.join("\n")));
    Ok(())
}
