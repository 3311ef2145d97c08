//! Every hash of `docs/formats.md` that is not a leaf, a node or a signature.

use sha3::{Digest as _, Keccak256};

use crate::abi_encode::Words;
use crate::ids::{
    CaseId, ChannelId, ClaimHash, Commitment, ContentHash, DeploymentHash, Digest, KeyHash,
    LicenseId, ModelId, OfferId, QuestionsHash, RequestHash, ResponseHash, Salt, Tag, TagsHash,
};
use crate::money::{EthAddress, LicenseNonce};
use crate::terms::{Terms, Violation};

/// Hashes of the domain names, so that no format's preimage is another's.
pub(crate) mod domain {
    /// `keccak("OML.leaf.v1")`
    pub(crate) const LEAF: [u8; 32] = [
        0x8e, 0x00, 0x43, 0x24, 0x00, 0x81, 0xf4, 0x1e, 0xd0, 0x62, 0x8b, 0x7a, 0xfe, 0x6e, 0x41,
        0x70, 0x76, 0x6e, 0xd1, 0x89, 0x1d, 0xee, 0x1a, 0x08, 0x6a, 0xe0, 0x19, 0xff, 0xf0, 0x96,
        0xb1, 0x1c,
    ];
    /// `keccak("OML.request.v1")`
    pub(crate) const REQUEST: [u8; 32] = [
        0x03, 0x3b, 0x8b, 0xdf, 0xa5, 0x52, 0x2e, 0x0d, 0x38, 0x32, 0x31, 0x2f, 0xcd, 0x52, 0x5e,
        0xf3, 0x93, 0xae, 0xc1, 0x4f, 0xad, 0xe8, 0x02, 0x30, 0xd0, 0x65, 0x28, 0x03, 0xdb, 0x13,
        0xee, 0x17,
    ];
    /// `keccak("OML.request.plain.v1")`
    pub(crate) const PLAIN_REQUEST: [u8; 32] = [
        0xc6, 0x50, 0x20, 0x63, 0x5b, 0xe6, 0xba, 0x22, 0x93, 0xae, 0x91, 0x90, 0xf0, 0xc5, 0x0a,
        0xf3, 0xcf, 0x2d, 0x51, 0x46, 0xa1, 0x90, 0x22, 0x70, 0xea, 0x51, 0xb0, 0xd7, 0x4e, 0xd0,
        0x48, 0x7b,
    ];
    /// `keccak("OML.response.v1")`
    pub(crate) const RESPONSE: [u8; 32] = [
        0x15, 0x77, 0x5a, 0x32, 0x91, 0x70, 0x3f, 0x50, 0xf1, 0x95, 0xb0, 0xa9, 0xfd, 0x62, 0x4a,
        0xd8, 0xc5, 0x61, 0x7f, 0x94, 0xbf, 0x04, 0x88, 0x07, 0xdc, 0x98, 0x18, 0xd9, 0xf8, 0x0e,
        0x73, 0xc9,
    ];
}

/// Keccak-256.
#[must_use]
pub fn keccak256(bytes: &[u8]) -> [u8; 32] {
    Keccak256::digest(bytes).into()
}

/// Keccak-256 of the parts, one after the other without padding.
#[must_use]
pub fn keccak_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Id of a model.
#[must_use]
pub fn model_id(
    chain_id: u64,
    registry: EthAddress,
    owner: EthAddress,
    weights: ContentHash,
    metadata: ContentHash,
) -> ModelId {
    let words = Words::default().uint(chain_id).address(registry).address(owner);
    ModelId::new(words.bytes32(weights).bytes32(metadata).hash())
}

/// Id of an offer with these terms.
#[must_use]
pub fn offer_id(chain_id: u64, registry: EthAddress, terms: &Terms) -> OfferId {
    let head = Words::default().uint(chain_id).address(registry).uint(3_u8 * 32);
    OfferId::new(head.append(terms.abi_words()).hash())
}

/// Id of a host's license under an offer.
#[must_use]
pub fn license_id(offer: OfferId, host: EthAddress, nonce: LicenseNonce) -> LicenseId {
    LicenseId::new(Words::default().bytes32(offer).address(host).uint(nonce.get()).hash())
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
    let words = Words::default().uint(chain_id).address(escrow).bytes32(license);
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
    RequestHash::new(keccak_parts(&[&domain::REQUEST, model.as_bytes(), key.as_bytes()]))
}

/// Hash of a plain request to a model: answered greedily, nothing in it but its prompt and the longest answer.
#[must_use]
pub fn plain_request_hash(model: ModelId, key: KeyHash) -> RequestHash {
    RequestHash::new(keccak_parts(&[&domain::PLAIN_REQUEST, model.as_bytes(), key.as_bytes()]))
}

/// Hash of a response's text.
#[must_use]
pub fn response_hash(text: &str) -> ResponseHash {
    ResponseHash::new(keccak_parts(&[&domain::RESPONSE, text.as_bytes()]))
}

/// The tags of all questions packed as `revealTags` takes them, 4 bytes each.
#[must_use]
pub fn packed_tags(tags: &[Tag]) -> Vec<u8> {
    tags.iter().flat_map(|tag| *tag.as_bytes()).collect()
}

/// Hash of packed tags.
#[must_use]
pub fn tags_hash(tags: &[Tag]) -> TagsHash {
    TagsHash::new(keccak256(&packed_tags(tags)))
}

/// What a committee member commits to before it reveals.
#[must_use]
pub fn tags_commitment(case: CaseId, prover: EthAddress, salt: Salt, tags: TagsHash) -> Commitment {
    let words = Words::default().bytes32(case).address(prover);
    Commitment::new(words.bytes32(salt).bytes32(tags).hash())
}

/// Hash of a case's questions, in the order in which they are asked.
#[must_use]
pub fn questions_hash(keys: &[KeyHash]) -> QuestionsHash {
    crate::case::keys_hash(keys)
}

/// What the report of a case claims.
#[must_use]
pub fn case_claim(license: LicenseId, deployment: DeploymentHash) -> ClaimHash {
    ClaimHash::new(Words::default().bytes32(license).bytes32(deployment).hash())
}

/// What the report of a level-0 proof claims; for equivocation the digest is that of receipt `a`.
#[must_use]
pub fn proof_claim(violation: Violation, license: LicenseId, receipt: Digest) -> ClaimHash {
    let words = Words::default().uint(violation as u8);
    ClaimHash::new(words.bytes32(license).bytes32(receipt).hash())
}

/// Names the answers that shall show `copy` served by somebody else; what [`proof_claim`] takes for
/// [`Violation::UnlicensedModel`]. Receipts of `channel` from number `first_seq` on, `bundles` of the copy's universe
/// in the order in which they are asked.
#[must_use]
pub fn series_digest(
    copy: LicenseId,
    channel: ChannelId,
    first_seq: u64,
    bundles: &[u32],
) -> Digest {
    // The array comes last: its offset, its length, its elements.
    let words = Words::default().bytes32(copy).bytes32(channel).uint(first_seq).uint(128_u8);
    let words = words.uint(bundles.len() as u64);
    Digest::new(bundles.iter().fold(words, |words, bundle| words.uint(*bundle)).hash())
}

/// First half of every report; the reporter is inside, so that nobody can copy it.
#[must_use]
pub fn report_commitment(reporter: EthAddress, claim: ClaimHash, salt: Salt) -> Commitment {
    Commitment::new(Words::default().address(reporter).bytes32(claim).bytes32(salt).hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keccak_is_not_sha3() {
        assert_eq!(
            hex::encode(keccak256(b"")),
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
        assert_eq!(keccak_parts(&[b"ab", b"", b"c"]), keccak256(b"abc"));
    }

    #[test]
    fn domains_are_the_hashes_of_their_names() {
        assert_eq!(domain::LEAF, keccak256(b"OML.leaf.v1"));
        assert_eq!(domain::REQUEST, keccak256(b"OML.request.v1"));
        assert_eq!(domain::PLAIN_REQUEST, keccak256(b"OML.request.plain.v1"));
        assert_eq!(domain::RESPONSE, keccak256(b"OML.response.v1"));
    }
}
