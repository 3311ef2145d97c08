//! Committing to the words with which rounds of a license can be sealed.

use super::words::other_secret;
use crate::chain::{Chain, TxRecord};
use crate::error::Result;
use crate::files::LicenseFile;
use crate::license;
use alloy::primitives::U256;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{CasesRoot, LicenseId};
use oml_node::rounds::{LicenseWords, RoundSecret};
use serde::Serialize;

/// The committed words of a license.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommittedWords {
    /// License whose words they are.
    pub license_id: LicenseId,
    /// Root of its 128 words.
    pub cases_root: CasesRoot,
    /// What was sent; none if it was committed before.
    pub transaction: Option<TxRecord>,
}

/// Puts the root of a license's words on chain, for the offer's owner; once per license.
///
/// # Errors
/// No signer, network failure, a refusal of the contract, another root on chain.
pub async fn commit_cases(
    chain: &Chain,
    secret: &RoundSecret,
    file: &LicenseFile,
) -> Result<CommittedWords> {
    let license_id = file.license_id;
    let words = LicenseWords::new(secret, license_id);
    let cases_root = words.words().root();
    let kept = license::kept(chain, license_id).await?;
    if kept.cases_root == cases_root {
        return Ok(CommittedWords { license_id, cases_root, transaction: None });
    }
    if !kept.cases_root.is_zero() {
        return Err(other_secret(&words, &kept));
    }
    let call =
        LicenseRegistry::commitCasesCall { r#ref: file.sol_ref()?, casesRoot: cases_root.into() };
    let sent = chain.send("commit words", chain.registry(), call, U256::ZERO).await?;
    Ok(CommittedWords { license_id, cases_root, transaction: Some(sent.record) })
}
