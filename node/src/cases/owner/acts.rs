//! What the owner does in a case: questions, and the leaves behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use oml_contracts::rpc::abi::ChallengeManager::LeafOpening;
use oml_contracts::{CaseId, ModelId};

use super::opening::{OpeningError, tag_sheets};
use super::questions::{QuestionListError, QuestionSet};
use super::universe::{OpenableUniverse, UniverseMismatch};
use crate::cases::case_file::CaseFile;
use crate::cases::reading::{CaseReader, ReadError};
use crate::chain::{ChainClient, ChainError, Head};
use crate::store::{Store, StoreError};

/// Universes whose secrets the node holds.
pub type Universes = BTreeMap<(ModelId, u32), Arc<OpenableUniverse>>;

/// Why the owner can't take a step now. The next head tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// Reading the case failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The universe is not the committed one.
    #[error(transparent)]
    Universe(#[from] UniverseMismatch),
    /// No questions can be made.
    #[error(transparent)]
    Questions(#[from] QuestionListError),
    /// The leaves can't be opened.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// This node does not hold the secrets that the case draws from.
    #[error("universe {epoch} of model {model} is not held here; add it to owner.universes")]
    NoUniverse {
        /// Model of the accused license.
        model: ModelId,
        /// Universe of the accused license.
        epoch: u32,
    },
    /// The questions on chain are not those that this universe gives.
    #[error(
        "the questions of case {0} on chain are not the ones that this node makes from its universe; were they posted by another version?"
    )]
    ForeignQuestions(CaseId),
}

/// Acts for the owner with the secrets of its universes.
#[derive(Debug)]
pub(crate) struct OwnerActs {
    pub(crate) reader: CaseReader,
    pub(crate) chain: ChainClient,
    pub(crate) store: Store,
    pub(crate) universes: Arc<Universes>,
    /// Decoys per case; the contract's minimum if less or absent.
    pub(crate) decoys: Option<u16>,
}

impl OwnerActs {
    /// Whether this node holds the universe that a case draws from.
    pub(crate) fn holds_universe_of(&self, file: &CaseFile) -> bool {
        self.universes.contains_key(&(file.model, file.epoch))
    }

    fn universe(&self, file: &CaseFile) -> Result<Arc<OpenableUniverse>, OwnerError> {
        let (model, epoch) = (file.model, file.epoch);
        let found = self.universes.get(&(model, epoch)).cloned();
        found.ok_or(OwnerError::NoUniverse { model, epoch })
    }

    /// The questions to post, kept before anything is posted: so that a person can tell later what
    /// was chosen.
    pub(crate) async fn questions(
        &self,
        file: &CaseFile,
        head: &Head,
    ) -> Result<QuestionSet, OwnerError> {
        let universe = self.universe(file)?;
        let on_chain = self.chain.reader().at(head.hash).universe(file.model, file.epoch).await?;
        universe.require_root(on_chain.root)?;
        let decoys = self.decoys.unwrap_or(0).max(file.rules.min_decoys.into());
        let set = universe.questions(file.case.id, &file.case.bundles, decoys.into())?;
        self.keep_plan(file, &set).await?;
        Ok(set)
    }

    async fn keep_plan(&self, file: &CaseFile, set: &QuestionSet) -> Result<(), OwnerError> {
        let record = serde_json::json!(set.record(&file.case.bundles));
        if !self.store.put_case_plan(file.case.id, &record).await? {
            tracing::debug!(case = %file.case.id, "a plan of this case is kept already");
        }
        Ok(())
    }

    /// The drawn leaves with everything that the contract counts beside them.
    pub(crate) async fn opening(&self, file: &CaseFile) -> Result<LeafOpening, OwnerError> {
        let universe = self.universe(file)?;
        let set = posted_questions(&universe, file)?;
        let bundles = universe.open(&file.case.bundles, &set)?;
        let revealed = self.reader.revealed_tags(file.case.id).await?;
        let (sheets, sheet_of) = tag_sheets(&file.members, &revealed)?;
        Ok(LeafOpening {
            bundles,
            decoyHashes: set.decoy_hashes().into_iter().map(Into::into).collect(),
            sheets,
            sheetOf: sheet_of,
        })
    }
}

/// The questions that were posted: rebuilt, and held against the hash on chain.
///
/// # Errors
/// [`OwnerError::Questions`], [`OwnerError::ForeignQuestions`].
pub(super) fn posted_questions(
    universe: &OpenableUniverse,
    file: &CaseFile,
) -> Result<QuestionSet, OwnerError> {
    let decoys = usize::from(file.case.question_count).saturating_sub(file.fingerprint_count());
    let set = universe.questions(file.case.id, &file.case.bundles, decoys)?;
    if set.hash() != file.case.questions_hash {
        return Err(OwnerError::ForeignQuestions(file.case.id));
    }
    Ok(set)
}
