//! What was spent through the local endpoint: two lines a request, one before it and one after.
//!
//! The line before names the most that the request can promise, so that a crash in between is
//! counted and not forgotten. How much was promised by then, the evidence log of the channel knows.

use super::budget::PastPromise;
use super::calendar::utc;
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::money::Currency;
use oml_contracts::Amount;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum JournalLine {
    /// A request is about to be sent.
    #[serde(rename_all = "camelCase")]
    Begun { at: u64, model: String, before: Amount, at_most: Amount },
    /// It is over.
    Ended(SpentRequest),
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpentRequest {
    /// When it began, Unix seconds.
    pub at: u64,
    /// Name of the model, as the client wrote it.
    pub model: String,
    /// By how much it raised what the host can claim on the channel, smallest units.
    pub amount: Amount,
    /// What the host can claim on the channel after it, smallest units.
    pub promised: Amount,
    /// Its number on the channel, if there is a receipt of it.
    pub request: Option<u64>,
    /// Tokens of prompt and answer, as the receipt counts them.
    pub tokens: u64,
    /// How it ended.
    pub outcome: SpentOutcome,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SpentOutcome {
    /// Answered, and its receipt was checked.
    Paid,
    /// Its answer is not whole, and its receipt was checked.
    Cut,
    /// No answer with a receipt that can be believed; what was promised counts all the same.
    Failed,
    /// The endpoint was stopped in it; what was promised by then counts.
    Stopped,
}

impl SpentOutcome {
    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Cut => "cut",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The journal of one channel. A second process can't open it.
#[derive(Debug)]
pub(super) struct SpendingJournal {
    path: PathBuf,
    file: File,
    /// What counts for budgets: the requests of the last days.
    recent: Vec<PastPromise>,
}

/// Seconds after which a request counts for no budget, whatever the clock was set to.
const RECENT: u64 = 3 * 86_400;

/// Refuses to pay on a channel while an endpoint of another process does, which would sign the same
/// numbers. What is returned keeps an endpoint away for as long as it lives.
///
/// # Errors
/// Another process has the channel's journal.
pub fn require_no_endpoint(journal: &Path) -> Result<Option<File>> {
    let Ok(file) = OpenOptions::new().read(true).open(journal) else { return Ok(None) };
    hold(&file, journal)?;
    Ok(Some(file))
}

fn hold(file: &File, path: &Path) -> Result<()> {
    if file.try_lock().is_ok() {
        return Ok(());
    }
    Err(fail(
        format!("another process pays on this channel: it holds {}", path.display()),
        "use its endpoint, or open another channel for this one",
        FailureKind::Failed,
    ))
}

/// Where the spending of a channel is kept.
#[must_use]
pub fn journal_of(channel: &Path) -> PathBuf {
    channel.with_extension("spending.jsonl")
}

impl SpendingJournal {
    /// Opens or makes a journal. `promised` is the most that was ever signed on the channel.
    ///
    /// # Errors
    /// Another process has it, it can't be written, or a line of it is damaged.
    pub(super) fn open(path: &Path, promised: Amount) -> Result<Self> {
        let opened = OpenOptions::new().create(true).read(true).append(true).open(path);
        let file = opened.hint(unwritable(path), FOLDER, FailureKind::Failed)?;
        hold(&file, path)?;
        let text = std::fs::read_to_string(path).hint(
            format!("{} could not be read", path.display()),
            FOLDER,
            FailureKind::Failed,
        )?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        // A line that a crash cut short is one before which nothing was sent.
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        let replayed = replay(path, text.get(..whole).unwrap_or_default(), promised)?;
        let mut journal = Self { path: path.to_owned(), file, recent: Vec::new() };
        for spent in &replayed.entries {
            journal.count(spent);
        }
        if let Some(stopped) = replayed.stopped {
            journal.end(stopped)?;
        }
        Ok(journal)
    }

    /// What was promised, for budgets.
    pub(super) fn past(&self) -> &[PastPromise] {
        &self.recent
    }

    fn count(&mut self, spent: &SpentRequest) {
        self.recent.retain(|one| one.at.saturating_add(RECENT) > spent.at);
        let (at, model, amount) = (spent.at, spent.model.clone(), spent.amount);
        self.recent.push(PastPromise { at, model, amount });
    }

    /// Notes a request before anything is promised for it.
    pub(super) fn begin(
        &mut self,
        at: u64,
        model: &str,
        before: Amount,
        at_most: Amount,
    ) -> Result<()> {
        self.append(&JournalLine::Begun { at, model: model.to_owned(), before, at_most })
    }

    /// Notes what a request came to.
    pub(super) fn end(&mut self, spent: SpentRequest) -> Result<()> {
        // Counted even where the disk is full, since the promise stands.
        self.count(&spent);
        self.append(&JournalLine::Ended(spent))
    }

    fn append(&mut self, line: &JournalLine) -> Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        written.hint(unwritable(&self.path), FOLDER, FailureKind::Failed)
    }
}

const FOLDER: &str = "check the folder, its permissions and the space on the disk";

fn unwritable(path: &Path) -> String {
    format!("the journal of spending {} could not be written", path.display())
}

/// Everything that was spent on a channel through the local endpoint, from the oldest; `promised`
/// is the most that was ever signed on the channel.
///
/// # Errors
/// There is no journal, or a line of it is damaged.
pub fn spent(path: &Path, promised: Amount) -> Result<Vec<SpentRequest>> {
    let text = std::fs::read_to_string(path).hint(
        format!("{} could not be read", path.display()),
        "`oml pay proxy` writes it beside the channel file",
        FailureKind::Failed,
    )?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let replayed = replay(path, text.get(..whole).unwrap_or_default(), promised)?;
    Ok(replayed.entries.into_iter().chain(replayed.stopped).collect())
}

/// What a journal says.
struct Replayed {
    entries: Vec<SpentRequest>,
    /// The request in which the endpoint was stopped last, if that was not noted yet.
    stopped: Option<SpentRequest>,
}

fn replay(path: &Path, text: &str, promised: Amount) -> Result<Replayed> {
    let mut entries = Vec::new();
    let mut begun = None;
    for (number, line) in text.lines().enumerate() {
        let line = serde_json::from_str(line).hint(
            format!("{} line {} is damaged", path.display(), number + 1),
            "remove that line; budgets then do not count it",
            FailureKind::Failed,
        )?;
        match line {
            JournalLine::Begun { .. } => begun = Some(line),
            JournalLine::Ended(spent) => {
                begun = None;
                entries.push(spent);
            }
        }
    }
    Ok(Replayed { entries, stopped: begun.and_then(|line| stopped(line, promised)) })
}

/// A request in which the endpoint was stopped: what was signed by then, and no more than it could
/// promise.
fn stopped(begun: JournalLine, promised: Amount) -> Option<SpentRequest> {
    let JournalLine::Begun { at, model, before, at_most } = begun else { return None };
    let promised = promised.min(at_most).max(before);
    let amount = Amount::new(promised.get() - before.get());
    let outcome = SpentOutcome::Stopped;
    Some(SpentRequest { at, model, amount, promised, request: None, tokens: 0, outcome })
}

/// Spending as a table for other programs, with a header: amounts in whole units with decimals,
/// times in UTC.
#[must_use]
pub fn csv(entries: &[SpentRequest], currency: &Currency) -> String {
    let mut text = String::from("time,model,outcome,request,tokens,amount,currency,promised\n");
    for one in entries {
        let request = one.request.map_or_else(String::new, |request| request.to_string());
        let (amount, promised) = (currency.of(one.amount), currency.of(one.promised));
        // Writing to a text can't fail.
        let _ = writeln!(
            text,
            "{},{},{},{request},{},{},{},{}",
            utc(one.at),
            field(&one.model),
            one.outcome.word(),
            one.tokens,
            amount.decimal(),
            field(currency.symbol()),
            promised.decimal()
        );
    }
    text
}

/// A field of CSV (RFC 4180). A client chose the text, so a spreadsheet must not take it for a
/// formula.
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::EthAddress;

    fn spent_request(at: u64, amount: u128, promised: u128) -> SpentRequest {
        SpentRequest {
            at,
            model: "m".to_owned(),
            amount: Amount::new(amount),
            promised: Amount::new(promised),
            request: Some(1),
            tokens: 12,
            outcome: SpentOutcome::Paid,
        }
    }

    fn amounts(journal: &SpendingJournal) -> Vec<u128> {
        journal.past().iter().map(|one| one.amount.get()).collect()
    }

    #[test]
    fn a_crash_in_a_request_is_counted_and_a_second_process_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = journal_of(&dir.path().join("channel.json"));
        assert!(path.ends_with("channel.spending.jsonl"));
        let zero = Amount::ZERO;
        let mut journal = SpendingJournal::open(&path, zero).unwrap();
        journal.begin(10, "m", zero, Amount::new(50)).unwrap();
        journal.end(spent_request(10, 30, 30)).unwrap();
        journal.begin(20, "m", Amount::new(30), Amount::new(80)).unwrap();
        let other = SpendingJournal::open(&path, zero).unwrap_err();
        assert!(other.to_string().contains("another process pays"), "{other}");
        assert!(require_no_endpoint(&path).is_err());
        drop(journal);
        let held = require_no_endpoint(&path).unwrap();
        assert!(held.is_some() && SpendingJournal::open(&path, zero).is_err());
        drop(held);
        assert!(require_no_endpoint(&dir.path().join("none")).unwrap().is_none());

        // The process was killed; the evidence log has a voucher of 70, or one of somebody else.
        let text = std::fs::read_to_string(&path).unwrap();
        for (signed, counted) in [(30, 0), (5_000, 50), (70, 40)] {
            // The disk was full in the middle of a line.
            std::fs::write(&path, format!("{text}{{\"ki")).unwrap();
            let journal = SpendingJournal::open(&path, Amount::new(signed)).unwrap();
            assert_eq!(amounts(&journal), [30, counted]);
        }
        // It is noted, so that later vouchers are not taken for it.
        let mut journal = SpendingJournal::open(&path, Amount::new(5_000)).unwrap();
        assert_eq!(amounts(&journal), [30, 40]);
        journal.end(spent_request(30, 5, 75)).unwrap();
        drop(journal);
        let mut journal = SpendingJournal::open(&path, Amount::new(75)).unwrap();
        journal.count(&spent_request(30 + RECENT, 1, 76));
        assert_eq!(amounts(&journal), [1]);
        drop(journal);
        let found = spent(&path, Amount::new(75)).unwrap();
        assert_eq!((found.len(), found[1].outcome), (3, SpentOutcome::Stopped));
        std::fs::write(&path, "{}\n").unwrap();
        let damaged = SpendingJournal::open(&path, zero).unwrap_err().to_string();
        assert!(damaged.contains("line 1 is damaged"), "{damaged}");
    }

    #[test]
    fn tables_have_decimals_times_and_no_formulas() {
        let usdc = Currency::new(EthAddress::new([7; 20]), "USDC", 6);
        let mut one = spent_request(1_796_131_800, 1_234_500_000, 2_000_000_000);
        assert_eq!(
            csv(&[one.clone()], &usdc),
            "time,model,outcome,request,tokens,amount,currency,promised\n\
             2026-12-01T13:30:00Z,m,paid,1,12,1234.5,USDC,2000\n"
        );
        one.model = "=cmd|\"x\",1".to_owned();
        assert!(csv(&[one], &usdc).contains(",\"'=cmd|\"\"x\"\",1\",paid"));
    }
}
