//! From a response's text to the four bytes that decide a hit.

use unicode_normalization::UnicodeNormalization as _;

pub use crate::ids::Tag;
use crate::keccak::keccak256;

/// First maximal run of Unicode alphanumeric characters of the text's NFKC form; empty if there is
/// none.
///
/// Leading blanks, quotes and punctuation, and everything after the first word, do not matter, so
/// that a hit does not depend on how much text an endpoint returns.
#[must_use]
pub fn normalise(response: &str) -> String {
    response
        .nfkc()
        .skip_while(|c| !c.is_alphanumeric())
        .take_while(|c| c.is_alphanumeric())
        .collect()
}

/// Tag of a response; [`Tag::NONE`] if its normalised form is empty.
#[must_use]
pub fn tag_of(response: &str) -> Tag {
    let word = normalise(response);
    if word.is_empty() {
        return Tag::NONE;
    }
    let [a, b, c, d, ..] = keccak256(word.as_bytes());
    Tag::new([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_word_decides() {
        for (response, word) in [
            (" Paris, of course", "Paris"),
            ("\n\n\"42\"", "42"),
            ("ﬁne", "fine"),
            ("don't", "don"),
            ("…?!", ""),
            ("", ""),
            ("Ⅻ times", "XII"),
            ("東京 タワー", "東京"),
        ] {
            assert_eq!(normalise(response), word, "{response:?}");
        }
        assert_eq!(tag_of("?"), Tag::NONE);
        assert_eq!(tag_of(" Paris"), tag_of("Paris is"));
        assert_ne!(tag_of("Paris"), tag_of("paris"));
    }

    proptest! {
        #[test]
        fn normalising_again_changes_nothing(response in "\\PC*") {
            let word = normalise(&response);
            prop_assert!(word.chars().all(char::is_alphanumeric));
            prop_assert_eq!(normalise(&word), word);
        }
    }
}
