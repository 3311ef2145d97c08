//! The one way to send: simulate, stop for a dry run, look at the gas money, send, wait, record.

use super::Chain;
use super::call::Call;
use super::record::{Sent, TxRecord};
use super::rpc::rpc_failure;
use crate::error::{ClientError, FailureKind, Result, fail};
use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::{TransactionReceipt, TransactionRequest};
use alloy::sol_types::SolCall;
use oml_node::chain::{EndpointFailure, on_newest_state};
use std::time::{Duration, Instant};

/// Pause before a receipt is asked for again; below the shortest block time in use.
const RECEIPT_POLL: Duration = Duration::from_millis(200);

impl Chain {
    /// Simulates, and unless this is a dry run sends and waits for a transaction.
    ///
    /// # Errors
    /// No signer, a revert (decoded), a network failure, too little money for gas, or no receipt in
    /// time.
    pub(crate) async fn send<C: SolCall>(
        &self,
        step: &str,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<Sent> {
        self.send_call(&Call::new(step, to, &call).with_value(value)).await
    }

    /// The same for a call that was made before.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) async fn send_call(&self, call: &Call) -> Result<Sent> {
        let sent = self.simulate(call).await?;
        if self.is_dry_run() {
            return Ok(sent);
        }
        let money = (!call.value.is_zero()).then(|| sent.record.value.clone());
        self.require_consent(&call.step, money, String::new())?;
        self.send_simulated(call, sent).await
    }

    /// The same for a call that is part of what was agreed to.
    pub(super) async fn send_agreed(&self, call: &Call) -> Result<Sent> {
        let sent = self.simulate(call).await?;
        self.send_simulated(call, sent).await
    }

    /// Sends and waits.
    async fn send_simulated(&self, call: &Call, mut sent: Sent) -> Result<Sent> {
        // Beacon rounds and deadlines can pass between estimate and inclusion and cost a few
        // thousand gas more.
        let gas = sent.record.gas + sent.record.gas / 5 + 20_000;
        self.require_gas_money(call, gas).await?;
        let request = call.request(self.sender()?).with_gas_limit(gas);
        let receipt = self.mine(&call.step, request).await?;
        sent.record.hash = Some(receipt.transaction_hash);
        sent.record.gas = receipt.gas_used;
        sent.record.gas_price = receipt.effective_gas_price;
        sent.record.block = receipt.block_number;
        sent.receipt = Some(receipt);
        Ok(sent)
    }

    /// What a dry run says of a call that the endpoint must not see.
    ///
    /// # Errors
    /// No signer, network failure.
    pub(crate) async fn unseen(&self, call: &Call) -> Result<Sent> {
        Ok(Sent::unsimulated(call, self.sender()?, &self.native().await?))
    }

    /// What a call would do now.
    ///
    /// # Errors
    /// A revert (decoded), or network failure.
    pub(super) async fn simulate(&self, call: &Call) -> Result<Sent> {
        let (from, native) = (self.sender()?, self.native().await?);
        let (step, request) = (&call.step, call.request(from));
        let provider = self.provider();
        let returned = on_newest_state(|block| provider.call(request.clone()).block(block)).await;
        let returned = returned.map_err(|e| rpc_failure(step, e))?;
        let gas =
            on_newest_state(|block| provider.estimate_gas(request.clone()).block(block)).await;
        let gas = gas.map_err(|e| rpc_failure(step, e))?;
        let record = TxRecord::simulated(call, from, gas, native.units(call.value));
        Ok(Sent { record, returned, receipt: None })
    }

    /// Refuses to send what the signer can't pay the gas of, in plain words.
    async fn require_gas_money(&self, call: &Call, gas: u64) -> Result<()> {
        let price =
            self.provider().get_gas_price().await.map_err(|e| rpc_failure("gas price", e))?;
        let me = self.me()?;
        let have = self.rpc.native_balance(me).await?;
        let fee = U256::from(price).saturating_mul(U256::from(gas));
        let needed = fee.saturating_add(call.value);
        if have >= needed {
            return Ok(());
        }
        let native = self.native().await?;
        Err(fail(
            format!(
                "{} needs {} (value {} + gas up to {}); {me} has {}",
                call.step,
                native.units(needed),
                native.units(call.value).bare(),
                native.units(fee).bare(),
                native.units(have).bare()
            ),
            format!("this transaction was not sent; send {} to {me} first", native.symbol()),
            FailureKind::Failed,
        ))
    }

    /// Sends a transaction and waits until it is mined and has succeeded.
    async fn mine(&self, step: &str, request: TransactionRequest) -> Result<TransactionReceipt> {
        let sent = self.provider().send_transaction(request).await;
        let hash = *sent.map_err(|e| rpc_failure(step, e))?.tx_hash();
        let receipt = self.receipt_of(step, hash).await?;
        if receipt.status() {
            return Ok(receipt);
        }
        Err(fail(
            format!("{step}: transaction {hash} reverted on chain although its simulation passed"),
            "the chain's state changed in between; run the command again",
            FailureKind::Reverted,
        ))
    }

    /// Waits for the receipt of a transaction that was sent. Asks for nothing else, since some
    /// endpoints leave out fields of blocks. A failure of the endpoint says nothing about the
    /// transaction, so it is asked again as long as there is time.
    async fn receipt_of(&self, step: &str, hash: B256) -> Result<TransactionReceipt> {
        let start = Instant::now();
        loop {
            let last = match self.provider().get_transaction_receipt(hash).await {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => None,
                Err(error) => Some(EndpointFailure::from(error)),
            };
            if start.elapsed() >= self.timeout {
                return Err(unseen_transaction(step, hash, self.timeout, last));
            }
            tokio::time::sleep(RECEIPT_POLL).await;
        }
    }

    /// Waits until no transaction of the signer is on its way any more, so that what a stopped
    /// command has sent is seen before anything is sent again.
    ///
    /// # Errors
    /// Network failure, or something is on its way for longer than transactions are waited for.
    pub(crate) async fn wait_for_own_transactions(&self) -> Result<()> {
        let start = Instant::now();
        while self.own_transactions().await? > 0 {
            if start.elapsed() >= self.timeout {
                return self.require_nothing_on_its_way().await;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Refuses to pay while a transaction of the signer is on its way: it may be the same payment,
    /// of a command that did not wait for it.
    ///
    /// # Errors
    /// Something is on its way, or network failure.
    pub(super) async fn require_nothing_on_its_way(&self) -> Result<()> {
        let waiting = self.own_transactions().await?;
        if waiting == 0 {
            return Ok(());
        }
        let me = self.me()?;
        Err(fail(
            format!("transactions of {me} that are not mined yet: {waiting}"),
            "nothing was sent; wait until they are mined, and look what they did before you pay \
             again",
            FailureKind::Timeout,
        ))
    }

    /// Transactions of the signer that the endpoint knows and no block has.
    async fn own_transactions(&self) -> Result<u64> {
        let me = self.sender()?;
        let failed = |e| rpc_failure("transaction count", e);
        let mined = self.provider().get_transaction_count(me).latest().await.map_err(failed)?;
        let count = |block| self.provider().get_transaction_count(me).block_id(block);
        let known = on_newest_state(count).await.map_err(failed)?;
        Ok(known.saturating_sub(mined))
    }
}

fn unseen_transaction(
    step: &str,
    hash: B256,
    waited: Duration,
    last: Option<EndpointFailure>,
) -> ClientError {
    ClientError::Explained {
        message: format!(
            "{step}: transaction {hash} was sent but not seen mined within {} s",
            waited.as_secs()
        ),
        hint: "it may still be mined: look it up before you send anything again; --tx-timeout \
               waits longer"
            .to_owned(),
        kind: FailureKind::Timeout,
        revert: None,
        cause: last.map(Into::into),
    }
}
