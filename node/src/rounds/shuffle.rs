//! Orders that can be rebuilt from a seed.

use oml_contracts::hash::keccak256;

/// Numbers that depend on a seed only: keccak(seed ‖ counter), so that no library's generator is
/// part of what must be rebuilt weeks later.
#[derive(Debug)]
pub(crate) struct SeededNumbers {
    seed: [u8; 32],
    counter: u64,
}

impl SeededNumbers {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    fn next(&mut self) -> u64 {
        let mut preimage = [0_u8; 40];
        preimage[..32].copy_from_slice(&self.seed);
        preimage[32..].copy_from_slice(&self.counter.to_be_bytes());
        self.counter += 1;
        let hash: [u8; 32] = keccak256(&preimage);
        hash[..8].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// A number below `bound`, which is at most a length in memory; the bias is below 2^-32.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u128;
        usize::try_from((u128::from(self.next()) * bound) >> 64).unwrap_or(0)
    }
}

/// The numbers below `count` in an order that depends on `seed` only.
#[must_use]
pub(crate) fn shuffled_order(count: usize, seed: [u8; 32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    shuffle(&mut order, seed);
    order
}

/// Puts items into an order that depends on `seed` only (Fisher–Yates).
pub(crate) fn shuffle<T>(items: &mut [T], seed: [u8; 32]) {
    let mut numbers = SeededNumbers::new(seed);
    for end in (1..items.len()).rev() {
        items.swap(end, numbers.below(end + 1));
    }
}
