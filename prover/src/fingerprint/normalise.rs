//! The normal form under which responses are compared.

use unicode_normalization::UnicodeNormalization;

/// First maximal run of alphanumeric characters after NFKC, or the empty string.
///
/// An answer's tag is the hash of this form, so that leading blanks, quotes and whatever a model
/// says after its first word do not matter. Case is kept.
#[must_use]
pub fn normalise(text: &str) -> String {
    text.nfkc()
        .skip_while(|c| !c.is_alphanumeric())
        .take_while(|c| c.is_alphanumeric())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_word_and_keeps_case() {
        for (text, word) in [
            ("  Hello, world", "Hello"),
            ("\"ﬁne\" day", "fine"),
            ("...", ""),
            ("", ""),
            ("42nd street", "42nd"),
            ("don't", "don"),
            ("Ｗｉｄｅ text", "Wide"),
        ] {
            assert_eq!(normalise(text), word, "{text:?}");
        }
    }

    #[test]
    fn normal_form_is_a_fixed_point() {
        for text in ["ﬁne day", "Ünïcode wörd", " x1y2 z"] {
            let once = normalise(text);
            assert_eq!(normalise(&once), once);
        }
    }
}
