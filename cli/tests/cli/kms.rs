//! Accounts whose keys AWS KMS holds, on a real local chain: the service is one of our own.

use super::money::{SECOND_KEY, World};
use super::support::{FIRST, FIRST_KEY, oml, read_request, stdout_json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k256::ecdsa::signature::hazmat::PrehashSigner as _;
use k256::ecdsa::{Signature, SigningKey};
use predicates::str::contains;
use serde_json::{Value, json};
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// Key that the service signs with; it refuses any other.
const KEY: &str = "11111111-1111-1111-1111-111111111111";
/// What precedes the 65 bytes of a public key of secp256k1 in a `SubjectPublicKeyInfo`.
const SECP256K1_PREFIX: &str = "3056301006072a8648ce3d020106052b8104000a034200";

/// The two calls of AWS KMS around the first account's key, for as long as the tests run; returns
/// their URL. `node/tests/kms` looks at them more closely.
fn start_service() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream));
        }
    });
    url
}

fn answer_all(stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let (status, reply) = if request["KeyId"] == KEY {
            ("200 OK", answer(&request))
        } else {
            let reply = json!({"__type": "AccessDeniedException", "message": "not for you"});
            ("400 Bad Request", reply)
        };
        let body = reply.to_string();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// Every signature has the high s, which the contracts would refuse.
fn answer(request: &Value) -> Value {
    let key = SigningKey::from_slice(&alloy::hex::decode(FIRST_KEY).unwrap()).unwrap();
    let Some(message) = request["Message"].as_str() else {
        let point = key.verifying_key().to_encoded_point(false);
        let der = [alloy::hex::decode(SECP256K1_PREFIX).unwrap(), point.as_bytes().to_vec()];
        return json!({"KeyId": KEY, "PublicKey": STANDARD.encode(der.concat())});
    };
    let low: Signature = key.sign_prehash(&STANDARD.decode(message).unwrap()).unwrap();
    let high = Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
    json!({"KeyId": KEY, "Signature": STANDARD.encode(high.to_der().as_bytes())})
}

/// `oml` with the first account, whose key only the service has.
fn by_service(world: &World, url: &str, key: &str, args: &[&str]) -> assert_cmd::Command {
    let mut command = oml(world.dir.path());
    for name in ["AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    command
        .env("AWS_ENDPOINT_URL_KMS", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_CONFIG_FILE", "no-such-file")
        .env("AWS_SHARED_CREDENTIALS_FILE", "no-such-file")
        .env("OML_SIGNER", format!("aws:{key}@eu-central-1"))
        .args(["--rpc-url", &world.chain.url])
        .args(args);
    command
}

fn json(world: &World, url: &str, args: &[&str]) -> Value {
    let mut command = by_service(world, url, KEY, args);
    let answer = stdout_json(command.args(["--format", "json"]));
    assert_eq!(answer["success"], true, "{args:?}: {answer}");
    answer["data"].clone()
}

#[test]
fn a_host_whose_key_a_service_holds_sends_and_signs() {
    let Some(world) = World::licensed() else { return };
    let url = start_service();
    let before = world.chain.sent();
    // Twice each: the parity of a signature is now this, now that.
    for _ in 0..2 {
        let renewed = json(&world, &url, &["license", "renew"]);
        let text = renewed.to_string().to_lowercase();
        assert!(text.contains(&FIRST.to_lowercase()), "{renewed}");
        world.payer(&["channel", "open", "--license", "license.json", "--amount", "5"]);
        json(&world, &url, &["channel", "sign-close", "--amount", "0", "--no-node"]);
        // The contract takes the host's word.
        world.payer(&["channel", "close", "--signed", "close.json"]);
        let shown = world.payer(&["channel", "show"]);
        assert_eq!(shown["isOpen"].as_bool(), Some(false), "{shown}");
        std::fs::remove_file(world.dir.path().join("channel.json")).unwrap();
        std::fs::remove_file(world.dir.path().join("close.json")).unwrap();
    }
    assert_ne!(world.chain.sent(), before);
    by_service(&world, &url, &KEY.replace('1', "2"), &["license", "renew"])
        .assert()
        .code(4)
        .stderr(contains("not for you"));
    by_service(&world, &url, KEY, &["license", "renew", "--private-key", SECOND_KEY])
        .assert()
        .code(4)
        .stderr(contains("--signer (OML_SIGNER) and --private-key (OML_PRIVATE_KEY)"));
}
