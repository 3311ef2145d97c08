//! Words, seals and answers: rounds until they can be opened.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use oml_contracts::rpc::abi::{LicenseRegistry, Rounds};
use rand::Rng;

use super::difference::Difference;
use super::docket::{Play, Words};
use super::world::{Call, World};
use crate::evm::SetUpError;
use crate::model::{
    Deployment, INDICES, Outcome, ReferenceModel, Seal, SealedRound, Status, deployment_commitment,
    round_id, struck, word_of,
};

/// What nobody has registered.
const ELSEWHERE: &str = "https://elsewhere.example/v1";

impl World {
    /// The owner commits to the words of a license.
    pub(super) fn commit_words(&mut self, at: usize) -> Result<(), Difference> {
        let secret = self.word();
        let (reference, _) = self.license_at(at);
        let id = self.model.license_id(&reference);
        let Some(docket) = &self.docket else { return Ok(()) };
        let words = Words::new(id, &docket.accounts, secret);
        let (by, root) = (self.mostly(reference.terms.owner), words.root());
        let data = LicenseRegistry::commitCasesCall { r#ref: reference.clone(), casesRoot: root };
        let call = Call::new(self.model.registry, "commitCases", by, 0, &data);
        let verdict = self.model.commit_cases(&reference, by, root);
        let held = self.hold_choice(&call, |_, _| verdict)?;
        if let Some(docket) = self.docket.as_mut().filter(|_| held.done) {
            docket.words.insert(at, words);
        }
        // A round that is sealed in the same second may have been drawn before the words were made.
        if held.done && self.chance(3) { self.seal_of(Some(at)) } else { Ok(()) }
    }

    /// Rounds that can still be opened, or will be.
    pub(super) fn pending(&self) -> Vec<Play> {
        let plays = self.docket.iter().flat_map(|docket| &docket.plays);
        let open = |play: &&Play| {
            self.model.court.rounds.get(&play.round).is_some_and(|round| {
                round.outcome == Outcome::Sealed && self.model.time <= self.model.opens_until(round)
            })
        };
        plays.filter(open).cloned().collect()
    }

    pub(super) fn round_of(&self, play: &Play) -> Option<SealedRound> {
        self.model.court.rounds.get(&play.round).cloned()
    }

    /// A license whose words are known; mostly one that rounds can say something about.
    fn testable(&mut self) -> Option<usize> {
        let known: Vec<usize> = self.docket.as_ref()?.words.keys().copied().collect();
        let liable = |at: &usize| {
            self.model.licenses.get(*at).is_some_and(|license| {
                let active = matches!(license.status, Status::Active | Status::Terminated);
                active && license.reference.terms.seats != 0
            })
        };
        let good: Vec<usize> = known.iter().copied().filter(liable).collect();
        let from = if good.is_empty() || self.chance(20) { known } else { good };
        from.get(self.below(from.len())).copied()
    }

    /// Which license is to be tested, where, and under which of its words.
    fn plan(&mut self, of: Option<usize>) -> Option<Play> {
        let license = of.or_else(|| self.testable())?;
        let places = self.model.licenses.get(license)?.deployments.clone();
        let places: Vec<(B256, Deployment)> = places.into_iter().collect();
        let now = self.model.time;
        let mut live = places.clone();
        live.retain(|(_, place)| place.until > now);
        let leak = self.chance(4) || (live.is_empty() && !self.chance(8));
        let first = if leak { INDICES } else { 0 };
        let (skipped, last) = (self.chance(5), self.chance(40));
        let far = self.random.random_range(1..4_u8);
        let next = self.docket.as_mut()?.next.entry((license, leak)).or_default();
        let index = if last { INDICES - 1 } else { *next + if skipped { far } else { 0 } };
        let index = index.min(INDICES - 1);
        *next = (*next).max(if last { 0 } else { index + 1 });
        let over = places.iter().find(|(_, place)| place.until < now).map(|(hash, _)| *hash);
        let from = if live.is_empty() || self.chance(8) { &places } else { &live };
        let registered = from.get(self.below(from.len())).map(|(hash, _)| *hash);
        let place = match over.filter(|_| leak && self.chance(2)) {
            None => registered.filter(|_| leak == self.chance(12)),
            left => left,
        };
        Some(Play {
            round: B256::ZERO,
            license,
            index: first + index,
            place: place.unwrap_or_else(|| keccak256(ELSEWHERE)),
            access: if self.random.random() { B256::ZERO } else { self.word() },
            salt: self.word(),
            rate: self.rate(license, leak),
            orderly: !self.chance(4),
        })
    }

    /// Chance in 16 that what is tested gives the license's answer: any, or about as large as it
    /// takes to convict by a bit, or by the next round.
    fn rate(&mut self, license: usize, leak: bool) -> u32 {
        if self.chance(3) {
            return [1, 5, 7, 8, 9, 10, 11, 13, 15, 16][self.below(10)];
        }
        let (reference, _) = self.license_at(license);
        let known = (self.model.license_id(&reference), leak);
        let premium = ReferenceModel::premium(&reference, leak);
        let ledger = self.model.court.ledgers.get(&known);
        let reached = ledger.map_or(0, |ledger| ledger.log(premium));
        let missing = self.model.threshold(&reference, leak) - reached + premium;
        let seats = usize::from(reference.terms.seats.max(4));
        let leaves = 8 * i64::try_from(seats - struck(seats)).unwrap_or(1);
        let missing = if self.chance(3) { missing / 2 } else { missing };
        // Each hit is worth 2.68 bits, each miss costs 0.64; struck seats have the most hits.
        let hits = ((missing >> 32) * 100 + 64 * leaves) / 332 + leaves / 12;
        u32::try_from((16 * hits / leaves).clamp(1, 16)).unwrap_or(16)
    }

    /// Somebody pays for a round, mostly as it should.
    pub(super) fn seal(&mut self) -> Result<(), Difference> {
        self.seal_of(None)
    }

    fn seal_of(&mut self, of: Option<usize>) -> Result<(), Difference> {
        let Some(mut play) = self.plan(of) else { return Ok(()) };
        let (reference, _) = self.license_at(play.license);
        let license = self.model.license_id(&reference);
        let Some(docket) = &self.docket else { return Ok(()) };
        let Some((account, salt)) =
            docket.words.get(&play.license).map(|words| words.words[usize::from(play.index)])
        else {
            return Ok(());
        };
        let key = docket.accounts[account].clone();
        let reporters = docket.reporters.clone();
        let right = if reference.terms.seats == 0 { 4 } else { reference.terms.seats };
        let mut seal = Seal {
            account: key.address(),
            word: word_of(license, play.index, key.address(), salt),
            deployment: deployment_commitment(play.place, play.access, play.salt),
            seats: right,
            promise: 0,
            signer: None,
        };
        match self.below(40) {
            0 => seal.seats = 12,
            1 => seal.seats = if right == 4 { 8 } else { 4 },
            _ => {}
        }
        if self.seal_somehow(&mut seal, &key, &reporters)? {
            if !self.pending().is_empty() {
                self.counts.saw("rounds run in parallel");
            }
            play.round = round_id(seal.word, seal.account);
            let tested = play.license;
            if let Some(docket) = &mut self.docket {
                docket.plays.push(play);
            }
            self.seal_again(seal, reporters[0])?;
            // Whoever reports in the same second was not late.
            if self.chance(15) {
                return self.report_oneself(tested);
            }
        }
        Ok(())
    }

    /// The account seals, or a reporter for it.
    fn seal_somehow(
        &mut self,
        seal: &mut Seal,
        key: &PrivateKeySigner,
        reporters: &[Address],
    ) -> Result<bool, Difference> {
        if self.chance(3) {
            return self.seal_by(key.address(), seal, Bytes::new());
        }
        let by = reporters[self.below(reporters.len())];
        seal.promise = [0, 0, 2_500, 9_999, 10_000][self.below(5)];
        self.seal_for(by, seal.clone(), key)
    }

    /// Once more by the same account, or by another one with the same word.
    fn seal_again(&mut self, seal: Seal, other: Address) -> Result<(), Difference> {
        let account = match self.below(12) {
            0 => seal.account,
            1 => other,
            _ => return Ok(()),
        };
        let again = Seal { account, signer: None, promise: 0, ..seal };
        self.seal_by(account, &again, Bytes::new()).map(drop)
    }

    /// The account has signed for the payer; now and then for another one, or has not signed.
    fn seal_for(
        &mut self,
        mut by: Address,
        mut seal: Seal,
        key: &PrivateKeySigner,
    ) -> Result<bool, Difference> {
        if self.chance(40) {
            seal.promise = 10_001;
        }
        let digest = self.model.seal_digest(&seal, by);
        let forged = self.chance(30);
        let signer = if forged { &self.people.forger } else { key };
        let wrong = |e: alloy::signers::Error| SetUpError(e.to_string());
        let signature = signer.sign_hash_sync(&digest).map_err(wrong)?;
        let mut data = Bytes::from(signature.as_bytes());
        if self.chance(30) {
            // Out of the mempool.
            by = self.people.stranger;
        }
        let digest = self.model.seal_digest(&seal, by);
        seal.signer = signature.recover_address_from_prehash(&digest).ok();
        if self.chance(40) {
            (data, seal.signer) = (Bytes::new(), Some(Address::ZERO));
        }
        seal.signer = Some(seal.signer.unwrap_or_default());
        self.seal_by(by, &seal, data)
    }

    fn seal_by(&mut self, by: Address, seal: &Seal, signature: Bytes) -> Result<bool, Difference> {
        let fees = self.model.court.config.seatFee * u128::from(seal.seats);
        let value = self.value(self.model.tickets.coin, fees);
        let Seal { account, word, deployment, seats, promise, .. } = *seal;
        let call = if seal.signer.is_none() {
            let data = Rounds::sealCall { word, deployment, seats };
            Call::new(self.model.rounds, "seal", by, value, &data)
        } else {
            let promise_bps = promise;
            let data = Rounds::sealForCall {
                account,
                word,
                deployment,
                seats,
                promiseBps: promise_bps,
                signature,
            };
            Call::new(self.model.rounds, "sealFor", by, value, &data)
        };
        let seal =
            if seal.signer.is_none() { Seal { promise: 0, ..seal.clone() } } else { seal.clone() };
        let verdict = self.model.seal_round(by, &seal, value);
        Ok(self.hold_choice(&call, |_, _| verdict)?.done)
    }
}
