//! `oml proof`: level 0, where the host's own signature convicts it.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{ChallengeManager, CollateralVault};
use crate::files::{self, LicenseFile, load_receipt};
use alloy::primitives::U256;
use clap::Subcommand;
use eyre::Result;
use oml_contracts::terms::Violation;
use oml_contracts::{Domain, hash};
use oml_node::payments::SignedReceipt;
use serde::Serialize;
use std::path::PathBuf;

/// Verbs of `oml proof`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A receipt for more than the host settled in time
    UnderMetering {
        /// License file of the host
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
    },
    /// A receipt served outside of the license's term
    OutOfTerm {
        /// License file of the host
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// Receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
    },
    /// Two receipts with one number and different content
    Equivocation {
        /// License file of the host
        #[arg(long, value_name = "FILE")]
        license: PathBuf,
        /// First receipt file
        #[arg(long, value_name = "FILE")]
        receipt: PathBuf,
        /// Second receipt file
        #[arg(long, value_name = "FILE")]
        other: PathBuf,
    },
}

/// An accepted proof.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    /// What was proven.
    pub(crate) violation: Violation,
    /// Evidence level: 0, judged by the contract alone.
    pub(crate) level: u8,
    /// Taken from the collateral, smallest units; none for a dry run.
    pub(crate) slashed: Option<u128>,
    /// What was sent.
    pub(crate) transactions: Vec<TxRecord>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let accepted = match verb {
        Verb::UnderMetering { license, receipt } => {
            one(
                &chain,
                &LicenseFile::load(&license)?,
                &load_receipt(&receipt)?,
                Violation::UnderMetering,
            )
            .await?
        }
        Verb::OutOfTerm { license, receipt } => {
            one(
                &chain,
                &LicenseFile::load(&license)?,
                &load_receipt(&receipt)?,
                Violation::OutOfTerm,
            )
            .await?
        }
        Verb::Equivocation { license, receipt, other } => {
            let (a, b) = (load_receipt(&receipt)?, load_receipt(&other)?);
            equivocation(&chain, &LicenseFile::load(&license)?, &a, &b).await?
        }
    };
    let slashed = accepted.slashed.map(|s| s.to_string()).unwrap_or_default();
    let lines: Vec<String> = accepted.transactions.iter().map(TxRecord::line).collect();
    global
        .output()
        .result(&accepted, &slashed, || format!("slashed {slashed}\n{}", lines.join("\n")));
    Ok(())
}

/// Proves under-metering or out-of-term service with one receipt.
pub(crate) async fn one(
    chain: &Chain,
    license: &LicenseFile,
    receipt: &SignedReceipt,
    violation: Violation,
) -> Result<Accepted> {
    let salt = files::random_salt();
    let digest = receipt.digest(&domain(chain));
    let claim = hash::proof_claim(violation, license.license_id, digest);
    let mut transactions = vec![super::report::commit(chain, claim, salt).await?];
    if chain.is_dry_run() {
        return Ok(Accepted { violation, level: 0, slashed: None, transactions });
    }
    let (r#ref, sol) = (license.sol_ref()?, receipt.receipt().into());
    let signature = receipt.signature.as_bytes().to_vec().into();
    let (to, salt) = (chain.challenges(), salt.into());
    let sent = if violation == Violation::OutOfTerm {
        let call = ChallengeManager::proveOutOfTermCall { r#ref, receipt: sol, signature, salt };
        chain.send("prove service out of term", to, call, U256::ZERO).await?
    } else {
        let call =
            ChallengeManager::proveUnderMeteringCall { r#ref, receipt: sol, signature, salt };
        chain.send("prove under-metering", to, call, U256::ZERO).await?
    };
    let slashed = super::event::<CollateralVault::CollateralSlashed>(&sent).map(|log| log.amount);
    transactions.push(sent.record);
    Ok(Accepted { violation, level: 0, slashed, transactions })
}

async fn equivocation(
    chain: &Chain,
    license: &LicenseFile,
    a: &SignedReceipt,
    b: &SignedReceipt,
) -> Result<Accepted> {
    let salt = files::random_salt();
    let violation = Violation::Equivocation;
    let claim = hash::proof_claim(violation, license.license_id, a.digest(&domain(chain)));
    let mut transactions = vec![super::report::commit(chain, claim, salt).await?];
    if chain.is_dry_run() {
        return Ok(Accepted { violation, level: 0, slashed: None, transactions });
    }
    let call = ChallengeManager::proveEquivocationCall {
        r#ref: license.sol_ref()?,
        a: a.receipt().into(),
        signatureA: a.signature.as_bytes().to_vec().into(),
        b: b.receipt().into(),
        signatureB: b.signature.as_bytes().to_vec().into(),
        salt: salt.into(),
    };
    let sent = chain.send("prove equivocation", chain.challenges(), call, U256::ZERO).await?;
    let slashed = super::event::<CollateralVault::CollateralSlashed>(&sent).map(|log| log.amount);
    transactions.push(sent.record);
    Ok(Accepted { violation, level: 0, slashed, transactions })
}

fn domain(chain: &Chain) -> Domain {
    Domain { chain_id: chain.addresses.chain_id, verifying_contract: chain.challenges().into() }
}
