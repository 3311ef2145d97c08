//! What is known of public chains, as far as it decides which beacon a deployment can use.

use crate::beacon::{BeaconSource, RandaoTerms, networks};

/// Who decides what `block.prevrandao` is on a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrevRandao {
    /// Many proposers, each of whom can only skip its slot (EIP-4399).
    Proposers,
    /// One sequencer: it picks the block of the parent chain whose value its own block gets.
    Sequencer,
    /// Nobody: it is a constant.
    Constant,
    /// A development node; nobody has anything to lose.
    Development,
}

/// A chain that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownChain {
    /// EIP-155 chain id.
    pub id: u64,
    /// Its usual name.
    pub name: &'static str,
    /// Who decides its `prevrandao`.
    pub prev_randao: PrevRandao,
    /// Whether it has the precompiles of EIP-2537, which quicknet's signatures need.
    pub has_bls12: bool,
    /// Where both facts are written down.
    pub source: &'static str,
}

/// Seconds from a commitment to the time of its drand round: more than a block's time can be behind
/// drand's clocks. Whoever has k slots of Ethereum in a row can hold its blocks back for 12·k
/// seconds; 24 of them a third of the stake has once in 100,000 years (decision 020).
const DRAND_MARGIN: u32 = 300;
/// The same where one sequencer sets the time of blocks, whose clock may lag by more.
const SEQUENCED_MARGIN: u32 = 600;
/// Blocks from a commitment to the block of its value on Ethereum: four epochs. Who proposes is
/// known two epochs ahead, so nobody can aim a commitment at slots of its own.
const RANDAO_MARGIN: u32 = 128;
/// The same on a development node, where blocks come when somebody sends something.
const LOCAL_MARGIN: u32 = 2;
/// Slots in a row before the block of a value that a round pays for, unless somebody says more.
const BIAS_BITS: u8 = 1;

const ETHEREUM: &str = "EIP-4399 (Final) and EIP-7600 (Pectra, live since 2025)";
const OP_STACK: &str = "specs.optimism.io, derivation: an L2 block's prevRandao is that of its L1 \
                        origin, which the sequencer picks; Isthmus (2025) has EIP-2537";
const ARBITRUM: &str = "docs.arbitrum.io, Solidity support: prevrandao is the constant 1 and \
                        block.number is the parent chain's; ArbOS 40 Callisto (2025) has EIP-2537";

const fn chain(
    id: u64,
    name: &'static str,
    prev_randao: PrevRandao,
    source: &'static str,
) -> KnownChain {
    KnownChain { id, name, prev_randao, has_bls12: true, source }
}

/// The chains that this version knows.
pub const KNOWN: [KnownChain; 12] = [
    chain(1, "Ethereum", PrevRandao::Proposers, ETHEREUM),
    chain(11_155_111, "Sepolia", PrevRandao::Proposers, ETHEREUM),
    chain(560_048, "Hoodi", PrevRandao::Proposers, ETHEREUM),
    chain(10, "OP Mainnet", PrevRandao::Sequencer, OP_STACK),
    chain(11_155_420, "OP Sepolia", PrevRandao::Sequencer, OP_STACK),
    chain(8_453, "Base", PrevRandao::Sequencer, OP_STACK),
    chain(84_532, "Base Sepolia", PrevRandao::Sequencer, OP_STACK),
    chain(42_161, "Arbitrum One", PrevRandao::Constant, ARBITRUM),
    chain(42_170, "Arbitrum Nova", PrevRandao::Constant, ARBITRUM),
    chain(421_614, "Arbitrum Sepolia", PrevRandao::Constant, ARBITRUM),
    chain(31_337, "a local chain", PrevRandao::Development, "anvil's and Hardhat's default"),
    chain(1_337, "a local chain", PrevRandao::Development, "default of geth --dev"),
];

impl PrevRandao {
    /// Seconds between a commitment and its drand round.
    const fn drand_margin(self) -> u32 {
        match self {
            Self::Proposers | Self::Development => DRAND_MARGIN,
            Self::Sequencer | Self::Constant => SEQUENCED_MARGIN,
        }
    }
}

/// The usual margins on a chain; those of sequenced chains where it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsualMargins {
    /// Blocks before the block of a RANDAO value.
    pub randao: u32,
    /// Slots in a row that a round pays for.
    pub bias_bits: u8,
    /// Seconds before a drand round.
    pub drand: u32,
}

impl UsualMargins {
    /// Those of the chain with this id.
    #[must_use]
    pub fn on(chain_id: u64) -> Self {
        let kind = KnownChain::of(chain_id).map(|chain| chain.prev_randao);
        let randao = match kind {
            Some(PrevRandao::Development) => LOCAL_MARGIN,
            _ => RANDAO_MARGIN,
        };
        let drand = kind.unwrap_or(PrevRandao::Sequencer).drand_margin();
        Self { randao, bias_bits: BIAS_BITS, drand }
    }
}

/// RANDAO as a development node uses it.
#[must_use]
pub const fn local_randao() -> BeaconSource {
    BeaconSource::Randao(RandaoTerms { margin: LOCAL_MARGIN, bias_bits: BIAS_BITS })
}

/// Whether the chain is a development node's, whose blocks nobody takes back.
#[must_use]
pub fn is_local(chain_id: u64) -> bool {
    let kind = KnownChain::of(chain_id).map(|chain| chain.prev_randao);
    kind == Some(PrevRandao::Development)
}

impl KnownChain {
    /// The chain with this id, if this version knows it.
    #[must_use]
    pub fn of(id: u64) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.id == id)
    }

    /// The beacon that a deployment on this chain gets if nobody says otherwise: drand, which
    /// nobody who makes blocks can bias, on the curve that costs less; RANDAO on development nodes,
    /// which need no relay for it.
    #[must_use]
    pub fn usual_beacon(&self) -> BeaconSource {
        let margin = self.prev_randao.drand_margin();
        match (self.prev_randao, self.has_bls12) {
            (PrevRandao::Development, _) => local_randao(),
            (_, true) => BeaconSource::DrandQuicknet(networks::quicknet(margin)),
            (_, false) => BeaconSource::DrandEvmnet(networks::evmnet(margin)),
        }
    }
}

/// Why a beacon must not be used on a chain unless somebody insists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitBeacon {
    /// One party picks the values.
    #[error("on {0} the sequencer chooses prevrandao, so it would choose every draw")]
    ChosenBySequencer(&'static str),
    /// Everybody knows the values.
    #[error("on {0} prevrandao is a constant, so everybody would know every draw beforehand")]
    Constant(&'static str),
    /// Nobody here knows who picks the values.
    #[error("who chooses prevrandao on chain {0} is not known to this version")]
    UnknownChain(u64),
    /// The contract would refuse every round.
    #[error("{0} lacks the precompiles of EIP-2537, so no round could be shown")]
    NoPrecompile(&'static str),
}

impl UnfitBeacon {
    /// Whether a deployment can do with it where somebody insists. A constant and a missing
    /// precompile can't be insisted away.
    #[must_use]
    pub const fn can_be_accepted(&self) -> bool {
        matches!(self, Self::ChosenBySequencer(_) | Self::UnknownChain(_))
    }
}

/// Whether a beacon is fit for the chain with this id.
///
/// # Errors
/// [`UnfitBeacon`].
pub fn check_fit(chain_id: u64, beacon: &BeaconSource) -> Result<(), UnfitBeacon> {
    let known = KnownChain::of(chain_id);
    match (beacon, known) {
        (BeaconSource::Randao(_), None) => Err(UnfitBeacon::UnknownChain(chain_id)),
        (BeaconSource::Randao(_), Some(chain)) => match chain.prev_randao {
            PrevRandao::Proposers | PrevRandao::Development => Ok(()),
            PrevRandao::Sequencer => Err(UnfitBeacon::ChosenBySequencer(chain.name)),
            PrevRandao::Constant => Err(UnfitBeacon::Constant(chain.name)),
        },
        (BeaconSource::DrandQuicknet(_), Some(chain)) if !chain.has_bls12 => {
            Err(UnfitBeacon::NoPrecompile(chain.name))
        }
        (BeaconSource::DrandEvmnet(_) | BeaconSource::DrandQuicknet(_), _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_is_known_once_and_its_usual_beacon_is_fit() {
        for (index, chain) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..index].iter().all(|other| other.id != chain.id), "{}", chain.id);
            assert!(!chain.source.is_empty());
            assert_eq!(check_fit(chain.id, &chain.usual_beacon()), Ok(()), "{}", chain.name);
        }
        assert_eq!(KnownChain::of(1).unwrap().usual_beacon().kind(), "drand-quicknet");
        assert_eq!(KnownChain::of(31_337).unwrap().usual_beacon().kind(), "randao");
        let old = KnownChain { has_bls12: false, ..KNOWN[3] };
        assert_eq!(old.usual_beacon().kind(), "drand-evmnet");
    }

    #[test]
    fn randao_is_refused_where_somebody_chooses_it() {
        let randao = local_randao();
        let drand = BeaconSource::DrandEvmnet(networks::evmnet(60));
        for (id, expected) in [
            (1, Ok(())),
            (31_337, Ok(())),
            (10, Err(UnfitBeacon::ChosenBySequencer("OP Mainnet"))),
            (8_453, Err(UnfitBeacon::ChosenBySequencer("Base"))),
            (42_161, Err(UnfitBeacon::Constant("Arbitrum One"))),
            (4_242, Err(UnfitBeacon::UnknownChain(4_242))),
        ] {
            assert_eq!(check_fit(id, &randao), expected, "{id}");
            assert_eq!(check_fit(id, &drand), Ok(()), "{id}");
        }
        assert_eq!(UsualMargins::on(1), UsualMargins { randao: 128, bias_bits: 1, drand: 300 });
        assert_eq!(UsualMargins::on(4_242).drand, UsualMargins::on(10).drand);
        assert!(UnfitBeacon::ChosenBySequencer("x").can_be_accepted());
        assert!(!UnfitBeacon::Constant("x").can_be_accepted());
    }
}
