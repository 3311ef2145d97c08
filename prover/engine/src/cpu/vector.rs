//! A vector of 32 lanes, in two registers of AVX-512.
//!
//! The compiler keeps loops over arrays of lanes in memory instead of registers, so the
//! operations are spelled out. A [`V`] only comes from a [`Simd`], which exists only where the
//! processor has the instructions.

use super::line::{Line, WordLine};
use super::simd::has_kernels;

/// Proof that the processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simd(());

impl Simd {
    pub(super) fn new() -> Option<Self> {
        has_kernels().then_some(Self(()))
    }

    /// The scaled exponential's steps: `2^n · p(r)` with `x = n · ln 2 + r`; relative error below
    /// 4e-7.
    #[inline(always)]
    pub(super) fn exp(self, x: V) -> V {
        let s = |x: f32| self.splat(x);
        let x = s(-87.0).max(x);
        let x = s(88.0).min(x);
        let n = x.mul(s(std::f32::consts::LOG2_E)).round();
        let r = n.mul_add(s(-0.693_359_4), x);
        let r = n.mul_add(s(2.121_944_4e-4), r);
        let p = s(1.987_569_1e-4);
        let p = p.mul_add(r, s(1.398_199_9e-3));
        let p = p.mul_add(r, s(8.333_452e-3));
        let p = p.mul_add(r, s(4.166_579_6e-2));
        let p = p.mul_add(r, s(1.666_666_5e-1));
        let p = p.mul_add(r, s(0.5));
        let p = p.mul_add(r.mul(r), r.add(s(1.0)));
        p.scale(n)
    }

    /// `1 / x` for plain numbers.
    #[inline(always)]
    pub(super) fn inverse(self, x: V) -> V {
        self.splat(1.0).div(x)
    }

    #[inline(always)]
    pub(super) fn tanh(self, x: V) -> V {
        let one = self.splat(1.0);
        let e = self.exp(x.abs().mul(self.splat(-2.0)));
        one.sub(e).div(one.add(e)).with_sign_of(x)
    }
}

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
pub(super) use x86::V;

#[cfg(all(target_arch = "x86_64", not(feature = "portable-kernels")))]
#[expect(unsafe_code, reason = "vector instructions need to be known to exist")]
mod x86 {
    use super::{Line, Simd, WordLine};
    use std::arch::x86_64::*;

    /// A value of each of 32 lanes.
    #[derive(Clone, Copy)]
    pub(in crate::cpu) struct V(__m512, __m512);

    impl Simd {
        #[inline(always)]
        pub(in crate::cpu) fn splat(self, x: f32) -> V {
            // SAFETY: `self` is proof of the instructions.
            unsafe { V(_mm512_set1_ps(x), _mm512_set1_ps(x)) }
        }

        #[inline(always)]
        pub(in crate::cpu) fn load(self, line: &Line) -> V {
            let at = line.0.as_ptr();
            // SAFETY: as above; a line holds 32 floats, aligned.
            unsafe { V(_mm512_load_ps(at), _mm512_load_ps(at.add(16))) }
        }
    }

    /// Operations per register; a `V` is proof of the instructions.
    macro_rules! lanewise {
        ($($name:ident($($other:ident),*) = $of:expr;)*) => {
            $(
                #[inline(always)]
                pub(in crate::cpu) fn $name(self, $($other: V),*) -> V {
                    // SAFETY: a `V` exists only where the processor has the instructions.
                    unsafe { V($of(self.0, $($other.0),*), $of(self.1, $($other.1),*)) }
                }
            )*
        };
    }

    #[inline(always)]
    unsafe fn round(x: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions.
        unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x) }
    }

    #[inline(always)]
    unsafe fn sign_of(x: __m512, sign: __m512) -> __m512 {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            let bit = _mm512_set1_ps(-0.0);
            _mm512_or_ps(_mm512_andnot_ps(bit, x), _mm512_and_ps(bit, sign))
        }
    }

    impl V {
        lanewise! {
            add(other) = |a, b| _mm512_add_ps(a, b);
            sub(other) = |a, b| _mm512_sub_ps(a, b);
            mul(other) = |a, b| _mm512_mul_ps(a, b);
            div(other) = |a, b| _mm512_div_ps(a, b);
            max(other) = |a, b| _mm512_max_ps(a, b);
            min(other) = |a, b| _mm512_min_ps(a, b);
            mul_add(factor, summand) = |a, b, c| _mm512_fmadd_ps(a, b, c);
            abs() = |a| _mm512_abs_ps(a);
            sqrt() = |a| _mm512_sqrt_ps(a);
            round() = |a| round(a);
            scale(power) = |a, b| _mm512_scalef_ps(a, b);
            with_sign_of(sign) = |a, b| sign_of(a, b);
        }

        #[inline(always)]
        pub(in crate::cpu) fn store(self, line: &mut Line) {
            let at = line.0.as_mut_ptr();
            // SAFETY: a `V` exists only where the processor has the instructions; a line holds 32
            // floats, aligned.
            unsafe {
                _mm512_store_ps(at, self.0);
                _mm512_store_ps(at.add(16), self.1);
            }
        }

        /// `self` where `x > y`, else `other`.
        #[inline(always)]
        pub(in crate::cpu) fn where_greater(self, x: Self, y: Self, other: Self) -> Self {
            // SAFETY: a `V` exists only where the processor has the instructions.
            unsafe {
                let pick =
                    |a, x, y, b| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(x, y), b, a);
                Self(pick(self.0, x.0, y.0, other.0), pick(self.1, x.1, y.1, other.1))
            }
        }

        /// Bytes of four values between −127 and 127, each with 128 added.
        #[inline(always)]
        pub(in crate::cpu) fn bytes(values: [Self; 4], out: &mut WordLine) {
            // SAFETY: a `V` exists only where the processor has the instructions; 32 words take two
            // registers.
            unsafe {
                let offset = _mm512_set1_epi32(128);
                let byte = |x| {
                    let whole = _mm512_add_epi32(_mm512_cvtps_epi32(x), offset);
                    _mm512_and_si512(whole, _mm512_set1_epi32(0xff))
                };
                let word = |a, b, c, d| {
                    let low = _mm512_or_si512(byte(a), _mm512_slli_epi32::<8>(byte(b)));
                    let high = _mm512_or_si512(byte(c), _mm512_slli_epi32::<8>(byte(d)));
                    _mm512_or_si512(low, _mm512_slli_epi32::<16>(high))
                };
                let [a, b, c, d] = values;
                let at = out.0.as_mut_ptr().cast::<__m512i>();
                _mm512_store_si512(at, word(a.0, b.0, c.0, d.0));
                _mm512_store_si512(at.add(1), word(a.1, b.1, c.1, d.1));
            }
        }
    }
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
pub(super) use portable::V;

/// The same in plain Rust, for any processor to compile; it runs where the feature
/// `portable-kernels` asks for it.
#[cfg(any(not(target_arch = "x86_64"), feature = "portable-kernels"))]
mod portable {
    use super::{Line, Simd, WordLine};
    use crate::cpu::line::LANES;
    use std::array::from_fn;

    /// A value of each of 32 lanes.
    #[derive(Clone, Copy)]
    pub(in crate::cpu) struct V([f32; LANES]);

    impl Simd {
        #[inline(always)]
        pub(in crate::cpu) fn splat(self, x: f32) -> V {
            V([x; LANES])
        }

        #[inline(always)]
        pub(in crate::cpu) fn load(self, line: &Line) -> V {
            V(line.0)
        }
    }

    macro_rules! lanewise {
        ($($name:ident($($other:ident),*) = $of:expr;)*) => {
            $(
                #[inline(always)]
                pub(in crate::cpu) fn $name(self, $($other: V),*) -> V {
                    V(from_fn(|l| $of(self.0[l], $($other.0[l]),*)))
                }
            )*
        };
    }

    impl V {
        lanewise! {
            add(other) = |a: f32, b: f32| a + b;
            sub(other) = |a: f32, b: f32| a - b;
            mul(other) = |a: f32, b: f32| a * b;
            div(other) = |a: f32, b: f32| a / b;
            max(other) = |a: f32, b: f32| if a > b { a } else { b };
            min(other) = |a: f32, b: f32| if a < b { a } else { b };
            mul_add(factor, summand) = |a: f32, b: f32, c: f32| a.mul_add(b, c);
            abs() = |a: f32| a.abs();
            sqrt() = |a: f32| a.sqrt();
            round() = |a: f32| a.round_ties_even();
            scale(power) = |a: f32, b: f32| a * b.exp2();
            with_sign_of(sign) = |a: f32, b: f32| a.copysign(b);
        }

        #[inline(always)]
        pub(in crate::cpu) fn store(self, line: &mut Line) {
            line.0 = self.0;
        }

        #[inline(always)]
        pub(in crate::cpu) fn where_greater(self, x: Self, y: Self, other: Self) -> Self {
            Self(from_fn(|l| if x.0[l] > y.0[l] { self.0[l] } else { other.0[l] }))
        }

        #[expect(clippy::cast_possible_truncation, reason = "values lie within a byte")]
        pub(in crate::cpu) fn bytes(values: [Self; 4], out: &mut WordLine) {
            out.0 = from_fn(|l| {
                let byte = |v: Self| (v.0[l].round_ties_even() as i32 + 128).cast_unsigned() & 0xff;
                let [a, b, c, d] = values.map(byte);
                a | b << 8 | c << 16 | d << 24
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_vectors_follow_their_definition() {
        let Some(simd) = Simd::new() else { return };
        let apply = |x: f32, f: &dyn Fn(V) -> V| {
            let mut line = Line::ZERO;
            f(simd.splat(x)).store(&mut line);
            assert!(line.0.iter().all(|y| y.to_bits() == line.0[0].to_bits()));
            line.0[0]
        };
        for i in -8600..8700_i16 {
            let x = f32::from(i) / 100.0;
            let (found, expected) = (apply(x, &|x| simd.exp(x)), f64::from(x).exp());
            let relative = (f64::from(found) - expected).abs() / expected;
            assert!(relative < 4e-7, "exp({x}) off by {relative}");
            let (found, expected) = (apply(x, &|x| simd.tanh(x)), f64::from(x).tanh());
            assert!((f64::from(found) - expected).abs() < 4e-7, "tanh({x}) is not {found}");
        }
        assert!(apply(f32::NAN, &|x| simd.exp(x)).is_nan());
    }

    /// Numbers of every kind but NaN, whose sign and bits no operation promises.
    const NUMBERS: [f32; 14] = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        2.5,
        3.5,
        -0.3,
        1e-40,
        -3.4e38,
        1e30,
        7.25e-20,
        -127.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];

    /// A line of numbers for each rotation of them.
    fn lines() -> impl Iterator<Item = Line> {
        let number = |i: usize| NUMBERS[i % NUMBERS.len()];
        (0..NUMBERS.len()).map(move |first| Line(std::array::from_fn(|l| number(l * 5 + first))))
    }

    #[test]
    fn operations_are_those_of_every_lane() {
        let Some(simd) = Simd::new() else { return };
        let check = |name: &str, found: V, expected: [f32; 32]| {
            let mut line = Line::ZERO;
            found.store(&mut line);
            for (l, (found, expected)) in line.0.into_iter().zip(expected).enumerate() {
                let same = found.to_bits() == expected.to_bits();
                assert!(same || found.is_nan() && expected.is_nan(), "{name} {l}: {found}");
            }
        };
        for a in lines() {
            let x = simd.load(&a);
            check("abs", x.abs(), a.0.map(f32::abs));
            check("sqrt", x.sqrt(), a.0.map(f32::sqrt));
            check("round", x.round(), a.0.map(f32::round_ties_even));
            check("inverse", simd.inverse(x), a.0.map(|a| 1.0 / a));
            for b in lines() {
                let y = simd.load(&b);
                let of = |f: fn(f32, f32) -> f32| std::array::from_fn(|l| f(a.0[l], b.0[l]));
                check("add", x.add(y), of(|a, b| a + b));
                check("sub", x.sub(y), of(|a, b| a - b));
                check("mul", x.mul(y), of(|a, b| a * b));
                check("div", x.div(y), of(|a, b| a / b));
                check("max", x.max(y), of(|a, b| if a > b { a } else { b }));
                check("min", x.min(y), of(|a, b| if a < b { a } else { b }));
                check("mul_add", x.mul_add(y, y), of(|a, b| a.mul_add(b, b)));
                check("with_sign_of", x.with_sign_of(y), of(f32::copysign));
                let greater = of(|a, b| if a > b { -a } else { b });
                check("where_greater", x.mul(simd.splat(-1.0)).where_greater(x, y, y), greater);
            }
            for power in [-30_i8, -1, 0, 1, 30] {
                let scaled = a.0.map(|a| a * f32::from(power).exp2());
                check("scale", x.scale(simd.splat(f32::from(power))), scaled);
            }
        }
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "sums lie within a byte")]
    fn bytes_are_rounded_to_even_and_shifted() {
        let Some(simd) = Simd::new() else { return };
        let quarters = |from: i16| Line(std::array::from_fn(|l| (from as f32 + l as f32) / 4.0));
        for from in (-508..=476).step_by(31) {
            let given = [quarters(from), quarters(from + 1), quarters(-from), quarters(-from - 32)];
            let given = given.map(|line| Line(line.0.map(|x| x.clamp(-127.0, 127.0))));
            let mut out = WordLine::ZERO;
            V::bytes(std::array::from_fn(|i| simd.load(&given[i])), &mut out);
            for (l, word) in out.0.into_iter().enumerate() {
                let expected = given.map(|line| (line.0[l].round_ties_even() + 128.0) as u8);
                assert_eq!(word.to_le_bytes(), expected, "{from} {l}");
            }
        }
    }
}
