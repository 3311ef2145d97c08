//! The six acts. Each returns what it reports; money and transactions are read off the chain, not remembered.

mod cases;
mod copies;
mod payments;

use super::nodes::url;
use super::processes::free_port;
use super::report::Act;
use super::scenario::{PROVERS, Scenario, UNIT};
use super::{Options, ledger::Snapshot};
use crate::chain::Chain;
use crate::commands::{balance, license, model, offer};
use crate::files::{self, LicenseFile};
use crate::output::Output;
use alloy::primitives::{B256, keccak256};
use eyre::Result;
use oml_contracts::{Bps, EthAddress, ModelId, Terms};
use oml_prover::fingerprint::Universe;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hosts, in the order in which they buy.
const HOSTS: [&str; 4] = ["hostA", "hostB", "hostC", "hostD"];

/// The act in which each host plays.
const HOST_ACTS: [u8; 4] = [3, 4, 5, 6];

/// Seconds within which a host settles what it served.
const SETTLEMENT_PERIOD: u64 = 16;

/// The play in progress.
#[derive(Debug)]
pub struct Play {
    stage: Scenario,
    options: Options,
    output: Output,
    model_dir: PathBuf,
    model_id: ModelId,
    terms: Option<Terms>,
    licenses: Vec<LicenseFile>,
    copies: Vec<PathBuf>,
    universe: PathBuf,
    key_file: PathBuf,
    gateways: Vec<(String, String)>,
    nodes: Vec<(String, PathBuf, u16)>,
    secrets: Option<Universe>,
}

impl Play {
    /// Sets the stage.
    pub async fn open(options: &Options, dir: &Path, oml: PathBuf, output: Output) -> Result<Self> {
        let model_dir = files::model_dir(&options.model)?;
        output.progress("starting a local chain, deploying the contracts, funding everyone");
        let stage = Scenario::set(dir, oml, options.keep).await?;
        Ok(Self {
            universe: stage.dir.join("owner"),
            key_file: stage.dir.join("owner/universe.key"),
            stage,
            options: options.clone(),
            output,
            model_dir,
            model_id: ModelId::ZERO,
            terms: None,
            licenses: Vec::new(),
            copies: Vec::new(),
            gateways: Vec::new(),
            nodes: Vec::new(),
            secrets: None,
        })
    }

    fn say(&self, line: impl AsRef<str>) {
        self.output.progress(line);
    }

    /// Act 1: the owner registers, commits to fingerprints and publishes an offer.
    pub async fn publish(&mut self) -> Result<Act> {
        let mut act = self.start(1, "an owner publishes a model");
        let mark = self.stage.begin().await?;
        let owner = self.stage.chain("owner")?.clone();
        let weights = model::weights_hash(&self.model_dir)?;
        let metadata = serde_json::json!({ "name": "demo", "seed": self.options.seed });
        let metadata: B256 = keccak256(metadata.to_string());
        let registered = model::register(&owner, weights, metadata, Vec::new()).await?;
        self.model_id = registered.model_id;
        act.notes.push(format!("model {}", self.model_id));
        let universe = self.make_universe(&owner).await?;
        act.notes.push(universe);
        let terms = self.demo_terms(&owner)?;
        let published = offer::publish(&owner, &terms).await?;
        act.notes.push(format!("offer {}", published.offer_id));
        self.terms = Some(terms);
        self.start_nodes().await?;
        self.finish(mark, act).await
    }

    fn demo_terms(&self, owner: &Chain) -> Result<Terms> {
        let token = self.stage.token();
        let template = offer::Template {
            model_id: self.model_id,
            epoch: 0,
            owner: owner.me()?.into(),
            currency: token.into(),
            license_fee: "50".to_owned(),
            price_per_request: "0.05".to_owned(),
            price_per_thousand_tokens: "2".to_owned(),
            collateral: "1000".to_owned(),
            report_bond: "100".to_owned(),
            prover_fee: "5".to_owned(),
            settlement_period: SETTLEMENT_PERIOD,
            thaw_period: 3_600,
            duration: 30 * 86_400,
            leak_liability: false,
            unlicensed_model_bps: 0,
            decimals: crate::money::DEFAULT_DECIMALS,
            out: PathBuf::new(),
        };
        let mut terms = template.terms()?;
        terms.owner_share_bps = Bps::new(3_000)?;
        offer::check(&terms)?;
        Ok(terms)
    }

    /// The owner's node, which opens leaves, and three provers, each a process of its own.
    async fn start_nodes(&mut self) -> Result<()> {
        let owner_port = free_port()?;
        let config =
            self.stage.owner_node(self.model_id, &self.universe, &self.key_file, owner_port)?;
        self.start_node("owner", &config, owner_port).await?;
        for name in PROVERS {
            let port = free_port()?;
            let config = self.stage.prover_node(name, self.model_id, &url(owner_port), port)?;
            self.start_node(name, &config, port).await?;
        }
        Ok(())
    }

    async fn start_node(&mut self, name: &str, config: &Path, port: u16) -> Result<()> {
        let oml = self.stage.oml.clone();
        let config = config.display().to_string();
        let args = ["--log", "info", "node", "run", "--config", &config];
        self.stage.processes.start(name, &oml, &args)?;
        self.nodes.retain(|(known, ..)| known != name);
        self.nodes.push((name.to_owned(), PathBuf::from(&config), port));
        self.stage
            .processes
            .ready(name, &format!("{}/readyz", url(port)), Duration::from_secs(30))
            .await
    }

    /// Starts a node again that was killed, with the configuration and store that it had.
    ///
    /// # Errors
    /// No such node, or it does not become ready.
    pub async fn restart_node(&mut self, name: &str) -> Result<()> {
        let known = self.nodes.iter().find(|(known, ..)| known == name).cloned();
        let (_, config, port) = known.ok_or_else(|| eyre::eyre!("no node {name} was started"))?;
        self.start_node(name, &config, port).await
    }

    /// Sends a signal (`STOP`, `CONT`, `KILL`) to a process of the play.
    ///
    /// # Errors
    /// No such process.
    pub async fn signal(&mut self, name: &str, signal: &str) -> Result<()> {
        self.stage.processes.signal(name, signal).await
    }

    /// What happens on the chain, for tests that disturb it.
    ///
    /// # Errors
    /// None once the stage is set.
    pub fn provider(&self) -> Result<alloy::providers::DynProvider> {
        Ok(self.stage.chain("deployer")?.provider.clone())
    }

    /// A plain model server: no vouchers, no receipts.
    async fn start_server(&mut self, name: &str, model: &Path) -> Result<String> {
        let port = free_port()?;
        let oml = self.stage.oml.clone();
        let (dir, listen) = (model.display().to_string(), format!("127.0.0.1:{port}"));
        let args = ["--log", "info", "model", "serve", "--model", &dir, "--listen", &listen];
        self.stage.processes.start(name, &oml, &args)?;
        self.stage
            .processes
            .ready(name, &format!("{}/v1/models", url(port)), Duration::from_secs(30))
            .await?;
        Ok(url(port))
    }

    /// Act 2: four hosts buy; each gets a copy with its own answers.
    pub async fn license(&mut self) -> Result<Act> {
        let mut act = self.start(2, "four hosts buy licenses and get their copies");
        let mark = self.stage.begin().await?;
        let terms = self.terms.clone().ok_or_else(|| eyre::eyre!("nothing is published yet"))?;
        for host in HOSTS {
            let chain = self.stage.chain(host)?;
            let serving: EthAddress = chain.me()?.into();
            let (license, _) = license::acquire(chain, &terms, serving, 0).await?;
            files::save(&self.stage.dir.join(format!("{host}.license.json")), &license)?;
            self.say(format!("  {host} bought license {}", license.license_id));
            self.licenses.push(license);
        }
        for (number, (host, played)) in HOSTS.iter().zip(HOST_ACTS).enumerate() {
            // A copy that no act uses is not worth a minute of training.
            if !self.options.acts.contains(&played) {
                self.copies.push(PathBuf::new());
                continue;
            }
            let copy = self.make_copy(number, host).await?;
            act.copies.push(copy);
            let chain = self.stage.chain(host)?;
            license::activate(chain, &self.licenses[number], &self.copies[number]).await?;
        }
        self.finish(mark, act).await
    }

    /// Everyone pulls what they are owed; the books close.
    pub async fn close(&mut self) -> Result<Snapshot> {
        let chain = self.stage.chain("deployer")?;
        let snapshot = Snapshot::take(chain, self.stage.token(), &self.stage.names).await?;
        if !self.options.keep {
            for (name, _) in self.stage.processes.list().into_iter().rev() {
                self.stage.processes.stop(&name).await?;
            }
        }
        Ok(snapshot)
    }

    /// Pulls what the contracts owe these people.
    async fn pull(&self, people: &[&str]) -> Result<()> {
        for name in people {
            balance::withdraw_all(self.stage.chain(name)?, self.stage.token()).await?;
        }
        Ok(())
    }

    fn start(&self, number: u8, title: &str) -> Act {
        self.say(format!("\nact {number}: {title}"));
        Act::new(number, title)
    }

    async fn finish(&mut self, mark: super::scenario::Mark, mut act: Act) -> Result<Act> {
        self.stage.end(mark, &mut act).await?;
        self.say(format!("  {} ({:.1} s)", act.verdict, act.seconds));
        Ok(act)
    }

    /// How to look around in what `--keep` leaves running.
    pub fn explore(&self) -> String {
        let mut lines = vec![String::new(), "still running:".to_owned()];
        lines.extend(
            self.stage
                .processes
                .list()
                .into_iter()
                .map(|(name, pid)| format!("  {name} (process {pid})")),
        );
        let args = &self.stage.chain_args;
        lines.push(format!(
            "export ETH_RPC_URL={} OML_ADDRESSES={}",
            args.rpc_url,
            args.addresses.display()
        ));
        lines.push("oml chain show; oml case list; oml prover list".to_owned());
        lines.extend(
            self.gateways.iter().map(|(name, gateway)| format!("{name}'s gateway: {gateway}")),
        );
        let pids: Vec<String> =
            self.stage.processes.list().into_iter().map(|(_, pid)| pid.to_string()).collect();
        lines.push(format!("stop everything: kill {}", pids.join(" ")));
        lines.join("\n")
    }

    /// One whole token in its smallest unit, for the acts.
    const fn tokens(whole: u128) -> oml_contracts::Amount {
        oml_contracts::Amount::new(whole * UNIT)
    }
}
