//! What proves a round's value, tried on the contract before anybody pays for it.

use super::drand::Relays;
use super::error::{BeaconError, DrandFault, RefusedRelay};
use super::header::header_proof;
use crate::chain::error::ChainError;
use crate::chain::request::view;
use crate::chain::views::BeaconValue;
use alloy::primitives::aliases::U48;
use alloy::primitives::{Address, Bytes};
use alloy::providers::DynProvider;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use oml_contracts::beacon::{BeaconRecord, BeaconSource};
use oml_contracts::rpc::abi::Beacon;

/// What proves the value of one round; the beacon accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundProof {
    /// Number of the round that it proves.
    pub round: u64,
    /// Header or signature, as the beacon takes it.
    pub proof: Bytes,
    /// Who gave it: for people.
    pub from: String,
}

impl RoundProof {
    /// The call that brings the round.
    ///
    /// # Errors
    /// [`ChainError::Unexpected`] for a round that no beacon has.
    pub fn call(&self) -> Result<Beacon::bringCall, ChainError> {
        Ok(Beacon::bringCall { round: round_number(self.round)?, proof: self.proof.clone() })
    }
}

/// Where proofs of a deployment's rounds come from. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ProofSource {
    provider: DynProvider,
    beacon: BeaconRecord,
    relays: Option<Relays>,
}

impl ProofSource {
    /// Proofs for `beacon`: headers of the chain behind `provider`, or signatures of the relays at
    /// `relays`, where an empty list means those of drand itself.
    ///
    /// # Errors
    /// [`BeaconError::NoRelays`], [`BeaconError::Client`].
    pub fn new(
        provider: DynProvider,
        beacon: BeaconRecord,
        relays: &[String],
    ) -> Result<Self, BeaconError> {
        let relays = match &beacon.source {
            BeaconSource::Randao(_) => None,
            source => Some(Relays::new(source, relays)?),
        };
        Ok(Self { provider, beacon, relays })
    }

    /// The beacon that proofs are for.
    #[must_use]
    pub const fn beacon(&self) -> &BeaconRecord {
        &self.beacon
    }

    /// The relays, for a beacon of drand rounds.
    #[must_use]
    pub const fn relays(&self) -> Option<&Relays> {
        self.relays.as_ref()
    }

    /// What the contract says of a round now.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn value(&self, round: u64) -> Result<BeaconValue, ChainError> {
        let number = round_number(round)?;
        let what = format!("beacon round {round}");
        let found = view(what, self.contract().valueOf(number).call()).await?;
        Ok(BeaconValue::of(found.status, found.value.0))
    }

    /// A proof that the beacon accepts. All relays are asked at once and the first useful answer
    /// is taken, so that one that hangs or lies costs nothing.
    ///
    /// # Errors
    /// [`BeaconError`].
    pub async fn proof(&self, round: u64) -> Result<RoundProof, BeaconError> {
        match &self.relays {
            None => self.by_header(round).await,
            Some(relays) => self.by_signature(relays, round).await,
        }
    }

    async fn by_header(&self, round: u64) -> Result<RoundProof, BeaconError> {
        let proof = header_proof(&self.provider, round).await?;
        match self.simulate(round, &proof).await {
            Ok(()) => Ok(RoundProof { round, proof, from: "the chain's endpoint".to_owned() }),
            Err(ChainError::Reverted { revert, .. }) => {
                Err(BeaconError::RefusedHeader { block: round, revert })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn by_signature(&self, relays: &Relays, round: u64) -> Result<RoundProof, BeaconError> {
        let mut asked: FuturesUnordered<_> =
            relays.urls().iter().map(|url| self.from_relay(relays, url, round)).collect();
        let mut refused = Vec::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(proof) => return Ok(proof),
                Err(relay) => {
                    tracing::debug!(url = relay.url, fault = %relay.fault, round, "relay of no use");
                    refused.push(relay);
                }
            }
        }
        Err(BeaconError::NoSignature { round, refused })
    }

    /// A relay's signature of a round, once the beacon accepts it in a simulation.
    ///
    /// # Errors
    /// [`RefusedRelay`].
    pub async fn from_relay(
        &self,
        relays: &Relays,
        url: &str,
        round: u64,
    ) -> Result<RoundProof, RefusedRelay> {
        let refused = |fault| RefusedRelay { url: url.to_owned(), fault };
        let proof = relays.ask(url, round).await.map_err(refused)?.proof;
        match self.simulate(round, &proof).await {
            Ok(()) => Ok(RoundProof { round, proof, from: url.to_owned() }),
            Err(ChainError::Reverted { revert, .. }) => {
                Err(refused(DrandFault::Refused { revert }))
            }
            Err(error) => Err(refused(DrandFault::Untried(error))),
        }
    }

    /// The contract's word on a proof, without a transaction.
    async fn simulate(&self, round: u64, proof: &Bytes) -> Result<(), ChainError> {
        let number = round_number(round)?;
        let what = format!("simulation of bringing beacon round {round}");
        view(what, self.contract().bring(number, proof.clone()).call()).await.map(drop)
    }

    fn contract(&self) -> Beacon::BeaconInstance<DynProvider> {
        let address: Address = self.beacon.address.into();
        Beacon::new(address, self.provider.clone())
    }
}

fn round_number(round: u64) -> Result<U48, ChainError> {
    U48::try_from(round)
        .map_err(|source| ChainError::unexpected(format!("beacon round {round}"), source))
}
