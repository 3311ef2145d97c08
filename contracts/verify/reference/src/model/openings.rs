//! The opening of a round: what was drawn, what the seats have hit, and what follows.

use std::collections::BTreeSet;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, U256};
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::Rounds::{self as Rounds, Opening, Sheet};
use oml_contracts::rpc::abi::{LicenseRef, OpenedBundle};

use super::collateral::{SlashSplit, Slashing};
use super::copies::name;
use super::court::{
    INDICES, OpenedIndex, Outcome, SealedRound, deployment_commitment, is_under, kept_hits,
    keys_hash, round_id, struck, word_of,
};
use super::faults::Faults;
use super::leaves::{candidate, check_leaves, keccak, tags};
use super::logarithm::{evidence, log2_ceil};
use super::refusal::{Caused, Events, Refused};
use super::state::{License, ReferenceModel, Status, UniverseId};
use super::units::{share, time40};
use super::universe::universe_of;

/// Level of rounds, and its bit in the terms.
const LEVEL: u8 = 2;
/// Leaves that each seat asks about.
const SEAT_LEAVES: usize = 8;
/// Numbers that a draw of bundles looks at.
const TRIES: u32 = 1_024;
/// Seconds of a day.
const DAY: u64 = 86_400;
/// One bit of evidence.
const BIT: i64 = 1 << 32;
/// Bits that who makes blocks can buy of a draw.
const BIAS_BITS: i64 = 1;

/// The round that an opening is about.
struct Named {
    license: B256,
    round: B256,
    word: B256,
    /// Whether the deployment is one that nobody registered.
    leak: bool,
}

/// What the sheets come to.
#[derive(Debug, Default)]
struct Tally {
    /// Answers that are the license's, by seat.
    hits: Vec<u8>,
    /// Bundles that were opened.
    opened: Vec<u32>,
    /// Seats whose leaves were opened and that have no hit.
    without: BTreeSet<u8>,
}

impl ReferenceModel {
    /// The first different bundles of the draw that were not burned on a day before the seal.
    #[must_use]
    pub(crate) fn drawn_bundles(
        &self,
        id: UniverseId,
        seed: B256,
        round: &SealedRound,
    ) -> Vec<u32> {
        let universe = self.universe(id);
        let wanted = usize::from(round.seats / 2);
        let count = U256::from((universe.personal / BUNDLE_LEAVES).max(1));
        let mut drawn = Vec::new();
        for t in 0..TRIES {
            let hash = keccak(&[&seed[..], &t.to_be_bytes()]);
            let bundle = (U256::from_be_bytes(hash.0) % count).to::<u32>();
            let day = universe.burned.get(&bundle).copied().map(u64::from);
            let used = day.is_some_and(|day| day < round.sealed_at / DAY);
            if !used && !drawn.contains(&bundle) && drawn.len() < wanted {
                drawn.push(bundle);
            }
        }
        drawn
    }

    fn named(&self, o: &Opening) -> Named {
        let license = self.license_id(&o.license);
        let word = word_of(license, o.index, o.account, o.wordSalt);
        Named { license, round: round_id(word, o.account), word, leak: o.index >= INDICES }
    }

    fn moment_faults(&self, id: B256, round: &SealedRound, faults: &mut Faults) {
        let status = round.outcome.status();
        let again = Rounds::Rounds_WrongStatus { roundId: id, status };
        faults.unless(round.outcome == Outcome::Sealed, again);
        let (from, until) = (self.answers_until(round) + 1, self.opens_until(round));
        faults.unless(self.time >= from, Rounds::Rounds_TooEarly { from: U256::from(from) });
        faults.unless(self.time <= until, Rounds::Rounds_TooLate { until: U256::from(until) });
    }

    /// The round was sealed with a word of this license, which was committed before, and is as
    /// large as its terms say.
    fn word_faults(&self, o: &Opening, named: &Named, round: &SealedRound, faults: &mut Faults) {
        let terms = &o.license.terms;
        let level = terms.evidenceLevels & 1 << LEVEL != 0;
        faults.unless(level, Rounds::Rounds_LevelNotAccepted { level: LEVEL });
        let size = Rounds::Rounds_WrongSize { seats: round.seats, agreed: terms.seats };
        faults.unless(round.seats == terms.seats, size);
        let license = self.find_license(named.license).map(|at| &self.licenses[at]);
        let liable = |l: &License| matches!(l.status, Status::Active | Status::Terminated);
        let not = Rounds::Rounds_LicenseNotLiable { licenseId: named.license };
        faults.unless(license.is_some_and(liable), not);
        let cases = license.map(|license| license.cases).unwrap_or_default();
        let under = is_under(cases.root, named.word, o.index, &o.wordProof);
        let wrong = Rounds::Rounds_WrongWord { word: named.word };
        faults.unless(under && cases.at < round.sealed_at, wrong);
        let ledger = self.court.ledgers.get(&(named.license, named.leak));
        let index = o.index % INDICES;
        let known = ledger.is_some_and(|ledger| ledger.opened.contains_key(&index));
        let again = Rounds::Rounds_AlreadyOpened { licenseId: named.license, index: o.index };
        faults.unless(!known, again);
    }

    /// What was tested is what was committed to. Its host answered for it at the seal and still
    /// does; or, in a round of the other kind, it did not.
    fn place_faults(&self, o: &Opening, named: &Named, round: &SealedRound, faults: &mut Faults) {
        let given = deployment_commitment(o.deploymentHash, o.accessHash, o.deploymentSalt);
        let wrong = Rounds::Rounds_WrongDeployment { given, sealed_: round.deployment };
        faults.unless(given == round.deployment, wrong);
        let license = self.find_license(named.license).map(|at| &self.licenses[at]);
        let place = license.and_then(|license| license.deployments.get(&o.deploymentHash));
        let answered = place.is_some_and(|p| (p.since..=p.until).contains(&round.sealed_at));
        let kind = Rounds::Rounds_WrongKind { index: o.index, registered: answered };
        faults.unless(answered != named.leak, kind);
        let until = place.map_or(0, |place| place.until);
        let over = Rounds::Rounds_DeploymentNotLiable {
            deploymentHash: o.deploymentHash,
            liableUntil: time40(until),
        };
        faults.unless(named.leak || self.time <= until, over);
    }

    /// The sheets as they were sent, in their order, and a bundle for two seats, perhaps closed.
    fn sheet_faults(o: &Opening, id: B256, round: &SealedRound, faults: &mut Faults) {
        let expected = usize::from(round.seats / 2);
        let error = Rounds::Rounds_WrongLength {
            name: name("bundles"),
            given: U256::from(o.bundles.len()),
            expected: U256::from(expected),
        };
        faults.unless(o.bundles.len() == expected, error);
        faults.unless(o.sheets == round.sheets, Rounds::Rounds_WrongSheets { roundId: id });
    }

    /// The bundles that count, with what the owner shows of them and the first seat of each: drawn,
    /// not burned since, not left closed.
    fn open_bundles<'a>(
        &self,
        o: &'a Opening,
        seed: B256,
        round: &SealedRound,
    ) -> Vec<(u8, u32, &'a OpenedBundle)> {
        let id = universe_of(&o.license.terms);
        let drawn = self.drawn_bundles(id, seed, round);
        let burned = &self.universe(id).burned;
        let shown = (0..).step_by(2).zip(drawn).zip(&o.bundles);
        shown
            .filter(|((_, drawn), shown)| !burned.contains_key(drawn) && !shown.leaves.is_empty())
            .map(|((seat, drawn), shown)| (seat, drawn, shown))
            .collect()
    }

    /// Hits of a seat that has asked its eight leaves of a bundle and no others.
    fn hits(
        &self,
        license: &License,
        bundle: u32,
        seat: u8,
        shown: &OpenedBundle,
        sheet: Option<&Sheet>,
    ) -> u8 {
        let root = self.universe(universe_of(&license.reference.terms)).root;
        let half = usize::from(seat % 2) * SEAT_LEAVES;
        let leaves = (bundle * BUNDLE_LEAVES..).zip(&shown.leaves).skip(half).take(SEAT_LEAVES);
        let keys: Vec<B256> = leaves.clone().map(|(_, leaf)| leaf.keyHash).collect();
        let Some(sheet) = sheet.filter(|sheet| sheet.keysHash == keys_hash(&keys)) else {
            return 0;
        };
        let answers =
            leaves.map(|(index, leaf)| tags(leaf)[candidate(license.seed, root, index, leaf.salt)]);
        let said = sheet.tags.chunks_exact(4);
        let hits = answers.zip(said).filter(|(answer, said)| answer == said).count();
        u8::try_from(hits).unwrap_or(u8::MAX)
    }

    fn tally(
        &self,
        round: &SealedRound,
        license: &License,
        open: &[(u8, u32, &OpenedBundle)],
    ) -> Tally {
        let mut tally = Tally { hits: vec![0; round.seats.into()], ..Tally::default() };
        for (first, bundle, shown) in open {
            tally.opened.push(*bundle);
            for seat in [*first, first + 1] {
                let at = usize::from(seat);
                tally.hits[at] = self.hits(license, *bundle, seat, shown, round.sheet_of(seat));
                if tally.hits[at] == 0 {
                    tally.without.insert(seat);
                }
            }
        }
        tally
    }

    /// Bits that every index costs: for the bet or no bet, for slots that can be skipped, for the
    /// choice among deployments.
    #[must_use]
    pub(crate) fn premium(license: &LicenseRef, leak: bool) -> i64 {
        let named = if leak { 1 } else { license.terms.maxDeployments };
        (1 + BIAS_BITS) * BIT + log2_ceil(U256::from(named))
    }

    /// Bits of evidence that convict; of an unregistered deployment any license could be named.
    #[must_use]
    pub(crate) fn threshold(&self, license: &LicenseRef, leak: bool) -> i64 {
        let licenses = self.universe(universe_of(&license.terms)).licenses;
        let named = if leak { licenses } else { 1 };
        log2_ceil(U256::from(license.terms.alphaInverse)) + log2_ceil(U256::from(named))
    }

    /// `open`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn open_round(&mut self, by: Address, o: &Opening) -> Caused {
        let named = self.named(o);
        let mut faults = Faults::default();
        let owner = o.license.terms.owner;
        faults.unless(by == owner, Rounds::Rounds_OnlyOwner { owner, caller: by });
        let Some(round) = self.court.rounds.get(&named.round).cloned() else {
            faults.unless(false, Rounds::Rounds_UnknownRound { roundId: named.round });
            return faults.none().map(|()| Vec::new());
        };
        self.moment_faults(named.round, &round, &mut faults);
        self.word_faults(o, &named, &round, &mut faults);
        self.place_faults(o, &named, &round, &mut faults);
        Self::sheet_faults(o, named.round, &round, &mut faults);
        let seed = self.round_seed(named.round, &mut faults);
        let open = seed.map_or_else(Vec::new, |seed| self.open_bundles(o, seed, &round));
        for (_, bundle, shown) in &open {
            let universe = self.universe(universe_of(&o.license.terms));
            check_leaves(universe, &[*bundle], std::slice::from_ref(*shown), &mut faults);
        }
        faults.none()?;
        let at = self.find_license(named.license).ok_or(Refused::ANY)?;
        let tally = self.tally(&round, &self.license(at)?, &open);
        self.atomically(|m| m.judge(o, &named, &round, tally, at))
    }

    /// Credits the fees of an opened round to who sent a sheet, but for those of some seats.
    fn pay_seats(&mut self, id: B256, without: BTreeSet<u8>) -> Result<(), Refused> {
        let round = self.court.rounds.get_mut(&id).ok_or(Refused::ANY)?;
        let earning: Vec<(u8, Address)> = round
            .sheets
            .iter()
            .filter(|sheet| !without.contains(&sheet.seat))
            .map(|sheet| (sheet.seat, sheet.prover))
            .collect();
        round.paid = earning.iter().map(|(seat, _)| *seat).collect();
        let left = usize::from(round.seats) - earning.len();
        self.court.unearned += self.court.config.seatFee * left as u128;
        earning.into_iter().for_each(|(_, prover)| self.credit_fee(prover));
        Ok(())
    }

    /// Moves the license's ledger, and convicts if it says so.
    fn judge(
        &mut self,
        o: &Opening,
        named: &Named,
        round: &SealedRound,
        tally: Tally,
        at: usize,
    ) -> Caused {
        let Tally { hits, opened, without } = tally;
        let kept = kept_hits(&hits);
        let leaves = SEAT_LEAVES * (hits.len() - struck(hits.len()));
        let misses = u32::try_from(leaves).unwrap_or(0) - kept;
        let gain = evidence(kept, misses).max(0);
        let premium = Self::premium(&o.license, named.leak);
        let threshold = self.threshold(&o.license, named.leak);
        let ledger = self.court.ledgers.entry((named.license, named.leak)).or_default();
        ledger.opened.insert(o.index % INDICES, OpenedIndex { gain, spent: false });
        let reached = ledger.log(premium);
        let convicted = reached >= threshold;
        if convicted {
            ledger.spend();
        }
        let known = self.court.rounds.get_mut(&named.round).ok_or(Refused::ANY)?;
        known.outcome = if convicted { Outcome::Convicted } else { Outcome::Opened };
        self.pay_seats(named.round, if convicted { without } else { BTreeSet::new() })?;
        let mut packed = B256::ZERO;
        packed.0.iter_mut().zip(&hits).for_each(|(to, hits)| *to = *hits);
        let mut events = vec![self.rounds_event(&Rounds::RoundOpened {
            roundId: named.round,
            licenseId: named.license,
            deploymentHash: o.deploymentHash,
            index: o.index,
            hits: packed,
            kept: u16::try_from(kept).unwrap_or(u16::MAX),
            gain,
            logA: reached,
            threshold,
            convicted,
        })];
        events.extend(self.burn_all(universe_of(&o.license.terms), &opened));
        if convicted {
            events.extend(self.punish(o, named, round, at)?);
        }
        Ok(events)
    }

    /// A host answers for what it registered; for a copy that turned up elsewhere only if its terms
    /// say so.
    fn punish(
        &mut self,
        o: &Opening,
        named: &Named,
        round: &SealedRound,
        at: usize,
    ) -> Result<Events, Refused> {
        let terms = &o.license.terms;
        let mut events = Vec::new();
        if named.leak {
            self.court.flags.insert(o.deploymentHash, named.round);
            events.push(self.rounds_event(&Rounds::DeploymentFlagged {
                deploymentHash: o.deploymentHash,
                licenseId: named.license,
                roundId: named.round,
            }));
            if !terms.leakLiability {
                return Ok(events);
            }
        }
        let known = self.court.rounds.get_mut(&named.round).ok_or(Refused::ANY)?;
        known.convicted = Some(named.license);
        let promised = u16::try_from(share(terms.slash.ownerBps.into(), round.promise));
        let promised = promised.map_err(|_| Refused::ANY)?;
        let how = Slashing {
            bps: terms.slash.unpaidUseBps,
            reporter: round.payer,
            reporterBps: terms.slash.reporterBps + promised,
            ownerBps: terms.slash.ownerBps - promised,
            payoutDelay: self.court.config.payoutDelay,
            committedAt: U40::ZERO,
        };
        let split = SlashSplit::of(&self.license(at)?, &how);
        events.extend(self.terminate_for(named.license, self.rounds)?);
        events.extend(self.slash(&o.license, self.rounds, &how)?);
        events.push(self.rounds_event(&Rounds::LicenseConvicted {
            roundId: named.round,
            licenseId: named.license,
            reporter: round.payer,
            slashed: split.slashed,
            toReporter: split.to_reporter,
            toOwner: split.to_owner,
        }));
        Ok(events)
    }
}
