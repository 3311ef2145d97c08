//! `oml settle`: claims the newest vouchers of a license; the escrow splits them in the same call.

use crate::error::{FailureKind, HintExt as _};
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::settle::{self, ReservedVouchers, SettledVouchers};
use oml_client::{TxRecord, money, vouchers};
use std::path::PathBuf;

/// Claim the newest voucher of every channel of a license.
#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["vouchers", "store", "config"])))]
pub(crate) struct Settle {
    /// License file of the host
    #[arg(long, default_value = "license.json", value_name = "FILE")]
    license: PathBuf,
    /// File with a voucher or a list of vouchers; may be given several times
    #[arg(long = "voucher", value_name = "FILE")]
    vouchers: Vec<PathBuf>,
    /// Store of the host's node, e.g. sqlite:oml-node.db
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Configuration of the host's node, which names its store
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not claim, reserve: no withdrawal takes the vouchers' amounts any more, and they count as
    /// declared. For a claim that the collateral does not cover now
    #[arg(long)]
    reserve: bool,
    /// Most vouchers in one transaction
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512), value_name = "N")]
    batch: u16,
    /// Decimals of the currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    decimals: u8,
}

/// Runs the command.
pub(crate) async fn run(args: Settle, global: &Global) -> Result<()> {
    let license = LicenseFile::load(&args.license)?;
    let vouchers = match (&args.store, &args.config) {
        (Some(url), _) => vouchers::from_store(url, license.license_id).await?,
        (None, Some(path)) => {
            let config = oml_node::Config::load(path).hint(
                format!("{} is not a usable configuration", path.display()),
                "name the store itself with --store URL",
                FailureKind::Failed,
            )?;
            vouchers::from_store(&config.store.url, license.license_id).await?
        }
        (None, None) => vouchers::from_files(&args.vouchers)?,
    };
    let chain = global.signing().await?;
    if args.reserve {
        let reserved = settle::reserve(&chain, &license, vouchers).await?;
        let count = reserved.rows.len().to_string();
        global.output().result(&reserved, &count, || human_reserved(&reserved, args.decimals));
        return Ok(());
    }
    let settled = settle::claim(&chain, &license, vouchers, usize::from(args.batch)).await?;
    global.output().result(&settled, &settled.total.to_string(), || human(&settled, args.decimals));
    Ok(())
}

fn human_reserved(reserved: &ReservedVouchers, decimals: u8) -> String {
    let mut text = Vec::new();
    if reserved.rows.is_empty() {
        text.push("nothing to reserve".to_owned());
    } else {
        let shown = |amount| money::show(amount, decimals);
        let rows =
            reserved.rows.iter().map(|row| [row.channel_id.to_string(), shown(row.declared)]);
        text.push(table(["channel", "declared"], rows));
    }
    text.extend(reserved.transactions.iter().map(TxRecord::line));
    text.join("\n")
}

fn human(settled: &SettledVouchers, decimals: u8) -> String {
    let mut text = Vec::new();
    if settled.rows.is_empty() {
        text.push("nothing to claim".to_owned());
    } else {
        let rows = settled.rows.iter().map(|row| {
            let outcome = match (row.amount, row.rejected) {
                (Some(amount), _) => money::show(amount, decimals),
                (None, Some(reason)) => format!("refused: {reason}"),
                (None, None) => "not sent".to_owned(),
            };
            [row.channel_id.to_string(), row.requests.to_string(), row.tokens.to_string(), outcome]
        });
        text.push(table(["channel", "requests", "tokens", "claimed"], rows));
    }
    if !settled.already_settled.is_empty() {
        text.push(format!("{} channels have nothing new", settled.already_settled.len()));
    }
    text.push(format!("claimed {}", money::show(settled.total, decimals)));
    if let Some(split) = settled.split {
        let show = |amount| money::show(amount, decimals);
        let (host, owner, parents) = (show(split.host), show(split.owner), show(split.parents));
        text.push(format!("split: host {host}, owner {owner}, parents {parents}"));
    }
    text.extend(settled.transactions.iter().map(TxRecord::line));
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_client::settle::{PaymentSplit, SettledRow};
    use oml_contracts::ChannelId;

    #[test]
    fn people_see_refusals_and_the_split() {
        let row = |amount, rejected| SettledRow {
            channel_id: ChannelId::new([1; 32]),
            requests: 3,
            tokens: 21,
            amount,
            rejected,
        };
        let settled = SettledVouchers {
            rows: vec![
                row(Some(1_500_000), None),
                row(None, Some("amount below price times units")),
            ],
            total: 1_500_000,
            split: Some(PaymentSplit { host: 1_000_000, owner: 400_000, parents: 100_000 }),
            ..SettledVouchers::default()
        };
        let text = human(&settled, 6);
        for part in
            ["1.5", "refused: amount below price times units", "host 1, owner 0.4, parents 0.1"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(human(&SettledVouchers::default(), 6).starts_with("nothing to claim"));
    }
}
