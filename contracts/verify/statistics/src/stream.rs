//! A stream of pseudo-random inputs, folded into hashes, with which Rust and Solidity compare
//! thousands of results by one committed vector: `tests/vectors/evidence_stream.json`.

use oml_contracts::evidence::{
    EValue, EvidenceCounts, EvidenceTerms, Multiplier, log2_floor, threshold,
};
use oml_contracts::keccak::{keccak_parts, keccak256};

/// Inputs per hash.
pub const CHUNK: u32 = 100;

/// One input of the stream.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Argument of `log2Floor`.
    pub x: u64,
    /// Hits and misses.
    pub counts: (u8, u8),
    /// Multipliers, close to the limit of validity for every second input.
    pub pair: (u64, u64),
    /// 1/alpha, at least 2.
    pub alpha_inverse: u64,
    /// Cases and licenses, at least 1.
    pub factors: (u32, u32),
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// The `n`-th input, from `keccak("OML.evidence.stream" ‖ uint32 n)`.
#[must_use]
pub fn input(n: u32) -> Input {
    let s = keccak_parts(&[b"OML.evidence.stream", &n.to_be_bytes()]);
    let one = 1_u64 << 32;
    let hit = one + 1 + (number(&s[11..19]) >> (1 + s[19] % 40));
    let limit = 16 * one;
    let miss = if n.is_multiple_of(2) && hit < limit {
        (limit - hit) / 15 + u64::from(s[20] & 1)
    } else {
        1 + number(&s[20..24]) % (one - 1)
    };
    let [.., c0, c1, l0, l1] = s;
    Input {
        x: (number(&s[..8]) >> (s[8] % 64)).max(1),
        counts: (s[9], s[10]),
        pair: (hit, miss),
        alpha_inverse: number(&s[24..28]).max(2),
        factors: (1 + u32::from(c0) * 256 + u32::from(c1), 1 + u32::from(l0) * 256 + u32::from(l1)),
    }
}

/// Hash over the results of the inputs `chunk · CHUNK …`: of each, `log2Floor(x)`, the evidence
/// (zero if the multipliers are not valid), the threshold, validity.
#[must_use]
pub fn digest(chunk: u32) -> [u8; 32] {
    (chunk * CHUNK..(chunk + 1) * CHUNK).fold([0; 32], |hash, n| {
        let given = input(n);
        let terms = EvidenceTerms {
            personal_hit: Multiplier::new(given.pair.0),
            personal_miss: Multiplier::new(given.pair.1),
            shared_hit: Multiplier::new((1 << 32) + 1),
            shared_miss: Multiplier::new((1 << 32) - 1),
            assignment_p: 1,
            alpha_inverse: given.alpha_inverse,
        };
        let counts = EvidenceCounts {
            personal_hits: given.counts.0.into(),
            personal_misses: given.counts.1.into(),
            ..EvidenceCounts::default()
        };
        let sum = EValue::new(&terms).map(|evidence| evidence.with(counts).log2().raw());
        let limit = threshold(given.alpha_inverse, given.factors.0, given.factors.1).raw();
        keccak256(
            &[
                &hash[..],
                &log2_floor(given.x.into()).raw().to_be_bytes(),
                &sum.as_ref().copied().unwrap_or_default().to_be_bytes(),
                &limit.to_be_bytes(),
                &[u8::from(sum.is_ok())],
            ]
            .concat(),
        )
    })
}
