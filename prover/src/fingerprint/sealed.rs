//! A universe at rest: encrypted, versioned, read and written in chunks.
//!
//! Layout: `"OMLU" ‖ version u16 ‖ kind u8 ‖ log_n u8 ‖ r u32 ‖ p u32 ‖ salt (16) ‖ nonce (7)`, then
//! chunks of at most 64 KiB, each `ChaCha20-Poly1305` with nonce `nonce ‖ counter u32 ‖ last u8`
//! (the STREAM construction: chunks can't be dropped, reordered or cut off) and the header as
//! associated data. The key is `keccak("OML.universe.key.v1" ‖ secret ‖ salt)`, where the secret of a
//! passphrase comes from scrypt. Inside are JSON lines: a header, then one entry per line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use oml_contracts::draw::{Parts, PartsError};
use oml_contracts::hash::keccak_parts;
use oml_contracts::{ModelId, Root};
use rand::TryRngCore as _;
use zeroize::Zeroizing;

use super::universe::{Entry, Universe, UniverseError};

const MAGIC: [u8; 4] = *b"OMLU";
const VERSION: u16 = 1;
const HEADER: usize = 4 + 2 + 1 + 1 + 4 + 4 + 16 + 7;
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// Bounds what a forged header can make the reader compute: 1 GiB, some seconds.
const MAX_LOG_N: u8 = 20;

/// What opens the file.
pub enum WrapKey {
    /// Stretched with scrypt (N = 2^17, r = 8, p = 1; 128 MiB).
    Passphrase(Zeroizing<String>),
    /// 32 random bytes, kept in a file of their own.
    Raw(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "WrapKey::Passphrase",
            Self::Raw(_) => "WrapKey::Raw",
        })
    }
}

impl WrapKey {
    const fn kind(&self) -> u8 {
        match self {
            Self::Raw(_) => 0,
            Self::Passphrase(_) => 1,
        }
    }
}

/// A universe file that can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum UniverseFileError {
    /// Access failed.
    #[error("can't access the universe file {}", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading or writing failed on the way.
    #[error("reading or writing the universe failed")]
    Io(#[from] io::Error),
    /// Something else than a universe.
    #[error("this is no universe file: it does not start with \"OMLU\"")]
    NotAUniverse,
    /// Written by a newer program.
    #[error("universe file of version {0}, this program reads version {VERSION}; use a newer one")]
    Version(u16),
    /// The file was written with the other kind of secret.
    #[error("this universe file needs a {needed}")]
    WrongKind {
        /// `passphrase` or `key file`.
        needed: &'static str,
    },
    /// Parameters of the header make no sense.
    #[error("the header of the universe file is damaged: scrypt log N = {log_n}, r = {r}, p = {p}")]
    Kdf {
        /// Binary logarithm of the cost.
        log_n: u8,
        /// Block size.
        r: u32,
        /// Parallelism.
        p: u32,
    },
    /// Wrong secret, or damage.
    #[error(
        "chunk {chunk} of the universe file can't be opened: wrong passphrase or key, or the file is damaged"
    )]
    Sealed {
        /// Number of the chunk, from 0.
        chunk: u32,
    },
    /// The content is not what this version writes.
    #[error("line {line} of the universe can't be read")]
    Content {
        /// Number of the line, from 0.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Part sizes are impossible.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The entries are no universe.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The entries hash to another root than the header names.
    #[error("the universe's root is {found}, the file says {expected}; it is damaged")]
    Root {
        /// Root of the entries.
        found: Root,
        /// Root of the header.
        expected: Root,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    model_id: ModelId,
    epoch: u32,
    personal: u32,
    shared: u32,
    root: Root,
}

impl Universe {
    /// Writes the universe, encrypted, whole or not at all; only its owner may read the file.
    ///
    /// # Errors
    /// `Access`, `Io`, `Kdf`.
    pub fn save(&self, path: &Path, secret: &WrapKey) -> Result<(), UniverseFileError> {
        let access = |source| UniverseFileError::Access { path: path.to_owned(), source };
        let temporary = path.with_extension("oml.tmp");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(access)?;
        let written = self.write_to(BufWriter::new(&file), secret);
        if let Err(error) = written.and_then(|()| Ok(file.sync_all()?)) {
            // The error that stopped the writing is worth more than that of the cleaning up.
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        std::fs::rename(&temporary, path).map_err(access)
    }

    /// Reads a universe and checks it against its root.
    ///
    /// # Errors
    /// [`UniverseFileError`].
    pub fn load(path: &Path, secret: &WrapKey) -> Result<Self, UniverseFileError> {
        let access = |source| UniverseFileError::Access { path: path.to_owned(), source };
        Self::read_from(BufReader::new(File::open(path).map_err(access)?), secret)
    }

    /// Writes the encrypted form.
    ///
    /// # Errors
    /// `Io`, `Kdf`.
    pub fn write_to(&self, writer: impl Write, secret: &WrapKey) -> Result<(), UniverseFileError> {
        let mut writer = SealedWriter::new(writer, secret, 17)?;
        let header = Header {
            model_id: self.model(),
            epoch: self.epoch(),
            personal: self.parts().personal(),
            shared: self.parts().shared(),
            root: self.root(),
        };
        write_line(&mut writer, 0, &header)?;
        for (line, entry) in (1..).zip(self.entries()) {
            write_line(&mut writer, line, entry)?;
        }
        Ok(writer.finish()?)
    }

    /// Reads the encrypted form.
    ///
    /// # Errors
    /// [`UniverseFileError`].
    pub fn read_from(reader: impl Read, secret: &WrapKey) -> Result<Self, UniverseFileError> {
        let mut lines = BufReader::new(SealedReader::new(reader, secret)?);
        let mut text = Zeroizing::new(Vec::new());
        let header: Header = read_line(&mut lines, &mut text, 0)?;
        let parts = Parts::new(header.personal, header.shared)?;
        let mut entries: Vec<Entry> = Vec::new();
        for line in 1..=parts.total() as usize {
            entries.push(read_line(&mut lines, &mut text, line)?);
        }
        let universe = Self::from_entries(header.model_id, header.epoch, parts, entries)?;
        // What follows the last entry must be the authenticated end.
        let rest = lines.read_until(b'\n', &mut text).map_err(unwrap_sealed)?;
        if rest > 0 {
            return Err(UniverseError::Count {
                found: parts.total() as usize + 1,
                personal: parts.personal(),
                shared: parts.shared(),
            }
            .into());
        }
        if universe.root() != header.root {
            let found = universe.root();
            return Err(UniverseFileError::Root { found, expected: header.root });
        }
        Ok(universe)
    }
}

fn write_line(
    writer: &mut impl Write,
    line: usize,
    value: &impl serde::Serialize,
) -> Result<(), UniverseFileError> {
    let mut text = Zeroizing::new(
        serde_json::to_vec(value).map_err(|source| UniverseFileError::Content { line, source })?,
    );
    text.push(b'\n');
    Ok(writer.write_all(&text)?)
}

fn read_line<T: serde::de::DeserializeOwned>(
    lines: &mut impl io::BufRead,
    text: &mut Vec<u8>,
    line: usize,
) -> Result<T, UniverseFileError> {
    text.clear();
    lines.read_until(b'\n', text).map_err(unwrap_sealed)?;
    serde_json::from_slice(text).map_err(|source| UniverseFileError::Content { line, source })
}

/// A chunk that can't be opened travels through `Read` as an I/O error.
#[derive(Debug, thiserror::Error)]
#[error("chunk {0} can't be opened")]
struct BadChunk(u32);

fn unwrap_sealed(error: io::Error) -> UniverseFileError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<BadChunk>()) {
        Some(BadChunk(chunk)) => UniverseFileError::Sealed { chunk: *chunk },
        None => UniverseFileError::Io(error),
    }
}

/// Cipher, header and position of one file.
struct Stream {
    cipher: ChaCha20Poly1305,
    header: [u8; HEADER],
    chunk: u32,
}

impl Stream {
    fn new(header: [u8; HEADER], secret: &WrapKey) -> Result<Self, UniverseFileError> {
        let salt = &header[16..32];
        let stretched = match secret {
            WrapKey::Raw(key) => key.clone(),
            WrapKey::Passphrase(passphrase) => stretch(passphrase, &header)?,
        };
        let key = keccak_parts(&[b"OML.universe.key.v1", stretched.as_slice(), salt]);
        let key = Zeroizing::new(key);
        let cipher = ChaCha20Poly1305::new(&(*key).into());
        Ok(Self { cipher, header, chunk: 0 })
    }

    fn nonce(&self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(&self.header[32..39]);
        nonce[7..11].copy_from_slice(&self.chunk.to_be_bytes());
        nonce[11] = u8::from(last);
        nonce.into()
    }

    fn seal(&mut self, plain: &[u8], last: bool) -> io::Result<Vec<u8>> {
        let payload = Payload { msg: plain, aad: &self.header };
        let sealed = self.cipher.encrypt(&self.nonce(last), payload);
        self.advance()?;
        sealed.map_err(|_| io::Error::other("encryption failed"))
    }

    fn open(&mut self, sealed: &[u8], last: bool) -> io::Result<Zeroizing<Vec<u8>>> {
        let payload = Payload { msg: sealed, aad: &self.header };
        let plain = self.cipher.decrypt(&self.nonce(last), payload);
        let plain = plain.map_err(|_| io::Error::other(BadChunk(self.chunk)))?;
        self.advance()?;
        Ok(Zeroizing::new(plain))
    }

    fn advance(&mut self) -> io::Result<()> {
        self.chunk =
            self.chunk.checked_add(1).ok_or_else(|| io::Error::other("too many chunks"))?;
        Ok(())
    }
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

struct SealedWriter<W> {
    inner: W,
    stream: Stream,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> SealedWriter<W> {
    fn new(mut inner: W, secret: &WrapKey, log_n: u8) -> Result<Self, UniverseFileError> {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&VERSION.to_be_bytes());
        header[6] = secret.kind();
        header[7] = log_n;
        header[8..12].copy_from_slice(&8_u32.to_be_bytes());
        header[12..16].copy_from_slice(&1_u32.to_be_bytes());
        rand::rngs::OsRng.try_fill_bytes(&mut header[16..]).map_err(io::Error::other)?;
        inner.write_all(&header)?;
        let stream = Stream::new(header, secret)?;
        Ok(Self { inner, stream, buffer: Zeroizing::new(Vec::with_capacity(CHUNK)) })
    }

    fn finish(mut self) -> io::Result<()> {
        let sealed = self.stream.seal(&self.buffer, true)?;
        self.inner.write_all(&sealed)?;
        self.inner.flush()
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full buffer is sealed only when more comes: the last chunk must be known as such.
        if self.buffer.len() == CHUNK {
            let sealed = self.stream.seal(&self.buffer, false)?;
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

struct SealedReader<R> {
    inner: R,
    stream: Stream,
    /// Sealed bytes read ahead: one chunk, and one byte more to see whether another follows.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    position: usize,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    fn new(mut inner: R, secret: &WrapKey) -> Result<Self, UniverseFileError> {
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
        if header[6] != secret.kind() {
            let needed = if header[6] == 1 { "passphrase" } else { "key file" };
            return Err(UniverseFileError::WrongKind { needed });
        }
        Ok(Self {
            inner,
            stream: Stream::new(header, secret)?,
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
        self.plain = self.stream.open(&self.ahead, last)?;
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

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;
