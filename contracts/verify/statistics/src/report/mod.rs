//! What the command prints.

mod cells;
mod evidence;
mod exact;
mod games;
mod histories;

use std::io::Write;

/// Which tables are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// The e-value of single series of answers, with so many trials.
    Evidence(u64),
    /// What rounds do.
    Games,
    /// What can be enumerated of the ledger.
    Exact,
    /// So many lives for each accuser.
    Histories(u64),
    /// All of the ledger.
    Ledger(u64),
}

/// Whether every bound holds that the tables show.
pub(crate) fn print(
    out: &mut impl Write,
    order: Order,
) -> Result<bool, Box<dyn std::error::Error>> {
    Ok(match order {
        Order::Evidence(trials) => evidence::report(out, trials)?,
        Order::Games => games::report(out)?,
        Order::Exact => exact::report(out)?,
        Order::Histories(lives) => histories::report(out, lives)?,
        Order::Ledger(lives) => {
            let games = games::report(out)?;
            let exact = exact::report(out)?;
            games & exact & histories::report(out, lives)?
        }
    })
}
