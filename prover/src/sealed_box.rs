//! Messages that only one recipient can open: the keys of a seat, the secret of a copy.
//!
//! Instead of asking a recipient to authenticate, the owner encrypts to the X25519 key that the
//! recipient put on chain: whoever else asks learns nothing. Layout, all binary:
//!
//! `1 (version) ‖ ephemeral public key (32) ‖ ChaCha20-Poly1305(key, nonce 0, aad = context,
//! plaintext)`
//!
//! with `key = HKDF-SHA256(salt = ephemeral ‖ recipient, ikm = X25519(ephemeral, recipient), info =
//! "OML.seal.v1")`. The nonce is constant because a key is used for one message only.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 1 + 32;
const TAG_LEN: usize = 16;
const INFO: &[u8] = b"OML.seal.v1";

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The recipient's registered key is not a usable X25519 public key (a point of small order).
    #[error(
        "encryption key 0x{key} is not a usable X25519 public key; its owner must put another one on chain"
    )]
    WeakKey {
        /// The key, in hex.
        key: String,
    },
    /// Too short, or another version of the format.
    #[error("sealed message of {len} bytes is malformed: expected version {VERSION} and at least {min} bytes", min = HEADER_LEN + TAG_LEN)]
    Malformed {
        /// Length of what was given, in bytes.
        len: usize,
    },
    /// Sealed to another key or for another context, or altered.
    #[error("sealed message can't be opened: it is for another key or another use, or was altered")]
    Undecryptable,
    /// A key file holds something else than 32 bytes in hex.
    #[error("encryption key must be 32 bytes in hex (64 digits, optional 0x), got {digits} digits")]
    KeyFormat {
        /// Number of characters found after trimming and removing `0x`.
        digits: usize,
    },
    /// The system gave no random bytes.
    #[error("operating system gave no random bytes: {0}")]
    Random(String),
}

/// An X25519 secret key, of a prover's seats or of a host's copies. Zeroed on drop; never printed.
#[derive(Clone)]
pub struct EncryptionKey(StaticSecret);

impl EncryptionKey {
    /// A fresh key from the operating system's generator.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn generate() -> Result<Self, SealError> {
        Ok(Self(StaticSecret::from(*random_bytes()?)))
    }

    /// Reads 64 hex digits, with or without `0x`, surrounding white space ignored.
    ///
    /// # Errors
    /// [`SealError::KeyFormat`].
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let digits = text.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice())
            .map_err(|_| SealError::KeyFormat { digits: digits.chars().count() })?;
        Ok(Self(StaticSecret::from(*bytes)))
    }

    /// 64 hex digits, for a key file.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_bytes()))
    }

    /// What goes on chain as `encryptionKey`.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptionKey").field(&hex::encode(self.public())).finish()
    }
}

/// 32 bytes from the operating system's generator.
///
/// # Errors
/// [`SealError::Random`].
pub fn random_bytes() -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|e| SealError::Random(e.to_string()))?;
    Ok(bytes)
}

/// Seals `plaintext` so that only the holder of `recipient`'s secret opens it, and only for
/// `context`.
///
/// # Errors
/// [`SealError::WeakKey`], [`SealError::Random`].
pub fn seal(recipient: &[u8; 32], context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let ephemeral = StaticSecret::from(*random_bytes()?);
    let public = PublicKey::from(&ephemeral).to_bytes();
    let cipher = cipher(&ephemeral, recipient, &public, recipient)
        .ok_or_else(|| SealError::WeakKey { key: hex::encode(recipient) })?;
    let body = cipher
        .encrypt(&Nonce::default(), Payload { msg: plaintext, aad: context })
        .map_err(|_| SealError::Malformed { len: plaintext.len() })?;
    let mut sealed = Vec::with_capacity(HEADER_LEN + body.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&public);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what [`seal`] made for `key` and `context`.
///
/// # Errors
/// [`SealError::Malformed`], [`SealError::Undecryptable`].
pub fn open(
    key: &EncryptionKey,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let malformed = || SealError::Malformed { len: sealed.len() };
    if sealed.len() < HEADER_LEN + TAG_LEN || sealed[0] != VERSION {
        return Err(malformed());
    }
    let (header, body) = sealed.split_at(HEADER_LEN);
    let public: [u8; 32] = header[1..].try_into().map_err(|_| malformed())?;
    let cipher = cipher(&key.0, &public, &public, &key.public()).ok_or(SealError::Undecryptable)?;
    cipher
        .decrypt(&Nonce::default(), Payload { msg: body, aad: context })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Undecryptable)
}

/// The one-message cipher between two keys; `None` when the exchange has no secret in it.
fn cipher(
    secret: &StaticSecret,
    other: &[u8; 32],
    ephemeral: &[u8; 32],
    recipient: &[u8; 32],
) -> Option<ChaCha20Poly1305> {
    let shared = secret.diffie_hellman(&PublicKey::from(*other));
    if !shared.was_contributory() {
        return None;
    }
    let salt = [ephemeral.as_slice(), recipient.as_slice()].concat();
    let mut key = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes()).expand(INFO, key.as_mut_slice()).ok()?;
    ChaCha20Poly1305::new_from_slice(key.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_in_the_same_context_opens() {
        let member = EncryptionKey::generate().unwrap();
        let stranger = EncryptionKey::generate().unwrap();
        let sealed = seal(&member.public(), b"case 1", b"[\"a key\"]").unwrap();
        assert_eq!(open(&member, b"case 1", &sealed).unwrap().as_slice(), b"[\"a key\"]");
        assert_eq!(open(&stranger, b"case 1", &sealed), Err(SealError::Undecryptable));
        assert_eq!(open(&member, b"case 2", &sealed), Err(SealError::Undecryptable));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let member = EncryptionKey::generate().unwrap();
        let sealed = seal(&member.public(), b"c", b"hello").unwrap();
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            // The top bit of an X25519 coordinate is ignored, but this flips the lowest.
            assert!(open(&member, b"c", &altered).is_err(), "byte {position}");
        }
        for len in 0..sealed.len() {
            assert!(open(&member, b"c", &sealed[..len]).is_err(), "prefix of {len}");
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let member = EncryptionKey::generate().unwrap();
        let a = seal(&member.public(), b"c", b"hello").unwrap();
        let b = seal(&member.public(), b"c", b"hello").unwrap();
        assert_ne!(a[1..33], b[1..33]);
        assert_ne!(a[33..], b[33..]);
    }

    #[test]
    fn a_key_of_small_order_is_named_and_refused() {
        let zero = [0_u8; 32];
        assert_eq!(seal(&zero, b"", b"x"), Err(SealError::WeakKey { key: "00".repeat(32) }));
    }

    #[test]
    fn key_files_round_trip_and_bad_ones_are_named() {
        let key = EncryptionKey::generate().unwrap();
        let again = EncryptionKey::from_hex(&format!(" 0x{}\n", key.to_hex().as_str())).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(
            EncryptionKey::from_hex("0xabc").unwrap_err(),
            SealError::KeyFormat { digits: 3 }
        );
        assert!(!format!("{key:?}").contains(key.to_hex().as_str()));
    }
}
