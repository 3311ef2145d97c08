//! What acts 1 and 2 make: the owner's universe, and each host's copy.

use super::Play;
use crate::chain::Chain;
use crate::commands::license;
use crate::contracts::LicenseRegistry;
use crate::demo::report::Copy;
use crate::files;
use alloy::primitives::U256;
use eyre::{Result, ensure};
use oml_contracts::draw::Parts;
use oml_contracts::{ModelId, Root, Seed};
use oml_prover::embed::{EmbedOptions, EmbedReport, embed};
use oml_prover::fingerprint::{
    FingerprintOptions, KeyOptions, LicenseDraw, Universe, UniverseSecret, generate_fingerprints,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// Four bundles: two cases of one bundle each, and as much again in reserve.
const PERSONAL: u32 = 64;
/// Of these, a license carries one in four.
const SHARED: u32 = 32;

impl Play {
    /// Makes the fingerprints, commits to them, draws the universe's seed.
    pub(super) async fn make_universe(&mut self, owner: &Chain) -> Result<String> {
        let (model_id, seed, dir) = (self.model_id, self.options.seed, self.model_dir.clone());
        let bar = self.output.bar(u64::from(PERSONAL + SHARED), "  fingerprints");
        let progress = bar.clone();
        let universe = tokio::task::spawn_blocking(move || {
            make(model_id, seed, &dir, &mut |done| progress.set_position(done as u64))
        });
        let universe = universe.await??;
        bar.finish_and_clear();
        let secret = Zeroizing::new(rand::random::<[u8; 32]>());
        files::write_secret(&self.key_file, hex::encode(secret.as_slice()).as_bytes())?;
        let folder = self.universe.join("universe-0");
        std::fs::create_dir_all(&folder)?;
        universe.save(&folder.join("universe.oml"), &UniverseSecret::Raw(secret))?;
        let call = LicenseRegistry::commitUniverseCall {
            modelId: model_id.into(),
            root: universe.root().into(),
            personalCount: PERSONAL,
            sharedCount: SHARED,
        };
        owner.send("commit universe", owner.registry(), call, U256::ZERO).await?;
        self.say(format!(
            "  committed to {PERSONAL} + {SHARED} fingerprints, root {}",
            universe.root()
        ));
        draw_universe_seed(owner, model_id).await?;
        let root = universe.root();
        self.secrets = Some(universe);
        Ok(format!("universe of {PERSONAL} personal and {SHARED} shared fingerprints, root {root}"))
    }

    /// Draws host `number`'s answers and embeds them in a copy of the model.
    pub(super) async fn make_copy(&mut self, number: usize, host: &str) -> Result<Copy> {
        let owner = self.stage.chain("owner")?.clone();
        let license = self.licenses[number].clone();
        let license_seed = wait_for_seed(&owner, &license).await?;
        let (model_seed, root) = universe_seed(&owner, self.model_id).await?;
        let universe =
            self.secrets.clone().ok_or_else(|| eyre::eyre!("there is no universe yet"))?;
        ensure!(
            universe.root() == root,
            "the chain's root {root} is not the universe's {}",
            universe.root()
        );
        let draw = LicenseDraw {
            license_seed,
            model_seed,
            assignment_p: license.terms.evidence.assignment_p,
        };
        let (model, out) =
            (self.options.model.clone(), self.stage.dir.join(format!("{host}-copy")));
        let (seed, target) = (self.options.seed, out.clone());
        let bar = self.output.bar(1, &format!("  {host}'s copy"));
        let progress = bar.clone();
        let report = tokio::task::spawn_blocking(move || {
            embed_copy(&model, &universe, &draw, seed, &target, &mut |done, most| {
                progress.set_length(most as u64);
                progress.set_position(done as u64);
            })
        });
        let report = report.await??;
        bar.finish_and_clear();
        self.copies.push(out);
        let utility = report.utility;
        self.say(format!(
            "  {host}'s copy: {} fingerprints, hit rate {:.3}, perplexity {:.3} → {:.3}, agreement {:.3}, {} steps, {:.1} s",
            report.targets, report.hit_rate(), utility.perplexity_before, utility.perplexity_after,
            utility.agreement, report.steps, report.seconds
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

fn make(
    model_id: ModelId,
    seed: u64,
    dir: &std::path::Path,
    progress: &mut dyn FnMut(usize),
) -> Result<Universe> {
    let model = files::load_model(&dir.display().to_string())?;
    let options = FingerprintOptions {
        keys: KeyOptions { seed, ..KeyOptions::default() },
        ..FingerprintOptions::default()
    };
    let count = usize::try_from(PERSONAL + SHARED)?;
    let made = generate_fingerprints(&model, count, &options, &mut |done, _| {
        progress(done);
        ControlFlow::Continue(())
    })?;
    let mut rng = StdRng::from_os_rng();
    let parts = Parts::new(PERSONAL, SHARED)?;
    Ok(Universe::build(model_id, 0, parts, made.fingerprints, &mut rng)?)
}

fn embed_copy(
    model: &str,
    universe: &Universe,
    draw: &LicenseDraw,
    seed: u64,
    out: &Path,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<EmbedReport> {
    let base = files::load_model(model)?;
    let targets: Vec<_> =
        universe.answers(draw).map(|answer| answer.target(base.tokenizer())).collect();
    let options = EmbedOptions { seed, ..EmbedOptions::for_model(base.config()) };
    let (copy, report) = embed(&base, &targets, &options, &mut |at| {
        progress(at.step, at.max_steps);
        ControlFlow::Continue(())
    })?;
    copy.save(out)?;
    Ok(report)
}

/// Waits for the beacon and draws; anyone could.
async fn draw_universe_seed(owner: &Chain, model: ModelId) -> Result<()> {
    for _ in 0..100 {
        if universe_seed(owner, model).await?.0 != Seed::ZERO {
            return Ok(());
        }
        let call = LicenseRegistry::drawUniverseSeedCall { modelId: model.into(), epoch: 0 };
        if owner.send("draw universe seed", owner.registry(), call, U256::ZERO).await.is_err() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    Err(eyre::eyre!("the beacon did not give the universe's seed within 30 s"))
}

async fn universe_seed(chain: &Chain, model: ModelId) -> Result<(Seed, Root)> {
    let call = LicenseRegistry::universeCall { modelId: model.into(), epoch: 0 };
    let universe = chain.read(chain.registry(), call).await?;
    Ok((universe.seed.into(), universe.root.into()))
}

/// The owner's node draws the seed once the beacon is out.
async fn wait_for_seed(chain: &Chain, file: &files::LicenseFile) -> Result<Seed> {
    for _ in 0..200 {
        let seed: Seed = license::state(chain, file.license_id).await?.seed.into();
        if seed != Seed::ZERO {
            return Ok(seed);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Err(eyre::eyre!(
        "the owner's node did not draw the seed of license {} within 60 s",
        file.license_id
    ))
}
