//! The relay's key: it signs rounds, and gives the public key that a deployment is told.

use crate::hash_to_curve::hash_to_curve;
use ark_bn254::{Fr, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{BigInteger as _, PrimeField as _, Zero as _};
use sha2::Sha256;
use sha3::{Digest as _, Keccak256};

/// A key of the scheme `bls-bn254-unchained-on-g1`: signatures in G1, the public key in G2.
#[derive(Clone)]
pub struct RelayKey(Fr);

impl std::fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RelayKey(public {})", hex::encode(self.public_key()))
    }
}

/// A seed that gives no key.
#[derive(Debug, thiserror::Error)]
#[error(
    "the seed of a relay's key must be 32 bytes in hex that are not a multiple of the order of G1"
)]
pub struct RelayKeyError;

impl RelayKey {
    /// The key of a seed.
    ///
    /// # Errors
    /// [`RelayKeyError`] for the seeds that give zero.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, RelayKeyError> {
        let secret = Fr::from_be_bytes_mod_order(&seed);
        if secret.is_zero() { Err(RelayKeyError) } else { Ok(Self(secret)) }
    }

    /// The public key as drand publishes it: x.c1, x.c0, y.c1, y.c0, 32 bytes each, big-endian.
    #[must_use]
    pub fn public_key(&self) -> [u8; 128] {
        let point = (G2Affine::generator() * self.0).into_affine();
        let mut bytes = [0; 128];
        let elements = [point.x.c1, point.x.c0, point.y.c1, point.y.c0];
        for (place, element) in bytes.chunks_exact_mut(32).zip(elements) {
            place.copy_from_slice(&element.into_bigint().to_bytes_be());
        }
        bytes
    }

    /// The signature of a round: a point of G1, x and y in 32 bytes each, big-endian.
    #[must_use]
    pub fn sign(&self, round: u64) -> [u8; 64] {
        let point = (hash_to_curve(&message(round)) * self.0).into_affine();
        let mut bytes = [0; 64];
        for (place, element) in bytes.chunks_exact_mut(32).zip([point.x, point.y]) {
            place.copy_from_slice(&element.into_bigint().to_bytes_be());
        }
        bytes
    }

    /// The round's randomness, as drand defines it: SHA-256 of the signature.
    #[must_use]
    pub fn randomness(&self, round: u64) -> [u8; 32] {
        randomness(&self.sign(round))
    }
}

/// SHA-256 of a signature.
pub(crate) fn randomness(signature: &[u8; 64]) -> [u8; 32] {
    Sha256::digest(signature).into()
}

/// What is signed for a round: keccak256 of its number as 8 bytes, big-endian.
fn message(round: u64) -> [u8; 32] {
    Keccak256::digest(round.to_be_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Bn254, Fq, Fq2, G1Affine};
    use ark_ec::pairing::Pairing as _;

    /// Whether `signature` is that of `round` under `public_key`:
    /// e(signature, G2) = e(H(round), key).
    fn is_signed(public_key: &[u8; 128], round: u64, signature: &[u8; 64]) -> bool {
        let element = |bytes: &[u8]| Fq::from_be_bytes_mod_order(bytes);
        let [x1, x0, y1, y0] = [0, 32, 64, 96].map(|at| element(&public_key[at..at + 32]));
        let key = G2Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
        let point = G1Affine::new_unchecked(element(&signature[..32]), element(&signature[32..]));
        let on_curve = key.is_on_curve()
            && key.is_in_correct_subgroup_assuming_on_curve()
            && point.is_on_curve();
        let hashed = hash_to_curve(&message(round));
        on_curve && Bn254::multi_pairing([point, -hashed], [G2Affine::generator(), key]).is_zero()
    }

    /// evmnet's public key and its round 6,390,578, as the League of Entropy publishes them.
    const EVMNET: &str = "07e1d1d335df83fa98462005690372c643340060d205306a9aa8106b6bd0b382\
                          0557ec32c2ad488e4d4f6008f89a346f18492092ccc0d594610de2732c8b808f\
                          0095685ae3a85ba243747b1b2f426049010f6b73a0cf1d389351d5aaaa1047f6\
                          297d3a4f9749b33eb2d904c9d9ebf17224150ddd7abd7567a9bec6c74480ee0b";
    const ROUND: u64 = 6_390_578;
    const SIGNATURE: &str = "0d0d705983f50d6a2846e77d8d12a238f0be277a2307eb3e0d5206dc6765b0f9\
                             1f04e596e3b28295086e8fda9047d40d37f7c2d8fb2f6686839101692e4f5f13";
    const RANDOMNESS: &str = "466262e8cb50407310fa05024bff96e52a8c701e7f6b209ac5cdbdf01cf903f2";

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_scheme_is_that_of_evmnet() {
        let (key, signature) = (bytes(EVMNET), bytes(SIGNATURE));
        assert!(is_signed(&key, ROUND, &signature));
        assert!(!is_signed(&key, ROUND + 1, &signature));
        assert_eq!(randomness(&signature), bytes(RANDOMNESS));
    }

    #[test]
    fn a_round_is_signed_by_its_key_alone() {
        let [one, other] = [1, 2].map(|n| RelayKey::from_seed([n; 32]).unwrap());
        let signature = one.sign(7);
        assert!(is_signed(&one.public_key(), 7, &signature));
        assert!(!is_signed(&other.public_key(), 7, &signature));
        assert!(!is_signed(&one.public_key(), 8, &signature));
        let mut broken = signature;
        broken[63] ^= 1;
        assert!(!is_signed(&one.public_key(), 7, &broken));
        assert!(RelayKey::from_seed([0; 32]).is_err());
    }
}
