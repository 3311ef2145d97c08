//! `oml report`: an owner's signed seal is checked against the chain, and paid for.

use super::round::access_of;
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::TxRecord;
use oml_client::report::{self, PaidReport, SealReport};
use oml_client::round::{SealFile, SealOffer};
use serde_json::json;
use std::path::PathBuf;

/// Pay for a round about a deployment that you reported to the model's owner.
///
/// Who serves a copy unpaid is tried by a sealed round, which takes its owner: it hands out the
/// keys and opens. So report to the owner first, outside of the chain; the owner answers with a
/// signed seal for your account. This checks all that it says against the chain, shows what it
/// costs and what a conviction brings, and pays the seats. The fees never come back.
#[derive(Args, Clone, Debug)]
pub(crate) struct Report {
    /// Seal file of the owner
    #[arg(long, value_name = "FILE")]
    seal: PathBuf,
    /// Base URL that you reported; the seal must be about it
    #[arg(long, value_name = "URL")]
    uri: String,
    /// Header that you bought to get in, as you gave it to the owner; may be given several times
    #[arg(long = "access-header", value_name = "HEADER")]
    access: Vec<String>,
    /// Only check, and send nothing
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) async fn run(args: Report, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = global.signing().await?;
    let report = SealReport {
        seal: SealFile::load(&args.seal)?,
        uri: args.uri,
        access: access_of(&args.access)?,
    };
    if args.check {
        let offer = report::check(&chain, &report).await?;
        let data = json!({ "offer": offer, "round": null });
        output.result(&data, &offer.round_id.to_string(), || shown(&offer));
        return Ok(());
    }
    let paid: PaidReport = report::pay(&chain, &report).await?;
    let id = paid.round.round_id.to_string();
    output.result(&paid, &id, || {
        let Some(offer) = &paid.offer else {
            return format!("you paid for round {id} before; nothing was sent");
        };
        let lines: Vec<String> = paid.round.transactions.iter().map(TxRecord::line).collect();
        format!("{}\nround {id}\n{}", shown(offer), lines.join("\n"))
    });
    Ok(())
}

/// What a seal offers, for people.
fn shown(offer: &SealOffer) -> String {
    let gain = &offer.gain;
    let kind = if offer.leak { "unregistered" } else { "registered" };
    let rows = [
        ["license".to_owned(), offer.license_id.to_string()],
        ["owner, who must open".to_owned(), offer.owner.to_string()],
        ["deployment".to_owned(), format!("{} ({kind})", offer.uri)],
        ["seats".to_owned(), offer.seats.to_string()],
        ["you pay".to_owned(), offer.fees.to_string()],
        ["a conviction takes".to_owned(), gain.slashed.to_string()],
        [
            "of which you get".to_owned(),
            format!("{} by the terms, {} promised", gain.share, gain.promised),
        ],
        [
            "evidence".to_owned(),
            format!(
                "2^{:.2} before, at most 2^{:.2} more, 2^{:.2} convicts",
                offer.evidence_log2, offer.best_gain_log2, offer.threshold_log2
            ),
        ],
    ];
    let mut text = table(["the seal is right", ""], rows);
    for warning in &offer.warnings {
        text.push_str("\nwarning: ");
        text.push_str(warning);
    }
    text
}
