//! `oml proof`: level 0, where the host's own signature convicts it.

mod collect;
mod keys;
mod series;
mod unlicensed;

use super::commitment::{Commitment, after_commitment};
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{ChallengeManager, CollateralVault};
use crate::files::{self, LicenseFile, load_receipt};
use alloy::primitives::U256;
use alloy::sol_types::SolCall;
use clap::Subcommand;
use eyre::Result;
use oml_contracts::terms::Violation;
use oml_contracts::{Digest, LicenseId, Salt, Signable as _, hash};
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
    /// Take keys of a model out of its universe, to ask the host of another model; for the model's owner
    Keys(keys::Keys),
    /// Commit to a series of keys, ask them of a host's gateway, keep what it signs; can be interrupted
    Collect(collect::Collect),
    /// A series of answers that are another license's copy
    UnlicensedModel(unlicensed::Unlicensed),
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

impl Accepted {
    const fn of(violation: Violation, slashed: Option<u128>, transactions: Vec<TxRecord>) -> Self {
        Self { violation, level: 0, slashed, transactions }
    }
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let verb = match verb {
        Verb::Keys(args) => return keys::run(&args, global).await,
        Verb::Collect(args) => return collect::run(&args, global).await,
        Verb::UnlicensedModel(args) => return unlicensed::run(&args, global).await,
        other => other,
    };
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
        Verb::Keys(_) | Verb::Collect(_) | Verb::UnlicensedModel(_) => return Ok(()),
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
    let digest = receipt.digest(&chain.addresses.receipt_domain());
    let report = Report { violation, license: license.license_id, evidence: digest, salt };
    let (r#ref, sol) = (license.sol_ref()?, receipt.receipt().into());
    let signature = receipt.signature.as_bytes().to_vec().into();
    let salt = salt.into();
    if violation == Violation::OutOfTerm {
        let call = ChallengeManager::proveOutOfTermCall { r#ref, receipt: sol, signature, salt };
        prove(chain, &report, "prove service out of term", call).await
    } else {
        let call =
            ChallengeManager::proveUnderMeteringCall { r#ref, receipt: sol, signature, salt };
        prove(chain, &report, "prove under-metering", call).await
    }
}

async fn equivocation(
    chain: &Chain,
    license: &LicenseFile,
    a: &SignedReceipt,
    b: &SignedReceipt,
) -> Result<Accepted> {
    let salt = files::random_salt();
    let evidence = a.digest(&chain.addresses.receipt_domain());
    let violation = Violation::Equivocation;
    let report = Report { violation, license: license.license_id, evidence, salt };
    let call = ChallengeManager::proveEquivocationCall {
        r#ref: license.sol_ref()?,
        a: a.receipt().into(),
        signatureA: a.signature.as_bytes().to_vec().into(),
        b: b.receipt().into(),
        signatureB: b.signature.as_bytes().to_vec().into(),
        salt: salt.into(),
    };
    prove(chain, &report, "prove equivocation", call).await
}

/// What a proof of level 0 commits to.
struct Report {
    violation: Violation,
    license: LicenseId,
    /// Digest of the receipt, or of the series of receipts.
    evidence: Digest,
    salt: Salt,
}

impl Report {
    fn commitment(&self, chain: &Chain) -> Result<Commitment> {
        let claim = hash::proof_claim(self.violation, self.license, self.evidence);
        Commitment::new(chain, claim, self.salt)
    }
}

/// Commits and proves. What the contract would refuse is refused before anything is sent.
async fn prove<C: SolCall>(
    chain: &Chain,
    report: &Report,
    step: &str,
    call: C,
) -> Result<Accepted> {
    let commitment = report.commitment(chain)?;
    let rehearsed = commitment.rehearse(chain, step, &call, U256::ZERO).await?;
    let mut transactions: Vec<_> = commitment.make(chain).await?.into_iter().collect();
    if chain.is_dry_run() {
        transactions.extend(rehearsed);
        return Ok(Accepted::of(report.violation, None, transactions));
    }
    commitment.mature(chain).await?;
    let sent = chain.send(step, chain.challenges(), call, U256::ZERO).await;
    let sent = after_commitment(sent)?;
    let slashed = super::event::<CollateralVault::CollateralSlashed>(&sent).map(|log| log.amount);
    transactions.push(sent.record);
    Ok(Accepted::of(report.violation, slashed, transactions))
}
