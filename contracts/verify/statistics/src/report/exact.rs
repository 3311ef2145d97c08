//! What can be enumerated: small universes against every strategy, whole lives of real rounds, and
//! whether a broken rule shows.

use std::error::Error;
use std::io::Write;

use oml_contracts::ledger::odds::{CHANCE, Convictions, GainLaw, binomial};
use oml_contracts::ledger::{LedgerRules, RoundIndex, RoundSize};
use oml_statistics::ledger::Fault;
use oml_statistics::ledger::catalogue::{ListedUniverse, listed};
use oml_statistics::ledger::games::{bought_after_the_draw, bought_bound, innocent};
use oml_statistics::ledger::notice::notice;
use oml_statistics::ledger::universe::Moves;

use super::cells::share;

type Outcome = Result<bool, Box<dyn Error>>;

pub(super) fn report(out: &mut impl Write) -> Outcome {
    let universes = universes(out)?;
    let lives = lives(out)?;
    let faults = faults(out)?;
    Ok(universes & lives & faults)
}

fn universes(out: &mut impl Write) -> Outcome {
    writeln!(
        out,
        "\n## Exact: small universes, an accuser that knows every answer, drops, delays, reorders, burns\n"
    )?;
    writeln!(
        out,
        "| alpha | universe | bundles, indices | order | every round played | best strategy | of alpha | ok |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    let mut holds = true;
    for alpha_inverse in [20, 100] {
        for row in listed(alpha_inverse)? {
            let reached = row.reached(alpha_inverse);
            let ok = row.holds(alpha_inverse, &reached);
            holds &= ok;
            let ListedUniverse { name, universe, moves, .. } = row;
            let (plain, best) = (reached.plain.to_f64(), reached.best.to_f64());
            let order = if moves == Moves::Any { "any" } else { "by index" };
            writeln!(
                out,
                "| {} | {name} | {}, {} | {order} | {:.4e} | {:.4e} | {:.3} | {ok} |",
                1.0 / alpha_inverse as f64,
                universe.bundles,
                universe.indices,
                plain,
                best,
                best * alpha_inverse as f64
            )?;
        }
    }
    Ok(holds)
}

/// Real rounds, all 64 of a license. Floating point, sums of what is not negative: off by less
/// than one in 10^9.
fn lives(out: &mut impl Write) -> Outcome {
    writeln!(out, "\n## Exact: an innocent license, all 64 rounds\n")?;
    writeln!(
        out,
        "| N, c | alpha | c hostile seats | nobody hostile | c bought after the draw: one round | 64 rounds | bound alpha^t | ok |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    let mut holds = true;
    for size in RoundSize::OFFERED.into_iter().chain([RoundSize::DEMO]) {
        for alpha_inverse in [20, 100, 1 << 40] {
            let rules = LedgerRules::new(alpha_inverse, 1);
            let hits = binomial(size.kept_leaves(), CHANCE);
            let law = GainLaw::of_hits(rules.bet, size.kept_leaves(), &hits);
            let framed = Convictions::over(&rules, &law, RoundIndex::COUNT).ever();
            let (alone, bought) =
                (innocent(&rules, size, RoundIndex::COUNT), bought_after_the_draw(&rules, size));
            let alpha = 1.0 / alpha_inverse as f64;
            let ok = alone <= framed * (1.0 + 1e-9)
                && framed * (1.0 + 1e-9) <= alpha
                && bought.ever <= bought_bound(&rules, size);
            holds &= ok;
            writeln!(
                out,
                "| {}, {} | {alpha:.1e} | {} | {} | {} | {} | {} | {ok} |",
                size.seats(),
                size.struck(),
                share(framed),
                share(alone),
                share(bought.once),
                share(bought.ever),
                share(bought_bound(&rules, size))
            )?;
        }
    }
    Ok(holds)
}

fn faults(out: &mut impl Write) -> Outcome {
    writeln!(out, "\n## Exact: the same games with a broken rule\n")?;
    writeln!(out, "| fault | game | alpha | bound | whole rule | broken | noticed |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let mut holds = true;
    for fault in Fault::ALL {
        for alpha_inverse in [20, 100] {
            let seen = notice(fault, alpha_inverse)?;
            holds &= seen.is_noticed();
            writeln!(
                out,
                "| {fault} | {} | {} | {} | {} | {} | {} |",
                seen.game,
                1.0 / alpha_inverse as f64,
                share(seen.bound),
                share(seen.whole),
                share(seen.broken),
                seen.is_noticed()
            )?;
        }
    }
    Ok(holds)
}
