//! The contracts' types, and the conversions that can't fail once the terms were validated.

pub(crate) use oml_contracts::rpc::abi::*;

use eyre::Result;
use oml_contracts::{EthAddress, LicenseNonce};

/// Terms as the contracts take them.
///
/// # Errors
/// A period past `uint40`, which [`oml_contracts::Terms::validate`] refuses earlier.
pub(crate) fn terms(terms: &oml_contracts::Terms) -> Result<Terms> {
    Ok(terms.try_into()?)
}

/// Names a license and proves its terms.
///
/// # Errors
/// As [`terms`].
pub(crate) fn license_ref(
    offered: &oml_contracts::Terms,
    host: EthAddress,
    nonce: LicenseNonce,
) -> Result<LicenseRef> {
    Ok(LicenseRef { terms: terms(offered)?, host: host.into(), nonce: nonce.into() })
}
