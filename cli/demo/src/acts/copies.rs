//! What acts 1 and 2 make: the owner's universe, and each host's copy.

use crate::play::Play;
use crate::report::DemoCopy;
use eyre::{Result, eyre};
use oml_client::copy::{CopyMaker, CopyOrder, float_of_copies, start};
use oml_client::files::LicenseFile;
use oml_client::{Chain, delivery, license, local_model, universe};
use oml_contracts::draw::Parts;
use oml_prover::embed::{EmbedOptions, EmbedReport};
use oml_prover::fingerprint::{AnswersPerKey, FingerprintOptions, KeyOptions};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
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
        let (model_id, options) = (self.model_id, self.options.clone());
        let progress = Arc::clone(&self.progress);
        let made = tokio::task::spawn_blocking(move || {
            let parts = Parts::new(PERSONAL, SHARED)?;
            let keys = KeyOptions { seed: options.seed, ..KeyOptions::default() };
            let made = universe::generate(
                &local_model::load(&options.model, &options.load)?,
                parts,
                &FingerprintOptions { keys, ..FingerprintOptions::default() },
                progress.as_ref(),
            )?;
            eyre::Ok(universe::build(model_id, 0, parts, made.fingerprints)?)
        });
        let universe = made.await??;
        let key = universe::make_key(&self.key_file)?;
        universe::save(&universe, &self.universe, &key)?;
        let root = universe::commit(owner, &universe).await?.root;
        self.say(format!("  committed to {PERSONAL} + {SHARED} fingerprints, root {root}"));
        universe::draw_seed(owner, model_id, 0, PATIENCE).await?;
        self.secrets = Some(universe);
        Ok(format!("universe of {PERSONAL} personal and {SHARED} shared fingerprints, root {root}"))
    }

    /// Draws host `number`'s answers and embeds them in a copy of the model.
    pub(super) async fn make_copy(&mut self, number: usize, host: &str) -> Result<DemoCopy> {
        let owner = self.stage.chain("owner")?;
        let license = &self.licenses[number];
        wait_for_seed(owner, license).await?;
        let universe = self.secrets.clone().ok_or_else(|| eyre!("there is no universe yet"))?;
        let draw = universe::license_draw(owner, &universe, license).await?;
        let out = self.stage.dir.join(format!("{host}-made"));
        let (options, target) = (self.options.clone(), out.clone());
        let progress = Arc::clone(&self.progress);
        let embedded = tokio::task::spawn_blocking(move || {
            let base = local_model::load(&options.model, &options.load)?;
            let seeded =
                EmbedOptions { seed: options.seed, ..EmbedOptions::for_model(base.config()) };
            let never = AtomicBool::new(false);
            let maker = CopyMaker {
                progress: progress.as_ref(),
                stop: &never,
                answers: AnswersPerKey::ONE,
                systems: &[],
                questions: &[],
            };
            let float = float_of_copies(&local_model::locate(&options.model)?)?;
            let (universe, draw, out) = (&universe, &draw, &target);
            let order = CopyOrder { universe, draw, before: None, float, out };
            maker.make(&mut start(&base, seeded, float)?, &order)
        });
        let report = embedded.await??.report;
        let copy = DemoCopy::of(host, &report);
        self.say(format!("  {copy}"));
        self.deliver_copy(number, host, &out).await?;
        Ok(copy)
    }

    /// The owner seals the copy that it made; the host fetches and accepts it; the owner's node
    /// delivers the key; the host opens the copy.
    async fn deliver_copy(&mut self, number: usize, host: &str, made: &Path) -> Result<()> {
        let (owner, chain) = (self.stage.chain("owner")?, self.stage.chain(host)?);
        let (license, progress) = (&self.licenses[number], self.progress.as_ref());
        let place = self.stage.sealed_copies().join(license.license_id.to_string());
        delivery::seal(owner, license, made, &place, progress).await?;
        let key = delivery::load_encryption_key(&self.stage.copy_key(host))?;
        let sealed = self.stage.dir.join(format!("{host}-sealed"));
        let fetched = delivery::fetch(&self.owner_url, license, &key, &sealed, progress).await?;
        delivery::accept(chain, license, &key, &sealed, progress).await?;
        let out = self.stage.dir.join(format!("{host}-copy"));
        delivery::open(chain, license, &key, (&sealed, &out), PATIENCE, progress).await?;
        std::fs::remove_dir_all(made)?;
        self.copies.push(out);
        self.say(format!(
            "  {host} accepted {} sealed bytes, got their key on chain, and opened its copy",
            fetched.bytes
        ));
        Ok(())
    }
}

impl DemoCopy {
    fn of(host: &str, report: &EmbedReport) -> Self {
        Self {
            host: host.to_owned(),
            fingerprints: report.targets,
            hit_rate: report.hit_rate(),
            perplexity_before: report.utility.perplexity_before,
            perplexity_after: report.utility.perplexity_after,
            agreement: report.utility.agreement,
            steps: report.steps,
            seconds: report.seconds,
        }
    }
}

impl fmt::Display for DemoCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}'s copy: {} fingerprints, hit rate {:.3}, perplexity {:.3} → {:.3}, \
             agreement {:.3}, {} steps, {:.1} s",
            self.host,
            self.fingerprints,
            self.hit_rate,
            self.perplexity_before,
            self.perplexity_after,
            self.agreement,
            self.steps,
            self.seconds
        )
    }
}

/// The owner's node draws the seed once the beacon is out.
async fn wait_for_seed(chain: &Chain, file: &LicenseFile) -> Result<()> {
    let start = Instant::now();
    while license::kept(chain, file.license_id).await?.seed.is_zero() {
        if start.elapsed() > PATIENCE {
            return Err(eyre!(
                "the owner's node did not draw the seed of license {} within 60 s",
                file.license_id
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(())
}
