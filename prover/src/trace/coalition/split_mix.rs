//! Random numbers for simulations.

/// SplitMix64 (Steele, Lea, Flood 2014): a simulation draws billions of numbers, and needs no
/// secrets.
pub(super) struct SplitMix(u64);

impl SplitMix {
    /// A stream for each trial.
    pub(super) fn new(seed: u64, trial: u32) -> Self {
        let mut start = Self(seed);
        let seed = start.next();
        let mut stream = Self(seed ^ u64::from(trial).wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(stream.next())
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Uniform over 0 to 15.
    #[inline]
    pub(super) fn nibble(&mut self) -> u8 {
        u8::try_from(self.next() >> 60).unwrap_or(0)
    }

    /// Uniform over [0, 1).
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[inline]
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform below a small number, but for a bias far below what a simulation resolves.
    #[inline]
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or(0)
    }
}
