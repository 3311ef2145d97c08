//! Who has what: every unit of the demo's token, between people and contracts, and every
//! transaction.

use eyre::{Result, eyre};
use oml_client::money::Currency;
use oml_client::{Chain, balance, blocks};
use oml_contracts::EthAddress;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Names of accounts and contracts, in the order in which they are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<(String, EthAddress)>);

impl Names {
    /// Adds a name.
    pub(crate) fn add(&mut self, name: impl Into<String>, address: EthAddress) {
        self.0.push((name.into(), address));
    }

    /// The name of an address, or its hex form.
    pub(crate) fn of(&self, address: EthAddress) -> String {
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
    currency: Currency,
}

/// A change of somebody's balance, smallest units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gain {
    /// Whose balance it is.
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
    pub(crate) async fn take(chain: &Chain, token: EthAddress, names: &Names) -> Result<Self> {
        let mut balances = Vec::new();
        for (name, address) in &names.0 {
            let wallet = balance::wallet(chain, token, *address).await?;
            balances.push((name.clone(), wallet.amount()?.get()));
        }
        let supply = balance::supply(chain, token).await?;
        let (currency, supply) = (supply.currency().clone(), supply.amount()?.get());
        let held: u128 = balances.iter().map(|(_, b)| b).sum();
        if held != supply {
            return Err(eyre!(
                "{held} units are accounted for, but {supply} exist: money went to a stranger"
            ));
        }
        Ok(Self { balances, supply, currency })
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

    /// What everything is counted in.
    pub(crate) const fn currency(&self) -> &Currency {
        &self.currency
    }

    /// Everyone's balance by name, smallest units.
    pub(crate) fn balances(&self) -> BTreeMap<String, String> {
        self.balances.iter().map(|(name, amount)| (name.clone(), amount.to_string())).collect()
    }
}

/// A transaction as the chain recorded it, whoever sent it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedTransaction {
    /// Function that it called, or `deploy`.
    pub step: String,
    /// Name of who sent it.
    pub from: String,
    /// Name of the contract that it called.
    pub to: String,
    /// Hash by which the chain names it.
    pub hash: String,
    /// Block that holds it.
    pub block: u64,
    /// Gas that it used.
    pub gas: u64,
    /// Whether it succeeded.
    pub success: bool,
}

/// All transactions of these blocks, with everyone's names.
///
/// # Errors
/// Network failure.
pub(crate) async fn transactions(
    chain: &Chain,
    names: &Names,
    blocks: RangeInclusive<u64>,
) -> Result<Vec<NamedTransaction>> {
    let found = blocks::transactions(chain, blocks).await?;
    let named = found.into_iter().map(|mined| NamedTransaction {
        step: mined.function.to_owned(),
        from: names.of(mined.from),
        to: mined.to.map_or_else(String::new, |to| names.of(to)),
        hash: mined.hash.to_string(),
        block: mined.block,
        gas: mined.gas,
        success: mined.success,
    });
    Ok(named.collect())
}
