//! Rounds but for their opening: seals, answers, fees, and what a round takes from a proof.

use std::borrow::Cow;
use std::collections::BTreeSet;

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolValue};
use oml_contracts::rpc::abi::LicenseRef;
use oml_contracts::rpc::abi::Rounds::{self as Rounds, Sheet};

use super::collateral::EarlierSeal;
use super::court::{Outcome, SealedRound, round_id};
use super::faults::Faults;
use super::leaves::keccak;
use super::refusal::{Caused, Refused};
use super::state::ReferenceModel;
use super::units::{BPS, time40};
use super::universe::Beacon;
use crate::agreed::CHAIN_ID;

/// A round that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct Seal {
    /// Whose word it is.
    pub(crate) account: Address,
    pub(crate) word: B256,
    /// Commitment to what is tested.
    pub(crate) deployment: B256,
    pub(crate) seats: u8,
    /// What of the owner's share the payer is to get, in basis points.
    pub(crate) promise: u16,
    /// Who has signed all of this and the payer, zero for nobody; `None` where the account itself
    /// calls.
    pub(crate) signer: Option<Address>,
}

/// What a seat sends, or says that it has sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatSheet {
    pub(crate) round: B256,
    pub(crate) seat: u8,
    pub(crate) keys_hash: B256,
    pub(crate) tags: B256,
}

impl SeatSheet {
    fn by(&self, prover: Address) -> Sheet {
        Sheet { seat: self.seat, prover, keysHash: self.keys_hash, tags: self.tags }
    }
}

impl ReferenceModel {
    /// Last second in which seats answer.
    pub(crate) fn answers_until(&self, round: &SealedRound) -> u64 {
        round.sealed_at + self.court.config.answerWindow.to::<u64>()
    }

    /// Last second in which the owner opens.
    pub(crate) fn opens_until(&self, round: &SealedRound) -> u64 {
        self.answers_until(round) + self.court.config.openWindow.to::<u64>()
    }

    /// EIP-712 `Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,uint16 promiseBps)`.
    #[must_use]
    pub(crate) fn seal_digest(&self, seal: &Seal, payer: Address) -> B256 {
        let kind = keccak256(
            "Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,uint16 promiseBps)",
        );
        let (seats, promise) = (U256::from(seal.seats), U256::from(seal.promise));
        let fields = (kind, seal.word, seal.deployment, seats, payer, promise);
        let hash = keccak256(fields.abi_encode_params());
        let domain = Eip712Domain::new(
            Some(Cow::Borrowed("OML")),
            Some(Cow::Borrowed("1")),
            Some(U256::from(CHAIN_ID)),
            Some(self.rounds),
            None,
        );
        keccak(&[&[0x19, 0x01], &domain.separator()[..], &hash[..]])
    }

    fn seal_faults(&self, seal: &Seal, faults: &mut Faults) {
        if let Some(signer) = seal.signer {
            let promise = Rounds::Rounds_BadPromise { bps: seal.promise };
            faults.unless(u128::from(seal.promise) <= BPS, promise);
            let bad = Rounds::Rounds_BadSeal { signer, account: seal.account };
            faults.unless(signer == seal.account && !signer.is_zero(), bad);
        }
        let seats = seal.seats;
        let size = [4, 8, 16, 24, 32].contains(&seats);
        faults.unless(size, Rounds::Rounds_BadSize { seats });
        let id = round_id(seal.word, seal.account);
        let again = Rounds::Rounds_AlreadySealed { roundId: id };
        faults.unless(!self.court.rounds.contains_key(&id), again);
        faults.unless(self.tickets.total != 0, Rounds::Rounds_NoTickets {});
    }

    /// `seal`, or `sealFor` by somebody else than the account.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn seal_round(&mut self, by: Address, seal: &Seal, value: u128) -> Caused {
        let fees = self.court.config.seatFee * u128::from(seal.seats);
        let mut faults = Faults::default();
        self.seal_faults(seal, &mut faults);
        self.stake_faults(by, fees, value, &mut faults);
        faults.none()?;
        let round = SealedRound {
            sealed_at: self.time,
            beacon_round: self.next_round(),
            tickets: self.tickets.total,
            seats: seal.seats,
            promise: seal.promise,
            payer: by,
            deployment: seal.deployment,
            outcome: Outcome::Sealed,
            sheets: Vec::new(),
            paid: BTreeSet::new(),
            convicted: None,
        };
        self.atomically(|m| {
            m.pull_stake(by, m.rounds, fees, value)?;
            let id = round_id(seal.word, seal.account);
            let event = Rounds::RoundSealed {
                roundId: id,
                account: seal.account,
                payer: by,
                word: seal.word,
                deployment: seal.deployment,
                seats: seal.seats,
                promiseBps: seal.promise,
                beaconRound: U48::from(round.beacon_round),
                tickets: round.tickets,
                answerUntil: time40(m.answers_until(&round)),
                openUntil: time40(m.opens_until(&round)),
            };
            m.court.rounds.insert(id, round);
            Ok(vec![m.rounds_event(&event)])
        })
    }

    /// What draws a round's seats and leaves, once it is out; the reason why not goes to the
    /// faults.
    pub(super) fn round_seed(&self, id: B256, faults: &mut Faults) -> Option<B256> {
        let beacon_round = self.court.rounds.get(&id)?.beacon_round;
        let round = U48::from(beacon_round);
        match self.beacon(beacon_round) {
            Beacon::Ready(value) => Some(keccak(&[&value[..], &self.rounds[..], &id[..]])),
            Beacon::Pending => {
                let error = Rounds::Rounds_NotDrawn { roundId: id, beaconRound: round };
                faults.unless(false, error);
                None
            }
            Beacon::Stale => {
                let error = Rounds::Rounds_DrawLost { roundId: id, beaconRound: round };
                faults.unless(false, error);
                None
            }
        }
    }

    /// What draws a round, if it is out.
    #[must_use]
    pub(crate) fn seed_of(&self, id: B256) -> Option<B256> {
        self.round_seed(id, &mut Faults::default())
    }

    /// Place of the array that a seat is drawn from, and whose it is.
    #[must_use]
    pub(crate) fn seat_of(&self, id: B256, seed: B256, seat: u8) -> Option<(u32, Option<Address>)> {
        let round = self.court.rounds.get(&id)?;
        let hash = keccak(&[&seed[..], b"seat", &[seat]]);
        let ticket = U256::from_be_bytes(hash.0) % U256::from(round.tickets);
        let ticket = ticket.to::<u32>();
        Some((ticket, self.tickets.holder_at(ticket, round.sealed_at)))
    }

    /// `answer`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn answer(&mut self, by: Address, sheet: &SeatSheet) -> Caused {
        let (id, seat) = (sheet.round, sheet.seat);
        let round = self.known_round(id)?.clone();
        let mut faults = Faults::default();
        let until = self.answers_until(&round);
        let late = Rounds::Rounds_TooLate { until: U256::from(until) };
        faults.unless(self.time <= until, late);
        let seats = round.seats;
        faults.unless(seat < seats, Rounds::Rounds_NoSuchSeat { seat, seats });
        if let Some(seed) = self.round_seed(id, &mut faults).filter(|_| seat < seats) {
            let holder = self.seat_of(id, seed, seat).and_then(|(_, holder)| holder);
            let shown = holder.unwrap_or_default();
            let other = Rounds::Rounds_NotYourSeat { seat, holder: shown, caller: by };
            faults.unless(holder == Some(by), other);
        }
        let first = round.sheet_of(seat).is_none();
        faults.unless(first, Rounds::Rounds_AlreadyAnswered { roundId: id, seat });
        faults.none()?;
        let sheets = self.court.rounds.get_mut(&id).map(|round| &mut round.sheets);
        sheets.ok_or(Refused::ANY)?.push(sheet.by(by));
        Ok(vec![self.rounds_event(&Rounds::SheetSent {
            roundId: id,
            seat,
            prover: by,
            keysHash: sheet.keys_hash,
            tags: sheet.tags,
        })])
    }

    /// The round, or why nothing can be done about it.
    pub(super) fn known_round(&self, id: B256) -> Result<&SealedRound, Refused> {
        let mut faults = Faults::default();
        let round = self.court.rounds.get(&id);
        faults.unless(round.is_some(), Rounds::Rounds_UnknownRound { roundId: id });
        faults.none()?;
        round.ok_or(Refused::ANY)
    }

    /// What a prover can take out.
    #[must_use]
    pub(crate) fn fees_of(&self, prover: Address) -> u128 {
        self.court.fees.get(&prover).copied().unwrap_or_default()
    }

    /// Credits a prover the fee of a seat.
    pub(super) fn credit_fee(&mut self, prover: Address) {
        let fee = self.court.config.seatFee;
        *self.court.fees.entry(prover).or_default() += fee;
    }

    /// `collectLapsed`: a round that nobody has opened in time pays who asks for its own sheets.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn collect_lapsed(&mut self, by: Address, id: B256, sheets: &[Sheet]) -> Caused {
        let round = self.known_round(id)?.clone();
        let mut faults = Faults::default();
        let opened = matches!(round.outcome, Outcome::Opened | Outcome::Convicted);
        let status = round.outcome.status();
        faults.unless(!opened, Rounds::Rounds_WrongStatus { roundId: id, status });
        let from = self.opens_until(&round) + 1;
        faults.unless(self.time >= from, Rounds::Rounds_TooEarly { from: U256::from(from) });
        let wrong = Rounds::Rounds_WrongSheets { roundId: id };
        faults.unless(round.sheets == sheets, wrong);
        faults.none()?;
        let due = |sheet: &&Sheet| sheet.prover == by && !round.paid.contains(&sheet.seat);
        let mine: Vec<u8> = round.sheets.iter().filter(due).map(|sheet| sheet.seat).collect();
        let fee = self.court.config.seatFee;
        if round.outcome == Outcome::Sealed {
            let silent = usize::from(round.seats) - round.sheets.len();
            self.court.unearned += fee * silent as u128;
        }
        mine.iter().for_each(|_| self.credit_fee(by));
        let known = self.court.rounds.get_mut(&id).ok_or(Refused::ANY)?;
        known.outcome = Outcome::Lapsed;
        known.paid.extend(&mine);
        let amount = U256::from(fee * mine.len() as u128);
        let event = Rounds::LapsedFeesCollected { roundId: id, prover: by, amount };
        Ok(vec![self.rounds_event(&event)])
    }

    /// `withdrawFees`: all of it.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn withdraw_fees(&mut self, by: Address, to: Address) -> Caused {
        let amount = self.fees_of(by);
        let mut faults = Faults::default();
        let nowhere = to.is_zero() || to == self.rounds;
        faults.unless(!nowhere, Rounds::Rounds_NoRecipient {});
        faults.unless(amount != 0, Rounds::Rounds_NothingToWithdraw { prover: by });
        self.push_faults(to, amount, &mut faults);
        faults.none()?;
        self.atomically(|m| {
            m.court.fees.insert(by, 0);
            m.push_stake(m.rounds, to, amount)?;
            let event = Rounds::FeesWithdrawn { prover: by, to, amount: U256::from(amount) };
            Ok(vec![m.rounds_event(&event)])
        })
    }

    /// `burnFees`: what nobody has earned is burned, or lost where the currency refuses.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn burn_fees(&mut self) -> Caused {
        let amount = self.court.unearned;
        let mut faults = Faults::default();
        faults.unless(amount != 0, Rounds::Rounds_NothingToBurn {});
        faults.none()?;
        self.atomically(|m| {
            m.court.unearned = 0;
            m.burn_stake(m.rounds, amount)?;
            Ok(vec![m.rounds_event(&Rounds::FeesBurned { amount: U256::from(amount) })])
        })
    }

    /// `takeReport`: whoever reports a license after a round was sealed that convicts it gets
    /// nothing for that.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn take_report(&mut self, license: &LicenseRef, id: B256, payout: usize) -> Caused {
        let license = self.license_id(license);
        let round = self.court.rounds.get(&id);
        let by_it = round.filter(|round| round.convicted == Some(license)).cloned();
        let mut faults = Faults::default();
        let not = Rounds::Rounds_NotConvicted { roundId: id, licenseId: license };
        faults.unless(by_it.is_some(), not);
        faults.none()?;
        let round = by_it.ok_or(Refused::ANY)?;
        let seal = EarlierSeal { license, before: round.sealed_at };
        self.redirect(self.rounds, payout, &seal, round.payer)
    }
}
