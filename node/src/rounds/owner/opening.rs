//! The call that opens a round.

use oml_contracts::hash::deployment_hash;
use oml_contracts::round::WordIndex;
use oml_contracts::rpc::abi::Rounds::{Opening, openCall};
use oml_contracts::rpc::rounds::closed_bundle;

use super::duty::OwnLicense;
use super::{OwnerDuty, OwnerError};
use crate::chain::Head;
use crate::rounds::access::access_hash;
use crate::rounds::file::RoundFile;
use crate::rounds::sheets::all_sheets;

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
    let sheets = all_sheets(&duty.store, &reader, file.id()).await?;
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
            sheets: sheets.iter().map(Into::into).collect(),
        },
    })
}
