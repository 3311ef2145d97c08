//! A service that speaks the two calls of Google Cloud KMS (gRPC) around a key of its own, and the
//! one that gives a service account its token.

use super::kms_forms::{public_key, signature};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k256::ecdsa::SigningKey;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Path of the versions of the one key, of which the first exists.
pub(crate) const VERSIONS: &str =
    "projects/oml/locations/global/keyRings/tests/cryptoKeys/host/cryptoKeyVersions";

/// Where the calls are.
const SERVICE: &str = "/google.cloud.kms.v1.KeyManagementService";
/// What a service account is given, and must show.
const TOKEN: &str = "a-token";

/// Answers with the private key `key` until the test ends; returns its URL.
pub(crate) fn start(key: [u8; 32]) -> String {
    let key = Arc::new(SigningKey::from_slice(&key).unwrap());
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (signing, high) = (Arc::clone(&key), AtomicBool::new(false));
    let router = Router::new()
        .route("/token", post(token))
        .route(
            &format!("{SERVICE}/GetPublicKey"),
            post(move |headers, body| async move { give_public_key(&headers, &body, &key) }),
        )
        .route(
            &format!("{SERVICE}/AsymmetricSign"),
            post({
                let state = Arc::new((signing, high));
                move |headers, body| async move { sign(&headers, &body, &state.0, &state.1) }
            }),
        );
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    url
}

/// A service account's credentials in a file, with a fresh key.
pub(crate) fn credentials(url: &str, folder: &Path) -> PathBuf {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let file = json!({
        "type": "service_account",
        "client_email": "oml@tests",
        "private_key_id": "1",
        "private_key": pem("PRIVATE KEY", der.as_ref()),
        "token_uri": format!("{url}/token"),
    });
    let path = folder.join("credentials.json");
    std::fs::write(&path, file.to_string()).unwrap();
    path
}

async fn token(body: String) -> Json<serde_json::Value> {
    // Header, claims and signature of a JWT.
    assert!(body.contains("jwt-bearer") && body.matches('.').count() >= 2, "{body}");
    Json(json!({"token_type": "Bearer", "access_token": TOKEN, "expires_in": 3_600}))
}

fn give_public_key(headers: &HeaderMap, body: &Bytes, key: &SigningKey) -> Response {
    if let Some(refusal) = refusal(headers, body) {
        return refusal;
    }
    message(pem("PUBLIC KEY", &public_key(key)).as_bytes())
}

fn sign(headers: &HeaderMap, body: &Bytes, key: &SigningKey, high: &AtomicBool) -> Response {
    if let Some(refusal) = refusal(headers, body) {
        return refusal;
    }
    // Field 3 is the digest, a message of 34 bytes, whose field 1 is SHA-256's: 32 bytes.
    let start = [0x1a, 34, 0x0a, 32];
    let at = body.windows(4).position(|bytes| bytes == start).unwrap() + start.len();
    let high = high.fetch_xor(true, Ordering::SeqCst);
    message(&signature(&body[at..at + 32], key, high))
}

/// Why a call is refused, if it is.
fn refusal(headers: &HeaderMap, body: &[u8]) -> Option<Response> {
    let status = |code: &'static str, text: &'static str| {
        let headers =
            [("content-type", "application/grpc"), ("grpc-status", code), ("grpc-message", text)];
        Some(headers.into_response())
    };
    if headers.get("authorization").is_none_or(|said| said != &format!("Bearer {TOKEN}")) {
        return status("16", "who are you");
    }
    let name = format!("{VERSIONS}/1");
    let named = body.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    if named { None } else { status("5", "there is no such version") }
}

/// An answer of gRPC: a message whose field 1 is `bytes`. What ends it comes first, in the headers.
fn message(bytes: &[u8]) -> Response {
    // Seven bits to a byte, the lower ones first.
    let [upper, lower] = (u16::try_from(bytes.len()).unwrap() << 1).to_be_bytes();
    let body = [&[0x0a, lower >> 1 | 0x80, upper], bytes].concat();
    let framed =
        [&[0], u32::try_from(body.len()).unwrap().to_be_bytes().as_slice(), &body].concat();
    ([("content-type", "application/grpc"), ("grpc-status", "0")], framed).into_response()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
