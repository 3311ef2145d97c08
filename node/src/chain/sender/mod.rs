//! The only place in the node that signs transactions.
//!
//! A signed transaction is stored before it is broadcast. After a crash the same bytes are sent
//! again, so an intent has at most one transaction on chain. Fees are bumped under the same nonce.

mod account;
mod intent;
mod keys;
mod keystore;
mod once;
mod remote;
mod settle;
mod submit;
mod unsigned;

pub use account::{AccountError, AccountSigner};
pub use intent::{Intent, IntentStatus, SenderError};
pub(crate) use keys::load_key_bytes;
pub use keystore::{KeystoreError, open_keystore, read_password};
pub(crate) use once::{SubmitError, Submitted, submit_once};
pub use submit::Sender;
