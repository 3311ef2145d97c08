#![expect(clippy::cast_possible_truncation, reason = "the numbers of these tests are small")]

use super::campaign::cheapest_rounds;
use super::odds::{
    CHANCE, Convictions, Framing, GainLaw, SeatLaw, Struck, binomial, binomial_tail, kept_law,
};
use super::plan::{SeatPlan, smallest_standing};
use super::*;
use crate::amount::{Amount, Bps};
use crate::evidence::{Log2, Multiplier, log2_ceil};
use proptest::prelude::*;

fn index(k: u8) -> RoundIndex {
    RoundIndex::new(k).unwrap()
}

fn bits(bits: f64) -> i64 {
    (bits * 4_294_967_296.0).round() as i64
}

#[test]
fn offered_sizes_strike_three_fifths() {
    for size in RoundSize::OFFERED {
        assert_eq!(size.struck(), 3 * size.seats() / 5);
        assert_eq!(size.leaves(), 8 * u16::from(size.seats()));
        assert_eq!(RoundSize::offered(size.seats()), Ok(size));
    }
    assert_eq!(RoundSize::offered(4), Ok(RoundSize::DEMO));
    assert_eq!((RoundSize::DEMO.kept(), RoundSize::DEMO.kept_leaves()), (3, 24));
    assert_eq!(RoundSize::offered(5), Err(RoundSizeError::Unknown(5)));
    for (seats, struck) in [(4, 4), (4, 5), (33, 1), (0, 0)] {
        assert_eq!(RoundSize::any(seats, struck), Err(RoundSizeError::Struck { seats, struck }));
    }
}

#[test]
fn the_bet_is_the_largest_fair_one_for_four_in_ten() {
    let bet = RoundBet::fair(RoundBet::HIT, RoundBet::MISS, 1, 16).unwrap();
    assert_eq!(bet, RoundBet::of_rounds());
    let raised = |m: Multiplier| Multiplier::new(m.raw() + 1);
    assert_eq!(Some(RoundBet::HIT), Multiplier::from_f64_floor(6.4));
    assert_eq!(Some(RoundBet::MISS), Multiplier::from_f64_floor(0.64));
    assert!(RoundBet::fair(RoundBet::HIT, raised(RoundBet::MISS), 1, 16).is_err());
    // 2.678 bits and −0.644 bits, never above the true logarithms.
    assert!((bet.evidence(1, 1).to_f64() - 6.4_f64.log2()).abs() < 1e-9);
    assert!((bet.evidence(0, 1).to_f64() - 0.64_f64.log2()).abs() < 1e-9);
    assert!(bet.evidence(1, 1).to_f64() <= 6.4_f64.log2());
    assert_eq!(bet.gain(0, 24), Log2::new(0));
}

#[test]
fn seats_that_bring_nothing_need_no_sheet() {
    let size = RoundSize::DEMO;
    let hits =
        |list: &[u8]| kept_hits(size, &list.iter().map(|h| SheetHits::new(*h)).collect::<Vec<_>>());
    assert_eq!(hits(&[8, 7, 6, 5]), 18);
    assert_eq!(hits(&[8, 7, 6]), 13);
    assert_eq!(hits(&[8]), 0);
    assert_eq!(hits(&[]), 0);
    assert_eq!(hits(&[0, 8, 0, 7]), 7);
    // More sheets than seats, and more hits than leaves, count for nothing.
    assert_eq!(hits(&[8, 8, 8, 8, 8]), 24);
    assert_eq!(SheetHits::new(200), SheetHits::ALL);
}

#[test]
fn a_ledger_pays_for_every_index_up_to_the_largest() {
    let rules = LedgerRules::new(1 << 40, 1);
    assert_eq!(rules.threshold, Log2::new(40 << 32));
    let ten = Log2::new(10 << 32);
    let after = LicenseLedger::default().open(&rules, index(4), ten);
    assert_eq!((after.ledger.log_a.raw() >> 32, after.ledger.charged), (5, 5));
    // An earlier one was paid for already.
    let after = after.ledger.open(&rules, index(2), ten);
    assert_eq!((after.ledger.log_a.raw() >> 32, after.ledger.charged), (15, 5));
    let after = after.ledger.open(&rules, index(5), Log2::new(26 << 32));
    assert!(after.convicted, "15 − 1 + 26 = 40");
    // Indices 0, 1 and 3 are paid for and may still be opened.
    let debt = LicenseLedger { log_a: Log2::new(-3 << 32), charged: 6, opened: 3 };
    assert_eq!(after.ledger, debt);
    // Opened in order, a conviction leaves nothing.
    let after = LicenseLedger::default().open(&rules, index(0), Log2::new(41 << 32));
    assert_eq!(after.ledger, LicenseLedger::in_order(Log2::new(0), 1));
    assert_eq!(RoundIndex::new(64), None);
}

#[test]
fn premium_and_threshold_count_what_may_be_chosen() {
    assert_eq!(ledger_threshold(20, 1), log2_ceil(20 << 32));
    assert_eq!(ledger_threshold(20, 0), log2_ceil(20 << 32));
    assert_eq!(ledger_threshold(1 << 30, 2048).raw(), 41 << 32);
    assert_eq!(Premium::for_choices(0, 1).bits().raw(), 1 << 32);
    assert_eq!(Premium::for_choices(0, 0).bits().raw(), 1 << 32);
    assert_eq!(Premium::for_choices(1, 4).bits().raw(), 4 << 32);
    // log2(3), rounded up.
    let three = Premium::for_choices(0, 3).bits().to_f64();
    assert!(three > 6_f64.log2() && three < 6_f64.log2() + 1e-9);
}

#[test]
fn laws_add_up_and_know_their_edges() {
    for (n, p) in [(8, CHANCE), (256, 0.3), (32, 0.0), (32, 1.0), (0, 0.5)] {
        assert!((binomial(n, p).iter().sum::<f64>() - 1.0).abs() < 1e-12, "{n} {p}");
    }
    assert!((binomial_tail(4, 0.5, 3) - 5.0 / 16.0).abs() < 1e-15);
    for size in [RoundSize::DEMO, RoundSize::OFFERED[1]] {
        for struck in [Struck::Best, Struck::Worst] {
            let law = kept_law(size, &SeatLaw::asking(0.4).silent(0.1), struck);
            assert!((law.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
    // Nobody struck: the plain binomial.
    let all = RoundSize::any(4, 0).unwrap();
    let law = kept_law(all, &SeatLaw::asking(0.4), Struck::Best);
    for (ours, plain) in law.iter().zip(binomial(32, 0.4)) {
        assert!((ours - plain).abs() < 1e-14);
    }
}

#[test]
fn the_mean_of_a_round_never_rises_under_the_null() {
    for size in RoundSize::OFFERED.into_iter().chain([RoundSize::DEMO]) {
        let bet = RoundBet::of_rounds();
        for slots in [0_u8, 1, 2] {
            let hits = binomial(size.kept_leaves(), CHANCE);
            let law = GainLaw::of_hits(bet, size.kept_leaves(), &hits).best_of(1 << slots);
            assert!((law.gains().iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-12);
            let mean = law.mean_power(Premium::for_choices(slots, 1).bits(), 1.0);
            assert!(mean <= 1.0, "{size:?} with {slots} slots: {mean}");
        }
    }
}

#[test]
fn framing_is_the_honest_seats_luck_until_more_than_c_seats_are_hostile() {
    let rules = LedgerRules::new(1 << 40, 1);
    for size in [RoundSize::DEMO, RoundSize::OFFERED[1]] {
        let framing = Framing::of(rules.bet, size);
        let framed = framing.per_round(&rules, 0.33);
        assert!(framed < odds::hostile_majority(size, 0.33));
        assert!(framing.per_round(&rules, 0.0) < 1e-13);
        assert!((framing.per_round(&rules, 1.0) - 1.0).abs() < 1e-12);
        let once = Convictions::over(&rules, &framing.law(0.33), 1).ever();
        assert!((once - framed).abs() < 1e-12 * framed);
    }
}

/// Going on after partial success is cheaper than single rounds, never dearer.
#[test]
fn a_campaign_is_at_most_as_dear_as_single_rounds_or_a_whole_life() {
    let rules = LedgerRules::new(1 << 40, 1);
    let size = RoundSize::OFFERED[0];
    let framing = Framing::of(rules.bet, size);
    let rounds = cheapest_rounds(&rules, &framing.law(0.33));
    let once = 1.0 / framing.per_round(&rules, 0.33);
    let life = Convictions::over(&rules, &framing.law(0.33), RoundIndex::COUNT);
    assert!(rounds <= once && rounds <= life.mean_played() / life.ever());
    assert!(rounds > 0.2 * once, "{rounds} against {once}");
    // By hand: 3 bits in each round, 5 are needed after a premium of 1: three rounds.
    let sure = GainLaw::new(vec![(Log2::new(3 << 32), 1.0)]);
    assert!((cheapest_rounds(&LedgerRules::new(32, 1), &sure) - 3.0).abs() < 1e-12);
    let never = GainLaw::new(vec![(Log2::new(0), 1.0)]);
    assert!(cheapest_rounds(&rules, &never).is_infinite());
}

fn plan(collateral: u128, hostile: u16) -> SeatPlan {
    SeatPlan {
        collateral: Amount::new(collateral),
        seat_fee: Amount::new(1),
        hostile: Bps::new(hostile).unwrap(),
        returned: Bps::new(8_000).unwrap(),
        alpha_inverse: 1 << 40,
        deployments: 1,
        skippable_slots: 0,
    }
}

#[test]
fn more_collateral_or_hostile_stake_needs_more_seats() {
    let (four, eight) = (RoundSize::DEMO, RoundSize::OFFERED[0]);
    let stands = |collateral, hostile, size| plan(collateral, hostile).row(size).stands;
    assert!(stands(1_000, 1_000, eight) && !stands(1_000, 1_000, four));
    assert!(!stands(1_000, 3_300, eight));
    let row = plan(1_000, 3_300).row(eight);
    assert_eq!(row.round_cost, Amount::new(8));
    assert!(row.framed_per_round < row.framed_ever);
    assert!(row.framed_ever <= 64.0 * row.bound_per_round);
    assert_eq!(smallest_standing(&plan(1_000, 1_000)).map(|row| row.size), Some(eight));
    // Where framing begins to pay is where a size stops to stand.
    let from = plan(100, 0).pays_from(four).unwrap();
    let bps = |share: f64| u16::try_from((share * 10_000.0).round() as i64).unwrap();
    assert!(!stands(100, bps(from), four) && stands(100, bps(from) - 10, four));
}

fn sheets(seats: u8) -> impl Strategy<Value = Vec<SheetHits>> {
    prop::collection::vec((0..=LEAVES_PER_SEAT).prop_map(SheetHits::new), usize::from(seats))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A seat with more hits never lowers what a round is worth.
    #[test]
    fn gains_rise_with_hits(mut list in sheets(16), seat in 0_usize..16, more in 0_u8..=8) {
        let (bet, size) = (RoundBet::of_rounds(), RoundSize::OFFERED[1]);
        let before = bet.gain_of_sheets(size, &list);
        list[seat] = SheetHits::new(list[seat].get() + more);
        prop_assert!(bet.gain_of_sheets(size, &list) >= before);
    }

    /// Whatever c seats report, the round is worth no more than any N − c others: whoever are
    /// honest, it is at most their own hits.
    #[test]
    fn the_strike_never_helps_an_accuser(list in sheets(16), honest in Just((0..16).collect::<Vec<usize>>()).prop_shuffle()) {
        let size = RoundSize::OFFERED[1];
        let theirs: u16 =
            honest[..usize::from(size.kept())].iter().map(|seat| u16::from(list[*seat].get())).sum();
        prop_assert!(kept_hits(size, &list) <= theirs);
        let mut rising = list.clone();
        rising.sort();
        let fewest: u16 = rising[..usize::from(size.kept())].iter().map(|s| u16::from(s.get())).sum();
        prop_assert_eq!(kept_hits(size, &list), fewest);
    }

    /// Rounds that are drawn together may be opened in any order: if none of them convicts, the
    /// ledger is the same; and no order convicts that the order of the indices would not.
    #[test]
    fn the_order_of_opening_gains_nothing(
        gains in prop::collection::vec(0_i64..30, 1..12),
        order in Just((0..12_u8).collect::<Vec<_>>()).prop_shuffle(),
        opened in 0_usize..=12,
    ) {
        let rules = LedgerRules::new(1 << 20, 1);
        let play = |order: &[u8]| {
            let mut ledger = LicenseLedger::default();
            for k in order {
                let judged = ledger.open(&rules, index(*k), Log2::new(gains[usize::from(*k)] << 32));
                if judged.convicted {
                    return None;
                }
                ledger = judged.ledger;
            }
            Some(ledger)
        };
        let order: Vec<u8> = order.into_iter().filter(|k| usize::from(*k) < gains.len()).collect();
        let all: Vec<u8> = (0..u8::try_from(gains.len()).unwrap()).collect();
        let (by_index, some) = (play(&all), play(&order[..opened.min(order.len())]));
        prop_assert!(some.is_some() || by_index.is_none(), "an order convicts alone");
        if let (Some(by_index), Some(any)) = (by_index, play(&order)) {
            prop_assert_eq!(by_index, any);
        }
    }

    /// Integer logarithms against the real ones: never above them, and hardly below.
    #[test]
    fn rounding_favours_the_accused(hits in 0_u16..=104) {
        let real = f64::from(hits) * 6.4_f64.log2() + f64::from(104 - hits) * 0.64_f64.log2();
        let ours = RoundBet::of_rounds().evidence(hits, 104);
        prop_assert!(ours.raw() <= bits(real) + 1);
        prop_assert!(ours.raw() >= bits(real) - 210);
    }
}
