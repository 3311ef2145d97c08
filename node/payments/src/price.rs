//! What units cost: the same arithmetic as `PaymentEscrow`, for the payer and for the host.

use oml_contracts::{Amount, EthAddress, Terms};
use serde::{Deserialize, Serialize};

/// Price of a license's units, from its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Token contract, zero for the chain's native currency.
    pub currency: EthAddress,
    /// Smallest units of the currency for each request.
    pub per_request: Amount,
    /// Smallest units of the currency for each 1,000 tokens, prompt and answer together.
    pub per_thousand_tokens: Amount,
}

impl Price {
    /// The price that an offer's terms fix.
    #[must_use]
    pub const fn of_terms(terms: &Terms) -> Self {
        Self {
            currency: terms.currency,
            per_request: terms.price_per_request,
            per_thousand_tokens: terms.price_per_thousand_tokens,
        }
    }

    /// `perRequest·requests + ⌊perThousandTokens·tokens / 1000⌋`, the floor below which
    /// `PaymentEscrow.claim` refuses a row; `None` if no amount could hold it.
    #[must_use]
    pub fn of(&self, requests: u64, tokens: u64) -> Option<Amount> {
        let requests = self.per_request.checked_mul(u128::from(requests))?;
        // p·(1000q + r) / 1000 = p·q + p·r / 1000, so only what does not fit the result overflows.
        let whole = self.per_thousand_tokens.checked_mul(u128::from(tokens / 1000))?;
        let rest = self.per_thousand_tokens.checked_mul(u128::from(tokens % 1000))?.get() / 1000;
        requests.checked_add(whole)?.checked_add(Amount::new(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(request: u128, thousand: u128) -> Price {
        Price {
            currency: EthAddress::ZERO,
            per_request: Amount::new(request),
            per_thousand_tokens: Amount::new(thousand),
        }
    }

    #[test]
    fn tokens_round_down_once_for_the_sum() {
        for (request, thousand, requests, tokens, expected) in [
            (10, 0, 3, 999, 30),
            (0, 1, 5, 999, 0),
            (0, 1, 5, 1_000, 1),
            (0, 1_000, 1, 1, 1),
            (7, 1_500, 2, 1_001, 14 + 1_501),
            (0, 0, u128::from(u64::MAX), u128::from(u64::MAX), 0),
        ] {
            let requests = u64::try_from(requests).unwrap();
            let tokens = u64::try_from(tokens).unwrap();
            assert_eq!(
                price(request, thousand).of(requests, tokens),
                Some(Amount::new(expected)),
                "{request} {thousand} {requests} {tokens}"
            );
        }
    }

    #[test]
    fn what_no_amount_holds_has_no_price() {
        assert_eq!(price(u128::MAX, 0).of(2, 0), None);
        assert_eq!(price(0, u128::MAX).of(0, 2_000), None);
        assert_eq!(price(0, u128::MAX).of(0, 1_000), Some(Amount::MAX));
        assert_eq!(price(1, u128::MAX).of(1, 1_000), None);
    }
}
