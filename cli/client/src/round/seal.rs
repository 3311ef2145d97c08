//! Sealing a round: the account of a free word signs, and whoever pays sends.

use super::access::SoldAccess;
use super::config::config;
use super::seal_file::SealFile;
use super::watch::kept;
use super::words::{OwnedWords, RoundKind, RoundsSecret};
use crate::chain::{Chain, Payment, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::{self, LicenseFile};
use oml_contracts::round::deployment_commitment;
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::{Amount, EthAddress, RoundId, Signature, WordIndex, eip712, hash};
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
    pub access: Option<SoldAccess>,
    /// Who pays and is the reporter.
    pub payer: EthAddress,
    /// Part of the owner's share of a slash that goes to the payer.
    pub promise_bps: u16,
}

/// A sealed round.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SealedRound {
    /// The round.
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
pub async fn seal(chain: &Chain, secret: &RoundsSecret, order: &SealOrder) -> Result<SealFile> {
    let license_id = order.license.license_id;
    let words = OwnedWords::derive(secret, license_id)?;
    words.require_committed(chain).await?;
    let index = free_word(chain, &words, order.kind).await?;
    let owned = words.owned(index)?;
    let deployment_salt = files::random_salt();
    let access_hash = SoldAccess::hash(order.access.as_ref())?;
    let deployment =
        deployment_commitment(hash::deployment_hash(&order.uri), access_hash, &deployment_salt);
    let (word, seats) = (words.word(index), order.license.terms.seats);
    let digest = eip712::seal_digest(
        &chain.addresses().rounds_domain(),
        word,
        deployment,
        seats,
        order.payer,
        order.promise_bps,
    );
    Ok(SealFile {
        word,
        account: owned.address(),
        deployment,
        seats,
        payer: order.payer,
        promise_bps: order.promise_bps,
        signature: Signature::sign(digest, owned.key())?,
        license_id,
        index: index.get(),
        word_salt: owned.salt(),
        proof: words.proof(index),
        uri: order.uri.clone(),
        access_hash,
        deployment_salt,
    })
}

/// The first word of a kind with which nothing was sealed.
async fn free_word(chain: &Chain, words: &OwnedWords, kind: RoundKind) -> Result<WordIndex> {
    for index in kind.indices() {
        if kept(chain, words.round_id(index)?).await?.status == RoundStatus::None {
            return Ok(index);
        }
    }
    Err(fail(
        format!("all 64 words of license {} for such rounds are used", words.license()),
        "a license can have no more rounds; a renewed offer and a new license can",
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
        promiseBps: seal.promise_bps,
        signature: seal.signature.as_bytes().to_vec().into(),
    };
    let price = Payment { currency: rounds.currency, amount: fees, spender: chain.rounds() };
    let (_, transactions) = chain.send_paying("seal round", chain.rounds(), call, price).await?;
    let round_id = seal.round_id();
    Ok(SealedRound { round_id, fees, currency: rounds.currency, transactions })
}
