//! Shares and probabilities that flags name.

use crate::error::{FailureKind, fail};
use eyre::Result;
use oml_contracts::Bps;

/// A share from 0 to 1 as basis points.
pub(crate) fn share(flag: &str, value: f64) -> Result<Bps> {
    if !(0.0..=1.0).contains(&value) {
        return Err(fail(
            format!("--{flag} {value} is not between 0 and 1"),
            "it is a share, e.g. 0.33",
            FailureKind::Failed,
        ));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10,000")]
    let bps = (value * 10_000.0).round() as u16;
    Ok(Bps::new(bps)?)
}

/// 1/alpha of a flag.
pub(crate) fn alpha_inverse(alpha: f64) -> Result<u64> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(fail(
            format!("--alpha {alpha} is not between 0 and 1"),
            "it is a probability",
            FailureKind::Failed,
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1/alpha is positive and saturates"
    )]
    Ok((1.0 / alpha).round().max(2.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_basis_points() {
        assert_eq!(share("hostile", 0.33).unwrap().get(), 3_300);
        let error = share("hostile", 1.1).unwrap_err().to_string();
        assert!(error.contains("--hostile 1.1"), "{error}");
        assert!(share("hostile", f64::NAN).is_err());
    }

    #[test]
    fn an_error_rate_has_an_inverse_of_two_at_least() {
        assert_eq!(alpha_inverse(1e-12).unwrap(), 1_000_000_000_000);
        assert_eq!(alpha_inverse(0.9).unwrap(), 2);
        for bad in [0.0, 1.0, f64::NAN] {
            assert!(alpha_inverse(bad).is_err());
        }
    }
}
