//! `oml proof keys`: whole bundles of a universe, for whoever asks them of a host.

use super::series::{KeyBundle, KeysFile};
use crate::Global;
use crate::chain::Chain;
use crate::commands::fingerprint::onchain::{Own, license_draw};
use crate::contracts::LicenseRegistry;
use crate::error::{Exit, fail};
use crate::files::{self, LicenseFile};
use alloy::primitives::B256;
use clap::Args;
use eyre::Result;
use oml_contracts::hits::hits_needed;
use oml_contracts::leaf::BUNDLE;
use oml_payments::copies::{MOST_BUNDLES, bundles_for, series_threshold};
use oml_prover::fingerprint::Universe;
use rand::seq::SliceRandom as _;
use serde_json::json;
use std::path::PathBuf;

/// Flags of `keys`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Keys {
    /// License file of the host that is suspected
    #[arg(long, value_name = "FILE")]
    license: PathBuf,
    /// License file of the copy that it may serve: another host's, of the universe's model
    #[arg(long, value_name = "FILE")]
    copy: PathBuf,
    #[command(flatten)]
    own: Own,
    /// Bundles of 16 keys [default: as few as convict at --hit-rate]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_BUNDLES)))]
    bundles: Option<u32>,
    /// Part of the copy's answers that the host is thought to give
    #[arg(long, default_value_t = 0.8, value_name = "RATE")]
    hit_rate: f64,
    /// Where to write the keys; secret until the proof
    #[arg(long, default_value = "copy-keys.json", value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(super) async fn run(args: &Keys, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let (license, copy) = (LicenseFile::load(&args.license)?, LicenseFile::load(&args.copy)?);
    let universe = args.own.load()?;
    // Checks that the universe is the committed one, and that the copy has its seed.
    license_draw(&chain, &universe, &copy).await?;
    let personal = universe.parts().personal();
    let evidence = &license.terms.evidence;
    let bundles = match args.bundles {
        Some(bundles) => bundles,
        None => bundles_for(evidence, personal, args.hit_rate)?.ok_or_else(|| {
            fail(
                format!(
                    "no series of at most {MOST_BUNDLES} bundles convicts at a hit rate of {}",
                    args.hit_rate
                ),
                "only a report (`oml report`) can show this copy; or say how many --bundles to ask",
                Exit::Failed,
            )
        })?,
    };
    let chosen = choose(&chain, &universe, bundles).await?;
    let bundles: Vec<KeyBundle> =
        chosen.iter().map(|bundle| key_bundle(&universe, *bundle)).collect::<Result<_>>()?;
    let count = u32::try_from(bundles.len() * BUNDLE).unwrap_or(u32::MAX);
    let threshold = series_threshold(evidence, personal, count / 16);
    let needed = hits_needed(evidence, threshold, count)?;
    let file = KeysFile { license, copy, bundles };
    files::write_secret(&args.out, &serde_json::to_vec_pretty(&file)?)?;
    let data = json!({ "keys": count, "hitsNeeded": needed, "thresholdLog2": threshold.to_f64(), "file": args.out });
    let needed = needed.map_or_else(|| "no number of".to_owned(), |hits| hits.to_string());
    let path = args.out.display().to_string();
    global.output().result(&data, &path, || {
        format!(
            "wrote {path}: {count} keys, {needed} hits convict; keep it secret, then `oml proof collect --keys {path}`"
        )
    });
    Ok(())
}

/// Random personal bundles that no case and no proof has burned.
async fn choose(chain: &Chain, universe: &Universe, count: u32) -> Result<Vec<u32>> {
    let (model, epoch) = (B256::from(universe.model()), universe.epoch());
    let mut left = Vec::new();
    for bundle in 0..universe.parts().personal() / 16 {
        let call = LicenseRegistry::isBurnedCall { modelId: model, epoch, bundle };
        if !chain.read(chain.registry(), call).await? {
            left.push(bundle);
        }
    }
    if left.len() < count as usize {
        return Err(fail(
            format!("only {} personal bundles are left, {count} were asked for", left.len()),
            "ask for fewer --bundles, or commit another universe (`oml fingerprint generate --epoch`)",
            Exit::Failed,
        ));
    }
    left.shuffle(&mut rand::rng());
    left.truncate(count as usize);
    Ok(left)
}

fn key_bundle(universe: &Universe, bundle: u32) -> Result<KeyBundle> {
    let entries = universe.entries().iter().skip(bundle as usize * BUNDLE).take(BUNDLE);
    Ok(KeyBundle {
        opening: universe.open_bundle(bundle)?,
        keys: entries.map(|entry| entry.key.question()).collect(),
    })
}
