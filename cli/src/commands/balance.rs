//! `oml balance`: what the contracts owe an account, and pulling it.

use crate::currency::NamedCurrency;
use crate::flags::Global;
use crate::output::table;
use clap::Subcommand;
use eyre::Result;
use oml_client::balance::{self, Owed};
use oml_client::{Chain, TxRecord};
use oml_contracts::EthAddress;

/// Verbs of `oml balance`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what an account has and is owed
    Show {
        /// Account
        // Named apart from the signer's --account, which is global.
        #[arg(value_name = "ACCOUNT")]
        holder: EthAddress,
        /// ERC-20 token, or `native` [default: all currencies that the deployment names]
        #[arg(long, value_name = "ADDRESS|native")]
        currency: Option<NamedCurrency>,
    },
    /// Pull everything that the contracts owe the signer, unlocked payouts included
    Withdraw {
        /// ERC-20 token, or `native` [default: all currencies that the deployment names]
        #[arg(long, value_name = "ADDRESS|native")]
        currency: Option<NamedCurrency>,
    },
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Show { holder, currency } => show(holder, currency, global).await,
        Verb::Withdraw { currency } => withdraw(currency, global).await,
    }
}

/// The named currency, or all that the deployment names.
async fn chosen(chain: &Chain, named: Option<NamedCurrency>) -> Result<Vec<EthAddress>> {
    match named {
        Some(currency) => Ok(vec![currency.address()]),
        None => Ok(balance::currencies(chain).await?),
    }
}

async fn show(holder: EthAddress, currency: Option<NamedCurrency>, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let mut all: Vec<Owed> = Vec::new();
    for currency in chosen(&chain, currency).await? {
        all.push(balance::owed(&chain, currency, holder).await?);
    }
    let wallets: Vec<String> = all.iter().map(|owed| owed.wallet.units().to_string()).collect();
    global.output().result(&all, &wallets.join("\n"), || {
        let header = ["wallet", "payments", "fees of seats", "payouts, unlocked", "locked"];
        table(header, all.iter().map(row))
    });
    Ok(())
}

fn row(owed: &Owed) -> [String; 5] {
    [
        owed.wallet.to_string(),
        owed.escrow.to_string(),
        owed.seat_fees.to_string(),
        owed.unlocked_payouts.to_string(),
        owed.locked_payouts.to_string(),
    ]
}

async fn withdraw(currency: Option<NamedCurrency>, global: &Global) -> Result<()> {
    let chain = global.signing().await?;
    let mut sent = Vec::new();
    for currency in chosen(&chain, currency).await? {
        sent.extend(balance::withdraw_all(&chain, currency).await?);
    }
    let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
    global.output().result(&sent, &sent.len().to_string(), || {
        if lines.is_empty() { "nothing to withdraw".to_owned() } else { lines.join("\n") }
    });
    Ok(())
}
