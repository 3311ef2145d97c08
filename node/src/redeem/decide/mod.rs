//! When the host claims, and which vouchers: a pure decision.

use oml_contracts::Amount;

use crate::chain::ChannelView;
use oml_payments::SignedVoucher;

/// When to claim; whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClaimPolicy {
    /// Unclaimed amount of all channels together.
    pub threshold: Amount,
    /// Age of the oldest unclaimed receipt, in seconds.
    pub interval_secs: u64,
    /// Most rows in one claim.
    pub max_rows: usize,
}

/// A channel with something served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChannelClaim {
    /// As the chain has it.
    pub channel: ChannelView,
    /// The voucher that pays for everything served.
    pub voucher: SignedVoucher,
    /// Date of the oldest receipt that is not settled, Unix seconds.
    pub oldest_unsettled: u64,
}

impl ChannelClaim {
    /// What a claim would add, as far as the deposit reaches.
    #[must_use]
    pub(crate) fn claimable(&self) -> Amount {
        if self.voucher.cumulative_amount > self.channel.deposited {
            return Amount::ZERO;
        }
        self.voucher.cumulative_amount.saturating_sub(self.channel.claimed)
    }
}

/// The license that the vouchers pay to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClaimedLicense {
    /// Whether it is active.
    pub active: bool,
    /// End of its term, Unix seconds.
    pub expires_at: u64,
    /// Seconds within which units must be settled; later they are a proof of under-metering.
    pub settlement_period: u64,
    /// Largest amount that a claim may add now: what the collateral covers, less the takings.
    pub at_once: Amount,
}

/// Why a claim is made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClaimReason {
    /// A payer leaves; after the thaw its deposit is gone.
    Thaw,
    /// The license is over.
    LicenseEnd,
    /// Half of the settlement period is over.
    SettlementDue,
    /// Enough is unclaimed.
    Threshold,
    /// It has been long enough.
    Interval,
}

impl ClaimReason {
    /// Stable name for logs and metrics.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thaw => "thaw",
            Self::LicenseEnd => "license_end",
            Self::SettlementDue => "settlement_due",
            Self::Threshold => "threshold",
            Self::Interval => "interval",
        }
    }
}

/// A claim to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimPlan {
    /// What makes the claim due.
    pub reason: ClaimReason,
    /// The rows, most urgent first.
    pub rows: Vec<SignedVoucher>,
    /// What they add together.
    pub total: Amount,
    /// Channels that have to wait for the next claim.
    pub left: usize,
}

/// What to claim now, if anything.
///
/// Everything claimable is taken along once there is a reason, the urgent first: a row costs little
/// beside the transaction that carries it.
#[must_use]
pub(crate) fn plan(
    channels: &[ChannelClaim],
    license: &ClaimedLicense,
    policy: &ClaimPolicy,
    now: u64,
) -> Option<ClaimPlan> {
    let open: Vec<&ChannelClaim> = channels.iter().filter(|c| !c.claimable().is_zero()).collect();
    let sum = open.iter().fold(0_u128, |sum, c| sum.saturating_add(c.claimable().get()));
    let common = if !license.active || now >= license.expires_at {
        Some(ClaimReason::LicenseEnd)
    } else if Amount::new(sum) >= policy.threshold {
        Some(ClaimReason::Threshold)
    } else {
        None
    };
    let mut urgency: Vec<(Option<ClaimReason>, &ChannelClaim)> =
        open.into_iter().map(|c| (own_reason(c, license, policy, now), c)).collect();
    let reason = urgency.iter().filter_map(|(own, _)| *own).chain(common).min()?;
    // A reason of its own comes before none; then the largest amount.
    urgency.sort_by_key(|(own, c)| {
        (own.is_none(), *own, std::cmp::Reverse(c.claimable()), c.voucher.channel_id)
    });
    let mut chosen = ClaimPlan { reason, rows: Vec::new(), total: Amount::ZERO, left: 0 };
    for (_, claim) in urgency {
        let total = chosen.total.checked_add(claim.claimable());
        match total.filter(|t| *t <= license.at_once && chosen.rows.len() < policy.max_rows) {
            Some(total) => {
                chosen.total = total;
                chosen.rows.push(claim.voucher.clone());
            }
            None => chosen.left += 1,
        }
    }
    (!chosen.rows.is_empty()).then_some(chosen)
}

/// Vouchers to reserve: of channels that can't wait, where `chosen` left them out because the
/// collateral does not cover them now. A reservation keeps the amount from the payer's withdrawal
/// and counts as declared.
#[must_use]
pub(crate) fn reservations<'a>(
    channels: &'a [ChannelClaim],
    license: &ClaimedLicense,
    policy: &ClaimPolicy,
    chosen: Option<&ClaimPlan>,
    now: u64,
) -> Vec<&'a ChannelClaim> {
    let is_chosen = |claim: &ChannelClaim| {
        let rows = chosen.map_or(&[][..], |plan| &plan.rows);
        rows.iter().any(|row| row.channel_id == claim.voucher.channel_id)
    };
    // What only lacked a place among the rows is claimed at the next head.
    let total = chosen.map_or(Amount::ZERO, |plan| plan.total);
    let is_uncovered = |claim: &ChannelClaim| {
        total.checked_add(claim.claimable()).is_none_or(|sum| sum > license.at_once)
    };
    let cannot_wait = |claim: &ChannelClaim| {
        let reason = own_reason(claim, license, policy, now);
        matches!(reason, Some(ClaimReason::Thaw | ClaimReason::SettlementDue))
    };
    channels
        .iter()
        .filter(|claim| !claim.claimable().is_zero() && !is_chosen(claim))
        .filter(|claim| is_uncovered(claim) && cannot_wait(claim))
        .collect()
}

fn own_reason(
    claim: &ChannelClaim,
    license: &ClaimedLicense,
    policy: &ClaimPolicy,
    now: u64,
) -> Option<ClaimReason> {
    let age = now.saturating_sub(claim.oldest_unsettled);
    if claim.channel.thaw_end != 0 {
        Some(ClaimReason::Thaw)
    } else if age >= license.settlement_period / 2 {
        Some(ClaimReason::SettlementDue)
    } else if age >= policy.interval_secs {
        Some(ClaimReason::Interval)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
