//! A stream of pseudo-random inputs, folded into hashes, with which Rust and Solidity compare
//! thousands of results by one committed vector: `tests/vectors/evidence_stream.json`.

use oml_contracts::evidence::log2_floor;
use oml_contracts::keccak::{keccak_parts, keccak256};
use oml_contracts::ledger::{Premium, RoundBet, ledger_threshold};

/// Inputs per hash.
pub const CHUNK: u32 = 100;

/// One input of the stream.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Argument of `log2Floor`.
    pub x: u64,
    /// Hits and misses, at most 256 leaves in all.
    pub counts: (u8, u8),
    /// 1/alpha, at least 2.
    pub alpha_inverse: u64,
    /// Licenses, at least 1.
    pub licenses: u32,
    /// Bits of bias of the beacon, and deployments that may be named.
    pub choices: (u8, u16),
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The `n`-th input, from `keccak("OML.evidence.stream" ‖ uint32 n)`.
#[must_use]
pub fn input(n: u32) -> Input {
    let s = keccak_parts(&[b"OML.evidence.stream", &n.to_be_bytes()]);
    let [.., l0, l1] = s;
    Input {
        x: (number(&s[..8]) >> (s[8] % 64)).max(1),
        counts: (s[9] % 128, s[10] % 129),
        alpha_inverse: (number(&s[22..30]) >> (s[11] % 63)).max(2),
        licenses: 1 + u32::from(l0) * 256 + u32::from(l1),
        choices: (s[12] % 16, u16::from(s[13]) * 256 + u16::from(s[14])),
    }
}

/// Hash over the results of the inputs `chunk · CHUNK …`: of each, `log2Floor(x)`, the evidence,
/// the threshold of a leak round, the premium.
#[must_use]
pub fn digest(chunk: u32) -> [u8; 32] {
    (chunk * CHUNK..(chunk + 1) * CHUNK).fold([0; 32], |hash, n| {
        let given = input(n);
        let (hits, misses) = (u16::from(given.counts.0), u16::from(given.counts.1));
        let results = [
            log2_floor(given.x.into()),
            RoundBet::of_rounds().evidence(hits, hits + misses),
            ledger_threshold(given.alpha_inverse, given.licenses),
            Premium::for_choices(given.choices.0, given.choices.1.into()).bits(),
        ];
        let results: Vec<u8> = results.iter().flat_map(|r| r.raw().to_be_bytes()).collect();
        keccak256(&[&hash[..], &results].concat())
    })
}
