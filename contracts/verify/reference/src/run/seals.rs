//! Words, seals and answers: rounds until they can be opened.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::{LicenseRegistry, Rounds};
use rand::Rng;

use super::difference::Difference;
use super::docket::{Play, Words};
use super::world::{Call, World};
use crate::evm::SetUpError;
use crate::model::{
    Deployment, INDICES, Outcome, Seal, SealedRound, SeatSheet, Status, candidate,
    deployment_commitment, keys_hash, round_id, tags, universe_of, word_of,
};

/// What nobody has registered.
const ELSEWHERE: &str = "https://elsewhere.example/v1";

/// What a tester does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tester {
    /// Asks, and says what it was told.
    Honest,
    /// Claims every hit, as only who knows the answers can.
    Framing,
    /// Claims to have been told nothing.
    Friendly,
    /// Asks keys that are none of its leaves'.
    OtherKeys,
    /// Asks the keys of the other seat of its bundle.
    OtherHalf,
    /// Sends nothing.
    Silent,
}

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
        Ok(())
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
    fn plan(&mut self) -> Option<Play> {
        let license = self.testable()?;
        let places = self.model.licenses.get(license)?.deployments.clone();
        let places: Vec<(B256, Deployment)> = places.into_iter().collect();
        let leak = self.chance(4) || (places.is_empty() && !self.chance(8));
        let first = if leak { INDICES } else { 0 };
        let (skipped, last) = (self.chance(5), self.chance(40));
        let far = self.random.random_range(1..4_u8);
        let next = self.docket.as_mut()?.next.entry((license, leak)).or_default();
        let index = if last { INDICES - 1 } else { *next + if skipped { far } else { 0 } };
        let index = index.min(INDICES - 1);
        *next = (*next).max(if last { 0 } else { index + 1 });
        let now = self.model.time;
        let over = places.iter().find(|(_, place)| place.until < now).map(|(hash, _)| *hash);
        let registered = places.get(self.below(places.len())).map(|(hash, _)| *hash);
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
            rate: [1, 5, 7, 8, 9, 10, 11, 13, 15, 16][self.below(10)],
            orderly: !self.chance(4),
        })
    }

    /// Somebody pays for a round, mostly as it should.
    pub(super) fn seal(&mut self) -> Result<(), Difference> {
        let Some(mut play) = self.plan() else { return Ok(()) };
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
            if let Some(docket) = &mut self.docket {
                docket.plays.push(play);
            }
            self.seal_again(seal, reporters[0])?;
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

    /// The draw is brought, and the seats answer.
    pub(super) fn answer_round(&mut self, play: &Play) -> Result<(), Difference> {
        let Some(round) = self.round_of(play) else { return Ok(()) };
        if self.model.block <= round.beacon_round && !self.chance(20) {
            self.pass(3, 36);
        }
        self.bring(round.beacon_round)?;
        for seat in 0..round.seats {
            if !round.sheets.contains_key(&seat) || self.chance(20) {
                self.answer_seat(play, &round, seat)?;
            }
        }
        if self.chance(8) {
            self.answer_seat(play, &round, round.seats)?;
        }
        Ok(())
    }

    fn answer_seat(
        &mut self,
        play: &Play,
        round: &SealedRound,
        seat: u8,
    ) -> Result<(), Difference> {
        let seed = self.model.seed_of(play.round);
        let seat_of = |seed| self.model.seat_of(play.round, seed, seat);
        let place = seed.and_then(seat_of);
        let Some((ticket, Some(holder))) = place.filter(|_| seat < round.seats) else {
            if let Some((ticket, _)) = place {
                self.note_vacancy(ticket, round.sealed_at);
            }
            if self.chance(3) {
                let by = self.a_prover();
                let sheet = self.junk(play, seat);
                self.send_sheet(by, &sheet)?;
            }
            return Ok(());
        };
        if self.model.tickets.holder(ticket) != Some(holder) {
            self.counts.saw("a seat is its holder's who has left the place since");
        }
        let tester = self.tester(play, holder);
        let sheet = match tester {
            Tester::Silent => {
                self.counts.saw("a seat is silent");
                return Ok(());
            }
            tester => self.sheet(play, round, seat, tester),
        };
        let by = self.mostly(holder);
        self.send_sheet(by, &sheet)?;
        if by != holder || self.chance(20) {
            self.send_sheet(holder, &sheet)?;
        }
        Ok(())
    }

    fn note_vacancy(&mut self, ticket: u32, time: u64) {
        let tenures = self.model.tickets.places.get(ticket as usize);
        let any = |fits: &dyn Fn(u64, u64) -> bool| {
            tenures.is_some_and(|all| all.iter().any(|t| fits(t.from, t.until)))
        };
        let seen = if any(&|from, until| from <= time && time < until) {
            "a seat is vacant: its prover was dead by the clock"
        } else if any(&|from, until| from > time && from < until) {
            "a seat is vacant: its ticket was warming up, or on its way"
        } else {
            "a seat is vacant: its place was left"
        };
        self.counts.saw(seen);
    }

    fn tester(&mut self, play: &Play, holder: Address) -> Tester {
        let hostile = self.docket.as_ref().is_some_and(|docket| docket.provers[4] == holder);
        if hostile && !self.chance(4) {
            self.counts.saw("a seat is hostile");
            return if self.chance(3) { Tester::Friendly } else { Tester::Framing };
        }
        if play.orderly {
            return Tester::Honest;
        }
        match self.below(24) {
            0..=1 => Tester::Silent,
            2 => Tester::Framing,
            3 => Tester::Friendly,
            4 => Tester::OtherKeys,
            5 => Tester::OtherHalf,
            _ => Tester::Honest,
        }
    }

    fn junk(&mut self, play: &Play, seat: u8) -> SeatSheet {
        SeatSheet { round: play.round, seat, keys_hash: self.word(), tags: self.word() }
    }

    /// What a tester sends.
    fn sheet(&mut self, play: &Play, round: &SealedRound, seat: u8, tester: Tester) -> SeatSheet {
        let mut sheet = self.junk(play, seat);
        let (reference, _) = self.license_at(play.license);
        let id = universe_of(&reference.terms);
        let Some(seed) = self.model.seed_of(play.round) else { return sheet };
        let drawn = self.model.drawn_bundles(id, seed, round);
        let leaves = self.desk.as_ref().and_then(|desk| desk.leaves.get(&id)).cloned();
        let (Some(bundle), Some(leaves)) = (drawn.get(usize::from(seat / 2)), leaves) else {
            return sheet;
        };
        let own = self.model.licenses.get(play.license).map_or(B256::ZERO, |license| license.seed);
        let root = self.model.universe(id).root;
        let half = u32::from(seat % 2 == u8::from(tester != Tester::OtherHalf)) * 8;
        let first = bundle * BUNDLE_LEAVES + half;
        let of_seat: Vec<_> = (first..first + 8).map(|index| (index, leaves.leaf(index))).collect();
        let keys: Vec<B256> = of_seat.iter().map(|(_, leaf)| leaf.keyHash).collect();
        if tester == Tester::OtherKeys {
            self.counts.saw("a sheet has other keys");
        } else {
            sheet.keys_hash = keys_hash(&keys);
        }
        let mut said = Vec::new();
        for (index, leaf) in of_seat {
            let answer = candidate(own, root, index, leaf.salt);
            let rate = match tester {
                Tester::Friendly => 0,
                Tester::Framing | Tester::OtherKeys | Tester::OtherHalf => 16,
                Tester::Honest | Tester::Silent => play.rate,
            };
            let hit = self.random.random_range(0..16) < rate;
            let other = self.below(16);
            let silent = tester == Tester::Friendly || self.random.random();
            said.extend(match (hit, silent) {
                (true, _) => tags(&leaf)[answer],
                (false, true) => [0; 4],
                (false, false) => tags(&leaf)[other],
            });
        }
        sheet.tags = B256::from_slice(&said);
        sheet
    }

    fn send_sheet(&mut self, by: Address, sheet: &SeatSheet) -> Result<(), Difference> {
        let SeatSheet { round, seat, keys_hash, tags } = *sheet;
        let data = Rounds::answerCall { roundId: round, seat, keysHash: keys_hash, tags };
        let call = Call::new(self.model.rounds, "answer", by, 0, &data);
        let verdict = self.model.answer(by, sheet);
        self.hold(&call, verdict).map(drop)
    }

    /// A seat answers when the answers are over.
    pub(super) fn answer_late(&mut self, play: &Play) -> Result<(), Difference> {
        let Some(round) = self.round_of(play) else { return Ok(()) };
        let seat = u8::try_from(self.below(round.seats.into())).unwrap_or(0);
        let over = self.model.time > self.model.answers_until(&round);
        if over && !round.sheets.contains_key(&seat) {
            self.counts.saw("a sheet is late");
        }
        self.answer_seat(play, &round, seat)
    }
}
