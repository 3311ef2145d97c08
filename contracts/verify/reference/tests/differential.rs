//! The bytecode against the reference model, in a number that fits a test run; `oml-reference`
//! makes more.

use oml_reference::SetUpError;
use oml_reference::run::{CallCounts, Difference, World};

fn total(
    sequences: u64,
    steps: u32,
    world: impl Fn(u64) -> Result<World, Difference>,
) -> Result<CallCounts, Difference> {
    let mut total = CallCounts::default();
    for seed in 0..sequences {
        let counts = world(seed).and_then(|mut world| world.run(steps));
        let at = |e: Difference| SetUpError(format!("seed {seed}: {e}"));
        total.add(&counts.map_err(at)?);
    }
    Ok(total)
}

/// Every call of licenses, collateral and payments, what accounts with code said of vouchers, and
/// nearly every reason.
const MONEY: &str = include_str!("reached_money.txt");

fn missing<'a>(total: &CallCounts, wanted: &'a str) -> Vec<&'a str> {
    let reached: Vec<String> = total.reached.keys().map(ToString::to_string).collect();
    wanted.lines().filter(|wanted| !reached.iter().any(|known| known == wanted)).collect()
}

#[test]
fn bytecode_does_what_the_model_says() {
    let total = total(170, 80, World::new).unwrap();
    // Sequences in which everything is refused would show nothing.
    assert!(total.accepted * 4 > total.calls, "{total:?}");
    assert!(total.events > total.accepted, "{total:?}");
    let missing = missing(&total, MONEY);
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

/// Every proof, and every reason to refuse one, but for those that only luck gives.
const REACHED: &str = include_str!("reached.txt");

#[test]
fn proofs_convict_as_the_model_says() {
    let total = total(200, 90, World::with_proofs).unwrap();
    assert!(total.accepted * 3 > total.calls, "{total:?}");
    let missing = missing(&total, REACHED);
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

/// Every call and event of rounds and tickets, every reason but for those that only luck gives, and
/// what rounds must have come to.
const ROUNDS: &str = include_str!("reached_rounds.txt");

#[test]
fn rounds_judge_as_the_model_says() {
    let total = total(100, 40, World::with_rounds).unwrap();
    assert!(total.accepted * 2 > total.calls, "{total:?}");
    let missing = missing(&total, ROUNDS);
    assert!(missing.is_empty(), "never reached: {missing:?}");
}
