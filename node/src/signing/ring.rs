//! The serving keys that this host holds, and the one that signs now.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k256::ecdsa::SigningKey;
use oml_contracts::{EthAddress, LicenseId, ReceiptNumber, ServingKeys};
use tokio::sync::Mutex;

use super::error::HistoryError;
use super::files::{BootMarks, HistoryPlace};
use super::history::SigningHistory;
use super::record::NumberedKey;
use crate::chain::load_key_bytes;
use crate::clock::unix_micros;
use crate::config::{ConfigError, GatewayConfig, HostConfig, PrivateKeySource};
use crate::tasks::Tasks;

/// Pause before a key that was not usable is looked for again.
const PAUSE: Duration = Duration::from_secs(2);
/// Ending of key files in a key directory.
const KEY_FILE: &str = "key";

/// Why no receipt can be signed at present.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSigner {
    /// The license's newest key is revoked.
    #[error(
        "the license has no serving key: the newest one is revoked; name the next with \
         `oml host keys rotate`"
    )]
    NoCurrentKey,
    /// The key of the current epoch is not here.
    #[error(
        "the license's serving key of epoch {epoch} is {signer}, and none of the keys here is that \
         ({held}); put its file into serving_key_dir, which is read again without a restart"
    )]
    NotHeld {
        /// The current epoch.
        epoch: u32,
        /// Account of its key.
        signer: EthAddress,
        /// The keys that are here.
        held: String,
    },
    /// A key can't be read.
    #[error(transparent)]
    Key(#[from] ConfigError),
    /// The key directory can't be read.
    #[error("serving_key_dir {}: {source}", path.display())]
    Folder {
        /// The configured key directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its numbers are not safe.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The task that looked for it ended.
    #[error("the search for the serving key was stopped")]
    Stopped,
}

/// Where keys and histories are.
#[derive(Debug, Clone)]
pub(crate) struct RingConfig {
    license: LicenseId,
    key: Option<PrivateKeySource>,
    key_dir: Option<PathBuf>,
    histories: PathBuf,
    marks: BootMarks,
}

impl RingConfig {
    /// Of a gateway.
    ///
    /// # Errors
    /// [`HistoryError::NoMarksPlace`].
    pub(crate) fn of(host: &HostConfig, gateway: &GatewayConfig) -> Result<Self, HistoryError> {
        Ok(Self {
            license: gateway.license,
            key: gateway.serving_key.clone(),
            key_dir: gateway.serving_key_dir.clone(),
            histories: host.signing_history.clone(),
            marks: BootMarks::of(host)?,
        })
    }

    /// Every key that is here, by account.
    fn held(&self) -> Result<Vec<(EthAddress, SigningKey)>, NoSigner> {
        let mut held = Vec::new();
        if let Some(source) = &self.key {
            held.push(load(source)?);
        }
        for path in self.key_files()? {
            let source =
                PrivateKeySource { private_key_file: Some(path), ..PrivateKeySource::default() };
            held.push(load(&source)?);
        }
        Ok(held)
    }

    fn key_files(&self) -> Result<Vec<PathBuf>, NoSigner> {
        let Some(folder) = &self.key_dir else { return Ok(Vec::new()) };
        let failed = |source| NoSigner::Folder { path: folder.clone(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == KEY_FILE) {
                files.push(path);
            }
        }
        Ok(files)
    }

    /// The key of the current epoch with its history, locked for this process.
    fn open(&self, keys: &ServingKeys, floor: u64) -> Result<EpochSigner, NoSigner> {
        let (epoch, named) = keys.current().ok_or(NoSigner::NoCurrentKey)?;
        let held = self.held()?;
        let Some((_, key)) = held.iter().find(|(account, _)| *account == named.signer) else {
            let accounts: Vec<String> =
                held.iter().map(|(account, _)| account.to_string()).collect();
            let held = if accounts.is_empty() { "none".to_owned() } else { accounts.join(", ") };
            return Err(NoSigner::NotHeld { epoch, signer: named.signer, held });
        };
        let numbered =
            NumberedKey { license: self.license, key_epoch: epoch, signer: named.signer };
        let place = HistoryPlace::of(&self.histories, &self.marks, &numbered);
        let history = SigningHistory::open(place, numbered, floor)?;
        Ok(EpochSigner { epoch, key: key.clone(), history: Arc::new(Mutex::new(history)) })
    }
}

fn load(source: &PrivateKeySource) -> Result<(EthAddress, SigningKey), NoSigner> {
    let bytes = load_key_bytes(source)?;
    let key = SigningKey::from_slice(bytes.as_slice()).map_err(|cause| ConfigError::Key {
        key: "serving_key".to_owned(),
        source: format!("not a private key: {cause}").into(),
    })?;
    Ok((EthAddress::of_key(key.verifying_key()), key))
}

/// Name of a key's file in a key directory.
#[must_use]
pub fn key_file_name(signer: EthAddress) -> PathBuf {
    Path::new(&signer.to_string()).with_extension(KEY_FILE)
}

/// The key of one epoch and its numbers. Requests that were admitted under it hold it until their
/// receipts are signed, so a rotation takes it from nobody.
#[derive(Debug)]
pub(crate) struct EpochSigner {
    epoch: u32,
    key: SigningKey,
    history: Arc<Mutex<SigningHistory>>,
}

impl EpochSigner {
    /// The private key that signs this epoch's receipts.
    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// A number for one receipt, never given before.
    ///
    /// # Errors
    /// [`NoSigner`] if it can't be reserved.
    pub(crate) async fn number(&self, tasks: &Tasks) -> Result<ReceiptNumber, NoSigner> {
        let mut history = Arc::clone(&self.history).lock_owned().await;
        let seq = if history.is_exhausted() {
            // A reservation waits for the disk.
            let reserving = tasks.spawn_blocking("signing history", move || history.give());
            reserving.await.map_err(|_| NoSigner::Stopped)??
        } else {
            history.give()?
        };
        Ok(ReceiptNumber { key_epoch: self.epoch, seq })
    }
}

/// What was found last.
#[derive(Debug, Default)]
enum Found {
    #[default]
    Nothing,
    Signer(Arc<EpochSigner>),
    Failure(Instant, Option<u32>, Arc<NoSigner>),
}

/// The keys of one license. Follows the chain: the first request after a rotation finds the key of
/// the new epoch.
#[derive(Debug)]
pub(crate) struct KeyRing {
    config: RingConfig,
    tasks: Tasks,
    found: Mutex<Found>,
}

impl KeyRing {
    /// A ring that has looked for nothing yet.
    #[must_use]
    pub(crate) fn new(config: RingConfig, tasks: Tasks) -> Self {
        Self { config, tasks, found: Mutex::default() }
    }

    /// Who signs receipts of requests that are admitted at chain time `now`, given the license's
    /// keys on chain. The key before is let go of, and with it its lock.
    ///
    /// # Errors
    /// [`NoSigner`]; it is looked for again after a pause, or at once for another epoch.
    pub(crate) async fn signer(
        &self,
        keys: &ServingKeys,
        now: u64,
    ) -> Result<Arc<EpochSigner>, Arc<NoSigner>> {
        let epoch = keys.current().map(|(epoch, _)| epoch);
        let mut found = self.found.lock().await;
        match &*found {
            Found::Signer(signer) if Some(signer.epoch) == epoch => return Ok(Arc::clone(signer)),
            Found::Failure(at, of, why) if *of == epoch && at.elapsed() < PAUSE => {
                return Err(Arc::clone(why));
            }
            _ => {}
        }
        let (config, keys) = (self.config.clone(), keys.clone());
        // The later of two clocks, so that one that was set back does no harm.
        let floor = unix_micros().max(now.saturating_mul(1_000_000));
        let opening = self.tasks.spawn_blocking("serving key", move || config.open(&keys, floor));
        match opening.await.map_err(|_| NoSigner::Stopped).flatten() {
            Ok(signer) => {
                tracing::info!(
                    license = %self.config.license, epoch = signer.epoch, "signs receipts"
                );
                let signer = Arc::new(signer);
                *found = Found::Signer(Arc::clone(&signer));
                Ok(signer)
            }
            Err(why) => {
                let known = matches!(&*found, Found::Failure(_, of, _) if *of == epoch);
                if !known {
                    tracing::error!(license = %self.config.license, "signs no receipts: {why}");
                }
                let why = Arc::new(why);
                *found = Found::Failure(Instant::now(), epoch, Arc::clone(&why));
                Err(why)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::ServingKey;

    struct World {
        folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("keys")).unwrap();
            Self { folder }
        }

        fn ring(&self, tasks: &Tasks) -> KeyRing {
            let at = |name| self.folder.path().join(name);
            let config = RingConfig {
                license: LicenseId::new([1; 32]),
                key: None,
                key_dir: Some(at("keys")),
                histories: at("histories"),
                marks: BootMarks::new(at("marks")),
            };
            KeyRing::new(config, tasks.clone())
        }

        fn add(&self, byte: u8) -> EthAddress {
            let bytes = [byte; 32];
            let account = address_of_key(&bytes).unwrap();
            let path = self.folder.path().join("keys").join(key_file_name(account));
            std::fs::write(&path, hex::encode(bytes)).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
            account
        }
    }

    fn address_of_key(bytes: &[u8; 32]) -> Option<EthAddress> {
        let key = SigningKey::from_slice(bytes).ok()?;
        Some(EthAddress::of_key(key.verifying_key()))
    }

    fn named(signer: EthAddress, from: u64) -> ServingKey {
        ServingKey { signer, from, until: None, revoked: false }
    }

    #[tokio::test]
    async fn a_rotation_is_followed_without_a_restart() {
        let (world, tasks) = (World::new(), Tasks::new());
        let first = world.add(1);
        let ring = world.ring(&tasks);
        let keys = ServingKeys::new(vec![named(first, 0)]);
        let before = ring.signer(&keys, 0).await.unwrap();
        let number = before.number(&tasks).await.unwrap();
        assert_eq!(number.key_epoch, 0);

        let second = address_of_key(&[2; 32]).unwrap();
        let keys = ServingKeys::new(vec![named(first, 0), named(second, 5)]);
        let missing = ring.signer(&keys, 0).await.unwrap_err();
        assert!(matches!(*missing, NoSigner::NotHeld { epoch: 1, .. }), "{missing}");
        let text = missing.to_string();
        assert!(text.contains(&second.to_string()) && text.contains(&first.to_string()), "{text}");
        // Requests that run still get their receipts.
        assert!(before.number(&tasks).await.unwrap() > number);

        world.add(2);
        let pause = PAUSE + Duration::from_millis(50);
        tokio::time::sleep(pause).await;
        let after = ring.signer(&keys, 0).await.unwrap();
        assert_eq!(after.number(&tasks).await.unwrap().key_epoch, 1);
        assert_eq!(EthAddress::of_key(after.key().verifying_key()), second);
    }

    #[tokio::test]
    async fn a_revoked_key_signs_nothing_and_the_same_account_may_be_named_again() {
        let (world, tasks) = (World::new(), Tasks::new());
        let account = world.add(1);
        let ring = world.ring(&tasks);
        let revoked = ServingKey { until: Some(9), revoked: true, ..named(account, 0) };
        let keys = ServingKeys::new(vec![revoked]);
        let missing = ring.signer(&keys, 0).await.unwrap_err();
        assert!(matches!(*missing, NoSigner::NoCurrentKey), "{missing}");
        let keys = ServingKeys::new(vec![revoked, named(account, 10)]);
        let signer = ring.signer(&keys, 0).await.unwrap();
        assert_eq!(signer.number(&tasks).await.unwrap().key_epoch, 1);
    }

    #[tokio::test]
    async fn many_requests_at_once_get_numbers_of_their_own() {
        let (world, tasks) = (World::new(), Tasks::new());
        let keys = ServingKeys::new(vec![named(world.add(1), 0)]);
        let signer = world.ring(&tasks).signer(&keys, 0).await.unwrap();
        let giving = (0..2_500).map(|_| {
            let (signer, tasks) = (Arc::clone(&signer), tasks.clone());
            async move { signer.number(&tasks).await.unwrap().seq }
        });
        let mut numbers = futures::future::join_all(giving).await;
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 2_500);
        // A second node on the same files stays out, and says why.
        let other = world.ring(&tasks);
        let refused = other.signer(&keys, 0).await.unwrap_err();
        assert!(refused.to_string().contains("another process"), "{refused}");
    }
}
