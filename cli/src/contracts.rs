//! The contracts' types, and the conversions that can't fail once the terms were validated.

pub(crate) use oml_contracts::rpc::abi::*;

use eyre::Result;

/// Terms as the contracts take them.
///
/// # Errors
/// A period past `uint40`, which [`oml_contracts::Terms::validate`] refuses earlier.
pub(crate) fn terms(terms: &oml_contracts::Terms) -> Result<Terms> {
    Ok(terms.try_into()?)
}
