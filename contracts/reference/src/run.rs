//! Random sequences of calls, made to the bytecode and to the model alike.

mod steps;

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Address, B256, Bytes, LogData, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::evm::{Chain, Outcome, SetUpError};
use crate::model::{Events, License, Model, Refused};

const ETHER: u128 = 1_000_000_000_000_000_000;
const DAY: u64 = 86_400;
const START: u64 = 1_800_000_000;
const FUNDS: u128 = 100_000 * ETHER;

/// The bytecode did something else than the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// One refused and the other did not.
    Refusal {
        /// What was called.
        step: String,
        /// Whether the model refused.
        model_refuses: bool,
        /// What the bytecode answered.
        answer: String,
    },
    /// Other events.
    Events {
        /// What was called.
        step: String,
        /// The model's.
        expected: String,
        /// The bytecode's.
        found: String,
    },
    /// Another amount at the end.
    Balance {
        /// Whose, of what.
        what: String,
        /// The model's.
        expected: U256,
        /// The bytecode's.
        found: U256,
    },
    /// This program's own fault.
    SetUp(SetUpError),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Difference {}

impl From<SetUpError> for Difference {
    fn from(error: SetUpError) -> Self {
        Self::SetUp(error)
    }
}

/// What a run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls.
    pub calls: u64,
    /// Of these, accepted by both.
    pub accepted: u64,
    /// Events compared.
    pub events: u64,
}

/// One call, for the bytecode.
struct Call {
    name: &'static str,
    from: Address,
    to: Address,
    value: u128,
    data: Vec<u8>,
}

/// Both worlds, and the people in them.
pub struct World {
    chain: Chain,
    model: Model,
    random: ChaCha12Rng,
    terms: [abi::Terms; 2],
    owner: Address,
    parent: Address,
    hosts: [PrivateKeySigner; 2],
    payers: [PrivateKeySigner; 2],
    session: PrivateKeySigner,
    stranger: Address,
    counts: Counts,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("counts", &self.counts).finish_non_exhaustive()
    }
}

fn key(name: &str) -> Result<PrivateKeySigner, SetUpError> {
    PrivateKeySigner::from_bytes(&keccak256(name)).map_err(|e| SetUpError(e.to_string()))
}

fn person(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

/// Terms in the currency; periods short enough for every end to be reached in a sequence.
fn terms(model: B256, owner: Address, parent: Address, currency: Address) -> abi::Terms {
    let hit = (128_u64 << 32) / 10;
    let shared = (32_u64 << 32) / 10;
    abi::Terms {
        modelId: model,
        epoch: 0,
        owner,
        currency,
        licenseFee: if currency.is_zero() { 50 * ETHER } else { 7 * ETHER + 3 },
        pricePerRequest: ETHER / 1000,
        pricePerThousandTokens: ETHER / 500,
        ownerShareBps: 3_333,
        collateral: 100 * ETHER + 1,
        minCollateralRatioBps: 20_000,
        duration: U40::from(30 * DAY),
        deliveryPeriod: U40::from(3 * DAY),
        settlementPeriod: U40::from(2 * DAY),
        thawPeriod: U40::from(5 * DAY),
        maxDeployments: 2,
        evidenceLevels: 5,
        leakLiability: false,
        reportBond: ETHER,
        proverFee: ETHER / 10,
        evidence: abi::EvidenceTerms {
            personalHit: hit,
            personalMiss: ((16_u64 << 32) - hit) / 15,
            sharedHit: shared,
            sharedMiss: ((65_536_u64 << 32) - 16_384 * shared) / 49_152,
            assignmentP: 16_384,
            alphaInverse: 1_000_000_000,
        },
        slash: abi::SlashTerms {
            equivocationBps: 10_000,
            underMeteringBps: 5_000,
            outOfTermBps: 5_000,
            unlicensedModelBps: 0,
            unpaidUseBps: 8_000,
            reporterBps: 3_001,
            ownerBps: 4_000,
        },
        royalties: vec![abi::Royalty { payee: parent, bps: 1_111 }],
    }
}

impl World {
    /// Contracts, models, offers, and funded people.
    ///
    /// # Errors
    /// [`Difference::SetUp`].
    pub fn new(seed: u64) -> Result<Self, Difference> {
        let manager = person("challenge manager");
        let (owner, parent) = (person("owner"), person("parent owner"));
        let mut chain = Chain::new(manager, START)?;
        let hosts = [key("host 0")?, key("host 1")?];
        let payers = [key("payer 0")?, key("payer 1")?];
        let stranger = person("stranger");
        let model = Model {
            registry: chain.registry,
            vault: chain.vault,
            escrow: chain.escrow,
            token: chain.token,
            manager,
            time: START,
            block: 1_000,
            offers: [true; 2],
            licenses: Vec::new(),
            channels: Vec::new(),
            payouts: Vec::new(),
            balances: std::collections::BTreeMap::new(),
            wallets: std::collections::BTreeMap::new(),
            activated: 0,
        };
        let terms = publish(&mut chain, owner, parent)?;
        let mut world = Self {
            chain,
            model,
            random: ChaCha12Rng::seed_from_u64(seed),
            terms,
            owner,
            parent,
            hosts,
            payers,
            session: key("session")?,
            stranger,
            counts: Counts::default(),
        };
        world.fund()?;
        Ok(world)
    }

    fn fund(&mut self) -> Result<(), Difference> {
        let people = [
            self.hosts[0].address(),
            self.hosts[1].address(),
            self.payers[0].address(),
            self.payers[1].address(),
            self.stranger,
        ];
        for account in people {
            self.chain.fund(account, FUNDS);
            let mint = abi::Token::mintCall { to: account, amount: U256::from(FUNDS) };
            set_up(&mut self.chain, account, self.model.token, mint.abi_encode())?;
            for spender in [self.model.vault, self.model.escrow] {
                let approve = abi::Token::approveCall { spender, amount: U256::MAX };
                set_up(&mut self.chain, account, self.model.token, approve.abi_encode())?;
            }
            self.model.wallets.insert((true, account), FUNDS);
            self.model.wallets.insert((false, account), FUNDS);
        }
        Ok(())
    }

    /// Makes `steps` random calls, then compares every balance.
    ///
    /// # Errors
    /// The first [`Difference`].
    pub fn run(&mut self, steps: u32) -> Result<Counts, Difference> {
        for _ in 0..steps {
            let passed = self.random.random_range(0..4_u32) == 0;
            if passed {
                let seconds = self.random.random_range(1..=2 * DAY);
                let blocks = if self.chance(30) { 300 } else { self.random.random_range(1..6) };
                self.chain.pass(blocks, seconds);
                self.model.block += blocks;
                self.model.time += seconds;
            }
            self.step()?;
        }
        self.compare_all()?;
        Ok(self.counts)
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.random.random_range(0..one_in) == 0
    }

    /// A place in a list, now and then one past its end.
    fn place(&mut self, length: usize) -> usize {
        if length == 0 || self.chance(40) { length } else { self.random.random_range(0..length) }
    }

    /// Mostly who should act, now and then somebody else.
    fn mostly(&mut self, right: Address) -> Address {
        if self.chance(12) { self.stranger } else { right }
    }

    /// Mostly what is asked for, now and then another value.
    fn value(&mut self, native: bool, amount: u128) -> u128 {
        let right = if native { amount } else { 0 };
        if self.chance(25) { right + 1 } else { right }
    }

    fn amount(&mut self) -> u128 {
        match self.random.random_range(0..20_u32) {
            0 => 0,
            1 => 1,
            2 => 1 << 96,
            _ => u128::from(self.random.next_u64()) % (40 * ETHER),
        }
    }

    fn step(&mut self) -> Result<(), Difference> {
        match self.random.random_range(0..30_u32) {
            0..=2 => self.acquire(),
            3..=4 => self.draw_seed(),
            5..=6 => self.activate(),
            7 => self.renew(),
            8 => self.cancel(),
            9 => self.terminate(),
            10 => self.top_up(),
            11..=12 => self.leave_vault(),
            13 => self.freeze(),
            14 => self.slash(),
            15 => self.pay_out(),
            16..=18 => self.open_channel(),
            19 => self.deposit(),
            20..=21 => self.leave_channel(),
            22 => self.close(),
            23..=26 => self.claim(),
            27 => self.reserve(),
            28 => self.pull_balance(),
            _ => self.toggle_offer(),
        }
    }

    /// Makes the call and holds what it did against what the model says it must do.
    fn hold(&mut self, call: &Call, verdict: Result<Events, Refused>) -> Result<Bytes, Difference> {
        let outcome = self.chain.call(call.from, call.to, call.value, call.data.clone())?;
        self.counts.calls += 1;
        let step = format!("{} by {} with {}", call.name, call.from, call.value);
        match (verdict, outcome) {
            (Err(Refused), Outcome::Reverted(_)) => Ok(Bytes::new()),
            (Ok(expected), Outcome::Done { output, logs }) => {
                self.counts.accepted += 1;
                self.counts.events += logs.len() as u64;
                if expected == logs {
                    return Ok(output);
                }
                let show = |logs: &[(Address, LogData)]| format!("{logs:?}");
                Err(Difference::Events { step, expected: show(&expected), found: show(&logs) })
            }
            (Err(Refused), Outcome::Done { logs, .. }) => {
                Err(Difference::Refusal { step, model_refuses: true, answer: format!("{logs:?}") })
            }
            (Ok(_), Outcome::Reverted(reason)) => {
                let answer = reason.to_string();
                Err(Difference::Refusal { step, model_refuses: false, answer })
            }
        }
    }

    /// A license and its reference; a made-up one if the place is past the end.
    fn pick(&mut self) -> (usize, abi::LicenseRef, bool) {
        let at = self.place(self.model.licenses.len());
        match self.model.licenses.get(at) {
            Some(License { reference, native, .. }) => (at, reference.clone(), *native),
            None => {
                let reference = abi::LicenseRef {
                    terms: self.terms[0].clone(),
                    host: self.hosts[0].address(),
                    nonce: U96::from(999_999_u64),
                };
                (at, reference, false)
            }
        }
    }
}

fn set_up(
    chain: &mut Chain,
    from: Address,
    to: Address,
    data: Vec<u8>,
) -> Result<Bytes, SetUpError> {
    match chain.call(from, to, 0, data)? {
        Outcome::Done { output, .. } => Ok(output),
        Outcome::Reverted(reason) => Err(SetUpError(format!("a first call reverted: {reason}"))),
    }
}

/// Registers parent and model, commits a universe, publishes an offer in each currency.
fn publish(
    chain: &mut Chain,
    owner: Address,
    parent: Address,
) -> Result<[abi::Terms; 2], SetUpError> {
    let registry = chain.registry;
    let register = |parents| abi::LicenseRegistry::registerModelCall {
        weightsHash: B256::repeat_byte(1),
        metadataHash: B256::repeat_byte(2),
        parents,
    };
    let id = set_up(chain, parent, registry, register(Vec::new()).abi_encode())?;
    let lineage = vec![abi::Parent { modelId: B256::from_slice(&id), bps: 1_111 }];
    let id = set_up(chain, owner, registry, register(lineage).abi_encode())?;
    let model = B256::from_slice(&id);
    let universe = abi::LicenseRegistry::commitUniverseCall {
        modelId: model,
        root: B256::repeat_byte(3),
        personalCount: 128,
        sharedCount: 32,
    };
    set_up(chain, owner, registry, universe.abi_encode())?;
    let offers = [chain.token, Address::ZERO].map(|c| terms(model, owner, parent, c));
    for terms in &offers {
        let call = abi::LicenseRegistry::publishOfferCall { terms: terms.clone() };
        set_up(chain, owner, registry, call.abi_encode())?;
    }
    Ok(offers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A comparison that finds nothing would be worth nothing.
    #[test]
    fn a_wrong_rule_is_found() {
        let mut world = World::new(1).unwrap();
        world.model.offers = [false; 2];
        let found = world.run(200);
        assert!(matches!(found, Err(Difference::Refusal { .. })), "{found:?}");
    }

    #[test]
    fn a_wrong_event_is_found() {
        let mut world = World::new(1).unwrap();
        world.model.block += 1;
        let found = world.run(200);
        assert!(matches!(found, Err(Difference::Events { .. })), "{found:?}");
    }

    #[test]
    fn a_wrong_balance_is_found() {
        let mut world = World::new(1).unwrap();
        let stranger = world.stranger;
        *world.model.wallets.entry((true, stranger)).or_default() += 1;
        let found = world.run(10);
        assert!(matches!(found, Err(Difference::Balance { .. })), "{found:?}");
    }
}
