//! The owner opens rounds: in time or not, with what was drawn and sent or something else.

use oml_contracts::rpc::abi::OpenedBundle;
use oml_contracts::rpc::abi::Rounds::{self as Rounds, Opening, RoundOpened, Sheet};
use rand::Rng;

use super::difference::Difference;
use super::docket::Play;
use super::tickets::decoded;
use super::world::{Call, World};
use crate::model::{INDICES, ReferenceModel, SealedRound, struck, tags, universe_of};

/// One bit of evidence.
const BIT: i64 = 1 << 32;

/// What was known of a round before it was opened.
struct Before {
    /// Indices that were due, and whether one of them was used up.
    charged: u8,
    spent: bool,
    /// Bundles that were drawn, were burned since, and stayed closed.
    drawn: usize,
    burned: usize,
    closed: usize,
    /// A bundle of the universe was burned on a day before the seal.
    used: bool,
}

impl World {
    /// Goes to the time of a round's opening, now and then to the wrong side of its ends.
    fn await_opening(&mut self, round: &SealedRound) {
        let first = self.model.answers_until(round) + 1;
        let last = self.model.opens_until(round);
        let to = match self.below(30) {
            0 => first - 1,
            1 => last,
            2 => last + 1,
            3 => self.random.random_range(first..last),
            _ => first,
        };
        if self.model.time < to {
            let lost = !self.model.brought.contains(&round.beacon_round) && self.chance(8);
            self.pass(if lost { 300 } else { 4 }, to - self.model.time);
        }
    }

    /// Opens a round at its time; once more if it was refused for what the owner did wrong.
    pub(super) fn open_play(&mut self, play: &Play) -> Result<(), Difference> {
        let Some(round) = self.round_of(play) else { return Ok(()) };
        self.await_opening(&round);
        if self.chance(6) {
            self.answer_late(play)?;
        }
        if self.chance(8) {
            self.retire_place(play.license, play.place)?;
        }
        let mut opening = self.opening(play, &round);
        if self.would_convict(&opening) && self.chance(2) {
            self.report_oneself(play.license)?;
        }
        let spoiled = self.chance(4);
        if spoiled {
            self.spoil_opening(&mut opening);
        }
        let opened = self.open(play, &opening)?;
        if !opened && spoiled && !self.chance(8) {
            let opening = self.opening(play, &round);
            self.open(play, &opening)?;
        } else if opened && self.chance(10) {
            self.open(play, &opening)?;
        }
        Ok(())
    }

    /// Whether this would convict if it were opened now.
    fn would_convict(&self, o: &Opening) -> bool {
        let events = self.model.clone().open_round(o.license.terms.owner, o).unwrap_or_default();
        decoded::<RoundOpened>(&events).iter().any(|event| event.convicted)
    }

    /// What the owner should bring; a bundle may stay closed, and one that can't be opened mostly
    /// does.
    fn opening(&mut self, play: &Play, round: &SealedRound) -> Opening {
        let (license, _) = self.license_at(play.license);
        let id = universe_of(&license.terms);
        let seed = self.model.seed_of(play.round);
        let drawn = seed.map(|seed| self.model.drawn_bundles(id, seed, round)).unwrap_or_default();
        let leaves = self.desk.as_ref().and_then(|desk| desk.leaves.get(&id)).cloned();
        let mut bundles = Vec::new();
        for at in 0..usize::from(round.seats / 2) {
            let shown = drawn.get(at).zip(leaves.as_ref()).map(|(at, leaves)| leaves.open(*at));
            let shown = shown.unwrap_or_default();
            let open = is_well_formed(&shown) || self.chance(6);
            bundles.push(if open && !self.chance(14) { shown } else { OpenedBundle::default() });
        }
        let words = self.docket.as_ref().and_then(|docket| {
            let words = docket.words.get(&play.license)?;
            let (account, salt) = words.words[usize::from(play.index)];
            Some((docket.accounts[account].address(), salt, words.proof(play.index)))
        });
        let (account, salt, proof) = words.unwrap_or_default();
        Opening {
            license,
            index: play.index,
            account,
            wordSalt: salt,
            wordProof: proof,
            deploymentHash: play.place,
            accessHash: play.access,
            deploymentSalt: play.salt,
            bundles,
            sheets: round.sheets.clone(),
        }
    }

    fn spoil_opening(&mut self, o: &mut Opening) {
        let word = self.word();
        // Without sheets there is one more than was sent.
        if o.sheets.is_empty() {
            o.sheets.push(Sheet::default());
            return;
        }
        let at = self.below(o.sheets.len());
        match self.below(18) {
            0 => o.wordSalt = word,
            1 => o.wordProof[0] = word,
            2 => drop(o.wordProof.pop()),
            3 => o.index ^= INDICES,
            4 => o.index |= 2 * INDICES,
            5 => o.deploymentSalt = word,
            6 => o.deploymentHash = word,
            7 => drop(o.bundles.pop()),
            8 => drop(o.sheets.pop()),
            9 => o.sheets[at].tags = word,
            10 => o.sheets.reverse(),
            11 => o.sheets[at].prover = self.people.stranger,
            12 => o.sheets.push(Sheet { seat: 7, ..Sheet::default() }),
            13 => o.license.nonce += alloy::primitives::aliases::U96::from(1),
            14 => self.spoil_license(o),
            _ => self.spoil_bundle(o),
        }
    }

    /// The round is said to be another license's.
    fn spoil_license(&mut self, o: &mut Opening) {
        let (_, other, _) = self.pick();
        o.license = other;
    }

    fn spoil_bundle(&mut self, o: &mut Opening) {
        let word = self.word();
        let at = self.below(o.bundles.len());
        let Some(bundle) = o.bundles.get_mut(at).filter(|b| !b.leaves.is_empty()) else { return };
        match self.random.random_range(0..6_u32) {
            0 => bundle.leaves[3].salt = word,
            1 => bundle.leaves.swap(0, 1),
            2 => drop(bundle.leaves.pop()),
            3 => bundle.leaves[5].tags = [word; 2],
            4 => bundle.siblings.push(word),
            _ => drop(bundle.siblings.pop()),
        }
    }

    fn before(&self, play: &Play, o: &Opening) -> Option<Before> {
        let round = self.round_of(play)?;
        let id = universe_of(&o.license.terms);
        let license = self.model.license_id(&o.license);
        let ledger = self.model.court.ledgers.get(&(license, o.index >= INDICES));
        let ledger = ledger.cloned().unwrap_or_default();
        let seed = self.model.seed_of(play.round)?;
        let drawn = self.model.drawn_bundles(id, seed, &round);
        let burned = &self.model.universe(id).burned;
        let closed = o.bundles.iter().take(drawn.len()).filter(|b| b.leaves.is_empty()).count();
        let day = round.sealed_at / 86_400;
        Some(Before {
            charged: ledger.charged(),
            spent: ledger.opened.values().any(|opened| opened.spent),
            burned: drawn.iter().filter(|bundle| burned.contains_key(bundle)).count(),
            drawn: drawn.len(),
            closed,
            used: burned.values().any(|on| u64::from(*on) < day),
        })
    }

    fn open(&mut self, play: &Play, o: &Opening) -> Result<bool, Difference> {
        let before = self.before(play, o);
        let by = self.mostly(o.license.terms.owner);
        let data = Rounds::openCall { opening: o.clone() };
        let call = Call::new(self.model.rounds, "open", by, 0, &data);
        let verdict = self.model.open_round(by, o);
        let held = self.hold_choice(&call, |_, _| verdict)?;
        if let Some((event, before)) = decoded::<RoundOpened>(&held.logs).first().zip(before) {
            self.note_draw(&before, o);
            self.note_ledger(&before, o, event);
            self.note_strike(event, 2 * o.bundles.len());
            self.note_place(play, o);
            if event.convicted {
                self.after_conviction(play)?;
            }
        }
        Ok(held.done)
    }

    /// The round's payer takes what a self-report would bring, and the seats fetch their fees.
    fn after_conviction(&mut self, play: &Play) -> Result<(), Difference> {
        if self.chance(2) {
            self.take_report()?;
        }
        if !self.chance(4) {
            let Some(round) = self.round_of(play) else { return Ok(()) };
            if round.paid.len() < round.sheets.len() {
                self.counts.saw("a seat without a hit of a convicting round is not paid");
            }
            for sheet in &round.sheets {
                self.withdraw_fees(sheet.prover)?;
            }
        }
        Ok(())
    }

    fn note_draw(&mut self, before: &Before, o: &Opening) {
        let facts = [
            (before.closed != 0, "a bundle stays closed"),
            (before.burned != 0, "a bundle was burned since the draw"),
            (before.drawn < o.bundles.len(), "there is no bundle left to draw"),
            (before.used, "a universe had used bundles at the seal"),
        ];
        facts.into_iter().filter(|(so, _)| *so).for_each(|(_, fact)| self.counts.saw(fact));
    }

    fn note_ledger(&mut self, before: &Before, o: &Opening, event: &RoundOpened) {
        let index = event.index % INDICES;
        let short = event.threshold - event.logA;
        let premium = ReferenceModel::premium(&o.license, event.index >= INDICES);
        let leak = event.index >= INDICES;
        let alone = event.gain - premium >= event.threshold;
        let facts = [
            (event.convicted, "a round convicts"),
            (event.convicted && !alone, "a round convicts by the help of earlier ones"),
            (event.convicted && -short < 4 * BIT, "a round convicts by less than four bits"),
            (!event.convicted && short < 4 * BIT, "less than four bits are missing"),
            (event.gain == 0, "a round gains nothing"),
            (index > before.charged, "indices are skipped"),
            (index < before.charged, "an index is opened after a larger one"),
            (event.index % INDICES == INDICES - 1, "the last index is opened"),
            (before.spent, "a round is opened after a conviction"),
            (before.spent && index < before.charged, "what a conviction left charged is opened"),
            (before.spent && event.convicted, "a license is convicted again"),
            (leak, "a round of an unregistered deployment is opened"),
            (leak && event.convicted, "an unregistered deployment convicts"),
            (event.gain > 0, "a round gains something"),
        ];
        facts.into_iter().filter(|(so, _)| *so).for_each(|(_, fact)| self.counts.saw(fact));
    }

    /// Seats that are struck have as many hits as one that is not.
    fn note_strike(&mut self, event: &RoundOpened, seats: usize) {
        let mut hits = event.hits.0[..seats].to_vec();
        hits.sort_unstable();
        let left = seats - struck(seats);
        if hits[left - 1] != 0 && hits[left - 1] == hits[left] {
            self.counts.saw("seats are struck in a tie");
        }
        if hits[left] > hits[left - 1] {
            self.counts.saw("struck seats have more hits than the others");
        }
    }

    fn note_place(&mut self, play: &Play, o: &Opening) {
        let id = self.model.license_id(&o.license);
        let license = self.model.licenses.iter().find(|license| license.id == id);
        let place = license.and_then(|license| license.deployments.get(&o.deploymentHash)).copied();
        let (Some(place), Some(round)) = (place, self.round_of(play)) else { return };
        if place.until < 1 << 39 {
            let before = place.since <= round.sealed_at && place.until >= self.model.time;
            self.counts.saw(if before {
                "a retired deployment is judged"
            } else {
                "a deployment whose host answers no more is judged as any other"
            });
        }
    }
}

fn is_well_formed(bundle: &OpenedBundle) -> bool {
    bundle.leaves.iter().all(|leaf| {
        let tags = tags(leaf);
        tags[0] != [0; 4] && tags.windows(2).all(|pair| pair[0] < pair[1])
    })
}
