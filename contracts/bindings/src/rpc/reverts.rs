//! Reverts as text: name of the custom error and its named values.

use std::sync::LazyLock;

use alloy::dyn_abi::{DynSolValue, JsonAbiExt as _};
use alloy::json_abi::{Error, InternalType, JsonAbi};
use alloy::sol_types::{Panic, Revert, SolError as _};

use super::abi;
use super::artefacts;

/// Every custom error that a deployed contract can revert with, by selector.
static ERRORS: LazyLock<Vec<([u8; 4], Error)>> = LazyLock::new(|| {
    let abis = artefacts::all().filter_map(|artefact| artefact.abi().ok());
    let errors = abis.flat_map(|abi: JsonAbi| abi.errors().cloned().collect::<Vec<_>>());
    errors.map(|error| (error.selector().0, error)).collect()
});

/// `LicenseRegistry_OfferNotOpen(offerId: 0x…)` for the data of a revert, `None` if it is none that
/// these contracts, Solidity's `require` with text, or a panic give.
#[must_use]
pub fn decode(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(format!("reverted: {}", revert.reason));
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return Some(panic.to_string());
    }
    let (selector, input) = data.split_at_checked(4)?;
    let matching = ERRORS.iter().filter(|(known, _)| selector == known);
    matching.into_iter().find_map(|(_, error)| render(error, input))
}

/// [`decode`] of a failed call or transaction of a typed contract.
#[must_use]
pub fn of_contract_error(error: &alloy::contract::Error) -> Option<String> {
    decode(&error.as_revert_data()?)
}

/// [`decode`] of a failed call or transaction of a provider.
#[must_use]
pub(crate) fn of_transport_error(error: &alloy::transports::TransportError) -> Option<String> {
    decode(&error.as_error_resp()?.as_revert_data()?)
}

fn render(error: &Error, input: &[u8]) -> Option<String> {
    let values = error.abi_decode_input(input).ok()?;
    let shown: Vec<String> = error
        .inputs
        .iter()
        .zip(&values)
        .map(|(param, value)| {
            let text = render_value(value, param.internal_type.as_ref());
            if param.name.is_empty() { text } else { format!("{}: {text}", param.name) }
        })
        .collect();
    Some(format!("{}({})", error.name, shown.join(", ")))
}

fn render_value(value: &DynSolValue, internal: Option<&InternalType>) -> String {
    match value {
        DynSolValue::Uint(number, 8) => match internal {
            Some(InternalType::Enum { ty, .. }) => {
                let variant = number.try_into().ok().and_then(|n| variant(ty, n));
                variant.unwrap_or_else(|| number.to_string())
            }
            _ => number.to_string(),
        },
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::Bool(flag) => flag.to_string(),
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::String(text) => format!("{text:?}"),
        DynSolValue::Bytes(bytes) => format!("0x{}", hex::encode(bytes)),
        DynSolValue::FixedBytes(word, size) => {
            short_text(&word.0).unwrap_or_else(|| format!("0x{}", hex::encode(&word[..*size])))
        }
        DynSolValue::Array(items) | DynSolValue::FixedArray(items) | DynSolValue::Tuple(items) => {
            let items: Vec<_> = items.iter().map(|item| render_value(item, None)).collect();
            format!("[{}]", items.join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// Text that Solidity stored left-aligned in a word, such as the name of a bad parameter.
fn short_text(word: &[u8; 32]) -> Option<String> {
    let length = word.iter().position(|byte| *byte == 0)?;
    let (text, rest) = word.split_at(length);
    let printable = length >= 3 && text.iter().all(u8::is_ascii_graphic);
    (printable && rest.iter().all(|byte| *byte == 0))
        .then(|| String::from_utf8_lossy(text).into_owned())
}

fn variant(name: &str, number: u8) -> Option<String> {
    macro_rules! of {
        ($ty:path) => {
            <$ty>::try_from(number).ok().map(|variant| format!("{variant:?}"))
        };
    }
    match name {
        "LicenseStatus" => of!(abi::LicenseStatus),
        "RoundStatus" => of!(abi::Rounds::RoundStatus),
        "Violation" => of!(abi::Violation),
        "ClaimError" => of!(abi::PaymentEscrow::ClaimError),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, B256};

    #[test]
    fn custom_errors_name_their_values() {
        let closed =
            abi::LicenseRegistry::LicenseRegistry_OfferNotOpen { offerId: B256::repeat_byte(0xab) };
        assert_eq!(
            decode(&closed.abi_encode()).unwrap(),
            format!("LicenseRegistry_OfferNotOpen(offerId: 0x{})", "ab".repeat(32))
        );
        let status = abi::Rounds::Rounds_WrongStatus {
            roundId: B256::ZERO,
            status: abi::Rounds::RoundStatus::Convicted,
        };
        assert!(decode(&status.abi_encode()).unwrap().ends_with("status: Convicted)"));
        let balance = abi::PaymentEscrow::PaymentEscrow_NoBalance {
            currency: Address::ZERO,
            account: Address::repeat_byte(1),
        };
        assert!(decode(&balance.abi_encode()).unwrap().contains("account: 0x0101"));
        let mut name = [0; 32];
        name[..10].copy_from_slice(b"openWindow");
        let config =
            abi::Rounds::Rounds_BadConfig { name: name.into(), value: "7".parse().unwrap() };
        assert_eq!(
            decode(&config.abi_encode()).unwrap(),
            "Rounds_BadConfig(name: openWindow, value: 7)"
        );
    }

    #[test]
    fn errors_of_libraries_texts_and_panics_are_known() {
        let currency = ERRORS.iter().filter(|(_, error)| error.name.starts_with("Terms_")).count();
        assert!(currency > 10, "{currency}");
        assert_eq!(decode(&Revert::from("too late").abi_encode()).unwrap(), "reverted: too late");
        let overflow = Panic::from(alloy::sol_types::PanicKind::UnderOverflow).abi_encode();
        assert!(decode(&overflow).unwrap().contains("flow"));
    }

    #[test]
    fn garbage_is_no_error() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[1, 2, 3]), None);
        assert_eq!(decode(&[0xff; 36]), None);
        let closed = abi::LicenseRegistry::LicenseRegistry_OfferNotOpen { offerId: B256::ZERO };
        assert_eq!(decode(&closed.abi_encode()[..20]), None);
    }
}
