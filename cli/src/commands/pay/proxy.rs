//! `oml pay proxy` and `oml pay spending`: a local OpenAI endpoint that pays, and what it spent.

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use clap::Args;
use eyre::Result;
use oml_client::money::{Currency, Money};
use oml_client::pay::{self, PayableChannel};
use oml_client::proxy::{self, PayingEndpoint, PayingOptions, SpendingLimits, SpentRequest};
use oml_contracts::Amount;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Serve a local OpenAI endpoint that pays for what clients send, within budgets.
///
/// Set a client's base URL to http://127.0.0.1:4010/v1. Answers pass byte by byte; every receipt is
/// checked and kept in the log beside the channel file, and spending in *.spending.jsonl.
#[derive(Args, Clone, Debug)]
pub(crate) struct Proxy {
    /// Channel file, as `oml channel open` writes it
    #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
    channel: PathBuf,
    /// Base URL of the host's gateway [default: the profile's]
    #[arg(long, env = "OML_GATEWAY", value_name = "URL")]
    gateway: Option<String>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:4010", value_name = "ADDR")]
    listen: SocketAddr,
    /// Most to promise in one day of UTC
    #[arg(long, value_name = "AMOUNT")]
    per_day: Option<String>,
    /// Most to promise for one request
    #[arg(long, value_name = "AMOUNT")]
    per_request: Option<String>,
    /// Most to promise in one day for a model, by the name that clients give; may be given several
    /// times
    #[arg(long, value_name = "MODEL=AMOUNT")]
    per_model: Vec<String>,
    /// Most to promise on this channel in all [default: the deposit]
    #[arg(long, value_name = "AMOUNT")]
    budget: Option<String>,
    /// API key that clients must give; needed where others can reach the address
    #[arg(long, env = "OML_PROXY_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// Log of vouchers and receipts [default: beside the channel file, *.payments.jsonl]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

/// Print what the local endpoint has spent on a channel, as CSV.
#[derive(Args, Clone, Debug)]
pub(crate) struct Spending {
    /// Channel file
    #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
    channel: PathBuf,
}

/// Where an endpoint is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServedEndpoint {
    base_url: String,
    gateway: String,
    left_on_channel: Money,
}

/// Spending with amounts that know their currency.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownSpending {
    at: u64,
    model: String,
    outcome: &'static str,
    request: Option<u64>,
    tokens: u64,
    amount: Money,
    promised: Money,
}

/// Serves until Ctrl-C; a second Ctrl-C does not wait for what runs.
pub(super) async fn serve(args: Proxy, global: &Global) -> Result<()> {
    global.refuse_dry_run("an endpoint that pays")?;
    let gateway = global.gateway(args.gateway.as_deref())?;
    let channel = global.channel(&args.channel).await?;
    let chain = global.signing().await?;
    let payable = PayableChannel::read(&chain, &channel).await?;
    let currency = chain.currency(channel.license.terms.currency).await?;
    let limits = args.limits(&currency)?;
    let ceiling = match &args.budget {
        Some(text) => currency.parse(text)?.min(payable.deposit),
        None => payable.deposit,
    };
    let log = args.log_file.clone().unwrap_or_else(|| pay::log_of(&args.channel));
    let signed = pay::promised_in(&log).await?;
    let session = payable.logged_session(&chain, &gateway, &log).await?;
    let left = Amount::new(ceiling.get().saturating_sub(session.promised().get()));
    let options = PayingOptions {
        listen: args.listen,
        key: args.key.clone().filter(|key| !key.is_empty()),
        gateway: gateway.clone(),
        limits,
        ceiling,
        currency: currency.clone(),
        journal: proxy::journal_of(&args.channel),
        signed,
    };
    let endpoint = PayingEndpoint::open(session, options).await?;
    let base_url = format!("http://{}/v1", endpoint.address()?);
    let shown = ServedEndpoint { base_url, gateway, left_on_channel: currency.of(left) };
    global.output().result(&shown, &shown.base_url, || {
        format!(
            "base URL for OpenAI clients: {}\npays {} on channel {}; {} left",
            shown.base_url, shown.gateway, channel.channel_id, shown.left_on_channel
        )
    });
    serve_until_interrupted(endpoint, global).await?;
    let spending = args.channel.display();
    global.output().progress(format!("stopped; `oml pay spending --channel {spending}`"));
    Ok(())
}

async fn serve_until_interrupted(endpoint: PayingEndpoint, global: &Global) -> Result<()> {
    let output = global.output();
    let stop = async move {
        let _ = tokio::signal::ctrl_c().await;
        output.progress("stopping after the request that runs; again to stop at once");
    };
    let serving = endpoint.serve(stop);
    let twice = async {
        let _ = tokio::signal::ctrl_c().await;
        let _ = tokio::signal::ctrl_c().await;
    };
    tokio::select! {
        served = serving => Ok(served?),
        () = twice => Ok(()),
    }
}

impl Proxy {
    fn limits(&self, currency: &Currency) -> Result<SpendingLimits> {
        let parse = |text: &Option<String>| text.as_deref().map(|t| currency.parse(t)).transpose();
        let mut per_model = BTreeMap::new();
        for text in &self.per_model {
            // A model's name may have an equals sign, an amount has none.
            let (model, amount) = text.rsplit_once('=').ok_or_else(|| {
                fail(
                    format!("--per-model {text:?} is not MODEL=AMOUNT"),
                    "write e.g. --per-model llama-3=2.5",
                    FailureKind::Failed,
                )
            })?;
            per_model.insert(model.to_owned(), currency.parse(amount)?);
        }
        let (per_day, per_request) = (parse(&self.per_day)?, parse(&self.per_request)?);
        Ok(SpendingLimits { per_day, per_request, per_model })
    }
}

/// Prints the spending of a channel.
pub(super) async fn print(args: &Spending, global: &Global) -> Result<()> {
    let channel = global.channel(&args.channel).await?;
    let chain = global.reading().await?;
    let currency = chain.currency(channel.license.terms.currency).await?;
    let spent = spent(&args.channel).await?;
    let shown: Vec<ShownSpending> = spent.iter().map(|one| show(one, &currency)).collect();
    let table = proxy::csv(&spent, &currency);
    global.output().result(&shown, table.trim_end(), || table.trim_end().to_owned());
    Ok(())
}

/// Spending as the journal and the log of receipts have it.
async fn spent(channel: &Path) -> Result<Vec<SpentRequest>> {
    let promised = pay::promised_in(&pay::log_of(channel)).await?;
    Ok(proxy::spent(&proxy::journal_of(channel), promised)?)
}

fn show(one: &SpentRequest, currency: &Currency) -> ShownSpending {
    ShownSpending {
        at: one.at,
        model: one.model.clone(),
        outcome: one.outcome.word(),
        request: one.request,
        tokens: one.tokens,
        amount: currency.of(one.amount),
        promised: currency.of(one.promised),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use oml_contracts::EthAddress;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        proxy: Proxy,
    }

    #[test]
    fn budgets_are_in_the_channels_currency() {
        let usdc = Currency::new(EthAddress::new([7; 20]), "USDC", 6);
        let parse = |args: &[&str]| {
            let line = ["proxy"].iter().chain(args);
            Line::try_parse_from(line).unwrap().proxy.limits(&usdc)
        };
        let limits = parse(&["--per-day", "5", "--per-model", "a=b=0.5 USDC"]).unwrap();
        assert_eq!(limits.per_day, Some(Amount::new(5_000_000)));
        assert_eq!(limits.per_model["a=b"], Amount::new(500_000));
        let error = parse(&["--per-model", "a"]).unwrap_err().to_string();
        assert!(error.contains("\"a\" is not MODEL=AMOUNT"), "{error}");
        assert!(parse(&["--per-request", "1 ETH"]).unwrap_err().to_string().contains("USDC"));
    }
}
