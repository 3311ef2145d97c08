//! `oml-reference [SEQUENCES] [STEPS] [SEED] [KIND]`: holds the bytecode against the model, in
//! sequences of every kind or of one, and prints how often.
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
            format!("{text:?} is no number; usage: oml-reference [SEQUENCES] [STEPS] [SEED] [KIND]")
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
    let only = std::env::args().nth(4);
    let kinds: Vec<Kind> = KINDS
        .into_iter()
        .filter(|(kind, _)| only.as_ref().is_none_or(|only| only == kind))
        .collect();
    if kinds.is_empty() {
        return Err("there are sequences of money, of proofs and of rounds".to_owned());
    }
    let mut totals = vec![CallCounts::default(); kinds.len()];
    for sequence in 0..sequences {
        let own = seed.wrapping_add(sequence);
        for ((kind, world), total) in kinds.iter().zip(&mut totals) {
            let counts = world(own).and_then(|mut world| world.run(steps));
            total.add(&counts.map_err(|e| format!("{kind}, seed {own}: {e}"))?);
        }
        if sequence % 1_000 == 999 {
            eprintln!("{} of {sequences} sequences", sequence + 1);
        }
    }
    for ((kind, _), total) in kinds.iter().zip(&totals) {
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
