//! Every hash of `docs/formats.md` that is not a leaf, a node or a signature.

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::ids::{
    ChannelId, ClaimHash, Commitment, ContentHash, DeploymentHash, Digest, KeyHash, LicenseId,
    LicenseNonce, ModelId, OfferId, RequestHash, ResponseHash, Salt, Tag,
};
pub use crate::keccak::{keccak_parts, keccak256};
use crate::preimage;
use crate::tag::tag_of;
use crate::terms::{Terms, Violation};

/// Id of a model.
#[must_use]
pub fn model_id(
    chain_id: u64,
    registry: EthAddress,
    owner: EthAddress,
    weights: ContentHash,
    metadata: ContentHash,
) -> ModelId {
    let words = AbiWords::default().uint(chain_id).address(registry).address(owner);
    ModelId::new(words.bytes32(weights).bytes32(metadata).hash())
}

/// Id of an offer with these terms.
#[must_use]
pub fn offer_id(chain_id: u64, registry: EthAddress, terms: &Terms) -> OfferId {
    let head = AbiWords::default().uint(chain_id).address(registry).uint(3_u8 * 32);
    OfferId::new(head.append(terms.abi_words()).hash())
}

/// Id of a host's license under an offer.
#[must_use]
pub fn license_id(offer: OfferId, host: EthAddress, nonce: LicenseNonce) -> LicenseId {
    LicenseId::new(AbiWords::default().bytes32(offer).address(host).uint(nonce.get()).hash())
}

/// Id of a payer's channel to a license. A zero `signer` stands for the payer itself.
#[must_use]
pub fn channel_id(
    chain_id: u64,
    escrow: EthAddress,
    license: LicenseId,
    payer: EthAddress,
    signer: EthAddress,
    salt: Salt,
) -> ChannelId {
    let words = AbiWords::default().uint(chain_id).address(escrow).bytes32(license);
    ChannelId::new(words.address(payer).address(signer).bytes32(salt).hash())
}

/// Hash of a deployment's URI, as registered.
#[must_use]
pub fn deployment_hash(uri: &str) -> DeploymentHash {
    DeploymentHash::new(keccak256(uri.as_bytes()))
}

/// Hash of a prompt.
#[must_use]
pub fn key_hash(prompt: &str) -> KeyHash {
    KeyHash::new(keccak256(prompt.as_bytes()))
}

/// Hash of a request to a model.
#[must_use]
pub fn request_hash(model: ModelId, key: KeyHash) -> RequestHash {
    RequestHash::new(keccak_parts(&[&*preimage::REQUEST, model.as_bytes(), key.as_bytes()]))
}

/// Hash of a plain request to a model: answered greedily, nothing in it but its prompt and the
/// longest answer.
#[must_use]
pub fn plain_request_hash(model: ModelId, key: KeyHash) -> RequestHash {
    RequestHash::new(keccak_parts(&[&*preimage::PLAIN_REQUEST, model.as_bytes(), key.as_bytes()]))
}

/// Hash of a response: of the tag of its first word, and of its text.
///
/// The tag stands by itself so that a proof needs no texts; whoever gets a receipt computes both.
#[must_use]
pub fn response_hash(text: &str) -> ResponseHash {
    response_hash_of(tag_of(text), text_hash(text))
}

/// The same from its two parts, as a proof brings them.
#[must_use]
pub(crate) fn response_hash_of(tag: Tag, text: [u8; 32]) -> ResponseHash {
    ResponseHash::new(keccak_parts(&[&*preimage::RESPONSE, tag.as_bytes(), &text]))
}

/// Hash of a response's text alone.
#[must_use]
pub fn text_hash(text: &str) -> [u8; 32] {
    keccak256(text.as_bytes())
}

/// What the report of a level-0 proof claims; for equivocation the digest is that of receipt `a`.
#[must_use]
pub fn proof_claim(violation: Violation, license: LicenseId, receipt: Digest) -> ClaimHash {
    let words = AbiWords::default().uint(violation as u8);
    ClaimHash::new(words.bytes32(license).bytes32(receipt).hash())
}

/// Names the answers that shall show `copy` served by somebody else; what [`proof_claim`] takes for
/// [`Violation::UnlicensedModel`]. Receipts of `channel` from request number `first_request` on,
/// `bundles` of the copy's universe in the order in which they are asked.
#[must_use]
pub fn series_digest(
    copy: LicenseId,
    channel: ChannelId,
    first_request: u64,
    bundles: &[u32],
) -> Digest {
    // The array comes last: its offset, its length, its elements.
    let words = AbiWords::default().bytes32(copy).bytes32(channel).uint(first_request).uint(128_u8);
    let words = words.uint(bundles.len() as u64);
    Digest::new(bundles.iter().fold(words, |words, bundle| words.uint(*bundle)).hash())
}

/// First half of every report; the reporter is inside, so that nobody can copy it.
#[must_use]
pub fn report_commitment(reporter: EthAddress, claim: ClaimHash, salt: Salt) -> Commitment {
    Commitment::new(AbiWords::default().address(reporter).bytes32(claim).bytes32(salt).hash())
}
