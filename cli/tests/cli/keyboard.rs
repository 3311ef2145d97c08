//! Nobody loses money at the keyboard: each test has a way in which somebody once could. Against a
//! real local chain.

use super::money::{ETH, SECOND, SECOND_KEY, World, eth};
use super::proxy::without_method;
use super::support::{FIRST, FIRST_KEY, anvil, oml};
use alloy::primitives::U256;
use oml_client::{Chain, ChainSettings, model};
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::Token;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const ACQUIRE: [&str; 6] = ["license", "acquire", "--terms", "terms.json", "--serving-key", SECOND];
pub(super) const OPEN: [&str; 4] = ["channel", "open", "--license", "license.json"];

impl World {
    fn in_test_dollars() -> Option<Self> {
        Self::selling(|world| world.token().to_string())
    }

    /// An offer in a token of its own, of which both accounts have plenty.
    fn in_token(code: &str) -> Option<(Self, EthAddress)> {
        let mut token = EthAddress::ZERO;
        let world = Self::selling(|world| {
            token = world.chain.create(code);
            token.to_string()
        })?;
        for account in [FIRST, SECOND] {
            let amount = U256::from(10_000_000_000_u64);
            let mint = Token::mintCall { to: account.parse().unwrap(), amount };
            world.chain.transact(token, &mint);
        }
        Some((world, token))
    }

    fn token(&self) -> EthAddress {
        self.addresses().token.unwrap()
    }

    fn allowance(&self, token: EthAddress, spender: EthAddress) -> U256 {
        let owner = SECOND.parse().unwrap();
        self.chain.view(token, &Token::allowanceCall { owner, spender: spender.into() })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

pub(super) fn steps(changed: &Value) -> Vec<&str> {
    let transactions = changed["transactions"].as_array().unwrap();
    transactions.iter().map(|sent| sent["step"].as_str().unwrap()).collect()
}

/// A dry run by an account that has approved nothing failed with "revert data 0x7939f424", and so
/// did the commonest mistake of newcomers: too little money.
#[test]
fn a_newcomer_is_told_what_is_missing_and_rehearses_without_an_allowance() {
    let Some(world) = World::in_test_dollars() else { return };
    let dry = [&ACQUIRE[..], &["--dry-run"]].concat();
    let missing = "acquire license needs 1,001 tUSD (fee 1 + collateral 1,000); you have 0";
    for args in [&dry[..], &ACQUIRE] {
        world
            .command(SECOND_KEY, args)
            .assert()
            .code(1)
            .stderr(contains(missing).and(contains("hint: nothing was sent")));
    }
    world.host(&["chain", "mint", SECOND, "1001 tUSD"]);
    let rehearsed = world.payer(&dry);
    assert_eq!(steps(&rehearsed), ["approve", "acquire license"]);
    assert!(rehearsed["transactions"][1]["gas"].as_u64().unwrap() > 100_000, "{rehearsed}");
    assert!(!world.path("license.json").exists());
    assert_eq!(world.chain.sent_by(SECOND), "0x0");

    let bought = world.payer(&ACQUIRE);
    assert_eq!(bought["transactions"][1]["paid"]["amount"], "1001", "{bought}");
    // Exactly what was pulled had been approved.
    assert_eq!(world.allowance(world.token(), world.addresses().collateral_vault), U256::ZERO);
    let shown = world.payer(&["license", "show"]);
    assert_eq!(
        (&shown["collateral"]["amount"], &shown["collateral"]["symbol"]),
        (&json!("1000"), &json!("tUSD"))
    );
}

/// The approval was sent before the call was known to be refused, and stayed.
#[test]
fn a_refused_purchase_leaves_neither_an_allowance_nor_a_file() {
    let Some(world) = World::in_test_dollars() else { return };
    world.host(&["chain", "mint", SECOND, "5000"]);
    world.host(&["offer", "withdraw", "--terms", "terms.json"]);
    world
        .command(SECOND_KEY, &ACQUIRE)
        .assert()
        .code(6)
        .stderr(contains("LicenseRegistry_OfferNotOpen").and(contains("was not sent")));
    assert_eq!(world.chain.sent_by(SECOND), "0x0");
    assert!(!world.path("license.json").exists());
}

/// Tokens that change an allowance only from or to nothing, such as USDT, were refused half-way.
#[test]
fn a_left_over_allowance_of_a_strict_token_is_reset_first() {
    let Some((world, token)) = World::in_token(include_str!("tokens/strict.hex")) else { return };
    world.activate();
    let escrow = world.addresses().payment_escrow;
    let left_over = Token::approveCall { spender: escrow.into(), amount: U256::from(5) };
    world.chain.transact_from(SECOND, token, &left_over);
    let opened = world.payer(&[&OPEN[..], &["--amount", "25"]].concat());
    assert_eq!(steps(&opened), ["reset approval", "approve", "open channel"]);
    assert_eq!(opened["transactions"][2]["paid"]["symbol"], "STR");
    assert_eq!(world.allowance(token, escrow), U256::ZERO);
}

#[test]
fn a_token_that_takes_a_fee_is_refused_by_name_before_anything_is_sent() {
    let Some((world, token)) = World::in_token(include_str!("tokens/fee.hex")) else { return };
    world
        .command(SECOND_KEY, &ACQUIRE)
        .assert()
        .code(6)
        .stderr(contains("Currency_WrongAmountReceived").and(contains("was not sent")));
    assert_eq!(world.chain.sent_by(SECOND), "0x0");
    assert_eq!(world.allowance(token, world.addresses().collateral_vault), U256::ZERO);
}

/// JSON of anything above 2^64 wei made the program panic, even after it had sent money.
#[test]
fn json_of_large_amounts_is_text() {
    let Some(world) = World::licensed() else { return };
    let owed = world.host(&["balance", "show", SECOND]);
    assert_eq!(owed[0]["wallet"]["amount"], "10000", "{owed}");
    assert_eq!(owed[0]["wallet"]["raw"], "10000000000000000000000", "{owed}");
    assert_eq!(owed[1]["wallet"]["symbol"], "tUSD", "{owed}");
    world
        .command(FIRST_KEY, &["balance", "show", SECOND])
        .assert()
        .success()
        .stdout(contains("10,000 ETH").and(contains("0 tUSD")));
    // A claim of 24 ETH was sent, and its hash lost in the panic.
    world.payer(&[&OPEN[..], &["--amount", "30"]].concat());
    world.promise(24 * ETH);
    let settled = world.host(&["settle", "--voucher", "voucher.json"]);
    assert_eq!(settled["total"], eth("24"), "{settled}");
    assert!(settled["transactions"][0]["hash"].is_string(), "{settled}");
}

/// Amounts were off by 10^12: six decimals were taken for every currency.
#[test]
fn decimals_are_those_of_the_chain() {
    let Some(world) = World::in_test_dollars() else { return };
    let (token, id) = (world.token().to_string(), format!("0x{}", "11".repeat(32)));
    let template = |more: &[&str]| {
        let named = ["offer", "template", "--model-id", &id, "--owner", FIRST, "--out", "t.json"];
        let _ = std::fs::remove_file(world.path("t.json"));
        world.command(FIRST_KEY, &[&named[..], more].concat()).assert()
    };
    template(&["--currency", &token, "--decimals", "18"])
        .code(1)
        .stderr(contains("--decimals 18 contradicts tUSD, which has 6 decimals"));
    template(&["--currency", &token, "--license-fee", "0.0000001"])
        .code(1)
        .stderr(contains("\"0.0000001\" is not an amount of tUSD: it has 7 decimals"));
    template(&["--currency", "native", "--license-fee", "5 tUSD"])
        .code(1)
        .stderr(contains("the currency is ETH"));
    template(&[]).code(2).stderr(contains("--currency"));
    template(&["--currency", FIRST]).code(1).stderr(contains("there is no contract"));
    template(&["--currency", "native"]).success().stdout(contains("collateral 1,000 ETH"));
    let terms: Value = serde_json::from_slice(&world.bytes("t.json")).unwrap();
    assert_eq!(terms["collateral"], "1000000000000000000000");

    // Without a chain the decimals are asked for.
    let offline = |more: &[&str]| {
        let mut command = oml(world.dir.path());
        let named = ["offer", "template", "--model-id", &id, "--owner", FIRST, "--out", "o.json"];
        command.args(named).args(["--rpc-url", "http://127.0.0.1:1", "--currency", &token]);
        command.args(more).assert()
    };
    offline(&[]).code(1).stderr(
        contains("how many decimals").and(contains("--rpc-url")).and(contains("--decimals")),
    );
    offline(&["--decimals", "6"]).success();
    let terms: Value = serde_json::from_slice(&world.bytes("o.json")).unwrap();
    assert_eq!(terms["collateral"], "1000000000");
}

/// `oml … | head -1` ended in a panic after money had moved.
#[test]
fn a_closed_pipe_ends_quietly() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_oml"))
            .current_dir(dir.path())
            .args(["--rpc-url", &chain.url, "--private-key", FIRST_KEY])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    };
    for args in [&["chain", "deploy", "--local"][..], &["chain", "verify"]] {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.contains("panicked")), (Some(0), false), "{said}");
    }
}

/// An account that was typed lost silently against an exported mnemonic.
#[test]
fn a_typed_account_wins_over_the_environment() {
    let Some(chain) = anvil() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mnemonic = "test test test test test test test test test test test junk";
    let doctor = |args: &[&str]| {
        let mut command = oml(dir.path());
        command.env("OML_MNEMONIC", mnemonic).env("OML_PRIVATE_KEY", FIRST_KEY);
        command.args(["--rpc-url", &chain.url, "doctor"]).args(args).assert()
    };
    doctor(&["--mnemonic", mnemonic, "--mnemonic-index", "1"]).stdout(contains(SECOND));
    doctor(&["--private-key", SECOND_KEY]).stdout(contains(SECOND));
    doctor(&["--keystore", "none.json"]).stdout(contains("keystore none.json does not exist"));
    doctor(&["--keystore", "none.json", "--account", "me"])
        .code(2)
        .stderr(contains("--keystore and --account both name the signing account"));
}

/// A configuration and a license of somebody else gave "nothing to claim", and exit code 0.
#[test]
fn settling_takes_the_license_of_the_configuration() {
    let Some(world) = World::licensed() else { return };
    world.host(&["node", "config", "example", "--out", "watcher.toml"]);
    world
        .command(FIRST_KEY, &["settle", "--config", "watcher.toml"])
        .assert()
        .code(1)
        .stderr(contains("watcher.toml serves no license"));
}

/// What was no URL took one of four places of a license for good.
#[test]
fn only_base_urls_are_registered_and_unregistered_ones_are_named() {
    let Some(world) = World::licensed() else { return };
    let register = ["deployment", "register", "--license", "license.json", "--uri"];
    for (uri, words) in
        [("not a url", "is no http or https URL"), ("http://a/", "ends with a slash")]
    {
        let args = [&register[..], &[uri]].concat();
        world.command(FIRST_KEY, &args).assert().code(1).stderr(contains(words));
    }
    world.host(&[&register[..], &["http://a/v1"]].concat());
    world.host(&["round", "keygen"]);
    world.host(&["round", "commit"]);
    world
        .command(
            FIRST_KEY,
            &["round", "seal", "--secret", "rounds.secret", "--uri", "http://a/v1/"],
        )
        .assert()
        .code(1)
        .stderr(
            contains("http://a/v1/ is not registered")
                .and(contains("registered are: http://a/v1;")),
        );
}

/// A copy of a wrong base model was made without a word, and could not be traced.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_of_the_registered_weights_only() {
    let Some(world) = World::licensed() else { return };
    let settings = ChainSettings {
        rpc_url: world.chain.url.clone(),
        addresses: world.path("addresses.json"),
        drand_endpoints: Vec::new(),
        dry_run: false,
        tx_timeout: Duration::from_secs(60),
    };
    let chain = Chain::reading(&settings).await.unwrap();
    let license: Value = serde_json::from_slice(&world.bytes("license.json")).unwrap();
    let id = license["terms"]["modelId"].as_str().unwrap().parse().unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prover/assets/models/tiny");
    let error = model::require_weights(&chain, id, &tiny).await.unwrap_err().to_string();
    assert!(error.contains(&format!("is registered with 0x{}", "01".repeat(32))), "{error}");
}

/// An endpoint without `eth_simulateV1` can't rehearse; then a refusal comes after the approval,
/// and says that it stands.
#[test]
fn an_approval_that_stands_is_named() {
    let Some(world) = World::in_test_dollars() else { return };
    world.host(&["chain", "mint", SECOND, "5000"]);
    world.host(&["offer", "withdraw", "--terms", "terms.json"]);
    let proxy = without_method(&world.chain.url, "eth_simulateV1");
    let command = |args: &[&str]| {
        let mut command = oml(world.dir.path());
        command.args(["--rpc-url", &proxy, "--private-key", SECOND_KEY]).args(args).assert()
    };
    command(&[&ACQUIRE[..], &["--dry-run"]].concat())
        .success()
        .stdout(contains("can't simulate it before the approval"));
    assert!(!world.path("license.json").exists());
    command(&ACQUIRE).code(6).stderr(
        contains("OfferNotOpen")
            .and(contains("the approval before it was sent and stands"))
            .and(contains("takes it back")),
    );
    let vault = world.addresses().collateral_vault;
    assert_eq!(world.allowance(world.token(), vault), U256::from(1_001_000_000));
}
