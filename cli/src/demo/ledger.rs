//! Who has what: every unit of the demo's token, between people and contracts, and every transaction.

use crate::chain::{Chain, rpc_failure};
use crate::commands::balance;
use crate::contracts::{self, Token};
use alloy::consensus::Transaction;
use alloy::network::TransactionResponse;
use alloy::primitives::{Address, B256, U256};
use alloy::providers::Provider;
use eyre::{Result, eyre};
use serde::Serialize;
use std::collections::BTreeMap;

/// Names of accounts and contracts, in the order in which they are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<(String, Address)>);

impl Names {
    /// Adds a name.
    pub(crate) fn add(&mut self, name: impl Into<String>, address: Address) {
        self.0.push((name.into(), address));
    }

    /// The name of an address, or its hex form.
    pub(crate) fn of(&self, address: Address) -> String {
        self.0
            .iter()
            .find(|(_, a)| *a == address)
            .map_or_else(|| address.to_string(), |(n, _)| n.clone())
    }
}

/// Token balances of everyone at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    balances: Vec<(String, u128)>,
    supply: u128,
}

/// A change of somebody's balance, smallest units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gain {
    /// Who.
    pub who: String,
    /// How much; negative is a loss. Text, since JSON numbers end at 2^53.
    #[serde(serialize_with = "as_text")]
    pub amount: i128,
}

fn as_text<S: serde::Serializer>(amount: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

impl Snapshot {
    /// Reads everyone's balance and checks that they add up to the supply.
    ///
    /// # Errors
    /// Network failure, or a unit that nobody known holds.
    pub(crate) async fn take(chain: &Chain, token: Address, names: &Names) -> Result<Self> {
        let mut balances = Vec::new();
        for (name, address) in &names.0 {
            balances.push((name.clone(), balance::wallet(chain, token, *address).await?));
        }
        let supply: U256 = chain.read(token, Token::totalSupplyCall {}).await?;
        let supply: u128 = supply.try_into().map_err(|_| eyre!("supply {supply} is past 2^128"))?;
        let held: u128 = balances.iter().map(|(_, b)| b).sum();
        if held != supply {
            return Err(eyre!(
                "{held} units are accounted for, but {supply} exist: money went to a stranger"
            ));
        }
        Ok(Self { balances, supply })
    }

    /// Who gained and lost since `earlier`; sums to what was minted in between.
    pub(crate) fn since(&self, earlier: &Self) -> Result<Vec<Gain>> {
        let mut gains = Vec::new();
        let mut total: i128 = 0;
        for ((who, now), (_, before)) in self.balances.iter().zip(&earlier.balances) {
            let amount = i128::try_from(*now)? - i128::try_from(*before)?;
            total += amount;
            if amount != 0 {
                gains.push(Gain { who: who.clone(), amount });
            }
        }
        let minted = i128::try_from(self.supply)? - i128::try_from(earlier.supply)?;
        if total != minted {
            return Err(eyre!("balances changed by {total} in sum, but {minted} were minted"));
        }
        Ok(gains)
    }

    /// The supply, equal to the sum of all balances.
    pub(crate) const fn supply(&self) -> u128 {
        self.supply
    }

    /// Everyone's balance.
    pub(crate) fn balances(&self) -> BTreeMap<String, String> {
        self.balances.iter().map(|(name, amount)| (name.clone(), amount.to_string())).collect()
    }
}

/// A transaction as the chain recorded it, whoever sent it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mined {
    /// Function called, or `deploy`.
    pub step: String,
    /// Sender's name.
    pub from: String,
    /// Contract's name.
    pub to: String,
    /// Hash.
    pub hash: B256,
    /// Block.
    pub block: u64,
    /// Gas used.
    pub gas: u64,
    /// Whether it succeeded.
    pub success: bool,
}

/// All transactions of blocks `from..=to`.
///
/// # Errors
/// Network failure.
pub(crate) async fn transactions(
    chain: &Chain,
    names: &Names,
    from: u64,
    to: u64,
) -> Result<Vec<Mined>> {
    let mut found = Vec::new();
    for number in from..=to {
        let block = chain
            .provider
            .get_block(number.into())
            .full()
            .await
            .map_err(|e| rpc_failure("block", &e))?;
        let Some(block) = block else { continue };
        for tx in block.transactions.txns() {
            let hash = tx.tx_hash();
            let receipt = chain.provider.get_transaction_receipt(hash).await;
            let Some(receipt) = receipt.map_err(|e| rpc_failure("receipt", &e))? else { continue };
            found.push(Mined {
                step: tx
                    .function_selector()
                    .map_or_else(|| "deploy".to_owned(), |s| function_name(s.0)),
                from: names.of(receipt.from),
                to: receipt
                    .to
                    .or(receipt.contract_address)
                    .map_or_else(String::new, |a| names.of(a)),
                hash,
                block: number,
                gas: receipt.gas_used,
                success: receipt.status(),
            });
        }
    }
    Ok(found)
}

fn function_name(selector: [u8; 4]) -> String {
    use contracts::{
        ChallengeManager, CollateralVault, LicenseRegistry, PaymentEscrow, ProverRegistry,
    };
    let names = [
        LicenseRegistry::LicenseRegistryCalls::name_by_selector(selector),
        PaymentEscrow::PaymentEscrowCalls::name_by_selector(selector),
        CollateralVault::CollateralVaultCalls::name_by_selector(selector),
        ChallengeManager::ChallengeManagerCalls::name_by_selector(selector),
        ProverRegistry::ProverRegistryCalls::name_by_selector(selector),
        Token::TokenCalls::name_by_selector(selector),
    ];
    names.into_iter().flatten().next().map_or_else(|| "deploy".to_owned(), str::to_owned)
}
