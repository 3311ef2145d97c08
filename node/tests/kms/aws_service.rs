//! A service that speaks the two calls of AWS KMS around a key of its own.

use super::kms_forms::{public_key, public_key_of_p256, signature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Key that signs, now with a low s, now with a high one.
pub(crate) const KEY: &str = "11111111-1111-1111-1111-111111111111";
/// Key that nobody may use.
pub(crate) const FORBIDDEN: &str = "22222222-2222-2222-2222-222222222222";
/// Key whose public half is another's.
pub(crate) const CROSSED: &str = "33333333-3333-3333-3333-333333333333";
/// Key of another curve.
pub(crate) const P256: &str = "44444444-4444-4444-4444-444444444444";

/// Answers with the private key `key` until the test ends; returns its URL.
pub(crate) fn start(key: [u8; 32]) -> String {
    let key = Arc::new(SigningKey::from_slice(&key).unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let high = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (key, high) = (Arc::clone(&key), Arc::clone(&high));
            std::thread::spawn(move || answer_all(stream, &key, &high));
        }
    });
    url
}

fn answer_all(stream: TcpStream, key: &SigningKey, high: &AtomicBool) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some((head, request)) = read(&mut reader) {
        let (status, reply) = match answer(&head, &request, key, high) {
            Ok(reply) => ("200 OK", reply),
            Err(reply) => ("400 Bad Request", reply),
        };
        let body = reply.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: \
             {}\r\n\r\n",
            body.len()
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// Head and body of one request.
fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim_end().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn answer(
    head: &str,
    request: &Value,
    key: &SigningKey,
    high: &AtomicBool,
) -> Result<Value, Value> {
    let refuse = |kind: &str, message: &str| json!({"__type": kind, "message": message});
    if !head.contains("/eu-central-1/kms/aws4_request") {
        return Err(refuse("InvalidSignatureException", "signed for another region or service"));
    }
    let named = request["KeyId"].as_str().unwrap();
    let id = named.rsplit('/').next().unwrap();
    if id == FORBIDDEN {
        return Err(refuse("AccessDeniedException", "this key is not for you"));
    }
    if head.contains("TrentService.GetPublicKey") {
        let der = match id {
            P256 => public_key_of_p256(),
            CROSSED => public_key(&SigningKey::from_slice(&[0x43; 32]).unwrap()),
            _ => public_key(key),
        };
        let der = STANDARD.encode(der);
        return Ok(json!({"KeyId": id, "KeyUsage": "SIGN_VERIFY", "PublicKey": der}));
    }
    assert!(head.contains("TrentService.Sign"), "{head}");
    assert_eq!(request["MessageType"], "DIGEST");
    assert_eq!(request["SigningAlgorithm"], "ECDSA_SHA_256");
    let digest = STANDARD.decode(request["Message"].as_str().unwrap()).unwrap();
    let der = signature(&digest, key, high.fetch_xor(true, Ordering::SeqCst));
    Ok(json!({"KeyId": id, "Signature": STANDARD.encode(der)}))
}
