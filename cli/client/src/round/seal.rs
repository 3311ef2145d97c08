//! Sealing a round: the account of a free word signs, and whoever pays sends.

use super::config::config;
use super::seal_file::SealFile;
use super::watch::kept;
use super::words::{RoundKind, require_committed};
use crate::chain::{Chain, Payment, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use alloy::primitives::B256;
use oml_contracts::round::{Seal, WordIndex, deployment_commitment};
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::{AccessHash, Amount, Bps, EthAddress, RoundId, Signable as _, hash};
use oml_node::rounds::{Access, LicenseWords, RoundSecret};
use serde::Serialize;

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
    /// What was paid for its seats, smallest units of `currency`.
    pub fees: Amount,
    /// Currency of the fees; zero for the chain's own.
    pub currency: EthAddress,
    /// What was sent, approvals included.
    pub transactions: Vec<TxRecord>,
}

/// Signs the seal of the license's next free word. Nothing is sent.
///
/// # Errors
/// Network failure, words of another secret on chain or none, no word left.
pub async fn seal(chain: &Chain, secret: &RoundSecret, order: &SealOrder) -> Result<SealFile> {
    let words = LicenseWords::new(secret, order.license.license_id);
    require_committed(chain, &words).await?;
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
    let deployment_salt = secret.deployment_salt(license_id, index);
    let access_hash = order.access.map_or(AccessHash::ZERO, Access::hash);
    let deployment_hash = hash::deployment_hash(order.uri);
    let signed = Seal {
        word: words.words().word(index),
        deployment: deployment_commitment(deployment_hash, access_hash, &deployment_salt),
        seats: order.seats,
        payer: order.payer,
        promise_bps: Bps::new(order.promise_bps)?,
    };
    let key = secret.account(license_id, index);
    Ok(SealFile {
        word: signed.word,
        account: words.account(index),
        deployment: signed.deployment,
        seats: signed.seats,
        payer: signed.payer,
        promise_bps: signed.promise_bps,
        signature: signed.sign(&chain.addresses().round_domain(), &key)?,
        license_id,
        index: index.get(),
        word_salt: secret.word_salt(license_id, index),
        proof: words.words().proof(index).map(B256::from).to_vec(),
        uri: order.uri.to_owned(),
        access_hash,
        deployment_salt,
    })
}

/// The first word of a kind with which nothing was sealed.
async fn free_word(chain: &Chain, words: &LicenseWords, kind: RoundKind) -> Result<WordIndex> {
    for index in kind.indices() {
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

/// Pays for a signed seal and sends it; the signer must be the payer that it names.
///
/// # Errors
/// No signer, another signer than the seal's payer, network failure, a refusal of the contract.
pub async fn send_seal(chain: &Chain, seal: &SealFile) -> Result<SealedRound> {
    let me = chain.me()?;
    if me != seal.payer {
        return Err(fail(
            format!("the seal is for payer {}, the signer is {me}", seal.payer),
            "sign with the payer's account, or ask the owner for a seal that names yours",
            FailureKind::Signer,
        ));
    }
    let rounds = config(chain).await?;
    let fees = Amount::new(u128::from(seal.seats).saturating_mul(rounds.seat_fee.get()));
    let call = Rounds::sealForCall {
        account: seal.account.into(),
        word: seal.word.into(),
        deployment: seal.deployment.into(),
        seats: seal.seats,
        promiseBps: seal.promise_bps.get(),
        signature: seal.signature.as_bytes().to_vec().into(),
    };
    let price = Payment { currency: rounds.currency, amount: fees, spender: chain.rounds() };
    let (_, transactions) = chain.send_paying("seal round", chain.rounds(), call, price).await?;
    let round_id = seal.round_id();
    Ok(SealedRound { round_id, fees, currency: rounds.currency, transactions })
}
