//! Exact probabilities of a false verdict, by enumeration and dynamic programming.

use num_bigint::BigUint;
use oml_contracts::evidence::{EvidenceTerms, Log2, Multiplier, log2_ceil, log2_floor};

use crate::dyadic::Dyadic;

/// Denominator of every null probability.
const SCALE_BITS: u64 = 16;

/// One part of a universe under innocence: a hit has probability `p` / 65,536.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Null {
    /// Probability of a hit in 1/65,536.
    pub p: u32,
    /// log2 of the hit's multiplier as the contract has it.
    pub hit: i64,
    /// log2 of the miss's multiplier as the contract has it.
    pub miss: i64,
}

impl Null {
    fn new(p: u32, hit: Multiplier, miss: Multiplier) -> Self {
        let log2 = |m: Multiplier| log2_floor(m.raw().into()).raw();
        Self { p, hit: log2(hit), miss: log2(miss) }
    }

    /// The personal part: 1/16.
    #[must_use]
    pub fn personal(terms: &EvidenceTerms) -> Self {
        Self::new(4096, terms.personal_hit, terms.personal_miss)
    }

    /// The shared part: an observed hit lies in the license's assignment with its probability.
    #[must_use]
    pub fn shared(terms: &EvidenceTerms) -> Self {
        Self::new(terms.assignment_p.into(), terms.shared_hit, terms.shared_miss)
    }

    const fn q(self) -> u32 {
        65_536 - self.p
    }

    const fn evidence(self, hits: u32, misses: u32) -> i64 {
        hits as i64 * self.hit + misses as i64 * self.miss
    }
}

/// How the number of cases raises the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// log2(c), the contract's. The cases of one license have one law of the evidence E, so their
    /// errors add up to `Σ P(αE ≥ c) ≤ E[αE] ≤ α`.
    Cases,
    /// log2(c·(c+1)): the errors add up to α even if every case had a law of its own.
    CasesTimesNext,
}

impl Counting {
    /// What the evidence of the `case`-th case (from 1) among `licenses` must reach.
    #[must_use]
    pub fn threshold(self, alpha_inverse: u64, case: u32, licenses: u32) -> Log2 {
        let case = u128::from(case.max(1));
        let weight = match self {
            Self::Cases => case,
            Self::CasesTimesNext => case * (case + 1),
        };
        let log2 = |n: u128| log2_ceil(n.max(1) << 32).raw();
        Log2::new(log2(alpha_inverse.into()) + log2(weight) + log2(licenses.into()))
    }
}

/// Binomial weights of `n` observations: `weights[k] / 65,536^n` is the probability of `k` hits.
fn weights(null: Null, n: u32) -> Vec<BigUint> {
    let mut row = vec![BigUint::from(1_u8)];
    for _ in 0..n {
        let mut next = vec![BigUint::ZERO; row.len() + 1];
        for (hits, weight) in row.iter().enumerate() {
            next[hits] += weight * null.q();
            next[hits + 1] += weight * null.p;
        }
        row = next;
    }
    row
}

/// Least number of hits among `n` that reaches the threshold, if any does.
#[must_use]
pub fn least_hits(null: Null, n: u32, threshold: Log2) -> Option<u32> {
    (0..=n).find(|hits| null.evidence(*hits, n - hits) >= threshold.raw())
}

/// P(the evidence of exactly `n` observations reaches the threshold).
#[must_use]
pub fn one_look(null: Null, n: u32, threshold: Log2) -> Dyadic {
    let from = least_hits(null, n, threshold).map_or(usize::MAX, |k| k as usize);
    let sum = weights(null, n).into_iter().skip(from).sum();
    Dyadic::new(sum, SCALE_BITS * u64::from(n))
}

/// P(the evidence reaches the threshold after one of the first `n` observations): a reporter who
/// looks after each and stops when it suffices.
#[must_use]
pub fn stopped(null: Null, n: u32, threshold: Log2) -> Dyadic {
    let mut alive = vec![BigUint::from(1_u8)];
    let mut crossed = BigUint::ZERO;
    for t in 1..=n {
        crossed <<= SCALE_BITS;
        let mut next = vec![BigUint::ZERO; alive.len() + 1];
        for (hits, weight) in alive.iter().enumerate() {
            next[hits] += weight * null.q();
            next[hits + 1] += weight * null.p;
        }
        for (hits, weight) in (0_u32..).zip(&mut next) {
            if null.evidence(hits, t - hits) >= threshold.raw() {
                crossed += std::mem::take(weight);
            }
        }
        alive = next;
    }
    Dyadic::new(crossed, SCALE_BITS * u64::from(n))
}

/// P(reached) with both parts at one look, of `personal` and `shared` observations.
#[must_use]
pub fn both_parts(terms: &EvidenceTerms, personal: u32, shared: u32, threshold: Log2) -> Dyadic {
    let (first, second) = (Null::personal(terms), Null::shared(terms));
    // Suffix sums of the shared part, so that each personal count needs one product.
    let mut tails = weights(second, shared);
    for i in (0..tails.len() - 1).rev() {
        let above = tails[i + 1].clone();
        tails[i] += above;
    }
    let mut sum = BigUint::ZERO;
    for (hits, weight) in (0_u32..).zip(weights(first, personal)) {
        let have = first.evidence(hits, personal - hits);
        let enough =
            (0..=shared).find(|k| have + second.evidence(*k, shared - k) >= threshold.raw());
        if let Some(k) = enough {
            sum += weight * &tails[k as usize];
        }
    }
    Dyadic::new(sum, SCALE_BITS * u64::from(personal + shared))
}

/// Layers of states (personal hits, personal misses, shared hits); the shared misses are the rest.
struct Layer {
    total: u32,
    values: Vec<BigUint>,
}

impl Layer {
    /// Place of a state: states are listed by hits, then misses, then shared hits.
    fn place(total: u32, state: [u32; 3]) -> usize {
        let [h, m, a] = state.map(u64::from);
        let t = u64::from(total);
        let tetrahedron = |n: u64| n * (n + 1) * (n + 2) / 6;
        let triangle = |n: u64| n * (n + 1) / 2;
        let before_h = tetrahedron(t + 1) - tetrahedron(t + 1 - h);
        let before_m = triangle(t + 1 - h) - triangle(t + 1 - h - m);
        usize::try_from(before_h + before_m + a).unwrap_or(usize::MAX)
    }

    fn at(&self, state: [u32; 3]) -> &BigUint {
        &self.values[Self::place(self.total, state)]
    }

    fn states(total: u32) -> impl Iterator<Item = [u32; 3]> {
        (0..=total).flat_map(move |h| {
            (0..=total - h).flat_map(move |m| (0..=total - h - m).map(move |a| [h, m, a]))
        })
    }
}

/// The largest probability of ever reaching the threshold within `n` observations, over every
/// adaptive strategy: after each observation an adversary chooses which part is asked next, or
/// stops.
#[must_use]
pub fn adaptive(terms: &EvidenceTerms, n: u32, threshold: Log2) -> Dyadic {
    let (first, second) = (Null::personal(terms), Null::shared(terms));
    let reached = |total: u32, [h, m, a]: [u32; 3]| {
        first.evidence(h, m) + second.evidence(a, total - h - m - a) >= threshold.raw()
    };
    let mut layer = Layer { total: n, values: Vec::new() };
    layer.values = Layer::states(n).map(|s| BigUint::from(u8::from(reached(n, s)))).collect();
    for total in (0..n).rev() {
        let sure = BigUint::from(1_u8) << (SCALE_BITS * u64::from(n - total));
        let value = |state: [u32; 3]| {
            if reached(total, state) {
                return sure.clone();
            }
            let [h, m, a] = state;
            let personal = layer.at([h + 1, m, a]) * first.p + layer.at([h, m + 1, a]) * first.q();
            let shared = layer.at([h, m, a + 1]) * second.p + layer.at([h, m, a]) * second.q();
            personal.max(shared)
        };
        let values = Layer::states(total).map(value).collect();
        layer = Layer { total, values };
    }
    let value = layer.values.into_iter().next().unwrap_or_default();
    Dyadic::new(value, SCALE_BITS * u64::from(n))
}

/// Sum over the first `cases` cases of `n` personal observations each of the probability of a false
/// verdict: a bound for a reporter who opens them all and keeps the lucky one.
#[must_use]
pub fn many_cases(terms: &EvidenceTerms, n: u32, cases: u32, counting: Counting) -> Dyadic {
    let null = Null::personal(terms);
    let mut tails = weights(null, n);
    for i in (0..tails.len() - 1).rev() {
        let above = tails[i + 1].clone();
        tails[i] += above;
    }
    let mut sum = BigUint::ZERO;
    for case in 1..=cases {
        let limit = counting.threshold(terms.alpha_inverse, case, 1);
        if let Some(hits) = least_hits(null, n, limit) {
            sum += &tails[hits as usize];
        }
    }
    Dyadic::new(sum, SCALE_BITS * u64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets;
    use oml_contracts::evidence::{EValue, EvidenceCounts, threshold};

    #[test]
    fn the_decision_is_that_of_the_bindings() {
        for set in sets::shipped().unwrap() {
            let (personal, shared) = (Null::personal(&set.terms), Null::shared(&set.terms));
            let evidence = EValue::new(&set.terms).unwrap().with(EvidenceCounts {
                personal_hits: 14,
                personal_misses: 26,
                shared_inside: 30,
                shared_outside: 10,
            });
            let ours = personal.evidence(14, 26) + shared.evidence(30, 10);
            assert_eq!(evidence.log2().raw(), ours, "{}", set.name);
            assert_eq!(
                Counting::Cases.threshold(set.terms.alpha_inverse, 7, 2048),
                threshold(set.terms.alpha_inverse, 7, 2048)
            );
        }
    }

    #[test]
    fn probabilities_of_small_cases_are_those_by_hand() {
        let fair = Null { p: 32_768, hit: 1 << 32, miss: -(1 << 32) };
        let one = Log2::new(1 << 32);
        assert_eq!(least_hits(fair, 3, one), Some(2));
        assert_eq!(one_look(fair, 3, one).to_f64(), 0.5);
        // H, or THH: a walk from 0 that reaches 1 within three steps.
        assert_eq!(stopped(fair, 3, one).to_f64(), 0.625);
        assert_eq!(one_look(fair, 3, Log2::new(4 << 32)).to_f64(), 0.0);
    }

    #[test]
    fn every_layout_of_a_layer_is_a_permutation() {
        for total in 0..9 {
            let places: Vec<usize> = Layer::states(total).map(|s| Layer::place(total, s)).collect();
            assert_eq!(places, (0..places.len()).collect::<Vec<_>>());
        }
    }
}
