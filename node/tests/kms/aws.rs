//! Keys that AWS KMS holds.

use super::aws_service as service;
use super::{PRIVATE_KEY, is_second_run, run_again, signs_as_its_key, with_causes};
use oml_node::chain::{AccountError, AccountSigner};
use oml_node::config::PrivateKeySource;

fn settings(url: &str) -> [(&'static str, &str); 6] {
    [
        ("AWS_ENDPOINT_URL_KMS", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "no-such-file"),
        ("AWS_SHARED_CREDENTIALS_FILE", "no-such-file"),
    ]
}

async fn account(key: &str) -> Result<AccountSigner, AccountError> {
    AccountSigner::remote(&format!("aws:{key}").parse().unwrap()).await
}

#[tokio::test]
async fn transactions_and_typed_data_recover_to_the_account() {
    if !is_second_run() {
        let url = service::start(PRIVATE_KEY);
        let name = "aws::transactions_and_typed_data_recover_to_the_account";
        return run_again(name, &settings(&url));
    }
    let by_id = account(&format!("{}@eu-central-1", service::KEY)).await.unwrap();
    signs_as_its_key(&by_id).await;
    // Here the region is the ARN's.
    let arn = format!("arn:aws:kms:eu-central-1:111122223333:key/{}", service::KEY);
    signs_as_its_key(&account(&arn).await.unwrap()).await;
    let named = format!("aws:{arn}").parse().unwrap();
    let of_node = PrivateKeySource { remote: Some(named), ..PrivateKeySource::default() };
    signs_as_its_key(&AccountSigner::of_source(&of_node).await.unwrap()).await;
}

#[tokio::test]
async fn keys_that_can_not_sign_say_why() {
    if !is_second_run() {
        let url = service::start(PRIVATE_KEY);
        return run_again("aws::keys_that_can_not_sign_say_why", &settings(&url));
    }
    let placed = |id: &str| format!("{id}@eu-central-1");
    let forbidden = with_causes(&account(&placed(service::FORBIDDEN)).await.unwrap_err());
    assert!(
        forbidden.contains(&format!("aws:{} can't be used", placed(service::FORBIDDEN)))
            && forbidden.contains("this key is not for you"),
        "{forbidden}"
    );
    let other_curve = account(&placed(service::P256)).await.unwrap_err();
    assert!(matches!(other_curve, AccountError::Unusable { .. }), "{other_curve:?}");
    // Its public half is another's, as after an alias was pointed at another key.
    let crossed = account(&placed(service::CROSSED)).await.unwrap();
    let refused = crossed.sign(oml_contracts::Digest::new([1; 32])).await.unwrap_err();
    assert!(matches!(refused, AccountError::Refused { .. }), "{refused:?}");
    let unplaced = account(service::KEY).await.unwrap_err().to_string();
    assert!(unplaced.contains("add @REGION to it, or set AWS_REGION"), "{unplaced}");
}
