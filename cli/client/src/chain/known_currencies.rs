//! Currencies that a process has asked the chain about, so that it asks once.

use crate::money::Currency;
use oml_contracts::EthAddress;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Currencies that were read before, by address.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownCurrencies(Arc<Mutex<BTreeMap<EthAddress, Currency>>>);

impl KnownCurrencies {
    pub(super) fn get(&self, address: EthAddress) -> Option<Currency> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&address).cloned()
    }

    pub(super) fn keep(&self, currency: &Currency) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(currency.address(), currency.clone());
    }
}
