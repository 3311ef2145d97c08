//! Which rules a call breaks.

use alloy::primitives::U256;
use alloy::sol_types::SolError;

use super::Refused;

alloy::sol! {
    /// What comes with the call is not what it has to bring.
    #[derive(Debug)]
    error Currency_WrongValue(uint256 sent, uint256 expected);
}

/// All broken rules of a call. The documents do not say which is looked at first, so each may be the answer.
#[derive(Debug, Default)]
pub(super) struct Faults {
    reasons: Vec<Vec<u8>>,
    unnamed: bool,
}

impl Faults {
    /// The rule has an error of its own.
    pub(super) fn unless(&mut self, holds: bool, error: impl SolError) {
        if !holds {
            self.reasons.push(error.abi_encode());
        }
    }

    /// The rule is somebody else's, as a token's.
    pub(super) const fn unless_unnamed(&mut self, holds: bool) {
        self.unnamed |= !holds;
    }

    /// Native currency has to come with the call, exactly; with a token none.
    pub(super) fn value(&mut self, native: bool, amount: u128, value: u128) {
        let expected = U256::from(if native { amount } else { 0 });
        let sent = U256::from(value);
        self.unless(sent == expected, Currency_WrongValue { sent, expected });
    }

    /// Whether any rule is broken.
    pub(super) const fn any(&self) -> bool {
        self.unnamed || !self.reasons.is_empty()
    }

    /// No rule may be broken.
    pub(super) fn none(self) -> Result<(), Refused> {
        if !self.any() {
            return Ok(());
        }
        let reasons = if self.unnamed { Vec::new() } else { self.reasons };
        Err(Refused { reasons })
    }
}
