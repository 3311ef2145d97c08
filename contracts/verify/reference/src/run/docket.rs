//! What the people know of rounds: who they are, the words of each license, and which rounds they
//! have sealed.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolValue;

use crate::model::{INDICES, word_of};

/// All words of a license, and the tree over them.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// By index: which of the accounts it is for, and its salt.
    pub(super) words: Vec<(usize, B256)>,
    levels: Vec<Vec<B256>>,
}

impl Words {
    /// Words of a license, in turn for each of the accounts.
    pub(super) fn new(license: B256, accounts: &[PrivateKeySigner], secret: B256) -> Self {
        let salt = |index: u8| keccak256((secret, U256::from(index)).abi_encode_params());
        let of = |index: u8| (usize::from(index) % accounts.len(), salt(index));
        let words: Vec<(usize, B256)> = (0..2 * INDICES).map(of).collect();
        let hash = |(index, (account, salt)): (u8, &(usize, B256))| {
            word_of(license, index, accounts[*account].address(), *salt)
        };
        let mut levels: Vec<Vec<B256>> = vec![(0..).zip(&words).map(hash).collect()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.chunks(2).map(|pair| keccak256(pair.concat())).collect();
            levels.push(above);
        }
        Self { words, levels }
    }

    /// What the owner commits to.
    pub(super) fn root(&self) -> B256 {
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// Siblings of a word, bottom up.
    pub(super) fn proof(&self, index: u8) -> Vec<B256> {
        let below = self.levels.iter().take(self.levels.len() - 1);
        let sibling =
            |(height, level): (usize, &Vec<B256>)| level[usize::from(index) >> height ^ 1];
        below.enumerate().map(sibling).collect()
    }
}

/// A round that was sealed, and what only its owner knows of it.
#[derive(Debug, Clone)]
pub(super) struct Play {
    pub(super) round: B256,
    /// Place of the license that is tested.
    pub(super) license: usize,
    pub(super) index: u8,
    /// Hash of the deployment's address, how to get in there, and the salt of both.
    pub(super) place: B256,
    pub(super) access: B256,
    pub(super) salt: B256,
    /// Chance in 16 that what is tested gives the license's answer.
    pub(super) rate: u32,
    /// Whether all seats but the hostile ones do what they should.
    pub(super) orderly: bool,
}

/// What the people know of rounds.
#[derive(Debug, Clone)]
pub(super) struct Docket {
    /// Everybody who stakes: accounts, a contract, and a contract that takes no money.
    pub(super) provers: Vec<Address>,
    /// Keys of the accounts that seal.
    pub(super) accounts: Vec<PrivateKeySigner>,
    /// Who pays for rounds of others.
    pub(super) reporters: Vec<Address>,
    /// By place of the license.
    pub(super) words: BTreeMap<usize, Words>,
    /// Next index by license and kind.
    pub(super) next: BTreeMap<(usize, bool), u8>,
    pub(super) plays: Vec<Play>,
}
