//! Forms of answers that real servers give, and errors in the middle of one.

use super::world::{Mode, World, streamed};
use oml_contracts::hash::response_hash;
use oml_payments::{PayerError, ServedPath};
use serde_json::json;

/// The payer was told nothing: the answer seemed whole, and the gateway had dropped the words.
#[tokio::test]
async fn an_error_in_mid_stream_reaches_the_payer_in_the_upstreams_words() {
    const CHUNK: &str = "data: {\"choices\": [{\"text\": \" one\"}]}\n\n";
    for (end, said) in [
        ("data: {\"error\": \"CUDA out of memory\"}\n\n", "CUDA out of memory"),
        ("data: {\"error\": {\"message\": \"no memory\", \"code\": 500}}\n\n", "no memory"),
        ("data: {\"error\": {\"code\": 500}}\n\n", "500"),
        ("event: error\ndata: upstream exploded\n\n", "upstream exploded"),
        ("event: error\ndata: {\"detail\": \"too hot\"}\n\n", "too hot"),
        ("", "the stream was cut"),
    ] {
        let world = World::start().await;
        world.set(Mode::Streams(format!("{CHUNK}{end}").leak()));
        let mut session = world.session();
        let mut text = String::new();
        let mut seen = |piece: &str| text.push_str(piece);
        let answer = session.request(ServedPath::Completions, streamed("prompt"), &mut seen);
        let error = answer.await.unwrap_err();
        assert!(matches!(error, PayerError::Cut { tokens: 3, .. }), "{end}: {error}");
        assert!(error.to_string().contains(said), "{end}: {error}");
        assert_eq!((text.as_str(), session.receipts().len()), (" one", 1), "{end}");
    }
}

#[tokio::test]
async fn streams_of_any_line_ends_and_with_a_mark_are_read_whole() {
    for bytes in [
        "data: {\"choices\": [{\"text\": \" one\"}]}\n\r\ndata: [DONE]\n\r\n",
        "data: {\"choices\": [{\"text\": \" one\"}]}\r\rdata: [DONE]\r\r",
        "\u{feff}data: {\"choices\": [{\"text\": \" one\"}]}\n\ndata: [DONE]\n\n",
    ] {
        let world = World::start().await;
        world.set(Mode::Streams(bytes));
        let mut session = world.session();
        let done = session.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await;
        let done = done.unwrap();
        assert_eq!((done.text.as_str(), done.tokens), (" one", 3), "{bytes:?}");
    }
}

#[tokio::test]
async fn whole_answers_of_other_forms_are_read_or_refused_by_name() {
    let world = World::start().await;
    let mut session = world.session();
    let messages = || json!([{"role": "user", "content": "hi"}]);
    let marked = "\u{feff}{\"choices\": [{\"message\": {\"content\": \"four\"}}]}";
    let parts = "{\"choices\": [{\"message\": {\"content\": [{\"type\": \"text\", \
                 \"text\": \"part one, \"}, {\"type\": \"text\", \"text\": \"part two\"}]}}]}";
    for (body, text) in [(marked, "four"), (parts, "part one, part two")] {
        world.set(Mode::Answers("identity", body));
        let done = session.chat("m", messages(), 20).await.unwrap();
        assert_eq!(done.text, text);
        assert_eq!(done.receipt.response_hash, response_hash(text));
    }
    for (coding, body, said) in [
        ("gzip", "not looked at", "it is compressed (gzip)"),
        ("identity", "{\"error\": \"CUDA out of memory\"}", "CUDA out of memory"),
    ] {
        world.set(Mode::Answers(coding, body));
        let error = session.chat("m", messages(), 20).await.unwrap_err();
        assert!(matches!(error, PayerError::Refused { status: 502, .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(world.counts().1, 2, "nothing is charged for what could not be read");
}
