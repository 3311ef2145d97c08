//! `oml chain relay`: a drand network of one's own, served by one process.

use crate::error::{FailureKind, HintExt as _};
use crate::flags::Global;
use clap::Args;
use eyre::Result;
use oml_client::files;
use oml_relay::{Relay, RelayKey, Schedule};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the relay serves.
#[derive(Args, Clone, Debug)]
pub(crate) struct RelayArgs {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// File with the seed of its key, 32 bytes in hex; made if it is not there
    #[arg(long, default_value = "relay.key", value_name = "FILE")]
    key: PathBuf,
    /// Time of round 1, Unix seconds; now if it is not given
    #[arg(long, value_name = "SECONDS")]
    genesis: Option<u64>,
    /// Seconds between rounds
    #[arg(long, default_value_t = 1, value_name = "SECONDS")]
    period: u32,
}

/// Serves until it is stopped; says first what a deployment must be told.
pub(super) async fn run(args: RelayArgs, global: &Global) -> Result<()> {
    let key = load_or_make(&args.key)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let schedule = Schedule { genesis: args.genesis.unwrap_or(now), period: args.period.into() };
    let public_key = hex::encode(key.public_key());
    let relay = Relay::listen(args.listen, key, schedule).await.hint(
        "the relay can't serve",
        "give another --listen or --period",
        FailureKind::Failed,
    )?;
    let (url, genesis) = (relay.url(), schedule.genesis);
    let told = json!({
        "url": url, "publicKey": public_key, "genesis": genesis, "period": args.period,
    });
    global.output().result(&told, &url, || {
        format!(
            "serving {url}\ndeploy with: --beacon drand-evmnet --drand-public-key {public_key} \
             --drand-genesis {genesis} --drand-period {}\nbring rounds with: --drand-endpoint {url}",
            args.period
        )
    });
    Ok(relay.serve().await?)
}

fn load_or_make(path: &std::path::Path) -> Result<RelayKey> {
    if !path.exists() {
        files::write_secret(path, hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    }
    let text = std::fs::read_to_string(path)?;
    let mut seed = [0; 32];
    let decoded = hex::decode_to_slice(text.trim().trim_start_matches("0x"), &mut seed);
    let message = format!("{} is no seed of a relay's key", path.display());
    let hint = "it holds 32 bytes in hex; remove the file to make another";
    decoded.hint(message.clone(), hint, FailureKind::Failed)?;
    Ok(RelayKey::from_seed(seed).hint(message, hint, FailureKind::Failed)?)
}
