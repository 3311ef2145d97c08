//! Where a session learns of a rotated serving key.

use std::pin::Pin;

use oml_contracts::ServingKeys;

/// The answer of a [`ServingKeySource`].
pub type KeysAnswer<'a> = Pin<
    Box<
        dyn Future<Output = Result<ServingKeys, Box<dyn std::error::Error + Send + Sync>>>
            + Send
            + 'a,
    >,
>;

/// Knows the serving keys of a channel's license: the chain, which this crate can't ask.
pub trait ServingKeySource: std::fmt::Debug + Send + Sync {
    /// All keys that the license has now.
    fn serving_keys(&self) -> KeysAnswer<'_>;
}
