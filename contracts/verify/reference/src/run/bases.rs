//! Where sequences start from: made once for each kind.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::flavors::FIRST;
use super::set_up::Base;
use super::{round_set_up, set_up};
use crate::evm::SetUpError;

thread_local! {
    static BASES: RefCell<BTreeMap<u8, Rc<Base>>> = const { RefCell::new(BTreeMap::new()) };
}

/// The start of sequences of this kind, made once.
pub(super) fn base(kind: u8) -> Result<Rc<Base>, SetUpError> {
    if let Some(known) = BASES.with_borrow(|bases| bases.get(&kind).cloned()) {
        return Ok(known);
    }
    let made = if kind >= FIRST { round_set_up::make(kind)? } else { set_up::make(kind)? };
    let base = Rc::new(made);
    BASES.with_borrow_mut(|bases| bases.insert(kind, Rc::clone(&base)));
    Ok(base)
}
