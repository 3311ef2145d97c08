//! Deployment of the contracts.
//!
//! They name each other as immutables, in a circle; so the addresses are computed from the deployer's
//! nonce beforehand, and checked afterwards.

use alloy::json_abi::JsonAbi;
use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolValue as _;
use serde_json::Value;

use super::abi::ChallengeManager::Config;
use super::convert::{ConvertError, seconds};
use super::reverts;
use crate::addresses::Addresses;
use crate::money::{Amount, EthAddress};

/// A compiled contract.
pub(crate) struct Artefact {
    name: &'static str,
    json: &'static str,
}

macro_rules! artefacts {
    ($($name:literal),*) => {
        [$(Artefact {
            name: $name,
            json: include_str!(concat!("../../abi/", $name, ".json")),
        }),*]
    };
}

/// In the order of deployment; the token is not part of the core.
pub(crate) static ARTEFACTS: [Artefact; 7] = artefacts!(
    "BlockHashBeacon",
    "LicenseRegistry",
    "CollateralVault",
    "PaymentEscrow",
    "ProverRegistry",
    "ChallengeManager",
    "TestToken"
);

const TOKEN: usize = 6;

impl Artefact {
    fn field(&self, path: &str) -> Result<Value, DeployError> {
        let broken = |cause: String| DeployError::Artefact { contract: self.name, cause };
        let json: Value = serde_json::from_str(self.json).map_err(|e| broken(e.to_string()))?;
        json.pointer(path).cloned().ok_or_else(|| broken(format!("it has no {path}")))
    }

    pub(crate) fn abi(&self) -> Result<JsonAbi, DeployError> {
        serde_json::from_value(self.field("/abi")?)
            .map_err(|e| DeployError::Artefact { contract: self.name, cause: e.to_string() })
    }

    fn code(&self, arguments: &[u8]) -> Result<Bytes, DeployError> {
        let object = self.field("/bytecode/object")?;
        let code = object.as_str().and_then(|text| hex::decode(text.trim_start_matches("0x")).ok());
        let mut code = code.ok_or_else(|| DeployError::Artefact {
            contract: self.name,
            cause: "its bytecode is not hex".to_owned(),
        })?;
        code.extend_from_slice(arguments);
        Ok(code.into())
    }
}

/// What a deployment fixes for ever.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployParams {
    /// Windows, committee and penalties of cases.
    pub cases: CaseParams,
    /// Currency of the provers' stake; zero for the chain's own.
    pub stake_currency: EthAddress,
    /// Least stake of a prover, in `stake_currency`.
    pub min_stake: Amount,
    /// Seconds until a leaving prover gets its stake.
    pub prover_thaw: u64,
}

/// Windows in seconds, penalties in the provers' stake currency.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseParams {
    /// Between committing to a report and making it.
    pub report_delay: u64,
    /// For the owner to post the questions.
    pub questions_window: u64,
    /// For members to commit.
    pub commit_window: u64,
    /// For members to reveal.
    pub reveal_window: u64,
    /// For the owner to open the leaves.
    pub opening_window: u64,
    /// For the accused to rebut.
    pub rebuttal_window: u64,
    /// Between a slash and its payout.
    pub payout_delay: u64,
    /// Members of a committee.
    pub committee_size: u8,
    /// Bundles of 16 fingerprints per case.
    pub bundles_per_case: u8,
    /// Least number of decoys among the questions.
    pub min_decoys: u8,
    /// For not committing or not revealing.
    pub non_reveal_penalty: Amount,
    /// For a dissenting reveal.
    pub dissent_penalty: Amount,
}

const HOUR: u64 = 3_600;

impl DeployParams {
    /// For a public network: windows of hours, committees of 7, penalties of a fifth and a tenth of
    /// the smallest stake.
    #[must_use]
    pub const fn public(stake_currency: EthAddress, min_stake: Amount) -> Self {
        Self {
            cases: CaseParams {
                report_delay: 60,
                questions_window: 12 * HOUR,
                commit_window: 12 * HOUR,
                reveal_window: 6 * HOUR,
                opening_window: 12 * HOUR,
                rebuttal_window: 48 * HOUR,
                payout_delay: 72 * HOUR,
                committee_size: 7,
                bundles_per_case: 2,
                min_decoys: 16,
                non_reveal_penalty: Amount::new(min_stake.get() / 5),
                dissent_penalty: Amount::new(min_stake.get() / 10),
            },
            stake_currency,
            min_stake,
            prover_thaw: 14 * 24 * HOUR,
        }
    }

    /// For a local chain: windows of seconds to minutes, committees of 3.
    #[must_use]
    pub const fn local(stake_currency: EthAddress, min_stake: Amount) -> Self {
        let public = Self::public(stake_currency, min_stake);
        Self {
            cases: CaseParams {
                report_delay: 1,
                questions_window: 120,
                commit_window: 120,
                reveal_window: 60,
                opening_window: 120,
                rebuttal_window: 60,
                payout_delay: 30,
                committee_size: 3,
                min_decoys: 8,
                ..public.cases
            },
            prover_thaw: 60,
            ..public
        }
    }
}

impl TryFrom<&CaseParams> for Config {
    type Error = ConvertError;

    fn try_from(cases: &CaseParams) -> Result<Self, Self::Error> {
        Ok(Self {
            reportDelay: seconds(cases.report_delay)?,
            questionsWindow: seconds(cases.questions_window)?,
            commitWindow: seconds(cases.commit_window)?,
            revealWindow: seconds(cases.reveal_window)?,
            openingWindow: seconds(cases.opening_window)?,
            rebuttalWindow: seconds(cases.rebuttal_window)?,
            payoutDelay: seconds(cases.payout_delay)?,
            committeeSize: cases.committee_size,
            bundlesPerCase: cases.bundles_per_case,
            minDecoys: cases.min_decoys,
            nonRevealPenalty: cases.non_reveal_penalty.get(),
            dissentPenalty: cases.dissent_penalty.get(),
        })
    }
}

/// Why a deployment stopped. What was deployed before stays, unused.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The compiled contract inside this program is unusable.
    #[error("the compiled {contract} can't be used: {cause}; export the contracts and build again")]
    Artefact {
        /// The contract.
        contract: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// A parameter does not fit.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The node refused or could not be reached.
    #[error("deploying {contract} failed: {cause}")]
    Rpc {
        /// The contract, or what was asked.
        contract: &'static str,
        /// The decoded revert, or the node's message.
        cause: String,
        /// The error itself.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The transaction was mined and reverted, or its address is not the computed one.
    #[error(
        "{contract} was not created at {expected}; another transaction of the deployer came between, or the chain refuses the contract's size or gas"
    )]
    NotCreated {
        /// The contract.
        contract: &'static str,
        /// Where it should be.
        expected: EthAddress,
    },
}

fn transport(contract: &'static str) -> impl Fn(alloy::transports::TransportError) -> DeployError {
    move |error| DeployError::Rpc {
        contract,
        cause: reverts::of_transport_error(&error).unwrap_or_else(|| error.to_string()),
        source: Box::new(error),
    }
}

/// Deploys the six core contracts from the provider's account `from`, whose nonce nobody else may use
/// meanwhile.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy_core<P: Provider>(
    provider: &P,
    from: EthAddress,
    params: &DeployParams,
) -> Result<Addresses, DeployError> {
    let config = Config::try_from(&params.cases)?;
    let thaw = seconds(params.prover_thaw)?;
    let chain_id = provider.get_chain_id().await.map_err(transport("the chain id"))?;
    let deployer = Address::from(from);
    let nonce = provider.get_transaction_count(deployer).await.map_err(transport("the nonce"))?;
    let at: [Address; TOKEN] = std::array::from_fn(|i| deployer.create(nonce + i as u64));
    let [beacon, registry, vault, escrow, provers, challenge] = at;

    let arguments = [
        Vec::new(),
        (vault, escrow, challenge, beacon).abi_encode_params(),
        (registry, challenge).abi_encode_params(),
        (registry, vault).abi_encode_params(),
        (challenge, Address::from(params.stake_currency), params.min_stake.get(), thaw)
            .abi_encode_params(),
        (registry, vault, escrow, provers, beacon, config).abi_encode_params(),
    ];
    let mut first_block = None;
    for ((artefact, arguments), (i, expected)) in
        ARTEFACTS.iter().zip(&arguments).zip(at.iter().enumerate())
    {
        let block = create(provider, deployer, nonce + i as u64, artefact, arguments, *expected);
        first_block = Some(first_block.unwrap_or(block.await?));
    }
    Ok(Addresses {
        chain_id,
        beacon: beacon.into(),
        license_registry: registry.into(),
        collateral_vault: vault.into(),
        payment_escrow: escrow.into(),
        prover_registry: provers.into(),
        challenge_manager: challenge.into(),
        token: None,
        deployed_at_block: first_block.unwrap_or_default(),
    })
}

/// Deploys a token that anyone can mint, for tests and demonstrations.
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
    let deployer = Address::from(from);
    let nonce = provider.get_transaction_count(deployer).await.map_err(transport("the nonce"))?;
    let expected = deployer.create(nonce);
    let arguments = (name.to_owned(), symbol.to_owned(), U256::from(decimals)).abi_encode_params();
    create(provider, deployer, nonce, &ARTEFACTS[TOKEN], &arguments, expected).await?;
    Ok(expected.into())
}

/// Sends one creation, waits for it, and gives its block.
async fn create<P: Provider>(
    provider: &P,
    from: Address,
    nonce: u64,
    artefact: &Artefact,
    arguments: &[u8],
    expected: Address,
) -> Result<u64, DeployError> {
    let contract = artefact.name;
    let request = TransactionRequest::default()
        .with_from(from)
        .with_nonce(nonce)
        .with_deploy_code(artefact.code(arguments)?);
    let pending = provider.send_transaction(request).await.map_err(transport(contract))?;
    let receipt = pending.get_receipt().await.map_err(|error| DeployError::Rpc {
        contract,
        cause: error.to_string(),
        source: Box::new(error),
    })?;
    if !receipt.status() || receipt.contract_address != Some(expected) {
        return Err(DeployError::NotCreated { contract, expected: expected.into() });
    }
    Ok(receipt.block_number.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artefacts_are_whole() {
        for artefact in &ARTEFACTS {
            let abi = artefact.abi().unwrap_or_else(|e| panic!("{e}"));
            assert!(abi.functions().next().is_some(), "{} has no functions", artefact.name);
            let code = artefact.code(&[]).unwrap_or_else(|e| panic!("{e}"));
            assert!(code.len() > 100, "{}: {} bytes", artefact.name, code.len());
        }
    }

    /// The arguments in [`deploy_core`] are positional; this notices a changed constructor.
    #[test]
    fn constructors_take_what_deployment_gives() {
        let inputs = |i: usize| -> Vec<String> {
            let abi = ARTEFACTS[i].abi().unwrap();
            let constructor = abi.constructor.map(|c| c.inputs).unwrap_or_default();
            constructor.into_iter().map(|p| p.name.trim_matches('_').to_owned()).collect()
        };
        assert_eq!(inputs(0), [""; 0]);
        assert_eq!(inputs(1), ["vault", "escrow", "challengeManager", "beacon"]);
        assert_eq!(inputs(2), ["registry", "challengeManager"]);
        assert_eq!(inputs(3), ["registry", "vault"]);
        assert_eq!(inputs(4), ["challengeManager", "stakeCurrency", "minStake", "thawPeriod"]);
        assert_eq!(inputs(5), ["registry", "vault", "escrow", "provers", "beacon", "config"]);
        assert_eq!(inputs(6), ["name", "symbol", "decimals"]);
    }
}
