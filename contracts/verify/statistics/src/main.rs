//! Prints the figures of the statistics on chain: `oml-statistics [WHAT] [NUMBER]`.

mod report;

use std::io::{self, Write as _};
use std::process::ExitCode;

const USAGE: &str = "usage: oml-statistics [NUMBER]             e-value of cases, NUMBER trials
       oml-statistics games              rounds, committee, attacks, collateral, pay
       oml-statistics exact              small universes and whole lives, enumerated; faults
       oml-statistics histories [NUMBER] NUMBER simulated lives for each accuser
       oml-statistics all [NUMBER]       games, exact, histories
NUMBER is above 0; a million if it is not given.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(order) = order(&arguments) else {
        let _ = io::stderr().write_all(USAGE.as_bytes());
        return ExitCode::from(2);
    };
    match report::print(&mut io::stdout().lock(), order) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "oml-statistics: {error}");
            ExitCode::from(2)
        }
    }
}

fn order(arguments: &[String]) -> Option<report::Order> {
    let (name, number) = match arguments {
        [] => (None, None),
        [one] if one.parse::<u64>().is_ok() => (None, Some(one)),
        [one] => (Some(one.as_str()), None),
        [one, two] => (Some(one.as_str()), Some(two)),
        _ => return None,
    };
    let number = number.map_or(Some(1_000_000), |text| text.parse().ok().filter(|n| *n > 0))?;
    match name {
        None => Some(report::Order::Evidence(number)),
        Some("games") => Some(report::Order::Games),
        Some("exact") => Some(report::Order::Exact),
        Some("histories") => Some(report::Order::Histories(number)),
        Some("all") => Some(report::Order::Ledger(number)),
        Some(_) => None,
    }
}
