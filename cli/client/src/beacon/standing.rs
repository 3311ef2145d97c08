//! What a deployed beacon is worth, and whether its relays answer.

use crate::chain::{RpcConnection, rpc_failure};
use crate::error::{BoxError, ClientError, FailureKind, HintExt as _, Result};
use alloy::network::TransactionBuilder as _;
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use oml_contracts::Addresses;
use oml_contracts::beacon::BeaconSource;
use oml_contracts::chains::{UnfitBeacon, check_fit};
use oml_contracts::rpc::abi::Beacon;
use oml_node::chain::BeaconValue;
use oml_node::chain::beacon::{DrandFault, ProofSource};
use serde::Serialize;

/// A deployed beacon in plain words.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BeaconStanding {
    /// `randao`, `drand-evmnet` or `drand-quicknet`.
    pub kind: &'static str,
    /// Blocks (RANDAO) or seconds (drand) from a commitment to its value, as the contract says.
    pub margin: u64,
    /// Bits that somebody can buy per round, as the contract says.
    pub bias_bits: u8,
    /// Who can bias it.
    pub who: &'static str,
    /// Until when a round can be brought.
    pub stale: &'static str,
    /// Why it is not fit for this chain, if it is not.
    pub unfit: Option<String>,
}

impl BeaconStanding {
    /// All of it in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let unit = if self.kind == "randao" { "blocks" } else { "s" };
        format!(
            "{}, {} {unit} after the commitment; {} bits of bias per round, so a round pays {}: {}; {}",
            self.kind,
            self.margin,
            self.bias_bits,
            u16::from(self.bias_bits) + 1,
            self.who,
            self.stale
        )
    }
}

/// What the deployment's beacon is worth, as its contract says.
///
/// # Errors
/// The contract does not answer.
pub async fn standing(rpc: &RpcConnection, addresses: &Addresses) -> Result<BeaconStanding> {
    let source = &addresses.beacon.source;
    let margin = read(rpc, addresses, Beacon::marginCall {}).await?;
    let bias_bits = read(rpc, addresses, Beacon::biasBitsCall {}).await?;
    let (who, stale) = match source {
        BeaconSource::Randao(_) => (
            "whoever makes that many blocks in a row may leave them out",
            "stale when the block's hash is out of reach (8,191 blocks by EIP-2935, else 256); \
             then the draw names another round",
        ),
        BeaconSource::DrandEvmnet(_) | BeaconSource::DrandQuicknet(_) => (
            "only a threshold of the drand network itself knows rounds early, and can't choose them",
            "never stale",
        ),
    };
    let unfit = check_fit(addresses.chain_id, source).err();
    // A chain that is not known is no fault of the beacon.
    let unfit = unfit.filter(|unfit| !matches!(unfit, UnfitBeacon::UnknownChain(_)));
    Ok(BeaconStanding {
        kind: source.kind(),
        margin: margin.to(),
        bias_bits,
        who,
        stale,
        unfit: unfit.map(|unfit| unfit.to_string()),
    })
}

async fn read<C: SolCall>(
    rpc: &RpcConnection,
    addresses: &Addresses,
    call: C,
) -> Result<C::Return> {
    let to = addresses.beacon.address.into();
    let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
    let data =
        rpc.provider().call(request).latest().await.map_err(|e| rpc_failure(C::SIGNATURE, e))?;
    C::abi_decode_returns(&data).hint(
        "the beacon does not answer as one of this version",
        "compare with the version of oml that deployed it: `oml chain verify`",
        FailureKind::Failed,
    )
}

/// How a relay of the beacon's drand network is.
#[derive(Debug)]
pub struct RelayStanding {
    /// URL of its chain.
    pub url: String,
    /// Round that it was asked for.
    pub round: u64,
    /// What is wrong with its answer. A good one is the network's only signature of the round, so
    /// relays that are good agree.
    pub fault: Option<DrandFault>,
}

/// Asks every relay for a round that is out and that nobody has brought, and tries each answer on
/// the contract. Empty where the beacon needs no relays.
///
/// # Errors
/// The chain can't be read, or no relay is known.
pub async fn relays(
    rpc: &RpcConnection,
    addresses: &Addresses,
    endpoints: &[String],
) -> Result<Vec<RelayStanding>> {
    let beacon = addresses.beacon;
    let proofs = ProofSource::new(rpc.provider().clone(), beacon, endpoints).map_err(other)?;
    let Some(relays) = proofs.relays() else { return Ok(Vec::new()) };
    let now = rpc.now().await?;
    let newest = match &beacon.source {
        BeaconSource::Randao(_) => 0,
        BeaconSource::DrandEvmnet(network) => network.newest(now),
        BeaconSource::DrandQuicknet(network) => network.newest(now),
    };
    let Some(round) = unbrought(&proofs, newest).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for url in relays.urls() {
        let fault = proofs.from_relay(relays, url, round).await.err().map(|relay| relay.fault);
        found.push(RelayStanding { url: url.clone(), round, fault });
    }
    Ok(found)
}

/// A round below `newest` that is not on chain: of one that is, the contract accepts every proof.
async fn unbrought(proofs: &ProofSource, newest: u64) -> Result<Option<u64>> {
    for round in (1..=newest).rev().take(32) {
        if proofs.value(round).await.map_err(other)? == BeaconValue::Pending {
            return Ok(Some(round));
        }
    }
    Ok(None)
}

fn other(error: impl Into<BoxError>) -> ClientError {
    ClientError::Other(error.into())
}
