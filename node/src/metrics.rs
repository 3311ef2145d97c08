//! The process-wide recorder of metrics, and how whole numbers become gauges.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// For gauges: exact up to 2^53, which no block number or count reaches.
pub(crate) fn as_f64(value: u64) -> f64 {
    u32::try_from(value >> 32).map_or(f64::MAX, f64::from) * 4_294_967_296.0
        + f64::from(u32::try_from(value & 0xffff_ffff).unwrap_or_default())
}

/// The process-wide recorder of metrics; installed on first use.
pub(crate) fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let seconds = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!(
                "metrics are recorded by another part of this process; /metrics stays empty"
            );
        }
        handle
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn gauges_are_exact() {
        for value in [0, 1, u64::from(u32::MAX), 1 << 40, (1 << 53) - 1] {
            assert_eq!(format!("{:.0}", super::as_f64(value)), value.to_string());
        }
    }
}
