//! The durable order to check a deployment for one case.

use oml_contracts::{CaseId, DeploymentHash, EthAddress, LicenseId, ModelId, QuestionsHash};
use serde::{Deserialize, Serialize};

use crate::cases::case_file::CaseFile;
use crate::store::{JobRow, NewJob};

/// Kind of the job.
pub(crate) const CHECK_JOB: &str = "check";

/// Everything that a check must know. Made from the chain's state, stored as the job's payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckOrder {
    /// Case whose questions are asked.
    pub case: CaseId,
    /// The member that checks.
    pub member: EthAddress,
    /// Questions posted on chain.
    pub questions_hash: QuestionsHash,
    /// Number of questions.
    pub question_count: u16,
    /// Model whose owner has the questions.
    pub model: ModelId,
    /// License that is accused.
    pub license: LicenseId,
    /// Deployment to ask.
    pub deployment: DeploymentHash,
    /// Chain time until which the commitment must be on chain, in seconds.
    pub deadline: u64,
    /// Length of the commit window, in seconds.
    pub window: u64,
}

impl CheckOrder {
    /// The order that follows from a case whose commit step is open.
    #[must_use]
    pub(crate) fn of(file: &CaseFile, member: EthAddress) -> Self {
        Self {
            case: file.case.id,
            member,
            questions_hash: file.case.questions_hash,
            question_count: file.case.question_count,
            model: file.model,
            license: file.case.license_id,
            deployment: file.case.deployment,
            deadline: file.case.deadline,
            window: file.rules.commit_window,
        }
    }

    /// The job. Its key names the questions: other questions (after a reorg) are another job.
    #[must_use]
    pub(crate) fn job(&self) -> NewJob {
        NewJob {
            kind: CHECK_JOB,
            key: format!("{}/{}/{}", self.case, self.member, self.questions_hash),
            payload: serde_json::json!(self),
            run_after: 0,
        }
    }

    /// Reads the order back.
    ///
    /// # Errors
    /// The decoder's word, if the payload is of another version.
    pub(crate) fn from_job(job: &JobRow) -> Result<Self, serde_json::Error> {
        Self::deserialize(&job.payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::JobState;

    #[test]
    fn an_order_survives_its_way_through_the_store() {
        let order = CheckOrder {
            case: CaseId::new([1; 32]),
            member: EthAddress::new([2; 20]),
            questions_hash: QuestionsHash::new([3; 32]),
            question_count: 20,
            model: ModelId::new([4; 32]),
            license: LicenseId::new([5; 32]),
            deployment: DeploymentHash::new([6; 32]),
            deadline: 100,
            window: 50,
        };
        let job = order.job();
        let row = JobRow {
            kind: job.kind.to_owned(),
            key: job.key,
            payload: job.payload,
            state: JobState::Running,
            attempts: 1,
            lease_until: 0,
            run_after: 0,
            last_error: None,
        };
        assert_eq!(CheckOrder::from_job(&row).unwrap(), order);
    }
}
