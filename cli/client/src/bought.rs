//! A license by its id alone: its terms and its host, as the registry's events tell them.

use crate::chain::Chain;
use crate::error::{FailureKind, Result, fail};
use crate::files::LicenseFile;
use alloy::primitives::B256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::{LicenseId, LicenseNonce, Terms};

/// The license of this id; none if nobody bought it.
///
/// What the events say is hashed again, so an endpoint can leave a license out but not change it.
pub(crate) async fn find(chain: &Chain, id: LicenseId) -> Result<Option<LicenseFile>> {
    let registry = || Filter::new().address(chain.registry());
    let what = LicenseRegistry::LicenseAcquired::SIGNATURE;
    let of_license = registry().topic1(B256::from(id));
    let bought = chain.events::<LicenseRegistry::LicenseAcquired>(what, of_license).await?;
    let Some((bought, _)) = bought.into_iter().next() else { return Ok(None) };
    let what = LicenseRegistry::OfferPublished::SIGNATURE;
    let of_offer = registry().topic1(bought.offerId);
    let published = chain.events::<LicenseRegistry::OfferPublished>(what, of_offer).await?;
    let Some((published, _)) = published.into_iter().next() else { return Ok(None) };
    let terms = Terms::try_from(published.terms)?;
    let nonce = LicenseNonce::try_from(bought.nonce)?;
    let offer_id = chain.offer_id(&terms);
    let file = LicenseFile { license_id: id, offer_id, host: bought.host.into(), nonce, terms };
    let addresses = chain.addresses();
    let hashed = file.reference().license_id(addresses.chain_id, addresses.license_registry);
    if hashed == id {
        return Ok(Some(file));
    }
    Err(fail(
        format!("the events of license {id} are those of {hashed}"),
        "the chain's endpoint does not tell the truth; give another --rpc-url",
        FailureKind::Network,
    ))
}

/// The license of this id.
///
/// # Errors
/// Network failure, nobody bought it, or the endpoint lacks the events.
pub async fn require(chain: &Chain, id: LicenseId) -> Result<LicenseFile> {
    find(chain, id).await?.ok_or_else(|| {
        fail(
            format!("there is no license {id}"),
            "the endpoint must have every log since the contracts' deployment; or it is of another \
             chain",
            FailureKind::Failed,
        )
    })
}
