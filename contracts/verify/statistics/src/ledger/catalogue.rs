//! The small universes that are enumerated.

use oml_contracts::evidence::EvidenceError;
use oml_contracts::ledger::RoundBet;

use super::rule::{Rule, Stand};
use super::universe::{Moves, Share, SmallUniverse, rare_bet, rarest_that_convicts};

/// A universe with its bet, and what its accuser may do.
#[derive(Debug, Clone)]
pub struct ListedUniverse {
    /// The bet in words.
    pub name: String,
    /// Bundles, indices, deployments.
    pub universe: SmallUniverse,
    /// What a hit and a miss are worth.
    pub bet: RoundBet,
    /// What the accuser may do.
    pub moves: Moves,
}

/// What an accuser reaches in a [`ListedUniverse`] universe.
#[derive(Debug, Clone)]
pub struct Enumerated {
    /// P(convicted) if every round is played against one deployment, by index, and opened.
    pub plain: Share,
    /// The largest P(convicted) over every strategy.
    pub best: Share,
}

impl ListedUniverse {
    /// Enumerates, with the rule as it is.
    #[must_use]
    pub fn reached(&self, alpha_inverse: u64) -> Enumerated {
        let deployments = u32::from(self.universe.deployments);
        let stand = Stand::plain(alpha_inverse).with_deployments(deployments);
        let rule = Rule::with_bet(stand, self.bet, None);
        Enumerated {
            plain: self.universe.worst(&rule, Moves::PlayAll),
            best: self.universe.worst(&rule, self.moves),
        }
    }

    /// Whether that is at most α, and nothing is gained by knowing the answers as long as only one
    /// deployment may be named.
    #[must_use]
    pub fn holds(&self, alpha_inverse: u64, reached: &Enumerated) -> bool {
        let alone = self.universe.deployments == 1;
        reached.best.at_most_one_in(alpha_inverse)
            && !(alone && reached.best.exceeds(&reached.plain))
    }
}

/// Universes whose error comes as close to one in `alpha_inverse` as their bets allow.
///
/// # Errors
/// Never for these bets.
pub fn listed(alpha_inverse: u64) -> Result<Vec<ListedUniverse>, EvidenceError> {
    let mut rows = with_the_bet_of_rounds();
    // Rare hits, of which one or two just convict, come closest to alpha.
    for (hits, moves, bundles, indices) in [
        (1, Moves::AtOnce, 16, 15),
        (1, Moves::Any, 6, 4),
        (2, Moves::AtOnce, 16, 15),
        (2, Moves::Any, 6, 4),
    ] {
        let one_in = rarest_that_convicts(alpha_inverse, hits, 1);
        let universe = SmallUniverse { one_in, ..small(1, bundles, indices) };
        let name = format!("1 in {one_in}: {hits} convict");
        rows.push(ListedUniverse { name, universe, bet: rare_bet(one_in)?, moves });
    }
    for (deployments, bundles, hits, moves) in [
        (2, 5, 1, Moves::Any),
        (2, 5, 2, Moves::Any),
        (2, 8, 2, Moves::AtOnce),
        (3, 5, 3, Moves::AtOnce),
        (4, 4, 2, Moves::AtOnce),
    ] {
        // Every round pays for the deployments.
        let each = u64::from(deployments).pow(hits);
        let one_in = rarest_that_convicts(alpha_inverse, hits, each);
        let indices = if moves == Moves::Any { 3 } else { bundles };
        let universe = SmallUniverse { one_in, deployments, ..small(1, bundles, indices) };
        let name = format!("1 in {one_in}: {hits} convict, {deployments} deployments");
        rows.push(ListedUniverse { name, universe, bet: rare_bet(one_in)?, moves });
    }
    Ok(rows)
}

fn small(leaves: u8, bundles: u8, indices: u8) -> SmallUniverse {
    SmallUniverse { one_in: 16, leaves, bundles, indices, deployments: 1 }
}

fn with_the_bet_of_rounds() -> Vec<ListedUniverse> {
    let row = |leaves: u8, bundles, indices, moves| ListedUniverse {
        name: format!("bet of rounds, leaves: {leaves}"),
        universe: small(leaves, bundles, indices),
        bet: RoundBet::of_rounds(),
        moves,
    };
    vec![
        row(1, 16, 15, Moves::AtOnce),
        row(2, 10, 9, Moves::AtOnce),
        row(8, 6, 5, Moves::AtOnce),
        row(2, 5, 4, Moves::Any),
    ]
}
