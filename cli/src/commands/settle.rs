//! `oml settle`: claims the newest vouchers of a license; the escrow splits them in the same call.

use crate::error::{FailureKind, HintExt as _, fail};
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::settle::{self, PaymentSplit, ReservedVouchers, SettledVouchers};
use oml_client::{Chain, TxRecord, license, vouchers};
use oml_contracts::LicenseId;
use oml_node::NodeConfig;
use oml_payments::SignedVoucher;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Claim the newest voucher of every channel of a license.
#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["vouchers", "store", "config"])))]
pub(crate) struct Settle {
    /// License file of the host [default: license.json; with --config the license that the node
    /// serves]
    #[arg(long, value_name = "FILE|ID")]
    license: Option<PathBuf>,
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
}

/// Runs the command.
pub(crate) async fn run(args: Settle, global: &Global) -> Result<()> {
    let chain = global.signing().await?;
    let Claimable { license, vouchers } = args.claimable(&chain, global).await?;
    if args.reserve {
        let reserved = settle::reserve(&chain, &license, vouchers).await?;
        let count = reserved.rows.len().to_string();
        global.output().result(&reserved, &count, || human_reserved(&reserved));
        return Ok(());
    }
    let settled = settle::claim(&chain, &license, vouchers, usize::from(args.batch)).await?;
    global.output().result(&settled, &settled.total.units().to_string(), || human(&settled));
    Ok(())
}

/// What is to be settled.
struct Claimable {
    license: LicenseFile,
    vouchers: Vec<SignedVoucher>,
}

impl Settle {
    async fn claimable(&self, chain: &Chain, global: &Global) -> Result<Claimable> {
        if let Some(path) = &self.config {
            let config = NodeConfig::load(path).hint(
                format!("{} is not a usable configuration", path.display()),
                "name the store itself with --store URL",
                FailureKind::Failed,
            )?;
            let license = self.served(chain, &config, path, global).await?;
            let vouchers = vouchers::from_store(&config.store.url, license.license_id).await?;
            return Ok(Claimable { license, vouchers });
        }
        let path = self.license.clone().unwrap_or_else(|| PathBuf::from("license.json"));
        let license = global.license(&path).await?;
        let vouchers = match &self.store {
            Some(url) => vouchers::from_store(url, license.license_id).await?,
            None => vouchers::from_files(&self.vouchers)?,
        };
        Ok(Claimable { license, vouchers })
    }

    /// The license that a node serves, and none that it does not.
    async fn served(
        &self,
        chain: &Chain,
        config: &NodeConfig,
        path: &Path,
        global: &Global,
    ) -> Result<LicenseFile> {
        let gateways = config.host.iter().flat_map(|host| &host.gateways);
        let served: BTreeSet<LicenseId> = gateways.map(|gateway| gateway.license).collect();
        let named = match &self.license {
            Some(named) => Some(global.license(named).await?),
            None => None,
        };
        let shown = || served.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let wrong = |message: String, hint: &str| Err(fail(message, hint, FailureKind::Failed));
        match (named, served.first()) {
            (Some(license), _) if served.contains(&license.license_id) => Ok(license),
            (_, None) => wrong(
                format!("{} serves no license: it has no [[host.gateways]]", path.display()),
                "give the configuration of the host's node",
            ),
            (Some(license), _) => wrong(
                format!(
                    "{} serves {}, not license {}",
                    path.display(),
                    shown(),
                    license.license_id
                ),
                "leave --license away, or give the configuration of that license's node",
            ),
            (None, Some(only)) if served.len() == 1 => Ok(license::of_id(chain, *only).await?),
            (None, _) => wrong(
                format!("{} serves several licenses: {}", path.display(), shown()),
                "choose one with --license FILE; `oml license recover ID` writes its file",
            ),
        }
    }
}

fn human_reserved(reserved: &ReservedVouchers) -> String {
    let mut text = Vec::new();
    if reserved.rows.is_empty() {
        text.push("nothing to reserve".to_owned());
    } else {
        let rows =
            reserved.rows.iter().map(|row| [row.channel_id.to_string(), row.declared.to_string()]);
        text.push(table(["channel", "declared"], rows));
    }
    text.extend(reserved.transactions.iter().map(TxRecord::line));
    text.join("\n")
}

fn human(settled: &SettledVouchers) -> String {
    let mut text = Vec::new();
    if settled.rows.is_empty() {
        text.push("nothing to claim".to_owned());
    } else {
        let rows = settled.rows.iter().map(|row| {
            let outcome = match (&row.amount, row.rejected) {
                (Some(amount), _) => amount.to_string(),
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
    text.push(format!("claimed {}", settled.total));
    if let Some(PaymentSplit { host, owner, parents }) = &settled.split {
        text.push(format!("split: host {host}, owner {owner}, parents {parents}"));
    }
    text.extend(settled.transactions.iter().map(TxRecord::line));
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_client::money::{Currency, Money};
    use oml_client::settle::SettledRow;
    use oml_contracts::{ChannelId, EthAddress, LicenseId};

    fn usdc(units: u128) -> Money {
        Currency::new(EthAddress::new([7; 20]), "USDC", 6).units(units)
    }

    fn none() -> SettledVouchers {
        SettledVouchers::none(LicenseId::ZERO, usdc(0).currency())
    }

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
                row(Some(usdc(1_500_000)), None),
                row(None, Some("amount below price times units")),
            ],
            total: usdc(1_500_000),
            split: Some(PaymentSplit {
                host: usdc(1_000_000),
                owner: usdc(400_000),
                parents: usdc(100_000),
            }),
            ..none()
        };
        let text = human(&settled);
        for part in [
            "1.5 USDC",
            "refused: amount below price times units",
            "host 1 USDC, owner 0.4 USDC, parents 0.1 USDC",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(human(&none()).starts_with("nothing to claim"));
    }
}
