//! Creation at addresses known beforehand: CREATE2 through the deterministic-deployment proxy for
//! what stands alone, CREATE3 by our `Deployer` for the core.

use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256, Bytes, U256, address, b256, hex, keccak256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolValue;
use std::time::Duration;

use super::abi::{Proofs, ProverRegistry, Rounds};
use super::artefacts::{
    ArtefactError, ArtefactProblem, CompiledContract, DRAND_BLS12, DRAND_BN254, PARTS, RANDAO,
};
use super::convert::ConvertError;
use super::deploy_error::{DeployError, transport};
use super::deploy_params::DeployParams;
use super::points::bls12_public_key;
use crate::addresses::Addresses;
use crate::beacon::{BeaconRecord, BeaconSource};

alloy::sol!(
    #[sol(rpc, all_derives)]
    #[allow(
        missing_docs,
        unreachable_pub,
        clippy::allow_attributes,
        clippy::too_many_arguments,
        clippy::use_self,
        clippy::redundant_clone,
        reason = "generated"
    )]
    Deployer,
    "abi/Deployer.json"
);

pub(crate) use Deployer::Plan;

/// Pause before a receipt is asked for again; below the shortest block time in use.
const RECEIPT_POLL: Duration = Duration::from_millis(200);

/// The deterministic-deployment proxy: data = salt ‖ creation code. It has this address on every
/// chain, as nobody knows the key of the transaction that creates it.
const PROXY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");
/// Who pays for that transaction.
const PROXY_MAKER: Address = address!("3fAB184622Dc19b6109349B94811493BF2a45362");
/// What it costs: 100,000 gas at 100 gwei.
const PROXY_COST: u64 = 10_000_000_000_000_000;
const PROXY_TRANSACTION: [u8; 167] = hex!(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222"
);
/// Hash of the code that CREATE3 creates by CREATE2, whose first creation is the contract.
const CREATE3_CODE_HASH: B256 =
    b256!("21c35dbe1b344a2488cf3321d6ce542f8e9f305544ff09e4993a62319a497c1f");

/// Everything that the constructors take, beside the wiring.
pub(crate) struct CoreSettings {
    pub(crate) provers: ProverRegistry::Config,
    pub(crate) proofs: Proofs::Config,
    pub(crate) rounds: Rounds::Config,
}

impl CoreSettings {
    /// The settings of these parameters.
    pub(crate) fn of(params: &DeployParams) -> Result<Self, ConvertError> {
        Ok(Self {
            provers: params.prover_config()?,
            proofs: params.proof_config()?,
            rounds: params.round_config()?,
        })
    }
}

/// The plan of these settings with the code inside this program.
pub(crate) fn plan(beacon: Address, settings: &CoreSettings) -> Result<Plan, DeployError> {
    let mut hashes = [B256::ZERO; PARTS.len()];
    for (hash, artefact) in hashes.iter_mut().zip(&PARTS) {
        *hash = keccak256(artefact.code(&[])?);
    }
    // The same structs under two names: the deployer's types are generated on their own.
    let failed = |e| ArtefactError::new("Deployer", ArtefactProblem::Settings(e));
    Ok(Plan {
        beacon,
        provers: SolValue::abi_decode(&settings.provers.abi_encode()).map_err(failed)?,
        proofs: SolValue::abi_decode(&settings.proofs.abi_encode()).map_err(failed)?,
        rounds: SolValue::abi_decode(&settings.rounds.abi_encode()).map_err(failed)?,
        codeHashes: hashes,
    })
}

/// The plan's id, as `Deployer.planIdOf` computes it.
pub(crate) fn plan_id(plan: &Plan) -> B256 {
    keccak256((keccak256("OML.deployment.v2"), plan.clone()).abi_encode_params())
}

/// Where each part lies, as `Deployer.addressOf` computes it.
pub(crate) fn addresses(deployer: Address, plan: &Plan) -> [Address; PARTS.len()] {
    let id = plan_id(plan);
    std::array::from_fn(|part| {
        let salt = keccak256((id, U256::from(part)).abi_encode_params());
        deployer.create2(salt, CREATE3_CODE_HASH).create(1)
    })
}

/// Where the proxy creates this code.
pub(crate) fn proxy_address(
    artefact: &CompiledContract,
    arguments: &[u8],
) -> Result<Address, DeployError> {
    Ok(PROXY.create2(B256::ZERO, keccak256(artefact.code(arguments)?)))
}

/// The addresses file of these parts, which are in the order of `Deployer.Part`.
pub(crate) fn addresses_file(
    chain_id: u64,
    beacon: BeaconRecord,
    parts: [Address; PARTS.len()],
    deployed_at_block: u64,
) -> Addresses {
    let [registry, vault, escrow, provers, proofs, rounds] = parts;
    Addresses {
        chain_id,
        beacon,
        license_registry: registry.into(),
        collateral_vault: vault.into(),
        payment_escrow: escrow.into(),
        prover_registry: provers.into(),
        proofs: proofs.into(),
        rounds: rounds.into(),
        token: None,
        deployed_at_block,
    }
}

/// A beacon's contract, and what its constructor takes.
pub(crate) fn beacon_contract(
    source: &BeaconSource,
) -> Result<(&'static CompiledContract, Vec<u8>), DeployError> {
    let drand = |key: &[u8], genesis: u64, period: u32, margin: u32| {
        let key = Bytes::copy_from_slice(key);
        let [genesis, period, margin] = [genesis, period.into(), margin.into()].map(U256::from);
        (key, genesis, period, margin).abi_encode_params()
    };
    Ok(match source {
        BeaconSource::Randao(terms) => {
            let [margin, bits] = [terms.margin, terms.bias_bits.into()].map(U256::from);
            (&RANDAO, (margin, bits).abi_encode_params())
        }
        BeaconSource::DrandEvmnet(n) => {
            (&DRAND_BN254, drand(n.public_key.as_bytes(), n.genesis, n.period, n.margin))
        }
        BeaconSource::DrandQuicknet(n) => {
            let key = bls12_public_key(n.public_key.as_bytes()).map_err(DeployError::DrandKey)?;
            (&DRAND_BLS12, drand(&key, n.genesis, n.period, n.margin))
        }
    })
}

/// Where the proxy creates the beacon of a source.
pub(crate) fn beacon_record(source: BeaconSource) -> Result<BeaconRecord, DeployError> {
    let (artefact, arguments) = beacon_contract(&source)?;
    Ok(BeaconRecord { address: proxy_address(artefact, &arguments)?.into(), source })
}

/// Creates the beacon of a source, unless it is there.
pub(crate) async fn deploy_beacon<P: Provider>(
    provider: &P,
    from: Address,
    source: BeaconSource,
) -> Result<BeaconRecord, DeployError> {
    let (artefact, arguments) = beacon_contract(&source)?;
    let address = by_proxy(provider, from, artefact, &arguments).await?;
    Ok(BeaconRecord { address: address.into(), source })
}

/// Whether an address has code.
pub(crate) async fn exists<P: Provider>(provider: &P, at: Address) -> Result<bool, DeployError> {
    let code = provider.get_code_at(at).await.map_err(transport("the code of a contract"))?;
    Ok(!code.is_empty())
}

/// Makes the proxy on a chain that has none.
pub(crate) async fn ensure_proxy<P: Provider>(
    provider: &P,
    from: Address,
) -> Result<(), DeployError> {
    const NAME: &str = "the deterministic-deployment proxy";
    if exists(provider, PROXY).await? {
        return Ok(());
    }
    let funds = provider.get_balance(PROXY_MAKER).await.map_err(transport(NAME))?;
    if let Some(missing) = U256::from(PROXY_COST).checked_sub(funds).filter(|m| !m.is_zero()) {
        let pay = TransactionRequest::default().with_to(PROXY_MAKER).with_value(missing);
        send(provider, from, NAME, pay).await?;
    }
    let sent = provider.send_raw_transaction(&PROXY_TRANSACTION).await.map_err(transport(NAME))?;
    receipt(provider, NAME, *sent.tx_hash()).await?;
    if exists(provider, PROXY).await? {
        return Ok(());
    }
    Err(DeployError::NotCreated { contract: NAME, expected: PROXY.into() })
}

/// Creates by CREATE2 with salt 0 what is not there yet.
pub(crate) async fn by_proxy<P: Provider>(
    provider: &P,
    from: Address,
    artefact: &CompiledContract,
    arguments: &[u8],
) -> Result<Address, DeployError> {
    let at = proxy_address(artefact, arguments)?;
    if exists(provider, at).await? {
        return Ok(at);
    }
    rehearse(provider, from, artefact, arguments).await?;
    let input = [B256::ZERO.as_slice(), &artefact.code(arguments)?].concat();
    let request = TransactionRequest::default().with_to(PROXY).with_input(Bytes::from(input));
    send(provider, from, artefact.name, request).await?;
    if exists(provider, at).await? {
        return Ok(at);
    }
    Err(DeployError::NotCreated { contract: artefact.name, expected: at.into() })
}

/// Runs a constructor without a transaction: a creation inside of another hides why it fails.
pub(crate) async fn rehearse<P: Provider>(
    provider: &P,
    from: Address,
    artefact: &CompiledContract,
    arguments: &[u8],
) -> Result<(), DeployError> {
    let code = artefact.code(arguments)?;
    let request = TransactionRequest::default().with_from(from).with_deploy_code(code);
    provider.call(request).latest().await.map_err(transport(artefact.name))?;
    Ok(())
}

/// Sends a transaction and waits for its success.
pub(crate) async fn send<P: Provider>(
    provider: &P,
    from: Address,
    what: &'static str,
    request: TransactionRequest,
) -> Result<(), DeployError> {
    let nonce = provider.get_transaction_count(from).await.map_err(transport("the nonce"))?;
    let request = request.with_from(from).with_nonce(nonce);
    let sent = provider.send_transaction(request).await.map_err(transport(what))?;
    receipt(provider, what, *sent.tx_hash()).await
}

/// Waits for a receipt and asks for nothing else: some endpoints leave out fields of blocks.
async fn receipt<P: Provider>(
    provider: &P,
    what: &'static str,
    hash: B256,
) -> Result<(), DeployError> {
    loop {
        let found = provider.get_transaction_receipt(hash).await.map_err(transport(what))?;
        match found {
            Some(receipt) if receipt.status() => return Ok(()),
            Some(_) => return Err(DeployError::Reverted { contract: what, transaction: hash }),
            None => tokio::time::sleep(RECEIPT_POLL).await,
        }
    }
}
