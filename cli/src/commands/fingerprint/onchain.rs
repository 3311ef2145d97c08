//! Universes on chain: committed, seeded, shown; and what the chain drew for a license.

use super::secret::SecretArgs;
use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use clap::Args;
use eyre::Result;
use oml_client::{TxRecord, universe};
use oml_contracts::{ModelId, Seed};
use oml_prover::fingerprint::{LicenseDraw, Universe};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Opens the universe with its secret.
    pub(crate) fn load(&self) -> Result<Universe> {
        Ok(universe::load(&self.universe, &self.secret.open()?)?)
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
    #[arg(long, default_value_t = 1_800)]
    wait: u64,
}

/// Commits the root of a universe and prints it.
pub(super) async fn run_commit(own: &Own, global: &Global) -> Result<()> {
    let chain = global.signing().await?;
    let committed = universe::commit(&chain, &own.load()?).await?;
    let root = committed.root.to_string();
    global.output().result(&committed, &root, || {
        format!("epoch {}, root {root}\n{}", committed.epoch, committed.transaction.line())
    });
    Ok(())
}

/// Draws the seed of a universe and prints it.
pub(super) async fn run_seed(args: &DrawSeed, global: &Global) -> Result<()> {
    let chain = global.signing().await?;
    let wait = Duration::from_secs(args.wait);
    let seeded = universe::draw_seed(&chain, args.model_id, args.epoch, wait).await?;
    let seed = seeded.seed.map(|s| s.to_string()).unwrap_or_default();
    let lines: Vec<String> = seeded.transactions.iter().map(TxRecord::line).collect();
    global.output().result(&seeded, &seed, || format!("seed {seed}\n{}", lines.join("\n")));
    Ok(())
}

/// Shows a universe; asks the chain that the flags name, if any are given.
pub(super) async fn run_show(own: &Own, chain: Option<&Global>, output: Output) -> Result<()> {
    let universe = own.load()?;
    let parts = universe.parts();
    let mut data = serde_json::json!({
        "modelId": universe.model(), "epoch": universe.epoch(), "root": universe.root(),
        "personal": parts.personal(), "shared": parts.shared(), "bundles": universe.tree().bundles(),
    });
    if let Some(global) = chain {
        let chain = global.reading().await?;
        data["chain"] = universe::on_chain(&chain, &universe).await?;
    }
    let root = universe.root().to_string();
    output.result(&data, &root, || shown(&data));
    Ok(())
}

/// The parts that people look for, in this order.
const SHOWN: [(&str, &str); 11] = [
    ("model", "/modelId"),
    ("epoch", "/epoch"),
    ("root", "/root"),
    ("personal fingerprints", "/personal"),
    ("shared fingerprints", "/shared"),
    ("bundles", "/bundles"),
    ("on chain", "/chain/committed"),
    ("model seed", "/chain/seed"),
    ("licenses", "/chain/licenses"),
    ("burned bundles", "/chain/burnedBundles"),
    ("unburned bundles", "/chain/unburnedBundles"),
];

fn shown(data: &serde_json::Value) -> String {
    let show =
        |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = SHOWN
        .into_iter()
        .filter_map(|(name, path)| Some([name.to_owned(), show(data.pointer(path)?)]));
    table(["what", "value"], rows)
}

/// Which license: by its file and the chain, or by its seeds where there is no chain.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Draws {
    /// License file; its seed is read from the chain
    #[arg(long, value_name = "FILE", required_unless_present_any = ["license_seed", "offline"])]
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
    /// Use no chain: the draw follows from the universe and the name of the copy
    #[arg(long, conflicts_with_all = ["license", "license_seed"])]
    offline: bool,
    /// Name of the copy, such as whom it is for; another name, other answers
    #[arg(long, requires = "offline", default_value = "1", value_name = "NAME")]
    copy_name: String,
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
            _ if self.offline => Ok(LicenseDraw::offline(universe.root(), &self.copy_name)),
            _ => Err(fail(
                "no license is named",
                "give --license FILE, both seeds, or --offline",
                FailureKind::Failed,
            )),
        }
    }
}

/// The draw of a license file.
pub(super) async fn read(path: &Path, universe: &Universe, global: &Global) -> Result<LicenseDraw> {
    let license = global.license(path).await?;
    let chain = global.reading().await?;
    Ok(universe::license_draw(&chain, universe, &license).await?)
}
