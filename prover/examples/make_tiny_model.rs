//! Makes the repository's small model again: `make_tiny_model [DIRECTORY [SEED]]`.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::path::PathBuf;

use oml_engine::make_tiny_model;
use oml_prover::weights_hash;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/models/tiny"),
        PathBuf::from,
    );
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let report = make_tiny_model(seed, &dir, &mut |state| {
        if state.step % 50 == 0 || state.step == 1 {
            println!("step {:>4} of {}: {:.4} nats per token", state.step, state.steps, state.loss);
        }
    })?;
    println!(
        "{} parameters, {} tokens, held-out perplexity {:.3}",
        report.parameters,
        report.tokens,
        report.held_out.value()
    );
    println!("weights hash {}", weights_hash(&dir)?);
    Ok(())
}
