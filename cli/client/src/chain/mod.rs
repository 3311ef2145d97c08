//! The way to the chain: every write simulates first, stops there for a dry run, else sends, waits
//! and records what it cost.

mod call;
mod currency;
mod known_currencies;
mod pay;
mod record;
mod rehearsal;
mod rpc;
mod send;

pub(crate) use call::Call;
pub(crate) use pay::Payment;
pub(crate) use record::Sent;
pub use record::TxRecord;
pub use rpc::RpcConnection;
pub(crate) use rpc::rpc_failure;

use crate::consent::{Consent, PlannedCall, host_of};
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::money::{Currency, Money};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TransactionBuilder;
use alloy::primitives::Address;
use alloy::providers::{DynProvider, Provider};
use alloy::rpc::types::{Filter, Log, TransactionRequest};
use alloy::sol_types::{SolCall, SolEvent};
use oml_contracts::addresses::{Addresses, AddressesError};
use oml_contracts::{EthAddress, OfferId, Terms, chains, hash};
use oml_node::chain::beacon::{Present, ProofSource};
use oml_node::chain::{AccountSigner, lacks_finalized_tag};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Blocks behind the newest that count as final where the endpoint does not say: two epochs of
/// Ethereum.
const FINALITY_DEPTH: u64 = 64;

/// Which chain, which contracts, and how transactions are sent.
#[derive(Clone, Debug)]
pub struct ChainSettings {
    /// JSON-RPC endpoint of the chain.
    pub rpc_url: String,
    /// Addresses file of the contracts' deployment.
    pub addresses: PathBuf,
    /// Relays of the drand network that the deployment's beacon follows; drand's own if there are
    /// none.
    pub drand_endpoints: Vec<String>,
    /// Simulate only, and send nothing.
    pub dry_run: bool,
    /// Longest wait for a transaction to be mined.
    pub tx_timeout: Duration,
}

/// Connection, contracts and, where one is needed, the signing account.
#[derive(Clone, Debug)]
pub struct Chain {
    rpc: RpcConnection,
    addresses: Addresses,
    drand_endpoints: Vec<String>,
    dry_run: bool,
    timeout: Duration,
    consent: Option<Arc<dyn Consent>>,
}

impl Chain {
    /// Connects without an account, for reading.
    ///
    /// # Errors
    /// Unreachable endpoint, missing or malformed addresses file, another chain than the file's.
    pub async fn reading(settings: &ChainSettings) -> Result<Self> {
        Self::open(settings, RpcConnection::reading(&settings.rpc_url)?).await
    }

    /// Connects so that `account` sends.
    ///
    /// # Errors
    /// As [`Self::reading`].
    pub async fn signing(
        settings: &ChainSettings,
        account: impl Into<AccountSigner>,
    ) -> Result<Self> {
        Self::open(settings, RpcConnection::signing(&settings.rpc_url, account)?).await
    }

    async fn open(settings: &ChainSettings, rpc: RpcConnection) -> Result<Self> {
        let addresses = load_addresses(&settings.addresses)?;
        let chain_id = rpc.chain_id().await?;
        if chain_id != addresses.chain_id {
            return Err(fail(
                format!(
                    "{} is chain {chain_id}, but {} is for chain {}",
                    settings.rpc_url,
                    settings.addresses.display(),
                    addresses.chain_id
                ),
                "give the endpoint of the right chain (--rpc-url) or its addresses file (--addresses)",
                FailureKind::Network,
            ));
        }
        let (dry_run, timeout) = (settings.dry_run, settings.tx_timeout);
        let drand_endpoints = settings.drand_endpoints.clone();
        Ok(Self { rpc, addresses, drand_endpoints, dry_run, timeout, consent: None })
    }

    /// The same chain, where `consent` is asked before anything is sent. Without it nobody is.
    #[must_use]
    pub fn asking(self, consent: Arc<dyn Consent>) -> Self {
        Self { consent: Some(consent), ..self }
    }

    /// Asks whether a call may be sent that takes this money, in these parts.
    fn require_consent(&self, step: &str, money: Option<Money>, parts: String) -> Result<()> {
        let Some(consent) = &self.consent else { return Ok(()) };
        let call = PlannedCall {
            chain_id: self.addresses.chain_id,
            endpoint: host_of(self.rpc.url()),
            signer: self.me()?,
            step: step.to_owned(),
            money,
            parts,
        };
        if consent.agrees(&call) {
            return Ok(());
        }
        Err(fail(
            format!("{step} was not sent: you did not agree to it"),
            "nothing of it was sent; --yes goes on without a question",
            FailureKind::Failed,
        ))
    }

    /// The connection to the chain's endpoint.
    #[must_use]
    pub const fn rpc(&self) -> &RpcConnection {
        &self.rpc
    }

    /// The contracts' addresses and the chain's id.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The signing account's address.
    ///
    /// # Errors
    /// There is no signer.
    pub fn me(&self) -> Result<EthAddress> {
        Ok(self.rpc.account()?.address())
    }

    /// The same as a sender of transactions.
    pub(crate) fn sender(&self) -> Result<Address> {
        self.me().map(Into::into)
    }

    /// What everything is asked through.
    pub(crate) const fn provider(&self) -> &DynProvider {
        self.rpc.provider()
    }

    /// Calls a view function.
    ///
    /// # Errors
    /// Network failure or a revert, decoded.
    pub(crate) async fn read<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return> {
        // Not `pending`, which on some nodes runs on transactions that are not mined yet.
        self.read_at(to, call, BlockId::latest()).await
    }

    /// Calls a view function on the state after a block.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_at<C: SolCall>(
        &self,
        to: Address,
        call: C,
        block: BlockId,
    ) -> Result<C::Return> {
        let mut request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        if let Ok(from) = self.sender() {
            request.set_from(from);
        }
        let data = self.provider().call(request).block(block).await;
        let data = data.map_err(|e| rpc_failure(C::SIGNATURE, e))?;
        C::abi_decode_returns(&data)
            .during(format!("{} answered something else", C::SIGNATURE))
            .hint(
                format!("contract {to} does not speak this protocol"),
                "check the addresses file",
                FailureKind::Network,
            )
    }

    /// The token at `address`, or with the zero address the chain's own currency.
    ///
    /// # Errors
    /// As [`RpcConnection::currency`].
    pub async fn currency(&self, address: EthAddress) -> Result<Currency> {
        self.rpc.currency(address).await
    }

    /// The chain's own currency.
    pub(crate) async fn native(&self) -> Result<Currency> {
        self.currency(EthAddress::ZERO).await
    }

    /// Where proofs of beacon rounds come from.
    ///
    /// # Errors
    /// No relay is known for the beacon's network.
    pub(crate) fn beacon_proofs(&self) -> Result<ProofSource> {
        let (provider, beacon) = (self.provider().clone(), self.addresses.beacon);
        ProofSource::new(provider, beacon, &self.drand_endpoints).hint(
            "rounds of the beacon can't be brought",
            "name relays of its drand network with --drand-endpoint",
            FailureKind::Failed,
        )
    }

    /// The newest block.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn present(&self) -> Result<Present> {
        self.rpc.present().await
    }

    /// Whether nothing is to be sent.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Address of `LicenseRegistry`.
    pub(crate) fn registry(&self) -> Address {
        self.addresses.license_registry.into()
    }

    /// Address of `CollateralVault`.
    pub(crate) fn vault(&self) -> Address {
        self.addresses.collateral_vault.into()
    }

    /// Address of `PaymentEscrow`.
    pub(crate) fn escrow(&self) -> Address {
        self.addresses.payment_escrow.into()
    }

    /// Address of `ProverRegistry`.
    pub(crate) fn provers(&self) -> Address {
        self.addresses.prover_registry.into()
    }

    /// Address of `Proofs`.
    pub(crate) fn proofs(&self) -> Address {
        self.addresses.proofs.into()
    }

    /// Address of `Rounds`.
    pub(crate) fn rounds(&self) -> Address {
        self.addresses.rounds.into()
    }

    /// The offer of `terms` on this chain.
    #[must_use]
    pub fn offer_id(&self, terms: &Terms) -> OfferId {
        hash::offer_id(self.addresses.chain_id, self.addresses.license_registry, terms)
    }

    /// Waits until the chain's time is past `time`, Unix seconds.
    ///
    /// # Errors
    /// Network failure.
    pub async fn wait_past(&self, time: u64) -> Result<()> {
        while self.rpc.now().await? <= time {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// The newest block that no reorg takes back: on a local chain the newest.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn finalized(&self) -> Result<u64> {
        let newest = self.present().await?.block;
        if chains::is_local(self.addresses.chain_id) {
            return Ok(newest);
        }
        let by_depth = newest.saturating_sub(FINALITY_DEPTH);
        match self.provider().get_block_by_number(BlockNumberOrTag::Finalized).await {
            Ok(Some(block)) => Ok(block.header.number.min(newest)),
            Ok(None) => Ok(by_depth),
            // Any other failure lowers nothing.
            Err(error) if lacks_finalized_tag(&error) => Ok(by_depth),
            Err(error) => Err(rpc_failure("newest final block", error)),
        }
    }

    /// Events of one kind since the contracts' deployment, each with its log.
    pub(crate) async fn events<E: SolEvent>(
        &self,
        what: &str,
        filter: Filter,
    ) -> Result<Vec<(E, Log)>> {
        let filter =
            filter.event_signature(E::SIGNATURE_HASH).from_block(self.addresses.deployed_at_block);
        let logs = self.provider().get_logs(&filter).await.map_err(|e| rpc_failure(what, e))?;
        let decode = |log: Log| Ok((E::decode_log(&log.inner)?.data, log));
        logs.into_iter().map(decode).collect()
    }
}

fn load_addresses(path: &Path) -> Result<Addresses> {
    let loaded = Addresses::load(path);
    let hint = match &loaded {
        Err(AddressesError::Io { .. }) => {
            "name it with --addresses FILE, or make one on a local chain with `oml chain deploy`"
        }
        _ => "it is what `oml chain deploy` writes",
    };
    loaded.hint("no contracts are known", hint, FailureKind::Failed)
}
