//! Public keys and signatures as key management services give them: in DER.

use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use k256::ecdsa::{Signature, SigningKey};

/// What precedes the 65 bytes of a public key of secp256k1 in a `SubjectPublicKeyInfo`.
const SECP256K1_PREFIX: &str = "3056301006072a8648ce3d020106052b8104000a034200";
/// The same for P-256.
const P256_PREFIX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
/// A point of P-256: its generator.
const P256_POINT: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                          4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/// The public half as a `SubjectPublicKeyInfo`.
pub(crate) fn public_key(key: &SigningKey) -> Vec<u8> {
    let point = key.verifying_key().to_encoded_point(false);
    [alloy::hex::decode(SECP256K1_PREFIX).unwrap(), point.as_bytes().to_vec()].concat()
}

/// A key of the other curve.
pub(crate) fn public_key_of_p256() -> Vec<u8> {
    alloy::hex::decode(P256_PREFIX.to_owned() + P256_POINT).unwrap()
}

/// A signature of a digest, with an s as it may come: low, or high on request.
pub(crate) fn signature(digest: &[u8], key: &SigningKey, high: bool) -> Vec<u8> {
    let low: Signature = key.sign_prehash(digest).unwrap();
    assert!(low.normalize_s().is_none());
    if !high {
        return low.to_der().as_bytes().to_vec();
    }
    let high = Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
    assert!(high.normalize_s().is_some());
    high.to_der().as_bytes().to_vec()
}
