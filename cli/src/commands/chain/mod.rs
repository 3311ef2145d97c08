//! `oml chain`: deploy the contracts, show and verify them; what a local chain needs besides: test
//! tokens, and a drand relay.

mod add;
mod beacon;
#[cfg(feature = "demo")]
mod relay;

use crate::currency::NamedCurrency;
use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::table;
use beacon::BeaconArgs;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::beacon::{self as beacons, BeaconChoice};
use oml_client::{RpcConnection, deploy, files};
use oml_contracts::EthAddress;
use oml_contracts::rpc::deploy::DeployParams;
use oml_contracts::rpc::verify::CodeFinding;
use std::path::PathBuf;

/// Verbs of `oml chain`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Deploy all contracts and write the addresses file
    Deploy(Box<Deploy>),
    /// Keep an endpoint and an addresses file under a name, for profiles
    Add(add::NamedChain),
    /// Show the contracts of the addresses file and whether they are there
    Show,
    /// Check the code on chain and derive every address from this program's code and the chain's
    /// settings
    Verify,
    /// Mint the test token of a local chain
    Mint {
        /// Receiver
        to: EthAddress,
        /// Amount, e.g. 1000
        amount: String,
    },
    /// Serve rounds of a drand network of your own, for a local chain: whoever runs it knows all of
    /// them ahead
    #[cfg(feature = "demo")]
    Relay(relay::RelayArgs),
}

/// How to deploy.
#[derive(Args, Clone, Debug)]
pub(crate) struct Deploy {
    /// Windows of seconds and a test token, for a local chain; else windows of hours
    #[arg(long)]
    local: bool,
    /// Currency of tickets and seat fees: an ERC-20 token, or `native` for the chain's own [default
    /// with --local: the test token]
    #[arg(
        long,
        value_name = "ADDRESS|native",
        required_unless_present_any = ["local", "params"],
        conflicts_with = "local"
    )]
    stake_currency: Option<NamedCurrency>,
    /// What a seat of a round costs; a prover's ticket is a hundred of them [default with --local:
    /// 1]
    #[arg(long, value_name = "AMOUNT", required_unless_present_any = ["local", "params"])]
    seat_fee: Option<String>,
    /// JSON file with all parameters, instead of the defaults
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    #[command(flatten)]
    beacon: BeaconArgs,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Deploy(args) => deploy_all(*args, global).await,
        Verb::Add(args) => add::run(&args, global).await,
        Verb::Show => show(global).await,
        Verb::Verify => verify(global).await,
        Verb::Mint { to, amount } => {
            let chain = global.signing().await?;
            let token = deploy::test_token(&chain).await?;
            let amount = token.parse(&amount)?;
            let sent = deploy::mint(&chain, to, amount).await?;
            let minted = token.of(amount);
            global.output().result(&sent, &amount.to_string(), || {
                format!("{minted} for {to}\n{}", sent.line())
            });
            Ok(())
        }
        #[cfg(feature = "demo")]
        Verb::Relay(args) => relay::run(args, global).await,
    }
}

/// Parameters of the deployment, with a beacon that is fit for the chain.
async fn deploy_params(
    args: &Deploy,
    rpc: &RpcConnection,
    token: Option<EthAddress>,
) -> Result<DeployParams> {
    let chain_id = rpc.chain_id().await?;
    let choice = BeaconChoice { is_local: args.local, ..args.beacon.choice() };
    let Some(path) = &args.params else {
        let beacon = beacons::choose(chain_id, &choice)?;
        let named = args.stake_currency.map(NamedCurrency::address);
        let currency = token.or(named).unwrap_or(EthAddress::ZERO);
        let typed = args.seat_fee.as_deref().unwrap_or("1");
        let seat_fee = rpc.currency(currency).await?.parse(typed)?;
        return Ok(if args.local {
            DeployParams { beacon, ..DeployParams::local(currency, seat_fee) }
        } else {
            DeployParams::public(currency, seat_fee, beacon)
        });
    };
    let params: DeployParams =
        files::load(path, "a file of deployment parameters", "see docs/cli.md")?;
    beacons::check(chain_id, params.beacon, &choice)?;
    Ok(params)
}

async fn deploy_all(args: Deploy, global: &Global) -> Result<()> {
    let rpc = RpcConnection::signing(&global.chain.rpc_url, global.account().await?)?;
    let chain_id = rpc.chain_id().await?;
    if global.chain.dry_run {
        return Err(fail(
            "a deployment can't be simulated: each contract's constructor names the others",
            "deploy on a local chain first (`anvil`, then --rpc-url)",
            FailureKind::Failed,
        ));
    }
    let token = if args.local { Some(deploy::token(&rpc).await?) } else { None };
    let params = deploy_params(&args, &rpc, token).await?;
    deploy::refuse_other(&global.chain.addresses, chain_id, &params)?;
    global.agree_to_deploy(&rpc, chain_id)?;
    let addresses = deploy::core(&rpc, &params, token).await?;
    addresses.save(&global.chain.addresses)?;
    let path = global.chain.addresses.display().to_string();
    global.output().result(&addresses, &path, || {
        let kind = addresses.beacon.source.kind();
        let shown = serde_json::to_string_pretty(&addresses).unwrap_or_default();
        format!("wrote {path}; draws come from {kind}\n{shown}")
    });
    Ok(())
}

async fn show(global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let contracts = deploy::present(&chain).await?;
    let rows = contracts.iter().map(|contract| {
        let state = if contract.code == 0 { "no code" } else { "deployed" };
        [contract.name.to_owned(), contract.address.to_string(), state.to_owned()]
    });
    let addresses = chain.addresses();
    global.output().result(addresses, &addresses.chain_id.to_string(), || {
        table(["contract", "address", "state"], rows)
    });
    Ok(())
}

async fn verify(global: &Global) -> Result<()> {
    let checked = deploy::verify(&global.reading().await?).await?;
    let rows = checked.iter().map(|c| {
        let finding = match c.finding {
            CodeFinding::Verified => "verified".to_owned(),
            CodeFinding::Missing => "no code".to_owned(),
            CodeFinding::OtherCode => "other code".to_owned(),
            CodeFinding::OtherAddress => format!("derived address is {}", c.derived),
        };
        [c.contract.to_owned(), c.address.to_string(), finding]
    });
    let verified = checked.iter().filter(|c| c.finding == CodeFinding::Verified).count();
    global
        .output()
        .result(&checked, &verified.to_string(), || table(["contract", "address", "result"], rows));
    if verified == checked.len() {
        return Ok(());
    }
    let (other, all) = (checked.len() - verified, checked.len());
    Err(fail(
        format!("{other} of {all} contracts are not this version's"),
        "compare with the version of oml that deployed them; don't send money to contracts that you can't verify",
        FailureKind::Failed,
    ))
}
