//! Sealing a round: the account of a free word signs, and whoever pays sends.

use super::config::config;
use super::seal_file::SealFile;
use super::watch::kept;
use super::words::require_committed;
use crate::chain::{Chain, Payment, TxRecord};
use crate::deployment;
use crate::error::{FailureKind, Result, fail, resumable};
use crate::files::{self, LicenseFile};
use crate::keep::Readers;
use crate::money::Money;
use alloy::primitives::B256;
use oml_contracts::round::{RoundKind, WordIndex};
use oml_contracts::rpc::abi::Rounds::RoundStatus;
use oml_contracts::{AccessHash, Bps, EthAddress, RoundId};
use oml_node::rounds::{
    Access, LicenseWords, RoundSecret, SealTerms, SignedSeal, TestedDeployment,
};
use serde::Serialize;
use std::path::Path;

/// What a round is to be about, and who pays for it.
#[derive(Clone, Debug)]
pub struct SealOrder {
    /// The license that is tried.
    pub license: LicenseFile,
    /// Whether the deployment is registered under it.
    pub kind: RoundKind,
    /// Base URL of the deployment, as its host registered it.
    pub uri: String,
    /// What gets a tester in.
    pub access: Option<Access>,
    /// Who pays and is the reporter.
    pub payer: EthAddress,
    /// Part of the owner's share of a slash that goes to the payer.
    pub promise_bps: u16,
}

/// A sealed round.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedRound {
    /// What names the sealed round on chain.
    pub round_id: RoundId,
    /// What was paid for its seats.
    pub fees: Money,
    /// What was sent, approvals included; nothing if the round was sealed before.
    pub transactions: Vec<TxRecord>,
}

/// Signs the seal of the license's next free word. Nothing is sent.
///
/// # Errors
/// Network failure, words of another secret on chain or none, no word left.
pub async fn seal(chain: &Chain, secret: &RoundSecret, order: &SealOrder) -> Result<SealFile> {
    let words = LicenseWords::new(secret, order.license.license_id);
    require_committed(chain, &words).await?;
    if order.kind == RoundKind::Registered {
        deployment::require_registered(chain, &order.license, &order.uri).await?;
    }
    let index = free_word(chain, &words, order.kind).await?;
    sign(
        chain,
        &SignedWord {
            secret,
            words: &words,
            index,
            seats: order.license.terms.seats,
            uri: &order.uri,
            access: order.access.as_ref(),
            payer: order.payer,
            promise_bps: order.promise_bps,
        },
    )
}

/// A word, and what its account is to sign with it.
pub(super) struct SignedWord<'a> {
    pub(super) secret: &'a RoundSecret,
    pub(super) words: &'a LicenseWords,
    pub(super) index: WordIndex,
    pub(super) seats: u8,
    pub(super) uri: &'a str,
    pub(super) access: Option<&'a Access>,
    pub(super) payer: EthAddress,
    pub(super) promise_bps: u16,
}

/// The account of a word signs.
pub(super) fn sign(chain: &Chain, order: &SignedWord<'_>) -> Result<SealFile> {
    let SignedWord { secret, words, index, .. } = *order;
    let license_id = words.license();
    let tested = TestedDeployment {
        uri: order.uri.to_owned(),
        salt: secret.deployment_salt(license_id, index),
        access: order.access.cloned(),
    };
    let terms = SealTerms {
        tested: &tested,
        seats: order.seats,
        payer: order.payer,
        promise_bps: Bps::new(order.promise_bps)?,
    };
    let domain = chain.addresses().round_domain();
    let SignedSeal { seal, account, signature } =
        SignedSeal::new(secret, words, index, &terms, &domain)?;
    Ok(SealFile {
        word: seal.word,
        account,
        deployment: seal.deployment,
        seats: seal.seats,
        payer: seal.payer,
        promise_bps: seal.promise_bps,
        signature,
        license_id,
        index: index.get(),
        word_salt: secret.word_salt(license_id, index),
        proof: words.words().proof(index).map(B256::from).to_vec(),
        access_hash: order.access.map_or(AccessHash::ZERO, Access::hash),
        deployment_salt: tested.salt,
        uri: tested.uri,
    })
}

/// The first word of a kind with which nothing was sealed.
async fn free_word(chain: &Chain, words: &LicenseWords, kind: RoundKind) -> Result<WordIndex> {
    for index in kind.words() {
        if kept(chain, words.round(index)).await?.status == RoundStatus::None {
            return Ok(index);
        }
    }
    Err(fail(
        format!("all 64 words of license {} for such rounds are used", words.license()),
        "a license can have no more rounds; a new license can",
        FailureKind::Failed,
    ))
}

/// Seals with the owner's own money. The seal file, whose salts open the round, is kept before
/// anything is paid; the seal of a command that was stopped is gone on with. A dry run writes
/// nothing.
///
/// # Errors
/// As [`seal`] and [`send_seal`], or another seal at `out`.
pub async fn seal_and_pay(
    chain: &Chain,
    secret: &RoundSecret,
    order: &SealOrder,
    out: &Path,
) -> Result<SealedRound> {
    if !files::is_there(out) {
        let signed = seal(chain, secret, order).await?;
        let keep = || files::save_new(out, &signed, Readers::OwnerOnly);
        return pay_for(chain, &signed, keep).await;
    }
    let begun = SealFile::load(out)?;
    let same = begun.license_id == order.license.license_id
        && begun.uri == order.uri
        && begun.payer == order.payer
        && begun.kind() == order.kind
        && begun.access_hash == order.access.as_ref().map_or(AccessHash::ZERO, Access::hash);
    if !same {
        return Err(fail(
            format!(
                "{} holds the seal of round {} about {}, and is never written over",
                out.display(),
                begun.round_id(),
                begun.uri
            ),
            "name another file for another round with --out",
            FailureKind::Failed,
        ));
    }
    send_seal(chain, &begun).await
}

/// Pays for a signed seal and sends it; the signer must be the payer that it names. Nothing is sent
/// if the round is sealed already.
///
/// # Errors
/// No signer, another signer than the seal's payer, too little money, network failure, a refusal of
/// the contract.
pub async fn send_seal(chain: &Chain, seal: &SealFile) -> Result<SealedRound> {
    chain.wait_for_own_transactions().await?;
    if let Some(sealed) = sealed_before(chain, seal).await? {
        return Ok(sealed);
    }
    pay_for(chain, seal, || Ok(())).await
}

/// The round of a seal that was paid for before.
pub(crate) async fn sealed_before(chain: &Chain, seal: &SealFile) -> Result<Option<SealedRound>> {
    let round_id = seal.round_id();
    if kept(chain, round_id).await?.status == RoundStatus::None {
        return Ok(None);
    }
    let fees = config(chain).await?.fees(seal.seats);
    Ok(Some(SealedRound { round_id, fees, transactions: Vec::new() }))
}

async fn pay_for(
    chain: &Chain,
    seal: &SealFile,
    keep: impl FnOnce() -> Result<()> + Send,
) -> Result<SealedRound> {
    let me = chain.me()?;
    if me != seal.payer {
        return Err(fail(
            format!("the seal is for payer {}, the signer is {me}", seal.payer),
            "sign with the payer's account, or ask the owner for a seal that names yours",
            FailureKind::Signer,
        ));
    }
    let fees = config(chain).await?.fees(seal.seats);
    let call = seal.signed().call();
    let (currency, rounds) = (fees.currency().address(), chain.rounds());
    let price = Payment::new(currency, rounds, "seats", fees.amount()?);
    let paid = chain.send_paying_kept("seal round", rounds, call, &price, keep).await;
    let paid = resumable(paid)?;
    Ok(SealedRound { round_id: seal.round_id(), fees, transactions: paid.records })
}
