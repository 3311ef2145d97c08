//! Logarithms to more bits than anything here needs.

use alloy::primitives::{U256, U512};

/// Bits of the mantissa; each bit of the result costs one bit of them.
const MANTISSA: usize = 255;

/// Fractional bits of a multiplier and of a logarithm.
const FRACTION: usize = 32;
/// What a hit multiplies the evidence by: 6.4, rounded down.
const HIT: u64 = 27_487_790_694;
/// What a miss multiplies the evidence by: 0.64, rounded down.
const MISS: u64 = 2_748_779_069;

/// Logarithm of a whole number above zero in fixed point, rounded up.
pub(super) fn log2_ceil(x: U256) -> i64 {
    log2(x, FRACTION).to::<i64>() + i64::from(x.count_ones() != 1)
}

/// Logarithm of the evidence of an innocent's answers, each step rounded in its favor.
pub(super) fn evidence(hits: u32, misses: u32) -> i64 {
    let of =
        |raw: u64| log2(U256::from(raw), FRACTION).to::<i64>() - ((FRACTION as i64) << FRACTION);
    i64::from(hits) * of(HIT) + i64::from(misses) * of(MISS)
}

/// `floor(2^bits · log2(x))` of a positive integer, for at most 96 bits: squaring doubles the
/// logarithm and with it the relative error, which stays below 2^-150.
fn log2(x: U256, bits: usize) -> U256 {
    let top = x.bit_len().saturating_sub(1);
    let mut mantissa = U512::from(x) << (MANTISSA - top);
    let mut result = U256::from(top);
    for _ in 0..bits {
        mantissa = (mantissa * mantissa) >> MANTISSA;
        let one = mantissa.bit_len() > MANTISSA + 1;
        if one {
            mantissa >>= 1;
        }
        result = (result << 1) + U256::from(u8::from(one));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_have_whole_logarithms_and_others_their_digits() {
        assert_eq!(log2(U256::from(1), 32), U256::ZERO);
        assert_eq!(log2(U256::from(1_u64 << 40), 32), U256::from(40_u64 << 32));
        // log2(10) = 3.321928094887362347870319429489390175864831393024580612054756…
        let digits = log2(U256::from(10), 60).to::<u64>();
        assert_eq!(digits, 3_829_922_337_353_294_527);
        assert_eq!(log2(U256::from(10), 96) >> 36, U256::from(digits));
    }
}
