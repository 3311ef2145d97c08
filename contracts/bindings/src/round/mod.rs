//! Sealed rounds of level 2: what names them, what they draw, what seats send (decision 024).
//!
//! `contracts/src/Rounds.sol` and `libraries/Bundles.sol` compute the same; golden vectors hold
//! both equal.

mod digests;
mod draw;
mod sheet;
mod words;

pub use digests::{HandOut, Seal};
pub use draw::{MAX_TRIES, RoundBundles, SeatIndex, draw_bundles, round_seed, seat_ticket};
pub use sheet::{SEAT_KEYS, SheetChain, SheetTags, keys_hash};
pub use words::{
    CaseWords, CaseWordsError, RoundKind, WORD_SIBLINGS, WordIndex, deployment_commitment,
    round_id, round_word,
};
