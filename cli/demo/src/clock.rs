//! The clock of the local chain, which only a local chain lets anybody turn.

use eyre::{Result, bail};
use serde_json::{Value, json};

/// From now on a block comes every second, as people can watch it; before, one comes with every
/// transaction.
///
/// # Errors
/// The chain does not answer, or is none of anvil's.
pub(crate) async fn start(rpc_url: &str) -> Result<()> {
    ask(rpc_url, "evm_setIntervalMining", 1).await
}

/// Lets `seconds` of the chain's time pass at once.
///
/// # Errors
/// The chain does not answer, or is none of anvil's.
pub(crate) async fn skip(rpc_url: &str, seconds: u64) -> Result<()> {
    ask(rpc_url, "evm_increaseTime", seconds).await
}

async fn ask(rpc_url: &str, method: &str, seconds: u64) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [seconds] });
    let answer: Value = client.post(rpc_url).json(&body).send().await?.json().await?;
    match answer.get("error") {
        Some(error) => bail!("the local chain refuses {method}({seconds}): {error}"),
        None => Ok(()),
    }
}
