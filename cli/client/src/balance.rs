//! What the contracts owe an account, and pulling it.

use crate::chain::{Chain, TxRecord};
use crate::error::Result;
use crate::money::Money;
use crate::round;
use alloy::primitives::{Address, U256};
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::{CollateralVault, PaymentEscrow, Token};
use serde::Serialize;

/// An account's claims in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// In the account itself.
    pub wallet: Money,
    /// Payments: in `PaymentEscrow`.
    pub escrow: Money,
    /// Fees of seats that it may collect: in `Rounds`.
    pub seat_fees: Money,
    /// Slashed collateral, payable now.
    pub unlocked_payouts: Money,
    /// Slashed collateral, payable later.
    pub locked_payouts: Money,
}

/// Currencies in which a deployment of the contracts can owe somebody something, as far as it says
/// so itself: its stake's, its test token, and the chain's own.
///
/// # Errors
/// Network failure.
pub async fn currencies(chain: &Chain) -> Result<Vec<EthAddress>> {
    let mut known = vec![EthAddress::ZERO];
    let stake = round::config(chain).await?.seat_fee.currency().address();
    for address in [Some(stake), chain.addresses().token].into_iter().flatten() {
        if !known.contains(&address) {
            known.push(address);
        }
    }
    Ok(known)
}

/// What `account` has and is owed in `currency`.
///
/// # Errors
/// Network failure.
pub async fn owed(chain: &Chain, currency: EthAddress, holder: EthAddress) -> Result<Owed> {
    let wallet = wallet(chain, currency, holder).await?;
    let (currency, account) = (Address::from(currency), Address::from(holder));
    let call = PaymentEscrow::balanceOfCall { currency, account };
    let escrow = chain.read(chain.escrow(), call).await?;
    let fee = round::config(chain).await?.seat_fee;
    let mut seat_fees = U256::ZERO;
    if fee.currency() == wallet.currency() {
        seat_fees = round::collectable(chain, holder).await?.units();
    }
    let now = chain.rpc().now().await?;
    let (mut unlocked, mut locked) = (U256::ZERO, U256::ZERO);
    for (_, payout) in payouts(chain, currency, account).await? {
        let part = if payout.unlockAt.to::<u64>() <= now { &mut unlocked } else { &mut locked };
        *part = part.saturating_add(U256::from(payout.amount));
    }
    Ok(Owed {
        escrow: wallet.with_units(escrow),
        seat_fees: wallet.with_units(seat_fees),
        unlocked_payouts: wallet.with_units(unlocked),
        locked_payouts: wallet.with_units(locked),
        wallet,
    })
}

/// What `account` holds itself.
///
/// # Errors
/// Network failure.
pub async fn wallet(chain: &Chain, currency: EthAddress, holder: EthAddress) -> Result<Money> {
    chain.wallet(currency, holder).await
}

/// How much of a token there is.
///
/// # Errors
/// Network failure.
pub async fn supply(chain: &Chain, token: EthAddress) -> Result<Money> {
    let supply = chain.read(token.into(), Token::totalSupplyCall {}).await?;
    Ok(chain.currency(token).await?.units(supply))
}

/// Unpaid payouts to `account`, with their ids.
async fn payouts(
    chain: &Chain,
    currency: Address,
    account: Address,
) -> Result<Vec<(U256, CollateralVault::Payout)>> {
    let count: u64 =
        chain.read(chain.vault(), CollateralVault::payoutCountCall {}).await?.saturating_to();
    let mut found = Vec::new();
    for id in (0..count).map(U256::from) {
        let call = CollateralVault::payoutCall { payoutId: id };
        let payout = chain.read(chain.vault(), call).await?;
        if payout.to == account && payout.currency == currency && payout.amount > 0 {
            found.push((id, payout));
        }
    }
    Ok(found)
}

/// When the next payout to `account` can be had that can't be had at `now`; Unix seconds.
pub(crate) async fn next_unlock(
    chain: &Chain,
    currency: EthAddress,
    account: EthAddress,
    now: u64,
) -> Result<Option<u64>> {
    let found = payouts(chain, currency.into(), account.into()).await?;
    let unlocks = found.into_iter().map(|(_, payout)| payout.unlockAt.to::<u64>());
    Ok(unlocks.filter(|unlock| *unlock > now).min())
}

/// Pulls everything that can be had now.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn withdraw_all(chain: &Chain, currency: EthAddress) -> Result<Vec<TxRecord>> {
    let owed = owed(chain, currency, chain.me()?).await?;
    let (currency, me) = (Address::from(currency), chain.sender()?);
    let mut sent = Vec::new();
    if !owed.escrow.is_zero() {
        let call = PaymentEscrow::withdrawBalanceCall { currency, to: me };
        sent.push(chain.send("withdraw payments", chain.escrow(), call, U256::ZERO).await?.record);
    }
    if !owed.seat_fees.is_zero() {
        sent.extend(round::collect(chain, None).await?.transactions);
    }
    let now = chain.rpc().now().await?;
    for (id, payout) in payouts(chain, currency, me).await? {
        if payout.unlockAt.to::<u64>() <= now {
            let call = CollateralVault::payOutCall { payoutId: id };
            sent.push(chain.send("pay out", chain.vault(), call, U256::ZERO).await?.record);
        }
    }
    Ok(sent)
}
