//! Whether what is on chain is what this program's code and the chain's own settings say.

use alloy::primitives::Address;
use alloy::providers::Provider;

use super::abi;
use super::artefacts::{COURT, CompiledContract, DEPLOYER, PARTS, READER};
use super::create::{self, StakeSettings};
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
    let manager = abi::ChallengeManager::new(addresses.challenge_manager.into(), provider);
    let record = addresses.beacon;
    let (beacon, _) = create::beacon_contract(&record.source)?;
    let derived = create::beacon_record(record.source)?.address;
    let deployer = create::proxy_address(&DEPLOYER, &[])?;
    let parts = [
        addresses.license_registry,
        addresses.collateral_vault,
        addresses.payment_escrow,
        addresses.prover_registry,
        addresses.challenge_manager,
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

    let config = manager.config().call().await.map_err(contract_error("ChallengeManager"))?;
    let stake = stake(provider, addresses).await?;
    let plan = create::plan(record.address.into(), &stake, &config)?;
    for (entry, derived) in checked[2..].iter_mut().zip(create::addresses(deployer, &plan)) {
        entry.derived = derived.into();
        if entry.derived != entry.address {
            entry.finding = CodeFinding::OtherAddress;
        }
    }
    // The manager's other half is its first creation.
    let court = Address::from(addresses.challenge_manager).create(1);
    checked.push(check(provider, &COURT, court, court).await?);
    let reader = create::proxy_address(&READER, &[])?;
    checked.push(check(provider, &READER, reader, reader).await?);
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

/// What a deployment says of its provers.
async fn stake<P: Provider>(
    provider: &P,
    addresses: &Addresses,
) -> Result<StakeSettings, DeployError> {
    let provers = abi::ProverRegistry::new(addresses.prover_registry.into(), provider);
    let failed = contract_error("ProverRegistry");
    let currency = provers.stakeCurrency().call().await.map_err(&failed)?;
    let least = provers.minStake().call().await.map_err(&failed)?;
    let thaw = provers.thawPeriod().call().await.map_err(&failed)?;
    Ok(StakeSettings { currency, least, thaw })
}
