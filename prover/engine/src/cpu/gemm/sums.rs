//! Sums of halves of activations, of which [`Halved`](super::halves::Halved) products are made.

use crate::cpu::line::{Line, room};
use crate::cpu::simd::vectorized;
use crate::cpu::vector::Simd;

/// Activations as halved products take them: two positions of the same sequences, or one.
pub(super) enum HalfSums<'a> {
    /// Two positions, in the order of the products.
    Pair([&'a [Line]; 7]),
    /// One position: its halves, and the first less the second.
    Single([&'a [Line]; 3]),
}

/// Sums of a pair; a single position has one.
const SUMS: usize = 5;

impl<'a> HalfSums<'a> {
    /// Panels two by two, with what [`write_sums`] made of them.
    pub(super) fn of(
        x: &'a [Line],
        inner: usize,
        sums: &'a [Line],
    ) -> impl Iterator<Item = HalfSums<'a>> {
        let half = inner / 2;
        x.chunks(2 * inner).zip(sums.chunks(SUMS * half)).map(move |(x, sums)| {
            let sum = |i: usize| &sums[i * half..][..half];
            match x.split_at(inner) {
                (p, []) => HalfSums::Single([&p[..half], &p[half..], sum(0)]),
                (p, q) => {
                    HalfSums::Pair([sum(0), &p[..half], sum(1), sum(2), &q[half..], sum(3), sum(4)])
                }
            }
        })
    }
}

/// Sums of the halves of panels `x: [panels, inner]`, two panels at a time.
pub(super) fn write_sums(simd: Simd, x: &[Line], inner: usize, sums: &mut Vec<Line>) {
    let half = inner / 2;
    let sums = room(sums, (x.len() / inner).div_ceil(2) * SUMS * half);
    for (x, sums) in x.chunks(2 * inner).zip(sums.chunks_mut(SUMS * half)) {
        let (p, q) = x.split_at(inner);
        let (p1, p2) = p.split_at(half);
        if q.is_empty() {
            combine(simd, p1, p2, -1.0, &mut sums[..half]);
            continue;
        }
        let (q1, q2) = q.split_at(half);
        let terms = [(p1, q2, 1.0), (q1, q2, -1.0), (p2, p1, -1.0), (p1, q1, 1.0), (p2, q2, 1.0)];
        for ((a, b, sign), out) in terms.into_iter().zip(sums.chunks_mut(half)) {
            combine(simd, a, b, sign, out);
        }
    }
}

/// `a + sign · b`.
fn combine(simd: Simd, a: &[Line], b: &[Line], sign: f32, out: &mut [Line]) {
    vectorized(
        #[inline(always)]
        || {
            let sign = simd.splat(sign);
            for ((a, b), out) in a.iter().zip(b).zip(out) {
                simd.load(b).mul_add(sign, simd.load(a)).store(out);
            }
        },
    );
}
