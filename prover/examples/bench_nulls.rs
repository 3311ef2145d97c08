//! Convictions of the innocent, counted for every test: `bench_nulls TRIALS QUESTIONS`.
//!
//! Each trial draws another license and looks after each of the questions, as whoever stops when
//! they like would. Two suspects: one tells all candidates apart, the other knows three kinds of
//! them alone, so that most are tied. Both give a candidate to every question, which makes chance
//! as likely as it can be. The program fails if a rate is above what was agreed.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;

use oml_contracts::Root;
use oml_prover::check::CandidateScores;
use oml_prover::science::{NullOptions, null_trials};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The inverse of the error rates that are counted.
const ALPHA_INVERSES: [u64; 3] = [100, 1000, 1_000_000_000];
/// Kinds of candidates that each suspect tells apart.
const SUSPECTS: [(&str, f64); 2] = [("distinct", 1e9), ("tied", 3.0)];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trials, questions] = arguments.as_slice() else {
        return Err("usage: bench_nulls TRIALS QUESTIONS".into());
    };
    let questions: usize = questions.parse()?;
    let options =
        NullOptions { trials: trials.parse()?, seed: 1, alpha_inverses: ALPHA_INVERSES.to_vec() };
    println!("| suspect | test | bound | trials | convictions | rate |");
    println!("|---|---|---|---|---|---|");
    let mut above = Vec::new();
    for (suspect, kinds) in SUSPECTS {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut score = || (rng.random::<f64>() * kinds).floor();
        let mut view = || CandidateScores::new(std::array::from_fn(|_| score()));
        let scores: Vec<CandidateScores> = (0..questions).map(|_| view()).collect();
        for row in null_trials(Root::new([7; 32]), &scores, &options)? {
            println!(
                "| {suspect} | {} | {:.0e} | {} | {} | {:.2e} |",
                row.test, row.alpha, row.trials, row.convictions, row.rate
            );
            if row.rate > row.alpha {
                above.push(format!(
                    "{suspect}, {}: {:.2e} of {:.0e}",
                    row.test, row.rate, row.alpha
                ));
            }
        }
    }
    match above.as_slice() {
        [] => Ok(()),
        rows => Err(format!("above the bound: {}", rows.join("; ")).into()),
    }
}
