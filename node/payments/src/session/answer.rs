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
    on_text: OnText<'_>,
) -> Result<Received, PayerError> {
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE);
    let streamed =
        kind.and_then(|v| v.to_str().ok()).is_some_and(|v| v.starts_with("text/event-stream"));
    if streamed {
        read_stream(gateway, path, response, on_text).await
    } else {
        read_whole(gateway, path, response, on_text).await
    }
}

async fn read_whole(
    gateway: &str,
    path: ServedPath,
    mut response: reqwest::Response,
    on_text: OnText<'_>,
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
    on_text(&text);
    Ok(Received { text, body: Some(body), receipt, cut: None })
}

async fn read_stream(
    gateway: &str,
    path: ServedPath,
    mut response: reqwest::Response,
    on_text: OnText<'_>,
) -> Result<Received, PayerError> {
    let mut splitter = Splitter::default();
    let (mut text, mut receipt, mut failed) = (String::new(), None, None);
    while let Some(chunk) = response.chunk().await.map_err(|cause| network(gateway, cause))? {
        let events = splitter.push(&chunk).map_err(|cause| network(gateway, cause))?;
        for event in events.iter().map(|bytes| Event::parse(bytes)) {
            if event.name == RECEIPT_EVENT {
                receipt = Some(decode(event.data.as_bytes())?);
            } else if let Ok(value) = serde_json::from_str::<Value>(&event.data) {
                if let Some(piece) = path.answer(&value) {
                    on_text(&piece);
                    text.push_str(&piece);
                }
                failed = failed.or_else(|| error_message(&value));
            } else if event.name == ERROR_EVENT {
                failed = failed.or(Some(event.data));
            }
        }
        bounded(gateway, text.len())?;
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
