//! Amounts that people type: `1.5` in the currency's units, or `1500000u` in its smallest unit.

use crate::error::{FailureKind, Result, fail};
use alloy::primitives::U256;
use alloy::primitives::utils::format_ether;

/// Decimals assumed where no token says otherwise.
pub const DEFAULT_DECIMALS: u8 = 6;

/// Parses an amount into the smallest unit.
///
/// # Errors
/// Not a number, more decimals than the currency has, or above `u128`.
pub fn parse(text: &str, decimals: u8) -> Result<u128> {
    let bad = |why: &str| {
        fail(
            format!("{text:?} is not an amount: {why}"),
            format!(
                "write e.g. 1.5 (at most {decimals} decimals), or 1500000u for the smallest unit"
            ),
            FailureKind::Failed,
        )
    };
    if let Some(units) = text.strip_suffix('u') {
        return units.parse().map_err(|_| bad("not a whole number of smallest units"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > usize::from(decimals) {
        return Err(bad("too many decimals"));
    }
    if whole.is_empty() || !(whole.to_owned() + fraction).bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("not a decimal number"));
    }
    let padded = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
    padded.parse().map_err(|_| bad("too large"))
}

/// Shows an amount in the currency's units.
#[must_use]
pub fn show(amount: u128, decimals: u8) -> String {
    let digits = format!("{amount:0>width$}", width = usize::from(decimals) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Shows native currency, given in wei, in whole units.
#[must_use]
pub fn ether(wei: U256) -> String {
    format_ether(wei)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip() {
        for (text, units) in [("0", 0), ("1", 1_000_000), ("1.5", 1_500_000), ("0.000001", 1)] {
            assert_eq!(parse(text, 6).unwrap(), units, "{text}");
            assert_eq!(show(units, 6), text);
        }
        assert_eq!(parse("12u", 6).unwrap(), 12);
        assert_eq!(parse("3", 0).unwrap(), 3);
    }

    #[test]
    fn what_is_no_amount_is_refused_by_name() {
        for text in [
            "",
            ".",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "u",
            "340282366920938463463374607431768211456u",
        ] {
            let message = parse(text, 6).unwrap_err().to_string();
            assert!(message.contains(&format!("{text:?}")), "{message}");
        }
    }
}
