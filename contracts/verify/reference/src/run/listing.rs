//! The models, fingerprints and offers that sequences start from.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi;

use super::leaves::Leaves;
use super::people::People;
use super::units::{DAY, ETHER};
use crate::evm::{CallOutcome, LocalEvm, SetUpError};
use crate::model::{PartSizes, UniverseId};

/// Sizes of a universe's parts, personal and shared, by epoch.
const SIZES: [PartSizes; 3] = [
    PartSizes { personal: 128, shared: 32 },
    PartSizes { personal: 64, shared: 16 },
    PartSizes { personal: 96, shared: 0 },
];
/// Root of a universe that nobody opens.
pub(super) const NO_LEAVES: B256 = B256::repeat_byte(3);

thread_local! {
    static LATER: RefCell<BTreeMap<(u8, UniverseId), Rc<Leaves>>> =
        const { RefCell::new(BTreeMap::new()) };
}

/// Terms of the kind in the currency; periods short enough for every end to be reached in a
/// sequence.
fn terms(model: B256, people: &People, currency: Address, kind: u8) -> abi::Terms {
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
        trialPeriod: U40::from(if currency.is_zero() { 0 } else { 4 * DAY }),
        settlementPeriod: U40::from(2 * DAY),
        thawPeriod: U40::from(5 * DAY),
        maxDeployments: 2,
        evidenceLevels: 5,
        leakLiability: kind != 0 && currency.is_zero(),
        seats: 8,
        alphaInverse: [1_000_000_000, 1_000, 1_000_000, 2, 1_000][usize::from(kind)],
        slash: abi::SlashTerms {
            equivocationBps: 10_000,
            underMeteringBps: 5_000,
            outOfTermBps: 5_000,
            unlicensedModelBps: if kind == 0 { 0 } else { 6_000 },
            unpaidUseBps: 8_000,
            reporterBps: if currency.is_zero() { 3_001 } else { 701 },
            ownerBps: 4_000,
        },
        royalties: vec![abi::Royalty { payee: people.parent, bps: 1_111 }],
    }
}

/// Owners are careless in some kinds.
pub(super) fn own_leaves(universe: UniverseId, foreign: bool, kind: u8) -> Leaves {
    let of_kind = if foreign { [0, 500, 60, 0, 500] } else { [0, 0, 60, 0, 100] };
    let malformed = of_kind[usize::from(kind)];
    let PartSizes { personal, shared } = size_of(universe.epoch);
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
pub(super) fn size_of(epoch: u32) -> PartSizes {
    SIZES[epoch as usize % SIZES.len()]
}

/// A model to be registered.
struct NewModel {
    owner: Address,
    /// Fills the hash of its weights.
    weights: u8,
    /// Whether its owner is not the one whose licenses are tried.
    foreign: bool,
    parents: Vec<abi::Parent>,
}

/// Registers a model and commits to its universe.
fn register(chain: &mut LocalEvm, new: NewModel, kind: u8) -> Result<B256, SetUpError> {
    let NewModel { owner, weights, foreign, parents } = new;
    let registry = chain.registry;
    let register = abi::LicenseRegistry::registerModelCall {
        weightsHash: B256::repeat_byte(weights),
        metadataHash: B256::repeat_byte(2),
        parents,
    };
    let id = first_call(chain, owner, registry, register.abi_encode())?;
    let model = B256::from_slice(&id);
    let root = if kind == 0 {
        NO_LEAVES
    } else {
        own_leaves(UniverseId { model, epoch: 0 }, foreign, kind).root()
    };
    let universe = abi::LicenseRegistry::commitUniverseCall {
        modelId: model,
        root,
        personalCount: size_of(0).personal,
        sharedCount: size_of(0).shared,
    };
    first_call(chain, owner, registry, universe.abi_encode())?;
    Ok(model)
}

fn offer(chain: &mut LocalEvm, terms: &abi::Terms) -> Result<(), SetUpError> {
    let (owner, registry) = (terms.owner, chain.registry);
    let call = abi::LicenseRegistry::publishOfferCall { terms: terms.clone() };
    first_call(chain, owner, registry, call.abi_encode()).map(drop)
}

/// Registers parent and model, publishes an offer in each currency. Where there are proofs, a third
/// offer accepts only one level of evidence.
pub(super) fn publish(
    chain: &mut LocalEvm,
    people: &People,
    kind: u8,
) -> Result<Vec<abi::Terms>, SetUpError> {
    let ancestor =
        NewModel { owner: people.parent, weights: 1, foreign: false, parents: Vec::new() };
    let parent = register(chain, ancestor, 0)?;
    let lineage = vec![abi::Parent { modelId: parent, bps: 1_111 }];
    let licensed = NewModel { owner: people.owner, weights: 1, foreign: false, parents: lineage };
    let model = register(chain, licensed, kind)?;
    let currencies = [chain.token, Address::ZERO];
    let mut offers: Vec<abi::Terms> =
        currencies.iter().map(|currency| terms(model, people, *currency, kind)).collect();
    if kind != 0 {
        let (evidence, seats) = if kind.is_multiple_of(2) { (1, 0) } else { (4, 16) };
        let other = terms(model, people, chain.token, kind);
        offers.push(abi::Terms { evidenceLevels: evidence, seats, ..other });
    }
    offers.iter().try_for_each(|terms| offer(chain, terms))?;
    Ok(offers)
}

/// Another owner's model, whose hosts do not answer for unlicensed models.
pub(super) fn publish_foreign(
    chain: &mut LocalEvm,
    people: &People,
    kind: u8,
) -> Result<abi::Terms, SetUpError> {
    let other = NewModel { owner: people.parent, weights: 9, foreign: true, parents: Vec::new() };
    let model = register(chain, other, kind)?;
    let mut terms = terms(model, people, chain.token, kind);
    terms.owner = people.parent;
    terms.royalties = Vec::new();
    terms.slash.unlicensedModelBps = 0;
    offer(chain, &terms)?;
    Ok(terms)
}

/// Makes a call that must go through, before the first that is compared.
pub(super) fn first_call(
    chain: &mut LocalEvm,
    from: Address,
    to: Address,
    data: Vec<u8>,
) -> Result<Bytes, SetUpError> {
    match chain.call(from, to, 0, data)? {
        CallOutcome::Done { output, .. } => Ok(output),
        CallOutcome::Reverted(reason) => {
            Err(SetUpError(format!("a first call reverted: {reason}")))
        }
    }
}
