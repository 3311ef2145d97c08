//! The CLI's way to the chain: every write simulates first, stops there with `--dry-run`, else sends, waits
//! and records what it cost.

use crate::contracts::Token;
use crate::error::{Exit, HintExt, fail};
use crate::signer::SignerArgs;
use alloy::network::{EthereumWallet, TransactionBuilder};
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use clap::Args;
use eyre::{Result, WrapErr};
use oml_contracts::addresses::{Addresses, AddressesError};
use oml_contracts::{Amount, EthAddress, OfferId, Terms, hash};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Which chain, which contracts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// JSON-RPC endpoint
    #[arg(
        long,
        env = "ETH_RPC_URL",
        default_value = "http://127.0.0.1:8545",
        value_name = "URL",
        global = true
    )]
    pub rpc_url: String,
    /// Addresses file of the deployment
    #[arg(
        long,
        env = "OML_ADDRESSES",
        default_value = "addresses.json",
        value_name = "FILE",
        global = true
    )]
    pub addresses: PathBuf,
    /// Simulate and print what would be sent, send nothing
    #[arg(long, env = "OML_DRY_RUN", global = true)]
    pub dry_run: bool,
    /// Seconds to wait for a transaction
    #[arg(
        long,
        env = "OML_TX_TIMEOUT",
        default_value_t = 120,
        value_name = "SECONDS",
        global = true
    )]
    pub tx_timeout: u64,
}

/// What a sent or simulated transaction did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TxRecord {
    /// What it was for.
    pub step: String,
    /// Sender.
    pub from: Address,
    /// Contract.
    pub to: Address,
    /// Hash; none for a dry run.
    pub hash: Option<B256>,
    /// Gas used, or estimated for a dry run.
    pub gas: u64,
    /// Price paid per gas, in wei.
    pub gas_price: u128,
    /// Block number.
    pub block: Option<u64>,
    /// Native value sent along, in wei.
    pub value: U256,
}

impl TxRecord {
    /// A transaction that was only simulated.
    pub(crate) fn simulated(step: &str, from: Address, to: Address, gas: u64, value: U256) -> Self {
        Self { step: step.to_owned(), from, to, hash: None, gas, gas_price: 0, block: None, value }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        match self.hash {
            Some(hash) => format!("{}: {hash} (gas {})", self.step, self.gas),
            None => format!(
                "{}: dry run, would use about {} gas; nothing was sent",
                self.step, self.gas
            ),
        }
    }
}

/// A mined transaction, or what the simulation returned.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// For the journal.
    pub record: TxRecord,
    /// Return data of the simulation that went before.
    pub returned: Bytes,
    /// None for a dry run.
    pub receipt: Option<TransactionReceipt>,
}

/// Connection, contracts and, where one is needed, the signer.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    /// Provider, signing for `from` if there is a signer.
    pub provider: DynProvider,
    /// Contracts.
    pub addresses: Addresses,
    from: Option<Address>,
    dry_run: bool,
    timeout: Duration,
}

impl Chain {
    /// Connects without a signer, for reading.
    ///
    /// # Errors
    /// Unreachable endpoint, missing or malformed addresses file, another chain than the file's.
    pub(crate) async fn reader(args: &ChainArgs) -> Result<Self> {
        let provider = connect(&args.rpc_url, None)?;
        Self::new(args, provider, None).await
    }

    /// Connects with the signer that the flags name.
    ///
    /// # Errors
    /// As [`Self::reader`], and no usable signer.
    pub(crate) async fn signer(args: &ChainArgs, signer: &SignerArgs) -> Result<Self> {
        Self::with_key(args, signer.load()?).await
    }

    /// Connects with a key at hand.
    ///
    /// # Errors
    /// As [`Self::reader`].
    pub(crate) async fn with_key(args: &ChainArgs, key: PrivateKeySigner) -> Result<Self> {
        let from = key.address();
        let provider = connect(&args.rpc_url, Some(key))?;
        Self::new(args, provider, Some(from)).await
    }

    async fn new(args: &ChainArgs, provider: DynProvider, from: Option<Address>) -> Result<Self> {
        let addresses = load_addresses(args)?;
        let chain_id = chain_id(&provider, &args.rpc_url).await?;
        if chain_id != addresses.chain_id {
            return Err(fail(
                format!(
                    "{} is chain {chain_id}, but {} is for chain {}",
                    args.rpc_url,
                    args.addresses.display(),
                    addresses.chain_id
                ),
                "give the endpoint of the right chain (--rpc-url) or its addresses file (--addresses)",
                Exit::Network,
            ));
        }
        Ok(Self {
            provider,
            addresses,
            from,
            dry_run: args.dry_run,
            timeout: Duration::from_secs(args.tx_timeout),
        })
    }

    /// The signer's address.
    ///
    /// # Errors
    /// There is no signer.
    pub(crate) fn me(&self) -> Result<Address> {
        self.from.ok_or_else(|| {
            fail("this command needs a signer", "see `oml help` under Signer", Exit::Signer)
        })
    }

    /// Calls a view function.
    ///
    /// # Errors
    /// Network failure or a revert, decoded.
    pub(crate) async fn read<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return> {
        let mut request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        if let Some(from) = self.from {
            request.set_from(from);
        }
        // Not `pending`, which on some nodes runs on transactions that are not mined yet.
        let latest = alloy::eips::BlockId::latest();
        let data = self.provider.call(request).block(latest).await;
        let data = data.map_err(|e| rpc_failure(C::SIGNATURE, &e))?;
        C::abi_decode_returns(&data)
            .wrap_err_with(|| format!("{} answered something else", C::SIGNATURE))
            .hint(
                format!("contract {to} does not speak this protocol"),
                "check the addresses file",
                Exit::Network,
            )
    }

    /// Simulates, and unless this is a dry run sends and waits for a transaction.
    ///
    /// # Errors
    /// No signer, a revert (decoded), a network failure, or no receipt in time.
    pub(crate) async fn send<C: SolCall>(
        &self,
        step: &str,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<Sent> {
        let from = self.me()?;
        let request = TransactionRequest::default()
            .with_from(from)
            .with_to(to)
            .with_input(call.abi_encode())
            .with_value(value);
        let returned =
            self.provider.call(request.clone()).await.map_err(|e| rpc_failure(step, &e))?;
        let estimate =
            self.provider.estimate_gas(request.clone()).await.map_err(|e| rpc_failure(step, &e))?;
        let mut record = TxRecord::simulated(step, from, to, estimate, value);
        if self.dry_run {
            return Ok(Sent { record, returned, receipt: None });
        }
        // Beacon rounds and deadlines can pass between estimate and inclusion and cost a few thousand gas more.
        let request = request.with_gas_limit(estimate + estimate / 5 + 20_000);
        let pending =
            self.provider.send_transaction(request).await.map_err(|e| rpc_failure(step, &e))?;
        let hash = *pending.tx_hash();
        let receipt = pending.with_timeout(Some(self.timeout)).get_receipt().await.hint(
            format!(
                "{step}: transaction {hash} was sent but not seen mined within {} s",
                self.timeout.as_secs()
            ),
            "look it up before you send again; --tx-timeout waits longer",
            Exit::Timeout,
        )?;
        record.hash = Some(hash);
        record.gas = receipt.gas_used;
        record.gas_price = receipt.effective_gas_price;
        record.block = receipt.block_number;
        if !receipt.status() {
            return Err(fail(
                format!(
                    "{step}: transaction {hash} reverted on chain although its simulation passed"
                ),
                "the chain's state changed in between; run the command again",
                Exit::Reverted,
            ));
        }
        Ok(Sent { record, returned, receipt: Some(receipt) })
    }

    /// Whether nothing is to be sent.
    pub(crate) const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// `LicenseRegistry`.
    pub(crate) fn registry(&self) -> Address {
        self.addresses.license_registry.into()
    }

    /// `CollateralVault`.
    pub(crate) fn vault(&self) -> Address {
        self.addresses.collateral_vault.into()
    }

    /// `PaymentEscrow`.
    pub(crate) fn escrow(&self) -> Address {
        self.addresses.payment_escrow.into()
    }

    /// `ProverRegistry`.
    pub(crate) fn provers(&self) -> Address {
        self.addresses.prover_registry.into()
    }

    /// `ChallengeManager`.
    pub(crate) fn challenges(&self) -> Address {
        self.addresses.challenge_manager.into()
    }

    /// The offer of `terms` on this chain.
    pub(crate) fn offer_id(&self, terms: &Terms) -> OfferId {
        hash::offer_id(self.addresses.chain_id, self.addresses.license_registry, terms)
    }

    /// Native value to send along with a payment of `amount` in `currency`.
    pub(crate) fn native_value(&self, currency: EthAddress, amount: Amount) -> U256 {
        if currency.is_zero() { U256::from(amount.get()) } else { U256::ZERO }
    }

    /// Lets `spender` pull `amount` of an ERC-20 from the signer, if it may not already.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn approve(
        &self,
        currency: EthAddress,
        spender: Address,
        amount: Amount,
    ) -> Result<Option<TxRecord>> {
        let wanted = U256::from(amount.get());
        if currency.is_zero() || wanted.is_zero() {
            return Ok(None);
        }
        let (token, owner) = (Address::from(currency), self.me()?);
        let allowed = self.read(token, Token::allowanceCall { owner, spender }).await?;
        if allowed >= wanted {
            return Ok(None);
        }
        let call = Token::approveCall { spender, amount: wanted };
        Ok(Some(self.send("approve", token, call, U256::ZERO).await?.record))
    }

    /// Waits until the chain's time is past `time`, Unix seconds.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn wait_past(&self, time: u64) -> Result<()> {
        while self.now().await? <= time {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Number of the newest block.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn block_number(&self) -> Result<u64> {
        self.provider.get_block_number().await.map_err(|e| rpc_failure("block number", &e))
    }

    /// Time of the newest block, Unix seconds.
    ///
    /// # Errors
    /// Network failure.
    pub(crate) async fn now(&self) -> Result<u64> {
        let block = self
            .provider
            .get_block(alloy::eips::BlockId::latest())
            .await
            .map_err(|e| rpc_failure("block", &e))?;
        Ok(block.ok_or_else(|| eyre::eyre!("the chain has no latest block"))?.header.timestamp)
    }
}

/// A provider for `rpc_url`, signing with `key` if given.
///
/// # Errors
/// Malformed URL.
pub(crate) fn connect(rpc_url: &str, key: Option<PrivateKeySigner>) -> Result<DynProvider> {
    let url = rpc_url.parse().hint(
        format!("--rpc-url {rpc_url:?} is not a URL"),
        "give something like http://127.0.0.1:8545",
        Exit::Network,
    )?;
    // The cached nonce manager stays ahead for ever after a reorg or a dropped transaction.
    let builder = ProviderBuilder::new().with_simple_nonce_management();
    let provider = match key {
        Some(key) => builder.wallet(EthereumWallet::from(key)).connect_http(url).erased(),
        None => builder.connect_http(url).erased(),
    };
    // Below the shortest block time in use; alloy's default for unknown chains is 7 s.
    provider.client().set_poll_interval(Duration::from_millis(200));
    Ok(provider)
}

/// The chain's id.
///
/// # Errors
/// Nothing answers there.
pub(crate) async fn chain_id(provider: &DynProvider, rpc_url: &str) -> Result<u64> {
    provider.get_chain_id().await.hint(
        format!("no chain answers at {rpc_url}"),
        "start one (`anvil`) or name another with --rpc-url",
        Exit::Network,
    )
}

fn load_addresses(args: &ChainArgs) -> Result<Addresses> {
    let loaded = Addresses::load(&args.addresses);
    let hint = match &loaded {
        Err(AddressesError::Io { .. }) => {
            "name it with --addresses FILE, or make one on a local chain with `oml chain deploy`"
        }
        _ => "it is what `oml chain deploy` writes",
    };
    loaded.hint("no contracts are known", hint, Exit::Failed)
}

/// Turns an RPC error into one of ours: reverts by name, the rest as network trouble.
pub(crate) fn rpc_failure(
    what: &str,
    error: &alloy::transports::RpcError<alloy::transports::TransportErrorKind>,
) -> eyre::Report {
    if let Some(data) = error.as_error_resp().and_then(|p| p.as_revert_data()) {
        let reason = oml_contracts::rpc::reverts::decode(&data)
            .unwrap_or_else(|| format!("revert data {data}"));
        return fail(
            format!("{what}: the contract refuses: {reason}"),
            "this transaction was not sent; the error's name and values say which rule it breaks",
            Exit::Reverted,
        );
    }
    let hint = if error.as_error_resp().is_some() {
        "the node's message says why"
    } else {
        "check --rpc-url and that the chain is reachable"
    };
    eyre::eyre!("{error}").wrap_err(fail_context(what, hint))
}

fn fail_context(what: &str, hint: &str) -> String {
    format!("{what}: the chain's endpoint returned an error ({hint})")
}
