//! Golden vectors: `tests/vectors/*.json` must equal what this crate computes, and what alloy's own
//! encoders compute. Forge reads the same files.
//!
//! `OML_BLESS=1 cargo test -p oml-contracts --test vectors` writes them anew.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, FixedBytes, U256, keccak256, uint};
use alloy::sol_types::{SolStruct as _, SolValue as _, eip712_domain};
use k256::ecdsa::SigningKey;
use oml_contracts::draw::{self, Subject};
use oml_contracts::evidence::{log2_ceil, log2_floor};
use oml_contracts::leaf::{LeafTags, leaf_hash};
use oml_contracts::tag::{normalise, tag_of};
use oml_contracts::terms::{Royalty, SlashTerms, Violation, level};
use oml_contracts::tree::{UniverseTree, verify_bundle};
use oml_contracts::*;
use serde_json::{Value, json};

mod sol {
    alloy::sol! {
        struct Royalty { address payee; uint16 bps; }
        struct SlashTerms {
            uint16 equivocationBps; uint16 underMeteringBps; uint16 outOfTermBps;
            uint16 unlicensedModelBps; uint16 unpaidUseBps; uint16 reporterBps; uint16 ownerBps;
        }
        struct Terms {
            bytes32 modelId; uint32 epoch; address owner; address currency; uint128 licenseFee;
            uint128 pricePerRequest; uint128 pricePerThousandTokens; uint16 ownerShareBps;
            uint128 collateral; uint16 minCollateralRatioBps; uint40 duration;
            uint40 deliveryPeriod; uint40 trialPeriod; uint40 settlementPeriod;
            uint40 thawPeriod;
            uint16 maxDeployments; uint8 evidenceLevels; bool leakLiability; uint8 seats;
            uint64 alphaInverse; SlashTerms slash; Royalty[] royalties;
        }
        struct Voucher {
            bytes32 channelId; uint128 cumulativeAmount; uint64 cumulativeRequests;
            uint64 cumulativeTokens; bytes32 requestHash;
        }
        struct Close { bytes32 channelId; uint128 deposited; uint128 finalAmount; }
        struct Receipt {
            bytes32 licenseId; uint32 keyEpoch; bytes32 channelId; uint64 seq;
            uint64 cumulativeRequests; uint64 cumulativeTokens; uint64 servedAt;
            bytes32 requestHash; bytes32 responseHash;
        }
        struct Seal {
            bytes32 word; bytes32 deployment; uint8 seats; address payer; uint16 promiseBps;
        }
        struct HandOut { bytes32 roundId; uint8 seat; bytes32 keysHash; bytes32 deployment; }
    }
}

mod draws;
mod eip712;
mod evidence;
mod hashes;
mod leaves;
mod rounds;

const CHAIN: u64 = 31_337;
const EPOCH: u32 = 2;

/// Deterministic filler that looks like nothing.
fn bytes(name: &str, i: u32) -> [u8; 32] {
    keccak256(format!("{name}/{i}")).0
}

fn address(name: &str, i: u32) -> EthAddress {
    let mut address = [0; 20];
    address.copy_from_slice(&bytes(name, i)[..20]);
    EthAddress::new(address)
}

fn b(id: impl Into<[u8; 32]>) -> B256 {
    B256::new(id.into())
}

fn a(address: EthAddress) -> Address {
    Address::new(address.into())
}

fn column<T>(items: &[T], show: impl Fn(&T) -> String) -> Value {
    Value::Array(items.iter().map(|item| Value::String(show(item))).collect())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn texts() -> [&'static str; 7] {
    [
        "",
        "a",
        "Generate a sentence starting with the word harbour",
        "http://127.0.0.1:9001",
        "ﬁne, 東京\n",
        " \"Paris\", of course.",
        "…?!",
    ]
}

fn bps(bps: u16) -> Bps {
    Bps::new(bps).unwrap()
}

fn check(name: &str, fresh: &Value) {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let path = folder.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(fresh).unwrap() + "\n";
    if std::env::var_os("OML_BLESS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "tests/vectors/{name}.json differs from the code; if a format was changed on purpose, run \
         OML_BLESS=1 cargo test -p oml-contracts --test vectors"
    );
}

#[test]
fn hashes_are_fixed() {
    check("hashes", &hashes::hashes());
}

#[test]
fn leaves_are_fixed() {
    check("leaf", &leaves::leaf());
}

#[test]
fn trees_are_fixed() {
    check("tree", &leaves::tree());
}

#[test]
fn draws_are_fixed() {
    check("draw", &draws::drawn());
}

#[test]
fn evidence_is_fixed() {
    check("evidence", &evidence::evidence_values());
}

#[test]
fn signed_structs_are_fixed() {
    check("eip712", &eip712::eip712());
}

#[test]
fn ledgers_are_fixed() {
    check("ledger", &evidence::ledger());
}

#[test]
fn strikes_are_fixed() {
    check("strikes", &evidence::strikes());
}

#[test]
fn rounds_are_fixed() {
    check("rounds", &rounds::rounds());
}
