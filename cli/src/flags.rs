//! Flags that every command takes, and what they choose: the chain, the signer, how models are
//! loaded.

use crate::compute::ComputeArgs;
use crate::error::{FailureKind, fail};
use crate::output::{Format, Output};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use eyre::Result;
use oml_client::signer::SignerOptions;
use oml_client::{Chain, ChainSettings};
use oml_node::chain::AccountSigner;
use std::path::PathBuf;
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

    /// The chain, for reading.
    pub(crate) async fn reading(&self) -> Result<Chain> {
        Ok(Chain::reading(&self.settings()).await?)
    }

    /// The chain, with the signing account.
    pub(crate) async fn signing(&self) -> Result<Chain> {
        let account = self.account().await?;
        Ok(Chain::signing(&self.settings(), account).await?)
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
    /// JSON-RPC endpoint
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
