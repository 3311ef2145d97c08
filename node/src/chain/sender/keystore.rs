//! Keystores of accounts (Web3 Secret Storage, version 3), as other programs write them.
//!
//! Old programs spell keys in capitals, leave out the id or write the version as text; all of that
//! opens. What would make the library below panic, or take all memory, is refused by name before.

use alloy::signers::local::{LocalSignerError, PrivateKeySigner};
use serde_json::{Map, Value, json};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most memory that deriving a key may take, in bytes; usual keystores take a quarter of it.
const MOST_MEMORY: u64 = 1 << 30;

/// Most work that deriving a key may take, in blocks; usual keystores take a sixteenth of it.
const MOST_WORK: u64 = 1 << 25;

/// Most rounds of the older derivation; usual keystores take a fortieth of it.
const MOST_ROUNDS: u64 = 10_000_000;

/// Why a keystore does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// A file can't be read, or not be written.
    #[error("{path}: {source}")]
    Io {
        /// The keystore, the password file, or a temporary file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// No keystore, or one that this program does not open.
    #[error("keystore {path} could not be opened: {why}")]
    Unusable {
        /// File that holds the keystore.
        path: PathBuf,
        /// The field, and what is wrong with it.
        why: String,
    },
    /// Encrypted with another password.
    #[error("keystore {path} could not be opened: its password is another one")]
    OtherPassword {
        /// File that holds the keystore.
        path: PathBuf,
        /// What the library says.
        source: LocalSignerError,
    },
    /// A password in another encoding is another password.
    #[error("password file {path} is not UTF-8 text")]
    NotUtf8 {
        /// File that holds the password.
        path: PathBuf,
    },
}

impl KeystoreError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Opens a keystore.
///
/// # Errors
/// [`KeystoreError`]; the message names the field that is wrong.
pub fn open_keystore(path: &Path, password: &str) -> Result<PrivateKeySigner, KeystoreError> {
    let text = std::fs::read(path).map_err(KeystoreError::at(path))?;
    let unusable = |why| KeystoreError::Unusable { path: path.to_owned(), why };
    let readable = ReadableKeystore::new(&read(&text).map_err(unusable)?)?;
    PrivateKeySigner::decrypt_keystore(&readable.0, password)
        .map_err(|source| KeystoreError::OtherPassword { path: path.to_owned(), source })
}

/// A keystore in the one form that the library reads, in a file that goes when this does. It is as
/// encrypted as what was read.
struct ReadableKeystore(PathBuf);

impl ReadableKeystore {
    fn new(keystore: &Value) -> Result<Self, KeystoreError> {
        let name = format!("oml-keystore-{:016x}", rand::random::<u64>());
        let path = std::env::temp_dir().join(name);
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(keystore.to_string().as_bytes())
        };
        write().map_err(KeystoreError::at(&path))?;
        Ok(Self(path))
    }
}

impl Drop for ReadableKeystore {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Reads a password file: UTF-8, without line ends at its end and without a mark at its beginning.
///
/// # Errors
/// The file can't be read, or is not UTF-8.
pub fn read_password(path: &Path) -> Result<Zeroizing<String>, KeystoreError> {
    let bytes = std::fs::read(path).map_err(KeystoreError::at(path))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| KeystoreError::NotUtf8 { path: path.to_owned() })
        .map(Zeroizing::new)?;
    let bare = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    Ok(Zeroizing::new(bare.to_owned()))
}

/// The keystore in the one form that the library reads.
fn read(text: &[u8]) -> Result<Value, String> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| format!("it is not JSON ({error})"))?;
    let value = lower(value);
    let version = &value["version"];
    let version = version.as_u64().or_else(|| version.as_str()?.parse().ok());
    match version {
        Some(3) => {}
        Some(4) => return Err("it is a validator's (EIP-2335, version 4)".to_owned()),
        _ => return Err(format!("its version is {}, not 3", value["version"])),
    }
    let crypto = value["crypto"].as_object().ok_or("it has no field `crypto`")?;
    if crypto.get("cipher").and_then(Value::as_str) != Some("aes-128-ctr") {
        return Err(format!("its cipher is {}, not aes-128-ctr", shown(crypto.get("cipher"))));
    }
    let iv = crypto.get("cipherparams").and_then(|params| params.get("iv"));
    let crypto = json!({
        "cipher": "aes-128-ctr",
        "cipherparams": { "iv": hex_of("iv", iv, Some(16))? },
        "ciphertext": hex_of("ciphertext", crypto.get("ciphertext"), Some(32))?,
        "kdf": crypto.get("kdf"),
        "kdfparams": derivation(crypto)?,
        "mac": hex_of("mac", crypto.get("mac"), Some(32))?,
    });
    // The id names nothing that decides.
    let id = "00000000-0000-4000-8000-000000000000";
    Ok(json!({ "crypto": crypto, "id": id, "version": 3 }))
}

/// How the key is derived, within what a machine can bear.
fn derivation(crypto: &Map<String, Value>) -> Result<Value, String> {
    let params = crypto.get("kdfparams").and_then(Value::as_object);
    let params = params.ok_or("it has no field `kdfparams`")?;
    let number = |name: &str| {
        let value = params.get(name).and_then(Value::as_u64);
        value.ok_or_else(|| format!("{name} is {}, not a number", shown(params.get(name))))
    };
    let dklen = number("dklen")?;
    if !(32..=64).contains(&dklen) {
        return Err(format!("dklen is {dklen}, not 32"));
    }
    let salt = hex_of("salt", params.get("salt"), None)?;
    match crypto.get("kdf").and_then(Value::as_str) {
        Some("scrypt") => {
            let (n, r, p) = (number("n")?, number("r")?, number("p")?);
            check_scrypt(n, r, p)?;
            Ok(json!({ "dklen": dklen, "n": n, "r": r, "p": p, "salt": salt }))
        }
        Some("pbkdf2") => {
            let (rounds, prf) = (number("c")?, params.get("prf").and_then(Value::as_str));
            if prf != Some("hmac-sha256") {
                return Err(format!("prf is {}, not hmac-sha256", shown(params.get("prf"))));
            }
            if !(1..=MOST_ROUNDS).contains(&rounds) {
                return Err(format!("c is {rounds}, not between 1 and {MOST_ROUNDS}"));
            }
            Ok(json!({ "dklen": dklen, "c": rounds, "prf": "hmac-sha256", "salt": salt }))
        }
        _ => Err(format!("its kdf is {}, neither scrypt nor pbkdf2", shown(crypto.get("kdf")))),
    }
}

fn check_scrypt(n: u64, r: u64, p: u64) -> Result<(), String> {
    if !n.is_power_of_two() || n < 2 {
        return Err(format!("scrypt's n is {n}, not a power of two"));
    }
    if r == 0 || p == 0 {
        return Err(format!("scrypt's r is {r} and p is {p}; neither can be 0"));
    }
    let memory = n.saturating_mul(r).saturating_mul(128);
    if memory > MOST_MEMORY {
        return Err(format!(
            "scrypt's n = {n} with r = {r} takes {memory} bytes of memory, more than {MOST_MEMORY}"
        ));
    }
    if n.saturating_mul(r).saturating_mul(p) > MOST_WORK {
        return Err(format!("scrypt's n = {n}, r = {r}, p = {p} take too long"));
    }
    if u64::from(n.ilog2()) >= r.saturating_mul(16) {
        return Err(format!(
            "scrypt's n = {n} is not below 2^16 with r = {r}, the limit of its standard; \
             encrypt the key anew with another program"
        ));
    }
    Ok(())
}

/// Hex without a prefix, of so many bytes.
fn hex_of(name: &str, value: Option<&Value>, bytes: Option<usize>) -> Result<String, String> {
    let text = value.and_then(Value::as_str).ok_or_else(|| format!("it has no field `{name}`"))?;
    let text = text.strip_prefix("0x").unwrap_or(text);
    let found = alloy::hex::decode(text).map_err(|error| format!("{name} is no hex ({error})"))?;
    match bytes {
        Some(bytes) if bytes != found.len() => {
            Err(format!("{name} has {} bytes, not {bytes}", found.len()))
        }
        _ => Ok(text.to_owned()),
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "missing".to_owned(), ToString::to_string)
}

/// Keys in small letters, at every depth.
fn lower(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter();
            Value::Object(
                fields.map(|(key, field)| (key.to_ascii_lowercase(), lower(field))).collect(),
            )
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "open sesame";
    const ADDRESS: &str = "0xd31b822B233346334737c953FdE6f92d745c5B8D";

    fn keystore() -> Value {
        json!({
            "address": "d31b822b233346334737c953fde6f92d745c5b8d", "version": 3, "extra": 1,
            "id": "8dc18127-6494-48c1-ab00-b2a09620be4b",
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": "03017cc8034b455c7e83211dc4ddc190" },
                "ciphertext": "62dc3dd14925e07fe598c227a8903aee9bba4d88c9a47161c82c9c1ae0d48eed",
                "kdf": "pbkdf2",
                "kdfparams": {
                    "c": 2000, "dklen": 32, "prf": "hmac-sha256",
                    "salt": "2d09282e8fb62fa35d6ac45adf18d146",
                },
                "mac": "ea6531df5cf430637ca147b054492c2884a968aa00e577a0649c6330ae887be5",
            },
        })
    }

    fn opened(value: &Value, password: &str) -> Result<String, KeystoreError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        std::fs::write(&path, value.to_string()).unwrap();
        Ok(open_keystore(&path, password)?.address().to_string())
    }

    #[test]
    fn every_legal_spelling_opens() {
        let mut shouted = keystore();
        let crypto = shouted.as_object_mut().unwrap().remove("crypto").unwrap();
        shouted["Crypto"] = crypto;
        let (mut nameless, mut named, mut text) = (keystore(), keystore(), keystore());
        nameless.as_object_mut().unwrap().remove("id");
        named["id"] = json!("my key");
        text["version"] = json!("3");
        for value in [keystore(), shouted, nameless, named, text] {
            assert_eq!(opened(&value, PASSWORD).unwrap(), ADDRESS, "{value}");
        }
        let error = opened(&keystore(), "other").unwrap_err().to_string();
        assert!(error.contains("its password is another one"), "{error}");
    }

    fn scrypt(n: u64, r: u64, p: u64) -> Value {
        let salt = "11".repeat(16);
        let mut value = keystore();
        value["crypto"]["kdf"] = json!("scrypt");
        value["crypto"]["kdfparams"] = json!({ "dklen": 32, "n": n, "r": r, "p": p, "salt": salt });
        value
    }

    /// Two of these made the program panic, one took all memory, one was opened by a wrong rule.
    #[test]
    fn what_cannot_be_opened_is_refused_by_name() {
        let with = |pointer: &str, field: Value| {
            let mut value = keystore();
            *value.pointer_mut(pointer).unwrap() = field;
            value
        };
        let cases = [
            (with("/crypto/kdfparams/dklen", json!(16)), "dklen is 16"),
            (with("/crypto/cipherparams/iv", json!("22".repeat(8))), "iv has 8 bytes, not 16"),
            (with("/crypto/ciphertext", json!("ab".repeat(16))), "ciphertext has 16 bytes"),
            (with("/crypto/kdfparams/prf", json!("hmac-sha512")), "hmac-sha512"),
            (with("/crypto/kdfparams/c", json!(0)), "c is 0"),
            (with("/version", json!(4)), "a validator's"),
            (with("/crypto/cipher", json!("des")), "its cipher is \"des\""),
            (scrypt(1 << 30, 8, 1), "bytes of memory"),
            (scrypt(3_000, 8, 1), "n is 3000, not a power of two"),
            (scrypt(1 << 18, 1, 8), "limit of its standard"),
            (scrypt(1 << 10, 0, 1), "neither can be 0"),
            (json!([]), "its version is null"),
        ];
        for (value, words) in cases {
            let error = opened(&value, PASSWORD).unwrap_err();
            assert!(error.to_string().contains(words), "{words}: {error}");
            assert!(matches!(error, KeystoreError::Unusable { .. }), "{error:?}");
        }
    }

    #[test]
    fn password_files_are_utf_8_without_marks_and_line_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_password(&path)
        };
        assert_eq!(read(b"\xef\xbb\xbfopen sesame\r\n").unwrap().as_str(), "open sesame");
        assert_eq!(read(b" open sesame \n\n").unwrap().as_str(), " open sesame ");
        let error = read(b"caf\xe9").unwrap_err().to_string();
        assert!(error.contains("is not UTF-8 text"), "{error}");
    }
}
