//! The program in a clean environment, a chain that is only pretended, and a real one where anvil
//! is there.

use alloy::sol_types::SolCall;
use assert_cmd::Command;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{Addresses, ContentHash, EthAddress, ModelId, hash};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Private key of the first account of every fresh anvil.
pub(crate) const FIRST_KEY: &str =
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Its address.
pub(crate) const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// `oml` in `dir`, with none of this machine's settings.
pub(crate) fn oml(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oml"));
    for (name, _) in std::env::vars() {
        if name.starts_with("OML_") || name.starts_with("ETH_") {
            command.env_remove(name);
        }
    }
    command.current_dir(dir).env("XDG_CONFIG_HOME", dir.join("xdg"));
    command
}

/// What `command` printed to stdout, as JSON.
pub(crate) fn stdout_json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "{e}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// Writes an addresses file for `chain_id` into `dir`.
pub(crate) fn write_addresses(dir: &Path, chain_id: u64) {
    let address = |n: u8| format!("0x{}", format!("{n:02x}").repeat(20));
    let file = json!({
        "chainId": chain_id,
        "beacon": { "address": address(1), "source": { "kind": "randao", "margin": 2, "biasBits": 1 } },
        "licenseRegistry": address(2), "collateralVault": address(3),
        "paymentEscrow": address(4), "proverRegistry": address(5), "proofs": address(6),
        "rounds": address(7),
        "deployedAtBlock": 0,
    });
    std::fs::write(dir.join("addresses.json"), file.to_string()).unwrap();
}

/// Answers every JSON-RPC request of a chain without contracts; returns its URL. Ends with the
/// tests.
pub(crate) fn pretended_chain(chain_id: u64) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(stream, chain_id));
        }
    });
    url
}

fn answer_all(stream: TcpStream, chain_id: u64) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader) {
        let one = |call: &Value| {
            let result = match call["method"].as_str() {
                Some("eth_chainId") => json!(format!("{chain_id:#x}")),
                Some("eth_getCode") => json!("0x"),
                _ => json!("0x0"),
            };
            json!({ "jsonrpc": "2.0", "id": call["id"], "result": result })
        };
        let reply = match &request {
            Value::Array(calls) => calls.iter().map(one).collect(),
            call => one(call),
        };
        let body = reply.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// Posts JSON to an endpoint and returns what it answers.
pub(crate) fn post(url: &str, body: &str) -> Value {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    read_request(&mut BufReader::new(stream)).unwrap()
}

/// The JSON body of one HTTP message.
pub(crate) fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// A local chain; stopped when dropped.
pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A fresh local chain, or nothing where anvil is not installed.
pub(crate) fn anvil() -> Option<Anvil> {
    anvil_with(&[])
}

/// The same, with more arguments.
pub(crate) fn anvil_with(more: &[&str]) -> Option<Anvil> {
    let path = std::env::var_os("OML_ANVIL").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/tooling/bin/anvil"),
        PathBuf::from,
    );
    if !path.is_file() {
        #[expect(clippy::print_stderr, reason = "says why a test checked nothing")]
        {
            eprintln!(
                "skipped: no anvil at {}; run scripts/setup.sh or set OML_ANVIL",
                path.display()
            );
        }
        return None;
    }
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let child = std::process::Command::new(path)
        .args(["--port", &port.to_string(), "--quiet"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let chain = Anvil { child, url: format!("http://127.0.0.1:{port}") };
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(30), "anvil does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(chain)
}

impl Anvil {
    /// One JSON-RPC call.
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        let body =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        post(&self.url, &body)["result"].clone()
    }

    /// Sends as the first account, which anvil unlocks, and waits for the block.
    pub(crate) fn transact<C: SolCall>(&self, to: EthAddress, call: &C) {
        self.transact_from(FIRST, to, call);
    }

    /// The same as any account that anvil unlocks.
    pub(crate) fn transact_from<C: SolCall>(&self, from: &str, to: EthAddress, call: &C) {
        let data = alloy::hex::encode_prefixed(call.abi_encode());
        self.mined(&json!({ "from": from, "to": to, "data": data }), C::SIGNATURE);
    }

    /// Deploys a contract as the first account.
    pub(crate) fn create(&self, code: &str) -> EthAddress {
        let data = format!("0x{}", code.trim());
        let receipt = self.mined(&json!({ "from": FIRST, "data": data }), "creation");
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }

    fn mined(&self, transaction: &Value, what: &str) -> Value {
        let id = self.rpc("eth_sendTransaction", json!([transaction]));
        for _ in 0..100 {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([id]));
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{what} reverted");
                return receipt;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{what} is not mined");
    }

    /// What a view function returns.
    pub(crate) fn view<C: SolCall>(&self, to: EthAddress, call: &C) -> C::Return {
        let data = alloy::hex::encode_prefixed(call.abi_encode());
        let answer = self.rpc("eth_call", json!([{ "to": to, "data": data }, "latest"]));
        let answer = alloy::hex::decode(answer.as_str().unwrap()).unwrap();
        C::abi_decode_returns(&answer).unwrap()
    }

    /// Registers a model of the first account, and commits to a universe of it.
    pub(crate) fn register_model(&self, addresses: &Addresses) -> ModelId {
        let registry = addresses.license_registry;
        let (weights, metadata) = (ContentHash::new([1; 32]), ContentHash::new([2; 32]));
        let register = LicenseRegistry::registerModelCall {
            weightsHash: weights.into(),
            metadataHash: metadata.into(),
            parents: vec![],
        };
        self.transact(registry, &register);
        let chain_id = addresses.chain_id;
        let model = hash::model_id(chain_id, registry, FIRST.parse().unwrap(), weights, metadata);
        let commit = LicenseRegistry::commitUniverseCall {
            modelId: model.into(),
            root: [3; 32].into(),
            personalCount: 32,
            sharedCount: 0,
        };
        self.transact(registry, &commit);
        model
    }

    /// Transactions that the first account has sent.
    pub(crate) fn sent(&self) -> Value {
        self.sent_by(FIRST)
    }

    /// Transactions that an account has sent.
    pub(crate) fn sent_by(&self, account: &str) -> Value {
        self.rpc("eth_getTransactionCount", json!([account, "pending"]))
    }
}
