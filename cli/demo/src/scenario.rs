//! The stage: a local chain with the contracts, funded people, provers with tickets.

use crate::clock;
use crate::ledger::{Names, Snapshot, transactions};
use crate::options::{DemoBeacon, DemoOptions};
use crate::ports::{free_port, url};
use crate::processes::{AtEnd, Processes};
use crate::report::PlayedAct;
use eyre::Result;
use oml_client::signer::SigningAccount;
use oml_client::{
    Chain, ChainSettings, FailureKind, RpcConnection, deploy, fail, find_anvil, prover,
};
use oml_contracts::beacon::{BeaconSource, Bn254Key, DrandNetwork};
use oml_contracts::chains::local_randao;
use oml_contracts::rpc::deploy::{DeployParams, ProofParams, ProverParams, RoundParams};
use oml_contracts::{Amount, EthAddress};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// anvil's well-known mnemonic; its accounts hold native currency on every fresh local chain.
const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// One whole token.
pub(crate) const UNIT: u128 = 1_000_000;

/// Everyone, by the index of their account.
const PEOPLE: [&str; 13] = [
    "deployer", "owner", "hostA", "hostB", "hostC", "hostD", "payer", "reporter", "prover1",
    "prover2", "prover3", "passerby", "sealer",
];

/// Names of the provers' accounts.
pub(crate) const PROVERS: [&str; 3] = ["prover1", "prover2", "prover3"];

/// Where burned money goes: nobody has its key.
const BURNED: EthAddress = {
    let mut bytes = [0; 20];
    (bytes[18], bytes[19]) = (0xde, 0xad);
    EthAddress::new(bytes)
};

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;

/// Tickets of each prover.
const TICKETS: u32 = 4;

/// What a ticket costs, which comes back.
const TICKET_PRICE: u128 = 50 * UNIT;

/// What a seat costs who seals, which does not.
const SEAT_FEE: u128 = UNIT;

/// A person of the play.
#[derive(Debug)]
pub(crate) struct Person {
    /// What everyone calls them.
    pub(crate) name: &'static str,
    /// The account with whose key they sign.
    pub(crate) account: SigningAccount,
    /// Their way to the chain.
    pub(crate) chain: Chain,
}

/// The stage: everything that runs, and everyone who plays.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Everything that the run writes.
    pub(crate) dir: PathBuf,
    /// How everyone reaches the chain.
    pub(crate) settings: ChainSettings,
    /// Chain, nodes and model servers.
    pub(crate) processes: Processes,
    /// Program that nodes and model servers run: `oml`.
    pub(crate) oml: PathBuf,
    /// Names for reports.
    pub(crate) names: Names,
    people: Vec<Person>,
    token: EthAddress,
    /// Ports of the provers' nodes, which take hand-outs, in the order of [`PROVERS`].
    inboxes: [u16; 3],
}

/// The state at the begin of an act.
#[derive(Debug)]
pub(crate) struct Mark {
    snapshot: Snapshot,
    block: u64,
    at: Instant,
}

impl Scenario {
    /// Starts a chain, deploys, funds everyone and gives the provers their tickets.
    ///
    /// # Errors
    /// anvil missing, a process that dies, a transaction that fails.
    pub(crate) async fn set(dir: &Path, options: &DemoOptions, at_end: AtEnd) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut processes = Processes::new(dir.join("logs"), at_end)?;
        let port = free_port()?.to_string();
        let mut args = vec!["--port", &port, "--accounts", "13"];
        args.extend(["--mnemonic", MNEMONIC, "--quiet"]);
        processes.start("chain", &find_anvil()?, &args)?;
        let mut settings = ChainSettings {
            rpc_url: url(port.parse()?),
            addresses: dir.join("addresses.json"),
            drand_endpoints: Vec::new(),
            dry_run: false,
            tx_timeout: Duration::from_secs(60),
        };
        wait_for_chain(&mut processes, &settings.rpc_url).await?;
        let oml = options.oml.clone();
        let beacon = match options.beacon {
            DemoBeacon::Randao => local_randao(),
            DemoBeacon::Drand => {
                let relay = start_relay(&mut processes, &oml, dir).await?;
                settings.drand_endpoints = vec![relay.url];
                BeaconSource::DrandEvmnet(relay.network)
            }
        };
        let token = deploy_all(&settings, beacon).await?;
        let mut scenario = Self {
            dir: dir.to_owned(),
            people: people(&settings).await?,
            settings,
            processes,
            oml,
            names: Names::default(),
            token,
            inboxes: [free_port()?, free_port()?, free_port()?],
        };
        scenario.introduce()?;
        scenario.fund().await?;
        clock::start(&scenario.settings.rpc_url).await?;
        Ok(scenario)
    }

    /// A person by name.
    pub(crate) fn person(&self, name: &str) -> Result<&Person> {
        self.people
            .iter()
            .find(|person| person.name == name)
            .ok_or_else(|| eyre::eyre!("nobody is called {name}"))
    }

    /// A person's way to the chain.
    pub(crate) fn chain(&self, name: &str) -> Result<&Chain> {
        Ok(&self.person(name)?.chain)
    }

    /// Port of a prover's node.
    pub(crate) fn inbox_port(&self, prover: &str) -> Result<u16> {
        let mut ports = PROVERS.iter().zip(self.inboxes);
        let found = ports.find(|(name, _)| **name == prover).map(|(_, port)| port);
        found.ok_or_else(|| eyre::eyre!("{prover} is no prover"))
    }

    /// File with the owner's rounds secret.
    pub(crate) fn rounds_secret(&self) -> PathBuf {
        self.dir.join("owner/rounds.secret")
    }

    /// Folder of a host's further serving keys.
    pub(crate) fn keys_of(&self, host: &str) -> PathBuf {
        self.dir.join(format!("{host}-keys"))
    }

    /// The token in which everything is paid.
    pub(crate) const fn token(&self) -> EthAddress {
        self.token
    }

    /// Begins an act.
    pub(crate) async fn begin(&self) -> Result<Mark> {
        let chain = self.chain("deployer")?;
        let block = chain.rpc().block_number().await?;
        let snapshot = Snapshot::take(chain, self.token, &self.names).await?;
        Ok(Mark { snapshot, block, at: Instant::now() })
    }

    /// Ends an act: who gained what, and every transaction since its begin.
    pub(crate) async fn end(&mut self, mark: Mark, act: &mut PlayedAct) -> Result<Snapshot> {
        self.processes.check_all()?;
        let chain = self.chain("deployer")?;
        let snapshot = Snapshot::take(chain, self.token, &self.names).await?;
        act.gains = snapshot.since(&mark.snapshot)?;
        let blocks = mark.block + 1..=chain.rpc().block_number().await?;
        act.transactions = transactions(chain, &self.names, blocks).await?;
        act.seconds = mark.at.elapsed().as_secs_f64();
        Ok(snapshot)
    }

    fn introduce(&mut self) -> Result<()> {
        for person in &self.people {
            self.names.add(person.name, person.account.address());
        }
        let [beacon, contracts @ ..] = deploy::contracts(self.chain("deployer")?.addresses());
        for (name, address) in contracts.into_iter().chain([beacon, ("token", self.token)]) {
            self.names.add(name, address);
        }
        self.names.add("burned", BURNED);
        Ok(())
    }

    async fn fund(&self) -> Result<()> {
        let deployer = self.chain("deployer")?;
        for person in self.people.iter().filter(|person| person.name != "deployer") {
            let to = person.account.address();
            deploy::mint(deployer, to, Amount::new(10_000 * UNIT)).await?;
        }
        for name in PROVERS {
            let public = prover::keygen(&self.dir.join(format!("{name}.x25519")))?;
            let inbox = url(self.inbox_port(name)?);
            prover::join(self.chain(name)?, TICKETS, public, &inbox).await?;
        }
        Ok(())
    }
}

/// Windows that machines keep easily; where people watch, what is left of them is skipped.
fn params(token: EthAddress, beacon: BeaconSource) -> DeployParams {
    let base = DeployParams::local(token, Amount::new(SEAT_FEE));
    DeployParams {
        beacon,
        provers: ProverParams {
            ticket_price: Amount::new(TICKET_PRICE),
            // Longer than the days that a play lets pass.
            alive_period: 30 * DAY,
            ..base.provers
        },
        proofs: ProofParams { report_delay: 1, payout_delay: 4 },
        rounds: RoundParams { answer_window: 90, open_window: 90, payout_delay: 4, ..base.rounds },
    }
}

async fn deploy_all(settings: &ChainSettings, beacon: BeaconSource) -> Result<EthAddress> {
    let rpc = RpcConnection::signing(&settings.rpc_url, account(0)?)?;
    let token = deploy::token(&rpc).await?;
    let addresses = deploy::core(&rpc, &params(token, beacon), Some(token)).await?;
    addresses.save(&settings.addresses)?;
    Ok(token)
}

/// A drand network of one process.
struct DemoRelay {
    url: String,
    network: DrandNetwork<Bn254Key>,
}

/// Starts a relay whose first round was a moment ago, and asks it for its key.
async fn start_relay(processes: &mut Processes, oml: &Path, dir: &Path) -> Result<DemoRelay> {
    const PERIOD: u32 = 1;
    const MARGIN: u32 = 30;
    let url = url(free_port()?);
    let listen = url.trim_start_matches("http://").to_owned();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (genesis, key) = (now - 60, dir.join("relay.key").display().to_string());
    let (start, period) = (genesis.to_string(), PERIOD.to_string());
    let args = ["chain", "relay", "--listen", &listen, "--key", &key];
    let args = [&args[..], &["--genesis", &start, "--period", &period]].concat();
    processes.start("relay", oml, &args)?;
    let info = format!("{url}/info");
    processes.ready("relay", &info, Duration::from_secs(20)).await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let told: serde_json::Value = client.get(&info).send().await?.json().await?;
    let public_key = told["public_key"].as_str().unwrap_or_default().parse()?;
    let network = DrandNetwork { public_key, genesis, period: PERIOD, margin: MARGIN };
    Ok(DemoRelay { url, network })
}

async fn people(settings: &ChainSettings) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    for (index, name) in (0..).zip(PEOPLE) {
        let account = account(index)?;
        let chain = Chain::signing(settings, account.clone()).await?;
        people.push(Person { name, account, chain });
    }
    Ok(people)
}

fn account(index: u32) -> Result<SigningAccount> {
    Ok(SigningAccount::of_mnemonic(MNEMONIC, index)?)
}

async fn wait_for_chain(processes: &mut Processes, rpc_url: &str) -> Result<()> {
    let rpc = RpcConnection::reading(rpc_url)?;
    let start = Instant::now();
    while rpc.chain_id().await.is_err() {
        processes.check("chain")?;
        if start.elapsed() > Duration::from_secs(20) {
            return Err(fail(
                "the local chain does not answer",
                "see logs/chain.log in --dir",
                FailureKind::Timeout,
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
