//! The rounds of a deployment of the contracts, or of one license.

use super::state::{NextStep, RoundState};
use super::watch::KeptRound;
use crate::chain::Chain;
use crate::error::Result;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::evidence::Log2;
use oml_contracts::round::WordIndex;
use oml_contracts::rpc::abi::Rounds;
use oml_contracts::{EthAddress, LicenseId, RoundId};
use oml_node::rounds::{LicenseWords, RoundSecret};
use serde::Serialize;
use std::collections::BTreeMap;

/// Which rounds are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundFilter<'a> {
    /// Those of this license: the opened ones, and with the secret the sealed ones, too.
    pub license: Option<LicenseId>,
    /// The owner's secret, which finds sealed rounds of the license.
    pub secret: Option<&'a RoundSecret>,
}

/// A round in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundSummary {
    /// What names it on chain.
    pub round_id: RoundId,
    /// How far it is; `answering` as soon as it is sealed, since the draw is not looked up.
    pub state: RoundState,
    /// What happens next.
    pub next: NextStep,
    /// Who paid the fees.
    pub payer: EthAddress,
    /// How many seats were paid for.
    pub seats: u8,
    /// Sheets that were sent.
    pub sheets: usize,
    /// Time of the seal, Unix seconds.
    pub sealed_at: u64,
    /// The license; none if it was not opened and the secret was not given.
    pub license_id: Option<LicenseId>,
    /// Index of the word that sealed it, where the license is known.
    pub index: Option<u8>,
    /// log2 of the license's evidence after the round, once it was opened.
    pub evidence_log2: Option<f64>,
}

/// Rounds, from the oldest.
///
/// # Errors
/// Network failure.
pub async fn list(chain: &Chain, filter: RoundFilter<'_>) -> Result<Vec<RoundSummary>> {
    let rounds = || Filter::new().address(chain.rounds());
    let opened = opened(chain).await?;
    let owned = match (filter.secret, filter.license) {
        (Some(secret), Some(license)) => Some(LicenseWords::new(secret, license)),
        _ => None,
    };
    let sheets = sheets(chain).await?;
    let now = chain.rpc().now().await?;
    let what = Rounds::RoundSealed::SIGNATURE;
    let mut listed = Vec::new();
    for (event, _) in chain.events::<Rounds::RoundSealed>(what, rounds()).await? {
        let id = RoundId::from(event.roundId);
        let opening = opened.get(&id);
        let index = opening.map(|opening| opening.index);
        let owned = owned.as_ref().and_then(|words| words.index_of(id)).map(WordIndex::get);
        let license = opening
            .map(|opening| LicenseId::from(opening.licenseId))
            .or_else(|| owned.and(filter.license));
        if filter.license.is_some() && license != filter.license {
            continue;
        }
        let round = KeptRound::of(chain, event).await?;
        let times = round.times(now);
        let state = RoundState::at(&round.kept.status, &times, true);
        listed.push(RoundSummary {
            round_id: id,
            state,
            next: state.next(&times),
            payer: round.sealed.payer.into(),
            seats: round.sealed.seats,
            sheets: sheets.get(&id).copied().unwrap_or_default(),
            sealed_at: round.kept.sealedAt.to(),
            license_id: license,
            index: index.or(owned),
            evidence_log2: opening.map(|opening| Log2::new(opening.logA).to_f64()),
        });
    }
    Ok(listed)
}

async fn opened(chain: &Chain) -> Result<BTreeMap<RoundId, Rounds::RoundOpened>> {
    let filter = Filter::new().address(chain.rounds());
    let what = Rounds::RoundOpened::SIGNATURE;
    let events = chain.events::<Rounds::RoundOpened>(what, filter).await?;
    Ok(events.into_iter().map(|(event, _)| (event.roundId.into(), event)).collect())
}

async fn sheets(chain: &Chain) -> Result<BTreeMap<RoundId, usize>> {
    let filter = Filter::new().address(chain.rounds());
    let what = Rounds::SheetSent::SIGNATURE;
    let mut sheets = BTreeMap::new();
    for (event, _) in chain.events::<Rounds::SheetSent>(what, filter).await? {
        *sheets.entry(event.roundId.into()).or_default() += 1;
    }
    Ok(sheets)
}
