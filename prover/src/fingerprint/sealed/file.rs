//! A universe written to a file and read from it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::Path;

use oml_contracts::draw::Parts;
use oml_contracts::{ModelId, Root};
use zeroize::Zeroizing;

use super::super::secret::{SecretText, WrapKey};
use super::super::universe::{Entry, Universe, UniverseError};
use super::error::UniverseFileError;
use super::stream::{SealedReader, SealedWriter, unwrap_sealed};

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    model_id: ModelId,
    epoch: u32,
    personal: u32,
    shared: u32,
    root: Root,
}

impl Universe {
    /// Writes the universe, encrypted, whole or not at all; only its owner may read the file.
    ///
    /// # Errors
    /// `Access`, `Io`, `Kdf`.
    pub fn save(&self, path: &Path, key: &WrapKey) -> Result<(), UniverseFileError> {
        let access = |source| UniverseFileError::Access { path: path.to_owned(), source };
        let temporary = path.with_extension("oml.tmp");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(access)?;
        let written = self.write_to(BufWriter::new(&file), key);
        if let Err(error) = written.and_then(|()| Ok(file.sync_all()?)) {
            // The error that stopped the writing is worth more than that of the cleaning up.
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        std::fs::rename(&temporary, path).map_err(access)
    }

    /// Opens a universe with what its owner kept or typed, in each way in which that was ever read:
    /// see [`SecretText`].
    ///
    /// # Errors
    /// [`UniverseFileError`] of the reading that came closest.
    pub fn open(path: &Path, secret: &SecretText) -> Result<Self, UniverseFileError> {
        let mut result = Self::load(path, &secret.key());
        for key in secret.other_readings() {
            let wrong_key = matches!(
                result,
                Err(UniverseFileError::WrongKind { .. } | UniverseFileError::Sealed { chunk: 0 })
            );
            if !wrong_key {
                break;
            }
            let next = Self::load(path, &key);
            // A key of the wrong kind says less than one of the right kind that does not fit.
            if !matches!(next, Err(UniverseFileError::WrongKind { .. })) {
                result = next;
            }
        }
        result
    }

    /// Reads a universe and checks it against its root.
    ///
    /// # Errors
    /// [`UniverseFileError`].
    pub fn load(path: &Path, key: &WrapKey) -> Result<Self, UniverseFileError> {
        let access = |source| UniverseFileError::Access { path: path.to_owned(), source };
        Self::read_from(BufReader::new(File::open(path).map_err(access)?), key)
    }

    /// Writes the encrypted form.
    ///
    /// # Errors
    /// `Io`, `Kdf`.
    pub fn write_to(&self, writer: impl Write, key: &WrapKey) -> Result<(), UniverseFileError> {
        let mut writer = SealedWriter::new(writer, key)?;
        let header = Header {
            model_id: self.model(),
            epoch: self.epoch(),
            personal: self.parts().personal(),
            shared: self.parts().shared(),
            root: self.root(),
        };
        write_line(&mut writer, 0, &header)?;
        for (line, entry) in (1..).zip(self.entries()) {
            write_line(&mut writer, line, entry)?;
        }
        Ok(writer.finish()?)
    }

    /// Reads the encrypted form.
    ///
    /// # Errors
    /// [`UniverseFileError`].
    pub fn read_from(reader: impl Read, key: &WrapKey) -> Result<Self, UniverseFileError> {
        let mut lines = BufReader::new(SealedReader::new(reader, key)?);
        let mut text = Zeroizing::new(Vec::new());
        let header: Header = read_line(&mut lines, &mut text, 0)?;
        let parts = Parts::new(header.personal, header.shared)?;
        let mut entries: Vec<Entry> = Vec::new();
        for line in 1..=parts.total() as usize {
            entries.push(read_line(&mut lines, &mut text, line)?);
        }
        let universe = Self::from_entries(header.model_id, header.epoch, parts, entries)?;
        // What follows the last entry must be the authenticated end.
        let rest = lines.read_until(b'\n', &mut text).map_err(unwrap_sealed)?;
        if rest > 0 {
            return Err(UniverseError::Count {
                found: parts.total() as usize + 1,
                personal: parts.personal(),
                shared: parts.shared(),
            }
            .into());
        }
        if universe.root() != header.root {
            let found = universe.root();
            return Err(UniverseFileError::Root { found, expected: header.root });
        }
        Ok(universe)
    }
}

fn write_line(
    writer: &mut impl Write,
    line: usize,
    value: &impl serde::Serialize,
) -> Result<(), UniverseFileError> {
    let mut text = Zeroizing::new(
        serde_json::to_vec(value).map_err(|source| UniverseFileError::Content { line, source })?,
    );
    text.push(b'\n');
    Ok(writer.write_all(&text)?)
}

fn read_line<T: serde::de::DeserializeOwned>(
    lines: &mut impl io::BufRead,
    text: &mut Vec<u8>,
    line: usize,
) -> Result<T, UniverseFileError> {
    text.clear();
    lines.read_until(b'\n', text).map_err(unwrap_sealed)?;
    serde_json::from_slice(text).map_err(|source| UniverseFileError::Content { line, source })
}
