//! Provers: their encryption keys, and their stake's way in and out.

use crate::chain::{Chain, TxRecord};
use crate::error::{ClientError, FailureKind, HintExt, Result};
use crate::files;
use alloy::primitives::{Address, B256, U256};
use oml_contracts::rpc::abi::ProverRegistry;
use oml_contracts::{Amount, EthAddress};
use oml_node::cases::EncryptionKey;
use serde::Serialize;
use std::path::Path;

/// A prover as the chain has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StakedProver {
    /// Account that staked.
    pub prover: Address,
    /// Its stake, smallest units, as text.
    #[serde(serialize_with = "crate::files::as_text")]
    pub stake: u128,
    /// Cases in which it sits.
    pub open_cases: u16,
    /// When its stake can leave, Unix seconds; zero if it has not begun to.
    pub thaw_end: u64,
    /// Key to which questions are sealed.
    pub encryption_key: B256,
}

/// Makes a secret key file and returns its public half.
///
/// # Errors
/// The file exists or can't be written.
pub fn keygen(path: &Path) -> Result<B256> {
    let key = EncryptionKey::generate().map_err(|e| ClientError::Other(e.into()))?;
    files::write_secret(path, key.to_hex().as_bytes())?;
    Ok(B256::from(key.public()))
}

/// The public half of a secret key file.
///
/// # Errors
/// The file can't be read, or holds no key.
pub fn public_key(path: &Path) -> Result<B256> {
    let text = files::read(path)?;
    let key = EncryptionKey::from_hex(&String::from_utf8_lossy(&text)).hint(
        format!("{} is no prover key", path.display()),
        "make one with `oml prover keygen`",
        FailureKind::Signer,
    )?;
    Ok(B256::from(key.public()))
}

/// Stakes the signer, approving what the contract pulls.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn register(chain: &Chain, stake: Amount, public: B256) -> Result<Vec<TxRecord>> {
    let call = ProverRegistry::stakeCurrencyCall {};
    let currency = EthAddress::from(chain.read(chain.provers(), call).await?);
    let approval = chain.approve(currency, chain.provers(), stake).await?;
    let mut sent: Vec<_> = approval.into_iter().collect();
    let call = ProverRegistry::registerCall { stake: stake.get(), encryptionKey: public };
    let value = chain.native_value(currency, stake);
    sent.push(chain.send("register prover", chain.provers(), call, value).await?.record);
    Ok(sent)
}

/// Leaves the draw at once and starts the stake's way out.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn thaw(chain: &Chain) -> Result<TxRecord> {
    let call = ProverRegistry::startThawCall {};
    Ok(chain.send("thaw stake", chain.provers(), call, U256::ZERO).await?.record)
}

/// Withdraws the stake after the thaw.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn withdraw(chain: &Chain) -> Result<TxRecord> {
    let call = ProverRegistry::withdrawCall {};
    Ok(chain.send("withdraw stake", chain.provers(), call, U256::ZERO).await?.record)
}

/// All staked provers.
///
/// # Errors
/// Network failure.
pub async fn list(chain: &Chain) -> Result<Vec<StakedProver>> {
    let mut provers = Vec::new();
    for account in chain.read(chain.provers(), ProverRegistry::proversCall {}).await? {
        let kept = chain.read(chain.provers(), ProverRegistry::proverCall { account }).await?;
        provers.push(StakedProver {
            prover: account,
            stake: kept.stake,
            open_cases: kept.openCases,
            thaw_end: kept.thawEnd.to(),
            encryption_key: kept.encryptionKey,
        });
    }
    Ok(provers)
}
