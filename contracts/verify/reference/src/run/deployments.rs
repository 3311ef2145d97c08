//! Deployments, words and the model's seed.

use alloy::primitives::{B256, keccak256};
use oml_contracts::rpc::abi::{LicenseRef, LicenseRegistry};
use rand::Rng;

use super::difference::Difference;
use super::world::{Call, World};
use crate::model::{License, Status, UniverseId};

/// Where the hosts serve.
const URIS: [&str; 4] =
    ["https://a.example/v1", "https://b.example/v1", "https://c.example/v1", ""];

impl World {
    pub(super) fn uri(&mut self) -> &'static str {
        let last = if self.chance(30) { URIS.len() } else { URIS.len() - 1 };
        URIS[self.random.random_range(0..last)]
    }

    pub(super) fn deployments(&mut self) -> Result<(), Difference> {
        let (_, reference, _) = self.pick();
        match self.random.random_range(0..9_u32) {
            0..=2 => self.register_deployment_of(&reference),
            3 => self.draw_model_seed(),
            4 => self.commit_cases(&reference),
            5 => {
                let uri = self.uri();
                self.retire(&reference, uri)
            }
            _ => self.come_back(),
        }
    }

    /// A license and a place that its host has registered once.
    pub(super) fn some_place(&mut self) -> Option<(usize, &'static str)> {
        let registered = |license: &License, uri: &str| {
            let known = license.deployments.get(&keccak256(uri));
            license.status == Status::Active && known.is_some()
        };
        let all = self.model.licenses.iter().enumerate();
        let known: Vec<(usize, &'static str)> = all
            .flat_map(|(at, license)| URIS.map(|uri| (at, license, uri)))
            .filter(|(_, license, uri)| registered(license, uri))
            .map(|(at, _, uri)| (at, uri))
            .collect();
        known.get(self.below(known.len())).copied()
    }

    /// The host retires what is tested.
    pub(super) fn retire_place(&mut self, at: usize, place: B256) -> Result<(), Difference> {
        let (reference, _) = self.license_at(at);
        match URIS.into_iter().find(|uri| keccak256(uri) == place) {
            Some(uri) => self.retire(&reference, uri),
            None => Ok(()),
        }
    }

    /// A deployment is retired and registered anew: at once, or about when its host no longer
    /// answers for it.
    pub(super) fn come_back(&mut self) -> Result<(), Difference> {
        let Some((at, uri)) = self.some_place() else { return Ok(()) };
        let (reference, _) = self.license_at(at);
        self.retire(&reference, uri)?;
        let thaw = reference.terms.thawPeriod.to::<u64>();
        match self.random.random_range(0..8_u32) {
            0 => self.pass(1, thaw),
            1 => self.pass(1, thaw + 1),
            2 => self.pass(1, thaw / 2),
            _ => {}
        }
        self.register(&reference, uri)
    }

    pub(super) fn retire(&mut self, reference: &LicenseRef, uri: &str) -> Result<(), Difference> {
        let by = self.mostly(reference.host);
        let data =
            LicenseRegistry::retireDeploymentCall { r#ref: reference.clone(), uri: uri.to_owned() };
        let call = Call::new(self.model.registry, "retireDeployment", by, 0, &data);
        let verdict = self.model.retire_deployment(reference, by, uri);
        self.hold(&call, verdict).map(drop)
    }

    /// The owner commits to the words under which the license can be tested.
    fn commit_cases(&mut self, reference: &LicenseRef) -> Result<(), Difference> {
        let by = self.mostly(reference.terms.owner);
        let root = if self.chance(12) { B256::ZERO } else { self.word() };
        let data = LicenseRegistry::commitCasesCall { r#ref: reference.clone(), casesRoot: root };
        let call = Call::new(self.model.registry, "commitCases", by, 0, &data);
        let verdict = self.model.commit_cases(reference, by, root);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn register_deployment_of(
        &mut self,
        reference: &LicenseRef,
    ) -> Result<(), Difference> {
        let uri = self.uri();
        self.register(reference, uri)
    }

    fn register(&mut self, reference: &LicenseRef, uri: &str) -> Result<(), Difference> {
        let by = self.mostly(reference.host);
        let data = LicenseRegistry::registerDeploymentCall {
            r#ref: reference.clone(),
            uri: uri.to_owned(),
        };
        let call = Call::new(self.model.registry, "registerDeployment", by, 0, &data);
        let verdict = self.model.register_deployment(reference, by, uri);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn draw_model_seed(&mut self) -> Result<(), Difference> {
        let known: Vec<_> = self.model.universes.keys().copied().collect();
        let UniverseId { model, epoch } = known[self.random.random_range(0..known.len())];
        let id = match self.random.random_range(0..20_u32) {
            0 => UniverseId { model: keccak256(model), epoch: 0 },
            1 => UniverseId { model, epoch: epoch + 1 },
            _ => UniverseId { model, epoch },
        };
        if let Some(round) = self.model.universes.get(&id).map(|universe| universe.round) {
            self.bring(round)?;
        }
        let data = LicenseRegistry::drawUniverseSeedCall { modelId: id.model, epoch: id.epoch };
        let call =
            Call::new(self.model.registry, "drawUniverseSeed", self.people.stranger, 0, &data);
        let verdict = self.model.draw_model_seed(id);
        self.hold(&call, verdict).map(drop)
    }
}
