//! What a license and its channels can do besides serving: renewal, reservation, a close by
//! agreement. Against a real local chain.

use super::support::{Anvil, FIRST, FIRST_KEY, anvil, oml, stdout_json};
use alloy::hex;
use alloy::sol_types::SolEvent as _;
use k256::ecdsa::SigningKey;
use oml_contracts::rpc::abi::{LicenseRegistry, Rounds};
use oml_contracts::{
    Addresses, Amount, ChannelId, CopyKey, LicenseNonce, LicenseRef, RequestHash, Salt,
    Signable as _, Terms, Voucher,
};
use oml_payments::SignedVoucher;
use oml_prover::delivery::key_hash;
use predicates::str::contains;
use serde_json::{Value, json};
use std::path::Path;

/// Private key of the second account of every fresh anvil.
pub(super) const SECOND_KEY: &str =
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Its address.
pub(super) const SECOND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// One ETH, in wei.
pub(super) const ETH: u128 = 1_000_000_000_000_000_000;

/// So many ETH, as JSON has an amount.
pub(super) fn eth(amount: &str) -> Value {
    let wei = oml_client::money::native_currency(31_337).parse(amount).unwrap();
    json!({
        "amount": amount, "symbol": "ETH", "raw": wei, "decimals": 18,
        "currency": "0x0000000000000000000000000000000000000000",
    })
}

pub(super) struct World {
    pub(super) chain: Anvil,
    pub(super) dir: tempfile::TempDir,
}

impl World {
    /// A chain with the contracts and a license that the first account sells to itself.
    pub(super) fn licensed() -> Option<Self> {
        let world = Self::selling(|_| "native".to_owned())?;
        world.activate();
        Some(world)
    }

    /// A chain with the contracts and an open offer of the first account, in some currency.
    pub(super) fn selling(currency: impl FnOnce(&Self) -> String) -> Option<Self> {
        let chain = anvil()?;
        // Beacons and report delays need blocks that come by themselves.
        chain.rpc("evm_setIntervalMining", json!([1]));
        let world = Self { chain, dir: tempfile::tempdir().unwrap() };
        world.host(&["chain", "deploy", "--local"]);
        let model = world.chain.register_model(&world.addresses()).to_string();
        let currency = currency(&world);
        let named = ["offer", "template", "--model-id", &model, "--owner", FIRST];
        let times = ["--duration", "1000", "--settlement-period", "60", "--thaw-period", "600"];
        let prices = ["--currency", &currency, "--license-fee", "1", "--seats", "4"];
        world.host(&[&named[..], &times, &prices].concat());
        world.host(&["offer", "publish", "--terms", "terms.json"]);
        Some(world)
    }

    /// The first account buys its own license, and may serve from then on.
    pub(super) fn activate(&self) {
        self.host(&["license", "acquire", "--terms", "terms.json", "--serving-key", FIRST]);
        self.host(&["license", "seed"]);
        let license = self.license();
        let accept = LicenseRegistry::acceptCopyCall {
            r#ref: (&license).try_into().unwrap(),
            sealedRoot: [8; 32].into(),
            keyHash: key_hash(&CopyKey::new([9; 32])).into(),
        };
        self.chain.transact(self.addresses().license_registry, &accept);
        let deliver = LicenseRegistry::deliverKeyCall {
            r#ref: (&license).try_into().unwrap(),
            key: [9; 32].into(),
        };
        self.chain.transact(self.addresses().license_registry, &deliver);
    }

    pub(super) fn addresses(&self) -> Addresses {
        Addresses::load(&self.dir.path().join("addresses.json")).unwrap()
    }

    fn license(&self) -> LicenseRef {
        let terms: Terms = read(&self.dir.path().join("terms.json"));
        LicenseRef { terms, host: FIRST.parse().unwrap(), nonce: LicenseNonce::from(0) }
    }

    pub(super) fn command(&self, key: &str, args: &[&str]) -> assert_cmd::Command {
        let mut command = oml(self.dir.path());
        command.args(["--rpc-url", &self.chain.url, "--private-key", key]).args(args);
        command
    }

    pub(super) fn json(&self, key: &str, args: &[&str]) -> Value {
        let mut command = self.command(key, args);
        let answer = stdout_json(command.args(["--format", "json"]));
        assert_eq!(answer["success"], true, "{args:?}: {answer}");
        answer["data"].clone()
    }

    pub(super) fn host(&self, args: &[&str]) -> Value {
        self.json(FIRST_KEY, args)
    }

    pub(super) fn payer(&self, args: &[&str]) -> Value {
        self.json(SECOND_KEY, args)
    }

    /// The payer's promise of `amount` for one request, in a file.
    pub(super) fn promise(&self, amount: u128) {
        let channel: Value = read(&self.dir.path().join("channel.json"));
        let id: ChannelId = field(&channel, "channelId");
        let voucher = Voucher {
            channel_id: id,
            cumulative_amount: Amount::new(amount),
            cumulative_requests: 1,
            cumulative_tokens: 10,
            request_hash: RequestHash::new([5; 32]),
        };
        let key = SigningKey::from_slice(&hex::decode(SECOND_KEY).unwrap()).unwrap();
        let signed = SignedVoucher {
            channel_id: id,
            payer: field(&channel, "payer"),
            signer: field(&channel, "signer"),
            salt: field::<Salt>(&channel, "salt"),
            cumulative_amount: voucher.cumulative_amount,
            cumulative_requests: voucher.cumulative_requests,
            cumulative_tokens: voucher.cumulative_tokens,
            request_hash: voucher.request_hash,
            signature: voucher.sign(&self.addresses().voucher_domain(), &key).unwrap(),
        };
        let text = serde_json::to_string(&signed).unwrap();
        std::fs::write(self.dir.path().join("voucher.json"), text).unwrap();
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn field<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value, name: &str) -> T {
    value[name].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_license_is_renewed_and_channels_end_by_reservation_and_agreement() {
    let Some(world) = World::licensed() else { return };
    let expiry = |shown: &Value| shown["deadline"].as_u64().unwrap();
    let before = world.host(&["license", "show"]);
    world.host(&["license", "renew"]);
    assert_eq!(expiry(&world.host(&["license", "show"])), expiry(&before) + 1_000);

    world.payer(&["channel", "open", "--license", "license.json", "--amount", "5"]);
    world.promise(2 * ETH);
    let reserved = world.host(&["settle", "--voucher", "voucher.json", "--reserve"]);
    assert_eq!(reserved["rows"][0]["declared"], eth("2"), "{reserved}");
    let again = world.host(&["settle", "--voucher", "voucher.json", "--reserve"]);
    assert_eq!(again["alreadyDeclared"].as_array().unwrap().len(), 1, "{again}");
    let shown = world.payer(&["channel", "show"]);
    assert_eq!((&shown["claimed"], &shown["declared"]), (&eth("0"), &eth("2")));

    // Only the host can say what it will not claim, and not less than what it has declared.
    world
        .command(SECOND_KEY, &["channel", "close", "--amount", "3"])
        .assert()
        .code(6)
        .stderr(contains("PaymentEscrow_NotByHost"));
    let sign = |amount: &str| {
        ["channel", "sign-close", "--amount", amount, "--no-node"].map(ToOwned::to_owned)
    };
    world.command(SECOND_KEY, &sign("3").each_ref().map(String::as_str)).assert().code(4);
    world
        .command(FIRST_KEY, &sign("1").each_ref().map(String::as_str))
        .assert()
        .failure()
        .stderr(contains("claimed or reserved already"));
    // Whose node would go on serving?
    world.command(FIRST_KEY, &["channel", "sign-close", "--amount", "3"]).assert().code(2);
    let word = world.host(&sign("3").each_ref().map(String::as_str));
    assert_eq!(word["deposited"], (5 * ETH).to_string(), "{word}");
    // A later deposit is none of the host's word.
    world.payer(&["channel", "deposit", "--amount", "1"]);
    world.payer(&["channel", "close", "--signed", "close.json"]);
    let shown = world.payer(&["channel", "show"]);
    assert_eq!(shown["deposited"], eth("4"), "{shown}");
    assert_eq!(shown["isOpen"].as_bool(), Some(false), "{shown}");
    world
        .command(SECOND_KEY, &["channel", "deposit", "--amount", "1"])
        .assert()
        .code(6)
        .stderr(contains("PaymentEscrow_ChannelClosed"));

    // What was reserved can still be claimed.
    let settled = world.host(&["settle", "--voucher", "voucher.json"]);
    assert_eq!(settled["total"], eth("2"), "{settled}");
}

#[test]
fn flagged_deployments_are_listed_by_model() {
    let Some(world) = World::licensed() else { return };
    let addresses = world.addresses();
    // In the place of the contract stands a program that logs what it is told: topics, then
    // nothing.
    let rounds = addresses.rounds;
    let speak = "0x6060356040356020355f355f5fa400";
    world.chain.rpc("anvil_setCode", json!([rounds, speak]));
    let license: Value = read(&world.dir.path().join("license.json"));
    let flagged = Rounds::DeploymentFlagged::SIGNATURE_HASH;
    let word = |value: &Value| value.as_str().unwrap().trim_start_matches("0x").to_owned();
    let (deployment, round) = ("ab".repeat(32), "cd".repeat(32));
    let data = format!("{flagged}{deployment}{}{round}", word(&license["licenseId"]));
    let id = world
        .chain
        .rpc("eth_sendTransaction", json!([{ "from": FIRST, "to": rounds, "data": data }]));
    while world.chain.rpc("eth_getTransactionReceipt", json!([id])).is_null() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let model = license["terms"]["modelId"].as_str().unwrap();
    let flags = world.host(&["deployment", "flags", "--model-id", model]);
    assert_eq!(flags.as_array().unwrap().len(), 1, "{flags}");
    assert_eq!(flags[0]["deploymentHash"], format!("0x{deployment}"));
    assert_eq!(
        (&flags[0]["licenseId"], &flags[0]["modelId"]),
        (&license["licenseId"], &json!(model))
    );
    assert_eq!(flags[0]["roundId"], format!("0x{round}"));
    assert_eq!(world.host(&["deployment", "flags"]), flags);
    let other = format!("0x{}", "77".repeat(32));
    assert_eq!(world.host(&["deployment", "flags", "--model-id", &other]), json!([]));
}
