//! The encrypted stream: a header in the clear, then sealed chunks.

use std::io::{self, Read, Write};

use oml_contracts::hash::keccak_parts;
use rand::TryRngCore as _;
use zeroize::Zeroizing;

use super::super::secret::WrapKey;
use super::error::{UniverseFileError, VERSION};
use crate::chunk_cipher::{Chunk, ChunkCipher, ChunkError, TAG};

const MAGIC: [u8; 4] = *b"OMLU";
pub(super) const HEADER: usize = 4 + 2 + 1 + 1 + 4 + 4 + 16 + 7;
pub(super) const CHUNK: usize = 64 * 1024;
/// Cost of stretching a passphrase: scrypt with N = 2^17, r = 8, p = 1 takes 128 MiB.
const LOG_N: u8 = 17;
/// Bounds what a forged header can make the reader compute: 1 GiB, some seconds.
const MAX_LOG_N: u8 = 20;

/// What an error of reading says about the file: a chunk that can't be opened travels through
/// `Read` as an I/O error.
pub(super) fn unwrap_sealed(error: io::Error) -> UniverseFileError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ChunkError>()) {
        Some(ChunkError::Bad(chunk)) => UniverseFileError::Sealed { chunk: *chunk },
        _ => UniverseFileError::Io(error),
    }
}

/// The cipher of a file with this header.
fn cipher(header: &[u8; HEADER], key: &WrapKey) -> Result<ChunkCipher, UniverseFileError> {
    let salt = &header[16..32];
    let secret = match key {
        WrapKey::Raw(bytes) => bytes.clone(),
        WrapKey::Passphrase(passphrase) => stretch(passphrase, header)?,
    };
    let key = keccak_parts(&[b"OML.universe.key.v1", secret.as_slice(), salt]);
    let key = Zeroizing::new(key);
    let mut prefix = [0; 7];
    prefix.copy_from_slice(&header[32..39]);
    Ok(ChunkCipher::new(&key, prefix, header))
}

fn stretch(
    passphrase: &str,
    header: &[u8; HEADER],
) -> Result<Zeroizing<[u8; 32]>, UniverseFileError> {
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (log_n, r, p) = (header[7], number(8), number(12));
    let damaged = UniverseFileError::Kdf { log_n, r, p };
    if log_n > MAX_LOG_N || r > 16 || p > 16 {
        return Err(damaged);
    }
    let Ok(params) = scrypt::Params::new(log_n, r, p) else {
        return Err(damaged);
    };
    let mut key = Zeroizing::new([0; 32]);
    match scrypt::scrypt(passphrase.as_bytes(), &header[16..32], &params, key.as_mut_slice()) {
        Ok(()) => Ok(key),
        Err(_) => Err(damaged),
    }
}

/// Encrypts what is written to it; [`Self::finish`] seals the end.
pub(super) struct SealedWriter<W> {
    inner: W,
    cipher: ChunkCipher,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> SealedWriter<W> {
    pub(super) fn new(mut inner: W, key: &WrapKey) -> Result<Self, UniverseFileError> {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&VERSION.to_be_bytes());
        header[6] = key.kind();
        header[7] = LOG_N;
        header[8..12].copy_from_slice(&8_u32.to_be_bytes());
        header[12..16].copy_from_slice(&1_u32.to_be_bytes());
        rand::rngs::OsRng.try_fill_bytes(&mut header[16..]).map_err(io::Error::other)?;
        inner.write_all(&header)?;
        let cipher = cipher(&header, key)?;
        Ok(Self { inner, cipher, buffer: Zeroizing::new(Vec::with_capacity(CHUNK)) })
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        let sealed = self.cipher.seal(&self.buffer, Chunk::Last)?;
        self.inner.write_all(&sealed)?;
        self.inner.flush()
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full buffer is sealed only when more comes: the last chunk must be known as such.
        if self.buffer.len() == CHUNK {
            let sealed = self.cipher.seal(&self.buffer, Chunk::Inner)?;
            self.inner.write_all(&sealed)?;
            self.buffer.clear();
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Decrypts a stream, chunk by chunk, and gives out nothing that is not authentic.
pub(super) struct SealedReader<R> {
    inner: R,
    cipher: ChunkCipher,
    /// Sealed bytes read ahead: one chunk, and one byte more to see whether another follows.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    position: usize,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    pub(super) fn new(mut inner: R, key: &WrapKey) -> Result<Self, UniverseFileError> {
        let mut start = Vec::with_capacity(HEADER);
        inner.by_ref().take(HEADER as u64).read_to_end(&mut start)?;
        if !start.starts_with(&MAGIC) {
            return Err(UniverseFileError::NotAUniverse);
        }
        let Ok(header) = <[u8; HEADER]>::try_from(start) else {
            return Err(UniverseFileError::Sealed { chunk: 0 });
        };
        let version = u16::from_be_bytes([header[4], header[5]]);
        if version != VERSION {
            return Err(UniverseFileError::Version(version));
        }
        if header[6] != key.kind() {
            let needed = if header[6] == 1 { "passphrase" } else { "key file" };
            return Err(UniverseFileError::WrongKind { needed });
        }
        Ok(Self {
            inner,
            cipher: cipher(&header, key)?,
            ahead: Vec::new(),
            plain: Zeroizing::new(Vec::new()),
            position: 0,
            ended: false,
        })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let wanted = CHUNK + TAG + 1;
        let missing = wanted - self.ahead.len();
        self.inner.by_ref().take(missing as u64).read_to_end(&mut self.ahead)?;
        let last = self.ahead.len() < wanted;
        let following = if last { Vec::new() } else { self.ahead.split_off(wanted - 1) };
        let chunk = if last { Chunk::Last } else { Chunk::Inner };
        self.plain = self.cipher.open(&self.ahead, chunk)?;
        self.ahead = following;
        self.position = 0;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.plain.len() && !self.ended {
            self.next_chunk()?;
        }
        let taken = buffer.len().min(self.plain.len() - self.position);
        buffer[..taken].copy_from_slice(&self.plain[self.position..self.position + taken]);
        self.position += taken;
        Ok(taken)
    }
}
