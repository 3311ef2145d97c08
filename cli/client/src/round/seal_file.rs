//! An owner's signed word to a reporter: with this seal, about this deployment, paid by this
//! account, it will open a round.

use crate::error::Result;
use crate::files;
use alloy::primitives::B256;
use oml_contracts::round::{RoundKind, Seal, round_id};
use oml_contracts::{
    AccessHash, Bps, DeploymentCommitment, EthAddress, LicenseId, RoundId, RoundWord, Salt,
    Signature,
};
use oml_node::rounds::SignedSeal;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that a reporter needs to check a seal against the chain, and to pay for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealFile {
    /// The word that seals.
    pub word: RoundWord,
    /// Account of the word, whose signature this is.
    pub account: EthAddress,
    /// Commitment to what is tested.
    pub deployment: DeploymentCommitment,
    /// Seats of the round.
    pub seats: u8,
    /// Who pays and is the reporter.
    pub payer: EthAddress,
    /// Part of the owner's share of a slash that the owner promises to the payer.
    pub promise_bps: Bps,
    /// The account's signature of the seal.
    pub signature: Signature,
    /// The license that is tried.
    pub license_id: LicenseId,
    /// Index of the word among the license's 128.
    pub index: u8,
    /// Salt of the word.
    pub word_salt: Salt,
    /// Siblings from the word up to the license's root.
    pub proof: Vec<B256>,
    /// Base URL of what is tested.
    pub uri: String,
    /// Hash of what gets a tester in; zero for nothing.
    pub access_hash: AccessHash,
    /// Salt of the commitment.
    pub deployment_salt: Salt,
}

impl SealFile {
    /// Reads a seal file.
    ///
    /// # Errors
    /// The file is not there, or holds something else.
    pub fn load(path: &Path) -> Result<Self> {
        files::load(path, "a seal file", "the owner's `oml round seal --out FILE` writes one")
    }

    /// The round that it seals.
    #[must_use]
    pub fn round_id(&self) -> RoundId {
        round_id(self.word, self.account)
    }

    /// What the account has signed, with its signature.
    #[must_use]
    pub const fn signed(&self) -> SignedSeal {
        let seal = Seal {
            word: self.word,
            deployment: self.deployment,
            seats: self.seats,
            payer: self.payer,
            promise_bps: self.promise_bps,
        };
        SignedSeal { seal, account: self.account, signature: self.signature }
    }

    /// What kind of deployment it is about.
    #[must_use]
    pub const fn kind(&self) -> RoundKind {
        RoundKind::of_index(self.index)
    }
}
