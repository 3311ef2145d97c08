//! The host fetches its sealed copy from the owner's node; a download that was broken off goes on.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files::LicenseFile;
use crate::progress::{Progress, ProgressBar};
use oml_contracts::{LicenseId, SealedRoot};
use oml_prover::delivery::{CHUNK, CopyManifest, MANIFEST_FILE, SEALED_FILE};
use oml_prover::sealed_box::EncryptionKey;
use reqwest::header::{AUTHORIZATION, RANGE};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(20);
/// Longest silence of the owner's node in the middle of a download.
const SILENCE: Duration = Duration::from_secs(60);
/// Longest manifest that is read, of a copy of 4 TiB.
const MAX_MANIFEST: usize = 128 << 20;
/// Bytes by which a sealed chunk is longer.
const TAG: usize = 16;

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

/// Fetches the sealed copy of `license` from the owner's node at `url` into `dir`.
///
/// # Errors
/// The node can't be reached or has no such copy, the copy is sealed to another key, what comes
/// does not fit the manifest, a full disk. What is right of it stays, and the same command goes on.
pub async fn fetch(
    url: &str,
    license: &LicenseFile,
    key: &EncryptionKey,
    dir: &Path,
    progress: &dyn Progress,
) -> Result<FetchedCopy> {
    let base = format!("{}/v1/licenses/{}/copy", url.trim_end_matches('/'), license.license_id);
    let client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build();
    let client = client.hint("no HTTP client", "the cause names it", FailureKind::Network)?;
    let manifest = fetch_manifest(&client, &base, license, dir).await?;
    let token = super::sealed(manifest.download_token(key), dir)?;
    let bar = progress.bar(manifest.sealed_length(), "fetching");
    let mut at = 0;
    let good = super::sealed(
        manifest.good_chunks(dir, &mut |bytes| {
            at += bytes;
            bar.at(at);
        }),
        dir,
    )?;
    let resumed_at = at;
    let path = dir.join(SEALED_FILE);
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path)?;
    // What follows the good chunks is damaged or half of one.
    file.set_len(resumed_at)?;
    if good < manifest.chunks() {
        let request = client
            .get(format!("{base}/data"))
            .header(AUTHORIZATION, format!("Bearer {}", alloy::hex::encode(token)))
            .header(RANGE, format!("bytes={resumed_at}-"));
        let sink = Sink { manifest: &manifest, file, chunk: good, buffer: Vec::new() };
        download(request, resumed_at, sink, bar.as_ref()).await?;
    }
    bar.finish();
    super::sealed(manifest.check(dir, &mut |_| ()), dir)?;
    Ok(FetchedCopy {
        license_id: license.license_id,
        dir: dir.to_owned(),
        sealed_root: manifest.root(),
        bytes: manifest.sealed_length(),
        resumed_at,
    })
}

/// Takes what follows `resumed_at` bytes of the sealed file.
async fn download(
    request: RequestBuilder,
    resumed_at: u64,
    mut sink: Sink<'_>,
    bar: &dyn ProgressBar,
) -> Result<()> {
    let again = "run the same command again; it goes on behind what is right";
    let answer = request.send().await;
    let answer = answer.hint("the owner's node can't be reached", again, FailureKind::Network)?;
    let mut answer = refused(answer)?;
    if resumed_at > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
        return Err(fail(
            format!("{} does not send parts of a copy", answer.url()),
            "remove the sealed file and fetch it whole",
            FailureKind::Network,
        ));
    }
    let mut received = resumed_at;
    while let Some(part) =
        answer.chunk().await.hint("the download broke off", again, FailureKind::Network)?
    {
        received += part.len() as u64;
        sink.take(&part)?;
        bar.at(received);
    }
    sink.finish()
}

/// The manifest in `dir`, or the owner's. One that is there is kept: what was fetched belongs to
/// it.
async fn fetch_manifest(
    client: &Client,
    base: &str,
    license: &LicenseFile,
    dir: &Path,
) -> Result<CopyManifest> {
    if dir.join(MANIFEST_FILE).exists() {
        return super::manifest(dir, license);
    }
    let answer = client.get(format!("{base}/manifest")).send().await.hint(
        format!("{base} can't be reached"),
        "name the base URL of the owner's node",
        FailureKind::Network,
    )?;
    let mut answer = refused(answer)?;
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.hint(
        "the manifest did not come whole",
        "try again",
        FailureKind::Network,
    )? {
        if bytes.len() + part.len() > MAX_MANIFEST {
            return Err(fail(
                format!("{base} sends a manifest of more than {MAX_MANIFEST} bytes"),
                "ask the owner what it is; no copy is that large",
                FailureKind::Failed,
            ));
        }
        bytes.extend_from_slice(&part);
    }
    let fits = CopyManifest::parse(&bytes).is_some_and(|m| m.license == license.license_id);
    if !fits {
        return Err(fail(
            format!("{base} sends something that is no manifest of this license's copy"),
            "name the base URL of the owner's node",
            FailureKind::Failed,
        ));
    }
    let part = dir.join("copy.manifest.part");
    crate::files::write(&part, &bytes)?;
    std::fs::rename(&part, dir.join(MANIFEST_FILE))?;
    super::manifest(dir, license)
}

fn refused(answer: reqwest::Response) -> Result<reqwest::Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let hint = match status {
        StatusCode::NOT_FOUND => "the owner has not sealed this license's copy yet; try later",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "the manifest is of another sealing; remove the folder and fetch again"
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "try again in a while",
        _ => "ask the owner",
    };
    Err(fail(format!("{} answers {status}", answer.url()), hint, FailureKind::Network))
}

/// Writes only chunks that fit the manifest.
struct Sink<'a> {
    manifest: &'a CopyManifest,
    file: File,
    chunk: u64,
    buffer: Vec<u8>,
}

impl Sink<'_> {
    fn take(&mut self, mut part: &[u8]) -> Result<()> {
        const WHOLE: usize = CHUNK + TAG;
        while !part.is_empty() {
            let taken = part.len().min(WHOLE - self.buffer.len());
            self.buffer.extend_from_slice(&part[..taken]);
            part = &part[taken..];
            if self.buffer.len() == WHOLE {
                self.put()?;
            }
        }
        Ok(())
    }

    fn put(&mut self) -> Result<()> {
        use std::io::{Seek as _, SeekFrom};
        if !self.manifest.fits(self.chunk, &self.buffer) {
            return Err(fail(
                format!("chunk {} does not fit the manifest", self.chunk),
                "run the same command again; if it fails there again, ask the owner",
                FailureKind::Failed,
            ));
        }
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&self.buffer)?;
        self.chunk += 1;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.put()?;
        }
        self.file.sync_all()?;
        Ok(())
    }
}
