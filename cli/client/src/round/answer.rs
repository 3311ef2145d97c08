//! The draw of a round, and a sheet sent by hand; provers' nodes send theirs by themselves.

use super::watch::kept;
use crate::beacon::{Patience, bring};
use crate::chain::{Chain, TxRecord};
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use alloy::primitives::U256;
use oml_contracts::round::SheetTags;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::rpc::abi::Rounds::{self, RoundStatus};
use oml_contracts::{KeysHash, RoundId};
use std::time::Duration;

/// What a seat says: which keys it asked, and what it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetGiven {
    /// Hash of the eight key hashes.
    pub keys_hash: KeysHash,
    /// Eight tags of 4 bytes; 0 for no answer.
    pub tags: SheetTags,
}

/// A bundle that a round has drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawnBundle {
    /// Its number in the personal part.
    pub bundle: u32,
    /// Whether it was burned since the day of the seal: its leaves are misses.
    pub burned: bool,
}

/// Whether a round was sealed.
///
/// # Errors
/// Network failure.
pub async fn is_sealed(chain: &Chain, id: RoundId) -> Result<bool> {
    Ok(kept(chain, id).await?.status != RoundStatus::None)
}

/// Waits until a sealed round is drawn, and brings the beacon's round if nobody else does.
///
/// # Errors
/// No signer, network failure, no such round, a beacon that does not come in time.
pub async fn bring_draw(chain: &Chain, id: RoundId, wait: Duration) -> Result<Vec<TxRecord>> {
    let round = kept(chain, id).await?;
    if round.status == RoundStatus::None {
        let message = format!("there is no round {id}");
        return Err(fail(message, "`oml round list` shows all", FailureKind::Failed));
    }
    let sent = bring(chain, round.beaconRound.to(), &Patience::of(wait)).await?;
    Ok(sent.into_iter().collect())
}

/// The bundles that a round about this license has drawn: the j-th serves seats 2j and 2j + 1.
///
/// # Errors
/// Network failure, or it is not drawn.
pub async fn drawn_bundles(
    chain: &Chain,
    license: &LicenseFile,
    id: RoundId,
) -> Result<Vec<DrawnBundle>> {
    let round = kept(chain, id).await?;
    let call = LicenseRegistry::drawBundlesCall {
        modelId: license.terms.model_id.into(),
        epoch: license.terms.epoch,
        seed: chain.read(chain.rounds(), Rounds::seedOfCall { roundId: id.into() }).await?,
        wanted: round.seats / 2,
        sealedAt: round.sealedAt,
    };
    let drawn = chain.read(chain.registry(), call).await?;
    let bundles = drawn.bundles.into_iter().zip(drawn.burned);
    Ok(bundles.map(|(bundle, burned)| DrawnBundle { bundle, burned }).collect())
}

/// Sends what a seat of the signer found.
///
/// # Errors
/// No signer, network failure, a refusal of the contract.
pub async fn answer(chain: &Chain, id: RoundId, seat: u8, sheet: &SheetGiven) -> Result<TxRecord> {
    let call = Rounds::answerCall {
        roundId: id.into(),
        seat,
        keysHash: sheet.keys_hash.into(),
        tags: sheet.tags.word().into(),
    };
    Ok(chain.send("answer", chain.rounds(), call, U256::ZERO).await?.record)
}
