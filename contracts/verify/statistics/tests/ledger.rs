//! The ledger's rule: the bound where it can be enumerated, simulated lives, broken rules, and
//! figures of the games.

use oml_contracts::ledger::odds::{CHANCE, Convictions, Framing, GainLaw, binomial};
use oml_contracts::ledger::{LedgerRules, RoundIndex, RoundSize};
use oml_statistics::ledger::catalogue::listed;
use oml_statistics::ledger::committee::committee_row;
use oml_statistics::ledger::games::{
    self, Bench, bought_after_the_draw, bought_bound, bribed, guilty, owner_absent, size_games,
};
use oml_statistics::ledger::histories::{Accuser, convicted, upper_bound};
use oml_statistics::ledger::notice::{notice, two_hits_of_two};
use oml_statistics::ledger::pay::{CHAINS, Workload, month};
use oml_statistics::ledger::universe::{Moves, SmallUniverse, rare_bet};
use oml_statistics::ledger::{Fault, Rule, Stand};
use oml_statistics::simulate::Trials;

/// Whatever an accuser does that knows all answers: exactly at most alpha, and with one deployment
/// exactly what playing every round gives.
#[test]
fn no_strategy_convicts_an_innocent_more_often_than_alpha() {
    for alpha_inverse in [20, 100] {
        let mut closest = 0.0_f64;
        for row in listed(alpha_inverse).unwrap() {
            let reached = row.reached(alpha_inverse);
            assert!(row.holds(alpha_inverse, &reached), "{row:?}: {reached:?}");
            closest = closest.max(reached.best.to_f64() * alpha_inverse as f64);
        }
        assert!(closest > 0.5, "some universe comes close: {closest}");
    }
}

#[test]
fn every_broken_rule_is_noticed() {
    for fault in Fault::ALL {
        for alpha_inverse in [20, 100] {
            let seen = notice(fault, alpha_inverse).unwrap();
            assert!(seen.is_noticed(), "{seen:?}");
        }
    }
}

/// The cases by which the last two bundles are counted, against the enumeration.
#[test]
fn two_known_bundles_are_counted_as_the_enumeration_counts_them() {
    let universe = SmallUniverse { one_in: 41, leaves: 1, bundles: 2, indices: 2, deployments: 4 };
    let stand = Stand::plain(100).with_deployments(4);
    let rule = Rule::with_bet(stand, rare_bet(41).unwrap(), Some(Fault::DeploymentsOnce));
    let enumerated = universe.worst(&rule, Moves::AtOnce).to_f64();
    assert!((enumerated - two_hits_of_two(41, 4)).abs() < 1e-15, "{enumerated}");
    assert!(enumerated > universe.worst(&rule, Moves::PlayAll).to_f64() * 4.0, "more than D-fold");
}

/// Real rounds, all 64 of a license, c hostile seats in each.
#[test]
fn whole_lives_stay_below_alpha() {
    for size in RoundSize::OFFERED.into_iter().chain([RoundSize::DEMO]) {
        for alpha_inverse in [20, 100, 1 << 40] {
            let rules = LedgerRules::new(alpha_inverse, 1);
            let p = exact_life(&rules, size);
            assert!(p * alpha_inverse as f64 <= 1.0 - 1e-9, "{size:?} {alpha_inverse}: {p}");
        }
    }
}

fn exact_life(rules: &LedgerRules, size: RoundSize) -> f64 {
    let hits = binomial(size.kept_leaves(), CHANCE);
    let law = GainLaw::of_hits(rules.bet, size.kept_leaves(), &hits);
    Convictions::over(rules, &law, RoundIndex::COUNT).ever()
}

/// The reduced form of `histories`; the command plays a million for each.
#[test]
fn simulated_lives_stay_below_alpha() {
    for (seed, accuser) in (0..).zip(Accuser::ALL) {
        for alpha_inverse in [20, 100] {
            let (size, plan) = (RoundSize::DEMO, Trials { trials: 30 * alpha_inverse, seed });
            let rule = Rule::new(accuser.stand(alpha_inverse), None);
            let most = upper_bound(convicted(accuser, &rule, size, plan), 1e-3);
            let bound = match accuser {
                Accuser::Bribes => bought_bound(rule.rules(), size),
                _ => 1.0 / alpha_inverse as f64,
            };
            assert!(most <= bound, "{accuser:?}: {most}");
        }
    }
}

/// Simulation and enumeration agree where both can be had.
#[test]
fn simulated_lives_have_the_exact_rate() {
    let plan = Trials { trials: 4_000, seed: 7 };
    let rule = Rule::new(Stand::plain(20), None);
    let exact = exact_life(rule.rules(), RoundSize::DEMO);
    for accuser in [Accuser::Plain, Accuser::Dropping, Accuser::Parallel] {
        let seen = convicted(accuser, &rule, RoundSize::DEMO, plan);
        assert!((seen.share() - exact).abs() < seen.margin(exact), "{accuser:?} {seen:?} {exact}");
    }
    let size = RoundSize::OFFERED[0];
    let bought = bought_after_the_draw(rule.rules(), size).ever;
    let seen = convicted(Accuser::Bribes, &rule, size, plan);
    assert!((seen.share() - bought).abs() < seen.margin(bought), "{seen:?} {bought}");
}

/// Broken rules in simulated lives.
#[test]
fn simulated_lives_notice_broken_rules() {
    let plan = Trials { trials: 500, seed: 3 };
    let (four, sixteen) = (RoundSize::DEMO, RoundSize::OFFERED[1]);
    for (accuser, size, fault) in [
        (Accuser::Plain, four, Fault::NoStrike),
        (Accuser::Bribes, sixteen, Fault::Mixture),
        (Accuser::Bribes, sixteen, Fault::NoPremium),
        (Accuser::Bribes, sixteen, Fault::PremiumOnce),
        (Accuser::Bribes, sixteen, Fault::DebtsForgotten),
    ] {
        let seen = convicted(accuser, &Rule::new(Stand::plain(20), Some(fault)), size, plan);
        let proven = bought_bound(&LedgerRules::new(20, 1), size);
        let bound = if accuser == Accuser::Bribes { proven } else { 0.05 };
        assert!(seen.share() > bound, "{fault}: {seen:?} against {bound}");
    }
}

#[track_caller]
fn near(ours: f64, expected: f64, tolerance: f64) {
    assert!((ours - expected).abs() <= tolerance * expected, "{ours} is not {expected}");
}

/// Decision 023 quotes these.
#[test]
fn figures_of_sixteen_seats() {
    let (size, rules) = (RoundSize::OFFERED[1], games::usual_rules());
    let framing = Framing::of(rules.bet, size);
    for (hostile, expected) in games::HOSTILE.into_iter().zip([1.3e-9, 3.4e-6, 7.2e-4]) {
        near(framing.per_round(&rules, hostile), expected, 0.03);
    }
    for (hostile, once) in [(0.0, 0.906), (0.1, 0.594), (0.2, 0.274), (0.33, 0.060)] {
        let convictions = Bench::served(size).hostile(hostile).convictions(&rules, 5);
        near(convictions.within(1), once, 0.01);
        near(convictions.within(5), [1.0, 0.346][usize::from(hostile > 0.3)], 0.1);
    }
    let sampling = Bench { rate: games::SAMPLED_RATE, ..Bench::served(size) };
    near(sampling.convictions(&rules, 1).ever(), 0.203, 0.01);
}

#[test]
fn figures_of_eight_seats() {
    let row = size_games(RoundSize::OFFERED[0]);
    near(row.bound[2], 0.085, 0.01);
    near(row.convicted[1][0], 0.454, 0.01);
    near(row.convicted_sampling[1], 0.975, 0.01);
    near(row.max_collateral_single[2], 1.8e3, 0.03);
    // A failed round leaves something, so that a life is more than 64 single rounds, and framing
    // is cheaper than by single rounds.
    assert!(row.framed_ever[2] > 64.0 * row.framed[2]);
    near(row.max_collateral[2], 4.4e2, 0.02);
}

#[test]
fn figures_of_attacks() {
    let size = RoundSize::OFFERED[1];
    let friends = |share| guilty(&Bench::served(size).hostile(share));
    near(friends(0.1).rounds, 1.5, 0.05);
    near(friends(0.33).rounds, 9.7, 0.02);
    near(owner_absent(&Bench::served(size).hostile(0.1), 0.5).rounds, 3.1, 0.03);
    let fifteen = RoundSize::any(15, 9).unwrap();
    near(bribed(fifteen, 0.1, 3).share, 0.974, 0.01);
    near(-games::framing_gain(size, 0.33, 1_000.0), 10.14, 0.01);
    near(games::unwarned(16, 0.05), 0.440, 0.01);
    assert!(games::innocent(&games::usual_rules(), size, 40) < 1e-30);
}

#[test]
fn figures_of_the_committee() {
    let row = committee_row(15).unwrap();
    near(row.framed[2], 0.0079, 0.05);
    near(row.blocked[2], 0.371, 0.01);
    near(row.framed_after_appeals[0], 6.3e-7, 0.02);
    near(row.testers_framed[2], 2.7e-4, 0.03);
    near(row.sampling[1], 0.418, 0.01);
    near(row.testers_sampling[1], 0.971, 0.01);
    assert!(committee_row(0).is_none());
}

#[test]
fn an_honest_prover_earns_its_seats() {
    let work = Workload { rounds: 100.0, seats: 16.0, tickets: 8.0, all_tickets: 400.0 };
    let [second_layer, first_layer] = CHAINS.map(|prices| month(&prices, &work));
    near(second_layer.seats, 32.0, 1e-9);
    near(second_layer.yield_on_stake, 0.04, 0.01);
    assert!(second_layer.gas + second_layer.queries < 0.01 * second_layer.earned);
    // The fee is about three times the gas of an answer, so it still pays at three times the price.
    near(first_layer.break_even_gwei, 33.2, 0.01);
}
