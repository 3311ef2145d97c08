//! The word of a license seals a round: what its account signs.

use oml_contracts::eip712::SignatureError;
use oml_contracts::round::{Seal, WordIndex};
use oml_contracts::rpc::abi::Rounds::sealForCall;
use oml_contracts::{Bps, Domain, EthAddress, Signable as _, Signature};

use super::hand_out::TestedDeployment;
use super::words::{LicenseWords, RoundSecret};

/// What a round is sealed with, besides its word.
#[derive(Debug, Clone, Copy)]
pub struct SealTerms<'a> {
    /// What is tested.
    pub tested: &'a TestedDeployment,
    /// Seats of the round, as the license's terms say.
    pub seats: u8,
    /// Who pays, and is the reporter.
    pub payer: EthAddress,
    /// Part of the owner's share of a slash that the payer is promised.
    pub promise_bps: Bps,
}

/// A seal with the signature of its word's account. Only the payer that it names can send it.
#[derive(Debug, Clone)]
pub struct SignedSeal {
    /// What is signed.
    pub seal: Seal,
    /// Account of the word.
    pub account: EthAddress,
    /// The account's signature.
    pub signature: Signature,
}

impl SignedSeal {
    /// Signs for a word of a license, under the domain of the contract `Rounds`.
    ///
    /// # Errors
    /// [`SignatureError`] if the key makes no signature.
    pub fn new(
        secret: &RoundSecret,
        words: &LicenseWords,
        index: WordIndex,
        terms: &SealTerms<'_>,
        domain: &Domain,
    ) -> Result<Self, SignatureError> {
        let seal = Seal {
            word: words.words().word(index),
            deployment: terms.tested.commitment(),
            seats: terms.seats,
            payer: terms.payer,
            promise_bps: terms.promise_bps,
        };
        let signature = seal.sign(domain, &secret.account(words.license(), index))?;
        Ok(Self { seal, account: words.account(index), signature })
    }

    /// The call that seals the round.
    #[must_use]
    pub fn call(&self) -> sealForCall {
        sealForCall {
            account: self.account.into(),
            word: self.seal.word.into(),
            deployment: self.seal.deployment.into(),
            seats: self.seal.seats,
            promiseBps: self.seal.promise_bps.get(),
            signature: self.signature.as_bytes().to_vec().into(),
        }
    }
}
