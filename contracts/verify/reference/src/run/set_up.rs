//! Contracts, people and offers before the first call of a sequence.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, U256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::ChallengeManager::Config;

use super::leaves::Leaves;
use super::listing::{NO_LEAVES, first_call, own_leaves, publish, publish_foreign, size_of};
use super::people::{People, people, person};
use super::units::{DAY, ETHER};
use crate::agreed::Coin;
use crate::evm::{CaseAuthority, LocalEvm, SetUpError, Settings};
use crate::model::{
    Court, PartSizes, Provers, ReferenceModel, UniverseId, UniverseState, universe_of,
};
use crate::wallets::{CODES, WalletCode};

const START: u64 = 1_800_000_000;
const FUNDS: u128 = 100_000 * ETHER;

/// Kinds of sequences in which the contract decides; kind 0 is that in which an account does.
pub(super) const COURTS: u8 = 4;

/// What sequences of one kind start from.
#[derive(Debug)]
pub(super) struct Base {
    /// The owners' fingerprints, where there are cases.
    pub(super) leaves: BTreeMap<UniverseId, Rc<Leaves>>,
    pub(super) chain: LocalEvm,
    pub(super) model: ReferenceModel,
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
        0 => CaseAuthority::Account(person("challenge manager")),
        _ => CaseAuthority::Contract(Box::new(config(kind))),
    };
    let settings = Settings {
        time: START,
        min_stake: 100 * ETHER,
        stake_thaw: if kind == 0 { 4 * DAY } else { DAY },
        stake_coin: Coin::native_if(kind == 2),
        manager,
    };
    let people = people()?;
    let mut chain = LocalEvm::new(&settings)?;
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
        let PartSizes { personal, shared } = size_of(0);
        let universe = UniverseState {
            model: terms.modelId,
            root: NO_LEAVES,
            personal,
            shared,
            round: model.block + 2,
            ..UniverseState::default()
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

/// Contracts, and accounts that have delegated to them: a host that the code signs for, too, and a
/// payer whose code denies everything that its key has signed.
fn give_code(
    chain: &mut LocalEvm,
    model: &mut ReferenceModel,
    people: &People,
) -> Result<(), SetUpError> {
    let contract = people.hosts[2];
    let codes = people.wallets.iter().copied().zip(CODES).chain([(contract, WalletCode::Password)]);
    for (wallet, says) in codes {
        chain.make_wallet(wallet, says)?;
        model.codes.insert(wallet, says);
    }
    for (account, says) in
        [(people.hosts[1], WalletCode::Password), (people.payers[1], WalletCode::No)]
    {
        let wallet = CODES.iter().position(|code| *code == says).map(|at| people.wallets[at]);
        chain.delegate(account, wallet.unwrap_or_default())?;
        model.codes.insert(account, says);
    }
    Ok(())
}

fn model(chain: &LocalEvm, settings: &Settings) -> ReferenceModel {
    ReferenceModel {
        registry: chain.registry,
        vault: chain.vault,
        escrow: chain.escrow,
        beacon: chain.beacon,
        token: chain.token,
        manager: chain.manager,
        time: settings.time,
        block: 1_000,
        brought: BTreeSet::new(),
        codes: BTreeMap::new(),
        offers: BTreeSet::new(),
        licenses: Vec::new(),
        channels: Vec::new(),
        payouts: Vec::new(),
        balances: BTreeMap::new(),
        wallets: BTreeMap::new(),
        provers: Provers {
            address: chain.provers,
            coin: settings.stake_coin,
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
fn fund(
    chain: &mut LocalEvm,
    model: &mut ReferenceModel,
    people: &People,
) -> Result<(), SetUpError> {
    let provers = people.provers.iter().map(PrivateKeySigner::address);
    let accounts: BTreeSet<Address> =
        people.hosts.iter().chain(&people.payers).copied().chain(provers).collect();
    for account in accounts.into_iter().chain([people.stranger]) {
        chain.fund(account, FUNDS);
        let mint = abi::Token::mintCall { to: account, amount: U256::from(FUNDS) };
        first_call(chain, account, model.token, mint.abi_encode())?;
        for spender in [model.vault, model.escrow, chain.provers, chain.manager] {
            let approve = abi::Token::approveCall { spender, amount: U256::MAX };
            first_call(chain, account, model.token, approve.abi_encode())?;
        }
        model.wallets.insert((Coin::Native, account), FUNDS);
        model.wallets.insert((Coin::Token, account), FUNDS);
    }
    Ok(())
}
