//! Accounts with code: wallets that make calls for their operator, and say whether a signature is
//! theirs (EIP-1271).
//!
//! Written as bytes, because this crate has no compiler of contracts.

use alloy::primitives::{Address, Bytes, U256};

/// What an account's code says when it is asked whether a signature is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WalletCode {
    /// Yes, to everything.
    Yes,
    /// Yes if the signature is the digest itself, as 32 bytes.
    Password,
    /// Yes if it may use as much gas as wallets with several keys need.
    Thrifty,
    /// Yes, followed by kilobytes of something else.
    Long,
    /// No, to everything.
    No,
    /// Reverts without a word.
    Reverts,
    /// Uses up all gas.
    Burns,
    /// The first bytes of a yes, and no more of it.
    Short,
    /// A yes at the wrong end of the word.
    Misplaced,
    /// Yes if it may use more gas than one row of a batch should be able to burn.
    Greedy,
}

/// Every behavior, in a fixed order.
pub(crate) const CODES: [WalletCode; 10] = [
    WalletCode::Yes,
    WalletCode::Password,
    WalletCode::Thrifty,
    WalletCode::Long,
    WalletCode::No,
    WalletCode::Reverts,
    WalletCode::Burns,
    WalletCode::Short,
    WalletCode::Misplaced,
    WalletCode::Greedy,
];

/// Nothing came with the call: money is taken. A selector: the question, answered after this. Else
/// what [`forwarded`] writes: target, value, data; what the target returns or reverts with is
/// passed on.
const WALLET: [u8; 50] = [
    0x36, 0x15, 0x60, 0x2f, 0x57, // no calldata: to 0x2f
    0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x60, 0x31, 0x57, // a selector: to 0x31
    0x60, 0x40, 0x36, 0x03, // size of the data
    0x80, 0x60, 0x40, 0x5f, 0x37, // the data to memory
    0x5f, 0x5f, 0x82, 0x5f, 0x60, 0x20, 0x35, 0x5f, 0x35, 0x5a, 0xf1, // call
    0x3d, 0x5f, 0x5f, 0x3e, // the answer to memory
    0x60, 0x2b, 0x57, 0x3d, 0x5f, 0xfd, // it failed: revert with it
    0x5b, 0x3d, 0x5f, 0xf3, // 0x2b: return it
    0x5b, 0x00, // 0x2f: stop
    0x5b, // 0x31
];

/// `isValidSignature(bytes32,bytes)`, which is also the yes.
const PUSH_YES: [u8; 5] = [0x63, 0x16, 0x26, 0xba, 0x7e];
/// To the upper end of the word, into memory.
const STORE_HIGH: [u8; 5] = [0x60, 0xe0, 0x1b, 0x5f, 0x52];
const RETURN_WORD: [u8; 4] = [0x60, 0x20, 0x5f, 0xf3];

/// The code of a wallet that answers like this.
#[must_use]
pub(crate) fn code(says: WalletCode) -> Bytes {
    let yes = [&PUSH_YES[..], &STORE_HIGH].concat();
    // A condition of 0 or 1 lies on the stack.
    let if_so = [&PUSH_YES[..], &[0x02], &STORE_HIGH, &RETURN_WORD].concat();
    let answer = match says {
        WalletCode::Yes => [&yes[..], &RETURN_WORD].concat(),
        // The digest is the signature's first word, whose length is 32 and which lies where
        // encoders put it.
        WalletCode::Password => {
            let equal = [0x60, 0x04, 0x35, 0x60, 0x64, 0x35, 0x14];
            let placed = [0x60, 0x24, 0x35, 0x60, 0x40, 0x14, 0x16];
            let sized = [0x60, 0x44, 0x35, 0x60, 0x20, 0x14, 0x16];
            [&equal[..], &placed, &sized, &if_so].concat()
        }
        // More than 90,000 units of gas are left.
        WalletCode::Thrifty => [&[0x5a, 0x62, 0x01, 0x5f, 0x90, 0x10][..], &if_so].concat(),
        // More than 100,000.
        WalletCode::Greedy => [&[0x5a, 0x62, 0x01, 0x86, 0xa0, 0x10][..], &if_so].concat(),
        WalletCode::Long => [&yes[..], &[0x61, 0x10, 0x00, 0x5f, 0xf3]].concat(),
        WalletCode::No => [&[0x5f, 0x5f, 0x52][..], &RETURN_WORD].concat(),
        WalletCode::Reverts => vec![0x5f, 0x5f, 0xfd],
        WalletCode::Burns => vec![0x5b, 0x60, 0x32, 0x56],
        WalletCode::Short => [&yes[..], &[0x60, 0x04, 0x5f, 0xf3]].concat(),
        WalletCode::Misplaced => [&PUSH_YES[..], &[0x5f, 0x52], &RETURN_WORD].concat(),
    };
    [&WALLET[..], &answer].concat().into()
}

/// The code of an account in the place of the contract of rounds: asked for its settings, as an
/// offer does, it answers with these windows and no more of them; its operator makes its calls.
#[must_use]
pub(crate) fn judge([answer, open]: [u32; 2]) -> Bytes {
    let word = |value: u32, at: u8| {
        let value = value.to_be_bytes();
        [&[0x63][..], &value, &[0x60, at, 0x52]].concat()
    };
    // Delay of payouts and fee of a seat follow, of which nobody here asks.
    let settings = [&[0x60, 0x80, 0x5f, 0xf3][..]];
    [&WALLET[..], &word(answer, 0x00), &word(open, 0x20), &settings.concat()].concat().into()
}

/// The code of a wallet that takes no money: what stops in others is no instruction here.
#[must_use]
pub(crate) fn refusing() -> Bytes {
    let mut code = WALLET.to_vec();
    code[0x30] = 0xfe;
    code.into()
}

/// What the operator sends to its wallet so that it makes the call.
pub(crate) fn forwarded(to: Address, value: u128, data: &[u8]) -> Vec<u8> {
    let value = U256::from(value).to_be_bytes::<32>();
    [to.into_word().as_slice(), &value, data].concat()
}
