//! `oml channel`: a payer's money set aside for one license.

use super::recover::{self, LostChannel, OfAccount};
use crate::error::{FailureKind, HintExt as _};
use crate::flags::Global;
use crate::output::table;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::channel::{self, ChangedChannel, CloseChannel, CloseWitness, OpenChannel};
use oml_client::files::{self, ChannelFile, CloseFile, LicenseFile};
use oml_client::vouchers::open_store;
use oml_client::{Chain, TxRecord, opening};
use oml_contracts::{Amount, ChannelId, EthAddress};
use oml_node::NodeConfig;
use std::path::{Path, PathBuf};

/// Verbs of `oml channel`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Open a channel to a license and deposit
    Open {
        /// License file of the host
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Deposit in the license's currency, e.g. 25
        #[arg(long)]
        amount: String,
        /// Session key that will sign vouchers; the payer itself if not given
        #[arg(long)]
        voucher_signer: Option<EthAddress>,
        /// Where to write the channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Add to a channel
    Deposit {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
        /// Amount in the license's currency, e.g. 10
        #[arg(long)]
        amount: String,
    },
    /// Start to leave; the host has the thaw period to claim
    Thaw {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
    },
    /// Get the unclaimed rest back after the thaw; the channel is closed
    Withdraw {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
    },
    /// Sign, as the host, that of the deposit nothing above an amount will be claimed; the payer
    /// can then close
    SignClose {
        /// Channel file, from the payer
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
        /// All that will ever be claimed, e.g. 2.5; at least what was served for
        #[arg(long)]
        amount: String,
        #[command(flatten)]
        node: HostNode,
        /// Where to write it
        #[arg(long, default_value = "close.json", value_name = "FILE")]
        out: PathBuf,
    },
    /// Close a channel for good without a thaw: the rest goes to the payer at once
    Close {
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
        #[command(flatten)]
        how: HowToClose,
    },
    /// List the channels that an account has opened
    List(OfAccount),
    /// Write a channel file that was lost again, with its salt, from what the chain has
    Recover(LostChannel),
    /// Show deposit, claims and reservation
    Show {
        /// Channel, as `list` shows it
        #[arg(value_name = "ID", conflicts_with = "channel")]
        id: Option<ChannelId>,
        /// Channel file
        #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
        channel: PathBuf,
    },
}

/// Where the host's word is kept before it is given.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct HostNode {
    /// Store of the host's node, e.g. sqlite:oml-node.db: from then on its gateways serve nothing
    /// on the channel
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Configuration of the host's node, which names its store
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// No node of this host serves on the channel, nor ever will
    #[arg(long)]
    no_node: bool,
}

impl HostNode {
    /// URL of the node's store, if there is a node.
    fn store(&self) -> Result<Option<String>> {
        let Some(path) = &self.config else { return Ok(self.store.clone()) };
        let config = NodeConfig::load(path).hint(
            format!("{} is not a usable configuration", path.display()),
            "name the store itself with --store URL",
            FailureKind::Failed,
        )?;
        Ok(Some(config.store.url))
    }
}

/// Whose word ends a channel.
#[derive(Args, Clone, Debug)]
pub(crate) struct HowToClose {
    /// The host's signature, as `sign-close` writes it; anyone may bring it
    #[arg(long, value_name = "FILE", required_unless_present = "amount")]
    signed: Option<PathBuf>,
    /// As the host itself, without a signature: all that it will ever claim
    #[arg(long, conflicts_with = "signed")]
    amount: Option<String>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let load = async |named: PathBuf| global.channel(&named).await;
    let changed = match verb {
        Verb::Show { id, channel } => {
            let named = id.map_or(channel, |id| id.to_string().into());
            return show(&load(named).await?, global).await;
        }
        Verb::List(of) => return recover::list_channels(&of, global).await,
        Verb::Recover(lost) => return recover::recover_channel(&lost, global).await,
        Verb::SignClose { channel, amount, node, out } => {
            global.refuse_dry_run("a signature that ends a channel")?;
            files::require_free(&out)?;
            let signed = sign_close(&load(channel).await?, &amount, &node, global).await?;
            return write_close(&signed, &out, global);
        }
        Verb::Open { license, amount, voucher_signer, out } => {
            let chain = global.signing().await?;
            let license = global.license(&license).await?;
            let amount = parse(&chain, &license, &amount).await?;
            let order = OpenChannel { license, voucher_signer, amount };
            let opened = opening::open(&chain, &order, &out).await?;
            say_kept(&out, opened.change.transactions.is_empty(), global);
            opened.change
        }
        Verb::Deposit { channel, amount } => {
            let chain = global.signing().await?;
            let channel = load(channel).await?;
            let amount = parse(&chain, &channel.license, &amount).await?;
            channel::deposit(&chain, &channel, amount).await?
        }
        Verb::Thaw { channel } => {
            channel::thaw(&global.signing().await?, &load(channel).await?).await?
        }
        Verb::Withdraw { channel } => {
            channel::withdraw(&global.signing().await?, &load(channel).await?).await?
        }
        Verb::Close { channel, how } => {
            let chain = global.signing().await?;
            let channel = load(channel).await?;
            channel::close(&chain, &channel, &how.read(&chain, &channel).await?).await?
        }
    };
    print(&changed, global);
    Ok(())
}

/// An amount in the currency of a license, as its chain describes it.
async fn parse(chain: &Chain, license: &LicenseFile, amount: &str) -> Result<Amount> {
    Ok(chain.currency(license.terms.currency).await?.parse(amount)?)
}

/// Says where a file is that is needed from now on.
pub(super) fn say_kept(path: &Path, was_done: bool, global: &Global) {
    let path = path.display();
    global.output().progress(match (global.chain.dry_run, was_done) {
        (true, _) => format!("dry run: {path} was not written"),
        (false, true) => format!("it was done before, and nothing was sent; {path} is complete"),
        (false, false) => format!("wrote {path}; keep a copy"),
    });
}

fn print(changed: &ChangedChannel, global: &Global) {
    let lines: Vec<String> = changed.transactions.iter().map(TxRecord::line).collect();
    let id = changed.channel_id.to_string();
    global.output().result(changed, &id, || format!("channel {id}\n{}", lines.join("\n")));
}

impl HowToClose {
    /// The host's word, or its own decision.
    async fn read(&self, chain: &Chain, channel: &ChannelFile) -> Result<CloseChannel> {
        if let Some(path) = &self.signed {
            let word = CloseFile::load(path)?.require(channel.channel_id, path)?;
            return Ok(CloseChannel::Signed(word));
        }
        let amount = self.amount.as_deref().unwrap_or_default();
        Ok(CloseChannel::AsHost(parse(chain, &channel.license, amount).await?))
    }
}

async fn sign_close(
    channel: &ChannelFile,
    amount: &str,
    node: &HostNode,
    global: &Global,
) -> Result<CloseFile> {
    let chain = global.signing().await?;
    let amount = parse(&chain, &channel.license, amount).await?;
    let Some(url) = node.store()? else {
        return Ok(channel::sign_close(&chain, channel, amount, &CloseWitness::NoNode).await?);
    };
    let store = open_store(&url).await?;
    Ok(channel::sign_close(&chain, channel, amount, &CloseWitness::Node(&store)).await?)
}

fn write_close(signed: &CloseFile, out: &Path, global: &Global) -> Result<()> {
    files::keep(out, signed)?;
    let path = out.display().to_string();
    global.output().result(signed, &path, || {
        format!("wrote {path}; give it to the payer, for `oml channel close --signed`")
    });
    Ok(())
}

async fn show(channel: &ChannelFile, global: &Global) -> Result<()> {
    let standing = channel::standing(&global.reading().await?, channel).await?;
    global.output().result(&standing, &standing.claimed.units().to_string(), || {
        let thaw = match standing.thaw_end {
            0 => "not begun".to_owned(),
            end => format!("ends at {end} (Unix seconds)"),
        };
        let rows = [
            ["channel".to_owned(), standing.channel_id.to_string()],
            ["state".to_owned(), if standing.is_open { "open" } else { "not open" }.to_owned()],
            ["deposited".to_owned(), standing.deposited.to_string()],
            ["claimed".to_owned(), standing.claimed.to_string()],
            ["claimed or reserved".to_owned(), standing.declared.to_string()],
            ["thaw".to_owned(), thaw],
        ];
        table(["what", "value"], rows)
    });
    Ok(())
}
