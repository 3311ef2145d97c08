//! The play in progress: who has what, what runs, and what every act needs.

use crate::ledger::Snapshot;
use crate::options::DemoOptions;
use crate::ports::{free_port, url};
use crate::processes::AtEnd;
use crate::report::PlayedAct;

use crate::scenario::{Mark, Scenario};
use eyre::{Result, eyre};
use oml_client::files::LicenseFile;
use oml_client::{Progress, balance, local_model};
use oml_contracts::{ModelId, Terms};
use oml_prover::fingerprint::Universe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The play in progress.
#[expect(missing_debug_implementations, reason = "whoever is told need not be printable")]
pub struct Play {
    pub(crate) stage: Scenario,
    pub(crate) options: DemoOptions,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) model_dir: PathBuf,
    pub(crate) model_id: ModelId,
    pub(crate) terms: Option<Terms>,
    /// Licenses in the order in which they were bought.
    pub(crate) licenses: Vec<LicenseFile>,
    /// Directories of their copies.
    pub(crate) copies: Vec<PathBuf>,
    /// Base URL of the owner's node, once it runs.
    pub(crate) owner_url: String,
    /// Directory of the owner's universe.
    pub(crate) universe: PathBuf,
    /// File with the key that opens it.
    pub(crate) key_file: PathBuf,
    /// The universe itself, once it is made.
    pub(crate) secrets: Option<Universe>,
    /// Hosts' gateways by their names.
    pub(crate) gateways: Vec<(String, String)>,
    nodes: Vec<StartedNode>,
}

/// A node that can be started again.
#[derive(Clone, Debug)]
struct StartedNode {
    name: String,
    config: PathBuf,
    port: u16,
}

impl Play {
    /// Sets the stage.
    ///
    /// # Errors
    /// The model or anvil is missing, a process dies, or a transaction fails.
    pub async fn open(
        options: &DemoOptions,
        dir: &Path,
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let model_dir = local_model::locate(&options.model)?;
        progress.say("starting a local chain, deploying the contracts, funding everyone");
        let at_end = if options.keep { AtEnd::Keep } else { AtEnd::Kill };
        let stage = Scenario::set(dir, options, at_end).await?;
        Ok(Self {
            owner_url: String::new(),
            universe: stage.dir.join("owner"),
            key_file: stage.dir.join("owner/universe.key"),
            stage,
            options: options.clone(),
            progress,
            model_dir,
            model_id: ModelId::ZERO,
            terms: None,
            licenses: Vec::new(),
            copies: Vec::new(),
            secrets: None,
            gateways: Vec::new(),
            nodes: Vec::new(),
        })
    }

    pub(crate) fn say(&self, line: impl AsRef<str>) {
        self.progress.say(line.as_ref());
    }

    pub(crate) async fn start_node(&mut self, name: &str, config: &Path, port: u16) -> Result<()> {
        let oml = self.stage.oml.clone();
        let config = config.display().to_string();
        let args = ["--log", "info", "node", "run", "--config", &config];
        self.stage.processes.start(name, &oml, &args)?;
        self.nodes.retain(|known| known.name != name);
        let (name_kept, config) = (name.to_owned(), PathBuf::from(&config));
        self.nodes.push(StartedNode { name: name_kept, config, port });
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
        let known = self.nodes.iter().find(|known| known.name == name).cloned();
        let known = known.ok_or_else(|| eyre!("no node {name} was started"))?;
        self.start_node(name, &known.config, known.port).await
    }

    /// Sends a signal (`STOP`, `CONT`, `KILL`) to a process of the play.
    ///
    /// # Errors
    /// No such process.
    pub async fn signal(&mut self, name: &str, signal: &str) -> Result<()> {
        self.stage.processes.signal(name, signal).await
    }

    /// Endpoint of the chain, for tests that disturb it.
    #[must_use]
    pub fn rpc_url(&self) -> &str {
        &self.stage.settings.rpc_url
    }

    /// A plain model server: no vouchers, no receipts.
    pub(crate) async fn start_server(&mut self, name: &str, model: &Path) -> Result<String> {
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

    /// Everyone pulls what they are owed; the books close.
    ///
    /// # Errors
    /// Money that went to a stranger, or a process that can't be stopped.
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
    pub(crate) async fn pull(&self, people: &[&str]) -> Result<()> {
        for name in people {
            balance::withdraw_all(self.stage.chain(name)?, self.stage.token()).await?;
        }
        Ok(())
    }

    pub(crate) fn start(&self, number: u8, title: &str) -> PlayedAct {
        self.say(format!("\nact {number}: {title}"));
        PlayedAct::new(number, title)
    }

    pub(crate) async fn finish(&mut self, mark: Mark, mut act: PlayedAct) -> Result<PlayedAct> {
        self.stage.end(mark, &mut act).await?;
        self.say(format!("  {} ({:.1} s)", act.verdict, act.seconds));
        Ok(act)
    }

    /// How to look around in what is left running.
    pub(crate) fn explore(&self) -> String {
        let mut lines = vec![String::new(), "still running:".to_owned()];
        lines.extend(
            self.stage
                .processes
                .list()
                .into_iter()
                .map(|(name, pid)| format!("  {name} (process {pid})")),
        );
        let settings = &self.stage.settings;
        lines.push(format!(
            "export ETH_RPC_URL={} OML_ADDRESSES={}",
            settings.rpc_url,
            settings.addresses.display()
        ));
        lines.push("oml chain show; oml round list; oml prover list".to_owned());
        lines.extend(
            self.gateways.iter().map(|(name, gateway)| format!("{name}'s gateway: {gateway}")),
        );
        let pids: Vec<String> =
            self.stage.processes.list().into_iter().map(|(_, pid)| pid.to_string()).collect();
        lines.push(format!("stop everything: kill {}", pids.join(" ")));
        lines.join("\n")
    }
}
