//! Simulated lives of an innocent license.

use std::io::{self, Write};

use oml_contracts::ledger::RoundSize;
use oml_statistics::ledger::Rule;
use oml_statistics::ledger::games::bought_bound;
use oml_statistics::ledger::histories::{Accuser, convicted, upper_bound};
use oml_statistics::simulate::Trials;

use super::cells::share;

/// How often the stated upper bound may be wrong.
const BOUND_ERROR: f64 = 1e-6;

pub(super) fn report(out: &mut impl Write, lives: u64) -> io::Result<bool> {
    writeln!(out, "\n## Simulated: {lives} lives of 64 rounds for each row\n")?;
    writeln!(
        out,
        "| accuser | N, c | alpha | convicted | rate | at most (error {BOUND_ERROR:.0e}) | bound | ok |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    let sizes = [RoundSize::DEMO, RoundSize::OFFERED[0], RoundSize::OFFERED[1]];
    let (mut holds, mut seed) = (true, 0);
    for accuser in Accuser::ALL {
        for size in sizes {
            for alpha_inverse in [20, 100] {
                seed += 1;
                let rule = Rule::new(accuser.stand(alpha_inverse), None);
                let rate = convicted(accuser, &rule, size, Trials { trials: lives, seed });
                let (alpha, most) = (1.0 / alpha_inverse as f64, upper_bound(rate, BOUND_ERROR));
                // The theorem does not cover seats that are bought after the draw.
                let bound = match accuser {
                    Accuser::Bribes => bought_bound(rule.rules(), size),
                    _ => alpha,
                };
                let ok = most <= bound;
                holds &= ok;
                writeln!(
                    out,
                    "| {} | {}, {} | {alpha} | {} | {} | {} | {} | {ok} |",
                    accuser.name(),
                    size.seats(),
                    size.struck(),
                    rate.accused,
                    share(rate.share()),
                    share(most),
                    share(bound)
                )?;
            }
        }
    }
    Ok(holds)
}
