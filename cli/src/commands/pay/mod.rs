//! `oml pay`: requests through a gateway, with vouchers, against receipts: one, or all of a local
//! endpoint.

mod proxy;

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::files;
use oml_client::pay::{self, PaidAnswer, PayableChannel};
use oml_client::proxy::{journal_of, require_no_endpoint};
use oml_payments::ServedPath;
use serde_json::json;
use std::path::PathBuf;

/// Pay for a request through a gateway, or for all that local clients send.
///
/// Without a subcommand one request is paid for.
/// The answer goes to stdout. Vouchers and receipts are appended to a log beside the channel file;
/// the next call goes on where it ends, and the receipts in it are evidence for `oml proof`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Pay {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Channel file, as `oml channel open` writes it
    #[arg(long, default_value = "channel.json", value_name = "FILE|ID")]
    channel: PathBuf,
    /// Base URL of the host's gateway [default: the profile's]
    #[arg(long, env = "OML_GATEWAY", value_name = "URL")]
    gateway: Option<String>,
    /// Text to continue, or with --chat the user's message
    #[arg(long, value_name = "TEXT", required = true)]
    prompt: Option<String>,
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
    /// Let the receipt say that whoever asks had no say in the answer, and keep the answer in the
    /// log
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
}

/// What else than one request is paid for.
#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Serve a local OpenAI endpoint that pays, for any client in any language
    Proxy(proxy::Proxy),
    /// Print what the local endpoint has spent on a channel, as CSV
    Spending(proxy::Spending),
}

/// Runs the command.
pub(crate) async fn run(mut args: Pay, global: &Global) -> Result<()> {
    match args.verb.take() {
        Some(Verb::Proxy(proxy)) => proxy::serve(proxy, global).await,
        Some(Verb::Spending(spending)) => proxy::print(&spending, global).await,
        None => one_request(args, global).await,
    }
}

async fn one_request(args: Pay, global: &Global) -> Result<()> {
    let output = global.output();
    args.receipt.as_deref().map_or(Ok(()), files::require_free)?;
    let gateway = global.gateway(args.gateway.as_deref())?;
    let _held = require_no_endpoint(&journal_of(&args.channel))?;
    let chain = global.signing().await?;
    let channel = global.channel(&args.channel).await?;
    let payable = PayableChannel::read(&chain, &channel).await?;
    let currency = chain.currency(channel.license.terms.currency).await?;
    let budget = match &args.budget {
        Some(text) => currency.parse(text)?.min(payable.deposit),
        None => payable.deposit,
    };
    if chain.is_dry_run() {
        return Err(fail(
            "a request can't be simulated: a gateway answers only against a signed voucher",
            "leave --dry-run away, or limit what is promised with --budget",
            FailureKind::Failed,
        ));
    }
    let log = args.log_file.clone().unwrap_or_else(|| pay::log_of(&args.channel));
    let session = payable.logged_session(&chain, &gateway, &log).await?;
    let session = session.with_budget(budget);
    let mut session = if args.plain { session.asking_plainly() } else { session };
    let mut shown = |piece: &str| output.piece(piece);
    let mut silent = |_: &str| {};
    let on_text: &mut (dyn FnMut(&str) + Send) = if args.stream { &mut shown } else { &mut silent };
    let done = session.request(args.endpoint(), args.body(), on_text).await;
    let paid = PaidAnswer::of(pay::explain_money(done, &gateway, &currency)?, &currency);
    if let Some(path) = &args.receipt {
        files::keep(path, &paid.receipt)?;
    }
    output.result(
        &paid,
        &paid.text,
        || if args.stream { String::new() } else { paid.text.clone() },
    );
    output.progress(format!(
        "{} tokens, receipt of request {} verified, {} promised in all",
        paid.tokens, paid.receipt.cumulative_requests, paid.promised
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
        let prompt = self.prompt.as_deref().unwrap_or_default();
        if self.chat {
            body["messages"] = json!([{ "role": "user", "content": prompt }]);
        } else {
            body["prompt"] = json!(prompt);
        }
        body
    }
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
}
