//! What the people know of reports.

use std::collections::BTreeMap;
use std::rc::Rc;

use alloy::primitives::{Address, B256, Bytes};
use oml_contracts::rpc::abi::{LicenseRef, Proofs};

use super::leaves::Leaves;
use crate::model::{ReceiptProof, UniverseId};

/// A commitment to a report that may follow.
#[derive(Debug, Clone)]
pub(super) struct Prepared<R> {
    pub(super) by: Address,
    pub(super) report: R,
    pub(super) made_at: u64,
}

/// A proof with its signatures.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    pub(super) proof: ReceiptProof,
    pub(super) signatures: [Bytes; 2],
}

/// What a report has fixed before the host is asked.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) license: LicenseRef,
    pub(super) series: Proofs::Series,
    pub(super) salt: B256,
    /// Chance in 16 that the host gives the copy's answer.
    pub(super) rate: u32,
}

/// What the people know of reports.
#[derive(Debug, Clone)]
pub(super) struct Registrar {
    /// Every owner's fingerprints.
    pub(super) leaves: BTreeMap<UniverseId, Rc<Leaves>>,
    pub(super) briefs: Vec<Prepared<Brief>>,
    pub(super) series: Vec<Prepared<Chosen>>,
}

impl Registrar {
    pub(super) const fn new(leaves: BTreeMap<UniverseId, Rc<Leaves>>) -> Self {
        Self { leaves, briefs: Vec::new(), series: Vec::new() }
    }
}
