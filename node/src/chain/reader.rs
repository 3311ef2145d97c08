//! Typed reads of the contracts.

use super::client::ChainClient;
use super::error::ChainError;
use super::request::view;
use super::views::{
    BeaconValue, ChannelStatus, ChannelView, CollateralView, DeploymentView, LicenseStatus,
    LicenseView, ProverView, RoundRules, RoundStatus, RoundView, SheetsView, UniverseView,
};
use alloy::eips::BlockId;
use alloy::primitives::{Address, B256, U256, aliases::U48};
use alloy::providers::DynProvider;
use oml_contracts::LicenseRef;
use oml_contracts::ledger::LicenseLedger;
use oml_contracts::round::{RoundKind, SheetChain};
use oml_contracts::rpc::{abi, seconds};
use oml_contracts::{
    Amount, ChannelId, DeploymentHash, EthAddress, LicenseId, ModelId, RoundId, ServingKeys,
};

/// Reads contracts at one block, the latest unless [`Reader::at`] says otherwise. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    client: ChainClient,
    provider: DynProvider,
    block: BlockId,
}

/// Calls a view at the reader's block.
macro_rules! read {
    ($reader:expr, $what:expr, $call:expr) => {
        // A match keeps the contract alive while its call is awaited.
        match $call.block($reader.block) {
            call => view($what, call.call()).await,
        }
    };
}

impl ChainClient {
    /// Typed reads at the latest block.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::through(self.clone(), self.provider().clone())
    }
}

impl Reader {
    /// Reads at the latest block, through `provider`.
    pub(super) fn through(client: ChainClient, provider: DynProvider) -> Self {
        Self { client, provider, block: BlockId::latest() }
    }

    /// The same reads at the block with this hash, so that several reads agree.
    #[must_use]
    pub fn at(&self, block_hash: B256) -> Self {
        Self { block: BlockId::hash(block_hash), ..self.clone() }
    }

    /// The same reads at the block with this number, which must be final.
    #[must_use]
    pub(crate) fn at_number(&self, number: u64) -> Self {
        Self { block: BlockId::number(number), ..self.clone() }
    }

    /// Refuses to go on while the endpoint's view is of no use.
    ///
    /// # Errors
    /// Why it is of no use.
    pub(crate) fn require_view(&self) -> Result<(), ChainError> {
        self.client.require_view()
    }

    /// Whether more than one endpoint is configured.
    pub(crate) fn has_several_endpoints(&self) -> bool {
        self.client.endpoints().all().len() > 1
    }

    /// A state after the block `at`, in which two endpoints agree where several are configured.
    ///
    /// # Errors
    /// As [`ChainClient::confirmed`].
    pub(crate) async fn confirmed<T, F>(
        &self,
        what: &str,
        at: B256,
        read: impl Fn(Self) -> F,
    ) -> Result<T, ChainError>
    where
        T: PartialEq,
        F: Future<Output = Result<T, ChainError>>,
    {
        self.client.confirmed(what, at, read).await
    }

    /// Addresses of the contracts that it reads.
    pub(crate) fn addresses(&self) -> &oml_contracts::Addresses {
        self.client.addresses()
    }

    fn registry(&self) -> abi::LicenseRegistry::LicenseRegistryInstance<DynProvider> {
        let address: Address = self.client.addresses().license_registry.into();
        abi::LicenseRegistry::new(address, self.provider.clone())
    }

    fn vault(&self) -> abi::CollateralVault::CollateralVaultInstance<DynProvider> {
        let address: Address = self.client.addresses().collateral_vault.into();
        abi::CollateralVault::new(address, self.provider.clone())
    }

    fn escrow(&self) -> abi::PaymentEscrow::PaymentEscrowInstance<DynProvider> {
        let address: Address = self.client.addresses().payment_escrow.into();
        abi::PaymentEscrow::new(address, self.provider.clone())
    }

    fn rounds(&self) -> abi::Rounds::RoundsInstance<DynProvider> {
        let address: Address = self.client.addresses().rounds.into();
        abi::Rounds::new(address, self.provider.clone())
    }

    fn provers(&self) -> abi::ProverRegistry::ProverRegistryInstance<DynProvider> {
        let address: Address = self.client.addresses().prover_registry.into();
        abi::ProverRegistry::new(address, self.provider.clone())
    }

    /// A license; status [`LicenseStatus::None`] if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn license(&self, id: LicenseId) -> Result<LicenseView, ChainError> {
        let found = read!(self, format!("license {id}"), self.registry().license(id.into()))?;
        Ok(LicenseView {
            status: license_status(found.status)?,
            deadline: found.deadline.to(),
            seed_round: found.seedRound.to(),
            seed: found.seed.into(),
            trial_end: found.trialEnd.to(),
            fee_due: found.feeDue,
            sealed_root: found.sealedRoot.into(),
            copy_key: found.copyKey.into(),
            cases_root: found.casesRoot.into(),
        })
    }

    /// All serving keys that a license ever had, by epoch; none if there is no such license.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn serving_keys(&self, id: LicenseId) -> Result<ServingKeys, ChainError> {
        let what = format!("serving keys of license {id}");
        Ok(read!(self, what, self.registry().servingKeys(id.into()))?.into())
    }

    /// A universe; its root is zero if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn universe(&self, model: ModelId, epoch: u32) -> Result<UniverseView, ChainError> {
        let what = format!("universe {epoch} of model {model}");
        let found = read!(self, what, self.registry().universe(model.into(), epoch))?;
        Ok(UniverseView {
            root: found.root.into(),
            seed: found.seed.into(),
            personal_count: found.personalCount,
            shared_count: found.sharedCount,
            seed_round: found.seedRound.to(),
            licenses: found.licenses,
            burned_bundles: found.burnedBundles,
        })
    }

    /// Number of universes of a model.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn epochs(&self, model: ModelId) -> Result<u32, ChainError> {
        read!(self, format!("epochs of model {model}"), self.registry().epochs(model.into()))
    }

    /// Day since 1970 on which a bundle was burned, if it was.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn burned_on(
        &self,
        model: ModelId,
        epoch: u32,
        bundle: u32,
    ) -> Result<Option<u16>, ChainError> {
        let what = format!("bundle {bundle} of universe {epoch} of model {model}");
        let day = read!(self, what, self.registry().burnedOn(model.into(), epoch, bundle))?;
        Ok((day != 0).then_some(day))
    }

    /// A deployment's standing under a license; zeros if it was never registered.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn deployment(
        &self,
        license: LicenseId,
        deployment: DeploymentHash,
    ) -> Result<DeploymentView, ChainError> {
        let what = format!("deployment {deployment} of license {license}");
        let found =
            read!(self, what, self.registry().deployment(license.into(), deployment.into()))?;
        Ok(DeploymentView {
            registered_at: found.registeredAt.to(),
            liable_until: found.liableUntil.to(),
        })
    }

    /// What the contract keeps of a round; status [`RoundStatus::None`] if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn round(&self, id: RoundId) -> Result<RoundView, ChainError> {
        let found = read!(self, format!("round {id}"), self.rounds().round(id.into()))?;
        Ok(RoundView {
            status: round_status(found.status)?,
            sealed_at: found.sealedAt.to(),
            beacon_round: found.beaconRound.to(),
            tickets: found.tickets,
            seats: found.seats,
            paid: found.paid,
            payer: found.payer.into(),
            deployment: found.deployment.into(),
        })
    }

    /// What the contract keeps of a round's sheets.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn sheets(&self, id: RoundId) -> Result<SheetsView, ChainError> {
        let found = read!(self, format!("sheets of round {id}"), self.rounds().sheets(id.into()))?;
        Ok(SheetsView { answered: found.answered, chain: SheetChain::new(found.chain.0) })
    }

    /// What a prover can withdraw of the fees of its seats.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn seat_fees(&self, prover: EthAddress) -> Result<Amount, ChainError> {
        let what = format!("fees of prover {prover}");
        let units = read!(self, what, self.rounds().fees(prover.into()))?;
        // A currency has no more units than this; the sum is only compared.
        Ok(Amount::new(u128::try_from(units).unwrap_or(u128::MAX)))
    }

    /// Ledger of a license, of one kind of round.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn ledger(
        &self,
        license: LicenseId,
        kind: RoundKind,
    ) -> Result<LicenseLedger, ChainError> {
        let what = format!("ledger of license {license}");
        Ok(read!(self, what, self.rounds().ledger(license.into(), kind.is_leak()))?.into())
    }

    /// Who sat on a ticket in rounds sealed at `time`; zero if nobody did.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn holder_at(&self, ticket: u32, time: u64) -> Result<EthAddress, ChainError> {
        let what = format!("holder of ticket {ticket}");
        let time = seconds(time).map_err(|source| ChainError::unexpected(what.clone(), source))?;
        Ok(read!(self, what, self.provers().holderAt(ticket, time))?.into())
    }

    /// Rules of all rounds and tickets, which never change.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn round_rules(&self) -> Result<RoundRules, ChainError> {
        let rounds = read!(self, "rules of rounds", self.rounds().config())?;
        let provers = read!(self, "rules of tickets", self.provers().config())?;
        Ok(RoundRules {
            answer_window: rounds.answerWindow.to(),
            open_window: rounds.openWindow.to(),
            payout_delay: rounds.payoutDelay.to(),
            seat_fee: Amount::new(rounds.seatFee),
            currency: provers.stakeCurrency.into(),
            alive_period: provers.alivePeriod.to(),
        })
    }

    /// What a token lets `Rounds` take from an account.
    ///
    /// # Errors
    /// [`ChainError`].
    pub(crate) async fn fee_allowance(
        &self,
        token: EthAddress,
        account: EthAddress,
    ) -> Result<U256, ChainError> {
        let token = abi::Token::new(token.into(), self.provider.clone());
        let rounds: Address = self.client.addresses().rounds.into();
        read!(self, "allowance for seat fees", token.allowance(account.into(), rounds))
    }

    /// Cumulative amount of a channel that its host has declared: claimed or reserved.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn declared(&self, id: ChannelId) -> Result<Amount, ChainError> {
        let what = format!("amount declared on channel {id}");
        Ok(Amount::new(read!(self, what, self.escrow().declared(id.into()))?))
    }

    /// A channel; not open if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn channel(&self, id: ChannelId) -> Result<ChannelView, ChainError> {
        let found = read!(self, format!("channel {id}"), self.escrow().channel(id.into()))?;
        Ok(ChannelView {
            deposited: Amount::new(found.deposited.to()),
            claimed: Amount::new(found.claimed.to()),
            thaw_end: found.thawEnd.to(),
            status: channel_status(found.status)?,
        })
    }

    /// What a claim may take now: what the collateral covers, less the takings;
    /// [`Amount::MAX`] once the license has ended a settlement period ago.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn claimable(&self, license: &LicenseRef) -> Result<Amount, ChainError> {
        let what = "what a claim may take";
        let reference = abi::LicenseRef::try_from(license)
            .map_err(|source| ChainError::unexpected(what.to_owned(), source))?;
        Ok(Amount::new(read!(self, what, self.escrow().claimable(reference))?))
    }

    /// Income that an account can pull from `PaymentEscrow`.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn escrow_balance(
        &self,
        currency: EthAddress,
        account: EthAddress,
    ) -> Result<Amount, ChainError> {
        let what = format!("income of {account}");
        amount(read!(self, &what, self.escrow().balanceOf(currency.into(), account.into()))?, &what)
    }

    /// A license's collateral.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn collateral(&self, license: &LicenseRef) -> Result<CollateralView, ChainError> {
        let addresses = self.client.addresses();
        let id = license.license_id(addresses.chain_id, addresses.license_registry);
        let what = format!("collateral of license {id}");
        let call = abi::LicenseRef::try_from(license)
            .map_err(|source| ChainError::unexpected(what.clone(), source))?;
        let found = read!(self, what, self.vault().collateral(call))?;
        Ok(CollateralView { amount: Amount::new(found.amount), thaw_end: found.thawEnd.to() })
    }

    /// A prover; no tickets if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn prover(&self, account: EthAddress) -> Result<ProverView, ChainError> {
        let what = format!("prover {account}");
        let found = read!(self, what, self.provers().prover(account.into()))?;
        Ok(ProverView {
            tickets: found.tickets,
            alive_until: found.aliveUntil.to(),
            thawing: Amount::new(found.thawing),
            thaw_end: found.thawEnd.to(),
            encryption_key: found.encryptionKey.0,
        })
    }

    /// Value of a beacon round.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn beacon(&self, round: u64) -> Result<BeaconValue, ChainError> {
        let what = format!("beacon round {round}");
        let address: Address = self.client.addresses().beacon.address.into();
        let beacon = abi::Beacon::new(address, self.provider.clone());
        let round =
            U48::try_from(round).map_err(|source| ChainError::unexpected(what.clone(), source))?;
        let found = read!(self, what, beacon.valueOf(round))?;
        Ok(BeaconValue::of(found.status, found.value.0))
    }
}

fn amount(value: U256, what: &str) -> Result<Amount, ChainError> {
    u128::try_from(value).map(Amount::new).map_err(|source| ChainError::unexpected(what, source))
}

fn channel_status(status: abi::PaymentEscrow::ChannelStatus) -> Result<ChannelStatus, ChainError> {
    use abi::PaymentEscrow::ChannelStatus as Shown;
    Ok(match status {
        Shown::None => ChannelStatus::None,
        Shown::Open => ChannelStatus::Open,
        Shown::Closed => ChannelStatus::Closed,
        Shown::__Invalid => return Err(unknown("status of a channel")),
    })
}

fn license_status(status: abi::LicenseStatus) -> Result<LicenseStatus, ChainError> {
    Ok(match status {
        abi::LicenseStatus::None => LicenseStatus::None,
        abi::LicenseStatus::Acquired => LicenseStatus::Acquired,
        abi::LicenseStatus::Seeded => LicenseStatus::Seeded,
        abi::LicenseStatus::Accepted => LicenseStatus::Accepted,
        abi::LicenseStatus::Active => LicenseStatus::Active,
        abi::LicenseStatus::Terminated => LicenseStatus::Terminated,
        abi::LicenseStatus::Cancelled => LicenseStatus::Cancelled,
        abi::LicenseStatus::__Invalid => return Err(unknown("status of a license")),
    })
}

fn round_status(status: abi::Rounds::RoundStatus) -> Result<RoundStatus, ChainError> {
    use abi::Rounds::RoundStatus as Shown;
    Ok(match status {
        Shown::None => RoundStatus::None,
        Shown::Sealed => RoundStatus::Sealed,
        Shown::Opened => RoundStatus::Opened,
        Shown::Convicted => RoundStatus::Convicted,
        Shown::Lapsed => RoundStatus::Lapsed,
        Shown::__Invalid => return Err(unknown("status of a round")),
    })
}

fn unknown(what: &str) -> ChainError {
    ChainError::unexpected(what, "a value that this version does not know; update the node")
}
