//! The code of the provers' token: it passes calls on to the code of a real one, or behaves in its
//! own way before.
//!
//! Written as bytes, because this crate has no compiler of contracts.

use alloy::primitives::{Address, Bytes};

/// What the token does when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenCode {
    /// What the real one does.
    Plain,
    /// Moves one unit less than it is asked to.
    TakesFee,
    /// Calls whoever moves money with this, and then does what the real one does.
    CallsBack(Bytes),
    /// Answers every question with this number and does nothing.
    Answers(u8),
    /// Reverts without a word.
    Reverts,
}

/// The data of the call, to memory.
const COPY: [u8; 4] = [0x36, 0x5f, 0x5f, 0x37];
/// Whether the data is short: no transfer.
const IS_SHORT: [u8; 5] = [0x60, 0x24, 0x36, 0x11, 0x15];
/// The data's last word, which is the amount of every transfer, less one.
const ONE_LESS: [u8; 12] = [0x60, 0x20, 0x36, 0x03, 0x80, 0x51, 0x60, 0x01, 0x90, 0x03, 0x90, 0x52];

fn push(number: usize) -> [u8; 3] {
    let [.., high, low] = number.to_be_bytes();
    [0x61, high, low]
}

/// Runs `body` unless the data is short.
fn on_transfer(code: &mut Vec<u8>, body: &[u8]) {
    code.extend(IS_SHORT);
    let behind = code.len() + 4 + body.len();
    code.extend(push(behind));
    code.push(0x57);
    code.extend(body);
    code.push(0x5b);
}

/// The token's code; `real` has that of a token that does what it should.
pub(crate) fn code(does: &TokenCode, real: Address) -> Bytes {
    let mut code = COPY.to_vec();
    let mut data = Bytes::new();
    match does {
        TokenCode::Plain => {}
        TokenCode::TakesFee => on_transfer(&mut code, &ONE_LESS),
        TokenCode::CallsBack(call) => {
            data.clone_from(call);
            let size = push(call.len());
            // The data lies behind all code: a condition of 9 bytes, this body of 23, a mark, tail.
            let from = push(code.len() + 9 + 23 + 1 + TAIL);
            let copied = [&size[..], &from, &[0x5f, 0x39]].concat();
            let called = [&[0x5f, 0x5f][..], &size, &[0x5f, 0x5f, 0x33, 0x5a, 0xf1, 0x50]].concat();
            on_transfer(&mut code, &[&copied[..], &called, &COPY].concat());
        }
        TokenCode::Answers(number) => {
            return vec![0x60, *number, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3].into();
        }
        TokenCode::Reverts => return vec![0x5f, 0x5f, 0xfd].into(),
    }
    let start = code.len();
    code.extend([0x5f, 0x5f, 0x36, 0x5f, 0x73]);
    code.extend(real);
    code.extend([0x5a, 0xf4, 0x3d, 0x5f, 0x5f, 0x3e]);
    code.extend(push(start + TAIL - 4));
    code.extend([0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3]);
    code.extend(&data);
    code.into()
}

/// Bytes that pass a call on to the real token.
const TAIL: usize = 42;
