//! From a message to a point of BN254's G1, as RFC 9380 says: the suite
//! `BN254G1_XMD:KECCAK-256_SVDW_RO_`, which drand's network evmnet uses.

use ark_bn254::{Fq, G1Affine, G1Projective};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup as _, BigInteger as _, Field as _, PrimeField as _};
use sha3::{Digest as _, Keccak256};

/// Domain separation of evmnet's signatures.
const DOMAIN: &[u8] = b"BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_";
/// Bytes that Keccak-256 takes in per step: `s_in_bytes` of RFC 9380.
const RATE: usize = 136;
/// Bytes that are reduced to one field element: `L` of RFC 9380, section 5.1.
const ELEMENT: usize = 48;
/// Two field elements in bytes, as the expansion names its length.
const LENGTH: u16 = 96;
/// Length of the domain, which stands behind it.
const DOMAIN_LENGTH: u8 = 43;

/// `hash_to_curve` of RFC 9380, section 3. The cofactor of G1 is 1.
pub(crate) fn hash_to_curve(message: &[u8]) -> G1Affine {
    let bytes = expand(message);
    let (first, second) = bytes.split_at(ELEMENT);
    let [p, q] = [first, second].map(|half| map_to_curve(Fq::from_be_bytes_mod_order(half)));
    (p + q).into()
}

/// `expand_message_xmd` of RFC 9380, section 5.3.1, to two field elements.
fn expand(message: &[u8]) -> [u8; 2 * ELEMENT] {
    let hash = |parts: &[&[u8]]| -> [u8; 32] { Keccak256::digest(parts.concat()).into() };
    let domain = [DOMAIN, &[DOMAIN_LENGTH]].concat();
    let length = LENGTH.to_be_bytes();
    let first = hash(&[&[0; RATE], message, &length, &[0], &domain]);
    let mut out = [0; 2 * ELEMENT];
    let mut last = [0; 32];
    for (number, place) in (1_u8..).zip(out.chunks_exact_mut(32)) {
        let mut mixed = first;
        mixed.iter_mut().zip(last).for_each(|(byte, other)| *byte ^= other);
        last = hash(&[&mixed, &[number], &domain]);
        place.copy_from_slice(&last);
    }
    out
}

/// Shallue and van de Woestijne's map for y² = x³ + 3 with Z = 1 (RFC 9380, section 6.6.1 and
/// appendix F.1). Not in constant time: what it maps is public.
fn map_to_curve(u: Fq) -> G1Projective {
    let curve = |x: Fq| x.square() * x + Fq::from(3_u64);
    let z = Fq::ONE;
    let c1 = curve(z);
    let c2 = -z / Fq::from(2_u64);
    let mut c3 = root(-c1 * Fq::from(3_u64) * z.square());
    if is_odd(c3) {
        c3 = -c3;
    }
    let c4 = -Fq::from(4_u64) * c1 / (Fq::from(3_u64) * z.square());

    let scaled = u.square() * c1;
    let (plus, minus) = (Fq::ONE + scaled, Fq::ONE - scaled);
    let inverse = (plus * minus).inverse().unwrap_or(Fq::ZERO);
    let shift = u * minus * inverse * c3;
    let third = (plus.square() * inverse).square() * c4 + z;
    let on_curve = |x: &Fq| curve(*x).legendre().is_qr() || curve(*x) == Fq::ZERO;
    let x = [c2 - shift, c2 + shift].into_iter().find(on_curve).unwrap_or(third);
    let y = root(curve(x));
    let y = if is_odd(u) == is_odd(y) { y } else { -y };
    G1Affine::new_unchecked(x, y).into_group()
}

/// A square root; zero where there is none, which the callers' formulas exclude.
fn root(square: Fq) -> Fq {
    square.sqrt().unwrap_or(Fq::ZERO)
}

/// `sgn0` of RFC 9380, section 4.1.
fn is_odd(element: Fq) -> bool {
    element.into_bigint().is_odd()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_what_they_measure() {
        assert_eq!(usize::from(DOMAIN_LENGTH), DOMAIN.len());
        assert_eq!(usize::from(LENGTH), 2 * ELEMENT);
    }

    #[test]
    fn every_message_maps_to_a_point_of_the_curve() {
        for number in 0..200_u64 {
            let point = hash_to_curve(&number.to_be_bytes());
            assert!(point.is_on_curve() && !point.is_zero(), "{number}");
        }
        assert_ne!(hash_to_curve(b"a"), hash_to_curve(b"b"));
    }

    #[test]
    fn the_exceptional_inputs_of_the_map_are_on_the_curve_too() {
        // Zero, and both roots of 1 ± u²·g(Z) = 0, for which `inv0` gives zero.
        let quarter = Fq::from(4_u64).inverse().unwrap();
        let roots = [quarter, -quarter].into_iter().filter_map(|square| square.sqrt());
        for u in [Fq::ZERO, Fq::ONE].into_iter().chain(roots.flat_map(|root| [root, -root])) {
            assert!(G1Affine::from(map_to_curve(u)).is_on_curve(), "{u}");
        }
    }
}
