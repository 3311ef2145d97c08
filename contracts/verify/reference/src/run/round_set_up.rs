//! Contracts, people and offers of sequences with rounds.

use std::collections::BTreeMap;
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::Proofs::Config;
use oml_contracts::rpc::abi::{self, LicenseRegistry, ProverRegistry, Rounds, Terms};

use super::docket::Docket;
use super::flavors::flavor;
use super::leaves::Leaves;
use super::listing::first_call;
use super::people::{People, people, person};
use super::set_up::{Base, FUNDS, START, fund, give_code, model};
use super::units::{DAY, ETHER};
use crate::agreed::Coin;
use crate::evm::{LocalEvm, SetUpError};
use crate::model::{Mood, ReferenceModel, Tickets, UniverseId, UniverseState};
use crate::settings::{ProofAuthority, RoundAuthority, Settings};
use crate::tokens::TokenCode;

/// Of a ticket, and of a seat.
const PRICES: [u128; 2] = [100 * ETHER, ETHER + 1];

fn terms(model: B256, people: &People, token: Address, kind: u8, epoch: u32) -> Terms {
    let of = flavor(kind);
    let first = epoch == 0;
    let offer = usize::from(!first);
    Terms {
        modelId: model,
        epoch,
        owner: people.owner,
        currency: if first { token } else { Address::ZERO },
        licenseFee: 7 * ETHER + 3,
        pricePerRequest: ETHER / 1000,
        pricePerThousandTokens: ETHER / 500,
        ownerShareBps: 3_333,
        collateral: 100 * ETHER + 1,
        minCollateralRatioBps: 20_000,
        duration: U40::from(45 * DAY),
        deliveryPeriod: U40::from(3 * DAY),
        trialPeriod: U40::ZERO,
        settlementPeriod: U40::from(DAY),
        thawPeriod: U40::from(2 * DAY + DAY / 2),
        maxDeployments: of.max_deployments,
        evidenceLevels: 5,
        leakLiability: first == kind.is_multiple_of(2),
        seats: of.seats[offer],
        alphaInverse: of.alpha[offer],
        slash: abi::SlashTerms {
            equivocationBps: 4_000,
            underMeteringBps: 3_000,
            outOfTermBps: 2_500,
            unlicensedModelBps: 0,
            unpaidUseBps: if first { 8_000 } else { 10_000 },
            reporterBps: if first { 3_001 } else { 701 },
            ownerBps: 4_000,
        },
        royalties: Vec::new(),
    }
}

fn settings(kind: u8) -> Settings {
    let of = flavor(kind);
    let [answer, open] = of.windows.map(U40::from);
    let proofs = Config { reportDelay: U40::from(600), payoutDelay: U40::from(5 * DAY) };
    let rounds = Rounds::Config {
        answerWindow: answer,
        openWindow: open,
        payoutDelay: U40::from(of.payout_delay),
        seatFee: PRICES[1],
    };
    let provers = ProverRegistry::Config {
        stakeCurrency: Address::ZERO,
        ticketPrice: PRICES[0],
        warmUp: U40::from(of.warm_up),
        alivePeriod: U40::from(6 * DAY),
        thawPeriod: U40::from(3 * DAY),
        roundLength: answer + open + U40::from(of.longer),
    };
    Settings {
        time: START,
        proofs: ProofAuthority::Contract(proofs),
        rounds: RoundAuthority::Contract(rounds, provers, of.coin),
    }
}

/// Registers a model with its universes, and an offer for each of them. A last offer does not
/// accept rounds.
fn publish(base: &mut Base, kind: u8) -> Result<(), SetUpError> {
    let Base { chain, model, people, .. } = base;
    let (owner, registry) = (people.owner, chain.registry);
    let register = LicenseRegistry::registerModelCall {
        weightsHash: B256::repeat_byte(1),
        metadataHash: B256::repeat_byte(2),
        parents: Vec::new(),
    };
    let id = B256::from_slice(&first_call(chain, owner, registry, register.abi_encode())?);
    model.owners.insert(id, owner);
    let of = flavor(kind);
    for (epoch, personal) in (0..).zip(of.leaves) {
        let universe = UniverseId { model: id, epoch };
        let shared = if epoch == 0 { 16 } else { 0 };
        let leaves = Leaves::new(universe, personal + shared, of.malformed);
        let root = leaves.root();
        base.leaves.insert(universe, Rc::new(leaves));
        let commit = LicenseRegistry::commitUniverseCall {
            modelId: id,
            root,
            personalCount: personal,
            sharedCount: shared,
        };
        first_call(chain, owner, registry, commit.abi_encode())?;
        let round = model.block + 2;
        let state = UniverseState {
            model: id,
            epoch,
            root,
            personal,
            shared,
            round,
            ..UniverseState::default()
        };
        model.universes.insert(universe, state);
        base.terms.push(terms(id, people, chain.token, kind, epoch));
    }
    let other = base.terms[0].clone();
    base.terms.push(Terms { evidenceLevels: 1, seats: 0, ..other });
    for terms in &base.terms {
        let call = LicenseRegistry::publishOfferCall { terms: terms.clone() };
        first_call(chain, owner, registry, call.abi_encode())?;
        model.offers.insert(model.offer_id(terms));
    }
    Ok(())
}

fn docket() -> Result<Docket, SetUpError> {
    let key = |name: &str| {
        PrivateKeySigner::from_bytes(&keccak256(name)).map_err(|e| SetUpError(e.to_string()))
    };
    let names = [
        "prover 0",
        "prover 1",
        "prover 2",
        "prover 3",
        "hostile prover",
        "contract that takes no money",
    ];
    Ok(Docket {
        provers: names.map(person).to_vec(),
        accounts: ["word 0", "word 1", "word 2"].map(key).into_iter().collect::<Result<_, _>>()?,
        reporters: ["reporter 0", "reporter 1"].map(person).to_vec(),
        words: BTreeMap::new(),
        next: BTreeMap::new(),
        plays: Vec::new(),
    })
}

/// Gives everybody who stakes or seals what stake and fees are paid in.
fn fund_rounds(
    chain: &mut LocalEvm,
    model: &mut ReferenceModel,
    docket: &Docket,
) -> Result<(), SetUpError> {
    let signers = docket.accounts.iter().map(PrivateKeySigner::address);
    let people = docket.provers.iter().chain(&docket.reporters).copied().chain(signers);
    let stranger = person("stranger");
    for account in people.chain([stranger]) {
        if account != stranger {
            chain.fund(account, FUNDS);
            model.wallets.insert((Coin::Native, account), FUNDS);
        }
        let mint = abi::Token::mintCall { to: account, amount: U256::from(FUNDS) };
        first_call(chain, account, chain.stake, mint.abi_encode())?;
        model.wallets.insert((Coin::Stake, account), FUNDS);
        for spender in [chain.provers, chain.rounds] {
            let approve = abi::Token::approveCall { spender, amount: U256::MAX };
            first_call(chain, account, chain.stake, approve.abi_encode())?;
        }
    }
    let refusing = docket.provers.last().copied().unwrap_or_default();
    chain.make_refusing_wallet(refusing)?;
    model.tickets.refusers.insert(refusing);
    chain.change_stake_token(&TokenCode::Plain)
}

/// The start of sequences with rounds of this kind.
pub(super) fn make(kind: u8) -> Result<Base, SetUpError> {
    let settings = settings(kind);
    let RoundAuthority::Contract(rounds, provers, coin) = &settings.rounds else {
        return Err(SetUpError("no contract decides over rounds".to_owned()));
    };
    let ProofAuthority::Contract(proofs) = &settings.proofs else {
        return Err(SetUpError("no contract decides over proofs".to_owned()));
    };
    let chain = LocalEvm::new(&settings)?;
    let mut model = model(&chain);
    model.round_length = flavor(kind).windows.into_iter().sum();
    model.desk.config = proofs.clone();
    model.court.config = rounds.clone();
    let token = chain.stake;
    let currency = if coin.is_native() { Address::ZERO } else { token };
    model.tickets = Tickets {
        address: chain.provers,
        config: ProverRegistry::Config { stakeCurrency: currency, ..provers.clone() },
        coin: *coin,
        token,
        mood: Mood::Honest,
        ..Tickets::default()
    };
    let docket = docket()?;
    let people = people()?;
    let mut base =
        Base { chain, model, people, terms: Vec::new(), leaves: BTreeMap::new(), docket: None };
    publish(&mut base, kind)?;
    fund(&mut base.chain, &mut base.model, &base.people)?;
    give_code(&mut base.chain, &mut base.model, &base.people)?;
    fund_rounds(&mut base.chain, &mut base.model, &docket)?;
    base.docket = Some(docket);
    Ok(base)
}
