//! Deployments and the model's seed.

use alloy::primitives::keccak256;
use alloy::sol_types::SolCall;
use oml_contracts::rpc::abi::{LicenseRef, LicenseRegistry};
use rand::Rng;

use super::{Call, Difference, World};

/// Where the hosts serve.
const URIS: [&str; 4] =
    ["https://a.example/v1", "https://b.example/v1", "https://c.example/v1", ""];

impl World {
    pub(super) fn uri(&mut self) -> &'static str {
        let last = if self.chance(30) { URIS.len() } else { URIS.len() - 1 };
        URIS[self.random.random_range(0..last)]
    }

    fn deployment_call(
        &self,
        name: &'static str,
        from: alloy::primitives::Address,
        data: &impl SolCall,
    ) -> Call {
        Call { name, from, to: self.model.registry, value: 0, data: data.abi_encode() }
    }

    pub(super) fn deployments(&mut self) -> Result<(), Difference> {
        let (at, reference, _) = self.pick();
        if self.random.random() {
            return self.register_deployment_of(at, &reference);
        }
        if self.chance(3) {
            return self.draw_model_seed();
        }
        let uri = self.uri();
        let (by, id) = (self.mostly(reference.host), self.model.license_id(&reference));
        let host = reference.host;
        let data = LicenseRegistry::retireDeploymentCall { r#ref: reference, uri: uri.to_owned() };
        let call = self.deployment_call("retireDeployment", by, &data);
        let verdict = self.model.retire_deployment((at, id), host, by, uri);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn register_deployment_of(
        &mut self,
        at: usize,
        reference: &LicenseRef,
    ) -> Result<(), Difference> {
        let uri = self.uri();
        let (by, id) = (self.mostly(reference.host), self.model.license_id(reference));
        let (host, max) = (reference.host, reference.terms.maxDeployments);
        let data = LicenseRegistry::registerDeploymentCall {
            r#ref: reference.clone(),
            uri: uri.to_owned(),
        };
        let call = self.deployment_call("registerDeployment", by, &data);
        let verdict = self.model.register_deployment((at, id), (host, max), by, uri);
        self.hold(&call, verdict).map(drop)
    }

    pub(super) fn draw_model_seed(&mut self) -> Result<(), Difference> {
        let models: Vec<_> = self.model.universes.keys().copied().collect();
        let model = models[self.random.random_range(0..models.len())];
        let (model, epoch) = match self.random.random_range(0..20_u32) {
            0 => (keccak256(model), 0),
            1 => (model, 1),
            _ => (model, 0),
        };
        let data = LicenseRegistry::drawUniverseSeedCall { modelId: model, epoch };
        let call = self.deployment_call("drawUniverseSeed", self.people.stranger, &data);
        let verdict = self.model.draw_model_seed(model, epoch);
        self.hold(&call, verdict).map(drop)
    }
}
