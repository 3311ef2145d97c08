//! The server over HTTP, with a model that repeats its prompt.

use oml_payments::sse::{Event, Splitter};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::echo::Echo;
use super::server::serve_on;
use crate::tasks::Tasks;

struct Server {
    url: String,
    cancel: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cancel = CancellationToken::new();
        let served = serve_on(listener, Echo, "echo", 4, cancel.clone());
        Tasks::new().spawn_detached("inference", served);
        Self { url, cancel }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url));
        let response = request.body(body.to_string()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

#[tokio::test]
async fn completions_have_text_usage_and_a_reason() {
    let server = Server::start().await;
    let body = json!({"model": "echo", "prompt": "hello|", "max_tokens": 20, "temperature": 0});
    let (status, text) = server.post("/v1/completions", &body).await;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["choices"][0]["text"], "hello");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 6, "completion_tokens": 5, "total_tokens": 11})
    );
    let short = json!({"prompt": ["hello|"], "max_tokens": 2});
    let answer: Value =
        serde_json::from_str(&server.post("/v1/completions", &short).await.1).unwrap();
    assert_eq!(answer["choices"][0]["text"], "he");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn streams_carry_the_same_text() {
    let server = Server::start().await;
    let prompt = format!("{}|", "abcdefghij".repeat(4));
    let body = json!({"model": "default", "prompt": prompt, "max_tokens": 100, "stream": true,
        "stream_options": {"include_usage": true}});
    let (status, text) = server.post("/v1/completions", &body).await;
    assert_eq!(status, 200);
    let events: Vec<Event> = Splitter::default()
        .push(text.as_bytes())
        .unwrap()
        .iter()
        .map(|bytes| Event::parse(bytes))
        .collect();
    assert!(events.last().unwrap().is_done());
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|e| serde_json::from_str(&e.data).unwrap()).collect();
    let pieces: Vec<&str> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(pieces.concat(), "abcdefghij".repeat(4));
    assert!(pieces.len() > 4, "it came in {} pieces", pieces.len());
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 40);
}

#[tokio::test]
async fn chats_are_rendered_as_text() {
    let server = Server::start().await;
    let messages =
        json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "x|"}]);
    let body = json!({"messages": messages, "max_tokens": 100, "temperature": 0});
    let (status, text) = server.post("/v1/chat/completions", &body).await;
    assert_eq!(status, 200, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    // The model repeats what stands before the bar, and goes on after what follows it.
    let prompt = "System: be brief\nUser: x";
    let expected = &prompt["\nAssistant:".len()..];
    assert_eq!(answer["choices"][0]["message"], json!({"role": "assistant", "content": expected}));
}

/// Clients send null for what they leave open, and -1 for any seed; both were refused.
#[tokio::test]
async fn null_is_absent_and_a_seed_may_be_any() {
    let server = Server::start().await;
    for more in [
        json!({"stream": null}),
        json!({"stream_options": null}),
        json!({"stream_options": {"include_usage": null}}),
        json!({"temperature": null, "top_p": null, "stop": null, "n": null, "logprobs": null,
            "seed": null, "max_tokens": null, "max_completion_tokens": null, "model": null}),
        json!({"seed": -1, "temperature": 1}),
        json!({"seed": 7, "temperature": 1}),
        json!({"seed": u64::MAX, "temperature": 1}),
    ] {
        let mut body = json!({"prompt": "hi there|", "max_tokens": 3, "temperature": 0});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, text) = server.post("/v1/completions", &body).await;
        assert_eq!(status, 200, "{more}: {text}");
    }
    for (field, value) in
        [("seed", json!(-2)), ("seed", json!(0.5)), ("max_tokens", json!(-1)), ("stop", json!(""))]
    {
        let mut body = json!({"prompt": "hi there|", "max_tokens": 3, "temperature": 1});
        body[field] = value;
        let (status, text) = server.post("/v1/completions", &body).await;
        assert_eq!(status, 400, "{text}");
    }
}

/// A conversation with tools: a turn that says nothing but calls, and what the tool answered.
#[tokio::test]
async fn turns_of_tools_are_part_of_a_chat() {
    let server = Server::start().await;
    let call = json!([{"id": "c1", "type": "function",
        "function": {"name": "clock", "arguments": "{}"}}]);
    for silent in [
        json!({"role": "assistant", "content": null, "tool_calls": call}),
        json!({"role": "assistant", "tool_calls": call}),
    ] {
        let messages = json!([{"role": "user", "content": "time?"}, silent,
            {"role": "tool", "tool_call_id": "c1", "content": "noon|"}]);
        let body = json!({"messages": messages, "max_tokens": 100, "temperature": 0});
        let (status, text) = server.post("/v1/chat/completions", &body).await;
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let said = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(said.contains("Assistant: \nTool: noon"), "{said:?}");
    }
}

#[tokio::test]
async fn log_probabilities_come_with_whole_answers() {
    let server = Server::start().await;
    let body = json!({"prompt": "ab|", "max_tokens": 5, "temperature": 0, "logprobs": 3});
    let answer: Value =
        serde_json::from_str(&server.post("/v1/completions", &body).await.1).unwrap();
    let given = &answer["choices"][0]["logprobs"];
    assert_eq!(given["tokens"], json!(["a", "b"]));
    assert_eq!(given["top_logprobs"][0], json!({"a": -0.5}));
    let chat = json!({"messages": [{"role": "user", "content": "long enough|"}], "max_tokens": 5,
        "temperature": 0, "logprobs": true, "top_logprobs": 2});
    let answer: Value =
        serde_json::from_str(&server.post("/v1/chat/completions", &chat).await.1).unwrap();
    assert!(answer["choices"][0]["logprobs"]["content"].as_array().unwrap().len() > 1, "{answer}");
    for (field, value) in
        [("stream", json!(true)), ("max_tokens", json!(65)), ("logprobs", json!(21))]
    {
        let mut bad = body.clone();
        bad[field] = value;
        assert_eq!(server.post("/v1/completions", &bad).await.0, 400, "{field}");
    }
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let server = Server::start().await;
    let cases = [
        ("/v1/completions", json!({"model": "gpt", "prompt": "a|"}), 404, "model_not_found"),
        ("/v1/completions", json!({"prompt": ["a", "b"]}), 400, "unsupported"),
        ("/v1/completions", json!({}), 400, "bad_request"),
        ("/v1/completions", json!({"prompt": "a|", "n": 2}), 400, "unsupported"),
        ("/v1/completions", json!({"prompt": "a|", "temperature": 3}), 400, "bad_request"),
        ("/v1/completions", json!({"prompt": "a|", "top_p": 0}), 400, "bad_request"),
        ("/v1/completions", json!({"prompt": "a|", "max_tokens": 0}), 400, "bad_request"),
        ("/v1/completions", json!({"prompt": "a|", "stop": [""]}), 400, "bad_request"),
        ("/v1/completions", json!({"prompt": "y".repeat(300)}), 400, "bad_prompt"),
        ("/v1/completions", json!({"prompt": "no bar", "temperature": 0}), 500, "model_failed"),
        ("/v1/chat/completions", json!({"messages": []}), 400, "bad_request"),
        (
            "/v1/chat/completions",
            json!({"messages": [{"role": "wizard", "content": "a"}]}),
            400,
            "bad_request",
        ),
    ];
    for (path, body, status, code) in cases {
        let (found, text) = server.post(path, &body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)), "{body}");
    }
    let models: Value = serde_json::from_str(
        &reqwest::get(format!("{}/v1/models", server.url)).await.unwrap().text().await.unwrap(),
    )
    .unwrap();
    assert_eq!(models["data"][0]["id"], "echo");
}
