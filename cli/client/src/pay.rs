//! Paying: a session on a channel, which signs a voucher for each request and checks each receipt.

use crate::chain::Chain;
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files::ChannelFile;
use crate::host;
use crate::money::{Currency, Money};
use oml_contracts::rpc::abi::PaymentEscrow::{self, ChannelStatus};
use oml_contracts::{Amount, LicenseId};
use oml_payments::{
    Completion, EvidenceLog, KeysAnswer, LogEntry, PayerChannel, PayerError, PayerSession, Price,
    ServingKeySource, SignedReceipt,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A paid answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidAnswer {
    /// The answer's text.
    pub text: String,
    /// Tokens of prompt and answer, as the receipt counts them.
    pub tokens: u64,
    /// Promised on the channel in all.
    pub promised: Money,
    /// What the host signed; its signer, counts and hashes were checked.
    pub receipt: SignedReceipt,
}

impl PaidAnswer {
    /// A completed request on a channel in `currency`.
    #[must_use]
    pub fn of(done: Completion, currency: &Currency) -> Self {
        Self {
            text: done.text,
            tokens: done.tokens,
            promised: currency.of(done.voucher.cumulative_amount),
            receipt: done.receipt,
        }
    }
}

/// A channel on which a session can be opened, as the chain has it.
#[derive(Clone, Debug)]
pub struct PayableChannel {
    /// What a session must know of it.
    pub reference: PayerChannel,
    /// All that was deposited.
    pub deposit: Amount,
    /// Time of the newest block, Unix seconds.
    chain_time: u64,
}

impl PayableChannel {
    /// Reads it from the chain.
    ///
    /// # Errors
    /// Network failure, or the channel is not open, or thawing.
    pub async fn read(chain: &Chain, channel: &ChannelFile) -> Result<Self> {
        let call = PaymentEscrow::channelCall { channelId: channel.channel_id.into() };
        let state = chain.read(chain.escrow(), call).await?;
        if state.status != ChannelStatus::Open {
            return Err(fail(
                format!("channel {} is not open on this chain", channel.channel_id),
                "open it with `oml channel open`, or give the addresses file of its chain",
                FailureKind::Failed,
            ));
        }
        if state.thawEnd != 0 {
            return Err(fail(
                format!(
                    "channel {} is thawing; hosts do not serve on it any more",
                    channel.channel_id
                ),
                "open another with `oml channel open`",
                FailureKind::Failed,
            ));
        }
        let license = &channel.license;
        let serving_keys = host::serving_keys(chain, license.license_id).await?;
        let reference = PayerChannel {
            chain_id: chain.addresses().chain_id,
            escrow: chain.addresses().payment_escrow,
            proofs: chain.addresses().proofs,
            license_id: license.license_id,
            model_id: license.terms.model_id,
            serving_keys,
            payer: channel.payer,
            signer: channel.signer,
            salt: channel.salt,
            price: Price::of_terms(&license.terms),
        };
        let chain_time = chain.rpc().now().await?;
        Ok(Self { reference, deposit: Amount::new(state.deposited.to()), chain_time })
    }

    /// A session of the signer with a gateway, which promises at most the deposit.
    ///
    /// # Errors
    /// No signer, or another one than the channel's.
    pub fn session(&self, chain: &Chain, gateway: &str) -> Result<PayerSession> {
        let signer = chain.rpc().account()?.clone();
        let session = explain(PayerSession::new(self.reference.clone(), signer, gateway), gateway)?;
        let keys = Arc::new(ChainKeys { chain: chain.clone(), license: self.reference.license_id });
        let session = session.with_budget(self.deposit).with_chain_time(self.chain_time);
        Ok(session.with_keys(keys))
    }

    /// A session that goes on where `log` ends; without a log it asks the gateway for its newest
    /// receipt.
    ///
    /// # Errors
    /// As [`Self::session`], a log of something else, or a gateway that does not answer.
    pub async fn logged_session(
        &self,
        chain: &Chain,
        gateway: &str,
        log: &Path,
    ) -> Result<PayerSession> {
        let known = log.exists();
        let session = self.session(chain, gateway)?;
        let mut session = explain(session.with_log(log).await, gateway)?;
        if !known {
            explain(session.resume().await, gateway)?;
        }
        Ok(session)
    }
}

/// The chain, asked for the keys of one license while a session runs.
#[derive(Debug)]
struct ChainKeys {
    chain: Chain,
    license: LicenseId,
}

impl ServingKeySource for ChainKeys {
    fn serving_keys(&self) -> KeysAnswer<'_> {
        Box::pin(async { Ok(host::serving_keys(&self.chain, self.license).await?) })
    }
}

/// [`explain`] with amounts that know their currency.
///
/// # Errors
/// The failure, explained.
pub fn explain_money<T>(
    result: Result<T, PayerError>,
    gateway: &str,
    currency: &Currency,
) -> Result<T> {
    match result {
        Err(PayerError::Budget { needed, budget }) => Err(fail(
            format!(
                "no paid answer from {gateway}: a voucher of {} would pass the budget of {}",
                currency.of(needed),
                currency.of(budget)
            ),
            "`oml channel deposit` adds to the channel, --budget raises the limit",
            FailureKind::Failed,
        )),
        other => explain(other, gateway),
    }
}

/// Adds to a payer's failure what to do about it.
///
/// # Errors
/// The failure, explained.
pub fn explain<T>(result: Result<T, PayerError>, gateway: &str) -> Result<T> {
    let (hint, exit) = match &result {
        Err(PayerError::WrongKey { .. }) => {
            ("sign with the channel's payer, or its session key", FailureKind::Signer)
        }
        Err(PayerError::Unsigned { .. }) => {
            ("the signer's words say why; nothing was promised", FailureKind::Signer)
        }
        Err(PayerError::Network { .. }) => (
            "check --gateway; a request that was served is found by the next call",
            FailureKind::Network,
        ),
        Err(PayerError::Refused { .. }) => {
            ("the gateway's words say why; nothing was charged", FailureKind::Network)
        }
        Err(PayerError::Budget { .. }) => (
            "`oml channel deposit` adds to the channel, --budget raises the limit",
            FailureKind::Failed,
        ),
        Err(PayerError::PaymentRequired { .. }) => {
            ("check the channel file, and that its deposit suffices", FailureKind::Failed)
        }
        Err(PayerError::Cut { .. }) => (
            "what came is not the whole answer; it was paid for, and its receipt is kept in the log",
            FailureKind::Failed,
        ),
        Err(PayerError::Receipt { .. }) => {
            ("the receipt is kept in the log; see `oml proof`", FailureKind::Failed)
        }
        _ => (
            "check that --gateway is the base URL of an OML gateway, e.g. http://127.0.0.1:9000",
            FailureKind::Failed,
        ),
    };
    result.hint(format!("no paid answer from {gateway}"), hint, exit)
}

/// The most that any voucher in a log promised; without a log it is not known, so the largest
/// amount.
///
/// # Errors
/// The log is damaged.
pub async fn promised_in(log: &Path) -> Result<Amount> {
    if !log.exists() {
        return Ok(Amount::MAX);
    }
    let entries = EvidenceLog::read(log).await?;
    let amount = |entry: &LogEntry| match entry {
        LogEntry::Voucher(voucher) => Some(voucher.cumulative_amount),
        _ => None,
    };
    Ok(entries.iter().filter_map(amount).max().unwrap_or(Amount::ZERO))
}

/// Where what a channel has seen is kept, if no other file is named.
#[must_use]
pub fn log_of(channel: &Path) -> PathBuf {
    channel.with_extension("payments.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_carry_their_exit_code() {
        let network = PayerError::Network { url: "http://h".to_owned(), source: "refused".into() };
        let report = explain::<()>(Err(network), "http://h").unwrap_err();
        assert_eq!(report.kind(), FailureKind::Network);
        // It seemed a whole answer, and exited with 0.
        let cut = PayerError::Cut { tokens: 3, said: "CUDA out of memory".to_owned() };
        let report = explain::<()>(Err(cut), "http://h").unwrap_err();
        assert_eq!(report.kind(), FailureKind::Failed);
        let cause = std::error::Error::source(&report).unwrap().to_string();
        assert!(cause.contains("cut after 3 paid tokens: CUDA out of memory"), "{cause}");
        let budget = || PayerError::Budget { needed: Amount::new(2), budget: Amount::new(1) };
        let report = explain::<()>(Err(budget()), "http://h").unwrap_err();
        assert_eq!(report.kind(), FailureKind::Failed);
        let usdc = Currency::new(oml_contracts::EthAddress::new([7; 20]), "USDC", 6);
        let report = explain_money::<()>(Err(budget()), "http://h", &usdc).unwrap_err().to_string();
        assert!(
            report.contains("0.000002 USDC would pass the budget of 0.000001 USDC"),
            "{report}"
        );
    }
}
