//! From a log to the rows that it means.

use super::client::ChainClient;
use super::error::ChainError;
use super::logs::WatchedContract;
use crate::store::{
    ChannelRow, DeploymentRow, EventRow, Fact, LicenseRow, OfferRow, RoundRow, UniverseRow,
};
use alloy::primitives::{Address, B256};
use alloy::rpc::types::Log;
use alloy::sol_types::SolEventInterface;
use oml_contracts::rpc::abi::{
    CollateralVault::CollateralVaultEvents as VaultEvents,
    LicenseRegistry::LicenseRegistryEvents as LicenseEvents,
    PaymentEscrow::PaymentEscrowEvents as MoneyEvents, Proofs::ProofsEvents as ProofEvents,
    ProverRegistry::ProverRegistryEvents as ProverEvents, Rounds::RoundsEvents as RoundEvents,
};

/// Which contract speaks, by address.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    registry: Address,
    vault: Address,
    escrow: Address,
    provers: Address,
    proofs: Address,
    rounds: Address,
}

impl Sources {
    pub(crate) fn of(client: &ChainClient) -> Self {
        let addresses = client.addresses();
        Self {
            registry: addresses.license_registry.into(),
            vault: addresses.collateral_vault.into(),
            escrow: addresses.payment_escrow.into(),
            provers: addresses.prover_registry.into(),
            proofs: addresses.proofs.into(),
            rounds: addresses.rounds.into(),
        }
    }

    /// Contracts to ask for, with the events that they have.
    pub(crate) fn watched(&self) -> Vec<WatchedContract> {
        let contract = |address, events: &[[u8; 32]]| WatchedContract {
            address,
            events: events.iter().map(|event| B256::from(*event)).collect(),
        };
        vec![
            contract(self.registry, LicenseEvents::SELECTORS),
            contract(self.vault, VaultEvents::SELECTORS),
            contract(self.escrow, MoneyEvents::SELECTORS),
            contract(self.provers, ProverEvents::SELECTORS),
            contract(self.proofs, ProofEvents::SELECTORS),
            contract(self.rounds, RoundEvents::SELECTORS),
        ]
    }

    /// Reads one log of a block whose time is known. `None`: an event that this version does not
    /// know, which a later version of a contract can't emit because contracts are immutable, so it
    /// is another contract's.
    pub(crate) fn read(
        &self,
        log: &Log,
        timestamp: u64,
    ) -> Result<Option<(EventRow, Option<Fact>)>, ChainError> {
        let Some(name) = self.name(log) else { return Ok(None) };
        let (Some(block), Some(log_index), Some(tx_hash)) =
            (log.block_number, log.log_index, log.transaction_hash)
        else {
            return Err(ChainError::unexpected(
                format!("log of {name}"),
                "it belongs to no block, although only mined logs were asked for",
            ));
        };
        let topics: Vec<B256> = log.topics().iter().skip(1).copied().collect();
        // A proof's first argument is the kind of violation; what it is about is the license.
        let about = usize::from(name == "ProofAccepted");
        let row = EventRow {
            block,
            log_index,
            tx_hash,
            contract: log.address(),
            name: name.to_owned(),
            subject: topics.get(about).copied().unwrap_or_default(),
            topics,
            data: log.data().data.to_vec(),
            timestamp,
        };
        let fact = self.fact(log, block).map_err(|source| {
            ChainError::unexpected(format!("event {name} of block {block}"), source)
        })?;
        Ok(Some((row, fact)))
    }

    fn name(&self, log: &Log) -> Option<&'static str> {
        let selector = log.topics().first()?.0;
        let address = log.address();
        if address == self.registry {
            LicenseEvents::name_by_selector(selector)
        } else if address == self.escrow {
            MoneyEvents::name_by_selector(selector)
        } else if address == self.rounds {
            RoundEvents::name_by_selector(selector)
        } else if address == self.proofs {
            ProofEvents::name_by_selector(selector)
        } else if address == self.vault {
            VaultEvents::name_by_selector(selector)
        } else if address == self.provers {
            ProverEvents::name_by_selector(selector)
        } else {
            None
        }
    }

    fn fact(&self, log: &Log, block: u64) -> Result<Option<Fact>, String> {
        let address = log.address();
        let words = |cause: alloy::sol_types::Error| cause.to_string();
        if address == self.registry {
            license_fact(LicenseEvents::decode_log(&log.inner).map_err(words)?.data, block)
        } else if address == self.escrow {
            Ok(money_fact(MoneyEvents::decode_log(&log.inner).map_err(words)?.data, block))
        } else if address == self.rounds {
            Ok(round_fact(RoundEvents::decode_log(&log.inner).map_err(words)?.data, block))
        } else {
            Ok(None)
        }
    }
}

fn license_fact(event: LicenseEvents, block: u64) -> Result<Option<Fact>, String> {
    Ok(Some(match event {
        LicenseEvents::OfferPublished(event) => Fact::Offer(Box::new(OfferRow {
            offer_id: event.offerId.into(),
            model_id: event.modelId.into(),
            owner: event.owner.into(),
            terms: event.terms.try_into().map_err(|cause| format!("terms: {cause}"))?,
            block,
            withdrawn_block: None,
        })),
        LicenseEvents::OfferWithdrawn(event) => Fact::OfferWithdrawn(event.offerId.into()),
        LicenseEvents::LicenseAcquired(event) => Fact::License(LicenseRow {
            license_id: event.licenseId.into(),
            offer_id: event.offerId.into(),
            host: event.host.into(),
            nonce: event.nonce.try_into().map_err(|cause| format!("nonce: {cause}"))?,
            serving_key: event.servingKey.into(),
            block,
        }),
        LicenseEvents::DeploymentRegistered(event) => Fact::Deployment(DeploymentRow {
            license_id: event.licenseId.into(),
            deployment: event.deploymentHash.into(),
            uri: event.uri,
            block,
            retired_block: None,
        }),
        LicenseEvents::DeploymentRetired(event) => {
            Fact::DeploymentRetired(event.licenseId.into(), event.deploymentHash.into())
        }
        LicenseEvents::UniverseCommitted(event) => Fact::Universe(UniverseRow {
            model_id: event.modelId.into(),
            epoch: event.epoch,
            root: event.root.into(),
            block,
        }),
        _ => return Ok(None),
    }))
}

fn money_fact(event: MoneyEvents, block: u64) -> Option<Fact> {
    Some(match event {
        MoneyEvents::ChannelOpened(event) => Fact::Channel(ChannelRow {
            channel_id: event.channelId.into(),
            license_id: event.licenseId.into(),
            payer: event.payer.into(),
            signer: event.signer.into(),
            salt: event.salt.into(),
            block,
            thawing_block: None,
            closed_block: None,
        }),
        MoneyEvents::ChannelThawing(event) => Fact::ChannelThawing(event.channelId.into()),
        MoneyEvents::ChannelWithdrawn(event) => Fact::ChannelClosed(event.channelId.into()),
        MoneyEvents::ChannelClosed(event) => Fact::ChannelClosed(event.channelId.into()),
        _ => return None,
    })
}

fn round_fact(event: RoundEvents, block: u64) -> Option<Fact> {
    Some(match event {
        RoundEvents::RoundSealed(event) => Fact::Round(RoundRow {
            round_id: event.roundId.into(),
            account: event.account.into(),
            payer: event.payer.into(),
            word: event.word.into(),
            deployment: event.deployment.into(),
            seats: event.seats,
            beacon_round: event.beaconRound.to(),
            tickets: event.tickets,
            answer_until: event.answerUntil.to(),
            open_until: event.openUntil.to(),
            block,
            opened_block: None,
        }),
        RoundEvents::RoundOpened(event) => Fact::RoundOpened(event.roundId.into()),
        _ => return None,
    })
}
