//! The contracts themselves: deployed, looked at, verified; and the test token of a local chain.

use crate::chain::{Chain, RpcConnection, TxRecord, rpc_failure};
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::money::Currency;
use alloy::primitives::{Address, U256};
use alloy::providers::Provider as _;
use oml_contracts::addresses::AddressesError;
use oml_contracts::rpc::abi::Token;
use oml_contracts::rpc::deploy::{DeployParams, deploy_core, deploy_token, derive_core};
use oml_contracts::rpc::verify::{self, ContractCheck};
use oml_contracts::{Addresses, Amount, EthAddress};
use std::path::Path;

/// A contract of the addresses file, and whether it is there.
#[derive(Clone, Debug)]
pub struct ContractCode {
    /// Name of the contract in its source.
    pub name: &'static str,
    /// Where the addresses file has it.
    pub address: EthAddress,
    /// Bytes of code there; none if there is no contract.
    pub code: usize,
}

/// Names and addresses of the contracts.
#[must_use]
pub const fn contracts(addresses: &Addresses) -> [(&'static str, EthAddress); 7] {
    [
        (addresses.beacon.source.contract(), addresses.beacon.address),
        ("LicenseRegistry", addresses.license_registry),
        ("CollateralVault", addresses.collateral_vault),
        ("PaymentEscrow", addresses.payment_escrow),
        ("ProverRegistry", addresses.prover_registry),
        ("Proofs", addresses.proofs),
        ("Rounds", addresses.rounds),
    ]
}

/// Decimals of the test token, as most stablecoins have them.
const TEST_TOKEN_DECIMALS: u8 = 6;

/// Deploys the test token.
///
/// # Errors
/// No signer, or a transaction that fails.
pub async fn token(rpc: &RpcConnection) -> Result<EthAddress> {
    let (name, symbol) = ("OML test dollar", "tUSD");
    let from = rpc.account()?.address();
    deploy_token(rpc.provider(), from, name, symbol, TEST_TOKEN_DECIMALS).await.hint(
        "the test token could not be deployed",
        "check that the signer has native currency for gas",
        FailureKind::Reverted,
    )
}

/// Deploys the contracts; `token` is kept in their addresses file.
///
/// # Errors
/// No signer, or a transaction that fails.
pub async fn core(
    rpc: &RpcConnection,
    params: &DeployParams,
    token: Option<EthAddress>,
) -> Result<Addresses> {
    let from = rpc.account()?.address();
    let mut addresses = deploy_core(rpc.provider(), from, params).await.hint(
        "the contracts could not be deployed",
        "check the parameters, and that the signer has gas and sends nothing else meanwhile",
        FailureKind::Reverted,
    )?;
    addresses.token = token;
    Ok(addresses)
}

/// Refuses to deploy over the addresses file of a deployment that is in use: other parameters or
/// another version give other addresses.
///
/// # Errors
/// The file holds another deployment on the same chain.
pub fn refuse_other(path: &Path, chain_id: u64, params: &DeployParams) -> Result<()> {
    let present = match Addresses::load(path) {
        Ok(present) => present,
        Err(error @ AddressesError::BlockHashes { .. }) => {
            let hint = "keep it for that version, and name another file with --addresses";
            return Err(fail(error.to_string(), hint, FailureKind::Failed));
        }
        Err(_) => return Ok(()),
    };
    let derived = derive_core(chain_id, params).hint(
        "the addresses could not be derived",
        "check the parameters",
        FailureKind::Failed,
    )?;
    if present.chain_id != chain_id || present.rounds == derived.rounds {
        return Ok(());
    }
    Err(fail(
        format!(
            "{} holds another deployment on chain {chain_id} (Rounds {}, these parameters give {})",
            path.display(),
            present.rounds,
            derived.rounds
        ),
        "give the old parameters to find it again, or keep both: name another file with --addresses",
        FailureKind::Failed,
    ))
}

/// The test token of a local chain.
///
/// # Errors
/// The deployment has none, or network failure.
pub async fn test_token(chain: &Chain) -> Result<Currency> {
    let token = chain.addresses().token.ok_or_else(|| {
        fail(
            "this deployment has no test token",
            "only `oml chain deploy --local` makes one",
            FailureKind::Failed,
        )
    })?;
    chain.currency(token).await
}

/// Mints the test token.
///
/// # Errors
/// The deployment has none, or a transaction fails.
pub async fn mint(chain: &Chain, to: EthAddress, amount: Amount) -> Result<TxRecord> {
    let token = test_token(chain).await?.address();
    let call = Token::mintCall { to: to.into(), amount: U256::from(amount.get()) };
    Ok(chain.send("mint", token.into(), call, U256::ZERO).await?.record)
}

/// Looks which contracts of the addresses file are there.
///
/// # Errors
/// Network failure.
pub async fn present(chain: &Chain) -> Result<Vec<ContractCode>> {
    let mut found = Vec::new();
    for (name, address) in contracts(chain.addresses()) {
        let code = chain.provider().get_code_at(Address::from(address)).await;
        let code = code.map_err(|e| rpc_failure("code", e))?.len();
        found.push(ContractCode { name, address, code });
    }
    Ok(found)
}

/// Checks the code on chain, and that every address is the one that this program's code and the
/// chain's settings give.
///
/// # Errors
/// The chain can't be read, or a contract does not answer.
pub async fn verify(chain: &Chain) -> Result<Vec<ContractCheck>> {
    verify::verify(chain.provider(), chain.addresses()).await.hint(
        "the deployment could not be checked",
        "is --rpc-url the chain of the addresses file?",
        FailureKind::Network,
    )
}
