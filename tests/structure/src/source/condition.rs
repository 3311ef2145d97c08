//! Whether an item exists in a build that is not a test.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

/// The value of a condition when `test` is false and every other option is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    True,
    False,
    Unknown,
}

/// Whether the attributes keep the item out of every build that is not a test.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("cfg") {
            return attribute
                .parse_args::<Meta>()
                .is_ok_and(|condition| without_tests(&condition) == Truth::False);
        }
        let last = attribute.path().segments.last().map(|segment| segment.ident.to_string());
        matches!(last.as_deref(), Some("test" | "bench")) && attribute.path().segments.len() <= 2
    })
}

fn without_tests(condition: &Meta) -> Truth {
    match condition {
        Meta::Path(path) if path.is_ident("test") => Truth::False,
        Meta::List(list) => {
            let parsed = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let Ok(parts) = parsed else { return Truth::Unknown };
            let values: Vec<Truth> = parts.iter().map(without_tests).collect();
            if list.path.is_ident("not") {
                values.first().map_or(Truth::Unknown, |value| value.negated())
            } else if list.path.is_ident("all") {
                settled_by(&values, Truth::False)
            } else if list.path.is_ident("any") {
                settled_by(&values, Truth::True)
            } else {
                Truth::Unknown
            }
        }
        _ => Truth::Unknown,
    }
}

/// `all` is settled by one false part and `any` by one true part.
fn settled_by(values: &[Truth], decisive: Truth) -> Truth {
    if values.contains(&decisive) {
        decisive
    } else if values.contains(&Truth::Unknown) {
        Truth::Unknown
    } else {
        decisive.negated()
    }
}

impl Truth {
    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_only(attribute: &str) -> bool {
        let item: syn::ItemMod = syn::parse_str(&format!("{attribute} mod m {{}}")).unwrap();
        is_test_only(&item.attrs)
    }

    #[test]
    fn only_what_needs_test_is_test_code() {
        assert!(test_only("#[cfg(test)]"));
        assert!(test_only("#[cfg(all(test, feature = \"cuda\"))]"));
        assert!(test_only("#[cfg(any(test, all(test, unix)))]"));
        assert!(test_only("#[cfg(not(not(test)))]"));
        assert!(!test_only("#[cfg(not(test))]"));
        assert!(!test_only("#[cfg(any(test, feature = \"testing\"))]"));
        assert!(!test_only("#[cfg(feature = \"test\")]"));
        assert!(!test_only("#[doc = \"test\"]"));
    }
}
