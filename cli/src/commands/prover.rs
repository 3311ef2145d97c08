//! `oml prover`: stake, so as to be drawn into committees.

use crate::flags::Global;
use crate::output::{Output, table};
use clap::Subcommand;
use eyre::Result;
use oml_client::{TxRecord, money, prover};
use oml_contracts::Amount;
use std::path::PathBuf;

/// Verbs of `oml prover`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the key to which questions are sealed
    Keygen {
        /// Where to write the secret key
        #[arg(long, default_value = "prover.key", value_name = "FILE")]
        out: PathBuf,
    },
    /// Stake the signer
    Register {
        /// Stake, e.g. 500
        #[arg(long)]
        stake: String,
        /// Secret key file, as `keygen` writes it; only its public half goes on chain
        #[arg(long, default_value = "prover.key", value_name = "FILE")]
        key: PathBuf,
        /// Decimals of the stake's currency
        #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
        decimals: u8,
    },
    /// Leave the draw at once and start the stake's way out
    Thaw,
    /// Withdraw the stake after the thaw
    Withdraw,
    /// List the staked provers
    List,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Keygen { out } => {
            let public = prover::keygen(&out)?;
            let data = serde_json::json!({ "publicKey": public, "file": out });
            output.result(&data, &public.to_string(), || {
                format!("wrote {}; public key {public}", out.display())
            });
        }
        Verb::Register { stake, key, decimals } => {
            let chain = global.signing().await?;
            let public = prover::public_key(&key)?;
            let stake = Amount::new(money::parse(&stake, decimals)?);
            print(&prover::register(&chain, stake, public).await?, output);
        }
        Verb::Thaw => print(&[prover::thaw(&global.signing().await?).await?], output),
        Verb::Withdraw => print(&[prover::withdraw(&global.signing().await?).await?], output),
        Verb::List => list(global).await?,
    }
    Ok(())
}

fn print(sent: &[TxRecord], output: Output) {
    let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
    output.result(&sent, &lines.len().to_string(), || lines.join("\n"));
}

async fn list(global: &Global) -> Result<()> {
    let provers = prover::list(&global.reading().await?).await?;
    let quiet = provers.iter().map(|p| p.prover.to_string()).collect::<Vec<_>>().join("\n");
    global.output().result(&provers, &quiet, || {
        let rows = provers.iter().map(|p| {
            let stake = money::show(p.stake, money::DEFAULT_DECIMALS);
            [p.prover.to_string(), stake, p.open_cases.to_string()]
        });
        table(["prover", "stake", "open cases"], rows)
    });
    Ok(())
}
