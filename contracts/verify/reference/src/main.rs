//! `oml-reference [SEQUENCES] [STEPS] [SEED]`: holds the bytecode against the model and prints how
//! often.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program's result and its progress"
)]

use std::process::ExitCode;

use oml_reference::run::{CallCounts, World};

fn argument(at: usize, default: u64) -> Result<u64, String> {
    std::env::args().nth(at).map_or(Ok(default), |text| {
        text.parse().map_err(|_| {
            format!("{text:?} is no number; usage: oml-reference [SEQUENCES] [STEPS] [SEED]")
        })
    })
}

fn compare() -> Result<(), String> {
    let (sequences, steps, seed) = (argument(1, 1_000)?, argument(2, 60)?, argument(3, 1)?);
    let steps = u32::try_from(steps).map_err(|_| format!("{steps} steps are too many"))?;
    let mut total = CallCounts::default();
    for sequence in 0..sequences {
        let own = seed.wrapping_add(sequence);
        for world in [World::new, World::with_proofs, World::with_rounds] {
            let mut world = world(own).map_err(|e| format!("seed {own}: {e}"))?;
            total.add(&world.run(steps).map_err(|e| format!("seed {own}: {e}"))?);
        }
        if sequence % 1_000 == 999 {
            eprintln!("{} of {sequences} sequences", sequence + 1);
        }
    }
    for (reached, times) in &total.reached {
        println!("{times:>9}  {reached}");
    }
    println!(
        "{sequences} sequences of {steps} steps from seed {seed}: {} calls, {} accepted by both, \
         {} events, no difference",
        total.calls, total.accepted, total.events
    );
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
