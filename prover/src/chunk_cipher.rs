//! Encryption of a long stream, chunk by chunk.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway and Vizár 2015) over
//! ChaCha20-Poly1305: the number of a chunk and whether it is the last go into its nonce, so that
//! chunks can't be reordered, left out or cut off unseen.

use std::io;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroizing;

/// Bytes by which a sealed chunk is longer than what is in it.
pub(crate) const TAG: usize = 16;

/// Why a chunk could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
    /// Sealed with another key, altered, cut off or out of its place.
    #[error("chunk {0} can't be opened")]
    Bad(u32),
    /// More chunks than numbers.
    #[error("too many chunks")]
    TooMany,
    /// The cipher refused.
    #[error("encryption failed")]
    Refused,
}

impl From<ChunkError> for io::Error {
    fn from(error: ChunkError) -> Self {
        Self::other(error)
    }
}

/// Whether another chunk follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// At least one more chunk follows.
    Inner,
    /// The stream ends with this chunk.
    Last,
}

/// Key, position and associated data of one stream.
pub(crate) struct ChunkCipher {
    cipher: ChaCha20Poly1305,
    prefix: [u8; 7],
    bound: Vec<u8>,
    chunk: u32,
}

impl ChunkCipher {
    /// Starts at the first chunk. `prefix` opens every nonce; a key that is used for one stream
    /// only needs none. `bound` must be the same on both sides.
    pub(crate) fn new(key: &[u8; 32], prefix: [u8; 7], bound: &[u8]) -> Self {
        let cipher = ChaCha20Poly1305::new(key.into());
        Self { cipher, prefix, bound: bound.to_vec(), chunk: 0 }
    }

    /// Number of the next chunk.
    pub(crate) const fn position(&self) -> u32 {
        self.chunk
    }

    fn nonce(&self, chunk: Chunk) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..7].copy_from_slice(&self.prefix);
        nonce[7..11].copy_from_slice(&self.chunk.to_be_bytes());
        nonce[11] = u8::from(chunk == Chunk::Last);
        nonce.into()
    }

    /// Seals the next chunk.
    pub(crate) fn seal(&mut self, plain: &[u8], chunk: Chunk) -> Result<Vec<u8>, ChunkError> {
        let payload = Payload { msg: plain, aad: &self.bound };
        let sealed = self.cipher.encrypt(&self.nonce(chunk), payload);
        self.advance()?;
        sealed.map_err(|_| ChunkError::Refused)
    }

    /// Opens the next chunk.
    pub(crate) fn open(
        &mut self,
        sealed: &[u8],
        chunk: Chunk,
    ) -> Result<Zeroizing<Vec<u8>>, ChunkError> {
        let payload = Payload { msg: sealed, aad: &self.bound };
        let plain = self.cipher.decrypt(&self.nonce(chunk), payload);
        let plain = plain.map_err(|_| ChunkError::Bad(self.chunk))?;
        self.advance()?;
        Ok(Zeroizing::new(plain))
    }

    fn advance(&mut self) -> Result<(), ChunkError> {
        self.chunk = self.chunk.checked_add(1).ok_or(ChunkError::TooMany)?;
        Ok(())
    }
}
