//! The bytecode and the rules side by side, the people who make calls, and the choice of the next
//! call.

use alloy::primitives::aliases::U96;
use alloy::primitives::{Address, Bytes, LogData};
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::bases::base;
use super::counts::CallCounts;
use super::difference::{Difference, reason, shown};
use super::docket::Docket;
use super::flavors::kind_of;
use super::people::People;
use super::registrar::Registrar;
use super::set_up;
use super::units::{DAY, ETHER};
use crate::agreed::Coin;
use crate::evm::{CallOutcome, LocalEvm};
use crate::model::{Events, License, ReferenceModel, Refused};

/// One call, for the bytecode.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) value: u128,
    pub(super) data: Vec<u8>,
}

impl Call {
    pub(super) fn new(
        to: Address,
        name: &'static str,
        from: Address,
        value: u128,
        data: &impl SolCall,
    ) -> Self {
        Self { name, from, to, value, data: data.abi_encode() }
    }
}

/// What a call did on both sides.
pub(super) struct Held {
    /// Whether it went through.
    pub(super) done: bool,
    pub(super) output: Bytes,
    pub(super) logs: Vec<(Address, LogData)>,
}

/// Both worlds, and the people in them.
pub struct World {
    pub(super) chain: LocalEvm,
    pub(super) model: ReferenceModel,
    pub(super) random: ChaCha12Rng,
    pub(super) terms: Vec<abi::Terms>,
    pub(super) people: People,
    /// Which of the settings the sequence has; 0 is that without the contract of proofs.
    pub(super) kind: u8,
    pub(super) counts: CallCounts,
    /// What the people know of reports, where the contract decides over proofs.
    pub(super) desk: Option<Registrar>,
    /// What the people know of rounds, where there are rounds.
    pub(super) docket: Option<Docket>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl World {
    /// Contracts, models, offers, and funded people; accounts play the contracts of proofs and of
    /// rounds.
    ///
    /// # Errors
    /// [`Difference::SetUp`].
    pub fn new(seed: u64) -> Result<Self, Difference> {
        Self::of_kind(seed, 0)
    }

    /// As [`Self::new`], but the contract decides over proofs; the seed chooses one of several
    /// settings, too.
    ///
    /// # Errors
    /// [`Difference::SetUp`].
    pub fn with_proofs(seed: u64) -> Result<Self, Difference> {
        let kinds = u64::from(set_up::CONTRACTS);
        Self::of_kind(seed, 1 + u8::try_from(seed % kinds).unwrap_or(0))
    }

    /// As [`Self::with_proofs`], but the contracts decide over rounds, too, whose seats are drawn
    /// among provers.
    ///
    /// # Errors
    /// [`Difference::SetUp`].
    pub fn with_rounds(seed: u64) -> Result<Self, Difference> {
        Self::of_kind(seed, kind_of(seed))
    }

    fn of_kind(seed: u64, kind: u8) -> Result<Self, Difference> {
        let base = base(kind)?;
        Ok(Self {
            chain: base.chain.fork(),
            model: base.model.clone(),
            random: ChaCha12Rng::seed_from_u64(seed),
            terms: base.terms.clone(),
            people: base.people.clone(),
            kind,
            counts: CallCounts::default(),
            desk: (kind != 0).then(|| Registrar::new(base.leaves.clone())),
            docket: base.docket.clone(),
        })
    }

    /// Makes `steps` random calls, then compares every balance.
    ///
    /// # Errors
    /// The first [`Difference`].
    pub fn run(&mut self, steps: u32) -> Result<CallCounts, Difference> {
        if self.docket.is_some() {
            return self.run_rounds(steps);
        }
        if self.desk.is_some() {
            self.prologue()?;
        } else if self.chance(2) {
            self.open_shop()?;
        }
        for _ in 0..steps {
            if self.desk.is_some() {
                self.desk_step()?;
                continue;
            }
            if self.chance(4) {
                let seconds = self.random.random_range(1..=2 * DAY);
                let blocks = if self.chance(30) { 300 } else { self.random.random_range(1..6) };
                self.pass(blocks, seconds);
            }
            self.step()?;
        }
        self.compare_all()?;
        Ok(self.counts.clone())
    }

    pub(super) fn pass(&mut self, blocks: u64, seconds: u64) {
        self.chain.pass(blocks, seconds);
        self.model.block += blocks;
        self.model.time += seconds;
    }

    pub(super) fn chance(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    /// A place in a list, now and then one past its end.
    pub(super) fn place(&mut self, length: usize) -> usize {
        if length == 0 || self.chance(40) { length } else { self.random.random_range(0..length) }
    }

    /// Mostly who should act, now and then somebody else.
    pub(super) fn mostly(&mut self, right: Address) -> Address {
        if self.chance(12) { self.people.stranger } else { right }
    }

    /// Mostly what is asked for, now and then another value.
    pub(super) fn value(&mut self, coin: Coin, amount: u128) -> u128 {
        let right = if coin.is_native() { amount } else { 0 };
        if self.chance(25) { right + 1 } else { right }
    }

    pub(super) fn amount(&mut self) -> u128 {
        match self.random.random_range(0..20_u32) {
            0 => 0,
            1 => 1,
            2 => 1 << 96,
            _ => u128::from(self.random.next_u64()) % (40 * ETHER),
        }
    }

    fn step(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..52_u32) {
            0..=2 => self.acquire(),
            3..=4 => self.draw_seed(),
            5..=6 => self.delivery(),
            7 => self.renew(),
            8 => self.cancel(),
            9 => self.terminate(),
            10..=11 => self.top_up(),
            12..=13 => self.leave_vault(),
            14..=17 => self.judge(),
            18..=19 => self.pay_out(),
            20..=22 => self.open_channel(),
            23..=24 => self.deposit(),
            25..=26 => self.leave_channel(),
            27 => self.close(),
            28..=36 => self.claim(),
            37..=38 => self.reserve(),
            39 => self.pull_balance(),
            40..=42 => self.toggle_offer(),
            43 => self.top_up_universe(),
            44 => self.draw_model_seed(),
            45..=47 => self.change_keys(),
            _ => self.deployments(),
        }
    }

    /// Makes the call and holds what it did against what the model says it must do.
    pub(super) fn hold(
        &mut self,
        call: &Call,
        verdict: Result<Events, Refused>,
    ) -> Result<Bytes, Difference> {
        self.hold_choice(call, |_, _| verdict).map(|held| held.output)
    }

    /// Makes the call and holds what it did against what the model says of it, where the rules
    /// leave the contract a choice.
    pub(super) fn hold_choice(
        &mut self,
        call: &Call,
        judge: impl FnOnce(&mut ReferenceModel, &[(Address, LogData)]) -> Result<Events, Refused>,
    ) -> Result<Held, Difference> {
        let outcome = self.chain.call(call.from, call.to, call.value, call.data.clone())?;
        self.counts.calls += 1;
        let step = format!("{} by {} with {}", call.name, call.from, call.value);
        let chosen = match &outcome {
            CallOutcome::Done { logs, .. } => logs.as_slice(),
            CallOutcome::Reverted(_) => &[],
        };
        match (judge(&mut self.model, chosen), outcome) {
            (Err(Refused { reasons }), CallOutcome::Reverted(found)) => {
                self.counts.refused(call.name, &found);
                if reasons.is_empty() || reasons.iter().any(|reason| **reason == *found) {
                    return Ok(Held { done: false, output: Bytes::new(), logs: Vec::new() });
                }
                Err(Difference::Reason { step, expected: shown(&reasons), found: reason(&found) })
            }
            (Ok(expected), CallOutcome::Done { output, logs }) => {
                self.counts.accepted(call.name, &logs);
                if expected == logs {
                    return Ok(Held { done: true, output, logs });
                }
                let show = |logs: &[(Address, LogData)]| format!("{logs:?}");
                Err(Difference::Events { step, expected: show(&expected), found: show(&logs) })
            }
            (Err(Refused { reasons }), CallOutcome::Done { logs, .. }) => {
                let answer = format!("{logs:?} instead of {}", shown(&reasons));
                Err(Difference::Refusal { step, model_refuses: true, answer })
            }
            (Ok(_), CallOutcome::Reverted(found)) => {
                Err(Difference::Refusal { step, model_refuses: false, answer: reason(&found) })
            }
        }
    }

    /// A license and its reference; a made-up one if the place is past the end.
    pub(super) fn pick(&mut self) -> (usize, abi::LicenseRef, Coin) {
        let at = self.place(self.model.licenses.len());
        let (reference, coin) = self.license_at(at);
        (at, reference, coin)
    }

    pub(super) fn license_at(&self, at: usize) -> (abi::LicenseRef, Coin) {
        if let Some(License { reference, coin, .. }) = self.model.licenses.get(at) {
            return (reference.clone(), *coin);
        }
        let reference = abi::LicenseRef {
            terms: self.terms[0].clone(),
            host: self.people.hosts[0],
            nonce: U96::from(999_999_u64),
        };
        (reference, Coin::Token)
    }
}
