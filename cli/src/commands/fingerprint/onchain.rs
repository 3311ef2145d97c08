//! Universes on chain: committed, seeded, shown; and what the chain drew for a license.

use super::secret::{self, SecretArgs};
use crate::chain::{Chain, Sent, TxRecord};
use crate::commands::{event, license};
use crate::contracts::LicenseRegistry;
use crate::error::{Exit, fail};
use crate::files::LicenseFile;
use crate::{Global, output};
use alloy::primitives::U256;
use clap::Args;
use eyre::Result;
use oml_contracts::{ModelId, Root, Seed};
use oml_prover::fingerprint::{LicenseDraw, Universe};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A universe of the owner's.
#[derive(Args, Clone, Debug)]
pub(crate) struct Own {
    /// Universe: its directory
    #[arg(long, value_name = "DIR")]
    universe: PathBuf,
    #[command(flatten)]
    secret: SecretArgs,
}

impl Own {
    /// Opens it.
    pub(crate) fn load(&self) -> Result<Universe> {
        secret::load(&self.universe, &self.secret.open()?)
    }
}

/// Flags of `seed`.
#[derive(Args, Clone, Debug)]
pub(crate) struct DrawSeed {
    /// Model
    #[arg(long)]
    model_id: ModelId,
    /// Its universe
    #[arg(long, default_value_t = 0)]
    epoch: u32,
    /// Longest wait for the beacon, in seconds
    #[arg(long, default_value_t = 60)]
    wait: u64,
}

/// A committed universe.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Committed {
    /// Its model.
    pub(crate) model_id: ModelId,
    /// Its number.
    pub(crate) epoch: u32,
    /// Root that is on chain now.
    pub(crate) root: Root,
    /// The transaction.
    pub(crate) transaction: TxRecord,
}

/// A drawn model seed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seeded {
    /// The seed; none for a dry run.
    pub(crate) seed: Option<Seed>,
    /// What was sent; a round that became too old is committed anew first.
    pub(crate) transactions: Vec<TxRecord>,
}

/// Runs `commit`.
pub(super) async fn run_commit(own: &Own, global: &Global) -> Result<()> {
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let committed = commit(&chain, &own.load()?).await?;
    let root = committed.root.to_string();
    global.output().result(&committed, &root, || {
        format!("epoch {}, root {root}\n{}", committed.epoch, committed.transaction.line())
    });
    Ok(())
}

/// Puts a universe's root on chain, for the model's owner.
pub(crate) async fn commit(chain: &Chain, universe: &Universe) -> Result<Committed> {
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
            Exit::Failed,
        ));
    }
    let call = LicenseRegistry::commitUniverseCall {
        modelId: model_id.into(),
        root: root.into(),
        personalCount: universe.parts().personal(),
        sharedCount: universe.parts().shared(),
    };
    let sent = chain.send("commit universe", chain.registry(), call, U256::ZERO).await?;
    Ok(Committed { model_id, epoch, root, transaction: sent.record })
}

/// Runs `seed`.
pub(super) async fn run_seed(args: &DrawSeed, global: &Global) -> Result<()> {
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let seeded =
        draw_seed(&chain, args.model_id, args.epoch, Duration::from_secs(args.wait)).await?;
    let seed = seeded.seed.map(|s| s.to_string()).unwrap_or_default();
    let lines: Vec<String> = seeded.transactions.iter().map(TxRecord::line).collect();
    global.output().result(&seeded, &seed, || format!("seed {seed}\n{}", lines.join("\n")));
    Ok(())
}

/// Draws the seed of a universe's shared answers; waits until the beacon is out.
pub(crate) async fn draw_seed(
    chain: &Chain,
    model_id: ModelId,
    epoch: u32,
    wait: Duration,
) -> Result<Seeded> {
    let start = Instant::now();
    let mut transactions = Vec::new();
    loop {
        let call = LicenseRegistry::drawUniverseSeedCall { modelId: model_id.into(), epoch };
        match chain.send("draw universe seed", chain.registry(), call, U256::ZERO).await {
            Ok(sent) => {
                transactions.push(sent.record.clone());
                if let Some(seed) = drawn(&sent) {
                    return Ok(Seeded { seed, transactions });
                }
            }
            Err(report) if !is_pending(&report) || start.elapsed() >= wait => return Err(report),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The seed that a transaction drew. Outer none: it only committed to another beacon round.
fn drawn(sent: &Sent) -> Option<Option<Seed>> {
    if sent.receipt.is_none() {
        return Some(None);
    }
    event::<LicenseRegistry::UniverseSeeded>(sent).map(|log| Some(log.seed.into()))
}

/// Whether an error says that the beacon's value is not out yet.
pub(crate) fn is_pending(report: &eyre::Report) -> bool {
    report.to_string().contains("LicenseRegistry_SeedPending")
}

/// What the chain drew for a license of this universe.
pub(crate) async fn license_draw(
    chain: &Chain,
    universe: &Universe,
    license: &LicenseFile,
) -> Result<LicenseDraw> {
    check_same(universe, license)?;
    let state = license::state(chain, license.license_id).await?;
    if state.seed.is_zero() {
        return Err(fail(
            format!("the seed of license {} is not drawn yet", license.license_id),
            "draw it with `oml license seed`; answers exist only after that",
            Exit::Failed,
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
            Exit::Failed,
        ));
    }
    if committed.seed.is_zero() && universe.parts().shared() > 0 {
        return Err(fail(
            format!("the model seed of epoch {} is not drawn yet", universe.epoch()),
            "draw it with `oml fingerprint seed`; shared answers exist only after that",
            Exit::Failed,
        ));
    }
    Ok(LicenseDraw {
        license_seed: state.seed.into(),
        model_seed: committed.seed.into(),
        assignment_p: license.terms.evidence.assignment_p,
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
        Exit::Failed,
    ))
}

/// Runs `show`.
pub(super) async fn run_show(own: &Own, offline: bool, global: &Global) -> Result<()> {
    let universe = own.load()?;
    let parts = universe.parts();
    let mut data = serde_json::json!({
        "modelId": universe.model(), "epoch": universe.epoch(), "root": universe.root(),
        "personal": parts.personal(), "shared": parts.shared(), "bundles": universe.tree().bundles(),
    });
    if !offline {
        let chain = Chain::reader(&global.chain).await?;
        data["chain"] = on_chain(&chain, &universe).await?;
    }
    let root = universe.root().to_string();
    global.output().result(&data, &root, || table(&data));
    Ok(())
}

async fn on_chain(chain: &Chain, universe: &Universe) -> Result<serde_json::Value> {
    let call = LicenseRegistry::epochsCall { modelId: universe.model().into() };
    if chain.read(chain.registry(), call).await? <= universe.epoch() {
        return Ok(serde_json::json!({ "committed": false }));
    }
    let call =
        LicenseRegistry::universeCall { modelId: universe.model().into(), epoch: universe.epoch() };
    let state = chain.read(chain.registry(), call).await?;
    let bundles = state.personalCount / 16;
    Ok(serde_json::json!({
        "committed": Root::from(state.root) == universe.root(), "seed": state.seed, "licenses": state.licenses,
        "cases": state.cases, "burnedBundles": state.burnedBundles, "unburnedBundles": bundles - state.burnedBundles,
    }))
}

/// The parts that people look for, in this order.
const SHOWN: [(&str, &str); 12] = [
    ("model", "/modelId"),
    ("epoch", "/epoch"),
    ("root", "/root"),
    ("personal fingerprints", "/personal"),
    ("shared fingerprints", "/shared"),
    ("bundles", "/bundles"),
    ("on chain", "/chain/committed"),
    ("model seed", "/chain/seed"),
    ("licenses", "/chain/licenses"),
    ("cases", "/chain/cases"),
    ("burned bundles", "/chain/burnedBundles"),
    ("unburned bundles", "/chain/unburnedBundles"),
];

fn table(data: &serde_json::Value) -> String {
    let show =
        |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = SHOWN
        .into_iter()
        .filter_map(|(name, path)| Some([name.to_owned(), show(data.pointer(path)?)]));
    output::table(["what", "value"], rows)
}

/// Which license: by its file and the chain, or by its seeds where there is no chain.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Draws {
    /// License file; its seed is read from the chain
    #[arg(long, value_name = "FILE", required_unless_present = "license_seed")]
    pub(crate) license: Option<PathBuf>,
    /// Seed of the license, for use without a chain
    #[arg(long, requires = "model_seed", conflicts_with = "license", value_name = "HEX")]
    license_seed: Option<Seed>,
    /// Seed of the universe, for use without a chain
    #[arg(long, requires = "license_seed", value_name = "HEX")]
    model_seed: Option<Seed>,
    /// Part of the shared answers that a license carries, in 1/65,536; for use without a chain
    #[arg(long, default_value_t = 16_384, value_name = "N")]
    assignment_p: u16,
}

impl Draws {
    /// The draw that the flags name.
    pub(crate) async fn resolve(
        &self,
        universe: &Universe,
        global: &Global,
    ) -> Result<LicenseDraw> {
        match (&self.license, self.license_seed, self.model_seed) {
            (Some(path), _, _) => read(path, universe, global).await,
            (None, Some(license_seed), Some(model_seed)) => {
                Ok(LicenseDraw { license_seed, model_seed, assignment_p: self.assignment_p })
            }
            _ => {
                Err(fail("no license is named", "give --license FILE, or both seeds", Exit::Failed))
            }
        }
    }
}

/// The draw of a license file.
pub(super) async fn read(path: &Path, universe: &Universe, global: &Global) -> Result<LicenseDraw> {
    let license = LicenseFile::load(path)?;
    let chain = Chain::reader(&global.chain).await?;
    license_draw(&chain, universe, &license).await
}
