//! Contracts, people and offers before the first call of a sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;
use oml_contracts::rpc::abi::Proofs::Config;

use super::docket::Docket;
use super::leaves::Leaves;
use super::listing::{NO_LEAVES, first_call, own_leaves, publish, publish_foreign, size_of};
use super::people::{People, people, person};
use super::units::{DAY, ETHER};
use crate::agreed::Coin;
use crate::evm::{LocalEvm, SetUpError};
use crate::model::{
    Court, Desk, PartSizes, ReferenceModel, Tickets, UniverseId, UniverseState, universe_of,
};
use crate::settings::{ProofAuthority, RoundAuthority, Settings};
use crate::wallets::{CODES, WalletCode};

pub(super) const START: u64 = 1_800_000_000;
pub(super) const FUNDS: u128 = 100_000 * ETHER;

/// Kinds of sequences in which the contract decides over proofs; kind 0 is that in which an account
/// does.
pub(super) const CONTRACTS: u8 = 4;
/// In which seats of a round answer, and owners open: what rounds say to who publishes an offer.
const WINDOWS: [u32; 2] = [86_400, 2 * 86_400];

/// What sequences of one kind start from.
#[derive(Debug)]
pub(super) struct Base {
    /// The owners' fingerprints, where there are proofs.
    pub(super) leaves: BTreeMap<UniverseId, Rc<Leaves>>,
    pub(super) chain: LocalEvm,
    pub(super) model: ReferenceModel,
    pub(super) terms: Vec<abi::Terms>,
    pub(super) people: People,
    /// What the people know of rounds, where there are rounds.
    pub(super) docket: Option<Docket>,
}

/// What the contract of proofs is made with.
fn config(kind: u8) -> Config {
    Config { reportDelay: U40::from(600), payoutDelay: U40::from(DAY * u64::from(kind)) }
}

/// The start of sequences without rounds of this kind.
pub(super) fn make(kind: u8) -> Result<Base, SetUpError> {
    let proofs = match kind {
        0 => ProofAuthority::Account(person("proofs")),
        _ => ProofAuthority::Contract(config(kind)),
    };
    let rounds = RoundAuthority::Account(person("rounds"), WINDOWS);
    let settings = Settings { time: START, proofs, rounds };
    let people = people()?;
    let mut chain = LocalEvm::new(&settings)?;
    let mut model = model(&chain);
    model.round_length = WINDOWS.into_iter().map(u64::from).sum();
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
    model.desk.config = if kind == 0 { Config::default() } else { config(kind) };
    fund(&mut chain, &mut model, &people)?;
    give_code(&mut chain, &mut model, &people)?;
    Ok(Base { chain, model, terms, people, leaves, docket: None })
}

/// Contracts, and accounts that have delegated to them: a host that the code signs for, too, and a
/// payer whose code denies everything that its key has signed.
pub(super) fn give_code(
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

/// What the rules know of contracts that have just been deployed.
pub(super) fn model(chain: &LocalEvm) -> ReferenceModel {
    ReferenceModel {
        registry: chain.registry,
        vault: chain.vault,
        escrow: chain.escrow,
        beacon: chain.beacon,
        token: chain.token,
        proofs: chain.proofs,
        rounds: chain.rounds,
        round_length: 0,
        time: START,
        block: 1_000,
        brought: BTreeSet::new(),
        codes: BTreeMap::new(),
        offers: BTreeSet::new(),
        licenses: Vec::new(),
        channels: Vec::new(),
        payouts: Vec::new(),
        balances: BTreeMap::new(),
        wallets: BTreeMap::new(),
        owners: BTreeMap::new(),
        universes: BTreeMap::new(),
        desk: Desk::default(),
        tickets: Tickets::default(),
        court: Court::default(),
    }
}

/// Gives everybody who pays both currencies, and the contracts leave to take the token.
pub(super) fn fund(
    chain: &mut LocalEvm,
    model: &mut ReferenceModel,
    people: &People,
) -> Result<(), SetUpError> {
    let accounts: BTreeSet<Address> = people.hosts.iter().chain(&people.payers).copied().collect();
    for account in accounts.into_iter().chain([people.stranger]) {
        chain.fund(account, FUNDS);
        let mint = abi::Token::mintCall { to: account, amount: U256::from(FUNDS) };
        first_call(chain, account, model.token, mint.abi_encode())?;
        for spender in [model.vault, model.escrow] {
            let approve = abi::Token::approveCall { spender, amount: U256::MAX };
            first_call(chain, account, model.token, approve.abi_encode())?;
        }
        model.wallets.insert((Coin::Native, account), FUNDS);
        model.wallets.insert((Coin::Token, account), FUNDS);
    }
    Ok(())
}
