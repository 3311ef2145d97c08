//! Amounts as text: what people type, and what they read.

use alloy::primitives::U256;

/// Parses an amount into smallest units; the error says what is wrong with it.
pub(super) fn parse(text: &str, decimals: u8) -> Result<u128, String> {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let above = || "it is not below 2^128 smallest units".to_owned();
    if let Some(units) = text.strip_suffix('u') {
        if !is_number(units) {
            return Err("not a whole number of smallest units".to_owned());
        }
        return units.parse().map_err(|_| above());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || !is_number(&(whole.to_owned() + fraction)) {
        return Err("not a decimal number".to_owned());
    }
    if fraction.len() > usize::from(decimals) {
        return Err(format!("it has {} decimals, the currency has {decimals}", fraction.len()));
    }
    let padded = format!("{whole}{fraction:0<width$}", width = usize::from(decimals));
    padded.parse().map_err(|_| above())
}

/// Shows smallest units as a decimal number.
pub(super) fn show(units: U256, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{:0>width$}", units.to_string(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// Puts commas between the thousands of a decimal number.
pub(super) fn grouped(decimal: &str) -> String {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if fraction.is_empty() { text } else { format!("{text}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_round_trip() {
        for (text, units) in [("0", 0), ("1", 1_000_000), ("1.5", 1_500_000), ("0.000001", 1)] {
            assert_eq!(parse(text, 6).unwrap(), units, "{text}");
            assert_eq!(show(U256::from(units), 6), text);
        }
        assert_eq!(parse("12u", 6).unwrap(), 12);
        assert_eq!(parse("3", 0).unwrap(), 3);
        assert_eq!(parse("340282366920938463463374607431768211455u", 6).unwrap(), u128::MAX);
        assert_eq!(show(U256::from(u128::MAX), 18), "340282366920938463463.374607431768211455");
        assert_eq!(show(U256::from(1), 255).len(), 257);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            ".",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "u",
            "+5u",
            "340282366920938463463374607431768211456u",
            "340282366920938463463374607431769",
        ] {
            assert!(parse(text, 6).is_err(), "{text}");
        }
        assert!(parse("1", 255).is_err());
    }

    #[test]
    fn thousands_are_grouped() {
        for (text, shown) in [("0", "0"), ("999", "999"), ("1050.5", "1,050.5")] {
            assert_eq!(grouped(text), shown);
        }
        assert_eq!(grouped("1234567.000001"), "1,234,567.000001");
    }
}
