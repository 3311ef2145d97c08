//! The file in which a payer keeps what it promised and what the host signed.

use std::path::{Path, PathBuf};

use oml_contracts::ChannelId;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, SeekFrom};

use crate::channel::PayerChannel;
use crate::payer::{PayerState, signed_for};
use crate::wire::{SignedReceipt, SignedVoucher};

/// One line of a payer's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum LogEntry {
    /// The channel that the following lines are about.
    Channel(PayerChannel),
    /// Signed and about to be sent.
    Voucher(SignedVoucher),
    /// Text of the answer to a plain request, whose receipt follows: what level 0 judges is in it.
    Answer {
        /// The text as it came.
        text: String,
    },
    /// Came from the host, believed or not.
    Receipt(SignedReceipt),
}

/// Why a log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading or writing failed.
    #[error("payer log {path}: {source}")]
    Io {
        /// The log's file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is damaged.
    #[error("payer log {path}, line {line}: {source}; remove the damaged line")]
    Line {
        /// The log's file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It belongs to another channel.
    #[error(
        "payer log {path} belongs to channel {found}, not to {expected}; use one file a channel"
    )]
    OtherChannel {
        /// File of the log.
        path: PathBuf,
        /// Channel that the file is about.
        found: ChannelId,
        /// Channel of the session.
        expected: ChannelId,
    },
}

/// Append-only file of JSON lines: every voucher before it is sent, every receipt as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLog {
    path: PathBuf,
}

impl EvidenceLog {
    /// Opens or creates the log of a channel and returns what it knows.
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn open(path: &Path, channel: &PayerChannel) -> Result<(Self, PayerState), LogError> {
        let log = Self { path: path.to_owned() };
        let entries = match tokio::fs::read_to_string(path).await {
            Ok(text) => {
                let whole = whole_lines(&text);
                if !text.is_empty() && !text.ends_with('\n') {
                    log.mend(whole).await?;
                }
                parse(path, whole)?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(log.io(cause)),
        };
        for entry in &entries {
            if let LogEntry::Channel(found) = entry
                && found.id() != channel.id()
            {
                let (found, expected) = (found.id(), channel.id());
                return Err(LogError::OtherChannel { path: log.path, found, expected });
            }
        }
        if entries.is_empty() {
            log.append(&LogEntry::Channel(channel.clone())).await?;
        }
        Ok((log, replay(channel, &entries)))
    }

    /// Appends a line and waits until it is on disk.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn append(&self, entry: &LogEntry) -> Result<(), LogError> {
        self.append_all(std::slice::from_ref(entry)).await
    }

    /// Appends lines that belong together, and waits until they are on disk.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub async fn append_all(&self, entries: &[LogEntry]) -> Result<(), LogError> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry).map_err(|e| self.io(e.into()))?;
            lines.push(b'\n');
        }
        let mut options = tokio::fs::OpenOptions::new();
        let opened = options.create(true).append(true).open(&self.path).await;
        let mut file = opened.map_err(|e| self.io(e))?;
        file.write_all(&lines).await.map_err(|e| self.io(e))?;
        file.sync_data().await.map_err(|e| self.io(e))
    }

    /// Takes off a line that a crash cut short, on whose account nothing was done; ends one that
    /// lacks only its end.
    async fn mend(&self, whole: &str) -> Result<(), LogError> {
        let opened = tokio::fs::OpenOptions::new().write(true).open(&self.path).await;
        let mut file = opened.map_err(|e| self.io(e))?;
        let length = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        file.set_len(length).await.map_err(|e| self.io(e))?;
        if !whole.is_empty() && !whole.ends_with('\n') {
            file.seek(SeekFrom::End(0)).await.map_err(|e| self.io(e))?;
            file.write_all(b"\n").await.map_err(|e| self.io(e))?;
        }
        file.sync_data().await.map_err(|e| self.io(e))
    }

    /// Every line of a log file, for export and for [`proofs`](crate::evidence::proofs).
    ///
    /// # Errors
    /// [`LogError`].
    pub async fn read(path: &Path) -> Result<Vec<LogEntry>, LogError> {
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|source| LogError::Io { path: path.to_owned(), source })?;
        parse(path, whole_lines(&text))
    }

    fn io(&self, source: std::io::Error) -> LogError {
        LogError::Io { path: self.path.clone(), source }
    }
}

/// The text without a last line that was cut short: every entry is one JSON object and written with
/// its line's end.
fn whole_lines(text: &str) -> &str {
    let start = text.rfind('\n').map_or(0, |end| end + 1);
    let is_whole = serde_json::from_str::<LogEntry>(&text[start..]).is_ok();
    if is_whole { text } else { &text[..start] }
}

fn parse(path: &Path, text: &str) -> Result<Vec<LogEntry>, LogError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| LogError::Line {
                path: path.to_owned(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// State after the newest receipt whose voucher is in the log and that the serving key signed.
#[must_use]
pub(crate) fn replay(channel: &PayerChannel, entries: &[LogEntry]) -> PayerState {
    let mut state = PayerState::default();
    let mut sent: Option<&SignedVoucher> = None;
    for entry in entries {
        match entry {
            LogEntry::Channel(_) | LogEntry::Answer { .. } => {}
            LogEntry::Voucher(voucher) => sent = Some(voucher),
            LogEntry::Receipt(receipt) => {
                let paid = sent.filter(|v| v.cumulative_requests == receipt.cumulative_requests);
                if let Some(voucher) = paid
                    && receipt.cumulative_requests > state.requests
                    && signed_for(receipt, channel).is_ok()
                {
                    state = PayerState::after(receipt, voucher);
                }
            }
        }
    }
    state
}
