//! Contracts, people and offers before the first call of a sequence.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;

use super::{DAY, ETHER};
use crate::evm::{Chain, Manager, Outcome, SetUpError, Settings};
use crate::model::{Model, Provers};

const START: u64 = 1_800_000_000;
const FUNDS: u128 = 100_000 * ETHER;

/// Everybody who makes calls.
#[derive(Debug, Clone)]
pub(super) struct People {
    pub(super) owner: Address,
    pub(super) parent: Address,
    pub(super) hosts: [PrivateKeySigner; 2],
    pub(super) payers: [PrivateKeySigner; 2],
    pub(super) session: PrivateKeySigner,
    pub(super) stranger: Address,
    pub(super) provers: Vec<PrivateKeySigner>,
}

/// What sequences of one kind start from.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) chain: Chain,
    pub(super) model: Model,
    pub(super) terms: Vec<abi::Terms>,
    pub(super) people: People,
}

thread_local! {
    static BASES: RefCell<BTreeMap<u8, Rc<Base>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The start of sequences of this kind, made once.
pub(super) fn base(kind: u8) -> Result<Rc<Base>, SetUpError> {
    if let Some(known) = BASES.with_borrow(|bases| bases.get(&kind).cloned()) {
        return Ok(known);
    }
    let base = Rc::new(make()?);
    BASES.with_borrow_mut(|bases| bases.insert(kind, Rc::clone(&base)));
    Ok(base)
}

fn make() -> Result<Base, SetUpError> {
    let settings = Settings {
        time: START,
        min_stake: 100 * ETHER,
        stake_thaw: 4 * DAY,
        stake_native: false,
        manager: Manager::Account(person("challenge manager")),
    };
    let people = people()?;
    let mut chain = Chain::new(&settings)?;
    let terms = publish(&mut chain, people.owner, people.parent)?;
    let mut model = model(&chain, &settings);
    model.offers = terms.iter().map(|terms| model.offer_id(terms)).collect();
    fund(&mut chain, &mut model, &people)?;
    Ok(Base { chain, model, terms: terms.to_vec(), people })
}

fn people() -> Result<People, SetUpError> {
    let provers: Result<Vec<_>, _> = (0..7).map(|i| key(&format!("prover {i}"))).collect();
    Ok(People {
        owner: person("owner"),
        parent: person("parent owner"),
        hosts: [key("host 0")?, key("host 1")?],
        payers: [key("payer 0")?, key("payer 1")?],
        session: key("session")?,
        stranger: person("stranger"),
        provers: provers?,
    })
}

fn key(name: &str) -> Result<PrivateKeySigner, SetUpError> {
    PrivateKeySigner::from_bytes(&keccak256(name)).map_err(|e| SetUpError(e.to_string()))
}

fn person(name: &str) -> Address {
    Address::from_word(keccak256(name))
}

fn model(chain: &Chain, settings: &Settings) -> Model {
    Model {
        registry: chain.registry,
        vault: chain.vault,
        escrow: chain.escrow,
        token: chain.token,
        manager: chain.manager,
        time: settings.time,
        block: 1_000,
        offers: BTreeSet::new(),
        licenses: Vec::new(),
        channels: Vec::new(),
        payouts: Vec::new(),
        balances: BTreeMap::new(),
        wallets: BTreeMap::new(),
        activated: 0,
        provers: Provers {
            address: chain.provers,
            native: settings.stake_native,
            min_stake: settings.min_stake,
            thaw: settings.stake_thaw,
            accounts: BTreeMap::new(),
        },
    }
}

/// Gives everybody who pays both currencies, and the contracts leave to take the token.
fn fund(chain: &mut Chain, model: &mut Model, people: &People) -> Result<(), SetUpError> {
    let signers = people.hosts.iter().chain(&people.payers).chain(&people.provers);
    let accounts = signers.map(PrivateKeySigner::address).chain([people.stranger]);
    for account in accounts {
        chain.fund(account, FUNDS);
        let mint = abi::Token::mintCall { to: account, amount: U256::from(FUNDS) };
        set_up(chain, account, model.token, mint.abi_encode())?;
        for spender in [model.vault, model.escrow, chain.provers, chain.manager] {
            let approve = abi::Token::approveCall { spender, amount: U256::MAX };
            set_up(chain, account, model.token, approve.abi_encode())?;
        }
        model.wallets.insert((true, account), FUNDS);
        model.wallets.insert((false, account), FUNDS);
    }
    Ok(())
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
