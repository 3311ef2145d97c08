//! What a host needs to check a sealed copy before it accepts it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use oml_contracts::{CopyKey, LicenseId, SealedRoot, hash::keccak_parts};
use sha2::{Digest as _, Sha256};

use super::CHUNK;
use super::error::DeliveryError;
use crate::chunk_cipher::TAG;
use crate::sealed_box::{self, EncryptionKey, SealError};

/// Name of the manifest in its folder.
pub const MANIFEST_FILE: &str = "copy.manifest";
/// Name of the ciphertext in the same folder.
pub const SEALED_FILE: &str = "copy.sealed";

const MAGIC: [u8; 4] = *b"OMLC";
const VERSION: u16 = 1;
pub(super) const SECRET: usize = 32;
/// Version, ephemeral key, tag.
const SEALED_SECRET: usize = 1 + 32 + SECRET + TAG;
const HASHES: usize = 4 + 2 + 2 + 32 + 32 + 4 + 8 + SEALED_SECRET;
/// A manifest of 4 TiB: what a stranger may make a host read into memory.
const MAX_MANIFEST: u64 = 128 << 20;

/// Hash of a copy's key, as `LicenseRegistry.acceptCopy` takes it.
#[must_use]
pub fn key_hash(key: &CopyKey) -> [u8; 32] {
    keccak_parts(&[key.as_ref()])
}

/// A sealed copy's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyManifest {
    /// License whose answers the copy carries.
    pub license: LicenseId,
    /// Hash of the key that opens it.
    pub key_hash: [u8; 32],
    /// Bytes of the stream inside.
    pub length: u64,
    pub(super) sealed_secret: [u8; SEALED_SECRET],
    hashes: Vec<[u8; 32]>,
}

impl CopyManifest {
    pub(super) fn new(
        license: LicenseId,
        key: &CopyKey,
        sealed_secret: &[u8],
        stream: (u64, Vec<[u8; 32]>),
    ) -> Option<Self> {
        let (length, hashes) = stream;
        let sealed_secret = sealed_secret.try_into().ok()?;
        Some(Self { license, key_hash: key_hash(key), length, sealed_secret, hashes })
    }

    /// Reads the manifest in `folder`, which must be of `license`.
    ///
    /// # Errors
    /// [`DeliveryError`]: not there, not a manifest, of another license.
    pub fn load(folder: &Path, license: LicenseId) -> Result<Self, DeliveryError> {
        let path = folder.join(MANIFEST_FILE);
        let file = File::open(&path).map_err(DeliveryError::at(&path))?;
        let mut bytes = Vec::new();
        file.take(MAX_MANIFEST).read_to_end(&mut bytes).map_err(DeliveryError::at(&path))?;
        let manifest = Self::parse(&bytes).ok_or(DeliveryError::NotAManifest(path))?;
        if manifest.license == license {
            Ok(manifest)
        } else {
            Err(DeliveryError::OtherLicense { found: manifest.license, wanted: license })
        }
    }

    /// Reads a manifest; `None` if it is none of this version.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HASHES)?;
        let known = head[..4] == MAGIC
            && head[4..6] == VERSION.to_be_bytes()
            && head[6..8] == [0; 2]
            && head[72..76] == u32::try_from(CHUNK).ok()?.to_be_bytes();
        let length = u64::from_be_bytes(head[76..84].try_into().ok()?);
        let (hashes, rest) = bytes[HASHES..].as_chunks::<32>();
        let fits = rest.is_empty() && hashes.len() as u64 == chunks_of(length);
        (known && fits).then_some(Self {
            license: LicenseId::new(head[8..40].try_into().ok()?),
            key_hash: head[40..72].try_into().ok()?,
            length,
            sealed_secret: head[84..HASHES].try_into().ok()?,
            hashes: hashes.to_vec(),
        })
    }

    /// The manifest as it is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HASHES + 32 * self.hashes.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(self.license.as_ref());
        bytes.extend_from_slice(&self.key_hash);
        bytes.extend_from_slice(&(1_u32 << 20).to_be_bytes());
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.sealed_secret);
        bytes.extend(self.hashes.iter().flatten());
        bytes
    }

    /// What the host accepts on chain.
    #[must_use]
    pub fn root(&self) -> SealedRoot {
        SealedRoot::new(keccak_parts(&[b"OML.copy.v1", &self.to_bytes()]))
    }

    /// What the beginning of a manifest says about the length of the sealed file, in bytes; `None`
    /// if it is too short to say so.
    pub(super) fn announced_length(bytes: &[u8]) -> Option<u64> {
        let length = u64::from_be_bytes(bytes.get(76..84)?.try_into().ok()?);
        Some(length.saturating_add(chunks_of(length).saturating_mul(TAG as u64)))
    }

    /// Most bytes that the manifest of a sealed file of `max_bytes` can have.
    pub(super) fn longest(max_bytes: u64) -> usize {
        let hashes = chunks_of(max_bytes).saturating_mul(32);
        usize::try_from(hashes.saturating_add(HASHES as u64).min(MAX_MANIFEST)).unwrap_or(HASHES)
    }

    /// Number of chunks, at least 1.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Bytes of the sealed file.
    #[must_use]
    pub fn sealed_length(&self) -> u64 {
        self.length + self.chunks() * TAG as u64
    }

    /// Bytes of the sealed chunk with this number; 0 if there is none.
    pub(super) fn chunk_length(&self, chunk: u64) -> usize {
        let before = chunk.saturating_mul(CHUNK as u64);
        let inside = self.length.saturating_sub(before).min(CHUNK as u64);
        let there = chunk < self.chunks();
        usize::try_from(inside).ok().filter(|_| there).map_or(0, |inside| inside + TAG)
    }

    /// Whether these are the bytes of the sealed chunk with this number.
    #[must_use]
    pub fn fits(&self, chunk: u64, sealed: &[u8]) -> bool {
        let wanted = usize::try_from(chunk).ok().and_then(|at| self.hashes.get(at));
        wanted.is_some_and(|wanted| *wanted == hash_of(sealed))
    }

    /// How many whole chunks at the start of the sealed file in `folder` are right: a download goes
    /// on behind them. `report` hears of every byte that was read.
    ///
    /// # Errors
    /// [`DeliveryError::Io`]; a file that is not there has no chunks.
    pub(crate) fn good_chunks(
        &self,
        folder: &Path,
        report: &mut dyn FnMut(u64),
    ) -> Result<u64, DeliveryError> {
        let path = folder.join(SEALED_FILE);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(DeliveryError::at(&path)(error)),
        };
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        for number in 0..self.chunks() {
            chunk.clear();
            let mut part = file.by_ref().take((CHUNK + TAG) as u64);
            part.read_to_end(&mut chunk).map_err(DeliveryError::at(&path))?;
            if !self.fits(number, &chunk) {
                return Ok(number);
            }
            report(chunk.len() as u64);
        }
        Ok(self.chunks())
    }

    /// Checks the sealed file in `folder`, every byte of it.
    ///
    /// # Errors
    /// [`DeliveryError`]: of another length, damaged, can't be read.
    pub fn check(&self, folder: &Path, report: &mut dyn FnMut(u64)) -> Result<(), DeliveryError> {
        let path = folder.join(SEALED_FILE);
        let found = std::fs::metadata(&path).map_err(DeliveryError::at(&path))?.len();
        let wanted = self.sealed_length();
        if found != wanted {
            return Err(DeliveryError::Length { path, found, wanted });
        }
        let good = self.good_chunks(folder, report)?;
        if good == self.chunks() { Ok(()) } else { Err(DeliveryError::Damaged(good)) }
    }

    /// Whether the copy's secret is sealed to this key: a host looks before it accepts.
    ///
    /// # Errors
    /// [`DeliveryError::Secret`].
    pub(crate) fn check_recipient(&self, host: &EncryptionKey) -> Result<(), DeliveryError> {
        self.secret(host).map(|_| ())
    }

    /// Which of the host's keys the copy's secret is sealed to.
    ///
    /// # Errors
    /// [`DeliveryError::Secret`]: to none of them.
    pub fn recipient<'k>(
        &self,
        keys: &'k [EncryptionKey],
    ) -> Result<&'k EncryptionKey, DeliveryError> {
        let fits = |key: &&EncryptionKey| self.check_recipient(key).is_ok();
        keys.iter().find(fits).ok_or(DeliveryError::Secret(SealError::Undecryptable))
    }

    /// With it the host shows an owner's node that it may download the ciphertext.
    ///
    /// # Errors
    /// [`DeliveryError::Secret`]: the copy is sealed to another key.
    pub fn download_token(&self, host: &EncryptionKey) -> Result<[u8; 32], DeliveryError> {
        Ok(token_of(&self.secret(host)?))
    }

    pub(super) fn secret(
        &self,
        host: &EncryptionKey,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, DeliveryError> {
        let context = secret_context(self.license, &self.key_hash);
        Ok(sealed_box::open(host, &context, &self.sealed_secret)?)
    }
}

/// The token of a download, from the copy's secret.
pub(super) fn token_of(secret: &[u8]) -> [u8; 32] {
    keccak_parts(&[b"OML.copy.token.v1", secret])
}

/// What the copy's secret is bound to.
pub(super) fn secret_context(license: LicenseId, key_hash: &[u8; 32]) -> Vec<u8> {
    [b"OML.copy.v1".as_slice(), license.as_ref(), key_hash].concat()
}

pub(super) fn hash_of(sealed: &[u8]) -> [u8; 32] {
    Sha256::digest(sealed).into()
}

/// Chunks of a stream of so many bytes; an empty one has an empty chunk.
const fn chunks_of(length: u64) -> u64 {
    let chunks = length.div_ceil(CHUNK as u64);
    if chunks == 0 { 1 } else { chunks }
}
