//! `oml round seal`: by the owner's node, by the owner alone, or for a reporter to pay.

use crate::error::{FailureKind, HintExt as _, fail};
use crate::flags::Global;
use clap::Args;
use eyre::Result;
use oml_client::TxRecord;
use oml_client::files;
use oml_client::round::{self, Access, RoundKind, RoundOrder, SealFile, SealOrder};
use oml_contracts::EthAddress;
use std::path::{Path, PathBuf};

/// Order or sign a round about a deployment.
///
/// With --config the owner's node gets the order: it seals, hands out keys and opens. With
/// --payer-signed-by it signs a seal that a reporter pays for; the reporter sends it with `oml
/// report`. Without --config this command seals with the owner's secret, and nothing else happens:
/// somebody must hand out the keys and open.
#[derive(Args, Clone, Debug)]
pub(crate) struct Seal {
    /// License file of the accused
    #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
    license: PathBuf,
    /// Base URL of the deployment, as its host registered it
    #[arg(long, value_name = "URL")]
    uri: String,
    /// Configuration of the owner's node, which does the rest
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    config: Option<PathBuf>,
    /// Without a node: the owner's rounds secret
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Header that gets a tester in, e.g. 'Authorization: Bearer ...'; may be given several times
    #[arg(long = "access-header", value_name = "HEADER")]
    access: Vec<String>,
    /// The deployment is not registered: a conviction flags it, and slashes only if the terms carry
    /// leak liability
    #[arg(long)]
    leak: bool,
    /// Sign for this account, which pays and is the reporter, instead of sealing
    #[arg(long, value_name = "ACCOUNT", requires = "out")]
    payer_signed_by: Option<EthAddress>,
    /// Part of the owner's share of a slash that the payer is promised, in 1/10,000
    #[arg(long, default_value_t = 0, value_name = "BPS", requires = "payer_signed_by")]
    promise_bps: u16,
    /// Where to write the signed seal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Seal {
    fn kind(&self) -> RoundKind {
        if self.leak { RoundKind::Leak } else { RoundKind::Registered }
    }
}

/// Runs the command.
pub(super) async fn run(args: Seal, global: &Global) -> Result<()> {
    if args.promise_bps > 10_000 {
        return Err(fail(
            format!("--promise-bps {} is more than the whole", args.promise_bps),
            "10,000 is all of the owner's share",
            FailureKind::Failed,
        ));
    }
    if args.config.is_some() || args.payer_signed_by.is_some() {
        global.refuse_dry_run("an order or a signed seal")?;
        // An order whose seal has no place would use up a word.
        args.out.as_deref().map_or(Ok(()), files::require_free)?;
    }
    match &args.config {
        Some(config) => by_node(&args, config, global).await,
        None => by_secret(&args, global).await,
    }
}

/// Leaves the order with the owner's node.
async fn by_node(args: &Seal, config: &Path, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let order = RoundOrder {
        license: global.license(&args.license).await?,
        kind: args.kind(),
        uri: args.uri.clone(),
        access: access_of(&args.access)?,
        payer: args.payer_signed_by,
        promise_bps: args.promise_bps,
    };
    let config = oml_node::NodeConfig::load(config).map_err(|error| {
        fail(
            format!("{} is not a usable configuration: {error}", config.display()),
            "give the configuration of the owner's node, with [owner.rounds]",
            FailureKind::Failed,
        )
    })?;
    let ordered = round::order(&chain, &config, &order).await?;
    if let (Some(seal), Some(out)) = (&ordered.seal, &args.out) {
        write_seal(seal, out, global)?;
        return Ok(());
    }
    let id = ordered.round_id.to_string();
    global.output().result(&ordered, &id, || {
        format!("ordered round {id} of the owner's node, which seals it; `oml round show {id}`")
    });
    Ok(())
}

/// Seals, or signs for a payer, with the owner's secret at hand.
async fn by_secret(args: &Seal, global: &Global) -> Result<()> {
    let path = args.secret.clone().unwrap_or_else(|| PathBuf::from("rounds.secret"));
    let secret = round::load_secret(&path)?;
    let chain = match args.payer_signed_by {
        Some(_) => global.reading().await?,
        None => global.signing().await?,
    };
    let payer = args.payer_signed_by.map_or_else(|| chain.me(), Ok)?;
    let order = SealOrder {
        license: global.license(&args.license).await?,
        kind: args.kind(),
        uri: args.uri.clone(),
        access: access_of(&args.access)?,
        payer,
        promise_bps: args.promise_bps,
    };
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("seal.json"));
    if args.payer_signed_by.is_some() {
        let seal = round::seal(&chain, &secret, &order).await?;
        return write_seal(&seal, &out, global);
    }
    let sealed = round::seal_and_pay(&chain, &secret, &order, &out).await?;
    let id = sealed.round_id.to_string();
    global.output().result(&sealed, &id, || {
        let fees = &sealed.fees;
        let lines: Vec<String> = sealed.transactions.iter().map(TxRecord::line).collect();
        format!(
            "sealed round {id} for {fees}; hand out its keys and open it with what {} holds\n{}",
            out.display(),
            lines.join("\n")
        )
    });
    Ok(())
}

/// Writes a signed seal for a reporter.
fn write_seal(seal: &SealFile, out: &Path, global: &Global) -> Result<()> {
    // It names the accused, who is not to know.
    files::write_secret(out, &serde_json::to_vec_pretty(seal)?)?;
    let path = out.display().to_string();
    global.output().result(seal, &path, || {
        format!(
            "wrote {path}: {} pays with `oml report --seal {path} --uri {}`",
            seal.payer, seal.uri
        )
    });
    Ok(())
}

/// What the headers say, if there are any.
pub(crate) fn access_of(lines: &[String]) -> Result<Option<Access>> {
    if lines.is_empty() {
        return Ok(None);
    }
    let access = Access::from_lines(lines.iter().map(String::as_str));
    Ok(Some(access.hint(
        "--access-header is none that a tester can send",
        "write it as in a request, e.g. 'Authorization: Bearer ...'",
        FailureKind::Failed,
    )?))
}
