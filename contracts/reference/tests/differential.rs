//! The bytecode against the reference model, in a number that fits a test run; `oml-reference` makes more.

use oml_reference::run::{Counts, World};

#[test]
fn bytecode_does_what_the_model_says() {
    let mut total = Counts::default();
    for seed in 0..60 {
        let counts = World::new(seed).unwrap().run(80);
        let counts = counts.unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
        total.add(&counts);
    }
    // Sequences in which everything is refused would show nothing.
    assert!(total.accepted * 4 > total.calls, "{total:?}");
    assert!(total.events > total.accepted, "{total:?}");
}
