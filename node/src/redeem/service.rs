//! Sends the claims that [`super::decide::plan`] decides on.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy::primitives::Address;
use oml_contracts::LicenseRef;
use oml_contracts::hash::keccak256;
use oml_contracts::rpc::ConvertError;
use oml_contracts::rpc::abi::PaymentEscrow::{claimCall, reserveCall};
use oml_contracts::{Amount, ChannelId, LicenseId};
use oml_payments::SignedVoucher;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::decide::{ChannelClaim, ClaimPlan, ClaimPolicy, ClaimedLicense, plan, reservations};
use crate::chain::{ChainClient, ChainError, Head, Intent, IntentStatus, Sender, SenderError};
use crate::clock::unix_now;
use crate::context::{NodeContext, RoleError, RoleParts};
use crate::ledger::{LedgerError, ServedLicense, newest_paid};
use crate::metrics::as_f64;
use crate::store::{Store, StoreError};

/// Most rows that a claim carries whatever the configuration says: it must fit a block.
const MAX_ROWS_EVER: usize = 256;
/// Blocks after which a channel that owed nothing is read again: a reorg may have undone its claim.
const IDLE_BLOCKS: u64 = 64;
/// Pause between two looks while there is no new head.
const QUIET: Duration = Duration::from_secs(2);
/// Why a license's vouchers could not be claimed now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedeemError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The claim could not be sent.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// The terms do not fit the contract's types.
    #[error(transparent)]
    Convert(#[from] ConvertError),
}

/// Claims the vouchers of this host's licenses.
#[derive(Debug, Clone)]
pub(crate) struct Redeemer {
    store: Store,
    chain: ChainClient,
    sender: Sender,
    policy: ClaimPolicy,
    /// Licenses of gateways, whoever their host is; those of the sender's account come on top.
    licenses: Vec<LicenseId>,
    idle: Idle,
}

/// Channels whose newest voucher is claimed, with its amount and the block at which that was read.
type Idle = Arc<Mutex<HashMap<ChannelId, (Amount, u64)>>>;

/// Starts the redeemer of the role `[host]`.
///
/// # Errors
/// [`RoleError`] if no signer is configured.
pub(crate) fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let parts = RoleParts::default();
    let Some(host) = &context.config.host else { return Ok(parts) };
    let redeemer = Redeemer {
        store: context.store.clone(),
        chain: context.chain.clone(),
        sender: context.require_sender("host")?,
        policy: ClaimPolicy {
            threshold: host.redeem.threshold,
            interval_secs: host.redeem.interval_s,
            max_rows: host.redeem.max_rows.clamp(1, MAX_ROWS_EVER),
        },
        licenses: host.gateways.iter().map(|gateway| gateway.license).collect(),
        idle: Idle::default(),
    };
    let (heads, cancel) = (context.heads.clone(), context.tasks.cancel_token());
    context.tasks.spawn_critical("redeemer", redeemer.run(heads, cancel));
    Ok(parts)
}

impl Redeemer {
    /// Claims what is due after every head, and now and then on a quiet chain, until cancelled.
    /// Failures are logged, counted and tried again at the next head.
    async fn run(self, mut heads: watch::Receiver<Head>, cancel: CancellationToken) {
        loop {
            let head = *heads.borrow_and_update();
            if head.number > 0 {
                self.act(&head).await;
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                changed = heads.changed() => if changed.is_err() { break },
                // Vouchers come between blocks too, and a quiet chain may have none.
                () = tokio::time::sleep(QUIET) => {}
            }
        }
    }

    /// Claims what is due at `head`.
    async fn act(&self, head: &Head) {
        let licenses = match self.all_licenses().await {
            Ok(licenses) => licenses,
            Err(error) => {
                tracing::warn!(%error, "licenses of this host could not be read");
                return;
            }
        };
        for license in licenses {
            if let Err(error) = self.redeem(license, head).await {
                metrics::counter!("oml_redeem_errors_total").increment(1);
                tracing::warn!(%license, %error, "vouchers could not be claimed for now");
            }
        }
    }

    async fn all_licenses(&self) -> Result<BTreeSet<LicenseId>, StoreError> {
        let mine = self.store.licenses_of_host(self.sender.address()).await?;
        Ok(mine.iter().map(|row| row.license_id).chain(self.licenses.iter().copied()).collect())
    }

    async fn redeem(&self, id: LicenseId, head: &Head) -> Result<(), RedeemError> {
        let channels = self.store.served_channels(id).await?;
        if channels.is_empty() {
            return Ok(());
        }
        let Some((offer, license)) = self.store.license_ref(id).await? else { return Ok(()) };
        let terms = LicenseRef { terms: offer.terms, host: license.host, nonce: license.nonce };
        let mut claims = Vec::with_capacity(channels.len());
        for channel in channels {
            claims.extend(self.claim_of(channel, head).await?);
        }
        observe(id, &claims);
        if claims.is_empty() {
            return Ok(());
        }
        let mut claimed = self.license(id, &terms, head).await?;
        // Receipts are dated by the later of the two clocks.
        let now = head.timestamp.max(unix_now());
        let mut plan = plan(&claims, &claimed, &self.policy, now);
        if let Some(chosen) = &plan {
            let sent = ClaimAttempt { license: &terms, id, plan: chosen, head };
            if self.send(&sent).await? == ClaimFate::Skipped {
                // Whatever the reason, what can't wait must not wait for the next attempt.
                claimed.at_once = Amount::ZERO;
                plan = None;
            }
        }
        for claim in reservations(&claims, &claimed, &self.policy, plan.as_ref(), now) {
            self.reserve(id, &terms, &claim.voucher, head).await?;
        }
        Ok(())
    }

    /// Reserves a voucher that can't be claimed now, unless that was done.
    async fn reserve(
        &self,
        id: LicenseId,
        license: &LicenseRef,
        voucher: &SignedVoucher,
        head: &Head,
    ) -> Result<(), RedeemError> {
        let channel = voucher.channel_id;
        let declared = self.chain.reader().at(head.hash).declared(channel).await?;
        if declared >= voucher.cumulative_amount {
            return Ok(());
        }
        let call = reserveCall { r#ref: license.try_into()?, row: voucher.for_channel().into() };
        let describe =
            format!("reserve {} on channel {channel} of license {id}", voucher.cumulative_amount);
        let escrow = Address::from(self.chain.addresses().payment_escrow);
        let key = key("reserve", id, std::slice::from_ref(voucher));
        let status = self.sender.submit(Intent::call(key, escrow, &call, describe)).await?;
        if status == IntentStatus::Pending {
            metrics::counter!("oml_reservations_total").increment(1);
        }
        Ok(())
    }

    /// What a channel owes at `head`.
    async fn claim_of(
        &self,
        id: ChannelId,
        head: &Head,
    ) -> Result<Option<ChannelClaim>, RedeemError> {
        let Some((receipt, voucher)) = newest_paid(&self.store, id).await? else { return Ok(None) };
        let amount = voucher.cumulative_amount;
        if self.is_idle(id, amount, head.number) {
            return Ok(None);
        }
        let channel = self.chain.reader().at(head.hash).channel(id).await?;
        if channel.claimed >= amount {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.insert(id, (amount, head.number));
            return Ok(None);
        }
        let oldest = self.store.first_unpaid(id, channel.claimed).await?;
        let oldest_unsettled = oldest.map_or(receipt.served_at, |oldest| oldest.receipt.served_at);
        Ok(Some(ChannelClaim { channel, voucher, oldest_unsettled }))
    }

    fn is_idle(&self, id: ChannelId, amount: Amount, block: u64) -> bool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.get(&id).is_some_and(|(claimed, at)| {
            *claimed == amount && block >= *at && block - at < IDLE_BLOCKS
        })
    }

    async fn license(
        &self,
        id: LicenseId,
        license: &LicenseRef,
        head: &Head,
    ) -> Result<ClaimedLicense, RedeemError> {
        let reader = self.chain.reader().at(head.hash);
        let state = ServedLicense::read(&reader, id, license).await?;
        Ok(ClaimedLicense {
            active: state.active,
            expires_at: state.expires_at,
            settlement_period: license.terms.settlement_period,
            at_once: reader.claimable(license).await?,
        })
    }

    async fn send(&self, attempt: &ClaimAttempt<'_>) -> Result<ClaimFate, RedeemError> {
        let ClaimAttempt { license, id, plan, head } = attempt;
        let call = claimCall {
            r#ref: (*license).try_into()?,
            rows: plan.rows.iter().map(|row| row.for_channel().into()).collect(),
        };
        let describe = format!(
            "claim {} on {} channels of license {id} ({})",
            plan.total,
            plan.rows.len(),
            plan.reason.name()
        );
        let escrow = Address::from(self.chain.addresses().payment_escrow);
        let period = head.timestamp / license.terms.settlement_period.max(1);
        let key = key(&format!("claim:{period}"), *id, &plan.rows);
        let status = self.sender.submit(Intent::call(key, escrow, &call, describe.clone())).await?;
        if status == IntentStatus::Pending {
            metrics::counter!("oml_claims_total", "reason" => plan.reason.name()).increment(1);
        }
        let fate = ClaimFate::of(&status, head.number);
        if fate == ClaimFate::Skipped {
            tracing::warn!(
                ?status,
                "{describe}: not claimed; it is tried again in the next settlement period, or with \
                 the next voucher, and what can't wait is reserved"
            );
        }
        Ok(fate)
    }
}

/// A claim with what it is for.
struct ClaimAttempt<'a> {
    license: &'a LicenseRef,
    id: LicenseId,
    plan: &'a ClaimPlan,
    head: &'a Head,
}

/// What came of an attempt that was needed still at a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClaimFate {
    /// It is on its way, or in a block that the head has not reached.
    Open,
    /// It is through, and the contract did not take the vouchers: somebody else's claim may have
    /// used the cover up.
    Skipped,
}

impl ClaimFate {
    /// By the attempt's transaction, where the vouchers are unclaimed at block `head`.
    const fn of(status: &IntentStatus, head: u64) -> Self {
        match status {
            IntentStatus::Pending => Self::Open,
            IntentStatus::Mined { block, .. } | IntentStatus::Done { block, .. } => {
                if *block <= head { Self::Skipped } else { Self::Open }
            }
            IntentStatus::Reverted { .. } | IntentStatus::Dropped { .. } => Self::Skipped,
        }
    }
}

/// Same vouchers in the same settlement period, same claim: one that the contract skipped is not
/// repeated until a voucher changes or the cover is another.
fn key(what: &str, license: LicenseId, rows: &[SignedVoucher]) -> String {
    let mut bytes = Vec::with_capacity(rows.len() * 65);
    for row in rows {
        bytes.extend_from_slice(row.signature.as_bytes());
    }
    let digest = keccak256(&bytes);
    format!("{what}:{license}:{}", alloy::hex::encode(&digest[..8]))
}

fn observe(license: LicenseId, claims: &[ChannelClaim]) {
    let sum = claims.iter().fold(0_u128, |sum, c| sum.saturating_add(c.claimable().get()));
    metrics::gauge!("oml_unclaimed_amount", "license" => license.to_string())
        .set(as_f64(u64::try_from(sum).unwrap_or(u64::MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;

    #[test]
    fn an_attempt_is_skipped_once_the_head_has_its_block() {
        let mined = |block| IntentStatus::Mined { tx_hash: B256::ZERO, block, succeeded: true };
        let dropped = IntentStatus::Dropped { reason: String::new() };
        for (status, head, expected) in [
            (IntentStatus::Pending, 9, ClaimFate::Open),
            (mined(10), 9, ClaimFate::Open),
            (mined(9), 9, ClaimFate::Skipped),
            (IntentStatus::Done { tx_hash: B256::ZERO, block: 10 }, 9, ClaimFate::Open),
            (IntentStatus::Done { tx_hash: B256::ZERO, block: 8 }, 9, ClaimFate::Skipped),
            (dropped, 9, ClaimFate::Skipped),
        ] {
            assert_eq!(ClaimFate::of(&status, head), expected, "{status:?}");
        }
    }
}
