//! From a decided action to the transaction that does it.

use alloy::primitives::{Address, B256};
use oml_contracts::LicenseRef;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::ChallengeManager::{
    LeafOpening, commitTagsCall, drawCaseCall, openLeavesCall, postQuestionsCall, rebutCall,
    resolveCall, revealTagsCall,
};
use oml_contracts::rpc::{ConvertError, case_ref};
use oml_contracts::{Commitment, QuestionsHash};

use super::case_file::CaseFile;
use super::host::Rebuttal;
use crate::chain::Intent;
use crate::store::CaseSecret;

/// Makes the transactions of one case.
#[derive(Debug)]
pub(crate) struct Calls<'a> {
    pub manager: Address,
    pub file: &'a CaseFile,
    pub license: &'a LicenseRef,
}

impl Calls<'_> {
    fn id(&self) -> B256 {
        self.file.case.id.into()
    }

    fn case(&self) -> Result<abi::CaseRef, ConvertError> {
        case_ref(self.license, &self.file.case.opening())
    }

    fn drawn(&self) -> abi::Drawn {
        (&self.file.case.drawn()).into()
    }

    fn outcome(&self) -> abi::ChallengeManager::Outcome {
        (&self.file.case.outcome()).into()
    }

    fn describe(&self, what: &str) -> String {
        format!("{what} of case {}", self.file.case.id)
    }

    /// Draws bundles and committee.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub(crate) fn draw(&self, key: &str) -> Result<Intent, ConvertError> {
        let call = drawCaseCall { r#ref: self.case()? };
        Ok(Intent::call(key, self.manager, &call, self.describe("draw")))
    }

    /// Ends the case.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub(crate) fn resolve(&self, key: &str) -> Result<Intent, ConvertError> {
        let call = resolveCall {
            r#ref: self.case()?,
            drawn: self.drawn(),
            questionsHash: self.file.case.questions_hash.into(),
            outcome: self.outcome(),
        };
        Ok(Intent::call(key, self.manager, &call, self.describe("resolution")))
    }

    /// Posts the hash of the questions.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub(crate) fn post_questions(
        &self,
        key: &str,
        hash: QuestionsHash,
        count: u16,
    ) -> Result<Intent, ConvertError> {
        let call = postQuestionsCall {
            r#ref: self.case()?,
            drawn: self.drawn(),
            questionsHash: hash.into(),
            count,
        };
        Ok(Intent::call(key, self.manager, &call, self.describe("questions")))
    }

    /// Commits to tags.
    #[must_use]
    pub(crate) fn commit(&self, key: &str, commitment: Commitment) -> Intent {
        let call = commitTagsCall {
            caseId: self.id(),
            drawn: self.drawn(),
            questionsHash: self.file.case.questions_hash.into(),
            commitment: commitment.into(),
        };
        Intent::call(key, self.manager, &call, self.describe("commitment to the tags"))
    }

    /// Reveals the tags that were committed to.
    #[must_use]
    pub(crate) fn reveal(&self, key: &str, secret: &CaseSecret) -> Intent {
        let call = revealTagsCall {
            caseId: self.id(),
            tags: secret.tags.clone().into(),
            salt: secret.salt.into(),
        };
        Intent::call(key, self.manager, &call, self.describe("tags"))
    }

    /// Opens leaves.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub(crate) fn open_leaves(
        &self,
        key: &str,
        given: LeafOpening,
    ) -> Result<Intent, ConvertError> {
        let call = openLeavesCall { r#ref: self.case()?, drawn: self.drawn(), given };
        Ok(Intent::call(key, self.manager, &call, self.describe("leaves")))
    }

    /// Shows that a member paid for the request of an opened fingerprint.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub(crate) fn rebut(&self, key: &str, rebuttal: &Rebuttal) -> Result<Intent, ConvertError> {
        let call = rebutCall {
            r#ref: self.case()?,
            drawn: self.drawn(),
            outcome: self.outcome(),
            openedKeyHashes: rebuttal.opened.iter().copied().map(B256::from).collect(),
            fingerprint: rebuttal.paid.fingerprint,
            voucher: rebuttal.voucher.for_channel().into(),
        };
        Ok(Intent::call(key, self.manager, &call, self.describe("rebuttal")))
    }
}
