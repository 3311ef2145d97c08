//! Universes on chain: committed, seeded; and what the chain drew for a license.

use crate::beacon::{Patience, bring};
use crate::chain::{Chain, Sent, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use crate::license;
use alloy::primitives::U256;
use oml_contracts::draw::SHARED_ASSIGNMENT;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{ModelId, Root, Seed};
use oml_prover::fingerprint::{LicenseDraw, Universe};
use serde::Serialize;
use std::time::Duration;

/// A committed universe.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommittedUniverse {
    /// Model that it belongs to.
    pub model_id: ModelId,
    /// Number among the model's universes.
    pub epoch: u32,
    /// Root that is on chain now.
    pub root: Root,
    /// The transaction that committed it.
    pub transaction: TxRecord,
}

/// A drawn model seed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeededUniverse {
    /// The seed; none for a dry run.
    pub seed: Option<Seed>,
    /// What was sent; a round that became too old is committed anew first.
    pub transactions: Vec<TxRecord>,
}

/// Puts a universe's root on chain, for the model's owner.
///
/// # Errors
/// A universe of another epoch, no signer, network failure, a refusal of the contract.
pub async fn commit(chain: &Chain, universe: &Universe) -> Result<CommittedUniverse> {
    let (model_id, epoch, root) = (universe.model(), universe.epoch(), universe.root());
    let next = chain
        .read(chain.registry(), LicenseRegistry::epochsCall { modelId: model_id.into() })
        .await?;
    if next != epoch {
        return Err(fail(
            format!(
                "this is the universe of epoch {epoch}, but the next epoch of model {model_id} is {next}"
            ),
            "leaves name their epoch, so a universe fits one epoch only; generate another with --epoch",
            FailureKind::Failed,
        ));
    }
    let call = LicenseRegistry::commitUniverseCall {
        modelId: model_id.into(),
        root: root.into(),
        personalCount: universe.parts().personal(),
        sharedCount: universe.parts().shared(),
    };
    let sent = chain.send("commit universe", chain.registry(), call, U256::ZERO).await?;
    Ok(CommittedUniverse { model_id, epoch, root, transaction: sent.record })
}

/// Draws the seed of a universe's shared answers; waits until the beacon's round is out, and brings
/// it if nobody else does. Anyone may.
///
/// # Errors
/// No signer, network failure, a refusal of the contract, a beacon that does not come in time.
pub async fn draw_seed(
    chain: &Chain,
    model_id: ModelId,
    epoch: u32,
    wait: Duration,
) -> Result<SeededUniverse> {
    let patience = Patience::of(wait);
    let mut transactions = Vec::new();
    loop {
        let call = LicenseRegistry::universeCall { modelId: model_id.into(), epoch };
        let kept = chain.read(chain.registry(), call).await?;
        // Without such a universe, or after its draw, the contract says what is wrong.
        if !kept.root.is_zero() && kept.seed.is_zero() {
            transactions.extend(bring(chain, kept.seedRound.to(), &patience).await?);
        }
        if chain.is_dry_run() && !transactions.is_empty() {
            return Ok(SeededUniverse { seed: None, transactions });
        }
        let call = LicenseRegistry::drawUniverseSeedCall { modelId: model_id.into(), epoch };
        match chain.send("draw universe seed", chain.registry(), call, U256::ZERO).await {
            Ok(sent) => {
                transactions.push(sent.record.clone());
                match DrawnSeed::of(&sent) {
                    DrawnSeed::Seed(seed) => {
                        return Ok(SeededUniverse { seed: Some(seed), transactions });
                    }
                    DrawnSeed::DryRun => return Ok(SeededUniverse { seed: None, transactions }),
                    DrawnSeed::AnotherRound => {}
                }
            }
            Err(error)
                if error.is_revert::<LicenseRegistry::LicenseRegistry_SeedPending>()
                    && !patience.is_over() => {}
            Err(error) => return Err(error),
        }
        patience.pause().await;
    }
}

/// What a transaction that draws a seed brought.
enum DrawnSeed {
    /// Nothing was sent.
    DryRun,
    /// The beacon's round was too old, so another one was committed to.
    AnotherRound,
    /// The seed that was drawn.
    Seed(Seed),
}

impl DrawnSeed {
    fn of(sent: &Sent) -> Self {
        if sent.receipt.is_none() {
            return Self::DryRun;
        }
        let seeded = sent.event::<LicenseRegistry::UniverseSeeded>();
        seeded.map_or(Self::AnotherRound, |log| Self::Seed(log.seed.into()))
    }
}

/// What the chain drew for a license of this universe.
///
/// # Errors
/// Network failure, seeds that are not drawn yet, or another universe than the license's.
pub async fn license_draw(
    chain: &Chain,
    universe: &Universe,
    license: &LicenseFile,
) -> Result<LicenseDraw> {
    check_same(universe, license)?;
    let kept = license::kept(chain, license.license_id).await?;
    if kept.seed.is_zero() {
        return Err(fail(
            format!("the seed of license {} is not drawn yet", license.license_id),
            "draw it with `oml license seed`; answers exist only after that",
            FailureKind::Failed,
        ));
    }
    let call =
        LicenseRegistry::universeCall { modelId: universe.model().into(), epoch: universe.epoch() };
    let committed = chain.read(chain.registry(), call).await?;
    if Root::from(committed.root) != universe.root() {
        return Err(fail(
            format!(
                "the root on chain is {}, this universe's is {}",
                committed.root,
                universe.root()
            ),
            "give the universe that was committed; another one's answers mean nothing",
            FailureKind::Failed,
        ));
    }
    if committed.seed.is_zero() && universe.parts().shared() > 0 {
        return Err(fail(
            format!("the model seed of epoch {} is not drawn yet", universe.epoch()),
            "draw it with `oml fingerprint seed`; shared answers exist only after that",
            FailureKind::Failed,
        ));
    }
    Ok(LicenseDraw {
        license_seed: kept.seed,
        model_seed: committed.seed.into(),
        assignment_p: SHARED_ASSIGNMENT,
    })
}

fn check_same(universe: &Universe, license: &LicenseFile) -> Result<()> {
    let terms = &license.terms;
    if (terms.model_id, terms.epoch) == (universe.model(), universe.epoch()) {
        return Ok(());
    }
    Err(fail(
        format!(
            "license {} is for model {} epoch {}, the universe is that of model {} epoch {}",
            license.license_id,
            terms.model_id,
            terms.epoch,
            universe.model(),
            universe.epoch()
        ),
        "give the universe that the license's terms name",
        FailureKind::Failed,
    ))
}

/// What the chain knows of a universe, as JSON.
///
/// # Errors
/// Network failure.
pub async fn on_chain(chain: &Chain, universe: &Universe) -> Result<serde_json::Value> {
    let call = LicenseRegistry::epochsCall { modelId: universe.model().into() };
    if chain.read(chain.registry(), call).await? <= universe.epoch() {
        return Ok(serde_json::json!({ "committed": false }));
    }
    let call =
        LicenseRegistry::universeCall { modelId: universe.model().into(), epoch: universe.epoch() };
    let state = chain.read(chain.registry(), call).await?;
    let bundles = state.personalCount / 16;
    Ok(serde_json::json!({
        "committed": Root::from(state.root) == universe.root(), "seed": state.seed,
        "licenses": state.licenses, "burnedBundles": state.burnedBundles,
        "unburnedBundles": bundles - state.burnedBundles,
    }))
}
