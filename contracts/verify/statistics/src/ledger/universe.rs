//! Small universes, enumerated: the largest probability of convicting an innocent over every
//! strategy of an accuser that knows all answers, in whole numbers.
//!
//! One bundle is one round. The bundles are drawn in uniform order without replacement, and the
//! accuser knows from the beginning what the deployments answer to each. Before each draw it
//! chooses the index and the deployment that are sealed, or burns the bundle by a round of another
//! license; at any time it opens one of the rounds that were drawn, or leaves it closed for ever.
//!
//! With R bundles left the value is a multiple of 1/R!, so that `R! · value` is a whole number.

use std::collections::HashMap;

use num_bigint::BigUint;
use oml_contracts::evidence::{EvidenceError, Log2, Multiplier};
use oml_contracts::ledger::{LicenseLedger, RoundBet, RoundIndex};

use super::rule::Rule;

/// Chance of a hit under innocence: one in `one_in`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallUniverse {
    /// A leaf is a hit with probability 1 / this.
    pub one_in: u32,
    /// Leaves of a bundle that decide.
    pub leaves: u8,
    /// Bundles that there are.
    pub bundles: u8,
    /// Indices that may be sealed.
    pub indices: u8,
    /// Deployments that may be accused, each with answers of its own.
    pub deployments: u8,
}

/// What the accuser may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// Every bundle is a round against the first deployment, by index, opened at once.
    PlayAll,
    /// Indices by their order; a round is opened at once or never.
    AtOnce,
    /// Indices in any order; rounds are held back as long as the accuser likes.
    Any,
}

/// What has become of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sealed {
    No,
    Drawn(Log2),
    Opened,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// Bundles left of each kind.
    left: Vec<u8>,
    indices: Vec<Sealed>,
    ledger: LicenseLedger,
}

/// An exact probability `numerator / denominator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    numerator: BigUint,
    denominator: BigUint,
}

impl Share {
    /// Whether this is at most one in `inverse`, exactly.
    #[must_use]
    pub fn at_most_one_in(&self, inverse: u64) -> bool {
        &self.numerator * inverse <= self.denominator
    }

    /// Whether this is larger than `other`, exactly.
    #[must_use]
    pub fn exceeds(&self, other: &Self) -> bool {
        &self.numerator * &other.denominator > &other.numerator * &self.denominator
    }

    /// The nearest number that a table can show, for a share of at most 1.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        // 2^64 times the share fits as soon as it is at most 1.
        let scaled = (&self.numerator << 64_u32) / &self.denominator;
        u128::try_from(scaled).unwrap_or(u128::MAX) as f64 / 2_f64.powi(64)
    }
}

/// A bet that doubles down on rare hits: it pays the most that is fair if one leaf in `one_in` is a
/// hit, and next to nothing else.
///
/// # Errors
/// [`EvidenceError`] if `one_in` is below 2.
pub fn rare_bet(one_in: u32) -> Result<RoundBet, EvidenceError> {
    let hit = (u64::from(one_in) << 32).saturating_sub(u64::from(one_in) - 1);
    RoundBet::fair(Multiplier::new(hit), Multiplier::new(1), 1, one_in)
}

/// The least n at which so many hits of a [`rare_bet`] in as many rounds convict with deployments
/// counted once: `n^hits > 2^hits · deployments / α`. It comes closest to α.
#[must_use]
pub fn rarest_that_convicts(alpha_inverse: u64, hits: u32, deployments: u64) -> u32 {
    let needed = (alpha_inverse * deployments) << hits;
    (2..).find(|n| u64::from(*n).pow(hits) > needed).unwrap_or(u32::MAX)
}

/// A kind of bundles: what it adds for each deployment, and how many of `one_in^(leaves ·
/// deployments)` answers make one.
#[derive(Debug, Clone)]
struct Kind {
    gains: Vec<Log2>,
    weight: BigUint,
}

impl SmallUniverse {
    /// The largest P(convicted), starting from an empty ledger.
    #[must_use]
    pub fn worst(&self, rule: &Rule, moves: Moves) -> Share {
        self.worst_from(rule, moves, LicenseLedger::default())
    }

    /// The same from a ledger of which only the last charged index was opened; there are as many
    /// indices besides it as the universe says.
    #[must_use]
    pub fn worst_from(&self, rule: &Rule, moves: Moves, ledger: LicenseLedger) -> Share {
        let kinds = self.kinds(rule);
        let mut indices = vec![Sealed::No; usize::from(self.indices)];
        if let Some(last) = ledger.charged.checked_sub(1) {
            indices.insert(usize::from(last).min(indices.len()), Sealed::Opened);
        }
        let mut game = Game { rule, moves, kinds: &kinds, known: HashMap::new() };
        let mut numerator = BigUint::ZERO;
        for (left, weight) in compositions(&kinds, self.bundles) {
            let state = State { left, indices: indices.clone(), ledger };
            numerator += weight * game.value(&state);
        }
        let answers =
            u32::from(self.leaves) * u32::from(self.deployments) * u32::from(self.bundles);
        let denominator = BigUint::from(self.one_in).pow(answers) * factorial(self.bundles);
        Share { numerator, denominator }
    }

    fn kinds(&self, rule: &Rule) -> Vec<Kind> {
        // Of one deployment: gains that are alike are one.
        let mut one: Vec<(Log2, BigUint)> = Vec::new();
        for hits in 0..=self.leaves {
            let gain = rule.gain(hits.into(), self.leaves.into());
            let misses = u32::from(self.leaves - hits);
            let weight = BigUint::from(choose(self.leaves, hits))
                * BigUint::from(self.one_in - 1).pow(misses);
            match one.iter_mut().find(|(g, _)| *g == gain) {
                Some((_, sum)) => *sum += weight,
                None => one.push((gain, weight)),
            }
        }
        let mut kinds = vec![Kind { gains: Vec::new(), weight: BigUint::from(1_u8) }];
        for _ in 0..self.deployments {
            let longer = |kind: &Kind| {
                let kind = kind.clone();
                one.clone().into_iter().map(move |(gain, weight)| Kind {
                    gains: [&kind.gains[..], &[gain]].concat(),
                    weight: &kind.weight * weight,
                })
            };
            kinds = kinds.iter().flat_map(longer).collect();
        }
        kinds
    }
}

fn choose(n: u8, k: u8) -> u64 {
    (1..=u64::from(k)).fold(1, |product, i| product * (u64::from(n - k) + i) / i)
}

fn factorial(n: u8) -> BigUint {
    (1..=n).map(BigUint::from).product()
}

/// Every way to have so many bundles of these kinds, with the weight of it.
fn compositions(kinds: &[Kind], bundles: u8) -> Vec<(Vec<u8>, BigUint)> {
    let mut ways = vec![(Vec::new(), bundles, BigUint::from(1_u8))];
    for (number, kind) in kinds.iter().enumerate() {
        let last = number + 1 == kinds.len();
        let mut next = Vec::new();
        for (counts, rest, weight) in ways {
            for count in if last { rest } else { 0 }..=rest {
                let more = &weight * choose(rest, count) * kind.weight.pow(count.into());
                next.push(([&counts[..], &[count]].concat(), rest - count, more));
            }
        }
        ways = next;
    }
    ways.into_iter().map(|(counts, _, weight)| (counts, weight)).collect()
}

struct Game<'a> {
    rule: &'a Rule,
    moves: Moves,
    kinds: &'a [Kind],
    known: HashMap<State, BigUint>,
}

impl Game<'_> {
    /// R! times the largest P(convicted from here on).
    fn value(&mut self, state: &State) -> BigUint {
        if let Some(known) = self.known.get(state) {
            return known.clone();
        }
        let value = match self.moves {
            Moves::PlayAll => self.play_all(state),
            Moves::AtOnce => self.at_once(state),
            Moves::Any => self.best(state),
        };
        self.known.insert(state.clone(), value.clone());
        value
    }

    fn play_all(&mut self, state: &State) -> BigUint {
        let Some(index) = state.indices.iter().position(|sealed| *sealed == Sealed::No) else {
            return BigUint::ZERO;
        };
        self.drawn(state, |game, next, kind| {
            next.indices[index] = Sealed::Drawn(game.kinds[kind].gains[0]);
            game.opened(next, index)
        })
    }

    fn at_once(&mut self, state: &State) -> BigUint {
        let mut best = self.drawn(state, |game, next, _| game.value(next));
        let Some(index) = state.indices.iter().position(|sealed| *sealed == Sealed::No) else {
            return BigUint::ZERO;
        };
        for deployment in 0..self.kinds[0].gains.len() {
            let value = self.drawn(state, |game, next, kind| {
                next.indices[index] = Sealed::Drawn(game.kinds[kind].gains[deployment]);
                let opened = game.opened(next, index);
                next.indices[index] = Sealed::Opened;
                opened.max(game.value(next))
            });
            best = best.max(value);
        }
        best
    }

    fn best(&mut self, state: &State) -> BigUint {
        let mut best = self.drawn(state, |game, next, _| game.value(next));
        for index in 0..state.indices.len() {
            match state.indices[index] {
                Sealed::Opened => {}
                Sealed::Drawn(_) => best = best.max(self.opened(state, index)),
                Sealed::No => {
                    for deployment in 0..self.kinds[0].gains.len() {
                        let value = self.drawn(state, |game, next, kind| {
                            let gain = game.kinds[kind].gains[deployment];
                            next.indices[index] = Sealed::Drawn(gain);
                            game.value(next)
                        });
                        best = best.max(value);
                    }
                }
            }
        }
        best
    }

    /// The sum over what may be drawn; nothing is worth nothing.
    fn drawn(
        &mut self,
        state: &State,
        then: impl Fn(&mut Self, &mut State, usize) -> BigUint,
    ) -> BigUint {
        let mut sum = BigUint::ZERO;
        for kind in 0..state.left.len() {
            if state.left[kind] > 0 {
                let mut next = state.clone();
                next.left[kind] -= 1;
                sum += then(self, &mut next, kind) * state.left[kind];
            }
        }
        sum
    }

    /// The value once the round of this index is opened.
    fn opened(&mut self, state: &State, index: usize) -> BigUint {
        let Sealed::Drawn(gain) = state.indices[index] else { return BigUint::ZERO };
        let Some(number) = u8::try_from(index).ok().and_then(RoundIndex::new) else {
            return BigUint::ZERO;
        };
        let judged = self.rule.open(state.ledger, number, gain);
        if judged.convicted {
            return factorial(state.left.iter().sum());
        }
        let mut next = state.clone();
        next.indices[index] = Sealed::Opened;
        next.ledger = judged.ledger;
        self.value(&next)
    }
}
