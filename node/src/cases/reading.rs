//! Reads a case with everything that decisions need, at one block.

use alloy::primitives::{B256, LogData};
use alloy::sol_types::{SolCall, SolEvent};
use oml_contracts::LicenseRef;
use oml_contracts::case::MemberWord;
use oml_contracts::rpc::CaseStory;
use oml_contracts::rpc::abi::ChallengeManager::{
    CaseDrawn, CaseOpened, DeploymentAccused, LeavesOpened, QuestionsPosted, RequestPaid,
    TagsRevealed, openLeavesCall,
};
use oml_contracts::{CaseId, EthAddress, KeyHash, LicenseId};

use super::case_file::{CaseFile, Member, PaidQuestion};
use crate::chain::beacon::{Present, RoundStep, round_step};
use crate::chain::{CaseStatus, CaseView, ChainClient, ChainError, ChallengeConfig, Head, Reader};
use crate::store::{EventRow, Store, StoreError};

/// Why a case can't be read now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The endpoint failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The license or its offer is not indexed.
    #[error(
        "license {0} or its offer is not in the store; is chain.start_block after its publication?"
    )]
    UnknownLicense(LicenseId),
    /// The contract's state and the indexed events are of different blocks; the next head settles
    /// it.
    #[error("the events of case {0} are not those of the block that is looked at; try again")]
    Unsettled(CaseId),
    /// An event can't be decoded.
    #[error("event {name} of case {case} can't be decoded: {source}")]
    Event {
        /// Its name in the contract's interface.
        name: &'static str,
        /// Case that the event is about.
        case: CaseId,
        /// The decoder's word.
        source: Box<alloy::sol_types::Error>,
    },
}

/// Reads cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CaseReader {
    store: Store,
    chain: ChainClient,
    rules: ChallengeConfig,
}

impl CaseReader {
    /// Reads the rules of all cases, which never change.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn new(store: Store, chain: ChainClient) -> Result<Self, ChainError> {
        let rules = chain.reader().challenge_config().await?;
        Ok(Self { store, chain, rules })
    }

    /// The chain that it reads.
    pub(crate) const fn chain(&self) -> &ChainClient {
        &self.chain
    }

    /// The store that it reads.
    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    /// Rules of all cases.
    #[must_use]
    pub const fn rules(&self) -> &ChallengeConfig {
        &self.rules
    }

    /// Terms, host and nonce of a license: what every call needs.
    ///
    /// # Errors
    /// [`ReadError::UnknownLicense`], [`ReadError::Store`].
    pub async fn license_ref(&self, id: LicenseId) -> Result<LicenseRef, ReadError> {
        let found = self.store.license_ref(id).await?;
        let (offer, license) = found.ok_or(ReadError::UnknownLicense(id))?;
        Ok(LicenseRef { terms: offer.terms, host: license.host, nonce: license.nonce })
    }

    /// The case at `head`.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(
        &self,
        id: CaseId,
        license: &LicenseRef,
        head: &Head,
    ) -> Result<CaseFile, ReadError> {
        let reader = self.chain.reader().at(head.hash);
        let case = case_view(&self.store, &reader, id, license).await?;
        let source = &self.chain.addresses().beacon.source;
        let drawable_since = source.time_of(case.seed_round).unwrap_or(case.opened_at);
        let round = match case.status {
            CaseStatus::Opened => {
                let value = reader.beacon(case.seed_round).await?;
                let present = Present { block: head.number, time: head.timestamp };
                round_step(source, case.seed_round, value, present)
            }
            _ => RoundStep::Wait,
        };
        let paid = match case.status {
            CaseStatus::Rebuttal => self.paid(id).await?,
            _ => Vec::new(),
        };
        let members = members(&reader, &case).await?;
        Ok(CaseFile {
            model: license.terms.model_id,
            epoch: license.terms.epoch,
            owner: license.terms.owner,
            host: license.host,
            round,
            drawable_since,
            members,
            paid,
            rules: self.rules,
            case,
        })
    }

    /// What rebuttals have shown so far, from the indexed events.
    async fn paid(&self, id: CaseId) -> Result<Vec<PaidQuestion>, ReadError> {
        let events = self.store.events_named(id.into(), "RequestPaid").await?;
        events
            .iter()
            .map(|row| {
                let event = decode::<RequestPaid>(row, id, "RequestPaid")?;
                Ok(PaidQuestion { fingerprint: event.fingerprint, member: event.prover.into() })
            })
            .collect()
    }

    /// The tags that members have revealed, from the indexed events.
    ///
    /// # Errors
    /// [`ReadError::Store`], [`ReadError::Event`].
    pub async fn revealed_tags(&self, id: CaseId) -> Result<Vec<(EthAddress, Vec<u8>)>, ReadError> {
        let events = self.store.events_named(id.into(), "TagsRevealed").await?;
        events
            .iter()
            .map(|row| {
                let event = decode::<TagsRevealed>(row, id, "TagsRevealed")?;
                Ok((event.prover.into(), event.tags.to_vec()))
            })
            .collect()
    }

    /// Key hashes of the opened fingerprints, from the call that opened them. `None` while the
    /// opening is not indexed, or if it went through another contract.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn opened_keys(&self, id: CaseId) -> Result<Option<Vec<KeyHash>>, ReadError> {
        let events = self.store.events_named(id.into(), "LeavesOpened").await?;
        let Some(opening) = events.last() else { return Ok(None) };
        let input = self.chain.transaction_input(opening.tx_hash).await?;
        Ok(input.and_then(|input| opened_keys(&input)))
    }
}

/// A case from what the contract keeps at the reader's block and what the indexed events announced.
///
/// # Errors
/// [`ReadError`]; [`ReadError::Unsettled`] while the index is behind or ahead of the reader's
/// block.
pub(crate) async fn case_view(
    store: &Store,
    reader: &Reader,
    id: CaseId,
    license: &LicenseRef,
) -> Result<CaseView, ReadError> {
    let state = reader.case_state(id).await?;
    let removed = match state.status {
        CaseStatus::Rebuttal | CaseStatus::Upheld | CaseStatus::Dismissed => {
            reader.removed_of(id).await?
        }
        _ => [0; 32],
    };
    let story = case_story(store, id).await?.ok_or(ReadError::Unsettled(id))?;
    let alpha_inverse = license.terms.evidence.alpha_inverse;
    CaseView::new(id, &state, story, removed, alpha_inverse).ok_or(ReadError::Unsettled(id))
}

/// What the indexed events of a case announced; `None` if there is no such case.
///
/// # Errors
/// [`ReadError::Store`], [`ReadError::Event`].
pub(crate) async fn case_story(store: &Store, id: CaseId) -> Result<Option<CaseStory>, ReadError> {
    let mut logs = Vec::new();
    for (name, signature) in STORY_EVENTS {
        for row in store.events_named(id.into(), name).await? {
            let topics = std::iter::once(signature).chain(row.topics.iter().copied()).collect();
            logs.extend(LogData::new(topics, row.data.into()));
        }
    }
    CaseStory::read(&logs).map_err(|source| ReadError::Event {
        name: "CaseOpened",
        case: id,
        source: Box::new(source),
    })
}

/// The events that a case's calls quote, in the order of its steps.
const STORY_EVENTS: [(&str, B256); 5] = [
    ("CaseOpened", CaseOpened::SIGNATURE_HASH),
    ("DeploymentAccused", DeploymentAccused::SIGNATURE_HASH),
    ("CaseDrawn", CaseDrawn::SIGNATURE_HASH),
    ("QuestionsPosted", QuestionsPosted::SIGNATURE_HASH),
    ("LeavesOpened", LeavesOpened::SIGNATURE_HASH),
];

async fn members(reader: &Reader, case: &CaseView) -> Result<Vec<Member>, ReadError> {
    let acting =
        matches!(case.status, CaseStatus::Committing | CaseStatus::Revealing | CaseStatus::Opening);
    let mut members = Vec::with_capacity(case.committee.len());
    for address in case.committee.iter().copied() {
        let mut member = Member { address, commitment: None, revealed: false };
        if acting && case.commits > 0 {
            match reader.word_of(case.id, address).await? {
                MemberWord::None => {}
                MemberWord::Committed(commitment) => member.commitment = Some(commitment),
                MemberWord::Revealed(_) => member.revealed = true,
            }
        }
        members.push(member);
    }
    Ok(members)
}

fn decode<E: SolEvent>(row: &EventRow, case: CaseId, name: &'static str) -> Result<E, ReadError> {
    let topics = std::iter::once(E::SIGNATURE_HASH).chain(row.topics.iter().copied());
    E::decode_raw_log(topics, &row.data).map_err(|source| ReadError::Event {
        name,
        case,
        source: Box::new(source),
    })
}

/// Key hashes of the opened fingerprints in their order, out of the call data of `openLeaves`.
///
/// `None` if the data is another call, for example one that went through a wallet contract.
fn opened_keys(calldata: &[u8]) -> Option<Vec<KeyHash>> {
    let call = openLeavesCall::abi_decode(calldata).ok()?;
    let keys = call.given.bundles.iter().flat_map(|bundle| &bundle.leaves);
    Some(keys.map(|leaf| leaf.keyHash.into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_call_data_is_no_opening() {
        assert_eq!(opened_keys(&[]), None);
        assert_eq!(opened_keys(&[1, 2, 3, 4, 5]), None);
    }
}
