//! The mean of several bets, which is evidence like each of them.
//!
//! Whoever does not know how much of a copy's answers is left bets a part of the stake on each of
//! several cases. Every bet is a nonnegative process that an innocent target multiplies by 1 on
//! average at most, so their mean is one too, and by Ville's inequality (Étude critique de la
//! notion de collectif, 1939) it ever reaches 1/α with probability α at most: one may look after
//! each answer and stop when one likes. A mixture over the alternatives is Robbins's (Statistical
//! methods related to the law of the iterated logarithm, 1970).

use oml_contracts::evidence::Log2;

/// One bit in fixed point with 32 fractional bits.
pub(super) const BIT: f64 = 4_294_967_296.0;
/// Units of the last place that are taken off, more than the sum's rounding can add.
const SLACK: i128 = 2;

/// Logarithm of the mean of bets that are given by their logarithms, with 32 fractional bits; never
/// above the true one.
pub(crate) fn log2_mean(logs: &[i128]) -> Log2 {
    let Some(most) = logs.iter().copied().max() else { return Log2::new(0) };
    let sum: f64 = logs.iter().map(|log| ((log - most) as f64 / BIT).exp2()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "between -64 and 0 bits")]
    let share = ((sum / logs.len() as f64).log2() * BIT).floor() as i128;
    clamped(most + share - SLACK)
}

/// The nearest logarithm that can be kept.
pub(crate) fn clamped(log: i128) -> Log2 {
    Log2::new(i64::try_from(log.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or(i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_bet_is_its_own_mean_and_no_bet_says_nothing() {
        assert_eq!(log2_mean(&[]), Log2::new(0));
        assert_eq!(log2_mean(&[5 << 32]), Log2::new((5 << 32) - 2));
        assert_eq!(log2_mean(&[i128::MAX / 4]), Log2::new(i64::MAX));
        assert_eq!(log2_mean(&[i128::MIN / 4]), Log2::new(i64::MIN));
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_best_bet_and_its_part(
            logs in proptest::collection::vec(-200_i128 << 32..200 << 32, 1..12),
        ) {
            let (most, parts) = (*logs.iter().max().unwrap(), logs.len() as f64);
            let mean = log2_mean(&logs);
            prop_assert!(i128::from(mean.raw()) <= most);
            prop_assert!(mean.to_f64() >= most as f64 / BIT - parts.log2() - 1e-8);
        }
    }
}
