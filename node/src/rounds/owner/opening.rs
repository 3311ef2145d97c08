//! The call that opens a round.

use std::collections::HashMap;

use alloy::sol_types::SolEvent as _;
use oml_contracts::hash::deployment_hash;
use oml_contracts::round::{SeatIndex, WordIndex, sheet_hash};
use oml_contracts::rpc::abi::Rounds::{Opening, SheetSent, openCall};
use oml_contracts::rpc::rounds::{SentSheet, closed_bundle, no_sheet};

use super::duty::OwnLicense;
use super::{OwnerDuty, OwnerError};
use crate::chain::{Head, Reader};
use crate::rounds::access::access_hash;
use crate::rounds::file::RoundFile;
use crate::store::{Store, StoreError};

/// Everything that the contract wants to see.
pub(super) async fn opening_call(
    duty: &OwnerDuty,
    own: &OwnLicense,
    index: WordIndex,
    file: &RoundFile,
    head: &Head,
) -> Result<openCall, OwnerError> {
    let reader = duty.chain.reader().at(head.hash);
    let universe = duty.universe(&own.reference)?;
    let drawn = duty.bundles(&reader, &own.reference, file).await?;
    let tested = duty.tested(own.id, index, file).await?;
    let mut bundles = Vec::new();
    for place in 0..usize::from(file.view.seats / 2) {
        bundles.push(match drawn.get(place).filter(|bundle| !bundle.burned) {
            Some(bundle) => match universe.open(bundle.number) {
                Ok(proven) => (&proven).into(),
                // Its leaves count as misses, which is better than no opening at all.
                Err(error) => {
                    tracing::error!(round = %file.id(), %error, "a drawn bundle stays closed");
                    closed_bundle()
                }
            },
            None => closed_bundle(),
        });
    }
    let proof = own.words.words().proof(index);
    Ok(openCall {
        opening: Opening {
            license: (&own.reference).try_into()?,
            index: index.get(),
            account: own.words.account(index).into(),
            wordSalt: duty.secret.word_salt(own.id, index).into(),
            wordProof: proof.into_iter().map(Into::into).collect(),
            deploymentHash: deployment_hash(&tested.uri).into(),
            accessHash: access_hash(tested.access.as_ref()).into(),
            deploymentSalt: tested.salt.into(),
            bundles,
            sheets: sheets(&duty.store, &reader, file).await?,
        },
    })
}

/// The sheets as they were sent, by seat; what the events say is held against the contract.
async fn sheets(
    store: &Store,
    reader: &Reader,
    file: &RoundFile,
) -> Result<Vec<oml_contracts::rpc::abi::Rounds::Sheet>, OwnerError> {
    let sent = sent_sheets(store, file).await?;
    let mut sheets = Vec::new();
    for seat in file.seats() {
        let kept = reader.sheet_hash(file.id(), seat).await?;
        if kept == [0; 32] {
            sheets.push(no_sheet());
            continue;
        }
        let known = sent
            .get(&seat)
            .filter(|sheet| sheet_hash(sheet.prover, sheet.keys, &sheet.tags) == kept);
        let sheet = known.ok_or(OwnerError::SheetUnknown(seat))?;
        sheets.push(sheet.into());
    }
    Ok(sheets)
}

/// What the events say was sent.
pub(crate) async fn sent_sheets(
    store: &Store,
    file: &RoundFile,
) -> Result<HashMap<SeatIndex, SentSheet>, StoreError> {
    let rows = store.events_named(file.id().into(), "SheetSent").await?;
    let decoded = rows.iter().filter_map(|row| {
        let topics = std::iter::once(SheetSent::SIGNATURE_HASH).chain(row.topics.iter().copied());
        SheetSent::decode_raw_log(topics, &row.data).ok()
    });
    Ok(decoded.map(|event| SentSheet::from(&event)).map(|sheet| (sheet.seat, sheet)).collect())
}
