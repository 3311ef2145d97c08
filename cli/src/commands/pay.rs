//! `oml pay`: one request through a gateway, with a voucher, against a receipt.

use crate::Global;
use crate::chain::Chain;
use crate::contracts::PaymentEscrow;
use crate::error::{Exit, HintExt, fail};
use crate::files::{self, ChannelFile};
use crate::money;
use clap::Args;
use eyre::Result;
use k256::ecdsa::SigningKey;
use oml_contracts::Amount;
use oml_payments::ServedPath;
use oml_payments::{Completion, PayerChannel, PayerError, PayerSession, Price, SignedReceipt};
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Pay for a request through a gateway.
///
/// The answer goes to stdout. Vouchers and receipts are appended to a log beside the channel file; the next call
/// goes on where it ends, and the receipts in it are evidence for `oml proof`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Pay {
    /// Channel file, as `oml channel open` writes it
    #[arg(long, default_value = "channel.json", value_name = "FILE")]
    channel: PathBuf,
    /// Base URL of the host's gateway
    #[arg(long, env = "OML_GATEWAY", value_name = "URL")]
    gateway: String,
    /// Text to continue, or with --chat the user's message
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// Ask for a chat answer
    #[arg(long)]
    chat: bool,
    /// Longest answer, in tokens
    #[arg(long, default_value_t = 256, value_name = "N")]
    max_tokens: u64,
    /// Name of the model at the host
    #[arg(long, default_value = "model", value_name = "NAME")]
    model: String,
    /// Show the answer as it comes
    #[arg(long)]
    stream: bool,
    /// Let the receipt say that whoever asks had no say in the answer, and keep the answer in the log
    #[arg(long)]
    plain: bool,
    /// Also write the receipt to this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Log of vouchers and receipts [default: beside the channel file, *.payments.jsonl]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Most to promise on this channel in all [default: the deposit]
    #[arg(long, value_name = "AMOUNT")]
    budget: Option<String>,
    /// Decimals of the currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    decimals: u8,
}

/// A paid answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paid {
    /// The answer.
    pub(crate) text: String,
    /// Tokens of prompt and answer, as the receipt counts them.
    pub(crate) tokens: u64,
    /// Promised on the channel in all.
    pub(crate) promised: Amount,
    /// What the host signed; its signer, counts and hashes were checked.
    pub(crate) receipt: SignedReceipt,
}

impl From<Completion> for Paid {
    fn from(done: Completion) -> Self {
        Self {
            text: done.text,
            tokens: done.tokens,
            promised: done.voucher.cumulative_amount,
            receipt: done.receipt,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(args: Pay, global: &Global) -> Result<()> {
    let output = global.output();
    let chain = Chain::signer(&global.chain, &global.signer).await?;
    let channel = ChannelFile::load(&args.channel)?;
    let key = SigningKey::from_slice(global.signer.load()?.to_bytes().as_slice())?;
    let (reference, deposit) = reference(&chain, &channel).await?;
    let budget = match &args.budget {
        Some(text) => Amount::new(money::parse(text, args.decimals)?).min(deposit),
        None => deposit,
    };
    if chain.is_dry_run() {
        return Err(fail(
            "a request can't be simulated: a gateway answers only against a signed voucher",
            "leave --dry-run away, or limit what is promised with --budget",
            Exit::Failed,
        ));
    }
    let log = args.log_file.clone().unwrap_or_else(|| log_of(&args.channel));
    let session = session(reference, key, &args.gateway, &log).await?;
    let session = session.with_budget(budget);
    let mut session = if args.plain { session.asking_plainly() } else { session };
    let mut shown = |piece: &str| output.piece(piece);
    let mut silent = |_: &str| {};
    let on_text: &mut (dyn FnMut(&str) + Send) = if args.stream { &mut shown } else { &mut silent };
    let done = session.request(args.endpoint(), args.body(), on_text).await;
    let paid: Paid = explain(done, &args.gateway)?.into();
    if let Some(path) = &args.receipt {
        files::save(path, &paid.receipt)?;
    }
    output.result(
        &paid,
        &paid.text,
        || if args.stream { String::new() } else { paid.text.clone() },
    );
    output.progress(format!(
        "{} tokens, receipt {} verified, {} promised in all",
        paid.tokens,
        paid.receipt.seq,
        money::show(paid.promised.get(), args.decimals)
    ));
    Ok(())
}

impl Pay {
    const fn endpoint(&self) -> ServedPath {
        if self.chat { ServedPath::Chat } else { ServedPath::Completions }
    }

    fn body(&self) -> serde_json::Value {
        let mut body = json!({
            "model": self.model, "max_tokens": self.max_tokens, "temperature": 0, "stream": self.stream,
        });
        if self.chat {
            body["messages"] = json!([{ "role": "user", "content": self.prompt }]);
        } else {
            body["prompt"] = json!(self.prompt);
        }
        body
    }
}

/// What a session must know of the channel, from the chain; and the deposit.
pub(crate) async fn reference(
    chain: &Chain,
    channel: &ChannelFile,
) -> Result<(PayerChannel, Amount)> {
    let call = PaymentEscrow::channelCall { channelId: channel.channel_id.into() };
    let state = chain.read(chain.escrow(), call).await?;
    if !state.isOpen {
        return Err(fail(
            format!("channel {} is not open on this chain", channel.channel_id),
            "open it with `oml channel open`, or give the addresses file of its chain",
            Exit::Failed,
        ));
    }
    if state.thawEnd != 0 {
        return Err(fail(
            format!("channel {} is thawing; hosts do not serve on it any more", channel.channel_id),
            "open another with `oml channel open`",
            Exit::Failed,
        ));
    }
    let license = super::license::state(chain, channel.license.license_id).await?;
    let reference = PayerChannel {
        chain_id: chain.addresses.chain_id,
        escrow: chain.addresses.payment_escrow,
        challenge_manager: chain.addresses.challenge_manager,
        license_id: channel.license.license_id,
        model_id: channel.license.terms.model_id,
        serving_key: license.servingKey.into(),
        payer: channel.payer,
        signer: channel.signer,
        salt: channel.salt,
        price: Price::of_terms(&channel.license.terms),
    };
    Ok((reference, Amount::new(state.deposited.to())))
}

/// A session that goes on where `log` ends; without a log it asks the gateway for its newest receipt.
pub(crate) async fn session(
    channel: PayerChannel,
    key: SigningKey,
    gateway: &str,
    log: &Path,
) -> Result<PayerSession> {
    let known = log.exists();
    let session = explain(PayerSession::new(channel, key, gateway), gateway)?;
    let mut session = explain(session.with_log(log).await, gateway)?;
    if !known {
        explain(session.resume().await, gateway)?;
    }
    Ok(session)
}

/// Adds to a payer's failure what to do about it.
pub(crate) fn explain<T>(result: Result<T, PayerError>, gateway: &str) -> Result<T> {
    let (hint, exit) = match &result {
        Err(PayerError::WrongKey { .. }) => {
            ("sign with the channel's payer, or its session key", Exit::Signer)
        }
        Err(PayerError::Network { .. }) => {
            ("check --gateway; a request that was served is found by the next call", Exit::Network)
        }
        Err(PayerError::Refused { .. }) => {
            ("the gateway's words say why; nothing was charged", Exit::Network)
        }
        Err(PayerError::Budget { .. }) => {
            ("`oml channel deposit` adds to the channel, --budget raises the limit", Exit::Failed)
        }
        Err(PayerError::PaymentRequired { .. }) => {
            ("check the channel file, and that its deposit suffices", Exit::Failed)
        }
        Err(PayerError::Receipt { .. }) => {
            ("the receipt is kept in the log; see `oml proof`", Exit::Failed)
        }
        _ => ("the cause is above", Exit::Failed),
    };
    result.hint(format!("no paid answer from {gateway}"), hint, exit)
}

/// Where `oml pay` and this command keep what a channel has seen.
pub(crate) fn log_of(channel: &Path) -> PathBuf {
    channel.with_extension("payments.jsonl")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pay: Pay,
    }

    fn parse(extra: &[&str]) -> Pay {
        let line = ["pay", "--gateway", "http://h", "--prompt", "Hi"].iter().chain(extra);
        Line::try_parse_from(line).unwrap().pay
    }

    #[test]
    fn bodies_are_those_of_the_openai_api() {
        let plain = parse(&["--max-tokens", "4"]);
        assert_eq!(
            plain.body(),
            json!({"model": "model", "prompt": "Hi", "max_tokens": 4, "temperature": 0, "stream": false})
        );
        let chat = parse(&["--chat", "--stream", "--model", "m"]);
        assert_eq!(chat.body()["messages"], json!([{"role": "user", "content": "Hi"}]));
        assert_eq!(chat.body()["stream"], json!(true));
        assert_eq!(chat.endpoint(), ServedPath::Chat);
    }

    #[test]
    fn failures_carry_their_exit_code() {
        let network = PayerError::Network { url: "http://h".to_owned(), source: "refused".into() };
        let report = explain::<()>(Err(network), "http://h").unwrap_err();
        assert_eq!(crate::error::find(&report).1, Exit::Network);
        let budget = PayerError::Budget { needed: Amount::new(2), budget: Amount::new(1) };
        let report = explain::<()>(Err(budget), "http://h").unwrap_err();
        assert_eq!(crate::error::find(&report).1, Exit::Failed);
    }
}
