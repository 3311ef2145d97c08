//! What a proof or a round finds a host guilty of.

/// Ways in which a host can break a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Violation {
    /// Two receipts of one number with different content.
    Equivocation = 0,
    /// A receipt above what was settled.
    UnderMetering = 1,
    /// A receipt dated outside of the term.
    OutOfTerm = 2,
    /// Receipts over a model without a license for it.
    UnlicensedModel = 3,
    /// Use without payment, found by rounds.
    UnpaidUse = 4,
}
