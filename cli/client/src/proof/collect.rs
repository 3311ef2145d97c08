//! Collecting the answers of a series: commits to the keys, then asks a host's gateway for them,
//! one paid plain request each.
//!
//! What is kept is enough to go on after a crash at any point: the series before its commitment,
//! every voucher before it is sent, every answer with its receipt as it comes.

use super::series::{KeysFile, SeriesFile, SeriesStanding};
use crate::chain::{Chain, TxRecord};
use crate::error::{ClientError, FailureKind, HintExt, Result, fail, find};
use crate::files::{self, ChannelFile};
use crate::pay::{self, PayableChannel};
use crate::progress::Progress;
use alloy::primitives::U256;
use oml_contracts::hash;
use oml_contracts::rpc::abi::Proofs::Proofs_NotEnough;
use oml_engine::Prompt;
use oml_payments::LogEntry;
use oml_payments::ServedPath;
use oml_payments::copies::{CopyReading, CopySeries, LaidOut, SeriesEnd};
use oml_payments::{Completion, EvidenceLog, PayerError, PayerSession};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};

/// What is asked of whom, and where it is kept.
#[derive(Clone, Debug)]
pub struct CollectSeries {
    /// Keys to ask; only to begin a series.
    pub keys: Option<PathBuf>,
    /// The series, which is made or gone on with.
    pub series: PathBuf,
    /// Channel on which it is asked; until the last key nothing else may be asked on it.
    pub channel: PathBuf,
    /// Log of vouchers, answers and receipts.
    pub log: PathBuf,
    /// Base URL of the host's gateway.
    pub gateway: String,
    /// Name of the model at the host.
    pub model: String,
    /// Longest answer, in tokens.
    pub max_tokens: u32,
    /// Leaves out the next key, which the host does not answer: it counts as a miss.
    pub skip: bool,
    /// Another channel to the same license, on which to ask again for an answer that was signed but
    /// did not come.
    pub recover_on: Option<PathBuf>,
}

/// What was collected.
#[derive(Clone, Debug)]
pub enum Collected {
    /// Nothing, as nothing was to be sent: these transactions would have been.
    DryRun(Vec<TxRecord>),
    /// A series, as far as it is answered.
    Series(CollectedSeries),
}

/// A series, as far as it is answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectedSeries {
    /// File of the series.
    pub series: PathBuf,
    /// Keys to ask.
    pub keys: usize,
    /// Keys that were answered.
    pub answered: usize,
    /// Answers that are the copy's.
    pub hits: u32,
    /// How many convict; none if not even all of them would.
    pub hits_needed: Option<u32>,
    /// log2 of the e-value.
    pub e_value_log2: f64,
    /// log2 of what it has to reach.
    pub threshold_log2: f64,
    /// Whether that is enough.
    pub convicts: bool,
    /// What was sent.
    pub transactions: Vec<TxRecord>,
}

/// Commits to a series, asks what is left of it, and says how the answers fell. When `stop` is
/// ready, the request that runs ends before this returns, so that no answer is lost.
///
/// # Errors
/// A series that would be refused whatever the host answers, a gateway that does not answer, a
/// series that has ended, network failure.
pub async fn collect(
    chain: &Chain,
    order: &CollectSeries,
    progress: &dyn Progress,
    stop: impl Future<Output = ()>,
) -> Result<Collected> {
    let channel = ChannelFile::load(&order.channel)?;
    let payable = PayableChannel::read(chain, &channel).await?;
    let session = payable.logged_session(chain, &order.gateway, &order.log).await?;
    let mut session = session.asking_plainly();
    // Whatever the gateway has signed and this log does not know of is a request that can't be used
    // again.
    pay::explain(session.resume().await, &order.gateway)?;
    let file = order.open(chain, &channel, &session)?;
    let standing = SeriesStanding::read(chain, &file.keys).await?;
    standing.require_serving()?;
    let transactions = commit(chain, &file, session.state().requests + 1, &order.series).await?;
    if chain.is_dry_run() {
        return Ok(Collected::DryRun(transactions));
    }
    progress.say("waiting for the report's delay");
    let from = file.commitment(chain)?.mature(chain).await?;
    let bundles = file.keys.openings();
    let series = standing.series(chain, &file, &bundles, from);
    let mut laid = lay_out(&series, &order.log, progress).await?;
    if let (Some(SeriesEnd::Lost(request)), Some(other)) = (laid.end, &order.recover_on) {
        order.recover(chain, &file, request, other).await?;
        progress.say(&format!("recovered the answer to request {request}"));
        laid = lay_out(&series, &order.log, progress).await?;
    }
    let asking = Asking { order, file: &file, progress };
    asking.all(&laid, &mut session, pin!(stop)).await?;
    let laid = lay_out(&series, &order.log, progress).await?;
    let reading = series.read(&laid.answers)?;
    refuse_ended(&laid, &reading)?;
    Ok(Collected::Series(CollectedSeries {
        series: order.series.clone(),
        keys: laid.answers.len(),
        answered: laid.answered(),
        hits: reading.hits,
        hits_needed: reading.needed,
        e_value_log2: reading.evidence.to_f64(),
        threshold_log2: reading.threshold.to_f64(),
        convicts: reading.convicts(),
        transactions,
    }))
}

/// The receipts of the log beside the keys of the series.
pub(super) async fn lay_out(
    series: &CopySeries<'_>,
    log: &Path,
    progress: &dyn Progress,
) -> Result<LaidOut> {
    let laid = series.lay_out(&EvidenceLog::read(log).await?).map_err(|problem| {
        fail(
            format!("the receipts in {} are no evidence: {problem}", log.display()),
            "restore the log as it was written; if that can't be, begin another series (another --series file)",
            FailureKind::Failed,
        )
    })?;
    if laid.foreign > 0 {
        let foreign = laid.foreign;
        progress.say(&format!("{foreign} receipts of the log are not this host's; left out"));
    }
    Ok(laid)
}

/// Commits to the series, unless that was done. What would be refused whatever the host answers is
/// refused before.
async fn commit(
    chain: &Chain,
    file: &SeriesFile,
    next_request: u64,
    path: &Path,
) -> Result<Vec<TxRecord>> {
    let commitment = file.commitment(chain)?;
    if commitment.made_at(chain).await?.is_some() {
        return Ok(Vec::new());
    }
    if file.first_request != next_request {
        return Err(fail(
            format!(
                "the series begins with request {}, but the channel's next one is {next_request}",
                file.first_request
            ),
            "nothing was committed; remove the series file and begin anew with --keys",
            FailureKind::Failed,
        ));
    }
    let none = vec![None; file.keys.keys().count()];
    let call = file.call(&none)?;
    let rehearsed = commitment.rehearse(chain, "prove an unlicensed model", &call, U256::ZERO);
    match rehearsed.await {
        // Without an answer this is all that may be wrong.
        Err(error) if error.is_revert::<Proofs_NotEnough>() => {}
        other => drop(other?),
    }
    if !chain.is_dry_run() && !path.exists() {
        files::write_secret(path, &serde_json::to_vec_pretty(file)?)?;
    }
    Ok(commitment.make(chain).await?.into_iter().collect())
}

/// Refuses to go on with a series to which no answer can be added, and which convicts nobody.
fn refuse_ended(laid: &LaidOut, reading: &CopyReading) -> Result<()> {
    let Some(end) = laid.end.filter(|_| !reading.convicts()) else { return Ok(()) };
    let hint = match end {
        SeriesEnd::Lost(_) => {
            "open another channel to the license and give it as --recover-on: the same question has the same answer"
        }
        SeriesEnd::OtherRequest(_) => {
            "begin another series (another --series file), and use its channel for nothing else"
        }
    };
    let (answered, keys) = (laid.answered(), laid.answers.len());
    let message = format!("the series has ended after {answered} of {keys} answers: {end}");
    Err(fail(message, hint, FailureKind::Failed))
}

/// Lets `work` end whatever comes; says whether `stop` came before.
async fn until_done<T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> (T, bool) {
    tokio::select! {
        done = work.as_mut() => (done, false),
        () = stop => (work.await, true),
    }
}

impl CollectSeries {
    /// The series in its file, or a new one.
    fn open(
        &self,
        chain: &Chain,
        channel: &ChannelFile,
        session: &PayerSession,
    ) -> Result<SeriesFile> {
        let file = if self.series.exists() {
            SeriesFile::load(&self.series)?
        } else {
            let path = self.keys.as_ref().ok_or_else(|| {
                fail(
                    format!("{} does not exist, and no keys are given", self.series.display()),
                    "begin a series with --keys FILE, as the copy's owner makes it with `oml proof keys`",
                    FailureKind::Failed,
                )
            })?;
            SeriesFile {
                keys: KeysFile::load(path)?,
                channel_id: channel.channel_id,
                first_request: session.state().requests + 1,
                reporter: chain.me()?,
                salt: files::random_salt(),
            }
        };
        refuse_other_channel(&file, channel)?;
        Ok(file)
    }

    /// Asks on another channel for an answer whose receipt is here without its text. What the host
    /// signed decides whether it is the same.
    async fn recover(
        &self,
        chain: &Chain,
        file: &SeriesFile,
        request: u64,
        other: &Path,
    ) -> Result<()> {
        let entries = EvidenceLog::read(&self.log).await?;
        let signed = entries.iter().find_map(|entry| match entry {
            LogEntry::Receipt(receipt)
                if receipt.cumulative_requests == request
                    && receipt.channel_id == file.channel_id =>
            {
                Some(receipt.clone())
            }
            _ => None,
        });
        let unknown = |what: &str| {
            ClientError::Other(format!("the receipt of request {request} is {what}").into())
        };
        let receipt = signed.ok_or_else(|| unknown("not in the log"))?;
        let model = file.keys.license.terms.model_id;
        let asked = |key: &&str| {
            hash::plain_request_hash(model, hash::key_hash(key)) == receipt.request_hash
        };
        let key = file.keys.keys().find(asked);
        let key = key.ok_or_else(|| unknown("for no key of the series"))?;
        let payable = PayableChannel::read(chain, &ChannelFile::load(other)?).await?;
        let session = payable.logged_session(chain, &self.gateway, &pay::log_of(other)).await?;
        let mut session = session.asking_plainly();
        let (endpoint, body) = self.request(key);
        let done = session.request(endpoint, body, &mut |_| {}).await;
        let text = pay::explain(done, &self.gateway)?.text;
        if hash::response_hash(&text) != receipt.response_hash {
            return Err(fail(
                format!(
                    "asked again, the host answers something else than it signed for request {request}"
                ),
                "the series ends there; begin another (another --series file), the same keys can be asked again",
                FailureKind::Failed,
            ));
        }
        let main = PayableChannel::read(chain, &ChannelFile::load(&self.channel)?).await?;
        let (log, _) = EvidenceLog::open(&self.log, &main.reference).await?;
        log.append_all(&[LogEntry::Answer { text }, LogEntry::Receipt(receipt)]).await?;
        Ok(())
    }

    /// A plain request: nothing but the prompt, answered greedily.
    fn request(&self, key: &str) -> (ServedPath, Value) {
        let mut body =
            json!({ "model": self.model, "max_tokens": self.max_tokens, "temperature": 0 });
        match Prompt::parse(key) {
            Prompt::Text(text) => {
                body["prompt"] = json!(text);
                (ServedPath::Completions, body)
            }
            Prompt::Chat(messages) => {
                body["messages"] = json!(messages);
                (ServedPath::Chat, body)
            }
        }
    }
}

/// Refuses a channel on which the series was not begun, or that pays another license.
fn refuse_other_channel(file: &SeriesFile, channel: &ChannelFile) -> Result<()> {
    let (asked, paid) = (file.keys.license.license_id, channel.license.license_id);
    if channel.channel_id == file.channel_id && paid == asked {
        return Ok(());
    }
    let on = if paid == asked { format!(" on channel {}", file.channel_id) } else { String::new() };
    Err(fail(
        format!(
            "channel {} pays license {paid}, but the series is asked of license {asked}{on}",
            channel.channel_id
        ),
        "give the channel file with which the series was begun, or one of the accused license",
        FailureKind::Failed,
    ))
}

/// A series that is being asked.
struct Asking<'a> {
    order: &'a CollectSeries,
    file: &'a SeriesFile,
    progress: &'a dyn Progress,
}

impl Asking<'_> {
    /// Asks what is left. A wish to stop lets the running request end, so that no answer is lost.
    async fn all(
        &self,
        laid: &LaidOut,
        session: &mut PayerSession,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<()> {
        let Some(next) = laid.next() else { return Ok(()) };
        let (total, next) = (laid.answers.len(), next + usize::from(self.order.skip));
        if next > 0 {
            self.progress.say(&format!("going on with key {} of {total}", next + 1));
        }
        for (place, key) in self.file.keys.keys().enumerate().skip(next) {
            let (endpoint, body) = self.order.request(key);
            let mut silent = |_: &str| {};
            let asked = pin!(session.request(endpoint, body, &mut silent));
            let (done, stopped) = until_done(asked, stop.as_mut()).await;
            let place = place + 1;
            let done = self.explain(done, &format!("key {place} of {total}"))?;
            if place % 16 == 0 || place == total {
                let request = done.receipt.cumulative_requests;
                self.progress.say(&format!("key {place} of {total}: request {request}"));
            }
            if stopped {
                self.progress.say("stopped; the same command goes on");
                return Ok(());
            }
        }
        Ok(())
    }

    fn explain(&self, done: Result<Completion, PayerError>, key: &str) -> Result<Completion> {
        // Where nothing is signed for plain requests, the voucher seems to be for another request.
        let not_plain = matches!(&done, Err(PayerError::Refused { code: Some(code), .. })
            if code == "wrong_request");
        let hint = if not_plain {
            "this gateway signs nothing for plain requests; only a report (`oml report`) can show its copy"
        } else {
            "everything is kept: run the command again to go on, with --skip to leave this key out"
        };
        pay::explain(done, &self.order.gateway).or_else(|error| {
            let kind = find(&error).1;
            Err(error).hint(format!("the host did not answer {key}"), hint, kind)
        })
    }
}
