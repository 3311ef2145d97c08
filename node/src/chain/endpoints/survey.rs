//! Asks all endpoints which chain they serve, how far they are, and whether they agree about what
//! is final.

use super::judge::{Judgment, judge};
use super::one::Endpoint;
use super::pool::Endpoints;
use crate::chain::error::{ChainError, Contradiction};
use crate::chain::request::within;
use alloy::eips::BlockNumberOrTag;
use alloy::primitives::B256;
use alloy::providers::Provider;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that each of several endpoints has to say how it is.
const PATIENCE: Duration = Duration::from_secs(4);

/// Which chain it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChainIdentity {
    /// Chain id of the addresses file.
    pub(crate) chain_id: u64,
    /// Hash of the first block.
    pub(crate) genesis: B256,
}

impl Endpoint {
    /// Whether it serves the chain with this id.
    ///
    /// # Errors
    /// [`ChainError::WrongChain`], or that it fails.
    pub(crate) async fn check_chain_id(&self, expected: u64) -> Result<(), ChainError> {
        let what = format!("chain id of {}", self.shown());
        let found = within(what, self.provider().get_chain_id()).await?;
        if found == expected {
            return Ok(());
        }
        Err(ChainError::WrongChain { url: self.shown().to_owned(), expected, found })
    }

    /// Hash of its chain's first block.
    ///
    /// # Errors
    /// It fails, or does not have it.
    pub(crate) async fn first_block(&self) -> Result<B256, ChainError> {
        let block = self.block(BlockNumberOrTag::Number(0)).await?;
        let what = format!("first block of {}", self.shown());
        block.map(|block| block.hash).ok_or(ChainError::Missing { what })
    }

    /// Checks which chain it serves, and notes how far it is.
    async fn look(&self, identity: &ChainIdentity) -> Result<(), ChainError> {
        self.check_chain_id(identity.chain_id).await?;
        let found = self.first_block().await?;
        if found != identity.genesis {
            let (endpoint, expected) = (self.shown().to_owned(), identity.genesis);
            return Err(ChainError::OtherGenesis { endpoint, expected, found });
        }
        self.block(BlockNumberOrTag::Latest).await?;
        Ok(())
    }
}

impl Endpoints {
    /// Asks every endpoint that does not rest which chain it serves, and whether it agrees with the
    /// others about block `finalized`. What is wrong with one of them is kept with it.
    ///
    /// # Errors
    /// None of them serves the chain: what the first of them says.
    pub(crate) async fn survey(
        &self,
        identity: &ChainIdentity,
        finalized: u64,
    ) -> Result<(), ChainError> {
        let single = self.all().len() == 1;
        let now = Instant::now();
        let rests =
            |one: &&Arc<Endpoint>| one.transport().health().rests_until(now).is_none() || single;
        let asked: Vec<_> = self.all().iter().filter(rests).cloned().collect();
        let answers = join_all(asked.iter().map(|one| patient(single, one, one.look(identity))));
        let (mut sound, mut failed) = (Vec::new(), None);
        for (one, answer) in asked.iter().zip(answers.await) {
            match answer {
                Ok(()) => sound.push(Arc::clone(one)),
                Err(error) => {
                    if error.is_wrong_view() {
                        one.set_fault(Some(error.clone()));
                    }
                    failed.get_or_insert(error);
                }
            }
        }
        if sound.is_empty() {
            let nobody = ChainError::Missing { what: "an endpoint that may be asked".to_owned() };
            return Err(failed.unwrap_or(nobody));
        }
        self.compare(&sound, finalized).await;
        Ok(())
    }

    /// Whether another endpoint shows the same block as `first` at a height, now.
    ///
    /// # Errors
    /// `first` fails.
    pub(crate) async fn is_shown_by_another(
        &self,
        first: &Endpoint,
        height: u64,
    ) -> Result<bool, ChainError> {
        let Some(block) = first.block(BlockNumberOrTag::Number(height)).await? else {
            return Ok(false);
        };
        let shown = hashes_at(&self.others(first), height).await;
        Ok(shown.iter().any(|(_, hash)| *hash == block.hash))
    }

    /// Asks all of `sound` for the newest final block that they have, and notes who contradicts
    /// whom.
    async fn compare(&self, sound: &[Arc<Endpoint>], finalized: u64) {
        let heights: BTreeSet<u64> =
            sound.iter().filter_map(|one| Some(one.newest()?.min(finalized))).collect();
        let (mut outvoted, mut split) = (BTreeSet::new(), None);
        for height in heights.into_iter().filter(|height| *height > 0 && sound.len() > 1) {
            let hashes = hashes_at(sound, height).await;
            match judge(&hashes) {
                Judgment::Agreed => {}
                Judgment::Outvoted { expected, others } => {
                    for place in others {
                        let found = hash_of(&hashes, place);
                        let error = contradicts(sound, place, height, found, expected);
                        sound[place].set_fault(Some(error));
                        outvoted.insert(place);
                    }
                }
                Judgment::Split { one, other } => {
                    let (found, expected) = (hash_of(&hashes, other), hash_of(&hashes, one));
                    split = Some(contradicts(sound, other, height, found, expected));
                }
            }
        }
        for (place, one) in sound.iter().enumerate() {
            if !outvoted.contains(&place) {
                one.set_fault(None);
            }
        }
        self.set_contradiction(split);
    }
}

/// Waits for an endpoint as long as it pays: the only one has all the time that a request has.
async fn patient<T>(
    single: bool,
    one: &Endpoint,
    asked: impl Future<Output = Result<T, ChainError>>,
) -> Result<T, ChainError> {
    if single {
        return asked.await;
    }
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
        one.transport().slow(PATIENCE);
        Err(ChainError::NoAnswer { what: one.shown().to_owned(), seconds: PATIENCE.as_secs() })
    })
}

/// Hashes of a block by the place of the endpoint; those that do not have it, or do not answer, say
/// nothing.
async fn hashes_at(sound: &[Arc<Endpoint>], height: u64) -> Vec<(usize, B256)> {
    let asked =
        sound.iter().map(|one| patient(false, one, one.block(BlockNumberOrTag::Number(height))));
    let answers = join_all(asked).await.into_iter().enumerate();
    answers.filter_map(|(place, answer)| Some((place, answer.ok()??.hash))).collect()
}

fn hash_of(hashes: &[(usize, B256)], place: usize) -> B256 {
    hashes.iter().find(|(of, _)| *of == place).map(|(_, hash)| *hash).unwrap_or_default()
}

fn contradicts(
    sound: &[Arc<Endpoint>],
    place: usize,
    number: u64,
    found: B256,
    expected: B256,
) -> ChainError {
    let names =
        |skip: bool| sound.iter().enumerate().filter(move |(other, _)| (*other != place) == skip);
    let join = |skip| names(skip).map(|(_, one)| one.shown()).collect::<Vec<_>>().join(", ");
    let (endpoint, others) = (join(false), join(true));
    ChainError::Contradicted(Box::new(Contradiction { endpoint, others, number, found, expected }))
}
