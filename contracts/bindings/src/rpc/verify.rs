//! Whether what is on chain is what this program's code and the chain's own settings say.

use alloy::primitives::Address;
use alloy::providers::Provider;

use super::abi;
use super::artefacts::{CompiledContract, DEPLOYER, PARTS};
use super::create::{self, CoreSettings};
use super::deploy_error::{DeployError, contract_error, transport};
use crate::address::EthAddress;
use crate::addresses::Addresses;

/// What was found at one contract's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CodeFinding {
    /// The compiled code, at the address that code and settings give.
    Verified,
    /// Nothing was deployed there.
    Missing,
    /// Other code than the compiled one.
    OtherCode,
    /// The compiled code, at another address than code and settings give: deployed in another way.
    OtherAddress,
}

/// One contract of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractCheck {
    /// Name of the contract.
    pub contract: &'static str,
    /// Where the addresses file has it.
    pub address: EthAddress,
    /// Where code and settings put it.
    pub derived: EthAddress,
    /// What was found there.
    pub finding: CodeFinding,
}

/// Reads the settings of a deployment from its contracts, those of the beacon from the addresses
/// file, derives every address from them and the code inside this program, and compares the code
/// on chain, immutables aside.
///
/// An address that is the derived one proves the immutables too: nothing else can be created there.
///
/// # Errors
/// [`DeployError`] if the chain can't be read, or a contract does not answer with its settings.
pub async fn verify<P: Provider>(
    provider: &P,
    addresses: &Addresses,
) -> Result<Vec<ContractCheck>, DeployError> {
    let record = addresses.beacon;
    let (beacon, _) = create::beacon_contract(&record.source)?;
    let derived = create::beacon_record(record.source)?.address;
    let deployer = create::proxy_address(&DEPLOYER, &[])?;
    let parts = [
        addresses.license_registry,
        addresses.collateral_vault,
        addresses.payment_escrow,
        addresses.prover_registry,
        addresses.proofs,
        addresses.rounds,
    ];
    let mut checked = vec![
        check(provider, beacon, record.address.into(), derived.into()).await?,
        check(provider, &DEPLOYER, deployer, deployer).await?,
    ];
    for (artefact, at) in PARTS.iter().zip(parts) {
        checked.push(check(provider, artefact, at.into(), at.into()).await?);
    }
    // Without the right code there are no settings to read.
    if checked.iter().any(|c| matches!(c.finding, CodeFinding::Missing | CodeFinding::OtherCode)) {
        return Ok(checked);
    }

    let settings = settings(provider, addresses).await?;
    let plan = create::plan(record.address.into(), &settings)?;
    for (entry, derived) in checked[2..].iter_mut().zip(create::addresses(deployer, &plan)) {
        entry.derived = derived.into();
        if entry.derived != entry.address {
            entry.finding = CodeFinding::OtherAddress;
        }
    }
    Ok(checked)
}

async fn check<P: Provider>(
    provider: &P,
    artefact: &CompiledContract,
    at: Address,
    derived: Address,
) -> Result<ContractCheck, DeployError> {
    let code = provider.get_code_at(at).await.map_err(transport(artefact.name))?;
    let finding = if code.is_empty() {
        CodeFinding::Missing
    } else if !artefact.runtime()?.matches(&code) {
        CodeFinding::OtherCode
    } else if at == derived {
        CodeFinding::Verified
    } else {
        CodeFinding::OtherAddress
    };
    Ok(ContractCheck {
        contract: artefact.name,
        address: at.into(),
        derived: derived.into(),
        finding,
    })
}

/// What the contracts say of their settings.
async fn settings<P: Provider>(
    provider: &P,
    addresses: &Addresses,
) -> Result<CoreSettings, DeployError> {
    let provers = abi::ProverRegistry::new(addresses.prover_registry.into(), provider);
    let proofs = abi::Proofs::new(addresses.proofs.into(), provider);
    let rounds = abi::Rounds::new(addresses.rounds.into(), provider);
    let provers = provers.config().call().await.map_err(contract_error("ProverRegistry"))?;
    let proofs = proofs.config().call().await.map_err(contract_error("Proofs"))?;
    let rounds = rounds.config().call().await.map_err(contract_error("Rounds"))?;
    Ok(CoreSettings { provers, proofs, rounds })
}
