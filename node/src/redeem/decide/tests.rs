use oml_contracts::{ChannelId, EthAddress, RequestHash, Salt, Signature};
use proptest::prelude::*;

use super::*;
use crate::chain::ChannelStatus;

const NOW: u64 = 10_000;
const POLICY: ClaimPolicy =
    ClaimPolicy { threshold: Amount::new(1_000), interval_secs: 500, max_rows: 3 };

fn license() -> ClaimedLicense {
    ClaimedLicense {
        active: true,
        expires_at: NOW + 10_000,
        settlement_period: 2_000,
        at_once: Amount::new(5_000),
    }
}

/// A channel that owes `owed`, first served `age` seconds ago.
fn owes(id: u8, owed: u128, age: u64) -> ChannelClaim {
    ChannelClaim {
        channel: ChannelView {
            deposited: Amount::new(100_000),
            claimed: Amount::new(50),
            thaw_end: 0,
            status: ChannelStatus::Open,
        },
        voucher: SignedVoucher {
            channel_id: ChannelId::new([id; 32]),
            payer: EthAddress::new([id; 20]),
            signer: EthAddress::ZERO,
            salt: Salt::ZERO,
            cumulative_amount: Amount::new(50 + owed),
            cumulative_requests: 5,
            cumulative_tokens: 100,
            request_hash: RequestHash::ZERO,
            signature: Signature::new([id; 65]),
        },
        oldest_unsettled: NOW - age,
    }
}

fn thawing(mut claim: ChannelClaim) -> ChannelClaim {
    claim.channel.thaw_end = NOW + 5;
    claim
}

fn ids(plan: &ClaimPlan) -> Vec<u8> {
    plan.rows.iter().map(|row| row.channel_id.as_bytes()[0]).collect()
}

#[test]
fn a_claim_has_one_reason_and_takes_all_along() {
    let over = ClaimedLicense { expires_at: NOW, ..license() };
    let ended = ClaimedLicense { active: false, ..license() };
    type Case = (Vec<ChannelClaim>, ClaimedLicense, Option<(ClaimReason, Vec<u8>)>);
    let cases: Vec<Case> = vec![
        (vec![], license(), None),
        (vec![owes(1, 400, 10), owes(2, 599, 10)], license(), None),
        (
            vec![owes(1, 400, 10), owes(2, 600, 10)],
            license(),
            Some((ClaimReason::Threshold, vec![2, 1])),
        ),
        (
            vec![owes(1, 1, 500), owes(2, 600, 10)],
            license(),
            Some((ClaimReason::Interval, vec![1, 2])),
        ),
        (vec![owes(1, 1, 999)], license(), Some((ClaimReason::Interval, vec![1]))),
        (vec![owes(1, 1, 1_000)], license(), Some((ClaimReason::SettlementDue, vec![1]))),
        (
            vec![owes(1, 9, 1), thawing(owes(2, 1, 1))],
            license(),
            Some((ClaimReason::Thaw, vec![2, 1])),
        ),
        (vec![thawing(owes(2, 0, 1))], license(), None),
        (vec![owes(1, 1, 1)], over, Some((ClaimReason::LicenseEnd, vec![1]))),
        (vec![owes(1, 1, 1)], ended, Some((ClaimReason::LicenseEnd, vec![1]))),
        (vec![owes(1, 0, 9_000)], over, None),
    ];
    for (index, (channels, license, expected)) in cases.into_iter().enumerate() {
        let found = plan(&channels, &license, &POLICY, NOW).map(|plan| (plan.reason, ids(&plan)));
        assert_eq!(found, expected, "case {index}");
    }
}

#[test]
fn what_the_deposit_does_not_hold_is_not_claimed() {
    let mut claim = owes(1, 2_000, 1_500);
    claim.channel.deposited = Amount::new(2_049);
    assert_eq!(plan(&[claim.clone()], &license(), &POLICY, NOW), None);
    claim.channel.deposited = Amount::new(2_050);
    assert!(plan(&[claim], &license(), &POLICY, NOW).is_some());
}

#[test]
fn rows_and_collateral_bound_a_claim_and_urgent_rows_come_first() {
    let channels = [
        owes(1, 3_000, 1),
        owes(2, 2_500, 1),
        thawing(owes(3, 2_400, 1)),
        owes(4, 100, 1),
        owes(5, 90, 1),
    ];
    let found = plan(&channels, &license(), &POLICY, NOW).unwrap();
    // 3 thaws; 1 and 2 pass the collateral's 5,000 with it; 4 and 5 fill the three rows.
    assert_eq!(ids(&found), [3, 2, 4]);
    assert_eq!((found.total, found.left), (Amount::new(5_000), 2));
}

#[test]
fn what_leaves_and_is_not_covered_is_reserved() {
    let channels = [
        thawing(owes(1, 6_000, 1)),
        thawing(owes(2, 2_000, 1)),
        owes(3, 5_500, 1_000),
        owes(4, 9_000, 1),
        thawing(owes(5, 0, 1)),
    ];
    let found = plan(&channels, &license(), &POLICY, NOW).unwrap();
    assert_eq!(ids(&found), [2]);
    let kept = reservations(&channels, &license(), &POLICY, Some(&found), NOW);
    let kept: Vec<u8> = kept.iter().map(|c| c.voucher.channel_id.as_bytes()[0]).collect();
    assert_eq!(kept, [1, 3]);
    // Nothing can be claimed at all: both that leave are kept.
    let poor = ClaimedLicense { at_once: Amount::ZERO, ..license() };
    assert_eq!(plan(&channels, &poor, &POLICY, NOW), None);
    assert_eq!(reservations(&channels, &poor, &POLICY, None, NOW).len(), 3);
}

proptest! {
    #[test]
    fn a_claim_stays_within_its_bounds(
        channels in proptest::collection::vec((0_u128..4_000, 0_u64..3_000, any::<bool>()), 0..9),
        at_once in 0_u128..9_000,
    ) {
        let channels: Vec<ChannelClaim> = channels
            .into_iter()
            .zip(1_u8..)
            .map(|((owed, age, thaws), id)| if thaws { thawing(owes(id, owed, age)) } else { owes(id, owed, age) })
            .collect();
        let license = ClaimedLicense { at_once: Amount::new(at_once), ..license() };
        if let Some(plan) = plan(&channels, &license, &POLICY, NOW) {
            prop_assert!(!plan.rows.is_empty() && plan.rows.len() <= POLICY.max_rows);
            prop_assert!(plan.total <= license.at_once);
            let open = channels.iter().filter(|c| !c.claimable().is_zero()).count();
            prop_assert_eq!(plan.rows.len() + plan.left, open);
        }
    }
}
