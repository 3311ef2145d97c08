//! The committee that the contracts still run, beside the new rule: all N members ask the same 32
//! keys, and a hit needs two thirds of them. Judged by the ledger, so that only the committee
//! differs.

use oml_contracts::ledger::RoundSize;
use oml_contracts::ledger::odds::{Convictions, Framing, GainLaw, binomial, binomial_tail};
use oml_contracts::ledger::plan::ABSENT;

use super::games::{Bench, HOSTILE, SAMPLED_RATE, Within, usual_rules};

/// Keys that a committee asks.
const KEYS: u16 = 32;

/// Sizes that are compared.
pub const COMMITTEES: [u8; 5] = [5, 9, 15, 21, 31];

/// One size of a committee beside as many sampled testers.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitteeRow {
    /// N: members, and as many testers.
    pub members: u8,
    /// P(two thirds are hostile), for each of [`HOSTILE`].
    pub framed: [f64; 3],
    /// P(more than a third is hostile): nothing can be agreed on.
    pub blocked: [f64; 3],
    /// P(nobody is a friend of the host who passes the common keys on).
    pub blind: [f64; 3],
    /// P(framed at a third after one and two appeals), each to twice as many members and one.
    pub framed_after_appeals: [f64; 2],
    /// P(as many sampled testers, c = ⌊3N/5⌋, frame in one round).
    pub testers_framed: [f64; 3],
    /// A host with hit rate 0.6, nobody hostile: the committee.
    pub sampling: Within,
    /// The same before the testers.
    pub testers_sampling: Within,
}

fn quorum(members: u16) -> u16 {
    (2 * members).div_ceil(3)
}

/// The figures of one size, if it is one.
#[must_use]
pub fn committee_row(members: u8) -> Option<CommitteeRow> {
    let size = RoundSize::any(members, 3 * members / 5).ok()?;
    let n = u16::from(members);
    let framed = |n: u16, b| binomial_tail(n, b, quorum(n));
    let once = framed(2 * n + 1, HOSTILE[2]) * framed(n, HOSTILE[2]);
    let twice = once * framed(4 * n + 3, HOSTILE[2]);
    let rules = usual_rules();
    let framing = Framing::of(rules.bet, size);
    Some(CommitteeRow {
        members,
        framed: HOSTILE.map(|b| framed(n, b)),
        blocked: HOSTILE.map(|b| binomial_tail(n, b, n - quorum(n) + 1)),
        blind: HOSTILE.map(|b| super::games::unwarned(members, b)),
        framed_after_appeals: [once, twice],
        testers_framed: HOSTILE.map(|b| framing.per_round(&rules, b)),
        sampling: sampling(n),
        testers_sampling: {
            let bench = Bench { rate: SAMPLED_RATE, ..Bench::served(size) };
            let convictions = bench.convictions(&rules, 20);
            [1, 5, 20].map(|rounds| convictions.within(rounds))
        },
    })
}

/// P(a host with hit rate 0.6 is convicted) by a committee of which a tenth is absent. Each member
/// samples an answer of its own, so that they seldom agree.
fn sampling(members: u16) -> Within {
    let rules = usual_rules();
    let mut hits = vec![0.0; usize::from(KEYS) + 1];
    for (here, weight) in (0_u16..).zip(binomial(members, 1.0 - ABSENT)) {
        let agreed = binomial_tail(here, SAMPLED_RATE, quorum(members));
        for (sum, p) in hits.iter_mut().zip(binomial(KEYS, agreed)) {
            *sum += weight * p;
        }
    }
    let convictions = Convictions::over(&rules, &GainLaw::of_hits(rules.bet, KEYS, &hits), 20);
    [1, 5, 20].map(|rounds| convictions.within(rounds))
}
