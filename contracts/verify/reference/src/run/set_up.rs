//! Contracts, people and offers before the first call of a sequence.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::ChallengeManager::Config;

use super::leaves::Leaves;
use super::{DAY, ETHER};
use crate::evm::{Chain, Manager, Outcome, SetUpError, Settings};
use crate::model::{CODES, Code, Court, Model, Provers, Universe, UniverseId, universe_of};

const START: u64 = 1_800_000_000;
const FUNDS: u128 = 100_000 * ETHER;
/// Sizes of a universe's parts, personal and shared, by epoch.
const SIZES: [(u32, u32); 3] = [(128, 32), (64, 16), (96, 0)];
/// Root of a universe that nobody opens.
const NO_LEAVES: B256 = B256::repeat_byte(3);

/// Everybody who makes calls.
#[derive(Debug, Clone)]
pub(super) struct People {
    pub(super) owner: Address,
    pub(super) parent: Address,
    /// One with a key, one whose key has delegated to code, one that is a contract.
    pub(super) hosts: Vec<Address>,
    /// As the hosts.
    pub(super) payers: Vec<Address>,
    /// Keys of all who have one.
    pub(super) keys: Vec<PrivateKeySigner>,
    pub(super) session: Address,
    /// Contracts that sign for sessions, or do not.
    pub(super) wallets: Vec<Address>,
    pub(super) stranger: Address,
    pub(super) provers: Vec<PrivateKeySigner>,
    /// Signs the hosts' receipts.
    pub(super) serving: PrivateKeySigner,
}

/// Kinds of sequences in which the contract decides; kind 0 is that in which an account does.
pub(super) const COURTS: u8 = 4;

/// What sequences of one kind start from.
#[derive(Debug)]
pub(super) struct Base {
    /// The owners' fingerprints, where there are cases.
    pub(super) leaves: BTreeMap<UniverseId, Rc<Leaves>>,
    pub(super) chain: Chain,
    pub(super) model: Model,
    pub(super) terms: Vec<abi::Terms>,
    pub(super) people: People,
}

thread_local! {
    static BASES: RefCell<BTreeMap<u8, Rc<Base>>> = const { RefCell::new(BTreeMap::new()) };
    static LATER: RefCell<BTreeMap<(u8, UniverseId), Rc<Leaves>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// The start of sequences of this kind, made once.
pub(super) fn base(kind: u8) -> Result<Rc<Base>, SetUpError> {
    if let Some(known) = BASES.with_borrow(|bases| bases.get(&kind).cloned()) {
        return Ok(known);
    }
    let base = Rc::new(make(kind)?);
    BASES.with_borrow_mut(|bases| bases.insert(kind, Rc::clone(&base)));
    Ok(base)
}

/// What the kinds differ in.
fn config(kind: u8) -> Config {
    let [size, personal, shared, decoys] = match kind {
        1 => [3, 1, 1, 4],
        2 => [5, 1, 1, 0],
        3 => [4, 2, 0, 8],
        _ => [3, 1, 2, 2],
    };
    Config {
        reportDelay: U40::from(600),
        questionsWindow: U40::from(DAY),
        commitWindow: U40::from(DAY),
        revealWindow: U40::from(DAY / 2),
        openingWindow: U40::from(DAY / 2),
        rebuttalWindow: U40::from(DAY),
        payoutDelay: U40::from(2 * DAY),
        committeeSize: size,
        bundlesPerCase: personal,
        sharedBundlesPerCase: shared,
        minDecoys: decoys,
        nonRevealPenalty: 60 * ETHER,
        dissentPenalty: 25 * ETHER,
    }
}

fn make(kind: u8) -> Result<Base, SetUpError> {
    let manager = match kind {
        0 => Manager::Account(person("challenge manager")),
        _ => Manager::Contract(Box::new(config(kind))),
    };
    let settings = Settings {
        time: START,
        min_stake: 100 * ETHER,
        stake_thaw: if kind == 0 { 4 * DAY } else { DAY },
        stake_native: kind == 2,
        manager,
    };
    let people = people()?;
    let mut chain = Chain::new(&settings)?;
    let mut model = model(&chain, &settings);
    if kind != 0 {
        chain.place_reader()?;
    }
    let mut terms = publish(&mut chain, &people, kind)?;
    let mut leaves = BTreeMap::new();
    if kind != 0 {
        terms.push(publish_foreign(&mut chain, &people, kind)?);
    }
    for terms in &terms {
        let (personal, shared) = size_of(0);
        let universe = Universe {
            model: terms.modelId,
            root: NO_LEAVES,
            personal,
            shared,
            round: model.block + 2,
            ..Universe::default()
        };
        model.owners.insert(terms.modelId, terms.owner);
        let universe = model.universes.entry(universe_of(terms)).or_insert(universe);
        if kind != 0 {
            let own = own_leaves(universe_of(terms), terms.owner == people.parent, kind);
            universe.root = own.root();
            leaves.insert(universe_of(terms), Rc::new(own));
        }
    }
    model.offers = terms.iter().map(|terms| model.offer_id(terms)).collect();
    model.court.config = if kind == 0 { Config::default() } else { config(kind) };
    fund(&mut chain, &mut model, &people)?;
    give_code(&mut chain, &mut model, &people)?;
    Ok(Base { chain, model, terms, people, leaves })
}

fn people() -> Result<People, SetUpError> {
    let provers: Result<Vec<_>, _> = (0..7).map(|i| key(&format!("prover {i}"))).collect();
    let provers = provers?;
    let names = ["host 0", "host 1", "payer 0", "payer 1", "session"];
    let keys: Result<Vec<_>, _> = names.into_iter().map(key).collect();
    let mut keys = keys?;
    let [host, other_host, payer, other_payer, session] =
        [0, 1, 2, 3, 4].map(|at: usize| keys[at].address());
    keys.extend(provers.iter().cloned());
    let contract = person("contract");
    Ok(People {
        owner: person("owner"),
        parent: person("parent owner"),
        hosts: vec![host, other_host, contract],
        payers: vec![payer, other_payer, contract],
        keys,
        session,
        wallets: CODES.iter().map(|code| person(&format!("{code:?}"))).collect(),
        stranger: person("stranger"),
        provers,
        serving: key("serving")?,
    })
}

/// Contracts, and accounts that have delegated to them: a host that the code signs for, too, and a payer whose code
/// denies everything that its key has signed.
fn give_code(chain: &mut Chain, model: &mut Model, people: &People) -> Result<(), SetUpError> {
    let contract = people.hosts[2];
    let codes = people.wallets.iter().copied().zip(CODES).chain([(contract, Code::Password)]);
    for (wallet, says) in codes {
        chain.make_wallet(wallet, says)?;
        model.codes.insert(wallet, says);
    }
    for (account, says) in [(people.hosts[1], Code::Password), (people.payers[1], Code::No)] {
        let wallet = CODES.iter().position(|code| *code == says).map(|at| people.wallets[at]);
        chain.delegate(account, wallet.unwrap_or_default())?;
        model.codes.insert(account, says);
    }
    Ok(())
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
        codes: BTreeMap::new(),
        offers: BTreeSet::new(),
        licenses: Vec::new(),
        channels: Vec::new(),
        payouts: Vec::new(),
        balances: BTreeMap::new(),
        wallets: BTreeMap::new(),
        provers: Provers {
            address: chain.provers,
            native: settings.stake_native,
            min_stake: settings.min_stake,
            thaw: settings.stake_thaw,
            accounts: BTreeMap::new(),
        },
        owners: BTreeMap::new(),
        universes: BTreeMap::new(),
        court: Court::default(),
    }
}

/// Gives everybody who pays both currencies, and the contracts leave to take the token.
fn fund(chain: &mut Chain, model: &mut Model, people: &People) -> Result<(), SetUpError> {
    let provers = people.provers.iter().map(PrivateKeySigner::address);
    let accounts: BTreeSet<Address> =
        people.hosts.iter().chain(&people.payers).copied().chain(provers).collect();
    for account in accounts.into_iter().chain([people.stranger]) {
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

/// Terms of the kind in the currency; periods short enough for every end to be reached in a sequence.
fn terms(model: B256, people: &People, currency: Address, kind: u8) -> abi::Terms {
    let hit = (128_u64 << 32) / 10;
    let shared = (32_u64 << 32) / 10;
    abi::Terms {
        modelId: model,
        epoch: 0,
        owner: people.owner,
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
        // Of two offers one makes the host answer for leaks.
        leakLiability: kind != 0 && currency.is_zero(),
        reportBond: ETHER,
        proverFee: ETHER / 10,
        evidence: abi::EvidenceTerms {
            personalHit: hit,
            personalMiss: ((16_u64 << 32) - hit) / 15,
            sharedHit: shared,
            sharedMiss: ((65_536_u64 << 32) - 16_384 * shared) / 49_152,
            assignmentP: 16_384,
            alphaInverse: [1_000_000_000, 1_000_000_000, 1_000, 2, 1_000_000][usize::from(kind)],
        },
        slash: abi::SlashTerms {
            equivocationBps: 10_000,
            underMeteringBps: 5_000,
            outOfTermBps: 5_000,
            unlicensedModelBps: if kind == 0 { 0 } else { 6_000 },
            unpaidUseBps: 8_000,
            reporterBps: 3_001,
            ownerBps: 4_000,
        },
        royalties: vec![abi::Royalty { payee: people.parent, bps: 1_111 }],
    }
}

/// The owner of the accused model is careless in some kinds, the other one hardly ever.
fn own_leaves(universe: UniverseId, foreign: bool, kind: u8) -> Leaves {
    let malformed = if foreign { 500 } else { [0, 0, 60, 0, 100][usize::from(kind)] };
    let (personal, shared) = size_of(universe.1);
    Leaves::new(universe, personal + shared, malformed)
}

/// Fingerprints of a later universe, made once.
pub(super) fn later_leaves(universe: UniverseId, foreign: bool, kind: u8) -> Rc<Leaves> {
    LATER.with_borrow_mut(|known| {
        let own = || Rc::new(own_leaves(universe, foreign, kind));
        Rc::clone(known.entry((kind, universe)).or_insert_with(own))
    })
}

/// Personal and shared fingerprints of a universe.
pub(super) fn size_of(epoch: u32) -> (u32, u32) {
    SIZES[epoch as usize % SIZES.len()]
}

/// Registers a model and commits to its universe.
fn register(
    chain: &mut Chain,
    (owner, weights, foreign): (Address, u8, bool),
    parents: Vec<abi::Parent>,
    kind: u8,
) -> Result<B256, SetUpError> {
    let registry = chain.registry;
    let register = abi::LicenseRegistry::registerModelCall {
        weightsHash: B256::repeat_byte(weights),
        metadataHash: B256::repeat_byte(2),
        parents,
    };
    let id = set_up(chain, owner, registry, register.abi_encode())?;
    let model = B256::from_slice(&id);
    let root = if kind == 0 { NO_LEAVES } else { own_leaves((model, 0), foreign, kind).root() };
    let universe = abi::LicenseRegistry::commitUniverseCall {
        modelId: model,
        root,
        personalCount: size_of(0).0,
        sharedCount: size_of(0).1,
    };
    set_up(chain, owner, registry, universe.abi_encode())?;
    Ok(model)
}

fn offer(chain: &mut Chain, terms: &abi::Terms) -> Result<(), SetUpError> {
    let (owner, registry) = (terms.owner, chain.registry);
    let call = abi::LicenseRegistry::publishOfferCall { terms: terms.clone() };
    set_up(chain, owner, registry, call.abi_encode()).map(drop)
}

/// Registers parent and model, publishes an offer in each currency. Where there are cases, a third offer accepts only
/// one level of evidence.
fn publish(chain: &mut Chain, people: &People, kind: u8) -> Result<Vec<abi::Terms>, SetUpError> {
    let parent = register(chain, (people.parent, 1, false), Vec::new(), 0)?;
    let lineage = vec![abi::Parent { modelId: parent, bps: 1_111 }];
    let model = register(chain, (people.owner, 1, false), lineage, kind)?;
    let currencies = [chain.token, Address::ZERO];
    let mut offers: Vec<abi::Terms> =
        currencies.iter().map(|currency| terms(model, people, *currency, kind)).collect();
    if kind != 0 {
        let levels = if kind.is_multiple_of(2) { 1 } else { 4 };
        offers
            .push(abi::Terms { evidenceLevels: levels, ..terms(model, people, chain.token, kind) });
    }
    offers.iter().try_for_each(|terms| offer(chain, terms))?;
    Ok(offers)
}

/// Another owner's model, whose hosts do not answer for unlicensed models.
fn publish_foreign(chain: &mut Chain, people: &People, kind: u8) -> Result<abi::Terms, SetUpError> {
    let model = register(chain, (people.parent, 9, true), Vec::new(), kind)?;
    let mut terms = terms(model, people, chain.token, kind);
    terms.owner = people.parent;
    terms.royalties = Vec::new();
    terms.slash.unlicensedModelBps = 0;
    offer(chain, &terms)?;
    Ok(terms)
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
