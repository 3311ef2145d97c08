//! What to do for a round at a given state of the chain: a pure decision.

use crate::chain::views::BeaconValue;
use oml_contracts::beacon::BeaconSource;

/// The block that a decision is made at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// Number of the block.
    pub block: u64,
    /// Its time, Unix seconds.
    pub time: u64,
}

/// What a round needs before its subjects can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundStep {
    /// It is not out yet.
    Wait,
    /// It is out, and nobody has brought its value: bring it.
    Bring,
    /// Its value is on chain: draw.
    Draw,
    /// It can't be had any more: drawing names another round.
    Renew,
}

/// What a round needs, given what the contract says of it.
///
/// The contract's clock is the block that a transaction lands in, which comes after `present`, so a
/// round that is out here is out there.
#[must_use]
pub const fn round_step(
    source: &BeaconSource,
    round: u64,
    value: BeaconValue,
    present: Present,
) -> RoundStep {
    match value {
        BeaconValue::Ready(_) => RoundStep::Draw,
        BeaconValue::Stale => RoundStep::Renew,
        BeaconValue::Pending => {
            let is_out = match source.time_of(round) {
                Some(time) => present.time >= time,
                // The hash of a block is known to those after it.
                None => present.block >= round,
            };
            if is_out { RoundStep::Bring } else { RoundStep::Wait }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::beacon::{RandaoTerms, networks};
    use proptest::prelude::*;

    const RANDAO: BeaconSource = BeaconSource::Randao(RandaoTerms { margin: 4, bias_bits: 1 });

    fn at(block: u64, time: u64) -> Present {
        Present { block, time }
    }

    #[test]
    fn a_block_is_brought_once_it_is_there() {
        let pending = BeaconValue::Pending;
        for (block, expected) in
            [(99, RoundStep::Wait), (100, RoundStep::Bring), (101, RoundStep::Bring)]
        {
            assert_eq!(round_step(&RANDAO, 100, pending, at(block, 0)), expected, "{block}");
        }
    }

    #[test]
    fn a_drand_round_is_brought_once_the_chains_time_has_reached_it() {
        let network = networks::evmnet(60);
        let source = BeaconSource::DrandEvmnet(network);
        let out = network.time_of(1_000);
        for (time, expected) in [
            (0, RoundStep::Wait),
            (out - 1, RoundStep::Wait),
            (out, RoundStep::Bring),
            (out + 1_000_000, RoundStep::Bring),
        ] {
            let step = round_step(&source, 1_000, BeaconValue::Pending, at(u64::MAX, time));
            assert_eq!(step, expected, "{time}");
        }
    }

    proptest! {
        #[test]
        fn what_the_contract_knows_decides_alone(block: u64, time: u64, round: u64, drand: bool) {
            let source = if drand { BeaconSource::DrandEvmnet(networks::evmnet(60)) } else { RANDAO };
            let step = |value| round_step(&source, round, value, at(block, time));
            prop_assert_eq!(step(BeaconValue::Ready([1; 32])), RoundStep::Draw);
            prop_assert_eq!(step(BeaconValue::Stale), RoundStep::Renew);
            let pending = step(BeaconValue::Pending);
            prop_assert!(matches!(pending, RoundStep::Wait | RoundStep::Bring));
        }
    }
}
