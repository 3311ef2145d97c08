//! Keys for a series: whole bundles of a universe, for whoever asks them of a host.

use super::series::{KeyBundle, KeysFile};
use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::{self, LicenseFile};
use crate::universe::{license_draw, unburned};
use oml_contracts::evidence::Log2;
use oml_contracts::hits::hits_needed;
use oml_contracts::leaf::BUNDLE;
use oml_payments::copies::{MOST_BUNDLES, bundles_for, series_threshold};
use oml_prover::fingerprint::Universe;
use rand::seq::SliceRandom as _;
use std::path::PathBuf;

/// Which keys are taken out of a universe, and for whom.
#[derive(Clone, Debug)]
pub struct TakeKeys {
    /// License of the host that is suspected.
    pub license: LicenseFile,
    /// License of the copy that it may serve: another host's, of the universe's model.
    pub copy: LicenseFile,
    /// Bundles of 16 keys; as few as convict at the hit rate if none are named.
    pub bundles: Option<u32>,
    /// Part of the copy's answers that the host is thought to give.
    pub hit_rate: f64,
    /// File to which the keys are written; secret until the proof.
    pub out: PathBuf,
}

/// Keys that were taken.
#[derive(Clone, Copy, Debug)]
pub struct TakenKeys {
    /// How many keys were taken.
    pub keys: u32,
    /// Hits that convict; none if not even all of them would.
    pub hits_needed: Option<u32>,
    /// What the evidence has to reach.
    pub threshold: Log2,
}

/// Takes random bundles that no round and no proof has burned, and writes them to a secret file.
///
/// # Errors
/// Another universe than the committed one, a copy whose seed is not drawn, too few bundles, or a
/// hit rate at which no series convicts.
pub async fn take_keys(chain: &Chain, universe: &Universe, order: &TakeKeys) -> Result<TakenKeys> {
    // Checks that the universe is the committed one, and that the copy has its seed.
    license_draw(chain, universe, &order.copy).await?;
    let personal = universe.parts().personal();
    let evidence = &order.license.terms.evidence();
    let bundles = match order.bundles {
        Some(bundles) => bundles,
        None => bundles_for(evidence, personal, order.hit_rate)?.ok_or_else(|| {
            fail(
                format!(
                    "no series of at most {MOST_BUNDLES} bundles convicts at a hit rate of {}",
                    order.hit_rate
                ),
                "only a sealed round (`oml round`) can show this copy; or say how many --bundles to ask",
                FailureKind::Failed,
            )
        })?,
    };
    let chosen = choose(chain, universe, bundles).await?;
    let bundles: Vec<KeyBundle> =
        chosen.iter().map(|bundle| key_bundle(universe, *bundle)).collect::<Result<_>>()?;
    let keys = u32::try_from(bundles.len() * BUNDLE).unwrap_or(u32::MAX);
    let threshold = series_threshold(evidence, personal, keys / 16);
    let hits_needed = hits_needed(evidence, threshold, keys)?;
    let file = KeysFile { license: order.license.clone(), copy: order.copy.clone(), bundles };
    files::write_secret(&order.out, &serde_json::to_vec_pretty(&file)?)?;
    Ok(TakenKeys { keys, hits_needed, threshold })
}

/// Random personal bundles that no round and no proof has burned.
async fn choose(chain: &Chain, universe: &Universe, count: u32) -> Result<Vec<u32>> {
    let mut left = unburned(chain, universe).await?;
    if left.len() < count as usize {
        return Err(fail(
            format!("only {} personal bundles are left, {count} were asked for", left.len()),
            "ask for fewer --bundles, or commit another universe (`oml fingerprint generate --epoch`)",
            FailureKind::Failed,
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
        keys: entries.map(|entry| entry.key.prompt_text()).collect(),
    })
}
