//! What the contracts owe an account, and pulling it.

use crate::chain::{Chain, TxRecord};
use crate::error::{ClientError, Result};
use crate::round;
use alloy::primitives::{Address, U256};
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::{CollateralVault, PaymentEscrow, Token};
use serde::Serialize;

/// An account's claims in one currency, smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owed {
    /// In the account itself.
    pub wallet: u128,
    /// Payments: in `PaymentEscrow`.
    pub escrow: u128,
    /// Fees of seats that it may collect: in `Rounds`.
    pub seat_fees: u128,
    /// Slashed collateral, payable now.
    pub unlocked_payouts: u128,
    /// Slashed collateral, payable later.
    pub locked_payouts: u128,
}

/// What `account` has and is owed in `currency`.
///
/// # Errors
/// Network failure.
pub async fn owed(chain: &Chain, currency: EthAddress, holder: EthAddress) -> Result<Owed> {
    let (currency, account) = (Address::from(currency), Address::from(holder));
    let wallet = wallet(chain, currency.into(), holder).await?;
    let mut owed = Owed { wallet, ..Owed::default() };
    let call = PaymentEscrow::balanceOfCall { currency, account };
    owed.escrow = chain.read(chain.escrow(), call).await?.saturating_to();
    let rounds = round::config(chain).await?;
    if Address::from(rounds.currency) == currency {
        let seats = round::collectable(chain, holder, None).await?.len();
        let seats = u128::try_from(seats).unwrap_or(u128::MAX);
        owed.seat_fees = rounds.seat_fee.get().saturating_mul(seats);
    }
    let now = chain.rpc().now().await?;
    for (_, payout) in payouts(chain, currency, account).await? {
        let unlock: u64 = payout.unlockAt.to();
        let part =
            if unlock <= now { &mut owed.unlocked_payouts } else { &mut owed.locked_payouts };
        *part += payout.amount;
    }
    Ok(owed)
}

/// What `account` holds itself.
///
/// # Errors
/// Network failure.
pub async fn wallet(chain: &Chain, currency: EthAddress, holder: EthAddress) -> Result<u128> {
    if currency.is_zero() {
        return Ok(chain.rpc().native_balance(holder).await?.saturating_to());
    }
    let call = Token::balanceOfCall { account: holder.into() };
    Ok(chain.read(currency.into(), call).await?.saturating_to())
}

/// How much of a token there is.
///
/// # Errors
/// Network failure, or a supply past 2^128.
pub async fn supply(chain: &Chain, token: EthAddress) -> Result<u128> {
    let supply: U256 = chain.read(token.into(), Token::totalSupplyCall {}).await?;
    let too_large = |_| ClientError::Other(format!("supply {supply} is past 2^128").into());
    supply.try_into().map_err(too_large)
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

/// Pulls everything that can be had now.
///
/// # Errors
/// No signer, network failure, a refusal of the contracts.
pub async fn withdraw_all(chain: &Chain, currency: EthAddress) -> Result<Vec<TxRecord>> {
    let owed = owed(chain, currency, chain.me()?).await?;
    let (currency, me) = (Address::from(currency), chain.sender()?);
    let mut sent = Vec::new();
    if owed.escrow > 0 {
        let call = PaymentEscrow::withdrawBalanceCall { currency, to: me };
        sent.push(chain.send("withdraw payments", chain.escrow(), call, U256::ZERO).await?.record);
    }
    if owed.seat_fees > 0 {
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
