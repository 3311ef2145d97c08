//! `oml prover`: stake, so as to be drawn into committees.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::ProverRegistry;
use crate::error::{Exit, HintExt};
use crate::{files, money};
use alloy::primitives::{B256, U256};
use clap::Subcommand;
use eyre::Result;
use oml_contracts::{Amount, EthAddress};
use oml_node::cases::EncryptionKey;
use std::path::{Path, PathBuf};

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
            let public = keygen(&out)?;
            let data = serde_json::json!({ "publicKey": public, "file": out });
            output.result(&data, &public.to_string(), || {
                format!("wrote {}; public key {public}", out.display())
            });
        }
        Verb::Register { stake, key, decimals } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let public = public_key(&key)?;
            let sent =
                register(&chain, Amount::new(money::parse(&stake, decimals)?), public).await?;
            print(&sent, output);
        }
        Verb::Thaw => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let call = ProverRegistry::startThawCall {};
            print(
                &[chain.send("thaw stake", chain.provers(), call, U256::ZERO).await?.record],
                output,
            );
        }
        Verb::Withdraw => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let call = ProverRegistry::withdrawCall {};
            print(
                &[chain.send("withdraw stake", chain.provers(), call, U256::ZERO).await?.record],
                output,
            );
        }
        Verb::List => list(global).await?,
    }
    Ok(())
}

fn print(sent: &[TxRecord], output: crate::output::Output) {
    let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
    output.result(&sent, &lines.len().to_string(), || lines.join("\n"));
}

/// Makes a secret key file and returns its public half.
pub(crate) fn keygen(path: &Path) -> Result<B256> {
    let key = EncryptionKey::generate()?;
    files::write_secret(path, key.to_hex().as_bytes())?;
    Ok(B256::from(key.public()))
}

fn public_key(path: &Path) -> Result<B256> {
    let text = files::read(path)?;
    let key = EncryptionKey::from_hex(&String::from_utf8_lossy(&text)).hint(
        format!("{} is no prover key", path.display()),
        "make one with `oml prover keygen`",
        Exit::Signer,
    )?;
    Ok(B256::from(key.public()))
}

/// Stakes the signer.
pub(crate) async fn register(chain: &Chain, stake: Amount, public: B256) -> Result<Vec<TxRecord>> {
    let currency: EthAddress =
        chain.read(chain.provers(), ProverRegistry::stakeCurrencyCall {}).await?.into();
    let mut sent: Vec<_> =
        chain.approve(currency, chain.provers(), stake).await?.into_iter().collect();
    let call = ProverRegistry::registerCall { stake: stake.get(), encryptionKey: public };
    let value = chain.native_value(currency, stake);
    sent.push(chain.send("register prover", chain.provers(), call, value).await?.record);
    Ok(sent)
}

async fn list(global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let mut provers = Vec::new();
    for account in chain.read(chain.provers(), ProverRegistry::proversCall {}).await? {
        let p = chain.read(chain.provers(), ProverRegistry::proverCall { account }).await?;
        provers.push((account, p));
    }
    let data: Vec<_> = provers
        .iter()
        .map(|(account, p)| {
            serde_json::json!({
                "prover": account, "stake": p.stake.to_string(), "openCases": p.openCases,
                "thawEnd": p.thawEnd.to::<u64>(), "encryptionKey": p.encryptionKey,
            })
        })
        .collect();
    let quiet = provers.iter().map(|(a, _)| a.to_string()).collect::<Vec<_>>().join("\n");
    global.output().result(&data, &quiet, || {
        let rows = provers.iter().map(|(a, p)| {
            [a.to_string(), money::show(p.stake, money::DEFAULT_DECIMALS), p.openCases.to_string()]
        });
        crate::output::table(["prover", "stake", "open cases"], rows)
    });
    Ok(())
}
