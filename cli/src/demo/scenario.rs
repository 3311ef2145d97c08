//! The stage: a local chain with the contracts, funded people, staked provers.

use super::ledger::{Names, Snapshot, transactions};
use super::nodes::url;
use super::processes::{Processes, find_anvil, free_port};
use super::report::Act;
use crate::chain::{self, Chain, ChainArgs};
use crate::commands::{chain as chain_command, prover};
use crate::error::{Exit, fail};
use crate::signer;
use alloy::primitives::Address;
use alloy::providers::Provider;
use alloy::signers::local::PrivateKeySigner;
use eyre::Result;
use oml_contracts::rpc::deploy::{CaseParams, DeployParams};
use oml_contracts::{Amount, EthAddress};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// anvil's well-known mnemonic; its accounts hold native currency on every fresh local chain.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// One whole token.
pub(crate) const UNIT: u128 = 1_000_000;

/// Everyone, by the index of their account.
const PEOPLE: [&str; 12] = [
    "deployer", "owner", "hostA", "hostB", "hostC", "hostD", "payer", "reporter", "prover1",
    "prover2", "prover3", "passerby",
];

/// Names of the provers' accounts.
pub(crate) const PROVERS: [&str; 3] = ["prover1", "prover2", "prover3"];

/// What a prover stakes.
const STAKE: u128 = 200 * UNIT;

/// A person with a key.
#[derive(Debug)]
pub(crate) struct Account {
    /// Name.
    pub(crate) name: &'static str,
    /// Private key as hex, as a node's key file holds it.
    pub(crate) key: String,
    /// Signs for this person.
    pub(crate) signer: PrivateKeySigner,
    /// Sends for this person.
    pub(crate) chain: Chain,
}

/// The stage.
#[derive(Debug)]
pub(super) struct Scenario {
    /// Everything that the run writes.
    pub(crate) dir: PathBuf,
    /// How everyone reaches the chain.
    pub(crate) chain_args: ChainArgs,
    /// What runs.
    pub(crate) processes: Processes,
    /// Program that nodes and model servers run: this one.
    pub(crate) oml: PathBuf,
    /// Names for reports.
    pub(crate) names: Names,
    accounts: Vec<Account>,
    token: Address,
}

/// State at the begin of an act.
#[derive(Debug)]
pub(crate) struct Mark {
    snapshot: Snapshot,
    block: u64,
    at: Instant,
}

impl Scenario {
    /// Starts a chain, deploys, funds everyone and stakes the provers.
    ///
    /// # Errors
    /// anvil missing, a process that dies, a transaction that fails.
    pub(super) async fn set(dir: &Path, oml: PathBuf, keep: bool) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut processes = Processes::new(dir.join("logs"), keep)?;
        let port = free_port()?;
        let port_text = port.to_string();
        let args = [
            "--port",
            &port_text,
            "--block-time",
            "1",
            "--accounts",
            "12",
            "--mnemonic",
            MNEMONIC,
            "--quiet",
        ];
        processes.start("chain", &find_anvil()?, &args)?;
        let chain_args = ChainArgs {
            rpc_url: url(port),
            addresses: dir.join("addresses.json"),
            dry_run: false,
            tx_timeout: 60,
        };
        wait_for_chain(&mut processes, &chain_args.rpc_url).await?;
        let token = deploy(&chain_args).await?;
        let mut scenario = Self {
            dir: dir.to_owned(),
            accounts: accounts(&chain_args).await?,
            chain_args,
            processes,
            oml,
            names: Names::default(),
            token: token.into(),
        };
        scenario.introduce()?;
        scenario.fund().await?;
        Ok(scenario)
    }

    /// A person by name.
    pub(crate) fn account(&self, name: &str) -> Result<&Account> {
        self.accounts
            .iter()
            .find(|a| a.name == name)
            .ok_or_else(|| eyre::eyre!("nobody is called {name}"))
    }

    /// A person's way to the chain.
    pub(crate) fn chain(&self, name: &str) -> Result<&Chain> {
        Ok(&self.account(name)?.chain)
    }

    /// The token in which everything is paid.
    pub(crate) const fn token(&self) -> Address {
        self.token
    }

    /// Begins an act.
    pub(crate) async fn begin(&self) -> Result<Mark> {
        let chain = self.chain("deployer")?;
        let block = chain.block_number().await?;
        let snapshot = Snapshot::take(chain, self.token, &self.names).await?;
        Ok(Mark { snapshot, block, at: Instant::now() })
    }

    /// Ends an act: who gained what, and every transaction since its begin.
    pub(crate) async fn end(&mut self, mark: Mark, act: &mut Act) -> Result<Snapshot> {
        self.processes.check_all()?;
        let chain = self.chain("deployer")?;
        let snapshot = Snapshot::take(chain, self.token, &self.names).await?;
        act.gains = snapshot.since(&mark.snapshot)?;
        act.transactions =
            transactions(chain, &self.names, mark.block + 1, chain.block_number().await?).await?;
        act.seconds = mark.at.elapsed().as_secs_f64();
        Ok(snapshot)
    }

    fn introduce(&mut self) -> Result<()> {
        for account in &self.accounts {
            self.names.add(account.name, account.signer.address());
        }
        let a = self.chain("deployer")?.addresses;
        let contracts = [
            ("LicenseRegistry", a.license_registry),
            ("CollateralVault", a.collateral_vault),
            ("PaymentEscrow", a.payment_escrow),
            ("ProverRegistry", a.prover_registry),
            ("ChallengeManager", a.challenge_manager),
            ("beacon", a.beacon),
            ("token", self.token.into()),
        ];
        for (name, address) in contracts {
            self.names.add(name, address.into());
        }
        self.names
            .add("burned", alloy::primitives::address!("000000000000000000000000000000000000dEaD"));
        Ok(())
    }

    async fn fund(&self) -> Result<()> {
        let deployer = self.chain("deployer")?;
        for account in self.accounts.iter().filter(|a| a.name != "deployer") {
            let to: EthAddress = account.signer.address().into();
            chain_command::mint(deployer, to, Amount::new(10_000 * UNIT)).await?;
        }
        for name in PROVERS {
            let public = prover::keygen(&self.dir.join(format!("{name}.x25519")))?;
            prover::register(self.chain(name)?, Amount::new(STAKE), public).await?;
        }
        Ok(())
    }
}

/// Windows that machines keep easily and people can watch.
fn params(token: EthAddress) -> DeployParams {
    let base = DeployParams::local(token, Amount::new(100 * UNIT));
    DeployParams {
        cases: CaseParams {
            report_delay: 1,
            questions_window: 45,
            commit_window: 60,
            reveal_window: 45,
            opening_window: 45,
            rebuttal_window: 5,
            payout_delay: 4,
            committee_size: 3,
            bundles_per_case: 1,
            shared_bundles_per_case: 1,
            min_decoys: 8,
            non_reveal_penalty: Amount::new(20 * UNIT),
            dissent_penalty: Amount::new(10 * UNIT),
        },
        ..base
    }
}

async fn deploy(args: &ChainArgs) -> Result<EthAddress> {
    let key = key_of(0)?;
    let from: EthAddress = key.address().into();
    let provider = chain::connect(&args.rpc_url, Some(key))?;
    let token = chain_command::make_token(&provider, from).await?;
    let addresses = chain_command::core(&provider, from, &params(token), Some(token)).await?;
    addresses.save(&args.addresses)?;
    Ok(token)
}

async fn accounts(args: &ChainArgs) -> Result<Vec<Account>> {
    let mut accounts = Vec::new();
    for (index, name) in (0..).zip(PEOPLE) {
        let signer = key_of(index)?;
        let key = format!("{}", signer.to_bytes());
        let chain = Chain::with_key(args, signer.clone()).await?;
        accounts.push(Account { name, key, signer, chain });
    }
    Ok(accounts)
}

fn key_of(index: u32) -> Result<PrivateKeySigner> {
    signer::of_mnemonic(MNEMONIC, index)
}

async fn wait_for_chain(processes: &mut Processes, rpc_url: &str) -> Result<()> {
    let provider = chain::connect(rpc_url, None)?;
    let start = Instant::now();
    while provider.get_chain_id().await.is_err() {
        processes.check("chain")?;
        if start.elapsed() > Duration::from_secs(20) {
            return Err(fail(
                "the local chain does not answer",
                "see logs/chain.log in --dir",
                Exit::Timeout,
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
