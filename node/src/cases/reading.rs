//! Reads a case with everything that decisions need, at one block.

use alloy::sol_types::SolEvent;
use oml_contracts::rpc::abi::ChallengeManager::{RequestPaid, TagsRevealed};
use oml_contracts::terms::LicenseRef;
use oml_contracts::{CaseId, EthAddress, LicenseId};

use super::case_file::{CaseFile, Member, PaidRequest};
use crate::chain::{
    BeaconValue, CaseStatus, CaseView, ChainClient, ChainError, ChallengeConfig, Head,
};
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
    /// An event can't be decoded.
    #[error("event {name} of case {case} can't be decoded: {cause}")]
    Event {
        /// Its name.
        name: &'static str,
        /// The case.
        case: CaseId,
        /// The decoder's word.
        cause: String,
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
        let case = reader.case_of(id).await?;
        let beacon = match case.status {
            CaseStatus::Opened => reader.beacon(case.seed_round).await?,
            _ => BeaconValue::Pending,
        };
        let paid = match case.status {
            CaseStatus::Rebuttal => self.paid(id).await?,
            _ => Vec::new(),
        };
        let members = self.members(&case, head).await?;
        let is_final = self.is_final(&case, head).await?;
        Ok(CaseFile {
            model: license.terms.model_id,
            epoch: license.terms.epoch,
            owner: license.terms.owner,
            host: license.host,
            beacon,
            members,
            is_final,
            paid,
            rules: self.rules,
            case,
        })
    }

    /// Whether the transaction that began the step is final. Only asked where something is built on it.
    async fn is_final(&self, case: &CaseView, head: &Head) -> Result<bool, ReadError> {
        let name = match case.status {
            CaseStatus::Drawn => "CaseDrawn",
            CaseStatus::Committing => "QuestionsPosted",
            _ => return Ok(true),
        };
        let events = self.store.events_named(case.id.into(), name).await?;
        Ok(events.last().is_some_and(|event| event.block <= head.finalized))
    }

    async fn members(&self, case: &CaseView, head: &Head) -> Result<Vec<Member>, ReadError> {
        let reader = self.chain.reader().at(head.hash);
        let acting = matches!(
            case.status,
            CaseStatus::Committing | CaseStatus::Revealing | CaseStatus::Opening
        );
        let mut members = Vec::with_capacity(case.committee.len());
        for address in case.committee.iter().copied() {
            let mut member = Member { address, commitment: None, revealed: false };
            if acting && case.commits > 0 {
                let commitment = reader.commitment_of(case.id, address).await?;
                member.commitment = (!commitment.is_zero()).then_some(commitment);
            }
            if member.commitment.is_some() && case.reveals > 0 {
                let tags = self.chain.revealed_tags_hash(head.hash, case.id, address).await?;
                member.revealed = !tags.is_zero();
            }
            members.push(member);
        }
        Ok(members)
    }

    /// What rebuttals have shown so far, from the indexed events.
    async fn paid(&self, id: CaseId) -> Result<Vec<PaidRequest>, ReadError> {
        let events = self.store.events_named(id.into(), "RequestPaid").await?;
        events
            .iter()
            .map(|row| {
                let event = decode::<RequestPaid>(row, id, "RequestPaid")?;
                Ok(PaidRequest { fingerprint: event.fingerprint, member: event.prover.into() })
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

    /// Key hashes of the opened fingerprints, from the call that opened them. `None` while the opening
    /// is not indexed, or if it went through another contract.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn opened_keys(
        &self,
        id: CaseId,
    ) -> Result<Option<Vec<oml_contracts::KeyHash>>, ReadError> {
        let events = self.store.events_named(id.into(), "LeavesOpened").await?;
        let Some(opening) = events.last() else { return Ok(None) };
        let input = self.chain.transaction_input(opening.tx_hash).await?;
        Ok(input.and_then(|input| super::opening::opened_keys(&input)))
    }
}

fn decode<E: SolEvent>(row: &EventRow, case: CaseId, name: &'static str) -> Result<E, ReadError> {
    let topics = std::iter::once(E::SIGNATURE_HASH).chain(row.topics.iter().copied());
    E::decode_raw_log(topics, &row.data).map_err(|cause| ReadError::Event {
        name,
        case,
        cause: cause.to_string(),
    })
}
