//! What opens a universe: the key, and the text of which it is made.

use std::io;
use std::path::Path;

use zeroize::Zeroizing;

/// Fewest characters of a passphrase that seals a universe: whoever has the file can try as many as
/// scrypt lets them.
const SHORTEST_PASSPHRASE: usize = 8;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The key that wraps a universe's file.
pub enum WrapKey {
    /// Stretched with scrypt (N = 2^17, r = 8, p = 1; 128 MiB).
    Passphrase(Zeroizing<String>),
    /// 32 random bytes, kept in a file of their own.
    Raw(Zeroizing<[u8; 32]>),
}

impl std::fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "WrapKey::Passphrase",
            Self::Raw(_) => "WrapKey::Raw",
        })
    }
}

impl WrapKey {
    /// The byte that stands for the kind of key in the header of a file.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Raw(_) => 0,
            Self::Passphrase(_) => 1,
        }
    }
}

/// Why a text can't serve as a universe's secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file can't be read.
    #[error("it can't be read")]
    Read(#[from] io::Error),
    /// The file is not UTF-8.
    #[error("byte {offset} is no UTF-8 text; a secret is text, save it as UTF-8")]
    NotText {
        /// Place of the first byte that is none, from 0.
        offset: usize,
    },
    /// There is nothing but line ends, which are not part of a secret.
    #[error("it is empty; whoever reads the universe's file could open it")]
    Empty,
    /// Some editors put an invisible mark before a text, which nobody would type again.
    #[error("it starts with a byte order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// Too easily guessed for a new universe.
    #[error(
        "the passphrase has {characters} characters; a new universe needs {SHORTEST_PASSPHRASE} or \
         more, or 64 hex digits as a key"
    )]
    TooShort {
        /// Characters that it has.
        characters: usize,
    },
}

/// A universe's secret as its owner keeps it in a file or types it: the one reader of secrets, for
/// whoever seals a universe and for whoever opens it.
///
/// The rule: line ends at the end of a file are no part of the secret, and everything else is. 64
/// hex digits, with or without `0x`, are a raw key; any other text is a passphrase. A passphrase
/// that seals has 8 characters or more, and no byte order mark before it.
///
/// Programs before this rule sealed and opened by others, and no universe may be lost to a better
/// rule, because its root is on chain. So what is asked of a text that seals is not asked of one
/// that opens, and [`Universe::open`](super::Universe::open) tries further readings where the first
/// fails:
///
/// * Sealing took any text that was not empty as a passphrase: short ones, ones with blanks at the
///   ends or with a byte order mark, and 64 hex digits as well. The exact text opens all of these.
/// * Key files were read without the blanks around their digits, and the node dropped blanks around
///   a passphrase too: somebody who typed it to seal, and left a blank or a mark in the file for
///   the node, had a file that opened. The text without them still does.
///
/// Trying does not weaken anything: a reading opens the file only if it is the key that sealed it.
pub struct SecretText(Zeroizing<String>);

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText")
    }
}

impl SecretText {
    /// Reads the secret that a file holds.
    ///
    /// # Errors
    /// `Read`, `NotText`, `Empty`.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(std::fs::read(path)?);
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| SecretError::NotText { offset: error.valid_up_to() })?;
        Self::new(text.trim_end_matches(['\r', '\n']))
    }

    /// Takes a secret as it was typed.
    ///
    /// # Errors
    /// `Empty`.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        if text.trim_matches(BYTE_ORDER_MARK).is_empty() {
            return Err(SecretError::Empty);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The key for a new universe.
    ///
    /// # Errors
    /// `ByteOrderMark`, `TooShort`.
    pub fn sealing_key(&self) -> Result<WrapKey, SecretError> {
        if self.0.starts_with(BYTE_ORDER_MARK) {
            return Err(SecretError::ByteOrderMark);
        }
        let key = self.key();
        let characters = self.0.chars().count();
        if matches!(key, WrapKey::Passphrase(_)) && characters < SHORTEST_PASSPHRASE {
            return Err(SecretError::TooShort { characters });
        }
        Ok(key)
    }

    /// Whether these are the digits of a raw key, blanks around them aside.
    #[must_use]
    pub fn is_raw_key(&self) -> bool {
        raw_key(self.trimmed()).is_some()
    }

    /// The key by today's rule.
    pub(super) fn key(&self) -> WrapKey {
        key_of(&self.0)
    }

    /// The keys by rules that programs had before, as far as they differ.
    pub(super) fn other_readings(&self) -> Vec<WrapKey> {
        let passphrase = |text: &str| WrapKey::Passphrase(Zeroizing::new(text.to_owned()));
        let mut keys = Vec::new();
        if raw_key(&self.0).is_some() {
            keys.push(passphrase(&self.0));
        }
        let trimmed = self.trimmed();
        if trimmed != self.0.as_str() && !trimmed.is_empty() {
            keys.push(key_of(trimmed));
        }
        keys
    }

    fn trimmed(&self) -> &str {
        self.0.trim_start_matches(BYTE_ORDER_MARK).trim()
    }
}

fn key_of(text: &str) -> WrapKey {
    match raw_key(text) {
        Some(key) => WrapKey::Raw(key),
        None => WrapKey::Passphrase(Zeroizing::new(text.to_owned())),
    }
}

/// The bytes of 64 hex digits.
fn raw_key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, key.as_mut_slice()).ok().map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::super::Universe;
    use super::super::universe::tests::universe;
    use super::*;

    const DIGITS: &str = "0707070707070707070707070707070707070707070707070707070707070707";

    /// What a file with these bytes holds.
    fn read(bytes: &[u8]) -> Result<SecretText, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, bytes).unwrap();
        SecretText::read(&path)
    }

    fn passphrase(text: &str) -> WrapKey {
        WrapKey::Passphrase(Zeroizing::new(text.to_owned()))
    }

    /// Seals with a key and opens with the bytes of a file.
    fn opens(sealed_with: &WrapKey, file: &[u8]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("universe.oml");
        let universe = universe(16, 0);
        universe.save(&path, sealed_with).unwrap();
        Universe::open(&path, &read(file).unwrap()).is_ok_and(|opened| opened == universe)
    }

    #[test]
    fn only_line_ends_at_the_end_are_no_part_of_the_secret() {
        for (file, text) in [
            ("correct horse", "correct horse"),
            ("correct horse\n", "correct horse"),
            ("correct horse\r\n\n", "correct horse"),
            (" correct horse \n", " correct horse "),
            ("\ncorrect horse", "\ncorrect horse"),
        ] {
            let key = read(file.as_bytes()).unwrap().sealing_key().unwrap();
            assert!(matches!(key, WrapKey::Passphrase(p) if p.as_str() == text), "{file:?}");
        }
    }

    #[test]
    fn hex_digits_are_a_raw_key() {
        for file in [DIGITS.to_owned(), format!("{DIGITS}\n"), format!("0x{DIGITS}\r\n")] {
            let secret = read(file.as_bytes()).unwrap();
            assert!(secret.is_raw_key());
            let key = secret.sealing_key().unwrap();
            assert!(matches!(key, WrapKey::Raw(bytes) if *bytes == [7; 32]), "{file:?}");
        }
        for other in [&DIGITS[1..], "correct horse battery"] {
            assert!(!read(other.as_bytes()).unwrap().is_raw_key(), "{other:?}");
        }
    }

    #[test]
    fn what_can_not_seal_is_refused_with_its_cause() {
        let refused = |file: &[u8]| match read(file) {
            Ok(secret) => secret.sealing_key().unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(refused(b""), SecretError::Empty));
        assert!(matches!(refused(b"\r\n"), SecretError::Empty));
        assert!(matches!(refused(b"\xef\xbb\xbf"), SecretError::Empty));
        assert!(matches!(refused(b"correct\xff"), SecretError::NotText { offset: 7 }));
        assert!(matches!(refused(b"\xef\xbb\xbfcorrect horse"), SecretError::ByteOrderMark));
        assert!(matches!(refused(b"1234567\n"), SecretError::TooShort { characters: 7 }));
        assert!(matches!(refused("äöüßéèç".as_bytes()), SecretError::TooShort { characters: 7 }));
        assert!(read(b"12345678").unwrap().sealing_key().is_ok());
        let missing = SecretText::read(Path::new("no/such/file")).unwrap_err();
        assert!(matches!(missing, SecretError::Read(_)));
    }

    #[test]
    fn what_older_programs_sealed_or_opened_still_opens() {
        assert!(opens(&passphrase("abc"), b"abc\n"), "a short passphrase");
        assert!(opens(&passphrase(" correct "), b" correct \n"), "blanks sealed as typed");
        assert!(opens(&passphrase("correct"), b" correct \n"), "blanks that the node dropped");
        assert!(opens(&passphrase(DIGITS), DIGITS.as_bytes()), "digits taken as a passphrase");
        let raw = WrapKey::Raw(Zeroizing::new([7; 32]));
        assert!(opens(&raw, format!(" {DIGITS} \n").as_bytes()), "blanks around digits");
        assert!(opens(&passphrase("\u{feff}abc"), b"\xef\xbb\xbfabc"), "a mark sealed along");
        assert!(opens(&passphrase("abc"), b"\xef\xbb\xbfabc"), "a mark added later");
    }

    #[test]
    fn other_secrets_open_nothing_and_say_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("universe.oml");
        let error = |secret: &str| {
            Universe::open(&path, &SecretText::new(secret).unwrap()).unwrap_err().to_string()
        };
        universe(16, 0).save(&path, &passphrase("correct horse")).unwrap();
        assert!(error("wrong horse").contains("wrong passphrase"));
        assert!(error(DIGITS).contains("wrong passphrase"), "digits may be a passphrase");
        universe(16, 0).save(&path, &WrapKey::Raw(Zeroizing::new([7; 32]))).unwrap();
        assert!(error("correct horse").contains("needs a key file"));
        assert!(error(&DIGITS.replace('7', "8")).contains("wrong passphrase or key"));
    }

    #[test]
    fn debug_output_holds_no_secrets() {
        let secret = SecretText::new("correct horse").unwrap();
        assert!(!format!("{secret:?} {:?}", secret.key()).contains("horse"));
    }
}
