//! Numbers as tables show them.

/// A probability for a table: two digits, or its order of magnitude where it is small.
pub(super) fn share(p: f64) -> String {
    match p {
        _ if p > 0.999_95 => "1".to_owned(),
        _ if p >= 0.005 => format!("{p:.3}"),
        _ if p > 0.0 => format!("{p:.1e}"),
        _ => "0".to_owned(),
    }
}

/// Several of them in one cell.
pub(super) fn shares(all: &[f64]) -> String {
    all.iter().map(|p| share(*p)).collect::<Vec<_>>().join(" / ")
}

/// Large numbers for a table.
pub(super) fn large(all: &[f64]) -> String {
    all.iter().map(|x| format!("{x:.1e}")).collect::<Vec<_>>().join(" / ")
}
