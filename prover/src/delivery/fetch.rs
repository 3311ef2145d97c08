//! The host's side: the sealed copy, fetched from the owner's node over HTTP.
//!
//! Nothing that the other side says is believed. Every chunk is compared with the manifest before
//! it is written, nothing is read beyond the last chunk, each MiB has its time, and the manifest is
//! looked at before it is kept: whether it is of this license, small enough, and sealed to a key of
//! the host's. A download that was broken off goes on behind the chunks that are right.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use oml_contracts::{LicenseId, SealedRoot};
use reqwest::header::{AUTHORIZATION, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;

use super::error::DeliveryError;
use super::fetch_error::FetchError;
use super::lock::lock;
use super::manifest::{CopyManifest, MANIFEST_FILE, SEALED_FILE};
use super::paced::PacedBody;
use crate::sealed_box::EncryptionKey;

/// Time in which a connection must be made.
const CONNECT: Duration = Duration::from_secs(20);
/// Time that an owner's node usually gets for its answer and for each MiB of it: a line of 70
/// kbit/s is fast enough.
pub const FETCH_PATIENCE: Duration = Duration::from_secs(120);

/// What to fetch, from where, and what may come.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "keys must not get into a log")]
pub struct CopyToFetch<'a> {
    /// Base URL of the owner's node.
    pub url: &'a str,
    /// License whose copy it is.
    pub license: LicenseId,
    /// Secret keys of the host; the copy must be sealed to one of them.
    pub keys: &'a [EncryptionKey],
    /// Folder for the sealed copy.
    pub dir: &'a Path,
    /// Largest sealed file that is taken, in bytes.
    pub max_bytes: u64,
    /// What the host has accepted, if it has: no other copy is fetched.
    pub root: Option<SealedRoot>,
    /// What becomes of a manifest that is in the folder already.
    pub known_manifest: KnownManifest,
    /// Time for the owner's answer and for each MiB of it.
    pub patience: Duration,
}

/// What becomes of a manifest that is in the folder already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownManifest {
    /// It is kept: what was fetched belongs to it.
    Keep,
    /// The owner is asked again: it may have sealed the copy anew since.
    Renew,
}

/// How far a fetch is, in bytes of the sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchProgress {
    /// Bytes that are right and here.
    pub at: u64,
    /// Bytes of the whole file.
    pub of: u64,
}

/// A sealed copy that was fetched and fits its manifest.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchedCopy {
    /// License that it is for.
    pub license_id: LicenseId,
    /// Where it is.
    pub dir: PathBuf,
    /// What the host accepts.
    pub sealed_root: SealedRoot,
    /// Bytes of the sealed file.
    pub bytes: u64,
    /// Bytes of it that were there before.
    pub resumed_at: u64,
}

/// Fetches a sealed copy from the owner's node, or what is missing of it, and checks all of it.
/// Nobody is asked if it is whole already. It reads and writes files without giving way to other
/// tasks, so a server runs it on a thread of its own.
///
/// # Errors
/// [`FetchError`]. What is right of the copy stays, and the same call goes on.
pub async fn fetch_copy(
    order: &CopyToFetch<'_>,
    mut report: impl FnMut(FetchProgress),
) -> Result<FetchedCopy, FetchError> {
    let path = order.dir.join(SEALED_FILE);
    fs::create_dir_all(order.dir).map_err(DeliveryError::at(order.dir))?;
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(DeliveryError::at(&path))?;
    lock(&file, &path)?;
    let node = OwnersNode::new(order)?;
    let manifest = node.manifest(order).await?;
    let token = manifest.download_token(manifest.recipient(order.keys)?)?;
    let (mut at, of) = (0, manifest.sealed_length());
    let good = manifest.good_chunks(order.dir, &mut |bytes| {
        at += bytes;
        report(FetchProgress { at, of });
    })?;
    // What follows the good chunks is damaged or half of one.
    file.set_len(at).map_err(DeliveryError::at(&path))?;
    let resumed_at = at;
    if good < manifest.chunks() {
        let sink = ChunkSink { manifest: &manifest, file, path, at, chunk: good, part: Vec::new() };
        node.download(&token, sink, report).await?;
    }
    checked_manifest(order.dir, order.license, order.keys, &mut |_| ())?;
    Ok(FetchedCopy {
        license_id: order.license,
        dir: order.dir.to_owned(),
        sealed_root: manifest.root(),
        bytes: of,
        resumed_at,
    })
}

/// The manifest of the sealed copy in `dir`, after everything that a host must check before it
/// accepts it: it is of `license`, its secret is sealed to one of `keys`, every byte fits.
///
/// # Errors
/// [`DeliveryError`].
pub fn checked_manifest(
    dir: &Path,
    license: LicenseId,
    keys: &[EncryptionKey],
    report: &mut dyn FnMut(FetchProgress),
) -> Result<CopyManifest, DeliveryError> {
    let manifest = CopyManifest::load(dir, license)?;
    manifest.recipient(keys)?;
    let (mut at, of) = (0, manifest.sealed_length());
    manifest.check(dir, &mut |bytes| {
        at += bytes;
        report(FetchProgress { at, of });
    })?;
    Ok(manifest)
}

/// The node that serves the copy.
struct OwnersNode {
    client: Client,
    base: String,
    patience: Duration,
}

impl OwnersNode {
    fn new(order: &CopyToFetch<'_>) -> Result<Self, FetchError> {
        let base =
            format!("{}/v1/licenses/{}/copy", order.url.trim_end_matches('/'), order.license);
        // A redirection would let the other side choose what this machine asks.
        let client = Client::builder().connect_timeout(CONNECT).redirect(Policy::none()).build();
        Ok(Self { client: client.map_err(FetchError::Client)?, base, patience: order.patience })
    }

    async fn ask(&self, url: &str, request: RequestBuilder) -> Result<PacedBody, FetchError> {
        let body = PacedBody::of(url, request.send(), self.patience).await?;
        let status = body.status();
        if status.is_success() {
            return Ok(body);
        }
        Err(FetchError::Refused { url: url.to_owned(), status: status.as_u16() })
    }

    /// The manifest in the folder, or else the owner's.
    async fn manifest(&self, order: &CopyToFetch<'_>) -> Result<CopyManifest, FetchError> {
        if let Some(kept) = known(order)? {
            admit(&kept, order)?;
            return Ok(kept);
        }
        let bytes = self.manifest_bytes(order.max_bytes).await?;
        let malformed = || FetchError::NotAManifest { url: self.base.clone() };
        let manifest = CopyManifest::parse(&bytes).ok_or_else(malformed)?;
        if manifest.license != order.license {
            return Err(malformed());
        }
        admit(&manifest, order)?;
        keep(order.dir, &bytes)?;
        Ok(manifest)
    }

    async fn manifest_bytes(&self, max_bytes: u64) -> Result<Vec<u8>, FetchError> {
        let url = format!("{}/manifest", self.base);
        let mut body = self.ask(&url, self.client.get(&url)).await?;
        let limit = CopyManifest::longest(max_bytes);
        let mut bytes = Vec::new();
        while let Some(part) = body.next().await? {
            bytes.extend_from_slice(part.as_ref());
            if let Some(found) = CopyManifest::announced_length(&bytes).filter(|n| *n > max_bytes) {
                return Err(FetchError::TooLarge { found, limit: max_bytes });
            }
            if bytes.len() > limit {
                return Err(FetchError::NotAManifest { url });
            }
        }
        Ok(bytes)
    }

    /// Takes what is missing of the sealed file.
    async fn download(
        &self,
        token: &[u8; 32],
        mut sink: ChunkSink<'_>,
        mut report: impl FnMut(FetchProgress),
    ) -> Result<(), FetchError> {
        let url = format!("{}/data", self.base);
        let bearer = format!("Bearer {}", hex::encode(token));
        let request = self.client.get(&url).header(AUTHORIZATION, bearer);
        let request = request.header(RANGE, format!("bytes={}-", sink.at));
        let mut body = self.ask(&url, request).await?;
        if sink.at > 0 && body.status() != StatusCode::PARTIAL_CONTENT {
            // It sends the copy from its beginning, or says nothing about where it begins.
            sink.start_again()?;
        }
        let of = sink.manifest.sealed_length();
        while !sink.is_whole() {
            let Some(part) = body.next().await? else {
                return Err(FetchError::Short { url, at: sink.at, of });
            };
            sink.take(part.as_ref())?;
            report(FetchProgress { at: sink.at, of });
        }
        sink.file.sync_all().map_err(DeliveryError::at(&sink.path))?;
        Ok(())
    }
}

/// The manifest in the folder, if the owner need not be asked for one.
fn known(order: &CopyToFetch<'_>) -> Result<Option<CopyManifest>, DeliveryError> {
    let there = order.dir.join(MANIFEST_FILE).exists();
    if !there || order.known_manifest == KnownManifest::Renew {
        return Ok(None);
    }
    let kept = CopyManifest::load(order.dir, order.license);
    match order.root {
        None => kept.map(Some),
        // Where it is known which one it must be, any other is replaced.
        Some(wanted) => Ok(kept.ok().filter(|kept| kept.root() == wanted)),
    }
}

/// Whether this is a copy that the host wants.
fn admit(manifest: &CopyManifest, order: &CopyToFetch<'_>) -> Result<(), FetchError> {
    let found = manifest.root();
    if let Some(wanted) = order.root.filter(|wanted| *wanted != found) {
        return Err(FetchError::OtherRoot { found, wanted });
    }
    let length = manifest.sealed_length();
    if length > order.max_bytes {
        return Err(FetchError::TooLarge { found: length, limit: order.max_bytes });
    }
    manifest.recipient(order.keys)?;
    Ok(())
}

/// Writes the manifest so that it is whole or not there.
fn keep(dir: &Path, bytes: &[u8]) -> Result<(), DeliveryError> {
    let part = dir.join("copy.manifest.part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, dir.join(MANIFEST_FILE))
    };
    write().map_err(DeliveryError::at(&part))
}

/// Writes only chunks that fit the manifest.
struct ChunkSink<'a> {
    manifest: &'a CopyManifest,
    file: File,
    path: PathBuf,
    /// Bytes that are written, all of them right.
    at: u64,
    chunk: u64,
    part: Vec<u8>,
}

impl ChunkSink<'_> {
    fn is_whole(&self) -> bool {
        self.chunk == self.manifest.chunks()
    }

    fn start_again(&mut self) -> Result<(), DeliveryError> {
        (self.at, self.chunk) = (0, 0);
        self.file.set_len(0).map_err(DeliveryError::at(&self.path))
    }

    /// Takes bytes; what comes behind the last chunk is left alone.
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), FetchError> {
        while !bytes.is_empty() && !self.is_whole() {
            let whole = self.manifest.chunk_length(self.chunk);
            let taken = bytes.len().min(whole - self.part.len());
            self.part.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.part.len() == whole {
                self.put()?;
            }
        }
        Ok(())
    }

    fn put(&mut self) -> Result<(), FetchError> {
        if !self.manifest.fits(self.chunk, &self.part) {
            return Err(FetchError::Misfit { chunk: self.chunk });
        }
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(self.at))?;
            file.write_all(&self.part)
        };
        write(&mut self.file).map_err(DeliveryError::at(&self.path))?;
        self.at += self.part.len() as u64;
        self.chunk += 1;
        self.part.clear();
        Ok(())
    }
}
