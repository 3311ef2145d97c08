//! What is left of a universe: bundles that no round and no proof has opened.

use crate::chain::Chain;
use crate::error::Result;
use alloy::primitives::B256;
use oml_contracts::Terms;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_prover::check::Comparisons;
use oml_prover::fingerprint::Universe;

/// What the chain knows of a universe, as far as a check needs it.
#[derive(Clone, Debug)]
pub struct UniverseStanding {
    /// Personal bundles that no round and no proof has opened.
    pub unburned: Vec<u32>,
    /// From how many an accuser could have chosen.
    pub counts: Comparisons,
}

impl UniverseStanding {
    /// Without a chain: nothing burned, nothing to choose from.
    #[must_use]
    pub fn offline(universe: &Universe) -> Self {
        let bundles = bundles(universe);
        Self { unburned: (0..bundles).collect(), counts: Comparisons { cases: 1, licenses: 1 } }
    }

    /// As the chain has it.
    ///
    /// # Errors
    /// Network failure.
    pub async fn read(chain: &Chain, universe: &Universe) -> Result<Self> {
        let (model_id, epoch) = (B256::from(universe.model()), universe.epoch());
        let call = LicenseRegistry::universeCall { modelId: model_id, epoch };
        let state = chain.read(chain.registry(), call).await?;
        let unburned = match state.burnedBundles {
            0 => (0..bundles(universe)).collect(),
            _ => unburned(chain, universe).await?,
        };
        let counts = Comparisons { cases: 1, licenses: state.licenses.max(1) };
        Ok(Self { unburned, counts })
    }
}

fn bundles(universe: &Universe) -> u32 {
    universe.parts().personal() / 16
}

/// Personal bundles that no round and no proof has opened.
///
/// # Errors
/// Network failure.
pub async fn unburned(chain: &Chain, universe: &Universe) -> Result<Vec<u32>> {
    let (model_id, epoch) = (B256::from(universe.model()), universe.epoch());
    let mut unburned = Vec::new();
    for bundle in 0..bundles(universe) {
        let call = LicenseRegistry::burnedOnCall { modelId: model_id, epoch, bundle };
        if chain.read(chain.registry(), call).await? == 0 {
            unburned.push(bundle);
        }
    }
    Ok(unburned)
}

/// How many personal bundles of the terms' universe are not opened.
///
/// # Errors
/// Network failure.
pub(crate) async fn bundles_left(chain: &Chain, terms: &Terms) -> Result<u32> {
    let (model_id, epoch) = (B256::from(terms.model_id), terms.epoch);
    let call = LicenseRegistry::universeCall { modelId: model_id, epoch };
    let state = chain.read(chain.registry(), call).await?;
    Ok((state.personalCount / 16).saturating_sub(state.burnedBundles))
}
