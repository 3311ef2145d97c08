//! Flags that every command takes, and what they choose: the chain, the signer, how models are
//! loaded.

mod fill;

use crate::compute::ComputeArgs;
use crate::consent::{AtTerminal, Listener};
use crate::error::{FailureKind, fail};
use crate::output::{Format, Output};
use crate::profile::Context;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use eyre::Result;
use oml_client::signer::SignerOptions;
use oml_client::{Chain, ChainSettings, Consent as _, PlannedCall, RpcConnection};
use oml_contracts::EthAddress;
use oml_node::chain::AccountSigner;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Flags that every command takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How results are printed
    #[arg(long, env = "OML_FORMAT", value_enum, default_value_t, global = true)]
    pub(crate) format: Format,
    /// What is logged on stderr, e.g. `info` or `oml_node=debug` [default: warn, for servers info]
    #[arg(long, env = "OML_LOG", value_name = "FILTER", value_parser = log_filter, global = true)]
    pub(crate) log: Option<String>,
    /// Profile whose settings are used where neither flags nor variables say anything
    #[arg(long, env = "OML_PROFILE", value_name = "NAME", global = true)]
    pub(crate) profile: Option<String>,
    /// Send without a question; without a terminal nobody is asked
    #[arg(long, env = "OML_YES", global = true)]
    pub(crate) yes: bool,
    /// What the profile says besides
    #[arg(skip)]
    pub(crate) context: Context,
    /// What was typed, by keys of a profile
    #[arg(skip)]
    pub(crate) typed: Vec<(&'static str, String)>,
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
    #[command(flatten)]
    pub(crate) chain: ChainArgs,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
}

impl Global {
    /// The output of this call.
    pub(crate) const fn output(&self) -> Output {
        Output::new(self.format)
    }

    /// Which chain, which contracts.
    pub(crate) fn settings(&self) -> ChainSettings {
        ChainSettings {
            rpc_url: self.chain.rpc_url.clone(),
            addresses: self.chain.addresses.clone(),
            drand_endpoints: self.drand_endpoints(),
            dry_run: self.chain.dry_run,
            tx_timeout: Duration::from_secs(self.chain.tx_timeout),
        }
    }

    /// Relays that were named; an empty variable names none.
    pub(crate) fn drand_endpoints(&self) -> Vec<String> {
        self.chain.drand_endpoints.iter().filter(|url| !url.is_empty()).cloned().collect()
    }

    /// Refuses a dry run of what sends nothing but makes a file, a key or a signature: it would
    /// make them all the same.
    pub(crate) fn refuse_dry_run(&self, what: &str) -> Result<()> {
        if !self.chain.dry_run {
            return Ok(());
        }
        Err(fail(
            format!("{what} can't be simulated: it is made here, and nothing is sent for it"),
            "leave --dry-run (OML_DRY_RUN) away; what exists is never written over",
            FailureKind::Failed,
        ))
    }

    /// The signing account; asks for a keystore's password if no flag gives it.
    pub(crate) async fn account(&self) -> Result<AccountSigner> {
        let ask = |question: &str| rpassword::prompt_password(question);
        Ok(self.signer.options().account(ask).await?)
    }

    /// Whose things are meant: the account that was named, else the profile's address, else the
    /// signer.
    pub(crate) async fn account_or(&self, named: Option<EthAddress>) -> Result<EthAddress> {
        // A signer that flags or variables name is another account than the profile's.
        match named.or(self.context.address.filter(|_| !self.context.has_other_signer())) {
            Some(address) => Ok(address),
            None => Ok(self.account().await?.address()),
        }
    }

    /// The chain, for reading.
    pub(crate) async fn reading(&self) -> Result<Chain> {
        Ok(Chain::reading(&self.settings()).await?)
    }

    /// The chain, with the signing account.
    pub(crate) async fn signing(&self) -> Result<Chain> {
        let account = self.account().await?;
        let chain = Chain::signing(&self.settings(), account).await?;
        let listener = Listener::of_this_process(self.yes);
        Ok(chain.asking(Arc::new(AtTerminal::new(self.output(), listener))))
    }

    /// The gateway that is paid: the one that was named, else the profile's.
    pub(crate) fn gateway(&self, named: Option<&str>) -> Result<String> {
        let found = named.filter(|url| !url.is_empty()).or(self.context.gateway.as_deref());
        found.map(str::to_owned).ok_or_else(|| {
            fail(
                "no gateway is named",
                "give its base URL with --gateway or OML_GATEWAY, or keep it in a profile with \
                 `oml profile set gateway URL`",
                FailureKind::Failed,
            )
        })
    }

    /// Asks before the contracts are deployed, which is many transactions.
    pub(crate) fn agree_to_deploy(&self, rpc: &RpcConnection, chain_id: u64) -> Result<()> {
        let signer = rpc.account()?.address();
        let call = PlannedCall::of_deployment(chain_id, rpc.url(), signer);
        let listener = Listener::of_this_process(self.yes);
        if AtTerminal::new(self.output(), listener).agrees(&call) {
            return Ok(());
        }
        let hint = "nothing was sent; --yes goes on without a question";
        Err(fail("nothing was deployed: you did not agree to it", hint, FailureKind::Failed))
    }
}

/// A filter that logging takes.
fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; use a level (error, warn, info, debug, trace) or target=level pairs"
        )),
    }
}

/// Which chain, which contracts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// URL of the chain's JSON-RPC endpoint
    #[arg(
        long,
        env = "ETH_RPC_URL",
        default_value = "http://127.0.0.1:8545",
        value_name = "URL",
        global = true
    )]
    pub rpc_url: String,
    /// Addresses file of the deployment
    #[arg(
        long,
        env = "OML_ADDRESSES",
        default_value = "addresses.json",
        value_name = "FILE",
        global = true
    )]
    pub addresses: PathBuf,
    /// Relay of the drand network that the deployment's beacon follows, as the URL of its chain;
    /// may be given several times [default: drand's own relays]
    #[arg(
        long = "drand-endpoint",
        env = "OML_DRAND_ENDPOINTS",
        value_delimiter = ',',
        value_name = "URL",
        global = true
    )]
    pub drand_endpoints: Vec<String>,
    /// Simulate and print what would be sent, send nothing
    #[arg(long, env = "OML_DRY_RUN", global = true)]
    pub dry_run: bool,
    /// Seconds to wait for a transaction
    #[arg(
        long,
        env = "OML_TX_TIMEOUT",
        default_value_t = 120,
        value_name = "SECONDS",
        global = true
    )]
    pub tx_timeout: u64,
}

/// Ids of the flags that name the signing account.
const NAMING: [&str; 5] = ["keystore", "account", "private_key", "mnemonic", "signer"];

/// Signer flags: one of them names the account. Those of keystores are the same as `cast`'s.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// Encrypted keystore file (JSON, as Foundry and geth write it)
    #[arg(long, env = "ETH_KEYSTORE", value_name = "FILE", global = true)]
    keystore: Option<PathBuf>,
    /// Name of a keystore in ~/.foundry/keystores
    #[arg(long, env = "ETH_KEYSTORE_ACCOUNT", value_name = "NAME", global = true)]
    account: Option<String>,
    /// File holding the keystore's password
    #[arg(long, env = "ETH_PASSWORD", value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// The keystore's password; other users of this machine can see it, prefer --password-file
    #[arg(
        long,
        env = "OML_UNSAFE_PASSWORD",
        hide_env_values = true,
        value_name = "TEXT",
        global = true
    )]
    unsafe_password: Option<String>,
    /// Raw private key; only for local chains
    #[arg(
        long,
        env = "OML_PRIVATE_KEY",
        hide_env_values = true,
        value_name = "HEX",
        global = true
    )]
    private_key: Option<String>,
    /// BIP-39 mnemonic; only for local chains
    #[arg(long, env = "OML_MNEMONIC", hide_env_values = true, value_name = "WORDS", global = true)]
    mnemonic: Option<String>,
    /// Which account of the mnemonic
    #[arg(long, default_value_t = 0, value_name = "N", global = true)]
    mnemonic_index: u32,
    /// Key that a cloud holds: `aws:KEY_ID_OR_ARN[@REGION]` or `gcp:projects/…/cryptoKeyVersions/V`
    #[arg(long, env = "OML_SIGNER", value_name = "KEY", global = true)]
    signer: Option<String>,
}

impl SignerArgs {
    /// Lets an account that the command line names win over all that the environment names.
    ///
    /// # Errors
    /// The command line names two.
    pub(crate) fn prefer_flags(&mut self, matches: &ArgMatches) -> Result<(), String> {
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let typed: Vec<&str> = NAMING.into_iter().filter(|id| is_typed(id)).collect();
        if let [first, second, ..] = typed[..] {
            let flag = |id: &str| format!("--{}", id.replace('_', "-"));
            return Err(format!(
                "{} and {} both name the signing account; give one of them",
                flag(first),
                flag(second)
            ));
        }
        let Some(chosen) = typed.first() else { return Ok(()) };
        let places =
            [&mut self.private_key, &mut self.mnemonic, &mut self.account, &mut self.signer];
        let ids = ["private_key", "mnemonic", "account", "signer"];
        for (id, place) in ids.into_iter().zip(places) {
            if id != *chosen {
                *place = None;
            }
        }
        if *chosen != "keystore" {
            self.keystore = None;
        }
        Ok(())
    }

    /// Whether a raw key or its words were given.
    pub(crate) const fn names_a_key(&self) -> bool {
        self.private_key.is_some() || self.mnemonic.is_some()
    }

    /// What the flags name.
    pub(crate) fn options(&self) -> SignerOptions {
        SignerOptions {
            keystore: self.keystore.clone(),
            account: self.account.clone(),
            password_file: self.password_file.clone(),
            password: self.unsafe_password.clone(),
            private_key: self.private_key.clone(),
            mnemonic: self.mnemonic.clone(),
            mnemonic_index: self.mnemonic_index,
            // An empty variable names none.
            remote: self.signer.clone().filter(|key| !key.is_empty()),
        }
    }
}
