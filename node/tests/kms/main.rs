//! Accounts whose keys AWS or Google holds, against services of our own that speak their calls.
#![cfg(any(feature = "signer-aws", feature = "signer-gcp"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[cfg(feature = "signer-aws")]
mod aws;
#[cfg(feature = "signer-aws")]
mod aws_service;
#[cfg(feature = "signer-gcp")]
mod gcp;
#[cfg(feature = "signer-gcp")]
mod gcp_service;
mod kms_forms;

use alloy::consensus::transaction::SignerRecoverable as _;
use alloy::consensus::{TxEip1559, TxEnvelope};
use alloy::network::{Ethereum, EthereumWallet, NetworkWallet};
use alloy::primitives::{TxKind, U256, address};
use k256::ecdsa::SigningKey;
use oml_contracts::{Amount, ChannelId, Close, Domain, EthAddress, Signable as _};
use oml_node::chain::AccountSigner;
use oml_payments::VoucherSigner;
use std::error::Error;
use std::process::Command;

/// What the services sign with.
const PRIVATE_KEY: [u8; 32] = [0x42; 32];

/// Set where a test runs for the second time.
const AGAIN: &str = "OML_TEST_KMS";

/// Whether this is the second run of a test, in which the environment names the service.
fn is_second_run() -> bool {
    std::env::var_os(AGAIN).is_some()
}

/// Runs the test `name` of this program again with `settings`, and without those of this machine: a
/// program can't change its own environment while others read it.
fn run_again(name: &str, settings: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars() {
        let prefixes = ["AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_"];
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.args(["--exact", name, "--nocapture"]).env(AGAIN, "1");
    let output = command.envs(settings.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Transactions and typed data that `account` signs are those of the services' key. Every other
/// signature of a service has a high s, which neither the chain nor the contracts take.
async fn signs_as_its_key(account: &AccountSigner) {
    let expected = SigningKey::from_slice(&PRIVATE_KEY).unwrap();
    let expected = EthAddress::of_key(expected.verifying_key());
    assert_eq!(account.address(), expected);
    let wallet = EthereumWallet::from(account.clone());
    for nonce in 0..4 {
        let tx = TxEip1559 {
            chain_id: 31_337,
            nonce,
            gas_limit: 21_000,
            max_fee_per_gas: 2,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(address!("70997970C51812dc3A010C7d01b50e0d17dc79C8")),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signed: TxEnvelope =
            NetworkWallet::<Ethereum>::sign_transaction(&wallet, tx.into()).await.unwrap();
        assert_eq!(EthAddress::from(signed.recover_signer().unwrap()), expected);
        // Five signatures each time, so that either kind meets both.
        for deposited in 0..2 {
            let close = Close {
                channel_id: ChannelId::new([7; 32]),
                deposited: Amount::new(deposited),
                final_amount: Amount::new(0),
            };
            let domain = Domain { chain_id: 31_337, verifying_contract: expected };
            let signature = account.sign(close.digest(&domain)).await.unwrap();
            assert_eq!(close.signer(&domain, &signature).unwrap(), expected);
            // The same as a payer's session asks for a voucher's.
            let payer: &dyn VoucherSigner = account;
            let signature = payer.sign(close.digest(&domain)).await.unwrap();
            assert_eq!(close.signer(&domain, &signature).unwrap(), expected);
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
