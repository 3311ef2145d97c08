//! Keys that Google Cloud KMS holds.

use super::gcp_service as service;
use super::{PRIVATE_KEY, is_second_run, run_again, signs_as_its_key, with_causes};
use oml_node::chain::{AccountError, AccountSigner};

async fn account(version: u64) -> Result<AccountSigner, AccountError> {
    let key = format!("gcp:{}/{version}", service::VERSIONS);
    AccountSigner::remote(&key.parse().unwrap()).await
}

fn run_against_service(name: &str) {
    let url = service::start(PRIVATE_KEY);
    let folder = tempfile::tempdir().unwrap();
    let credentials = service::credentials(&url, folder.path());
    let settings = [
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", url.as_str()),
        ("GOOGLE_APPLICATION_CREDENTIALS", credentials.to_str().unwrap()),
    ];
    run_again(name, &settings);
}

#[tokio::test]
async fn transactions_and_typed_data_recover_to_the_account() {
    if !is_second_run() {
        return run_against_service("gcp::transactions_and_typed_data_recover_to_the_account");
    }
    signs_as_its_key(&account(1).await.unwrap()).await;
}

#[tokio::test]
async fn keys_that_can_not_sign_say_why() {
    if !is_second_run() {
        return run_against_service("gcp::keys_that_can_not_sign_say_why");
    }
    let absent = with_causes(&account(9).await.unwrap_err());
    assert!(absent.contains("there is no such version"), "{absent}");
}
