//! Fingerprints, deployments and words: what the license registry keeps for tests.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{SolEvent as _, SolValue};
use oml_contracts::leaf::BUNDLE_LEAVES;
use oml_contracts::rpc::abi::Beacon as Beacons;
use oml_contracts::rpc::abi::LicenseRegistry as Registry;
use oml_contracts::rpc::abi::{LicenseRef, Terms};

use super::faults::Faults;
use super::refusal::{Caused, Events, Refused};
use super::state::{
    Cases, Deployment, License, PartSizes, ReferenceModel, Status, UniverseId, UniverseState,
};
use crate::agreed::{HASHES, MARGIN, mix_hash};

/// Most leaves of a universe.
const MAX_FINGERPRINTS: u64 = 1 << 20;
/// Seconds of a day.
const DAY: u64 = 86_400;
/// Longest URI of a deployment, in bytes.
const MAX_URI: usize = 2_048;
/// Until when a host answers for what it has not retired.
const ALWAYS: u64 = (1 << 40) - 1;

/// Which fingerprints an offer's licenses carry.
#[must_use]
pub(crate) const fn universe_of(terms: &Terms) -> UniverseId {
    UniverseId { model: terms.modelId, epoch: terms.epoch }
}

static NONE: LazyLock<UniverseState> = LazyLock::new(UniverseState::default);

impl UniverseState {
    /// Unburned bundles of the personal part, ascending.
    #[must_use]
    pub(crate) fn left_personal(&self) -> Vec<u32> {
        (0..self.personal / BUNDLE_LEAVES)
            .filter(|bundle| !self.burned.contains_key(bundle))
            .collect()
    }
}

/// What the beacon says of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beacon {
    /// Not out yet, or nobody has brought it.
    Pending,
    /// The round was brought and has this value.
    Ready(B256),
    /// Out of reach.
    Stale,
}

impl ReferenceModel {
    /// Fingerprints of one epoch of a model; an empty universe if it has none.
    #[must_use]
    pub(crate) fn universe(&self, id: UniverseId) -> &UniverseState {
        self.universes.get(&id).unwrap_or(&NONE)
    }

    /// Universes of a model so far.
    #[must_use]
    pub(crate) fn epochs(&self, model: B256) -> u32 {
        let epochs = self.universes.keys().filter(|known| known.model == model).count();
        u32::try_from(epochs).unwrap_or(u32::MAX)
    }

    /// `commitUniverse`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn commit_universe(
        &mut self,
        by: Address,
        model: B256,
        root: B256,
        sizes: PartSizes,
    ) -> Caused {
        let PartSizes { personal, shared } = sizes;
        let mut faults = Faults::default();
        let owner = self.owners.get(&model);
        let stranger = Registry::LicenseRegistry_OnlyModelOwner { modelId: model, caller: by };
        faults.unless(owner == Some(&by), stranger);
        faults.unless(!root.is_zero(), Registry::LicenseRegistry_EmptyRoot {});
        let whole = personal.is_multiple_of(BUNDLE_LEAVES) && shared.is_multiple_of(BUNDLE_LEAVES);
        let fits = u64::from(personal) + u64::from(shared) <= MAX_FINGERPRINTS;
        let size = Registry::LicenseRegistry_BadUniverseSize {
            personalCount: personal,
            sharedCount: shared,
        };
        faults.unless(whole && fits && personal != 0, size);
        faults.none()?;
        let (epoch, round) = (self.epochs(model), self.next_round());
        let universe = UniverseState {
            model,
            epoch,
            root,
            personal,
            shared,
            round,
            ..UniverseState::default()
        };
        self.universes.insert(UniverseId { model, epoch }, universe);
        Ok(vec![self.registry_event(&Registry::UniverseCommitted {
            modelId: model,
            epoch,
            root,
            personalCount: personal,
            sharedCount: shared,
            seedRound: U48::from(round),
        })])
    }

    pub(super) fn beacon(&self, round: u64) -> Beacon {
        if self.brought.contains(&round) {
            Beacon::Ready(mix_hash(round))
        } else if round < self.block && !self.can_bring(round) {
            Beacon::Stale
        } else {
            Beacon::Pending
        }
    }

    /// Whether a block's header can be shown.
    pub(crate) const fn can_bring(&self, round: u64) -> bool {
        round < self.block && self.block - round <= HASHES
    }

    /// `bring` of a block that can be shown: its value is kept once.
    ///
    /// # Errors
    /// None.
    pub(crate) fn bring_round(&mut self, round: u64) -> Caused {
        if !self.brought.insert(round) {
            return Ok(Vec::new());
        }
        let event = Beacons::RoundBrought { round: U48::from(round), value: mix_hash(round) };
        Ok(vec![(self.beacon, event.encode_log_data())])
    }

    /// The round to name in a commitment made now.
    pub(super) const fn next_round(&self) -> u64 {
        self.block + MARGIN
    }

    /// `drawUniverseSeed`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn draw_model_seed(&mut self, id: UniverseId) -> Caused {
        let UniverseId { model, epoch } = id;
        let mut faults = Faults::default();
        let known = self.universes.contains_key(&id);
        let universe = self.universe(id);
        let unknown = Registry::LicenseRegistry_UnknownUniverse { modelId: model, epoch };
        faults.unless(known, unknown);
        let subject = keccak256((model, U256::from(epoch)).abi_encode_params());
        let again = Registry::LicenseRegistry_AlreadySeeded { subject };
        faults.unless(!known || universe.seed.is_none(), again);
        let (round, value) = (universe.round, self.beacon(universe.round));
        let seed_round = U48::from(round);
        let pending = Registry::LicenseRegistry_SeedPending { subject, round: seed_round };
        faults.unless(!known || value != Beacon::Pending, pending);
        faults.none()?;
        if let Beacon::Ready(value) = value {
            let parts = [value.as_slice(), self.registry.as_slice(), subject.as_slice()];
            let seed = keccak256(parts.concat());
            self.universes.entry(id).or_default().seed = Some(seed);
            let event = Registry::UniverseSeeded { modelId: model, epoch, seed };
            return Ok(vec![self.registry_event(&event)]);
        }
        let next = self.next_round();
        self.universes.entry(id).or_default().round = next;
        let seed_round = U48::from(next);
        Ok(vec![self.registry_event(&Registry::SeedRoundMoved { subject, seedRound: seed_round })])
    }

    /// `burn` by a contract that decides.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn burn(&mut self, id: UniverseId, by: Address, bundles: &[u32]) -> Caused {
        let UniverseId { model, epoch } = id;
        let mut faults = Faults::default();
        faults.judge(self, by);
        let unknown = Registry::LicenseRegistry_UnknownUniverse { modelId: model, epoch };
        faults.unless(self.universes.contains_key(&id), unknown);
        self.bundle_faults(id, bundles, &mut faults);
        faults.none()?;
        Ok(self.burn_all(id, bundles))
    }

    /// Each bundle is of the personal part and burned for the first time.
    pub(super) fn bundle_faults(&self, id: UniverseId, bundles: &[u32], faults: &mut Faults) {
        let left = self.universe(id).left_personal();
        let mut seen = BTreeSet::new();
        for bundle in bundles {
            let fresh = seen.insert(*bundle) && left.contains(bundle);
            faults.unless(fresh, Registry::LicenseRegistry_BundleBurned { bundle: *bundle });
        }
    }

    /// Burns bundles on this day, and tells of it.
    pub(super) fn burn_all(&mut self, id: UniverseId, bundles: &[u32]) -> Events {
        let today = u16::try_from(self.time / DAY).unwrap_or(u16::MAX);
        let universe = self.universes.entry(id).or_default();
        universe.burned.extend(bundles.iter().map(|bundle| (*bundle, today)));
        let event = |bundle: &u32| {
            let burned =
                Registry::BundleBurned { modelId: id.model, epoch: id.epoch, bundle: *bundle };
            self.registry_event(&burned)
        };
        bundles.iter().map(event).collect()
    }

    /// `commitCases`: words under which the license can be tested, once.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn commit_cases(
        &mut self,
        reference: &LicenseRef,
        by: Address,
        root: B256,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let owner = reference.terms.owner;
        let mut faults = Faults::default();
        faults.unless(by == owner, Registry::LicenseRegistry_OnlyTermsOwner { owner, caller: by });
        let bought = [
            Status::Acquired,
            Status::Seeded,
            Status::Accepted,
            Status::Active,
            Status::Terminated,
        ];
        faults.status(id, self.status(at), &bought);
        faults.unless(!root.is_zero(), Registry::LicenseRegistry_EmptyRoot {});
        let first = at.is_none_or(|at| self.licenses[at].cases.root.is_zero());
        faults.unless(first, Registry::LicenseRegistry_CasesCommitted { licenseId: id });
        faults.none()?;
        self.licenses[at.ok_or(Refused::ANY)?].cases = Cases { root, at: self.time };
        let event = Registry::CasesCommitted { licenseId: id, casesRoot: root };
        Ok(vec![self.registry_event(&event)])
    }

    /// `registerDeployment`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn register_deployment(
        &mut self,
        reference: &LicenseRef,
        by: Address,
        uri: &str,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let max = reference.terms.maxDeployments;
        let mut faults = Faults::default();
        faults.host(reference, by);
        let license = at.map(|at| &self.licenses[at]);
        let active = |l: &License| self.runs(l);
        let not_active = Registry::LicenseRegistry_NotActive { licenseId: id };
        faults.unless(license.is_some_and(active), not_active);
        let length = uri.len();
        let bad = Registry::LicenseRegistry_BadUri { length: U256::from(length) };
        faults.unless(length != 0 && length <= MAX_URI, bad);
        let deployment = keccak256(uri);
        let registered: BTreeSet<B256> = license.map_or_else(BTreeSet::new, |license| {
            let live = license.deployments.iter().filter(|(_, known)| known.until == ALWAYS);
            live.map(|(deployment, _)| *deployment).collect()
        });
        let exists = Registry::LicenseRegistry_DeploymentExists {
            licenseId: id,
            deploymentHash: deployment,
        };
        faults.unless(!registered.contains(&deployment), exists);
        let many = Registry::LicenseRegistry_TooManyDeployments { licenseId: id, max };
        faults.unless(registered.len() < max.into(), many);
        faults.none()?;
        let at = at.ok_or(Refused::ANY)?;
        let now = self.time;
        let deployments = &mut self.licenses[at].deployments;
        // What comes back while its host still answers for it is as old as it was.
        let last = deployments.get(&deployment).filter(|last| last.until >= now);
        let since = last.map_or(now, |last| last.since);
        deployments.insert(deployment, Deployment { since, until: ALWAYS });
        Ok(vec![self.registry_event(&Registry::DeploymentRegistered {
            licenseId: id,
            deploymentHash: deployment,
            uri: uri.to_owned(),
        })])
    }

    /// `retireDeployment`.
    ///
    /// # Errors
    /// [`Refused`](super::Refused).
    pub(crate) fn retire_deployment(
        &mut self,
        reference: &LicenseRef,
        by: Address,
        uri: &str,
    ) -> Caused {
        let (id, at) = self.find(reference);
        let mut faults = Faults::default();
        faults.host(reference, by);
        let deployment = keccak256(uri);
        let known = at.and_then(|at| self.licenses[at].deployments.get(&deployment));
        let until = known.map(|known| known.until);
        let unknown = Registry::LicenseRegistry_UnknownDeployment {
            licenseId: id,
            deploymentHash: deployment,
        };
        faults.unless(until == Some(ALWAYS), unknown);
        faults.none()?;
        let license = &mut self.licenses[at.ok_or(Refused::ANY)?];
        let until = self.time + license.reference.terms.thawPeriod.to::<u64>();
        if let Some(known) = license.deployments.get_mut(&deployment) {
            known.until = until;
        }
        let event = Registry::DeploymentRetired { licenseId: id, deploymentHash: deployment };
        Ok(vec![self.registry_event(&event)])
    }
}
