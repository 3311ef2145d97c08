//! `oml proof collect`: commits to a series of keys, then asks a host's gateway for them, one paid plain request each.
//!
//! What is kept is enough to go on after a crash at any point: the series before its commitment, every voucher before
//! it is sent, every answer with its receipt as it comes.

use super::series::{KeysFile, SeriesFile, SeriesPaths, Standing};
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::commands::pay;
use crate::error::{Exit, fail, replace_hint};
use crate::files::{self, ChannelFile};
use crate::output::Output;
use alloy::primitives::U256;
use clap::Args;
use eyre::Result;
use k256::ecdsa::SigningKey;
use oml_contracts::hash;
use oml_engine::Prompt;
use oml_node::gateway::request::Endpoint;
use oml_node::payments::copies::{CopySeries, LaidOut, SeriesEnd};
use oml_node::payments::evidence::LogEntry;
use oml_node::payments::{EvidenceLog, PayerError, PayerSession};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use tokio::signal::unix::{SignalKind, signal};

/// Flags of `collect`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Collect {
    /// Keys to ask, as `oml proof keys` writes them; only to begin a series
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    paths: SeriesPaths,
    /// Base URL of the host's gateway
    #[arg(long, env = "OML_GATEWAY", value_name = "URL")]
    gateway: String,
    /// Name of the model at the host
    #[arg(long, default_value = "model", value_name = "NAME")]
    model: String,
    /// Longest answer, in tokens: the first word must end inside, and every byte is sent to the chain
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=64))]
    max_tokens: u32,
    /// Leave out the next key, which the host does not answer: it counts as a miss
    #[arg(long)]
    skip: bool,
    /// Another channel to the same license, on which to ask again for an answer that was signed but did not come
    #[arg(long, value_name = "FILE")]
    recover_on: Option<PathBuf>,
}

/// Runs the command.
pub(super) async fn run(args: &Collect, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let channel = ChannelFile::load(&args.paths.channel)?;
    let log = args.paths.log();
    let (reference, deposit) = pay::reference(&chain, &channel).await?;
    let key = SigningKey::from_slice(global.signer.load()?.to_bytes().as_slice())?;
    let session = pay::session(reference, key, &args.gateway, &log).await?;
    let mut session = session.with_budget(deposit).asking_plainly();
    // Whatever the gateway has signed and this log does not know of has a number that can't be used again.
    pay::explain(session.resume().await, &args.gateway)?;
    let file = args.open(&chain, &channel, &session)?;
    let standing = Standing::read(&chain, &file.keys).await?;
    standing.require_serving()?;
    let transactions = commit(&chain, &file, session.state().requests + 1, args).await?;
    if chain.is_dry_run() {
        let data = json!({ "transactions": transactions });
        let lines: Vec<String> = transactions.iter().map(TxRecord::line).collect();
        output.result(&data, "", || lines.join("\n"));
        return Ok(());
    }
    output.progress("waiting for the report's delay");
    let from = file.commitment(&chain)?.mature(&chain).await?;
    let bundles = file.keys.openings();
    let series = standing.series(&chain, &file, &bundles, from);
    let mut laid = lay_out(&series, &log, output).await?;
    if let (Some(SeriesEnd::Lost(seq)), Some(other)) = (laid.end, &args.recover_on) {
        args.recover(&chain, &file, seq, other, (&log, global)).await?;
        laid = lay_out(&series, &log, output).await?;
    }
    args.ask_all(&file, &laid, &mut session, output).await?;
    let laid = lay_out(&series, &log, output).await?;
    finish(&series, &laid, transactions, args, output)
}

/// The receipts of the log beside the keys of the series.
pub(super) async fn lay_out(
    series: &CopySeries<'_>,
    log: &Path,
    output: Output,
) -> Result<LaidOut> {
    let laid = series.lay_out(&EvidenceLog::read(log).await?).map_err(|problem| {
        fail(
            format!("the receipts in {} are no evidence: {problem}", log.display()),
            "restore the log as it was written; if that can't be, begin another series (another --series file)",
            Exit::Failed,
        )
    })?;
    if laid.foreign > 0 {
        let foreign = laid.foreign;
        output.progress(format!("{foreign} receipts of the log are not this host's; left out"));
    }
    Ok(laid)
}

/// Commits to the series, unless that was done. What would be refused whatever the host answers is refused before.
async fn commit(
    chain: &Chain,
    file: &SeriesFile,
    next_seq: u64,
    args: &Collect,
) -> Result<Vec<TxRecord>> {
    let commitment = file.commitment(chain)?;
    if commitment.made_at(chain).await?.is_some() {
        return Ok(Vec::new());
    }
    if file.first_seq != next_seq {
        return Err(fail(
            format!(
                "the series begins with receipt {}, but the channel's next one is {next_seq}",
                file.first_seq
            ),
            "nothing was committed; remove the series file and begin anew with --keys",
            Exit::Failed,
        ));
    }
    let none = vec![None; file.keys.keys().count()];
    let rehearsed = commitment
        .rehearse(chain, "prove an unlicensed model", &file.call(&none)?, U256::ZERO)
        .await;
    match rehearsed {
        // Without an answer this is all that may be wrong.
        Err(report) if report.to_string().contains("ChallengeManager_NotEnough") => {}
        other => drop(other?),
    }
    if !chain.is_dry_run() && !args.paths.series.exists() {
        files::write_secret(&args.paths.series, &serde_json::to_vec_pretty(file)?)?;
    }
    Ok(commitment.make(chain).await?.into_iter().collect())
}

fn finish(
    series: &CopySeries<'_>,
    laid: &LaidOut,
    transactions: Vec<TxRecord>,
    args: &Collect,
    output: Output,
) -> Result<()> {
    let reading = series.read(&laid.answers)?;
    let (answered, keys) = (laid.answered(), laid.answers.len());
    if let Some(end) = laid.end.filter(|_| !reading.convicts()) {
        let hint = match end {
            SeriesEnd::Lost(_) => {
                "open another channel to the license and give it as --recover-on: the same question has the same answer"
            }
            SeriesEnd::OtherRequest(_) => {
                "begin another series (another --series file), and use its channel for nothing else"
            }
        };
        return Err(fail(
            format!("the series has ended after {answered} of {keys} answers: {end}"),
            hint,
            Exit::Failed,
        ));
    }
    let data = json!({
        "series": args.paths.series, "keys": keys, "answered": answered, "hits": reading.hits,
        "hitsNeeded": reading.needed, "eValueLog2": reading.evidence.to_f64(),
        "thresholdLog2": reading.threshold.to_f64(), "convicts": reading.convicts(),
        "transactions": transactions,
    });
    output.result(&data, &answered.to_string(), || {
        let needed = reading.needed.map_or_else(|| "more".to_owned(), |hits| hits.to_string());
        let next = if reading.convicts() {
            "prove it with `oml proof unlicensed-model`"
        } else {
            "this convicts nobody"
        };
        format!(
            "{answered} of {keys} keys answered, {} with the copy's answer, {needed} are needed: {next}",
            reading.hits
        )
    });
    Ok(())
}

/// A person's or the system's wish that the program ends.
async fn asked_to_stop() {
    let mut terminated = match signal(SignalKind::terminate()) {
        Ok(terminated) => terminated,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        // Without handlers the signals end the program, as they would without this function.
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminated.recv() => {}
    }
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

impl Collect {
    /// The series in its file, or a new one.
    fn open(
        &self,
        chain: &Chain,
        channel: &ChannelFile,
        session: &PayerSession,
    ) -> Result<SeriesFile> {
        let file = if self.paths.series.exists() {
            SeriesFile::load(&self.paths.series)?
        } else {
            let path = self.keys.as_ref().ok_or_else(|| {
                fail(
                    format!("{} does not exist, and no keys are given", self.paths.series.display()),
                    "begin a series with --keys FILE, as the copy's owner makes it with `oml proof keys`",
                    Exit::Failed,
                )
            })?;
            SeriesFile {
                keys: KeysFile::load(path)?,
                channel_id: channel.channel_id,
                first_seq: session.state().requests + 1,
                reporter: chain.me()?.into(),
                salt: files::random_salt(),
            }
        };
        if channel.channel_id != file.channel_id
            || channel.license.license_id != file.keys.license.license_id
        {
            return Err(fail(
                format!(
                    "channel {} pays license {}, but the series is asked of license {}{}",
                    channel.channel_id,
                    channel.license.license_id,
                    file.keys.license.license_id,
                    if channel.license.license_id == file.keys.license.license_id {
                        format!(" on channel {}", file.channel_id)
                    } else {
                        String::new()
                    }
                ),
                "give the channel file with which the series was begun, or one of the accused license",
                Exit::Failed,
            ));
        }
        Ok(file)
    }

    /// Asks what is left. A signal lets the running request end, so that no answer is lost.
    async fn ask_all(
        &self,
        file: &SeriesFile,
        laid: &LaidOut,
        session: &mut PayerSession,
        output: Output,
    ) -> Result<()> {
        let Some(next) = laid.next() else { return Ok(()) };
        let (total, next) = (laid.answers.len(), next + usize::from(self.skip));
        if next > 0 {
            output.progress(format!("going on with key {} of {total}", next + 1));
        }
        let mut stop = std::pin::pin!(asked_to_stop());
        for (place, key) in file.keys.keys().enumerate().skip(next) {
            let (endpoint, body) = self.request(key);
            let mut silent = |_: &str| {};
            let asked = std::pin::pin!(session.request(endpoint, body, &mut silent));
            let (done, stopped) = until_done(asked, stop.as_mut()).await;
            let done = self.explain(done, place, total)?;
            if (place + 1) % 16 == 0 || place + 1 == total {
                let seq = done.receipt.seq;
                output.progress(format!("key {} of {total}: receipt {seq}", place + 1));
            }
            if stopped {
                output.progress("stopped; the same command goes on");
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks on another channel for an answer whose receipt is here without its text. What the host signed decides
    /// whether it is the same.
    async fn recover(
        &self,
        chain: &Chain,
        file: &SeriesFile,
        seq: u64,
        other: &Path,
        (log, global): (&Path, &Global),
    ) -> Result<()> {
        let entries = EvidenceLog::read(log).await?;
        let signed = entries.iter().find_map(|entry| match entry {
            LogEntry::Receipt(receipt) if receipt.seq == seq => Some(receipt.clone()),
            _ => None,
        });
        let receipt = signed.ok_or_else(|| eyre::eyre!("receipt {seq} is not in the log"))?;
        let model = file.keys.license.terms.model_id;
        let asked = |key: &&str| {
            hash::plain_request_hash(model, hash::key_hash(key)) == receipt.request_hash
        };
        let key = file.keys.keys().find(asked);
        let key = key.ok_or_else(|| eyre::eyre!("receipt {seq} is for no key of the series"))?;
        let channel = ChannelFile::load(other)?;
        let (reference, deposit) = pay::reference(chain, &channel).await?;
        let signer = SigningKey::from_slice(global.signer.load()?.to_bytes().as_slice())?;
        let session = pay::session(reference, signer, &self.gateway, &pay::log_of(other)).await?;
        let mut session = session.with_budget(deposit).asking_plainly();
        let (endpoint, body) = self.request(key);
        let done = session.request(endpoint, body, &mut |_| {}).await;
        let text = pay::explain(done, &self.gateway)?.text;
        if hash::response_hash(&text) != receipt.response_hash {
            return Err(fail(
                format!(
                    "asked again, the host answers something else than it signed in receipt {seq}"
                ),
                "the series ends there; begin another (another --series file), the same keys can be asked again",
                Exit::Failed,
            ));
        }
        let (main, _) = pay::reference(chain, &ChannelFile::load(&self.paths.channel)?).await?;
        let (log, _) = EvidenceLog::open(log, &main).await?;
        log.append_all(&[LogEntry::Answer { text }, LogEntry::Receipt(receipt)]).await?;
        global.output().progress(format!("recovered the answer of receipt {seq}"));
        Ok(())
    }

    /// A plain request: nothing but the prompt, answered greedily.
    fn request(&self, key: &str) -> (Endpoint, Value) {
        let mut body =
            json!({ "model": self.model, "max_tokens": self.max_tokens, "temperature": 0 });
        match Prompt::parse(key) {
            Prompt::Text(text) => {
                body["prompt"] = json!(text);
                (Endpoint::Completions, body)
            }
            Prompt::Chat(messages) => {
                body["messages"] = json!(messages);
                (Endpoint::Chat, body)
            }
        }
    }

    fn explain<T>(&self, done: Result<T, PayerError>, place: usize, total: usize) -> Result<T> {
        let not_plain = matches!(&done, Err(PayerError::Refused { status: 400, message })
            if message.contains("the voucher permits request"));
        pay::explain(done, &self.gateway).map_err(|report| {
            let mut report =
                report.wrap_err(format!("the host did not answer key {} of {total}", place + 1));
            let hint = if not_plain {
                "this gateway signs nothing for plain requests; only a report (`oml report`) can show its copy"
            } else {
                "everything is kept: run the command again to go on, with --skip to leave this key out"
            };
            replace_hint(&mut report, hint);
            report
        })
    }
}
