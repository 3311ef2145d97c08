//! `oml chain`: deploy the contracts, show and verify them, mint the test token of a local chain.

use crate::Global;
use crate::chain::{self, Chain, TxRecord};
use crate::contracts::Token;
use crate::error::{Exit, HintExt, fail};
use crate::money;
use alloy::primitives::{Address, U256};
use alloy::providers::{DynProvider, Provider};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_contracts::Addresses;
use oml_contracts::rpc::deploy::{DeployParams, deploy_core, deploy_token, derive_core};
use oml_contracts::rpc::verify::{self, CodeFinding};
use oml_contracts::{Amount, EthAddress};
use std::path::{Path, PathBuf};

/// Verbs of `oml chain`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Deploy all contracts and write the addresses file
    Deploy(Deploy),
    /// Show the contracts of the addresses file and whether they are there
    Show,
    /// Check the code on chain and derive every address from this program's code and the chain's settings
    Verify,
    /// Mint the test token of a local chain
    Mint {
        /// Receiver
        to: EthAddress,
        /// Amount, e.g. 1000
        amount: String,
    },
}

/// How to deploy.
#[derive(Args, Clone, Debug)]
pub(crate) struct Deploy {
    /// Windows of seconds and a test token, for a local chain; else windows of hours
    #[arg(long)]
    local: bool,
    /// Currency of the provers' stake; zero is the chain's own
    #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
    stake_currency: EthAddress,
    /// Least stake of a prover
    #[arg(long, default_value = "100")]
    min_stake: String,
    /// Decimals of the stake's currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    decimals: u8,
    /// JSON file with all parameters, instead of the defaults
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Deploy(args) => deploy(args, global).await,
        Verb::Show => show(global).await,
        Verb::Verify => verify(global).await,
        Verb::Mint { to, amount } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let amount = Amount::new(money::parse(&amount, money::DEFAULT_DECIMALS)?);
            let sent = mint(&chain, to, amount).await?;
            global.output().result(&sent, &amount.to_string(), || sent.line());
            Ok(())
        }
    }
}

async fn deploy(args: Deploy, global: &Global) -> Result<()> {
    let key = global.signer.load()?;
    let from: EthAddress = key.address().into();
    let provider = chain::connect(&global.chain.rpc_url, Some(key))?;
    let chain_id = chain::chain_id(&provider, &global.chain.rpc_url).await?;
    if global.chain.dry_run {
        return Err(fail(
            "a deployment can't be simulated: each contract's constructor names the others",
            "deploy on a local chain first (`anvil`, then --rpc-url)",
            Exit::Failed,
        ));
    }
    let token = if args.local { Some(make_token(&provider, from).await?) } else { None };
    let currency = token.unwrap_or(args.stake_currency);
    let min_stake = Amount::new(money::parse(&args.min_stake, args.decimals)?);
    let params = match &args.params {
        Some(path) => {
            crate::files::load(path, "a file of deployment parameters", "see docs/cli.md")?
        }
        None if args.local => DeployParams::local(currency, min_stake),
        None => DeployParams::public(currency, min_stake),
    };
    refuse_other_deployment(&global.chain.addresses, chain_id, &params)?;
    let addresses = core(&provider, from, &params, token).await?;
    addresses.save(&global.chain.addresses)?;
    let path = global.chain.addresses.display().to_string();
    global.output().result(&addresses, &path, || {
        format!("wrote {path}\n{}", serde_json::to_string_pretty(&addresses).unwrap_or_default())
    });
    Ok(())
}

/// Other parameters or another version give other addresses; the file of those in use is not overwritten.
fn refuse_other_deployment(path: &Path, chain_id: u64, params: &DeployParams) -> Result<()> {
    let Ok(present) = Addresses::load(path) else { return Ok(()) };
    let derived = derive_core(chain_id, params).hint(
        "the addresses could not be derived",
        "check the parameters",
        Exit::Failed,
    )?;
    if present.chain_id != chain_id || present.challenge_manager == derived.challenge_manager {
        return Ok(());
    }
    Err(fail(
        format!(
            "{} holds another deployment on chain {chain_id} (ChallengeManager {}, these parameters give {})",
            path.display(),
            present.challenge_manager,
            derived.challenge_manager
        ),
        "give the old parameters to find it again, or keep both: name another file with --addresses",
        Exit::Failed,
    ))
}

/// Deploys the test token.
pub(crate) async fn make_token(provider: &DynProvider, from: EthAddress) -> Result<EthAddress> {
    deploy_token(provider, from, "OML test dollar", "tUSD", money::DEFAULT_DECIMALS).await.hint(
        "the test token could not be deployed",
        "check that the signer has native currency for gas",
        Exit::Reverted,
    )
}

/// Deploys the contracts.
pub(crate) async fn core(
    provider: &DynProvider,
    from: EthAddress,
    params: &DeployParams,
    token: Option<EthAddress>,
) -> Result<Addresses> {
    let mut addresses = deploy_core(provider, from, params).await.hint(
        "the contracts could not be deployed",
        "check the parameters, and that the signer has gas and sends nothing else meanwhile",
        Exit::Reverted,
    )?;
    addresses.token = token;
    Ok(addresses)
}

/// Mints the test token.
pub(crate) async fn mint(chain: &Chain, to: EthAddress, amount: Amount) -> Result<TxRecord> {
    let token = chain.addresses.token.ok_or_else(|| {
        fail(
            "this deployment has no test token",
            "only `oml chain deploy --local` makes one",
            Exit::Failed,
        )
    })?;
    let call = Token::mintCall { to: to.into(), amount: U256::from(amount.get()) };
    Ok(chain.send("mint", token.into(), call, U256::ZERO).await?.record)
}

async fn show(global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let a = chain.addresses;
    let mut rows = Vec::new();
    for (name, address) in [
        ("beacon", a.beacon),
        ("LicenseRegistry", a.license_registry),
        ("CollateralVault", a.collateral_vault),
        ("PaymentEscrow", a.payment_escrow),
        ("ProverRegistry", a.prover_registry),
        ("ChallengeManager", a.challenge_manager),
    ] {
        let code = chain.provider.get_code_at(Address::from(address)).await;
        let code = code.map_err(|e| chain::rpc_failure("code", &e))?;
        let state = if code.is_empty() { "no code" } else { "deployed" };
        rows.push([name.to_owned(), address.to_string(), state.to_owned()]);
    }
    global.output().result(&a, &a.chain_id.to_string(), || {
        crate::output::table(["contract", "address", "state"], rows)
    });
    Ok(())
}

async fn verify(global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let checked = verify::verify(&chain.provider, &chain.addresses).await.hint(
        "the deployment could not be checked",
        "is --rpc-url the chain of the addresses file?",
        Exit::Network,
    )?;
    let rows = checked.iter().map(|c| {
        let finding = match c.finding {
            CodeFinding::Verified => "verified".to_owned(),
            CodeFinding::Missing => "no code".to_owned(),
            CodeFinding::OtherCode => "other code".to_owned(),
            CodeFinding::OtherAddress => format!("derived address is {}", c.derived),
        };
        [c.contract.to_owned(), c.address.to_string(), finding]
    });
    let rows: Vec<_> = rows.collect();
    let verified = checked.iter().filter(|c| c.finding == CodeFinding::Verified).count();
    global.output().result(&checked, &verified.to_string(), || {
        crate::output::table(["contract", "address", "result"], rows)
    });
    if verified == checked.len() {
        return Ok(());
    }
    Err(fail(
        format!(
            "{} of {} contracts are not this version's",
            checked.len() - verified,
            checked.len()
        ),
        "compare with the version of oml that deployed them; don't send money to contracts that you can't verify",
        Exit::Failed,
    ))
}
