//! Reads a paid answer, whole or streamed, and finds its receipt.

use serde_json::Value;

use super::error::{PayerError, error_message, network};
use crate::request::ServedPath;
use crate::sse::{self, Event, Splitter};
use crate::wire::{RECEIPT_EVENT, RECEIPT_HEADER, SignedReceipt, decode};

/// Largest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Name of an event that ends a stream because something failed.
const ERROR_EVENT: &str = "error";

/// Takes pieces of a streamed answer as they come.
pub type OnText<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A part of an answer, as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerPart<'a> {
    /// The content type, before all else: a client may be answered from here on.
    Kind(&'a str),
    /// Bytes of the body, exactly as the server behind the gateway sent them: of a stream whole
    /// events, without the one that the gateway adds for the receipt.
    Bytes(&'a [u8]),
    /// Text of the answer that was found in them.
    Text(&'a str),
}

/// Takes parts of an answer as they come.
pub type OnPart<'a> = &'a mut (dyn FnMut(AnswerPart<'_>) + Send);

/// An answer with the receipt that came with it.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) text: String,
    /// The body of an answer that was not streamed.
    pub(super) body: Option<Value>,
    pub(super) receipt: SignedReceipt,
    /// Why the answer is not whole, in the words of whoever cut it.
    pub(super) cut: Option<String>,
}

/// Reads an answer with status 200.
pub(super) async fn read(
    gateway: &str,
    path: ServedPath,
    response: reqwest::Response,
    on_part: OnPart<'_>,
) -> Result<Received, PayerError> {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    let kind = kind.and_then(|v| v.to_str().ok()).unwrap_or("application/json").to_owned();
    let streamed = kind.starts_with("text/event-stream");
    on_part(AnswerPart::Kind(&kind));
    if streamed {
        read_stream(gateway, path, response, on_part).await
    } else {
        read_whole(gateway, path, response, on_part).await
    }
}

async fn read_whole(
    gateway: &str,
    path: ServedPath,
    mut response: reqwest::Response,
    on_part: OnPart<'_>,
) -> Result<Received, PayerError> {
    let header = response.headers().get(RECEIPT_HEADER).ok_or(PayerError::NoReceipt)?;
    let receipt = decode(header.as_bytes())?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|cause| network(gateway, cause))? {
        bytes.extend_from_slice(&chunk);
        bounded(gateway, bytes.len())?;
    }
    let body: Value = serde_json::from_slice(sse::without_mark(&bytes))
        .map_err(|cause| network(gateway, cause))?;
    let text = path.answer(&body).unwrap_or_default().into_owned();
    on_part(AnswerPart::Bytes(&bytes));
    on_part(AnswerPart::Text(&text));
    Ok(Received { text, body: Some(body), receipt, cut: None })
}

async fn read_stream(
    gateway: &str,
    path: ServedPath,
    mut response: reqwest::Response,
    on_part: OnPart<'_>,
) -> Result<Received, PayerError> {
    let mut splitter = Splitter::default();
    let (mut text, mut receipt, mut failed) = (String::new(), None, None);
    while let Some(chunk) = response.chunk().await.map_err(|cause| network(gateway, cause))? {
        let events = splitter.push(&chunk).map_err(|cause| network(gateway, cause))?;
        for bytes in events {
            let event = Event::parse(&bytes);
            if event.name == RECEIPT_EVENT {
                receipt = Some(decode(event.data.as_bytes())?);
                continue;
            }
            on_part(AnswerPart::Bytes(&bytes));
            if let Ok(value) = serde_json::from_str::<Value>(&event.data) {
                if let Some(piece) = path.answer(&value) {
                    on_part(AnswerPart::Text(&piece));
                    text.push_str(&piece);
                }
                failed = failed.or_else(|| error_message(&value));
            } else if event.name == ERROR_EVENT {
                failed = failed.or(Some(event.data));
            }
        }
        bounded(gateway, text.len())?;
    }
    if let Some(rest) = splitter.rest() {
        on_part(AnswerPart::Bytes(&rest));
    }
    match (receipt, failed) {
        (Some(receipt), cut) => Ok(Received { text, body: None, receipt, cut }),
        (None, Some(message)) => Err(PayerError::Refused { status: 200, code: None, message }),
        (None, None) => Err(PayerError::NoReceipt),
    }
}

fn bounded(gateway: &str, bytes: usize) -> Result<(), PayerError> {
    if bytes > MAX_ANSWER_BYTES {
        return Err(network(
            gateway,
            format!("the answer is longer than {MAX_ANSWER_BYTES} bytes"),
        ));
    }
    Ok(())
}
