//! First words of the preimages that name their format, so that no format's preimage is another's.

use std::sync::LazyLock;

use crate::keccak::keccak256;

/// Starts the preimage of a fingerprint's leaf.
pub(crate) static LEAF: LazyLock<[u8; 32]> = LazyLock::new(|| keccak256(b"OML.leaf.v1"));

/// Starts the preimage of a request.
pub(crate) static REQUEST: LazyLock<[u8; 32]> = LazyLock::new(|| keccak256(b"OML.request.v1"));

/// Starts the preimage of a request that holds nothing but a prompt and the longest answer.
pub(crate) static PLAIN_REQUEST: LazyLock<[u8; 32]> =
    LazyLock::new(|| keccak256(b"OML.request.plain.v1"));

/// Starts the preimage of a response's text.
pub(crate) static RESPONSE: LazyLock<[u8; 32]> = LazyLock::new(|| keccak256(b"OML.response.v2"));

/// Starts the preimage of a word with which a round is sealed.
pub(crate) static ROUND: LazyLock<[u8; 32]> = LazyLock::new(|| keccak256(b"OML.round.v1"));
