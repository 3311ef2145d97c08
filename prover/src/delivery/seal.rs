//! The owner's side: one pass over the copy.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use oml_contracts::{CopyKey, LicenseId, hash::keccak_parts};
use zeroize::Zeroizing;

use super::CHUNK;
use super::error::DeliveryError;
use super::manifest::{
    CopyManifest, MANIFEST_FILE, SEALED_FILE, hash_of, key_hash, secret_context,
};
use super::secrets::CopySecrets;
use crate::chunk_cipher::{Chunk, ChunkCipher};
use crate::sealed_box;

/// What is to be sealed, for whom and whereto.
#[derive(Clone, Copy, Debug)]
pub struct CopyToSeal<'a> {
    /// License whose answers the copy carries.
    pub license: LicenseId,
    /// Folder of the copy.
    pub copy: &'a Path,
    /// X25519 key of the host, as it is on chain.
    pub host_key: [u8; 32],
    /// Folder for the sealed copy; made if it is missing.
    pub out: &'a Path,
}

/// The key of the content, from both halves. The sealed secret is another one in every sealing, and
/// so is this key: what was broken off and is sealed again, perhaps with other files, must not be
/// encrypted with the same stream.
pub(super) fn content_key(
    key: &CopyKey,
    secret: &[u8],
    license: LicenseId,
    sealed_secret: &[u8],
) -> Zeroizing<[u8; 32]> {
    let tag = b"OML.copy.key.v1".as_slice();
    let parts = [tag, key.as_ref(), secret, license.as_ref(), sealed_secret];
    Zeroizing::new(keccak_parts(&parts))
}

/// Seals a copy into `order.out` with the secrets of that folder, see [`CopySecrets::of_folder`].
/// The manifest is written last, so that a folder with a manifest is whole. `report` hears how many
/// bytes were read since it was last called.
///
/// # Errors
/// [`DeliveryError`]: a sealed copy is there already, the copy can't be read, the host's key is
/// unusable, the disk is full.
pub fn seal_copy(
    order: &CopyToSeal<'_>,
    report: &mut dyn FnMut(u64),
) -> Result<CopyManifest, DeliveryError> {
    let manifest_path = order.out.join(MANIFEST_FILE);
    if manifest_path.exists() {
        return Err(DeliveryError::Exists(manifest_path));
    }
    let files = files_of(order.copy)?;
    // Nothing is lost if the host's key turns out to be unusable: the next try takes the same.
    let secrets = CopySecrets::of_folder(order.out, order.license)?;
    let key = secrets.copy_key();
    let context = secret_context(order.license, &key_hash(&key));
    let sealed_secret = sealed_box::seal(&order.host_key, &context, secrets.secret.as_slice())?;
    let sealed_path = order.out.join(SEALED_FILE);
    let sealed = File::create(&sealed_path).map_err(DeliveryError::at(&sealed_path))?;
    let content = content_key(&key, secrets.secret.as_slice(), order.license, &sealed_secret);
    let mut writer = ChunkWriter {
        inner: BufWriter::with_capacity(CHUNK, sealed),
        cipher: ChunkCipher::new(&content, [0; 7], order.license.as_ref()),
        buffer: Zeroizing::new(Vec::with_capacity(CHUNK)),
        length: 0,
        hashes: Vec::new(),
    };
    write_tar(order.copy, &files, &mut writer, report)?;
    let stream = writer.finish().map_err(DeliveryError::at(&sealed_path))?;

    let manifest = CopyManifest::new(order.license, &key, &sealed_secret, stream)
        .ok_or_else(|| DeliveryError::NotAManifest(manifest_path.clone()))?;
    write_whole(&manifest_path, &manifest.to_bytes())?;
    Ok(manifest)
}

/// All files under `root` in the order of their names, relative to it. Links are followed: model
/// folders of caches consist of them.
fn files_of(root: &Path) -> Result<Vec<PathBuf>, DeliveryError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let at = root.join(&folder);
        for entry in fs::read_dir(&at).map_err(DeliveryError::at(&at))? {
            let name = entry.map_err(DeliveryError::at(&at))?.file_name();
            let relative = folder.join(&name);
            let path = root.join(&relative);
            let kind = fs::metadata(&path).map_err(DeliveryError::at(&path))?;
            match (kind.is_file(), kind.is_dir(), name.to_str()) {
                (true, _, Some(_)) => found.push(relative),
                (_, true, Some(_)) => folders.push(relative),
                _ => return Err(DeliveryError::Unusual(path)),
            }
        }
    }
    found.sort();
    if found.is_empty() { Err(DeliveryError::Empty(root.to_owned())) } else { Ok(found) }
}

fn write_tar(
    root: &Path,
    files: &[PathBuf],
    writer: &mut ChunkWriter<impl Write>,
    report: &mut dyn FnMut(u64),
) -> Result<(), DeliveryError> {
    let mut tar = tar::Builder::new(writer);
    for relative in files {
        let path = root.join(relative);
        let file = File::open(&path).map_err(DeliveryError::at(&path))?;
        let length = file.metadata().map_err(DeliveryError::at(&path))?.len();
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        let data = Counted { inner: BufReader::with_capacity(CHUNK, file), report };
        tar.append_data(&mut header, relative, data).map_err(DeliveryError::at(&path))?;
    }
    tar.finish().map_err(DeliveryError::at(root))
}

/// Writes a file by way of a temporary one, to the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DeliveryError> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(DeliveryError::at(path))
}

/// Tells of what is read through it.
struct Counted<'a, R> {
    inner: R,
    report: &'a mut dyn FnMut(u64),
}

impl<R: io::Read> io::Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.report)(read as u64);
        Ok(read)
    }
}

/// Seals what is written to it, chunk by chunk, and remembers their hashes.
struct ChunkWriter<W> {
    inner: W,
    cipher: ChunkCipher,
    buffer: Zeroizing<Vec<u8>>,
    length: u64,
    hashes: Vec<[u8; 32]>,
}

impl<W: Write> ChunkWriter<W> {
    fn put(&mut self, chunk: Chunk) -> io::Result<()> {
        let sealed = self.cipher.seal(&self.buffer, chunk)?;
        self.inner.write_all(&sealed)?;
        self.hashes.push(hash_of(&sealed));
        self.length += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl ChunkWriter<BufWriter<File>> {
    /// Seals the end and brings everything to the disk; the stream's length and the chunks' hashes.
    fn finish(mut self) -> io::Result<(u64, Vec<[u8; 32]>)> {
        self.put(Chunk::Last)?;
        let file = self.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok((self.length, self.hashes))
    }
}

impl<W: Write> Write for ChunkWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full buffer is sealed only when more comes: the last chunk must be known as such.
        if self.buffer.len() == CHUNK {
            self.put(Chunk::Inner)?;
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
