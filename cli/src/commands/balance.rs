//! `oml balance`: what the contracts owe an account, and pulling it.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{ChallengeManager, CollateralVault, PaymentEscrow, Token};
use crate::money;
use alloy::primitives::{Address, U256};
use clap::Subcommand;
use eyre::Result;
use oml_contracts::EthAddress;
use serde::Serialize;

/// Verbs of `oml balance`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what an account has and is owed
    Show {
        /// Account
        // Named apart from the signer's --account, which is global.
        #[arg(value_name = "ACCOUNT")]
        holder: EthAddress,
        /// ERC-20 token; zero is the chain's own currency
        #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
        currency: EthAddress,
    },
    /// Pull everything that the contracts owe the signer, unlocked payouts included
    Withdraw {
        /// ERC-20 token; zero is the chain's own currency
        #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
        currency: EthAddress,
    },
}

/// An account's claims in one currency, smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Owed {
    /// In the account itself.
    pub(crate) wallet: u128,
    /// Payments: in `PaymentEscrow`.
    pub(crate) escrow: u128,
    /// Bonds and fees: in `ChallengeManager`.
    pub(crate) challenges: u128,
    /// Slashed collateral, payable now.
    pub(crate) unlocked_payouts: u128,
    /// Slashed collateral, payable later.
    pub(crate) locked_payouts: u128,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Show { holder, currency } => {
            let chain = Chain::reader(&global.chain).await?;
            let owed = owed(&chain, currency.into(), holder.into()).await?;
            output.result(&owed, &owed.wallet.to_string(), || {
                let row = |what: &str, n: u128| {
                    [what.to_owned(), money::show(n, money::DEFAULT_DECIMALS)]
                };
                crate::output::table(
                    ["where", "amount"],
                    [
                        row("wallet", owed.wallet),
                        row("payments to pull", owed.escrow),
                        row("bonds and fees to pull", owed.challenges),
                        row("payouts, unlocked", owed.unlocked_payouts),
                        row("payouts, locked", owed.locked_payouts),
                    ],
                )
            });
        }
        Verb::Withdraw { currency } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let sent = withdraw_all(&chain, currency.into()).await?;
            let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
            let count = sent.len().to_string();
            output.result(&sent, &count, || {
                if lines.is_empty() { "nothing to withdraw".to_owned() } else { lines.join("\n") }
            });
        }
    }
    Ok(())
}

/// What `account` has and is owed in `currency`.
pub(crate) async fn owed(chain: &Chain, currency: Address, account: Address) -> Result<Owed> {
    let mut owed = Owed { wallet: wallet(chain, currency, account).await?, ..Owed::default() };
    let call = PaymentEscrow::balanceOfCall { currency, account };
    owed.escrow = chain.read(chain.escrow(), call).await?.saturating_to();
    let call = ChallengeManager::balanceOfCall { currency, account };
    owed.challenges = chain.read(chain.challenges(), call).await?.saturating_to();
    let now = chain.now().await?;
    for (_, payout) in payouts(chain, currency, account).await? {
        let unlock: u64 = payout.unlockAt.to();
        let part =
            if unlock <= now { &mut owed.unlocked_payouts } else { &mut owed.locked_payouts };
        *part += payout.amount;
    }
    Ok(owed)
}

/// What `account` holds itself.
pub(crate) async fn wallet(chain: &Chain, currency: Address, account: Address) -> Result<u128> {
    use alloy::providers::Provider;
    if currency.is_zero() {
        let balance = chain.provider.get_balance(account).await;
        return Ok(balance.map_err(|e| crate::chain::rpc_failure("balance", &e))?.saturating_to());
    }
    Ok(chain.read(currency, Token::balanceOfCall { account }).await?.saturating_to())
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
pub(crate) async fn withdraw_all(chain: &Chain, currency: Address) -> Result<Vec<TxRecord>> {
    let me = chain.me()?;
    let owed = owed(chain, currency, me).await?;
    let mut sent = Vec::new();
    if owed.escrow > 0 {
        let call = PaymentEscrow::withdrawBalanceCall { currency, to: me };
        sent.push(chain.send("withdraw payments", chain.escrow(), call, U256::ZERO).await?.record);
    }
    if owed.challenges > 0 {
        let call = ChallengeManager::withdrawBalanceCall { currency, to: me };
        sent.push(
            chain
                .send("withdraw bonds and fees", chain.challenges(), call, U256::ZERO)
                .await?
                .record,
        );
    }
    let now = chain.now().await?;
    for (id, payout) in payouts(chain, currency, me).await? {
        if payout.unlockAt.to::<u64>() <= now {
            let call = CollateralVault::payOutCall { payoutId: id };
            sent.push(chain.send("pay out", chain.vault(), call, U256::ZERO).await?.record);
        }
    }
    Ok(sent)
}
