//! Points of the two curves that drand signs on, from the bytes that drand publishes to those that
//! the contracts take.
//!
//! A point that passes here is on its curve. Whether it is in the right subgroup, and whether it
//! signs anything, is decided by the contract's pairing.

use alloy::primitives::{U256, Uint, uint};

type U384 = Uint<384, 6>;

/// Field of BN254 (EIP-196).
const BN254: U256 = uint!(0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47_U256);
/// Field of BLS12-381 (EIP-2537).
const BLS12: U384 = uint!(
    0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab_U384
);
/// Bytes of an element of the field of BLS12-381.
const ELEMENT: usize = 48;

/// Bytes that are no point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointFault {
    /// There are too few or too many.
    #[error("it has {found} bytes, a point has {expected}")]
    Length {
        /// Bytes of such a point.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// A coordinate is not below the field's modulus.
    #[error("a coordinate is not an element of the field")]
    Element,
    /// The flags are not those of a compressed point other than infinity.
    #[error("it is not a compressed point, or is the point at infinity")]
    Flags,
    /// No point of the curve has this coordinate.
    #[error("it is not on the curve")]
    OffCurve,
}

/// A signature of drand's scheme `bls-bn254-unchained-on-g1`: x and y, as the contract takes them.
///
/// # Errors
/// [`PointFault`].
pub fn bn254_signature(bytes: &[u8]) -> Result<[u8; 64], PointFault> {
    let whole: [u8; 64] = bytes.try_into().map_err(|_| length(64, bytes))?;
    let (x, y) = (U256::from_be_slice(&whole[..32]), U256::from_be_slice(&whole[32..]));
    if x >= BN254 || y >= BN254 {
        return Err(PointFault::Element);
    }
    let cube = x.mul_mod(x, BN254).mul_mod(x, BN254);
    let right = cube.add_mod(U256::from(3), BN254);
    if y.mul_mod(y, BN254) == right { Ok(whole) } else { Err(PointFault::OffCurve) }
}

/// A signature of drand's scheme `bls-unchained-g1-rfc9380`, compressed as drand publishes it, as
/// contract takes it: x and y.
///
/// # Errors
/// [`PointFault`].
pub fn bls12_signature(bytes: &[u8]) -> Result<[u8; 96], PointFault> {
    let mut whole: [u8; ELEMENT] = bytes.try_into().map_err(|_| length(ELEMENT, bytes))?;
    let takes_larger = take_flags(&mut whole)?;
    let x = element(&whole)?;
    let right = cube(x).add_mod(U384::from(4), BLS12);
    let root = sqrt(right).ok_or(PointFault::OffCurve)?;
    let y = if is_larger(root) == takes_larger { root } else { negated(root) };
    let mut out = [0; 2 * ELEMENT];
    out[..ELEMENT].copy_from_slice(&whole);
    out[ELEMENT..].copy_from_slice(&y.to_be_bytes::<ELEMENT>());
    Ok(out)
}

/// A public key of the same scheme, compressed as drand publishes it, as the contract takes it:
/// x.c1, x.c0, y.c1, y.c0.
///
/// # Errors
/// [`PointFault`].
pub(crate) fn bls12_public_key(bytes: &[u8]) -> Result<[u8; 192], PointFault> {
    let mut whole: [u8; 2 * ELEMENT] = bytes.try_into().map_err(|_| length(96, bytes))?;
    let takes_larger = take_flags(&mut whole)?;
    let (c1, c0) = whole.split_at(ELEMENT);
    let x = Fp2 { c0: element(c0)?, c1: element(c1)? };
    let four = U384::from(4);
    let right = x.square().times(x).plus(Fp2 { c0: four, c1: four });
    let root = right.sqrt().ok_or(PointFault::OffCurve)?;
    let y = if root.is_larger() == takes_larger { root } else { root.negated() };
    let mut out = [0; 4 * ELEMENT];
    for (place, element) in out.chunks_exact_mut(ELEMENT).zip([x.c1, x.c0, y.c1, y.c0]) {
        place.copy_from_slice(&element.to_be_bytes::<ELEMENT>());
    }
    Ok(out)
}

const fn length(expected: usize, bytes: &[u8]) -> PointFault {
    PointFault::Length { expected, found: bytes.len() }
}

/// Takes the three flags out of a compressed point (ZCash's encoding, RFC 9380's appendix names
/// it); returns whether y is the larger of the two.
fn take_flags(bytes: &mut [u8]) -> Result<bool, PointFault> {
    let first = bytes.first_mut().ok_or(PointFault::Flags)?;
    let flags = *first >> 5;
    *first &= 0x1f;
    // Compressed; not infinity; the sign of y.
    match flags {
        0b100 => Ok(false),
        0b101 => Ok(true),
        _ => Err(PointFault::Flags),
    }
}

fn element(bytes: &[u8]) -> Result<U384, PointFault> {
    let value = U384::from_be_slice(bytes);
    if value < BLS12 { Ok(value) } else { Err(PointFault::Element) }
}

fn cube(x: U384) -> U384 {
    x.mul_mod(x, BLS12).mul_mod(x, BLS12)
}

/// The modulus is 3 modulo 4, so a root of a square is its power (p + 1) / 4.
fn sqrt(square: U384) -> Option<U384> {
    let root = square.pow_mod((BLS12 + U384::from(1)) >> 2, BLS12);
    (root.mul_mod(root, BLS12) == square).then_some(root)
}

fn negated(x: U384) -> U384 {
    if x.is_zero() { x } else { BLS12 - x }
}

fn is_larger(y: U384) -> bool {
    y > (BLS12 >> 1)
}

fn halved(x: U384) -> U384 {
    let even = if x.bit(0) { x + BLS12 } else { x };
    even >> 1
}

/// c0 + c1·i with i² = −1.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fp2 {
    c0: U384,
    c1: U384,
}

impl Fp2 {
    fn plus(self, other: Self) -> Self {
        Self { c0: self.c0.add_mod(other.c0, BLS12), c1: self.c1.add_mod(other.c1, BLS12) }
    }

    fn times(self, other: Self) -> Self {
        let product = |a: U384, b: U384| a.mul_mod(b, BLS12);
        let real = product(self.c0, other.c0);
        Self {
            c0: real.add_mod(negated(product(self.c1, other.c1)), BLS12),
            c1: product(self.c0, other.c1).add_mod(product(self.c1, other.c0), BLS12),
        }
    }

    fn square(self) -> Self {
        self.times(self)
    }

    fn negated(self) -> Self {
        Self { c0: negated(self.c0), c1: negated(self.c1) }
    }

    /// As points are compressed: by c1, and by c0 where c1 is zero.
    fn is_larger(self) -> bool {
        is_larger(if self.c1.is_zero() { self.c0 } else { self.c1 })
    }

    /// By the norm: with s² = c0² + c1² a root has x0² = (c0 ± s) / 2 and x1 = c1 / (2·x0).
    fn sqrt(self) -> Option<Self> {
        let norm = self.c0.mul_mod(self.c0, BLS12).add_mod(self.c1.mul_mod(self.c1, BLS12), BLS12);
        let s = sqrt(norm)?;
        [s, negated(s)].into_iter().find_map(|s| {
            let c0 = sqrt(halved(self.c0.add_mod(s, BLS12)))?;
            let c1 = match c0.add_mod(c0, BLS12).inv_mod(BLS12) {
                Some(inverse) => self.c1.mul_mod(inverse, BLS12),
                None => sqrt(negated(self.c0))?,
            };
            let root = Self { c0, c1 };
            (root.square() == self).then_some(root)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds that the League of Entropy has published.
    const EVMNET: &str = "0d0d705983f50d6a2846e77d8d12a238f0be277a2307eb3e0d5206dc6765b0f9\
                          1f04e596e3b28295086e8fda9047d40d37f7c2d8fb2f6686839101692e4f5f13";
    const QUICKNET: [&str; 2] = [
        "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be41076862b98fad56e91a6b85b89cd97b",
        "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    ];

    /// x.c1 and y.c1 of quicknet's key without compression, computed with Python's integers.
    const QUICKNET_KEY_X: &str = "03cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451";
    const QUICKNET_KEY_Y: &str = "01a714f2edb74119a2f2b0d5a7c75ba902d163700a61bc224ededd8e63aef7be1aaf8e93d7a9718b047ccddb3eb5d68b";

    #[test]
    fn published_signatures_are_points() {
        let bytes = hex::decode(EVMNET).unwrap();
        assert_eq!(bn254_signature(&bytes).unwrap().as_slice(), bytes);
        for text in QUICKNET {
            let bytes = hex::decode(text).unwrap();
            let point = bls12_signature(&bytes).unwrap();
            let (x, y) = point.split_at(ELEMENT);
            assert_eq!(&x[1..], &bytes[1..]);
            assert_eq!(x[0], bytes[0] & 0x1f);
            assert_eq!(is_larger(U384::from_be_slice(y)), bytes[0] & 0x20 != 0);
            // The other root has the other flag.
            let mut flipped = bytes;
            flipped[0] ^= 0x20;
            let other = bls12_signature(&flipped).unwrap();
            let sum = U384::from_be_slice(y) + U384::from_be_slice(&other[ELEMENT..]);
            assert_eq!(sum, BLS12);
        }
    }

    #[test]
    fn quicknets_key_is_a_point() {
        let network = crate::beacon::networks::quicknet(60);
        let key = bls12_public_key(network.public_key.as_bytes()).unwrap();
        assert_eq!(hex::encode(&key[..48]), QUICKNET_KEY_X);
        assert_eq!(hex::encode(&key[96..144]), QUICKNET_KEY_Y);
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let good = hex::decode(EVMNET).unwrap();
        let mut off = good.clone();
        off[63] ^= 1;
        assert_eq!(bn254_signature(&off), Err(PointFault::OffCurve));
        assert_eq!(bn254_signature(&[0xff; 64]), Err(PointFault::Element));
        assert_eq!(
            bn254_signature(&good[..63]),
            Err(PointFault::Length { expected: 64, found: 63 })
        );
        // Infinity is on no curve as pairs of coordinates.
        assert_eq!(bn254_signature(&[0; 64]), Err(PointFault::OffCurve));

        let good = hex::decode(QUICKNET[0]).unwrap();
        let with = |first: u8| [&[first], &good[1..]].concat();
        assert_eq!(bls12_signature(&with(0x17)), Err(PointFault::Flags), "not compressed");
        assert_eq!(bls12_signature(&with(0xf7)), Err(PointFault::Flags), "infinity");
        assert_eq!(bls12_signature(&[0xbf; 48]), Err(PointFault::Element));
        assert_eq!(bls12_signature(&[]), Err(PointFault::Length { expected: 48, found: 0 }));
        let refused = (0..40_u8).filter(|n| {
            let mut other = good.clone();
            other[47] = *n;
            bls12_signature(&other) == Err(PointFault::OffCurve)
        });
        assert!(refused.count() > 5, "about half of all coordinates belong to no point");
    }

    #[test]
    fn every_square_has_its_root() {
        let mut x = Fp2 { c0: U384::from(7), c1: U384::from(11) };
        for _ in 0..20 {
            let root = x.square().sqrt().unwrap();
            assert!(root == x || root == x.negated());
            x = x.square().plus(Fp2 { c0: U384::from(1), c1: U384::from(2) });
        }
        for flat in [
            Fp2 { c0: U384::from(4), c1: U384::ZERO },
            Fp2 { c0: negated(U384::from(4)), c1: U384::ZERO },
        ] {
            assert!(flat.sqrt().unwrap().square() == flat);
        }
    }
}
