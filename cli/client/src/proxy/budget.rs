//! How much the next request may promise, from what was promised before. Pure.

use oml_contracts::Amount;
use std::collections::BTreeMap;

/// Seconds of a day.
const DAY: u64 = 86_400;

/// What may be promised at most, smallest units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpendingLimits {
    /// In one day of UTC, over all models.
    pub per_day: Option<Amount>,
    /// For one request.
    pub per_request: Option<Amount>,
    /// In one day of UTC, by the model's name as clients write it.
    pub per_model: BTreeMap<String, Amount>,
}

/// What was promised at some time, for a request to some model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastPromise {
    pub(crate) at: u64,
    pub(crate) model: String,
    pub(crate) amount: Amount,
}

/// Which limit leaves the least, and what it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) amount: Amount,
    pub(crate) limit: LimitKind,
}

/// The limit that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// The channel's deposit, or the budget of the whole channel.
    Channel,
    Request,
    Day,
    Model,
}

impl LimitKind {
    /// As people and clients read it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Channel => "the channel's deposit",
            Self::Request => "the budget of a request",
            Self::Day => "the budget of the day",
            Self::Model => "the model's budget of the day",
        }
    }
}

impl SpendingLimits {
    /// What one more request to `model` may promise at `now`. A request counts on the day on which
    /// it began.
    pub(crate) fn allowance(
        &self,
        past: &[PastPromise],
        model: &str,
        now: u64,
        left_in_channel: Amount,
    ) -> Allowance {
        let today = past.iter().filter(|promise| promise.at / DAY == now / DAY);
        let sum = |promises: &mut dyn Iterator<Item = &PastPromise>| {
            promises.fold(0_u128, |sum, promise| sum.saturating_add(promise.amount.get()))
        };
        let of_day = sum(&mut today.clone());
        let of_model = sum(&mut today.filter(|promise| promise.model == model));
        let left = |limit: Amount, used: u128| Amount::new(limit.get().saturating_sub(used));
        let limits = [
            (LimitKind::Request, self.per_request),
            (LimitKind::Day, self.per_day.map(|limit| left(limit, of_day))),
            (LimitKind::Model, self.per_model.get(model).map(|limit| left(*limit, of_model))),
        ];
        let mut least = Allowance { amount: left_in_channel, limit: LimitKind::Channel };
        for (limit, amount) in limits {
            if let Some(amount) = amount.filter(|amount| *amount < least.amount) {
                least = Allowance { amount, limit };
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 20_000 * DAY + DAY / 2;

    fn promise(at: u64, model: &str, amount: u128) -> PastPromise {
        PastPromise { at, model: model.to_owned(), amount: Amount::new(amount) }
    }

    fn limits() -> SpendingLimits {
        SpendingLimits {
            per_day: Some(Amount::new(100)),
            per_request: Some(Amount::new(40)),
            per_model: BTreeMap::from([("large".to_owned(), Amount::new(50))]),
        }
    }

    fn allowed(past: &[PastPromise], model: &str, now: u64) -> (u128, LimitKind) {
        let found = limits().allowance(past, model, now, Amount::new(1_000));
        (found.amount.get(), found.limit)
    }

    #[test]
    fn the_tightest_limit_decides() {
        assert_eq!(allowed(&[], "small", NOON), (40, LimitKind::Request));
        let past = [promise(NOON - 1, "small", 70)];
        assert_eq!(allowed(&past, "small", NOON), (30, LimitKind::Day));
        let past = [promise(NOON - 1, "large", 30)];
        assert_eq!(allowed(&past, "large", NOON), (20, LimitKind::Model));
        assert_eq!(allowed(&past, "small", NOON), (40, LimitKind::Request));
        let past = [promise(NOON - 1, "small", 400)];
        assert_eq!(allowed(&past, "small", NOON), (0, LimitKind::Day));
        let none = SpendingLimits::default().allowance(&past, "x", NOON, Amount::new(7));
        assert_eq!(none, Allowance { amount: Amount::new(7), limit: LimitKind::Channel });
    }

    #[test]
    fn a_day_ends_at_midnight_of_utc() {
        let midnight = 20_001 * DAY;
        let past = [promise(midnight - 1, "small", 100)];
        assert_eq!(allowed(&past, "small", midnight - 1).0, 0);
        assert_eq!(allowed(&past, "small", midnight), (40, LimitKind::Request));
        let huge = [promise(NOON, "a", u128::MAX), promise(NOON, "b", u128::MAX)];
        assert_eq!(allowed(&huge, "a", NOON).0, 0);
    }
}
