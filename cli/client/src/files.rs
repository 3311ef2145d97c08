//! Files that people keep between commands: licenses, channels, closes, receipts.

use crate::error::{FailureKind, HintExt, Result, fail};
use crate::keep::{self, Readers};
use oml_contracts::rpc::abi;
use oml_contracts::{
    Amount, ChannelId, EthAddress, LicenseId, LicenseNonce, LicenseRef, OfferId, Salt, Signature,
    Terms,
};
use oml_payments::SignedReceipt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::ErrorKind;
use std::path::Path;

/// What names a license and proves its terms to the contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseFile {
    /// Id, as the contracts recompute it.
    pub license_id: LicenseId,
    /// Offer it was bought under.
    pub offer_id: OfferId,
    /// Account that bought it.
    pub host: EthAddress,
    /// The host's number for it.
    pub nonce: LicenseNonce,
    /// The whole terms.
    pub terms: Terms,
}

impl LicenseFile {
    /// Reads a license file.
    ///
    /// # Errors
    /// The file is not there, or holds something else.
    pub fn load(path: &Path) -> Result<Self> {
        load(path, "a license file", "`oml license acquire --out FILE` writes one")
    }

    /// What names the license.
    pub fn reference(&self) -> LicenseRef {
        LicenseRef { terms: self.terms.clone(), host: self.host, nonce: self.nonce }
    }

    /// The form that the contracts take.
    pub(crate) fn sol_ref(&self) -> Result<abi::LicenseRef> {
        Ok((&self.reference()).try_into()?)
    }
}

/// A payer's channel to a license.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelFile {
    /// Id, as the contracts recompute it.
    pub channel_id: ChannelId,
    /// Account that opened it and gets the rest back.
    pub payer: EthAddress,
    /// Whose signature vouchers bear.
    pub signer: EthAddress,
    /// The payer's salt for it.
    pub salt: Salt,
    /// The license it pays.
    pub license: LicenseFile,
    /// First deposit of an opening that may not have come through, smallest units; none once it
    /// has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Amount>,
}

impl ChannelFile {
    /// Reads a channel file.
    ///
    /// # Errors
    /// The file is not there, or holds something else.
    pub fn load(path: &Path) -> Result<Self> {
        load(path, "a channel file", "`oml channel open --out FILE` writes one")
    }
}

/// A host's signed word that of a deposit it claims nothing above an amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseFile {
    /// The channel that ends.
    pub channel_id: ChannelId,
    /// The deposit that the host has seen, smallest units; what is added later is not released.
    pub deposited: Amount,
    /// All that the host ever claims of it, smallest units.
    pub final_amount: Amount,
    /// By the license's host.
    pub signature: Signature,
}

impl CloseFile {
    /// Reads a signed close.
    ///
    /// # Errors
    /// The file is not there, or holds something else.
    pub fn load(path: &Path) -> Result<Self> {
        load(path, "a signed close", "the host's `oml channel sign-close --out FILE` writes one")
    }

    /// The signed close, if it ends this channel.
    ///
    /// # Errors
    /// It ends another one.
    pub fn require(self, channel: ChannelId, path: &Path) -> Result<Self> {
        if self.channel_id == channel {
            return Ok(self);
        }
        Err(fail(
            format!("{} closes channel {}, not {channel}", path.display(), self.channel_id),
            "give the channel file that the host signed for",
            FailureKind::Failed,
        ))
    }
}

/// Reads a receipt with the host's signature, as gateways hand out.
///
/// # Errors
/// The file is not there, or holds something else.
pub fn load_receipt(path: &Path) -> Result<SignedReceipt> {
    load(path, "a receipt file", "`oml pay --receipt FILE` writes one")
}

/// Reads a JSON file; `what` and `hint` tell what it should be and where it comes from.
///
/// # Errors
/// The file is not there, or holds something else.
pub fn load<T: DeserializeOwned>(path: &Path, what: &str, hint: &str) -> Result<T> {
    serde_json::from_slice(&read(path)?).hint(
        format!("{} is not {what}", path.display()),
        hint,
        FailureKind::Failed,
    )
}

/// Reads a file.
///
/// # Errors
/// The file is not there, or holds something else.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).hint(
        format!("{} could not be read", path.display()),
        "check the path",
        FailureKind::Failed,
    )
}

/// Writes a JSON file whole in the place of another, making its folder: for what can be made anew.
///
/// # Errors
/// The file or its folder can't be written.
pub fn save<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write(path, serde_json::to_string_pretty(value)?.as_bytes())
}

/// Writes a file whole in the place of another, making its folder.
///
/// # Errors
/// The file or its folder can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    keep::replace(path, bytes, Readers::Anyone).hint(not_written(path), FOLDER, FailureKind::Failed)
}

/// Writes a JSON file that people need afterwards; never replaces one, unless it is the same.
///
/// # Errors
/// Another file is there, or it can't be written.
pub fn keep<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    save_new(path, value, Readers::Anyone)
}

/// Writes a file that people need afterwards; never replaces one, unless it is the same.
pub(crate) fn save_new<T: Serialize>(path: &Path, value: &T, readers: Readers) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    match keep::write_new(path, text.as_bytes(), readers) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if std::fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
                return Ok(());
            }
            Err(fail(
                format!("{} exists and holds something else", path.display()),
                "it is never written over; name another file, or move this one away",
                FailureKind::Failed,
            ))
        }
        written => written.hint(not_written(path), FOLDER, FailureKind::Failed),
    }
}

/// Refuses a path that is taken, before anything is done whose result would have no place.
///
/// # Errors
/// Something is there.
pub fn require_free(path: &Path) -> Result<()> {
    if !is_there(path) {
        return Ok(());
    }
    Err(fail(
        format!("{} exists, and is never written over", path.display()),
        "nothing was done; name another file, or move this one away",
        FailureKind::Failed,
    ))
}

/// Whether a path is taken.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Writes a new file that only its owner can read; never replaces one.
///
/// # Errors
/// The file exists, or can't be written.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    keep::write_new(path, bytes, Readers::OwnerOnly).hint(
        not_written(path),
        "a secret is never overwritten; choose a path that does not exist yet",
        FailureKind::Signer,
    )
}

fn not_written(path: &Path) -> String {
    format!("{} could not be written", path.display())
}

const FOLDER: &str = "check the folder and its permissions";

/// Writes a number as text, since JSON numbers end at 2^53.
pub(crate) fn as_text<T: std::fmt::Display, S: serde::Serializer>(
    number: &T,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// 32 bytes from the operating system's generator.
pub(crate) fn random_salt() -> Salt {
    Salt::new(rand::random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_need_is_kept_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("license.json");
        keep(&path, &"one").unwrap();
        keep(&path, &"one").unwrap();
        assert!(require_free(&path).unwrap_err().to_string().contains("license.json exists"));
        require_free(&dir.path().join("free.json")).unwrap();
        let error = keep(&path, &"two").unwrap_err().to_string();
        assert!(error.contains("license.json exists and holds something else"), "{error}");
        assert_eq!(load::<String>(&path, "a text", "").unwrap(), "one");
    }

    #[test]
    fn a_folder_that_is_none_is_named() {
        let error = save(Path::new("/proc/none/t.json"), &1).unwrap_err().to_string();
        assert_eq!(error, "/proc/none/t.json could not be written");
    }
}
