//! Deployment of the contracts, at addresses that their code and parameters alone decide.
//!
//! `contracts/src/Deployer.sol` creates the core and holds the wiring; this only gives it the compiled
//! code. Deploying again finds everything in place.

use alloy::primitives::{Address, U256};
use alloy::providers::Provider;
use alloy::sol_types::SolValue as _;

use super::abi::ChallengeManager::Config;
use super::artefacts::{BEACON, DEPLOYER, PARTS, READER, TOKEN};
use super::convert::{ConvertError, seconds};
use super::create::{self, Deployer};
use super::reverts;
use crate::addresses::Addresses;
use crate::money::{Amount, EthAddress};

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
    /// Bundles of 16 personal fingerprints per case.
    pub bundles_per_case: u8,
    /// Bundles of the shared part that a case opens besides, as long as the universe has them.
    pub shared_bundles_per_case: u8,
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
                shared_bundles_per_case: 1,
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
            sharedBundlesPerCase: cases.shared_bundles_per_case,
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
    /// The transaction was mined, and nothing is where it should have created it.
    #[error("{contract} was not created at {expected}; does the chain refuse its size or its gas?")]
    NotCreated {
        /// The contract.
        contract: &'static str,
        /// Where it should be.
        expected: EthAddress,
    },
}

pub(crate) fn transport(
    contract: &'static str,
) -> impl Fn(alloy::transports::TransportError) -> DeployError {
    move |error| DeployError::Rpc {
        contract,
        cause: reverts::of_transport_error(&error).unwrap_or_else(|| error.to_string()),
        source: Box::new(error),
    }
}

pub(crate) fn contract_error(
    contract: &'static str,
) -> impl Fn(alloy::contract::Error) -> DeployError {
    move |error| DeployError::Rpc {
        contract,
        cause: reverts::of_contract_error(&error).unwrap_or_else(|| error.to_string()),
        source: Box::new(error),
    }
}

/// Where [`deploy_core`] puts the core with these parameters: on every chain the same. Asks no chain, so the
/// block of the deployment is 0.
///
/// # Errors
/// [`DeployError`] if a parameter does not fit.
pub fn derive_core(chain_id: u64, params: &DeployParams) -> Result<Addresses, DeployError> {
    let beacon = create::proxy_address(&BEACON, &[])?;
    let deployer = create::proxy_address(&DEPLOYER, &[])?;
    let plan = create::plan(beacon, stake(params)?, &Config::try_from(&params.cases)?)?;
    Ok(create::addresses_file(chain_id, beacon, create::addresses(deployer, &plan), 0))
}

fn stake(params: &DeployParams) -> Result<create::Stake, DeployError> {
    let thaw = seconds(params.prover_thaw)?;
    Ok((params.stake_currency.into(), params.min_stake.get(), thaw))
}

/// Deploys from the provider's account `from` what is not there yet of the core with these parameters:
/// the deterministic-deployment proxy, the reader of copies, the beacon, the deployer, the five parts. Parameters that a
/// constructor refuses are refused before the parts cost anything.
///
/// # Errors
/// [`DeployError`].
pub async fn deploy_core<P: Provider>(
    provider: &P,
    from: EthAddress,
    params: &DeployParams,
) -> Result<Addresses, DeployError> {
    let config = Config::try_from(&params.cases)?;
    let stake = stake(params)?;
    let chain_id = provider.get_chain_id().await.map_err(transport("the chain id"))?;
    let sender = Address::from(from);
    create::ensure_proxy(provider, sender).await?;
    create::by_proxy(provider, sender, &READER, &[]).await?;
    let beacon = create::by_proxy(provider, sender, &BEACON, &[]).await?;
    let at = create::by_proxy(provider, sender, &DEPLOYER, &[]).await?;

    let plan = create::plan(beacon, stake, &config)?;
    let deployer = Deployer::new(at, provider);
    let parts = create::addresses(at, &plan);
    let mut missing = Vec::new();
    for (part, (artefact, address)) in (0_u8..).zip(PARTS.iter().zip(parts)) {
        if !create::exists(provider, address).await? {
            let call = deployer.argumentsOf(plan.clone(), part);
            let arguments = call.call().await.map_err(contract_error("Deployer"))?;
            missing.push((part, artefact, address, arguments));
        }
    }
    // The last constructor asks the provers' contract, so it can't be tried before that is there.
    for (_, artefact, _, arguments) in missing.iter().filter(|m| usize::from(m.0) + 1 < PARTS.len())
    {
        create::rehearse(provider, sender, artefact, arguments).await?;
    }
    for (part, artefact, address, arguments) in missing {
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
