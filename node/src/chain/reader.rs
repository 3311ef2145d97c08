//! Typed reads of the contracts.

use super::client::ChainClient;
use super::error::ChainError;
use super::request::view;
use super::views::{
    BeaconValue, CaseState, CaseStatus, ChallengeConfig, ChannelStatus, ChannelView,
    CollateralView, LicenseStatus, LicenseView, ProverView, UniverseView,
};
use alloy::eips::BlockId;
use alloy::primitives::{Address, B256, U256, aliases::U48};
use alloy::providers::DynProvider;
use oml_contracts::LicenseRef;
use oml_contracts::case::MemberWord;
use oml_contracts::rpc::abi;
use oml_contracts::{
    Amount, CaseId, ChannelId, DeploymentHash, EthAddress, LicenseId, ModelId, ServingKeys,
};

/// Reads contracts at one block, the latest unless [`Reader::at`] says otherwise. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    client: ChainClient,
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
        Reader::new(self.clone())
    }
}

impl Reader {
    fn new(client: ChainClient) -> Self {
        Self { client, block: BlockId::latest() }
    }

    /// The same reads at the block with this hash, so that several reads agree.
    #[must_use]
    pub fn at(&self, block_hash: B256) -> Self {
        Self { client: self.client.clone(), block: BlockId::hash(block_hash) }
    }

    fn registry(&self) -> abi::LicenseRegistry::LicenseRegistryInstance<DynProvider> {
        let address: Address = self.client.addresses().license_registry.into();
        abi::LicenseRegistry::new(address, self.client.provider().clone())
    }

    fn vault(&self) -> abi::CollateralVault::CollateralVaultInstance<DynProvider> {
        let address: Address = self.client.addresses().collateral_vault.into();
        abi::CollateralVault::new(address, self.client.provider().clone())
    }

    fn escrow(&self) -> abi::PaymentEscrow::PaymentEscrowInstance<DynProvider> {
        let address: Address = self.client.addresses().payment_escrow.into();
        abi::PaymentEscrow::new(address, self.client.provider().clone())
    }

    fn challenge(&self) -> abi::ChallengeManager::ChallengeManagerInstance<DynProvider> {
        let address: Address = self.client.addresses().challenge_manager.into();
        abi::ChallengeManager::new(address, self.client.provider().clone())
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
            artefact_hash: found.artefactHash.into(),
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
            cases: found.cases,
            burned_bundles: found.burnedBundles,
            burned_shared: found.burnedShared,
        })
    }

    /// Number of universes of a model.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn epochs(&self, model: ModelId) -> Result<u32, ChainError> {
        read!(self, format!("epochs of model {model}"), self.registry().epochs(model.into()))
    }

    /// What the contract keeps of a case; status [`CaseStatus::None`] if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn case_state(&self, id: CaseId) -> Result<CaseState, ChainError> {
        let found = read!(self, format!("case {id}"), self.challenge().caseOf(id.into()))?;
        Ok(CaseState {
            status: case_status(found.status)?,
            deadline: found.deadline.to(),
            seed_round: found.seedRound.to(),
            question_count: found.questionCount,
            commits: found.commits,
            reveals: found.reveals,
            dissenters: found.dissenters,
            facts: found.facts.into(),
        })
    }

    /// Fingerprints that rebuttals removed, bit order as in [`super::CaseView::hits`].
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn removed_of(&self, id: CaseId) -> Result<[u8; 32], ChainError> {
        let what = format!("rebuttals of case {id}");
        let found = read!(self, what, self.challenge().removedOf(id.into()))?;
        Ok(found.to_le_bytes())
    }

    /// What is kept of a committee member.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn word_of(
        &self,
        case: CaseId,
        prover: EthAddress,
    ) -> Result<MemberWord, ChainError> {
        let what = format!("what {prover} did in case {case}");
        let found = read!(self, what, self.challenge().wordOf(case.into(), prover.into()))?;
        Ok(MemberWord::of(found.0))
    }

    /// Case that found a deployment to serve a license's copy without being registered; zero if
    /// none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn flag_of(&self, deployment: DeploymentHash) -> Result<CaseId, ChainError> {
        let what = format!("flag of deployment {deployment}");
        Ok(read!(self, what, self.challenge().flagOf(deployment.into()))?.into())
    }

    /// Rules of all cases.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn challenge_config(&self) -> Result<ChallengeConfig, ChainError> {
        let found = read!(self, "rules of cases", self.challenge().config())?;
        Ok(ChallengeConfig {
            report_delay: found.reportDelay.to(),
            questions_window: found.questionsWindow.to(),
            commit_window: found.commitWindow.to(),
            reveal_window: found.revealWindow.to(),
            opening_window: found.openingWindow.to(),
            rebuttal_window: found.rebuttalWindow.to(),
            payout_delay: found.payoutDelay.to(),
            committee_size: found.committeeSize,
            bundles_per_case: found.bundlesPerCase,
            shared_bundles_per_case: found.sharedBundlesPerCase,
            min_decoys: found.minDecoys,
            non_reveal_penalty: Amount::new(found.nonRevealPenalty),
            dissent_penalty: Amount::new(found.dissentPenalty),
        })
    }

    /// Bonds and fees that an account can pull from `ChallengeManager`.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn challenge_balance(
        &self,
        currency: EthAddress,
        account: EthAddress,
    ) -> Result<Amount, ChainError> {
        let what = format!("bonds and fees of {account}");
        amount(
            read!(self, &what, self.challenge().balanceOf(currency.into(), account.into()))?,
            &what,
        )
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
        Ok(CollateralView {
            amount: Amount::new(found.amount),
            freezes: found.freezes,
            thaw_end: found.thawEnd.to(),
        })
    }

    /// A prover; no stake if there is none.
    ///
    /// # Errors
    /// [`ChainError`].
    pub async fn prover(&self, account: EthAddress) -> Result<ProverView, ChainError> {
        let address: Address = self.client.addresses().prover_registry.into();
        let registry = abi::ProverRegistry::new(address, self.client.provider().clone());
        let found = read!(self, format!("prover {account}"), registry.prover(account.into()))?;
        Ok(ProverView {
            stake: Amount::new(found.stake),
            active_from: found.activeFrom.to(),
            thaw_end: found.thawEnd.to(),
            open_cases: found.openCases,
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
        let beacon = abi::Beacon::new(address, self.client.provider().clone());
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
        abi::LicenseStatus::Active => LicenseStatus::Active,
        abi::LicenseStatus::Terminated => LicenseStatus::Terminated,
        abi::LicenseStatus::Cancelled => LicenseStatus::Cancelled,
        abi::LicenseStatus::__Invalid => return Err(unknown("status of a license")),
    })
}

fn case_status(status: abi::CaseStatus) -> Result<CaseStatus, ChainError> {
    Ok(match status {
        abi::CaseStatus::None => CaseStatus::None,
        abi::CaseStatus::Opened => CaseStatus::Opened,
        abi::CaseStatus::Drawn => CaseStatus::Drawn,
        abi::CaseStatus::Committing => CaseStatus::Committing,
        abi::CaseStatus::Revealing => CaseStatus::Revealing,
        abi::CaseStatus::Opening => CaseStatus::Opening,
        abi::CaseStatus::Rebuttal => CaseStatus::Rebuttal,
        abi::CaseStatus::Upheld => CaseStatus::Upheld,
        abi::CaseStatus::Dismissed => CaseStatus::Dismissed,
        abi::CaseStatus::Void => CaseStatus::Void,
        abi::CaseStatus::__Invalid => return Err(unknown("status of a case")),
    })
}

fn unknown(what: &str) -> ChainError {
    ChainError::unexpected(what, "a value that this version does not know; update the node")
}
