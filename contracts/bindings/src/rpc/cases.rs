//! What the events of a case announce: the preimages that its calls take.

use alloy::primitives::LogData;
use alloy::sol_types::{Error, SolEvent as _};

use super::abi;
use super::abi::ChallengeManager::{
    CaseDrawn, CaseOpened, DeploymentAccused, LeavesOpened, QuestionsPosted,
};
use super::convert::{ConvertError, case_ref};
use crate::case::{CaseOpening, Drawn, Outcome};
use crate::ids::{Facts, LicenseId, QuestionsHash};
use crate::license::LicenseRef;

/// Everything about a case that the contract keeps as hashes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseStory {
    /// The license that the case accuses.
    pub license_id: LicenseId,
    /// What was fixed when it was opened.
    pub opening: CaseOpening,
    /// What was drawn; empty before.
    pub drawn: Drawn,
    /// Hash of the questions; zero before they are posted.
    pub questions: QuestionsHash,
    /// What the opening found; zeros before.
    pub outcome: Outcome,
    /// URI of an accused deployment that is not registered.
    pub uri: Option<String>,
}

impl CaseStory {
    /// Reads the events of one case, in their order; other events among them are passed over.
    /// `None` without its `CaseOpened`.
    ///
    /// # Errors
    /// An event that does not decode.
    pub fn read<'a>(logs: impl IntoIterator<Item = &'a LogData>) -> Result<Option<Self>, Error> {
        let mut story: Option<Self> = None;
        for log in logs {
            let Some(topic) = log.topics().first() else { continue };
            if *topic == CaseOpened::SIGNATURE_HASH {
                story = Some(Self::opened(&CaseOpened::decode_log_data(log)?));
            }
            let Some(story) = &mut story else { continue };
            match *topic {
                DeploymentAccused::SIGNATURE_HASH => {
                    story.uri = Some(DeploymentAccused::decode_log_data(log)?.uri);
                }
                CaseDrawn::SIGNATURE_HASH => {
                    story.drawn = (&CaseDrawn::decode_log_data(log)?).into();
                }
                QuestionsPosted::SIGNATURE_HASH => {
                    story.questions = QuestionsPosted::decode_log_data(log)?.questionsHash.into();
                }
                LeavesOpened::SIGNATURE_HASH => {
                    story.outcome = (&LeavesOpened::decode_log_data(log)?).into();
                }
                _ => {}
            }
        }
        Ok(story)
    }

    /// The story of a case that was just opened.
    #[must_use]
    pub fn opened(event: &CaseOpened) -> Self {
        Self {
            license_id: event.licenseId.into(),
            opening: event.into(),
            drawn: Drawn::default(),
            questions: QuestionsHash::ZERO,
            outcome: Outcome::default(),
            uri: None,
        }
    }

    /// As much of the story as the contract had seen when it kept `facts`; `None` if these are
    /// facts of another story, for example while a reorg is followed.
    #[must_use]
    pub fn at(mut self, facts: Facts) -> Option<Self> {
        if facts.is_zero() {
            self.drawn = Drawn::default();
        } else if facts == self.drawn.facts_with_outcome(&self.outcome) {
            return Some(self);
        } else if facts != self.drawn.facts_with_questions(self.questions) {
            if facts != self.drawn.facts() {
                return None;
            }
            self.questions = QuestionsHash::ZERO;
        }
        if facts.is_zero() {
            self.questions = QuestionsHash::ZERO;
        }
        self.outcome = Outcome::default();
        Some(self)
    }

    /// The case as calls name it.
    ///
    /// # Errors
    /// [`ConvertError`] if the terms can't be encoded.
    pub fn case_ref(&self, license: &LicenseRef) -> Result<abi::CaseRef, ConvertError> {
        case_ref(license, &self.opening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::EthAddress;
    use alloy::primitives::{Address, B256, U256};
    use alloy::sol_types::SolEvent;

    fn logs() -> Vec<LogData> {
        let case = B256::repeat_byte(1);
        let opened = CaseOpened {
            caseId: case,
            licenseId: B256::repeat_byte(2),
            reporter: Address::repeat_byte(3),
            deploymentHash: B256::repeat_byte(4),
            seedRound: alloy::primitives::Uint::from(5),
            bond: 6,
            openedAt: alloy::primitives::Uint::from(7),
            cases: 8,
            licenses: 9,
            leak: true,
        };
        let drawn = CaseDrawn {
            caseId: case,
            bundles: vec![3, 1],
            committee: vec![Address::repeat_byte(7)],
            questionsDeadline: alloy::primitives::Uint::from(10),
        };
        let posted = QuestionsPosted {
            caseId: case,
            questionsHash: B256::repeat_byte(11),
            count: 40,
            commitDeadline: alloy::primitives::Uint::from(12),
        };
        let leaves = LeavesOpened {
            caseId: case,
            hits: U256::from(0b101),
            outside: U256::from(1) << 255,
            keysHash: B256::repeat_byte(13),
            count: 32,
            rebuttalDeadline: alloy::primitives::Uint::from(14),
        };
        let accused = DeploymentAccused {
            caseId: case,
            deploymentHash: B256::repeat_byte(4),
            uri: "http://leak.test".to_owned(),
        };
        vec![
            opened.encode_log_data(),
            accused.encode_log_data(),
            drawn.encode_log_data(),
            posted.encode_log_data(),
            leaves.encode_log_data(),
        ]
    }

    #[test]
    fn events_tell_the_story() {
        let logs = logs();
        let story = CaseStory::read(&logs).unwrap().unwrap();
        assert_eq!(story.license_id, LicenseId::new([2; 32]));
        assert_eq!((story.opening.cases, story.opening.licenses), (8, 9));
        assert_eq!(story.uri.as_deref(), Some("http://leak.test"));
        assert_eq!(story.drawn.bundles, [3, 1]);
        assert_eq!(story.drawn.committee, [EthAddress::new([7; 20])]);
        assert_eq!((story.outcome.hits[0], story.outcome.outside[31]), (0b101, 0x80));
        assert_eq!(CaseStory::read(&logs[1..]).unwrap(), None);
    }

    #[test]
    fn facts_say_how_far_the_contract_has_come() {
        let logs = logs();
        let whole = CaseStory::read(&logs).unwrap().unwrap();
        let drawn = &whole.drawn;
        for (facts, seen) in [
            (Facts::ZERO, 2),
            (drawn.facts(), 3),
            (drawn.facts_with_questions(whole.questions), 4),
            (drawn.facts_with_outcome(&whole.outcome), 5),
        ] {
            let known = CaseStory::read(&logs[..seen]).unwrap();
            assert_eq!(whole.clone().at(facts), known, "after {seen} events");
            assert_eq!(known.clone().unwrap().at(facts), known);
        }
        assert_eq!(whole.at(Facts::new([9; 32])), None);
    }
}
