//! The rounds secret, from which an owner's words follow: accounts that seal, and salts.
//!
//! Nothing else has to be kept: a lost database costs no word, since the chain shows which have
//! sealed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hkdf::Hkdf;
use k256::ecdsa::SigningKey;
use oml_contracts::round::{CaseWords, WordIndex, round_id, round_word};
use oml_contracts::{EthAddress, LicenseId, RoundId, Salt};
use sha2::Sha256;
use zeroize::Zeroizing;

use oml_prover::sealed_box::{SealError, random_bytes};

const DOMAIN: &[u8] = b"OML.rounds.v1";

/// What the words of all licenses of an owner follow from. Zeroed on drop; never printed.
#[derive(Clone)]
pub struct RoundSecret(Zeroizing<[u8; 32]>);

/// A file that is no rounds secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It can't be read.
    #[error("rounds secret {}", path.display())]
    Io {
        /// Path that was given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("rounds secret {} can be read by others (mode {mode:o}); run chmod 600", path.display())]
    Mode {
        /// Path that was given.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something else than 32 bytes in hex.
    #[error("rounds secret {}: expected 64 hex digits, got {digits}", path.display())]
    Format {
        /// Path that was given.
        path: PathBuf,
        /// How many signs it has.
        digits: usize,
    },
}

impl std::fmt::Debug for RoundSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoundSecret")
    }
}

impl RoundSecret {
    /// Takes 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh one.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self(random_bytes()?))
    }

    /// 64 hex digits, for a file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Reads a file that only its owner can read.
    ///
    /// # Errors
    /// [`SecretFileError`].
    pub fn load(path: &Path) -> Result<Self, SecretFileError> {
        let io = |source| SecretFileError::Io { path: path.to_owned(), source };
        refuse_readable(path)?;
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| {
            SecretFileError::Format { path: path.to_owned(), digits: digits.chars().count() }
        })?;
        Ok(Self(bytes))
    }

    /// Key of the account that seals a round of a license.
    #[must_use]
    pub fn account(&self, license: LicenseId, index: WordIndex) -> SigningKey {
        // One in 2^128 outputs is no key; the next one is then taken.
        (0_u8..=u8::MAX)
            .find_map(|n| {
                let bytes = self.derive(license, index, &[b'a', n]);
                SigningKey::from_slice(bytes.as_slice()).ok()
            })
            .unwrap_or_else(|| unreachable!("256 outputs of HKDF in a row are no key"))
    }

    /// Salt of a word.
    #[must_use]
    pub fn word_salt(&self, license: LicenseId, index: WordIndex) -> Salt {
        Salt::new(*self.derive(license, index, b"word"))
    }

    /// Salt with which a round commits to its deployment.
    #[must_use]
    pub fn deployment_salt(&self, license: LicenseId, index: WordIndex) -> Salt {
        Salt::new(*self.derive(license, index, b"deployment"))
    }

    fn derive(&self, license: LicenseId, index: WordIndex, what: &[u8]) -> Zeroizing<[u8; 32]> {
        let kdf = Hkdf::<Sha256>::new(Some(DOMAIN), self.0.as_slice());
        let info = [license.as_bytes().as_slice(), &[index.get()], what].concat();
        let mut out = Zeroizing::new([0; 32]);
        // 32 bytes are one block of SHA-256, which HKDF always gives.
        if kdf.expand(&info, out.as_mut_slice()).is_err() {
            unreachable!("HKDF gives 32 bytes");
        }
        out
    }
}

#[cfg(unix)]
fn refuse_readable(path: &Path) -> Result<(), SecretFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path)
        .map_err(|source| SecretFileError::Io { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(SecretFileError::Mode { path: path.to_owned(), mode })
}

#[cfg(not(unix))]
fn refuse_readable(_: &Path) -> Result<(), SecretFileError> {
    Ok(())
}

/// The words of one license, and the rounds that they seal.
#[derive(Debug, Clone)]
pub struct LicenseWords {
    license: LicenseId,
    words: CaseWords,
    accounts: Vec<EthAddress>,
    places: HashMap<RoundId, WordIndex>,
}

impl LicenseWords {
    /// Derives them; about ten milliseconds.
    #[must_use]
    pub fn new(secret: &RoundSecret, license: LicenseId) -> Self {
        let account = |index| EthAddress::of_key(secret.account(license, index).verifying_key());
        let accounts: Vec<EthAddress> = WordIndex::all().map(account).collect();
        let listed: Vec<_> = WordIndex::all()
            .zip(&accounts)
            .map(|(index, account)| {
                round_word(license, index, *account, &secret.word_salt(license, index))
            })
            .collect();
        let places = WordIndex::all()
            .zip(listed.iter().zip(&accounts))
            .map(|(index, (word, account))| (round_id(*word, *account), index))
            .collect();
        let words = CaseWords::new(&listed)
            .unwrap_or_else(|error| unreachable!("one word for each index: {error}"));
        Self { license, words, accounts, places }
    }

    /// Whose words they are.
    #[must_use]
    pub const fn license(&self) -> LicenseId {
        self.license
    }

    /// The words as a tree.
    #[must_use]
    pub const fn words(&self) -> &CaseWords {
        &self.words
    }

    /// Account that seals with a word.
    #[must_use]
    pub fn account(&self, index: WordIndex) -> EthAddress {
        self.accounts[usize::from(index.get())]
    }

    /// The round that a word seals.
    #[must_use]
    pub fn round(&self, index: WordIndex) -> RoundId {
        round_id(self.words.word(index), self.account(index))
    }

    /// The word that seals a round, if it is one of these.
    #[must_use]
    pub fn index_of(&self, round: RoundId) -> Option<WordIndex> {
        self.places.get(&round).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LICENSE: LicenseId = LicenseId::new([5; 32]);

    #[test]
    fn words_follow_from_the_secret_alone() {
        let words = LicenseWords::new(&RoundSecret::new([1; 32]), LICENSE);
        let again = LicenseWords::new(&RoundSecret::new([1; 32]), LICENSE);
        assert_eq!(words.words().root(), again.words().root());
        let other = LicenseWords::new(&RoundSecret::new([2; 32]), LICENSE);
        assert_ne!(words.words().root(), other.words().root());
        let foreign = LicenseWords::new(&RoundSecret::new([1; 32]), LicenseId::new([6; 32]));
        assert_ne!(words.words().root(), foreign.words().root());
        for index in WordIndex::all() {
            assert_eq!(words.index_of(words.round(index)), Some(index));
        }
        assert_eq!(words.index_of(other.round(WordIndex::new(0).unwrap())), None);
    }

    #[test]
    fn nothing_that_is_derived_is_used_twice() {
        let secret = RoundSecret::new([3; 32]);
        let mut seen = std::collections::HashSet::new();
        for index in WordIndex::all() {
            assert!(seen.insert(*secret.word_salt(LICENSE, index).as_bytes()));
            assert!(seen.insert(*secret.deployment_salt(LICENSE, index).as_bytes()));
            let key: [u8; 32] = secret.account(LICENSE, index).to_bytes().into();
            assert!(seen.insert(key));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rounds.key");
        std::fs::write(&path, RoundSecret::new([7; 32]).to_hex().as_str()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(RoundSecret::load(&path), Err(SecretFileError::Mode { mode: 0o644, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(RoundSecret::load(&path).unwrap().to_hex().as_str(), "07".repeat(32));
        std::fs::write(&path, "zz").unwrap();
        let error = RoundSecret::load(&path).unwrap_err();
        assert!(matches!(error, SecretFileError::Format { digits: 2, .. }), "{error}");
    }
}
