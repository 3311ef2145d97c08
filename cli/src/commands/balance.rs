//! `oml balance`: what the contracts owe an account, and pulling it.

use crate::flags::Global;
use crate::output::table;
use clap::Subcommand;
use eyre::Result;
use oml_client::{TxRecord, balance, money};
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

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Show { holder, currency } => {
            let owed = balance::owed(&global.reading().await?, currency, holder).await?;
            output.result(&owed, &owed.wallet.to_string(), || {
                let row = |what: &str, n: u128| {
                    [what.to_owned(), money::show(n, money::DEFAULT_DECIMALS)]
                };
                let rows = [
                    row("wallet", owed.wallet),
                    row("payments to pull", owed.escrow),
                    row("fees of seats to collect", owed.seat_fees),
                    row("payouts, unlocked", owed.unlocked_payouts),
                    row("payouts, locked", owed.locked_payouts),
                ];
                table(["where", "amount"], rows)
            });
        }
        Verb::Withdraw { currency } => {
            let sent = balance::withdraw_all(&global.signing().await?, currency).await?;
            let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
            let count = sent.len().to_string();
            output.result(&sent, &count, || {
                if lines.is_empty() { "nothing to withdraw".to_owned() } else { lines.join("\n") }
            });
        }
    }
    Ok(())
}
