//! Commands on endpoints that lack what others have, and on URLs where no endpoint answers.

use super::money::World;
use super::proxy::{Reply, proxied, refused};
use super::support::{Anvil, FIRST, FIRST_KEY, anvil, oml, write_addresses};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What an endpoint was asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// A chain behind an endpoint without pending block and fee history, which leaves out fields of
/// headers that nobody needs to send a transaction.
fn sparse(chain: &Anvil) -> (String, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let url = proxied(&chain.url, move |request, mut said| {
        let method = request["method"].as_str().unwrap();
        let pending = request["params"].as_array().is_some_and(|p| p.contains(&"pending".into()));
        seen.lock().unwrap().push(method.to_owned());
        if pending {
            return refused(request, -32000, "pending state is not available");
        }
        if method == "eth_feeHistory" {
            let message = "the method eth_feeHistory does not exist/is not available";
            return refused(request, -32601, message);
        }
        if let Some(block) =
            said["result"].as_object_mut().filter(|_| method == "eth_getBlockByNumber")
        {
            for field in ["sha3Uncles", "difficulty", "mixHash", "baseFeePerGas"] {
                block.remove(field);
            }
            for field in ["nonce", "miner", "logsBloom"] {
                block.insert(field.to_owned(), Value::Null);
            }
        }
        Reply::Json(said)
    });
    (url, asked)
}

fn as_first(dir: &Path, url: &str, args: &[&str]) -> assert_cmd::Command {
    let mut command = oml(dir);
    command.args(["--rpc-url", url, "--private-key", FIRST_KEY]).args(args);
    command
}

/// Every write failed at "pending state is not available", or at `eth_feeHistory`; and a header
/// without one of its fields was printed whole.
#[test]
fn writes_need_no_pending_block_no_fee_history_and_no_whole_header() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (url, asked) = sparse(&chain);
    let call = |args: &[&str]| as_first(dir.path(), &url, args);
    call(&["chain", "deploy", "--local"]).assert().success().stderr(contains("ERROR").not());
    call(&["chain", "mint", FIRST, "5"]).assert().success().stderr(contains("ERROR").not());
    let asked = asked.lock().unwrap();
    assert!(asked.iter().any(|method| method == "eth_feeHistory"));
    assert!(asked.iter().any(|method| method == "eth_gasPrice"));
}

#[test]
fn what_pays_is_approved_and_sent_without_a_pending_block() {
    let Some(world) = World::selling(|_| "native".to_owned()) else { return };
    let (url, _) = sparse(&world.chain);
    let call = |args: &[&str]| as_first(world.dir.path(), &url, args);
    call(&["chain", "mint", FIRST, "1000"]).assert().success();
    call(&["prover", "keygen"]).assert().success();
    let join = ["prover", "join", "--tickets", "4", "--inbox", "http://127.0.0.1:9"];
    call(&join).assert().success().stderr(contains("ERROR").not());
    call(&["prover", "alive"]).assert().success();
}

/// The hint was "start one (anvil)", which is wrong for an endpoint that answers.
#[test]
fn an_endpoint_that_answers_something_else_is_not_said_to_be_away() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    write_addresses(dir.path(), 31_337);
    let limited = r#"{"error":"rate limited"}"#;
    let page = "<html><body>down for maintenance</body></html>";
    for (status, kind, body, said, remedy) in [
        ("429 Too Many Requests", "application/json", limited, "rate limited", "wait a while"),
        ("200 OK", "text/html", page, "an HTML page came", "check the URL"),
        ("503 Service Unavailable", "text/html", page, "HTTP 503", "check the URL"),
        (
            "401 Unauthorized",
            "text/plain",
            "no key",
            "does not let this client in",
            "check the key",
        ),
    ] {
        let url = proxied(&chain.url, move |_, _| Reply::Http(status, kind, body));
        let mut show = oml(dir.path());
        show.args(["--rpc-url", &url, "chain", "show"]);
        show.assert()
            .code(5)
            .stderr(contains(said).and(contains(remedy)).and(contains("anvil").not()));
    }
}

/// A rate limit in the middle of a command, after the chain's id was read.
#[test]
fn a_limit_in_mid_command_says_what_it_is() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    as_first(dir.path(), &chain.url, &["chain", "deploy", "--local"]).assert().success();
    let url = proxied(&chain.url, |request, said| {
        if request["method"] == "eth_chainId" {
            return Reply::Json(said);
        }
        Reply::Http("429 Too Many Requests", "application/json", r#"{"error":"slow down"}"#)
    });
    as_first(dir.path(), &url, &["chain", "mint", FIRST, "5"])
        .assert()
        .failure()
        .stderr(contains("limits how often it may be asked (429)").and(contains("slow down")));
}
