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

/// Tag that the contract gives a response whose text it reads itself; [`Tag::NONE`] if that text
/// does not show the first word for certain.
///
/// The chain has no tables of Unicode: what is beyond ASCII before the word's end might belong to
/// it, and a word at the end of the text might have been cut. Anything else has the tag of
/// [`tag_of`].
#[must_use]
pub fn tag_on_chain(response: &str) -> Tag {
    let bytes = response.as_bytes();
    let is_other = |b: &u8| b.is_ascii() && !b.is_ascii_alphanumeric();
    let start = bytes.iter().position(|b| !is_other(b)).unwrap_or(bytes.len());
    let word = &bytes[start..];
    let Some(end) = word.iter().position(|b| !b.is_ascii_alphanumeric()) else { return Tag::NONE };
    if end == 0 || !word[end].is_ascii() {
        return Tag::NONE;
    }
    let [a, b, c, d, ..] = keccak256(&word[..end]);
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

    #[test]
    fn the_chain_reads_only_words_that_end_in_ascii() {
        for (text, word) in [
            ("Paris is", "Paris"),
            ("\n\n\"42\"", "42"),
            ("don't", "don"),
            ("under_score ", "under"),
            ("/09:", "09"),
            ("@AZ[", "AZ"),
            ("`az{", "az"),
            ("Paris, où", "Paris"),
        ] {
            assert_eq!(tag_on_chain(text), tag_of(word), "{text:?}");
        }
        for text in [
            "",
            " ...?!\n",
            "Paris",
            " 42",
            "é Paris is",
            "Pariś is",
            "Cafe\u{301} is",
            "“Paris” is",
        ] {
            assert_eq!(tag_on_chain(text), Tag::NONE, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_chain_never_reads_another_word(response in "[ -~é\u{301}]*") {
            let tag = tag_on_chain(&response);
            prop_assert!(tag == Tag::NONE || tag == tag_of(&response));
        }

        #[test]
        fn normalising_again_changes_nothing(response in "\\PC*") {
            let word = normalise(&response);
            prop_assert!(word.chars().all(char::is_alphanumeric));
            prop_assert_eq!(normalise(&word), word);
        }
    }
}
