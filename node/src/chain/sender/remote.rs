//! From where a configuration says that a key is to the account that signs with it: a key that is
//! here, or a connection to the cloud that holds it, each behind a cargo feature.

use super::account::{AccountError, AccountSigner, PATIENCE};
use super::keys::load_key;
use crate::config::{ConfigError, PrivateKeySource, RemoteKey};

impl AccountSigner {
    /// The account that a configuration names.
    ///
    /// # Errors
    /// [`ConfigError::Key`], which never holds the key.
    pub async fn of_source(source: &PrivateKeySource) -> Result<Self, ConfigError> {
        match &source.remote {
            None => Ok(load_key(source)?.into()),
            Some(key) => Self::remote(key).await.map_err(|cause| ConfigError::Key {
                key: "remote".to_owned(),
                source: cause.into(),
            }),
        }
    }

    /// The account of a key that a cloud holds; asks the cloud for its public half.
    ///
    /// # Errors
    /// [`AccountError`]: a program without that cloud's feature, or a key that can't be used.
    pub async fn remote(key: &RemoteKey) -> Result<Self, AccountError> {
        // Boxed, since the future of a cloud's library is deep, and every command holds this one.
        let connecting = Box::pin(connect(key));
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        connected.unwrap_or_else(|late| {
            Err(AccountError::Unusable { key: Box::new(key.clone()), source: late.into() })
        })
    }
}

/// A signer with a key that a cloud holds.
///
/// # Errors
/// [`AccountError`], if this program does not speak to that cloud or the key can't be used.
async fn connect(key: &RemoteKey) -> Result<AccountSigner, AccountError> {
    match key {
        #[cfg(feature = "signer-aws")]
        RemoteKey::Aws(named) => aws(key, named).await,
        #[cfg(feature = "signer-gcp")]
        RemoteKey::Gcp(named) => gcp(key, named).await,
        #[cfg(not(feature = "signer-aws"))]
        RemoteKey::Aws(_) => not_built(key, "signer-aws"),
        #[cfg(not(feature = "signer-gcp"))]
        RemoteKey::Gcp(_) => not_built(key, "signer-gcp"),
    }
}

#[cfg(not(all(feature = "signer-aws", feature = "signer-gcp")))]
fn not_built(key: &RemoteKey, feature: &'static str) -> Result<AccountSigner, AccountError> {
    Err(AccountError::NotBuilt { key: Box::new(key.clone()), feature })
}

#[cfg(any(feature = "signer-aws", feature = "signer-gcp"))]
fn unusable(
    key: &RemoteKey,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> AccountError {
    AccountError::Unusable { key: Box::new(key.clone()), source: source.into() }
}

/// Credentials, region and endpoint come from where AWS's own programs find them.
#[cfg(feature = "signer-aws")]
async fn aws(
    key: &RemoteKey,
    named: &crate::config::AwsKey,
) -> Result<AccountSigner, AccountError> {
    use alloy::signers::aws::{AwsSigner, aws_sdk_kms::Client};
    use aws_config::{BehaviorVersion, Region};

    let mut config = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &named.region {
        config = config.region(Region::new(region.clone()));
    }
    let config = config.load().await;
    if config.region().is_none() {
        return Err(AccountError::NoRegion { key: Box::new(key.clone()) });
    }
    let signer = AwsSigner::new(Client::new(&config), named.id.clone(), None).await;
    signer.map(AccountSigner::from).map_err(|cause| unusable(key, cause))
}

/// Where Google Cloud KMS answers.
#[cfg(feature = "signer-gcp")]
const GCP_ENDPOINT: &str = "https://cloudkms.googleapis.com";
/// Names another endpoint, as for Google's own programs.
#[cfg(feature = "signer-gcp")]
const GCP_ENDPOINT_VARIABLE: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS";

/// Credentials come from where Google's own programs find them.
#[cfg(feature = "signer-gcp")]
async fn gcp(
    key: &RemoteKey,
    named: &crate::config::GcpKey,
) -> Result<AccountSigner, AccountError> {
    use alloy::signers::gcp::gcloud_sdk::GoogleApi;
    use alloy::signers::gcp::gcloud_sdk::google::cloud::kms::v1 as kms;
    use alloy::signers::gcp::{GcpKeyRingRef, GcpSigner, KeySpecifier};
    use kms::key_management_service_client::KeyManagementServiceClient as Service;

    let endpoint = std::env::var(GCP_ENDPOINT_VARIABLE).unwrap_or_default();
    let endpoint = if endpoint.is_empty() { GCP_ENDPOINT } else { endpoint.trim_end_matches('/') };
    let client = GoogleApi::from_function(Service::new, endpoint, None).await;
    let client = client.map_err(|cause| unusable(key, cause))?;
    let ring = GcpKeyRingRef::new(&named.project, &named.location, &named.key_ring);
    let version = KeySpecifier::new(ring, &named.key, named.version);
    let signer = GcpSigner::new(client, version, None).await;
    signer.map(AccountSigner::from).map_err(|cause| unusable(key, cause))
}
