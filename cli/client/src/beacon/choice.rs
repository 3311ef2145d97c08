//! Which beacon a deployment gets: a pure decision from the chain and what a person says.

use crate::error::{BoxError, ClientError, FailureKind, HintExt as _, Result, fail};
use oml_contracts::beacon::{BeaconSource, DrandNetwork, RandaoTerms, networks};
use oml_contracts::chains::{KnownChain, UnfitBeacon, UsualMargins, check_fit, local_randao};
use std::str::FromStr;

/// Kinds of beacons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeaconKind {
    /// RANDAO of a block, shown by its header.
    Randao,
    /// drand's rounds on BN254, as its network evmnet signs them.
    DrandEvmnet,
    /// drand's rounds on BLS12-381, as its network quicknet signs them.
    DrandQuicknet,
}

/// What a person says of a deployment's beacon. What is left out follows from the chain.
#[derive(Clone, Debug, Default)]
pub struct BeaconChoice {
    /// Kind of the beacon.
    pub kind: Option<BeaconKind>,
    /// Public key of a drand network of one's own, as drand publishes keys.
    pub public_key: Option<String>,
    /// Time of that network's round 1, Unix seconds.
    pub genesis: Option<u64>,
    /// Seconds between its rounds.
    pub period: Option<u32>,
    /// Blocks (RANDAO) or seconds (drand) from a commitment to its value.
    pub margin: Option<u32>,
    /// Slots in a row that every round of a RANDAO beacon pays for.
    pub bias_bits: Option<u8>,
    /// Whether a chain whose makers of blocks choose RANDAO, or are not known, will do.
    pub accepts_sequencer: bool,
    /// Whether the chain is for development, whatever its id.
    pub is_local: bool,
}

/// The beacon of a deployment on the chain with this id.
///
/// # Errors
/// An unknown chain without a choice, a beacon that is not fit for the chain, parameters that do
/// not belong together.
pub fn choose(chain_id: u64, choice: &BeaconChoice) -> Result<BeaconSource> {
    let source = wanted(chain_id, choice)?;
    check(chain_id, source, choice)
}

/// Refuses a beacon that is not fit for the chain, unless the person says that it will do.
///
/// # Errors
/// It is not fit.
pub fn check(chain_id: u64, source: BeaconSource, choice: &BeaconChoice) -> Result<BeaconSource> {
    match check_fit(chain_id, &source) {
        Ok(()) => Ok(source),
        Err(UnfitBeacon::UnknownChain(_)) if choice.is_local => Ok(source),
        Err(unfit) if unfit.can_be_accepted() && choice.accepts_sequencer => Ok(source),
        Err(unfit) => Err(refused(unfit)),
    }
}

fn refused(unfit: UnfitBeacon) -> ClientError {
    let hint = if unfit.can_be_accepted() {
        "take --beacon drand-evmnet or drand-quicknet, which nobody who makes blocks can bias; \
         --accept-sequencer-randomness deploys all the same, for a test"
    } else {
        "take --beacon drand-evmnet, which needs nothing that a chain may lack"
    };
    fail(unfit.to_string(), hint, FailureKind::Failed)
}

fn wanted(chain_id: u64, choice: &BeaconChoice) -> Result<BeaconSource> {
    let margins = UsualMargins::on(chain_id);
    let owns_network = choice.public_key.is_some() || choice.genesis.is_some();
    match choice.kind {
        Some(BeaconKind::Randao) => {
            if owns_network || choice.period.is_some() {
                return Err(misfit(
                    "--drand-… parameters",
                    "--beacon drand-evmnet or drand-quicknet",
                ));
            }
            let usual = if choice.is_local { UsualMargins::on(LOCAL) } else { margins };
            let margin = choice.margin.unwrap_or(usual.randao);
            let bias_bits = choice.bias_bits.unwrap_or(usual.bias_bits);
            Ok(BeaconSource::Randao(RandaoTerms { margin, bias_bits }))
        }
        Some(_) if choice.bias_bits.is_some() => Err(misfit("--bias-bits", "--beacon randao")),
        Some(BeaconKind::DrandEvmnet) => {
            let public = networks::evmnet(choice.margin.unwrap_or(margins.drand));
            Ok(BeaconSource::DrandEvmnet(network(public, choice)?))
        }
        Some(BeaconKind::DrandQuicknet) => {
            let public = networks::quicknet(choice.margin.unwrap_or(margins.drand));
            Ok(BeaconSource::DrandQuicknet(network(public, choice)?))
        }
        None if owns_network || choice.margin.is_some() || choice.bias_bits.is_some() => {
            Err(misfit("a beacon's parameters", "--beacon, which says whose they are"))
        }
        None => usual(chain_id, choice),
    }
}

/// Id of anvil's chains.
const LOCAL: u64 = 31_337;

fn usual(chain_id: u64, choice: &BeaconChoice) -> Result<BeaconSource> {
    if let Some(known) = KnownChain::of(chain_id) {
        return Ok(known.usual_beacon());
    }
    if choice.is_local {
        return Ok(local_randao());
    }
    Err(fail(
        format!("chain {chain_id} is not known to this version, so it can't choose a beacon"),
        "choose one: --beacon drand-evmnet works wherever BN254's precompiles are, drand-quicknet \
         where EIP-2537's are; --beacon randao only where many proposers make blocks",
        FailureKind::Failed,
    ))
}

fn network<K: FromStr<Err: Into<BoxError>>>(
    public: DrandNetwork<K>,
    choice: &BeaconChoice,
) -> Result<DrandNetwork<K>> {
    match (&choice.public_key, choice.genesis, choice.period) {
        (None, None, None) => Ok(public),
        (Some(key), Some(genesis), Some(period)) => {
            let public_key = key.parse().hint(
                "--drand-public-key is no key of this scheme",
                "give it as drand publishes it: `public_key` of the relay's /info",
                FailureKind::Failed,
            )?;
            Ok(DrandNetwork { public_key, genesis, period, margin: public.margin })
        }
        _ => Err(fail(
            "a drand network of your own needs key, genesis and period",
            "give all of --drand-public-key, --drand-genesis and --drand-period, or none of them \
             for drand's own network",
            FailureKind::Failed,
        )),
    }
}

fn misfit(what: &str, needs: &str) -> ClientError {
    fail(format!("{what} need {needs}"), "see `oml chain deploy --help`", FailureKind::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: BeaconKind) -> BeaconChoice {
        BeaconChoice { kind: Some(kind), ..BeaconChoice::default() }
    }

    fn refusal(chain_id: u64, choice: &BeaconChoice) -> String {
        let error = choose(chain_id, choice).unwrap_err();
        format!("{error} ({})", crate::error::find(&error).0.unwrap_or_default())
    }

    #[test]
    fn known_chains_choose_by_themselves() {
        let nothing = BeaconChoice::default();
        for (chain, expected) in
            [(1, "drand-quicknet"), (8_453, "drand-quicknet"), (31_337, "randao")]
        {
            assert_eq!(choose(chain, &nothing).unwrap().kind(), expected, "{chain}");
        }
        assert!(refusal(4_242, &nothing).contains("--beacon drand-evmnet"));
        let local = BeaconChoice { is_local: true, ..nothing };
        assert_eq!(choose(4_242, &local).unwrap(), local_randao());
    }

    #[test]
    fn a_sequencers_randao_needs_a_person_who_insists() {
        let randao = kind(BeaconKind::Randao);
        assert!(refusal(10, &randao).contains("--accept-sequencer-randomness"));
        assert!(refusal(4_242, &randao).contains("not known"));
        let insists = BeaconChoice { accepts_sequencer: true, ..randao.clone() };
        assert_eq!(choose(10, &insists).unwrap().kind(), "randao");
        assert_eq!(choose(4_242, &insists).unwrap().kind(), "randao");
        // A constant is no randomness whoever insists.
        assert!(refusal(42_161, &insists).contains("constant"));
        assert_eq!(choose(1, &randao).unwrap().kind(), "randao");
        // `--local` says nothing about a chain that is known.
        let local = BeaconChoice { is_local: true, ..randao };
        assert!(refusal(10, &local).contains("sequencer"));
    }

    #[test]
    fn a_network_of_ones_own_is_given_whole() {
        let key = format!("0x{}", "11".repeat(128));
        let own = BeaconChoice {
            public_key: Some(key.clone()),
            genesis: Some(7),
            period: Some(1),
            margin: Some(30),
            ..kind(BeaconKind::DrandEvmnet)
        };
        let BeaconSource::DrandEvmnet(network) = choose(31_337, &own).unwrap() else {
            panic!("another kind")
        };
        assert_eq!(network.public_key.to_string(), key);
        assert_eq!((network.genesis, network.period, network.margin), (7, 1, 30));

        let part = BeaconChoice { genesis: None, ..own.clone() };
        assert!(refusal(1, &part).contains("needs key, genesis and period"));
        let short = BeaconChoice { public_key: Some("0x11".to_owned()), ..own };
        assert!(refusal(1, &short).contains("--drand-public-key"));
        let scheme = BeaconChoice { kind: None, ..own.clone() };
        assert!(refusal(1, &scheme).contains("--beacon"));
        let randao = BeaconChoice { kind: Some(BeaconKind::Randao), ..own };
        assert!(refusal(1, &randao).contains("drand-evmnet"));
        let bits = BeaconChoice { bias_bits: Some(2), ..kind(BeaconKind::DrandEvmnet) };
        assert!(refusal(1, &bits).contains("--beacon randao"));
    }
}
