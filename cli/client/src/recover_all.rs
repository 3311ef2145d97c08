//! Everything that an account had in files, as far as the chain can give it back; and the names of
//! what it can't.

use crate::chain::Chain;
use crate::error::Result;
use crate::files::{self, ChannelFile, LicenseFile};
use crate::{license, prover, recover, registry};
use oml_contracts::{EthAddress, OfferId, Terms};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A file that was made again.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuiltFile {
    /// Where it is.
    pub file: PathBuf,
    /// What it holds: a license, a channel or the terms of an offer.
    pub kind: &'static str,
    /// What names that on chain.
    pub id: String,
    /// Whether it was there before, and is the same.
    pub kept: bool,
}

/// Something that no chain knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnrecoverableFile {
    /// What it is called, as the command that makes it calls it.
    pub what: &'static str,
    /// What is lost without it, and what can be done.
    pub without_it: &'static str,
}

/// What became of an account's files.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveredFiles {
    /// Whose files they are.
    pub account: EthAddress,
    /// Files that are there now.
    pub files: Vec<RebuiltFile>,
    /// What only a copy of the disk has.
    pub unrecoverable: Vec<UnrecoverableFile>,
}

/// What the chain knows of an account.
#[derive(Debug, Default)]
struct Known {
    offers: Vec<(OfferId, Terms)>,
    licenses: Vec<LicenseFile>,
    channels: Vec<ChannelFile>,
    has_models: bool,
    is_prover: bool,
}

/// Writes the files of an account again, into `folder`; what is there is never written over.
///
/// # Errors
/// Network failure, another file in the place of one of them, or a folder that can't be written.
pub async fn everything(
    chain: &Chain,
    account: EthAddress,
    folder: &Path,
) -> Result<RecoveredFiles> {
    let known = known(chain, account).await?;
    let mut files = Vec::new();
    for (id, terms) in &known.offers {
        files.push(write(chain, folder, "offer", &id.to_string(), terms)?);
    }
    for license in &known.licenses {
        files.push(write(chain, folder, "license", &license.license_id.to_string(), license)?);
    }
    for channel in &known.channels {
        files.push(write(chain, folder, "channel", &channel.channel_id.to_string(), channel)?);
    }
    Ok(RecoveredFiles { account, files, unrecoverable: unrecoverable(&known, account) })
}

async fn known(chain: &Chain, account: EthAddress) -> Result<Known> {
    let wanted = registry::OfferFilter { owner: Some(account), closed: true, model: None };
    let mut known = Known {
        has_models: !registry::models(chain, Some(account)).await?.is_empty(),
        is_prover: prover::list(chain).await?.iter().any(|one| one.prover == account),
        ..Known::default()
    };
    for offer in registry::offers(chain, wanted).await? {
        known.offers.push((offer.offer_id, registry::terms(chain, offer.offer_id).await?));
    }
    for bought in recover::licenses(chain, account).await? {
        known.licenses.push(license::of_id(chain, bought.license_id).await?);
    }
    for opened in recover::channels(chain, account).await? {
        known.channels.push(recover::channel(chain, opened.channel_id).await?);
    }
    Ok(known)
}

fn write<T: Serialize>(
    chain: &Chain,
    folder: &Path,
    kind: &'static str,
    id: &str,
    value: &T,
) -> Result<RebuiltFile> {
    // The whole id, since two could begin alike.
    let stem = if kind == "offer" { "terms" } else { kind };
    let file = folder.join(format!("{stem}-{id}.json"));
    let kept = files::is_there(&file);
    if !chain.is_dry_run() {
        files::keep(&file, value)?;
    }
    Ok(RebuiltFile { file, kind, id: id.to_owned(), kept })
}

/// What an account of this kind also has on its disk.
fn unrecoverable(known: &Known, account: EthAddress) -> Vec<UnrecoverableFile> {
    let lost = |what, without_it| UnrecoverableFile { what, without_it };
    let mut found = Vec::new();
    if known.has_models {
        found.push(lost(
            "universe.oml and its key",
            "no fingerprint of that universe can be checked any more; commit a new universe for \
             licenses to come",
        ));
        found.push(lost(
            "rounds.secret",
            "no round of licenses whose words were committed with it can be sealed or opened",
        ));
    }
    if !known.licenses.is_empty() {
        found.push(lost(
            "the copy's secret key",
            "a sealed copy that is not open yet stays closed; `oml license cancel` gets the money \
             back where the owner's time is over",
        ));
        found.push(lost(
            "the serving key and its signing history",
            "sign nothing with it again; `oml host keys rotate` names a new epoch",
        ));
    }
    if !known.channels.is_empty() {
        found.push(lost(
            "channel.payments.jsonl",
            "old receipts are no evidence any more; `oml pay` asks the gateway for its newest \
             receipt and goes on",
        ));
    }
    if known.channels.iter().any(|channel| channel.signer != account) {
        found.push(lost(
            "the session key of a channel",
            "nothing can be paid on that channel; `oml channel thaw` gets the rest back",
        ));
    }
    if known.is_prover {
        found.push(lost(
            "the prover's encryption key",
            "hand-outs to its seats stay closed; announce a new one with `oml prover announce`",
        ));
    }
    found.push(lost(
        "the salts of reports and proofs that were begun",
        "a commitment without its salt can't be opened; begin the report or the proof anew",
    ));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(known: &Known) -> Vec<&'static str> {
        unrecoverable(known, EthAddress::ZERO).iter().map(|lost| lost.what).collect()
    }

    #[test]
    fn only_what_the_account_can_have_had_is_named() {
        assert_eq!(names(&Known::default()), ["the salts of reports and proofs that were begun"]);
        let owner = names(&Known { has_models: true, ..Known::default() });
        assert!(owner.contains(&"rounds.secret") && owner.contains(&"universe.oml and its key"));
        let prover = names(&Known { is_prover: true, ..Known::default() });
        assert!(prover.contains(&"the prover's encryption key"));
    }
}
