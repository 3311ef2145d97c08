//! What seats send: what they were told, what they claim, or nothing, in time or not.

use alloy::primitives::{Address, B256};
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::Rounds;
use rand::Rng;

use super::difference::Difference;
use super::docket::Play;
use super::world::{Call, World};
use crate::model::{SealedRound, SeatSheet, candidate, keys_hash, tags, universe_of};

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
    /// Lets the time of answers pass.
    Silent,
}

impl World {
    /// The draw is brought, and the seats answer.
    pub(super) fn answer_round(&mut self, play: &Play) -> Result<(), Difference> {
        let Some(round) = self.round_of(play) else { return Ok(()) };
        if self.model.block <= round.beacon_round && !self.chance(20) {
            self.pass(3, 36);
        }
        self.bring(round.beacon_round)?;
        for seat in 0..round.seats {
            if round.sheet_of(seat).is_none() || self.chance(20) {
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
            return if self.chance(2) { Tester::Friendly } else { Tester::Framing };
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
        if over && round.sheet_of(seat).is_none() {
            self.counts.saw("a sheet is late");
        }
        self.answer_seat(play, &round, seat)
    }
}
