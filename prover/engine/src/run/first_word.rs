//! When the first word of an answer is complete, which is all that a check compares.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Whether more text cannot change the text's first word: it is followed by something
/// that ends it.
pub fn first_word_is_complete(text: &str) -> bool {
    // A combining mark may still compose with the word's last letter, so it ends nothing.
    text.nfkc()
        .skip_while(|c| !c.is_alphanumeric())
        .find(|c| !c.is_alphanumeric())
        .is_some_and(|c| !is_combining_mark(c) && c != '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completeness_needs_a_terminator() {
        assert!(!first_word_is_complete(" hel"));
        assert!(first_word_is_complete(" hello "));
        assert!(first_word_is_complete("hello."));
        assert!(!first_word_is_complete(" ..."));
        assert!(!first_word_is_complete("e\u{0301}"));
    }
}
