//! Endpoints of a chain that lack something, refuse something or are not there at all.

use super::support::{post, read_request};
use serde_json::{Value, json};
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// What an endpoint answers.
pub(crate) enum Reply {
    /// A JSON-RPC answer.
    Json(Value),
    /// Anything else, by the status line, the type and the body of HTTP.
    Http(&'static str, &'static str, &'static str),
}

/// An endpoint in front of the one at `url`; `answer` gets a request, and what the chain says of
/// it. Ends with the tests.
pub(crate) fn proxied(
    url: &str,
    answer: impl Fn(&Value, Value) -> Reply + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let (url, answer) = (url.to_owned(), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (url, answer) = (url.clone(), Arc::clone(&answer));
            std::thread::spawn(move || pass_on(stream, &url, answer.as_ref()));
        }
    });
    proxy
}

fn pass_on(stream: TcpStream, url: &str, answer: &dyn Fn(&Value, Value) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let said = post(url, &request.to_string());
        let (status, kind, body) = match answer(&request, said) {
            Reply::Json(value) => ("200 OK", "application/json", value.to_string()),
            Reply::Http(status, kind, body) => (status, kind, body.to_owned()),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// A JSON-RPC error.
pub(crate) fn refused(request: &Value, code: i64, message: &str) -> Reply {
    let error = json!({ "code": code, "message": message });
    Reply::Json(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }))
}

/// An endpoint that lacks one method.
pub(crate) fn without_method(url: &str, method: &'static str) -> String {
    proxied(url, move |request, said| {
        if request["method"] == method {
            return refused(request, -32601, "the method does not exist");
        }
        Reply::Json(said)
    })
}
