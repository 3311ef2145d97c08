//! Attacks played many times at an error rate large enough to be seen, with the protocol's own
//! draws.
//!
//! Every scenario counts false verdicts against one innocent license. Trials are split over two
//! threads in chunks with seeds of their own, so a figure depends on the seed alone.

use oml_contracts::Seed;
use oml_contracts::draw::{is_assigned, personal_index};
use oml_contracts::evidence::{EvidenceTerms, Log2, threshold};
use oml_contracts::ids::{Root, Salt, Tag};
use oml_contracts::leaf::{CANDIDATES, LeafTags};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::exact::{Counting, Null, least_hits, one_look};

/// False verdicts among trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Trials that accused the innocent.
    pub accused: u64,
    /// How many were played.
    pub trials: u64,
}

impl Rate {
    /// Share of false verdicts.
    #[must_use]
    pub fn share(self) -> f64 {
        self.accused as f64 / self.trials.max(1) as f64
    }

    /// Five standard deviations of the share if its true value is `expected`.
    #[must_use]
    pub fn margin(self, expected: f64) -> f64 {
        5.0 * (expected * (1.0 - expected) / self.trials.max(1) as f64).sqrt()
    }

    const fn plus(self, other: Self) -> Self {
        Self { accused: self.accused + other.accused, trials: self.trials + other.trials }
    }
}

/// How many trials from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Trials {
    /// Number of trials.
    pub trials: u64,
    /// Seed of the generator.
    pub seed: u64,
}

const CHUNKS: u64 = 16;

/// Runs a trial often; `N` verdicts per trial.
pub(crate) fn play<const N: usize>(
    plan: Trials,
    trial: impl Fn(&mut ChaCha8Rng) -> [bool; N] + Sync,
) -> [Rate; N] {
    let chunk = |number: u64| {
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        random.set_stream(number);
        let trials = plan.trials / CHUNKS + u64::from(number < plan.trials % CHUNKS);
        let mut rates = [Rate { accused: 0, trials }; N];
        for _ in 0..trials {
            for (rate, accused) in rates.iter_mut().zip(trial(&mut random)) {
                rate.accused += u64::from(accused);
            }
        }
        rates
    };
    let half = |from: u64| (from..CHUNKS).step_by(2).map(chunk).fold([Rate::default(); N], add);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let own = half(0);
        match other.join() {
            Ok(rates) => add(own, rates),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn add<const N: usize>(left: [Rate; N], right: [Rate; N]) -> [Rate; N] {
    std::array::from_fn(|i| left[i].plus(right[i]))
}

fn seed(random: &mut ChaCha8Rng) -> Seed {
    Seed::new(random.random())
}

fn reached(null: Null, hits: u32, n: u32, limit: Log2) -> bool {
    i64::from(hits) * null.hit + i64::from(n - hits) * null.miss >= limit.raw()
}

/// What an owner gains by grinding.
#[derive(Debug, Clone, Copy)]
pub struct Grinding {
    /// Commits the root whose candidates look best under guesses of the seed; the seed is drawn
    /// after.
    pub before: Rate,
    /// The same owner in a protocol without the draw: it picks among the roots when the seed is
    /// known.
    pub after: Rate,
    /// The exact rate of one look.
    pub exact: f64,
}

/// An owner who knows what the victim answers, commits `roots` universes and puts each answer where
/// a guessed seed would draw it.
#[must_use]
pub fn grinding(terms: &EvidenceTerms, n: u32, roots: u32, plan: Trials) -> Grinding {
    let null = Null::personal(terms);
    let limit = threshold(terms.alpha_inverse, 1, 1);
    let [before, after] = play(plan, |random| {
        let (guess, rehearsal, drawn) = (seed(random), seed(random), seed(random));
        let roots: Vec<Root> = (0..roots).map(|_| Root::new(random.random())).collect();
        // Choosing salts is choosing roots: both are fixed before the draw.
        let salt = Salt::new(random.random());
        let hits = |root: Root, seed: Seed| -> u32 {
            let hit =
                |i| personal_index(seed, root, i, salt) == personal_index(guess, root, i, salt);
            (0..n).map(|i| u32::from(hit(i))).sum()
        };
        // The root with the most hits under another guess is the one committed.
        let chosen = roots.iter().copied().max_by_key(|root| hits(*root, rehearsal));
        let honest = chosen.map_or(0, |root| hits(root, drawn));
        let ground = roots.iter().map(|root| hits(*root, drawn)).max().unwrap_or_default();
        [reached(null, honest, n, limit), reached(null, ground, n, limit)]
    });
    Grinding { before, after, exact: one_look(null, n, limit).to_f64() }
}

/// Leaves of an owner who repeats the victim's answer among the candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Leaves that were made and offered.
    pub leaves: u64,
    /// Leaves with a repeated candidate that were accepted.
    pub accepted: u64,
    /// Of leaves without a rule: how often the drawn candidate was the victim's answer.
    pub hits_without_rule: u64,
    /// The most hits that an accepted leaf can give over all 16 draws.
    pub most_per_leaf: usize,
}

/// Makes leaves that hold the victim's answer 1 to 16 times and offers them to the leaf's own rule.
#[must_use]
pub fn duplicates(plan: Trials) -> Duplicates {
    let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
    let mut result = Duplicates { leaves: plan.trials, ..Duplicates::default() };
    for _ in 0..plan.trials {
        let answer = Tag::new(random.random());
        let copies = random.random_range(1..=CANDIDATES);
        let tags: [Tag; CANDIDATES] =
            std::array::from_fn(|j| if j < copies { answer } else { Tag::new(random.random()) });
        let drawn = random.random_range(0..CANDIDATES);
        result.hits_without_rule += u64::from(tags[drawn] == answer);
        if let Ok(leaf) = LeafTags::sorted(tags) {
            result.accepted += u64::from(copies > 1);
            let times = leaf.as_array().iter().filter(|tag| **tag == answer).count();
            result.most_per_leaf = result.most_per_leaf.max(times);
        }
    }
    result
}

/// A reporter who opens `cases` cases of `n` observations against an innocent and keeps the lucky
/// one: the threshold without counting, with `c`, and with `c·(c+1)`.
#[must_use]
pub fn many_cases(terms: &EvidenceTerms, n: u32, cases: u32, plan: Trials) -> [Rate; 3] {
    let null = Null::personal(terms);
    let needed = |counting: Option<Counting>| -> Vec<u32> {
        let limit = |case| match counting {
            Some(counting) => counting.threshold(terms.alpha_inverse, case, 1),
            None => threshold(terms.alpha_inverse, 1, 1),
        };
        (1..=cases).map(|case| least_hits(null, n, limit(case)).unwrap_or(n + 1)).collect()
    };
    let rules = [None, Some(Counting::Cases), Some(Counting::CasesTimesNext)].map(needed);
    let law = hit_law(n);
    play(plan, |random| {
        let mut accused = [false; 3];
        for case in 0..cases as usize {
            let u: f64 = random.random();
            let hits = (0_u32..).zip(&law).find(|(_, below)| u < **below).map_or(n, |(k, _)| k);
            for (accused, needed) in accused.iter_mut().zip(&rules) {
                *accused |= hits >= needed[case];
            }
        }
        accused
    })
}

/// P(at most k hits of `n` under 1/16), by k.
fn hit_law(n: u32) -> Vec<f64> {
    let mut law = Vec::new();
    let mut weight = (15.0_f64 / 16.0).powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for k in 0..=n {
        sum += weight;
        law.push(sum);
        weight *= f64::from(n - k) / f64::from(k + 1) / 15.0;
    }
    law
}

/// False verdicts against a license that had no part in a coalition's deployment.
#[derive(Debug, Clone, Copy)]
pub struct CoalitionRates {
    /// Each answer is that of a random member.
    pub random: Rate,
    /// Each answer is that of most members.
    pub majority: Rate,
    /// Answers only where all members agree.
    pub suppressing: Rate,
}

/// `members` colluding licensees deploy a service, and a case tests it against a license that is
/// none of theirs: `n` fingerprints of either part.
#[must_use]
pub fn coalition(terms: &EvidenceTerms, n: u32, members: usize, plan: Trials) -> CoalitionRates {
    let (personal, shared) = (Null::personal(terms), Null::shared(terms));
    let limit = threshold(terms.alpha_inverse, 1, 1);
    let [random, majority, suppressing] = play(plan, |random| {
        let root = Root::new(random.random());
        // One salt for all leaves: the index tells them apart here.
        let salt = Salt::new(random.random());
        let victim = seed(random);
        let seeds: Vec<Seed> = (0..members).map(|_| seed(random)).collect();
        let mut sums = [0_i64; 3];
        for i in 0..n {
            let answers: Vec<u8> =
                seeds.iter().map(|s| personal_index(*s, root, i, salt)).collect();
            let drawn = personal_index(victim, root, i, salt);
            let any = random.random_range(0..members);
            let given = [Some(answers[any]), most_frequent(&answers), unanimous(&answers)]
                .map(|answer| if answer == Some(drawn) { personal.hit } else { personal.miss });
            sums.iter_mut().zip(given).for_each(|(sum, more)| *sum += more);
        }
        for i in n..2 * n {
            let carries = |s: &Seed| is_assigned(*s, root, i, salt, terms.assignment_p);
            let carriers = seeds.iter().filter(|s| carries(s)).count();
            let any = carries(&seeds[random.random_range(0..members)]);
            let observed = [any, 2 * carriers > members, carriers == members];
            let more = if carries(&victim) { shared.hit } else { shared.miss };
            for (sum, _) in sums.iter_mut().zip(observed).filter(|(_, observed)| *observed) {
                *sum += more;
            }
        }
        sums.map(|sum| sum >= limit.raw())
    });
    CoalitionRates { random, majority, suppressing }
}

fn most_frequent(answers: &[u8]) -> Option<u8> {
    answers.iter().copied().max_by_key(|a| answers.iter().filter(|b| *b == a).count())
}

fn unanimous(answers: &[u8]) -> Option<u8> {
    let first = *answers.first()?;
    answers.iter().all(|a| *a == first).then_some(first)
}

/// What `members` licensees reach who compare their own answers, in a case about a deployment that
/// is theirs.
///
/// Seeds and the drawn bundles are public, so everybody's candidate at every drawn leaf is; and
/// candidates are sorted by tag. So the order of the members' own tags at a question tells which
/// leaf it can be, and then which of them, if any, holds the victim's answer. A draw that takes the
/// leaf's secret salt closes this: then it is [`coalition`] again. Gives the accusations, and the
/// victim's rate of hits.
#[must_use]
pub fn informed_coalition(
    terms: &EvidenceTerms,
    n: u32,
    members: usize,
    plan: Trials,
) -> (Rate, f64) {
    let null = Null::personal(terms);
    let limit = threshold(terms.alpha_inverse, 1, 1);
    let total = std::sync::atomic::AtomicU64::new(0);
    let [rate] = play(plan, |random| {
        let root = Root::new(random.random());
        // One salt for all leaves: the index tells them apart here.
        let salt = Salt::new(random.random());
        let victim = seed(random);
        let seeds: Vec<Seed> = (0..members).map(|_| seed(random)).collect();
        let leaves: Vec<(Vec<usize>, Option<usize>)> = (0..n)
            .map(|i| {
                let own: Vec<u8> =
                    seeds.iter().map(|s| personal_index(*s, root, i, salt)).collect();
                let drawn = personal_index(victim, root, i, salt);
                (ranks(&own), own.iter().position(|answer| *answer == drawn))
            })
            .collect();
        let hits = leaves.iter().map(|leaf| u32::from(guesses_right(leaf, &leaves))).sum();
        total.fetch_add(u64::from(hits), std::sync::atomic::Ordering::Relaxed);
        [reached(null, hits, n, limit)]
    });
    let questions = plan.trials.max(1) * u64::from(n);
    (rate, total.into_inner() as f64 / questions as f64)
}

/// Place of each answer among the distinct ones: all that the order of tags shows of the
/// candidates.
fn ranks(answers: &[u8]) -> Vec<usize> {
    let distinct: std::collections::BTreeSet<u8> = answers.iter().copied().collect();
    answers.iter().map(|answer| distinct.range(..answer).count()).collect()
}

/// Whether the coalition's best guess at this leaf is the victim's answer: among all leaves that
/// look like it, the answer that is the victim's at most of them.
fn guesses_right(
    leaf: &(Vec<usize>, Option<usize>),
    leaves: &[(Vec<usize>, Option<usize>)],
) -> bool {
    let alike = leaves.iter().filter(|other| other.0 == leaf.0);
    let named: Vec<usize> =
        alike.filter_map(|other| other.1.map(|holder| other.0[holder])).collect();
    let best = named.iter().max_by_key(|rank| named.iter().filter(|other| other == rank).count());
    leaf.1.is_some_and(|holder| Some(&leaf.0[holder]) == best)
}
