//! `oml settle`: claims the newest vouchers of a license; the escrow splits them in the same call.

use super::event;
use crate::Global;
use crate::chain::{Chain, Sent, TxRecord};
use crate::contracts::PaymentEscrow::{self, ClaimError};
use crate::error::{Exit, HintExt, fail};
use crate::files::{self, LicenseFile};
use crate::money;
use crate::output::table;
use alloy::primitives::U256;
use alloy::sol_types::SolEvent;
use clap::Args;
use eyre::Result;
use oml_contracts::{ChannelId, LicenseId, hash};
use oml_node::ledger::newest_paid;
use oml_node::store::Store;
use oml_payments::SignedVoucher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Do not claim, reserve: no withdrawal takes the vouchers' amounts any more, and they count as declared.
    /// For a claim that the collateral does not cover now
    #[arg(long)]
    reserve: bool,
    /// Most vouchers in one transaction
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=512), value_name = "N")]
    batch: u16,
    /// Decimals of the currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    decimals: u8,
}

/// What a claim brought.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settled {
    /// The license.
    pub(crate) license_id: LicenseId,
    /// One row per voucher that was sent.
    pub(crate) rows: Vec<Row>,
    /// Channels whose newest voucher the chain has settled before.
    pub(crate) already_settled: Vec<ChannelId>,
    /// Newly claimed, smallest units.
    pub(crate) total: u128,
    /// How the total was split; none for a dry run.
    pub(crate) split: Option<Split>,
    /// What was sent.
    pub(crate) transactions: Vec<TxRecord>,
}

/// What became of one voucher.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    /// Its channel.
    pub(crate) channel_id: ChannelId,
    /// Requests that it settles in all.
    pub(crate) requests: u64,
    /// Tokens that it settles in all.
    pub(crate) tokens: u64,
    /// Newly claimed; none if it was refused, or for a dry run.
    pub(crate) amount: Option<u128>,
    /// Why the escrow skipped it.
    pub(crate) rejected: Option<&'static str>,
}

/// Parts of the claimed total, smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Split {
    /// The host's.
    pub(crate) host: u128,
    /// The model owner's.
    pub(crate) owner: u128,
    /// The parents' owners'.
    pub(crate) parents: u128,
}

/// Runs the command.
pub(crate) async fn run(args: Settle, global: &Global) -> Result<()> {
    let license = LicenseFile::load(&args.license)?;
    let vouchers = match (&args.store, &args.config) {
        (Some(url), _) => from_store(url, license.license_id).await?,
        (None, Some(path)) => {
            let config = oml_node::Config::load(path).hint(
                format!("{} is not a usable configuration", path.display()),
                "name the store itself with --store URL",
                Exit::Failed,
            )?;
            from_store(&config.store.url, license.license_id).await?
        }
        (None, None) => from_files(&args.vouchers)?,
    };
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    if args.reserve {
        let reserved = reserve(&chain, &license, vouchers).await?;
        let count = reserved.rows.len().to_string();
        global.output().result(&reserved, &count, || reserved.human(args.decimals));
        return Ok(());
    }
    let settled = claim(&chain, &license, vouchers, usize::from(args.batch)).await?;
    global.output().result(&settled, &settled.total.to_string(), || human(&settled, args.decimals));
    Ok(())
}

/// Claims vouchers in batches. Only the newest of a channel is sent, and none that brings nothing new.
pub(crate) async fn claim(
    chain: &Chain,
    license: &LicenseFile,
    vouchers: Vec<SignedVoucher>,
    batch: usize,
) -> Result<Settled> {
    let mut settled = Settled { license_id: license.license_id, ..Settled::default() };
    let mut open = Vec::new();
    for voucher in newest_per_channel(vouchers) {
        check_channel(chain, license, &voucher)?;
        let call = PaymentEscrow::channelCall { channelId: voucher.channel_id.into() };
        let state = chain.read(chain.escrow(), call).await?;
        if state.isOpen && voucher.cumulative_amount.get() <= state.claimed.to() {
            settled.already_settled.push(voucher.channel_id);
        } else {
            open.push(voucher);
        }
    }
    for vouchers in open.chunks(batch.max(1)) {
        let rows = vouchers.iter().map(|voucher| voucher.for_channel().into()).collect();
        let call = PaymentEscrow::claimCall { r#ref: license.sol_ref()?, rows };
        let sent = chain.send("claim vouchers", chain.escrow(), call, U256::ZERO).await?;
        settled.add(vouchers, &sent)?;
    }
    Ok(settled)
}

/// Vouchers whose amounts were reserved.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reserved {
    /// The license.
    pub(crate) license_id: LicenseId,
    /// One row per voucher.
    pub(crate) rows: Vec<ReservedRow>,
    /// Channels whose newest voucher was claimed or reserved before.
    pub(crate) already_declared: Vec<ChannelId>,
    /// What was sent.
    pub(crate) transactions: Vec<TxRecord>,
}

/// A reserved voucher.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReservedRow {
    /// Its channel.
    pub(crate) channel_id: ChannelId,
    /// Declared on the channel in all, smallest units.
    pub(crate) declared: u128,
}

impl Reserved {
    fn human(&self, decimals: u8) -> String {
        let mut text = Vec::new();
        if self.rows.is_empty() {
            text.push("nothing to reserve".to_owned());
        } else {
            let rows = self
                .rows
                .iter()
                .map(|row| [row.channel_id.to_string(), money::show(row.declared, decimals)]);
            text.push(table(["channel", "declared"], rows));
        }
        text.extend(self.transactions.iter().map(TxRecord::line));
        text.join("\n")
    }
}

/// Reserves the newest voucher of every channel, one transaction each.
pub(crate) async fn reserve(
    chain: &Chain,
    license: &LicenseFile,
    vouchers: Vec<SignedVoucher>,
) -> Result<Reserved> {
    let mut reserved = Reserved { license_id: license.license_id, ..Reserved::default() };
    for voucher in newest_per_channel(vouchers) {
        check_channel(chain, license, &voucher)?;
        let (channel_id, amount) = (voucher.channel_id, voucher.cumulative_amount.get());
        let call = PaymentEscrow::declaredCall { channelId: channel_id.into() };
        if chain.read(chain.escrow(), call).await? >= amount {
            reserved.already_declared.push(channel_id);
            continue;
        }
        let call = PaymentEscrow::reserveCall {
            r#ref: license.sol_ref()?,
            row: voucher.for_channel().into(),
        };
        let sent = chain.send("reserve voucher", chain.escrow(), call, U256::ZERO).await?;
        reserved.rows.push(ReservedRow { channel_id, declared: amount });
        reserved.transactions.push(sent.record);
    }
    Ok(reserved)
}

impl Settled {
    fn add(&mut self, vouchers: &[SignedVoucher], sent: &Sent) -> Result<()> {
        let (claimed, rejected) = outcomes(sent);
        self.rows.extend(vouchers.iter().map(|v| Row {
            channel_id: v.channel_id,
            requests: v.cumulative_requests,
            tokens: v.cumulative_tokens,
            amount: claimed.get(&v.channel_id).copied(),
            rejected: rejected.get(&v.channel_id).copied(),
        }));
        if sent.receipt.is_none() {
            self.total +=
                u128::try_from(U256::try_from_be_slice(&sent.returned).unwrap_or_default())?;
        } else if let Some(log) = event::<PaymentEscrow::ClaimSplit>(sent) {
            self.total += log.total;
            let split = self.split.get_or_insert_default();
            split.host += log.toHost;
            split.owner += log.toOwner;
            split.parents += log.toParents;
        }
        self.transactions.push(sent.record.clone());
        Ok(())
    }
}

type Outcomes = (BTreeMap<ChannelId, u128>, BTreeMap<ChannelId, &'static str>);

fn outcomes(sent: &Sent) -> Outcomes {
    let (mut claimed, mut rejected) = Outcomes::default();
    for log in sent.receipt.iter().flat_map(|r| r.logs()) {
        if let Ok(event) = PaymentEscrow::VoucherClaimed::decode_log(&log.inner) {
            claimed.insert(event.channelId.into(), event.amount);
        } else if let Ok(event) = PaymentEscrow::VoucherRejected::decode_log(&log.inner) {
            rejected.insert(event.channelId.into(), reason(&event.reason));
        }
    }
    (claimed, rejected)
}

/// What a rejection means for the host.
const fn reason(error: &ClaimError) -> &'static str {
    match error {
        ClaimError::UnknownChannel => "no such channel on chain",
        ClaimError::NotIncreasing => "not above what is settled",
        ClaimError::BelowPrice => "amount below price times units",
        ClaimError::ExceedsDeposit => "amount above the deposit",
        ClaimError::BadSignature => "not signed by payer or its signer",
        ClaimError::ExceedsCollateralRatio => {
            "more than the collateral covers; top up and claim again, or reserve it with --reserve"
        }
        _ => "refused",
    }
}

/// Vouchers are cumulative: of each channel only the one with the most requests is worth sending.
fn newest_per_channel(vouchers: Vec<SignedVoucher>) -> Vec<SignedVoucher> {
    let mut newest: BTreeMap<ChannelId, SignedVoucher> = BTreeMap::new();
    for voucher in vouchers {
        let order = |v: &SignedVoucher| (v.cumulative_requests, v.cumulative_amount);
        if newest.get(&voucher.channel_id).is_none_or(|known| order(known) < order(&voucher)) {
            newest.insert(voucher.channel_id, voucher);
        }
    }
    newest.into_values().collect()
}

fn check_channel(chain: &Chain, license: &LicenseFile, voucher: &SignedVoucher) -> Result<()> {
    let computed = hash::channel_id(
        chain.addresses.chain_id,
        chain.addresses.payment_escrow,
        license.license_id,
        voucher.payer,
        voucher.signer,
        voucher.salt,
    );
    if computed == voucher.channel_id {
        return Ok(());
    }
    Err(fail(
        format!(
            "the voucher of channel {} is not for license {} on this chain",
            voucher.channel_id, license.license_id
        ),
        "give the license file that the channel was opened to, and the chain's own addresses file",
        Exit::Failed,
    ))
}

/// The vouchers that pay for the newest receipt of every channel; a voucher whose request failed is not among them.
pub(crate) async fn from_store(url: &str, license: LicenseId) -> Result<Vec<SignedVoucher>> {
    let shown = super::node::hide_password(url);
    let hint = "name the store of the host's node, e.g. --store sqlite:oml-node.db";
    if let Some(path) = url.strip_prefix("sqlite:")
        && !Path::new(path.trim_start_matches("//").split('?').next().unwrap_or_default()).is_file()
    {
        return Err(fail(format!("there is no store at {shown}"), hint, Exit::Failed));
    }
    let failed = || format!("store {shown} could not be read");
    let store = Store::open(url).await.hint(failed(), hint, Exit::Failed)?;
    let mut vouchers = Vec::new();
    for channel in store.served_channels(license).await.hint(failed(), hint, Exit::Failed)? {
        let paid = newest_paid(&store, channel).await.hint(failed(), hint, Exit::Failed)?;
        vouchers.extend(paid.map(|(_, voucher)| voucher));
    }
    store.close().await;
    Ok(vouchers)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Box<SignedVoucher>),
    Many(Vec<SignedVoucher>),
}

fn from_files(paths: &[PathBuf]) -> Result<Vec<SignedVoucher>> {
    let mut vouchers = Vec::new();
    for path in paths {
        let hint = "a voucher is the JSON inside a request's X-OML-Voucher header";
        match files::load(path, "a voucher or a list of vouchers", hint)? {
            OneOrMany::One(voucher) => vouchers.push(*voucher),
            OneOrMany::Many(list) => vouchers.extend(list),
        }
    }
    Ok(vouchers)
}

fn human(settled: &Settled, decimals: u8) -> String {
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
    use oml_contracts::{Amount, EthAddress, RequestHash, Salt, Signature};

    fn voucher(channel: u8, requests: u64) -> SignedVoucher {
        SignedVoucher {
            channel_id: ChannelId::new([channel; 32]),
            payer: EthAddress::new([1; 20]),
            signer: EthAddress::ZERO,
            salt: Salt::new([2; 32]),
            cumulative_amount: Amount::new(u128::from(requests) * 10),
            cumulative_requests: requests,
            cumulative_tokens: requests * 7,
            request_hash: RequestHash::new([3; 32]),
            signature: Signature::new([4; 65]),
        }
    }

    #[test]
    fn only_the_newest_voucher_of_a_channel_is_claimed() {
        let newest =
            newest_per_channel(vec![voucher(1, 3), voucher(2, 1), voucher(1, 5), voucher(1, 4)]);
        assert_eq!(newest, [voucher(1, 5), voucher(2, 1)]);
    }

    #[test]
    fn files_hold_one_voucher_or_a_list() {
        let dir = tempfile::tempdir().unwrap();
        let (one, many) = (dir.path().join("one.json"), dir.path().join("many.json"));
        files::save(&one, &voucher(1, 1)).unwrap();
        files::save(&many, &vec![voucher(1, 2), voucher(2, 1)]).unwrap();
        assert_eq!(
            from_files(&[one, many]).unwrap(),
            [voucher(1, 1), voucher(1, 2), voucher(2, 1)]
        );
        let bad = dir.path().join("bad.json");
        std::fs::write(&bad, "[1]").unwrap();
        let error = from_files(&[bad]).unwrap_err();
        assert!(error.to_string().contains("bad.json is not a voucher"), "{error}");
    }

    #[test]
    fn people_see_refusals_and_the_split() {
        let row = |amount, rejected| Row {
            channel_id: ChannelId::new([1; 32]),
            requests: 3,
            tokens: 21,
            amount,
            rejected,
        };
        let settled = Settled {
            rows: vec![
                row(Some(1_500_000), None),
                row(None, Some(reason(&ClaimError::BelowPrice))),
            ],
            total: 1_500_000,
            split: Some(Split { host: 1_000_000, owner: 400_000, parents: 100_000 }),
            ..Settled::default()
        };
        let text = human(&settled, 6);
        for part in
            ["1.5", "refused: amount below price times units", "host 1, owner 0.4, parents 0.1"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(human(&Settled::default(), 6).starts_with("nothing to claim"));
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_created() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none.db");
        let error =
            from_store(&format!("sqlite:{}", path.display()), LicenseId::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("there is no store at"), "{error}");
        assert!(!path.exists());
    }
}
