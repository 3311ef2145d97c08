//! `oml license seal|fetch|accept|deliver|open|receive|reject|release-fee`: how a copy gets to its
//! host.

use crate::flags::Global;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::delivery::AcceptedCopy;
use oml_client::files::LicenseFile;
use oml_client::{TxRecord, delivery};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The steps of a delivery.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Owner: seal a license's copy for its host; the owner's node can serve the folder
    Seal {
        #[command(flatten)]
        named: NamedLicense,
        /// Folder of the copy, as `oml fingerprint embed` writes it
        #[arg(long, value_name = "DIR")]
        copy: PathBuf,
        /// Folder for the sealed copy and its secret key
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Host: fetch the sealed copy from the owner's node; goes on where it broke off
    Fetch {
        #[command(flatten)]
        host: HostSide,
        /// Base URL of the owner's node
        #[arg(long, value_name = "URL")]
        from: String,
    },
    /// Host: check every byte of the sealed copy and accept it; the owner then delivers its key
    Accept {
        #[command(flatten)]
        host: HostSide,
    },
    /// Owner: put the key of an accepted copy on chain and fetch the fee; the owner's node does so
    /// by itself
    Deliver {
        #[command(flatten)]
        named: NamedLicense,
        /// Folder of the sealed copy
        #[arg(long, value_name = "DIR")]
        sealed: PathBuf,
        /// Longest wait for the host's acceptance to be final, in seconds
        #[arg(long, default_value_t = 1_800)]
        wait: u64,
    },
    /// Host: open the sealed copy with the key that is on chain
    Open {
        #[command(flatten)]
        host: HostSide,
        /// Folder for the copy; must not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Longest wait for the key, in seconds
        #[arg(long, default_value_t = 1_800)]
        wait: u64,
    },
    /// Host: fetch, accept and open in one; the same command goes on where it was stopped
    Receive {
        #[command(flatten)]
        host: HostSide,
        /// Base URL of the owner's node
        #[arg(long, value_name = "URL")]
        from: String,
        /// Folder for the copy; must not exist
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Longest wait for the key, in seconds
        #[arg(long, default_value_t = 1_800)]
        wait: u64,
    },
    /// Host: reject the copy during its trial; the license ends, half of the fee comes back
    Reject(NamedLicense),
    /// Give the owner what is due of the fee; anyone may
    ReleaseFee(NamedLicense),
}

/// Names a license by its file.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedLicense {
    /// License file, as `acquire` writes it
    #[arg(long, default_value = "license.json", value_name = "FILE|ID")]
    license: PathBuf,
}

impl NamedLicense {
    pub(super) async fn load(&self, global: &Global) -> Result<LicenseFile> {
        global.license(&self.license).await
    }
}

/// What a host needs of its own.
#[derive(Args, Clone, Debug)]
pub(crate) struct HostSide {
    #[command(flatten)]
    named: NamedLicense,
    /// Folder of the sealed copy
    #[arg(long, value_name = "DIR")]
    sealed: PathBuf,
    /// Secret key to which the copy is sealed; beside the license file if not given
    #[arg(long, value_name = "FILE")]
    copy_key: Option<PathBuf>,
}

impl HostSide {
    fn key(&self) -> Result<oml_prover::sealed_box::EncryptionKey> {
        let path = copy_key_path(self.copy_key.as_deref(), &self.named.license);
        Ok(delivery::load_encryption_key(&path)?)
    }
}

/// Where the secret key of a license's copy lies: `license.json` has `license.copy-key`.
pub(super) fn copy_key_path(given: Option<&Path>, license: &Path) -> PathBuf {
    given.map_or_else(|| license.with_extension("copy-key"), Path::to_owned)
}

/// Runs a step.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Seal { named, copy, out } => seal(&named, &copy, &out, global).await,
        Verb::Fetch { host, from } => fetch(&host, &from, global).await,
        Verb::Open { host, out, wait } => open(&host, &out, wait, global).await,
        Verb::Receive { host, from, out, wait } => {
            global.refuse_dry_run("receiving a copy")?;
            let (license, key, output) =
                (host.named.load(global).await?, host.key()?, global.output());
            delivery::fetch(&from, &license, &key, &host.sealed, &output).await?;
            accepted(&host, global).await?;
            open(&host, &out, wait, global).await
        }
        Verb::Accept { host } => {
            let accepted = accepted(&host, global).await?;
            let root = accepted.sealed_root.to_string();
            sent(global, &accepted, &root, "accepted", &accepted.transactions)
        }
        Verb::Deliver { named, sealed, wait } => {
            let (chain, license) = (global.signing().await?, named.load(global).await?);
            let wait = Duration::from_secs(wait);
            let delivered = delivery::deliver(&chain, &license, &sealed, wait).await?;
            let id = delivered.license_id.to_string();
            sent(global, &delivered, &id, "delivered the key of", &delivered.transactions)
        }
        Verb::Reject(named) => {
            let changed =
                delivery::reject(&global.signing().await?, &named.load(global).await?).await?;
            let id = changed.license_id.to_string();
            sent(global, &changed, &id, "rejected the copy of", &changed.transactions)
        }
        Verb::ReleaseFee(named) => {
            let changed =
                delivery::release_fee(&global.signing().await?, &named.load(global).await?).await?;
            let id = changed.license_id.to_string();
            sent(global, &changed, &id, "released the fee of", &changed.transactions)
        }
    }
}

async fn seal(named: &NamedLicense, copy: &Path, out: &Path, global: &Global) -> Result<()> {
    global.refuse_dry_run("sealing a copy")?;
    let (chain, output) = (global.reading().await?, global.output());
    let made = delivery::seal(&chain, &named.load(global).await?, copy, out, &output).await?;
    let (root, bytes, dir) = (made.sealed_root.to_string(), made.bytes, made.dir.display());
    output.result(&made, &root, || {
        format!(
            "sealed copy {root}\n{bytes} bytes in {dir}\n\
             keep delivery.key: it is what you are paid for"
        )
    });
    Ok(())
}

async fn fetch(host: &HostSide, from: &str, global: &Global) -> Result<()> {
    global.refuse_dry_run("fetching a copy")?;
    let (license, key, output) = (host.named.load(global).await?, host.key()?, global.output());
    let got = delivery::fetch(from, &license, &key, &host.sealed, &output).await?;
    let (root, bytes, dir) = (got.sealed_root.to_string(), got.bytes, got.dir.display());
    output.result(&got, &root, || format!("sealed copy {root}\n{bytes} bytes in {dir}"));
    Ok(())
}

async fn accepted(host: &HostSide, global: &Global) -> Result<AcceptedCopy> {
    let (chain, license) = (global.signing().await?, host.named.load(global).await?);
    let (key, output) = (host.key()?, global.output());
    Ok(delivery::accept(&chain, &license, &key, &host.sealed, &output).await?)
}

async fn open(host: &HostSide, out: &Path, wait: u64, global: &Global) -> Result<()> {
    global.refuse_dry_run("opening a copy")?;
    let (chain, license) = (global.reading().await?, host.named.load(global).await?);
    let (key, wait, output) = (host.key()?, Duration::from_secs(wait), global.output());
    let place = (host.sealed.as_path(), out);
    let opened = delivery::open(&chain, &license, &key, place, wait, &output).await?;
    let dir = opened.dir.display().to_string();
    output.result(&opened, &dir, || format!("copy in {dir}"));
    Ok(())
}

/// Says what was done to `id`, and what was sent for it.
fn sent(
    global: &Global,
    data: &impl Serialize,
    id: &str,
    done: &str,
    records: &[TxRecord],
) -> Result<()> {
    let lines: Vec<String> = records.iter().map(TxRecord::line).collect();
    global.output().result(data, id, || format!("{done} {id}\n{}", lines.join("\n")));
    Ok(())
}
