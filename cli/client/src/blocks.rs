//! What happened on a chain, whoever did it: every transaction of some blocks.

use crate::chain::{Chain, rpc_failure};
use crate::error::Result;
use alloy::consensus::Transaction as _;
use alloy::network::TransactionResponse as _;
use alloy::primitives::B256;
use alloy::providers::Provider as _;
use oml_contracts::EthAddress;
use oml_contracts::rpc::abi::{
    Beacon, CollateralVault, LicenseRegistry, PaymentEscrow, Proofs, ProverRegistry, Rounds, Token,
};
use std::ops::RangeInclusive;

/// A transaction as the chain recorded it.
#[derive(Clone, Debug)]
pub struct MinedTransaction {
    /// Function of the contracts that it called, or `deploy`.
    pub function: &'static str,
    /// Who sent it.
    pub from: EthAddress,
    /// Contract that it called or made; none if it did neither.
    pub to: Option<EthAddress>,
    /// Hash by which the chain names it.
    pub hash: B256,
    /// Block that holds it.
    pub block: u64,
    /// Gas that it used.
    pub gas: u64,
    /// Whether it succeeded.
    pub success: bool,
}

/// All transactions of these blocks.
///
/// # Errors
/// Network failure.
pub async fn transactions(
    chain: &Chain,
    blocks: RangeInclusive<u64>,
) -> Result<Vec<MinedTransaction>> {
    let mut found = Vec::new();
    for number in blocks {
        let block = chain.provider().get_block(number.into()).full().await;
        let Some(block) = block.map_err(|e| rpc_failure("block", e))? else { continue };
        for tx in block.transactions.txns() {
            let hash = tx.tx_hash();
            let receipt = chain.provider().get_transaction_receipt(hash).await;
            let Some(receipt) = receipt.map_err(|e| rpc_failure("receipt", e))? else { continue };
            found.push(MinedTransaction {
                function: tx.function_selector().map_or("deploy", |s| function_name(s.0)),
                from: receipt.from.into(),
                to: receipt.to.or(receipt.contract_address).map(Into::into),
                hash,
                block: number,
                gas: receipt.gas_used,
                success: receipt.status(),
            });
        }
    }
    Ok(found)
}

fn function_name(selector: [u8; 4]) -> &'static str {
    let names = [
        LicenseRegistry::LicenseRegistryCalls::name_by_selector(selector),
        PaymentEscrow::PaymentEscrowCalls::name_by_selector(selector),
        CollateralVault::CollateralVaultCalls::name_by_selector(selector),
        Proofs::ProofsCalls::name_by_selector(selector),
        Rounds::RoundsCalls::name_by_selector(selector),
        ProverRegistry::ProverRegistryCalls::name_by_selector(selector),
        Beacon::BeaconCalls::name_by_selector(selector),
        Token::TokenCalls::name_by_selector(selector),
    ];
    names.into_iter().flatten().next().unwrap_or("deploy")
}
