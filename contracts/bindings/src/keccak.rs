//! The one hash function of the protocol.

use sha3::{Digest as _, Keccak256};

/// Keccak-256, the hash of Ethereum; the standardised SHA3-256 pads differently.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Keccak-256 of the parts, one after the other without padding.
#[must_use]
pub fn keccak_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_is_not_sha3() {
        assert_eq!(
            hex::encode(keccak256(b"")),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(keccak_parts(&[b"ab", b"", b"c"]), keccak256(b"abc"));
    }
}
