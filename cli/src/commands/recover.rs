//! What an account has on chain, and files of it that were lost: `list` and `recover` of
//! `oml license` and `oml channel`, and `oml recover` for all of them.

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::{Chain, files, license, recover, recover_all};
use oml_contracts::{ChannelId, EthAddress, LicenseId};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Whose licenses or channels.
#[derive(Args, Clone, Debug)]
pub(crate) struct OfAccount {
    /// Account that bought or opened them [default: the profile's address, else the signer]
    #[arg(value_name = "ACCOUNT")]
    holder: Option<EthAddress>,
}

impl OfAccount {
    async fn account(&self, global: &Global) -> Result<EthAddress> {
        global.account_or(self.holder).await
    }
}

/// Write the files of an account again: licenses, channels and terms, as far as the chain knows
/// them. What it can't know is named.
#[derive(Args, Clone, Debug)]
pub(crate) struct Recover {
    #[command(flatten)]
    of: OfAccount,
    /// Folder for the files; what is there is never written over
    #[arg(long, default_value = "recovered", value_name = "DIR")]
    out: PathBuf,
}

/// Runs `oml recover`.
pub(crate) async fn everything(args: &Recover, global: &Global) -> Result<()> {
    let account = args.of.account(global).await?;
    let chain = global.reading().await?;
    let found = recover_all::everything(&chain, account, &args.out).await?;
    let paths: Vec<String> = found.files.iter().map(|one| one.file.display().to_string()).collect();
    global.output().result(&found, &paths.join("\n"), || {
        let state = |kept| match (kept, chain.is_dry_run()) {
            (true, _) => "was there",
            (false, true) => "dry run: not written",
            (false, false) => "written",
        };
        let rows = found.files.iter().map(|one| {
            let path = one.file.display().to_string();
            [one.kind.to_owned(), state(one.kept).to_owned(), path]
        });
        let lost =
            found.unrecoverable.iter().map(|lost| format!("{}: {}", lost.what, lost.without_it));
        let lost: Vec<String> = lost.collect();
        format!(
            "{}\n\nNo chain knows these; look for a copy of the disk:\n  {}",
            table(["what", "state", "file"], rows),
            lost.join("\n  ")
        )
    });
    Ok(())
}

/// A lost license.
#[derive(Args, Clone, Debug)]
pub(crate) struct LostLicense {
    /// Id of the license
    license_id: LicenseId,
    /// Where to write the license file
    #[arg(long, default_value = "license.json", value_name = "FILE")]
    out: PathBuf,
}

/// A lost channel.
#[derive(Args, Clone, Debug)]
pub(crate) struct LostChannel {
    /// Id of the channel
    channel_id: ChannelId,
    /// Where to write the channel file
    #[arg(long, default_value = "channel.json", value_name = "FILE")]
    out: PathBuf,
}

/// Lists the licenses of an account.
pub(super) async fn list_licenses(of: &OfAccount, global: &Global) -> Result<()> {
    let holder = of.account(global).await?;
    let found = recover::licenses(&global.reading().await?, holder).await?;
    let ids: Vec<String> = found.iter().map(|one| one.license_id.to_string()).collect();
    global.output().result(&found, &ids.join("\n"), || {
        let rows = found.iter().map(|one| {
            let (id, model) = (one.license_id.to_string(), one.model_id.to_string());
            [id, one.status.to_owned(), one.collateral.to_string(), model]
        });
        table(["license", "status", "collateral", "model"], rows)
    });
    Ok(())
}

/// Lists the channels of an account.
pub(super) async fn list_channels(of: &OfAccount, global: &Global) -> Result<()> {
    let holder = of.account(global).await?;
    let found = recover::channels(&global.reading().await?, holder).await?;
    let ids: Vec<String> = found.iter().map(|one| one.channel_id.to_string()).collect();
    global.output().result(&found, &ids.join("\n"), || {
        let rows = found.iter().map(|one| {
            let state = if one.is_open { "open" } else { "not open" }.to_owned();
            let (deposited, claimed) = (one.deposited.to_string(), one.claimed.to_string());
            [one.channel_id.to_string(), state, deposited, claimed, one.license_id.to_string()]
        });
        table(["channel", "state", "deposited", "claimed", "license"], rows)
    });
    Ok(())
}

/// Writes the file of a license again.
pub(super) async fn recover_license(lost: &LostLicense, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let file = license::of_id(&chain, lost.license_id).await?;
    write(&chain, &lost.out, &file, global)
}

/// Writes the file of a channel again.
pub(super) async fn recover_channel(lost: &LostChannel, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let file = recover::channel(&chain, lost.channel_id).await?;
    write(&chain, &lost.out, &file, global)
}

fn write<T: Serialize>(chain: &Chain, out: &Path, file: &T, global: &Global) -> Result<()> {
    let path = out.display().to_string();
    if chain.is_dry_run() {
        let hint = "leave --dry-run away; a file that exists is never written over";
        return Err(fail(format!("{path} was not written"), hint, FailureKind::Failed));
    }
    files::keep(out, file)?;
    global.output().result(file, &path, || format!("wrote {path}; keep a copy"));
    Ok(())
}
