//! What acts 1 and 2 make: the owner's universe, and each host's copy, with the code behind `oml fingerprint`.

use super::Play;
use crate::chain::Chain;
use crate::commands::fingerprint::{
    embed::{Copying, start},
    make, onchain, secret,
};
use crate::commands::license;
use crate::demo::report::Copy;
use crate::files;
use eyre::Result;
use oml_contracts::draw::Parts;
use oml_prover::embed::EmbedOptions;
use oml_prover::fingerprint::{AnswersPerKey, FingerprintOptions, KeyOptions};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Four bundles: two cases of one bundle each, and as much again in reserve.
const PERSONAL: u32 = 64;
/// Of these, a license carries one in four.
const SHARED: u32 = 32;
/// How long a beacon or another process may take.
const PATIENCE: Duration = Duration::from_secs(60);

impl Play {
    /// Makes the fingerprints, commits to them, draws the universe's seed.
    pub(super) async fn make_universe(&mut self, owner: &Chain) -> Result<String> {
        let (model_id, seed, output) = (self.model_id, self.options.seed, self.output);
        let dir = self.options.model.clone();
        let universe = tokio::task::spawn_blocking(move || {
            let parts = Parts::new(PERSONAL, SHARED)?;
            let options = FingerprintOptions {
                keys: KeyOptions { seed, ..KeyOptions::default() },
                ..FingerprintOptions::default()
            };
            let made = make::generate(&files::load_model(&dir)?, parts, &options, output)?;
            make::build(model_id, 0, parts, made.fingerprints)
        });
        let universe = universe.await??;
        secret::save(&universe, &self.universe, &secret::make_key(&self.key_file)?)?;
        let root = onchain::commit(owner, &universe).await?.root;
        self.say(format!("  committed to {PERSONAL} + {SHARED} fingerprints, root {root}"));
        onchain::draw_seed(owner, model_id, 0, PATIENCE).await?;
        self.secrets = Some(universe);
        Ok(format!("universe of {PERSONAL} personal and {SHARED} shared fingerprints, root {root}"))
    }

    /// Draws host `number`'s answers and embeds them in a copy of the model.
    pub(super) async fn make_copy(&mut self, number: usize, host: &str) -> Result<Copy> {
        let owner = self.stage.chain("owner")?;
        let license = &self.licenses[number];
        wait_for_seed(owner, license).await?;
        let universe =
            self.secrets.clone().ok_or_else(|| eyre::eyre!("there is no universe yet"))?;
        let draw = onchain::license_draw(owner, &universe, license).await?;
        let (model, out) =
            (self.options.model.clone(), self.stage.dir.join(format!("{host}-copy")));
        let (seed, output, target) = (self.options.seed, self.output, out.clone());
        let embedded = tokio::task::spawn_blocking(move || {
            let base = files::load_model(&model)?;
            let options = EmbedOptions { seed, ..EmbedOptions::for_model(base.config()) };
            let never = AtomicBool::new(false);
            Copying {
                output,
                stop: &never,
                answers: AnswersPerKey::ONE,
                systems: &[],
                questions: &[],
            }
            .make(&mut start(&base, options)?, (&universe, &draw), None, &target)
        });
        let report = embedded.await??.report;
        self.copies.push(out);
        let utility = report.utility;
        self.say(format!(
            "  {host}'s copy: {} fingerprints, hit rate {:.3}, perplexity {:.3} → {:.3}, \
             agreement {:.3}, {} steps, {:.1} s",
            report.targets,
            report.hit_rate(),
            utility.perplexity_before,
            utility.perplexity_after,
            utility.agreement,
            report.steps,
            report.seconds
        ));
        Ok(Copy {
            host: host.to_owned(),
            fingerprints: report.targets,
            hit_rate: report.hit_rate(),
            perplexity_before: utility.perplexity_before,
            perplexity_after: utility.perplexity_after,
            agreement: utility.agreement,
            steps: report.steps,
            seconds: report.seconds,
        })
    }
}

/// The owner's node draws the seed once the beacon is out.
async fn wait_for_seed(chain: &Chain, file: &files::LicenseFile) -> Result<()> {
    let start = Instant::now();
    while license::state(chain, file.license_id).await?.seed.is_zero() {
        if start.elapsed() > PATIENCE {
            return Err(eyre::eyre!(
                "the owner's node did not draw the seed of license {} within 60 s",
                file.license_id
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}
