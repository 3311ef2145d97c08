//! A case's members: they commit, then reveal.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::SolValue;
use oml_contracts::rpc::abi::ChallengeManager as Manager;
use oml_contracts::rpc::abi::{CaseStatus, Drawn};

use super::faults::Faults;
use super::refusal::{Caused, Refused};

use super::state::{ReferenceModel, Word};
/// A name as the contracts put it into an error.
pub(super) fn name(text: &str) -> B256 {
    let mut word = B256::ZERO;
    word[..text.len()].copy_from_slice(text.as_bytes());
    word
}

impl ReferenceModel {
    /// `commitTags`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn commit_tags(
        &mut self,
        by: Address,
        id: B256,
        drawn: &Drawn,
        asked: B256,
        commitment: B256,
    ) -> Caused {
        let case = self.court.cases.get(&id).cloned();
        let mut faults = Faults::default();
        faults.step(id, case.as_ref(), CaseStatus::Committing, self.time);
        let same = case.as_ref().is_some_and(|case| case.is_drawn(drawn) && case.asked == asked);
        faults.facts(id, same);
        let word = Word::Committed(commitment);
        faults.unless(!word.kept().is_zero(), Manager::ChallengeManager_EmptyHash {});
        let member = drawn.committee.contains(&by);
        faults.unless(member, Manager::ChallengeManager_NotMember { caseId: id, caller: by });
        let done = case.as_ref().is_some_and(|case| case.words.contains_key(&by));
        faults.unless(!done, Manager::ChallengeManager_AlreadyDone { caseId: id, prover: by });
        faults.none()?;
        let mut case = case.ok_or(Refused::ANY)?;
        case.words.insert(by, word);
        case.commits += 1;
        let event = Manager::TagsCommitted { caseId: id, prover: by, commitment };
        let mut events = vec![self.court_event(&event)];
        if case.commits == self.court.config.committeeSize {
            let started = self.court.start_reveal(&mut case, self.time);
            events.extend(self.court_events(vec![started]));
        }
        self.court.cases.insert(id, case);
        Ok(events)
    }

    /// `revealTags`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn reveal_tags(&mut self, by: Address, id: B256, tags: &[u8], salt: B256) -> Caused {
        let mut case = self.court.cases.get(&id).cloned();
        let advanced = case.as_mut().map(|case| self.court.advance(case, self.time));
        let mut faults = Faults::default();
        faults.step(id, case.as_ref(), CaseStatus::Revealing, self.time);
        let word = case.as_ref().and_then(|case| case.words.get(&by).cloned());
        let again = matches!(word, Some(Word::Revealed(_)));
        faults.unless(!again, Manager::ChallengeManager_AlreadyDone { caseId: id, prover: by });
        let expected = 4 * case.as_ref().map_or(0, |case| usize::from(case.questions));
        let length = Manager::ChallengeManager_WrongLength {
            name: name("tags"),
            given: U256::from(tags.len()),
            expected: U256::from(expected),
        };
        faults.unless(tags.len() == expected, length);
        let said = keccak256((id, by, salt, keccak256(tags)).abi_encode());
        let said = Word::Committed(said).kept();
        let committed = word.is_some_and(|word| word.kept() == said);
        faults.unless(committed, Manager::ChallengeManager_WrongTags { caseId: id, prover: by });
        faults.none()?;
        let mut case = case.ok_or(Refused::ANY)?;
        let mut events = self.court_events(advanced.unwrap_or_default());
        case.words.insert(by, Word::Revealed(tags.to_vec()));
        case.reveals += 1;
        let shown = Bytes::copy_from_slice(tags);
        let event = Manager::TagsRevealed { caseId: id, prover: by, tags: shown };
        events.push(self.court_event(&event));
        if case.reveals == case.commits {
            let started = self.court.start_opening(&mut case, self.time);
            events.extend(self.court_events(vec![started]));
        }
        self.court.cases.insert(id, case);
        Ok(events)
    }
}
