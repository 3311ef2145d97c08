//! Buying a license, and keeping its file before the money moves.

use crate::chain::{Chain, Payment};
use crate::error::{FailureKind, Result, fail, resumable};
use crate::files::{self, LicenseFile};
use crate::license::{self, AcquireLicense, AcquiredLicense, ChangedLicense};
use alloy::primitives::B256;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{LicenseNonce, hash};
use std::path::Path;

/// Buys a license for the signer and keeps it in the file `out`, which is never written over.
/// Nothing is sent if the signer has bought it before. A dry run writes nothing.
///
/// # Errors
/// Another file at `out`, no signer, too little money, network failure, a refusal of the contracts.
pub async fn acquire(chain: &Chain, order: &AcquireLicense, out: &Path) -> Result<AcquiredLicense> {
    let (host, terms) = (chain.me()?, &order.terms);
    let nonce = LicenseNonce::new(u128::from(order.nonce))?;
    let offer_id = chain.offer_id(terms);
    let license_id = hash::license_id(offer_id, host, nonce);
    let file = LicenseFile { license_id, offer_id, host, nonce, terms: terms.clone() };
    let begun = refuse_other(&file, out)?;
    if begun {
        chain.wait_for_own_transactions().await?;
    }
    let keep = || files::keep(out, &file);
    if license::kept(chain, license_id).await?.is_bought() {
        if !chain.is_dry_run() {
            keep()?;
        }
        let change = ChangedLicense { license_id, transactions: Vec::new() };
        return Ok(AcquiredLicense { file, change });
    }
    let call = LicenseRegistry::acquireCall {
        terms: terms.try_into()?,
        nonce: nonce.into(),
        servingKey: order.serving_key.into(),
        encryptionKey: order.encryption_key.into(),
    };
    let price = Payment::new(terms.currency, chain.vault(), "fee", terms.license_fee)
        .and("collateral", terms.collateral);
    let step = "acquire license";
    let paid = chain.send_paying_kept(step, chain.registry(), call, &price, keep).await;
    let paid = resumable(paid)?;
    if let Some(log) = paid.last.event::<LicenseRegistry::LicenseAcquired>()
        && log.licenseId != B256::from(license_id)
    {
        return Err(fail(
            format!("the contract made license {}, not {license_id}", log.licenseId),
            "this program and the contracts disagree about formats; use matching versions",
            FailureKind::Failed,
        ));
    }
    let change = ChangedLicense { license_id, transactions: paid.records };
    Ok(AcquiredLicense { file, change })
}

/// Whether this very license is in the file `out` already; another one there is an error.
fn refuse_other(license: &LicenseFile, out: &Path) -> Result<bool> {
    if !files::is_there(out) {
        return Ok(false);
    }
    let there = LicenseFile::load(out)?;
    if there == *license {
        return Ok(true);
    }
    Err(fail(
        format!(
            "{} holds license {}, and is never written over; this would be {}",
            out.display(),
            there.license_id,
            license.license_id
        ),
        "name another file for another license with --out; another license under the same offer \
         needs another --nonce",
        FailureKind::Failed,
    ))
}
