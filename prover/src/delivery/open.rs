//! The host's side: from the sealed copy and its key to a folder with a model.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use oml_contracts::CopyKey;
use zeroize::Zeroizing;

use super::CHUNK;
use super::error::DeliveryError;
use super::error::DeliveryError as E;
use super::lock::lock;
use super::manifest::{CopyManifest, SEALED_FILE, key_hash};
use super::seal::content_key;
use crate::chunk_cipher::{Chunk, ChunkCipher, TAG};
use crate::sealed_box::EncryptionKey;

/// Opens the sealed copy in `folder` and writes its files into `out`, which must not exist. They
/// are written beside it first, so that `out` is whole or not there. `report` hears how many sealed
/// bytes were read since it was last called.
///
/// # Errors
/// [`DeliveryError`]: another key, another recipient, a chunk that does not open, a name that leads
/// out of the copy, a full disk.
pub fn open_copy(
    manifest: &CopyManifest,
    folder: &Path,
    key: &CopyKey,
    host: &EncryptionKey,
    out: &Path,
    report: &mut dyn FnMut(u64),
) -> Result<(), DeliveryError> {
    if key_hash(key) != manifest.key_hash {
        return Err(E::OtherKey);
    }
    if out.exists() {
        return Err(E::Exists(out.to_owned()));
    }
    let secret = manifest.secret(host)?;
    let content = content_key(key, &secret, manifest.license, &manifest.sealed_secret);
    let path = folder.join(SEALED_FILE);
    let file = File::open(&path).map_err(E::at(&path))?;
    lock(&file, &path)?;
    let reader = ChunkReader {
        inner: file,
        cipher: ChunkCipher::new(&content, [0; 7], manifest.license.as_ref()),
        chunks: manifest.chunks(),
        sealed: Vec::with_capacity(CHUNK + TAG),
        plain: Zeroizing::new(Vec::new()),
        position: 0,
        report,
    };
    // A name that nobody gives a folder: what an opening that was broken off has left there goes.
    let mut name = std::ffi::OsString::from(".oml-opening-");
    name.push(out.file_name().unwrap_or_default());
    let part = out.with_file_name(name);
    if part.exists() {
        fs::remove_dir_all(&part).map_err(E::at(&part))?;
    }
    unpack(reader, &path, &part)?;
    fs::rename(&part, out).map_err(E::at(out))
}

fn unpack(reader: impl Read, sealed: &Path, into: &Path) -> Result<(), DeliveryError> {
    fs::create_dir_all(into).map_err(E::at(into))?;
    let mut tar = tar::Archive::new(reader);
    let mut files = 0_usize;
    for entry in tar.entries().map_err(E::inside(sealed))? {
        let mut entry = entry.map_err(E::inside(sealed))?;
        let named = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let inside = inside(&named).filter(|_| entry.header().entry_type().is_file());
        let target = into.join(inside.ok_or_else(|| E::OutsideFile(named.clone()))?);
        let mut file = create(&target).map_err(|error| match error.kind() {
            // Nothing else writes here.
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => E::OutsideFile(named),
            _ => E::at(&target)(error),
        })?;
        io::copy(&mut entry, &mut file).map_err(E::inside(sealed))?;
        file.sync_all().map_err(E::at(&target))?;
        files += 1;
    }
    if files == 0 { Err(E::Empty(sealed.to_owned())) } else { Ok(()) }
}

fn create(target: &Path) -> io::Result<File> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create_new(target)
}

/// The path if it consists of plain names.
fn inside(named: &str) -> Option<PathBuf> {
    let path = Path::new(named);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !named.is_empty()).then(|| path.to_owned())
}

/// Opens what is read through it, chunk by chunk, and gives out nothing that is not authentic.
struct ChunkReader<'a> {
    inner: File,
    cipher: ChunkCipher,
    chunks: u64,
    sealed: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    position: usize,
    report: &'a mut dyn FnMut(u64),
}

impl ChunkReader<'_> {
    fn next_chunk(&mut self) -> io::Result<()> {
        let last = u64::from(self.cipher.position()) + 1 == self.chunks;
        self.sealed.clear();
        self.inner.by_ref().take((CHUNK + TAG) as u64).read_to_end(&mut self.sealed)?;
        let chunk = if last { Chunk::Last } else { Chunk::Inner };
        self.plain = self.cipher.open(&self.sealed, chunk)?;
        self.position = 0;
        (self.report)(self.sealed.len() as u64);
        Ok(())
    }
}

impl Read for ChunkReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.plain.len() && u64::from(self.cipher.position()) < self.chunks {
            self.next_chunk()?;
        }
        let taken = buffer.len().min(self.plain.len() - self.position);
        buffer[..taken].copy_from_slice(&self.plain[self.position..self.position + taken]);
        self.position += taken;
        Ok(taken)
    }
}
