//! Deployment of the contracts, at addresses that their code and parameters alone decide.
//!
//! `contracts/src/Deployer.sol` creates the core and holds the wiring; this only gives it the
//! compiled code. Deploying again finds everything in place.

use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::Provider;
use alloy::sol_types::SolValue as _;

use super::artefacts::{CompiledContract, DEPLOYER, PARTS, TOKEN};
use super::create::{self, CoreSettings, Deployer};
pub use super::deploy_error::DeployError;
use super::deploy_error::{contract_error, transport};
pub use super::deploy_params::{DeployParams, ProofParams, ProverParams, RoundParams};
use crate::address::EthAddress;
use crate::addresses::Addresses;

/// Where [`deploy_core`] puts the core with these parameters: on every chain the same. Asks no
/// chain, so the block of the deployment is 0.
///
/// # Errors
/// [`DeployError`] if a parameter does not fit.
pub fn derive_core(chain_id: u64, params: &DeployParams) -> Result<Addresses, DeployError> {
    let beacon = create::beacon_record(params.beacon)?;
    let deployer = create::proxy_address(&DEPLOYER, &[])?;
    let plan = create::plan(beacon.address.into(), &CoreSettings::of(params)?)?;
    Ok(create::addresses_file(chain_id, beacon, create::addresses(deployer, &plan), 0))
}

/// A part of the core that is not on the chain yet.
struct MissingPart {
    /// Its number in `Deployer.Part`.
    part: u8,
    artefact: &'static CompiledContract,
    address: Address,
    /// What its constructor takes.
    arguments: Bytes,
}

/// Deploys from the provider's account `from` what is not there yet of the core with these
/// parameters: the deterministic-deployment proxy, the beacon, the deployer, the six parts.
/// Parameters that a constructor refuses are refused before the parts cost anything.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy_core<P: Provider>(
    provider: &P,
    from: EthAddress,
    params: &DeployParams,
) -> Result<Addresses, DeployError> {
    let settings = CoreSettings::of(params)?;
    let chain_id = provider.get_chain_id().await.map_err(transport("the chain id"))?;
    let sender = Address::from(from);
    create::ensure_proxy(provider, sender).await?;
    let beacon = create::deploy_beacon(provider, sender, params.beacon).await?;
    let at = create::by_proxy(provider, sender, &DEPLOYER, &[]).await?;

    let plan = create::plan(beacon.address.into(), &settings)?;
    let deployer = Deployer::new(at, provider);
    let parts = create::addresses(at, &plan);
    let mut missing = Vec::new();
    for (part, (artefact, address)) in (0_u8..).zip(PARTS.iter().zip(parts)) {
        if !create::exists(provider, address).await? {
            let call = deployer.argumentsOf(plan.clone(), part);
            let arguments = call.call().await.map_err(contract_error("Deployer"))?;
            missing.push(MissingPart { part, artefact, address, arguments });
        }
    }
    // The last constructor asks the provers' contract, so it can't be tried before that is there.
    for part in missing.iter().filter(|missing| usize::from(missing.part) + 1 < PARTS.len()) {
        create::rehearse(provider, sender, part.artefact, &part.arguments).await?;
    }
    for MissingPart { part, artefact, address, arguments } in missing {
        create::rehearse(provider, sender, artefact, &arguments).await?;
        let call = deployer.deployPart(plan.clone(), part, artefact.code(&[])?);
        create::send(provider, sender, artefact.name, call.into_transaction_request()).await?;
        if !create::exists(provider, address).await? {
            let expected = address.into();
            return Err(DeployError::NotCreated { contract: artefact.name, expected });
        }
    }
    let started = deployer.startedAt(create::plan_id(&plan)).call().await;
    let deployed_at_block = started.map_err(contract_error("Deployer"))?.saturating_to();
    Ok(create::addresses_file(chain_id, beacon, parts, deployed_at_block))
}

/// Deploys a token that anyone can mint, for tests and demonstrations; the same name, symbol and
/// decimals give the same token.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy_token<P: Provider>(
    provider: &P,
    from: EthAddress,
    name: &str,
    symbol: &str,
    decimals: u8,
) -> Result<EthAddress, DeployError> {
    let sender = Address::from(from);
    create::ensure_proxy(provider, sender).await?;
    let arguments = (name.to_owned(), symbol.to_owned(), U256::from(decimals)).abi_encode_params();
    Ok(create::by_proxy(provider, sender, &TOKEN, &arguments).await?.into())
}
