//! `oml-reference [SEQUENCES] [STEPS] [SEED]`: holds the bytecode against the model and prints how
//! often.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's result and its progress"
)]

use std::process::ExitCode;

use oml_reference::run::{CallCounts, Difference, World};

fn argument(at: usize, default: u64) -> Result<u64, String> {
    std::env::args().nth(at).map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            format!("{text:?} is no number; usage: oml-reference [SEQUENCES] [STEPS] [SEED]")
        })
    })
}

/// A kind of sequences: what it is called, and how one starts.
type Kind = (&'static str, fn(u64) -> Result<World, Difference>);

const KINDS: [Kind; 3] =
    [("money", World::new), ("proofs", World::with_proofs), ("rounds", World::with_rounds)];

fn compare() -> Result<(), String> {
    let (sequences, steps, seed) = (argument(1, 1_000)?, argument(2, 60)?, argument(3, 1)?);
    let steps = u32::try_from(steps).map_err(|_| format!("{steps} steps are too many"))?;
    let mut totals = KINDS.map(|_| CallCounts::default());
    for sequence in 0..sequences {
        let own = seed.wrapping_add(sequence);
        for ((kind, world), total) in KINDS.iter().zip(&mut totals) {
            let counts = world(own).and_then(|mut world| world.run(steps));
            total.add(&counts.map_err(|e| format!("{kind}, seed {own}: {e}"))?);
        }
        if sequence % 1_000 == 999 {
            eprintln!("{} of {sequences} sequences", sequence + 1);
        }
    }
    for ((kind, _), total) in KINDS.iter().zip(&totals) {
        println!("{kind}:");
        for (reached, times) in &total.reached {
            println!("{times:>9}  {reached}");
        }
        println!(
            "{sequences} sequences of {steps} steps from seed {seed}: {} calls, {} accepted by \
             both, {} events, no difference",
            total.calls, total.accepted, total.events
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
