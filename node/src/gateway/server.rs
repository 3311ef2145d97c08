//! A gateway's listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use oml_contracts::{Amount, Domain, ModelId};
use oml_payments::{TokenCounter, TokenLimits};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::admission::RiskLimits;
use super::channels::Channels;
use super::routes;
use super::shared::GatewayState;
use super::source::LicenseSource;
use super::upstream::Upstream;
use crate::api::{self, ServeLimits};
use crate::config::GatewayConfig;
use crate::ledger::{LedgerReader, LedgerWriter};
use crate::signing::{KeyRing, RingConfig};
use crate::tasks::Tasks;

/// Time that running requests have when the gateway stops.
const GRACE: Duration = Duration::from_secs(15);

/// Pause between two looks for a new serving key.
const KEY_WATCH: Duration = Duration::from_secs(3);

/// What a gateway works with.
#[derive(Debug, Clone)]
pub(crate) struct GatewayDeps {
    /// The licensed model; part of every request hash.
    pub model_id: ModelId,
    /// Domain of vouchers: `PaymentEscrow`.
    pub escrow: Domain,
    /// Domain of receipts: `Proofs`.
    pub receipts: Domain,
    /// Keeps vouchers and receipts.
    pub writer: Arc<dyn LedgerWriter>,
    /// Reads what was kept.
    pub reader: Arc<dyn LedgerReader>,
    /// License and channels.
    pub source: Arc<dyn LicenseSource>,
    /// Where the license's serving keys are, and their numbers.
    pub ring: RingConfig,
    /// The second meter.
    pub counter: Arc<dyn TokenCounter>,
    /// Largest amount served on a channel and not yet claimed.
    pub max_unsettled: Amount,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    /// The port can't be opened.
    #[error("the gateway can't listen on {address}: {source}; is another program using the port?")]
    Listen {
        /// Address as configured, with its port.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The HTTP client can't be made.
    #[error("the gateway's HTTP client can't be set up: {0}")]
    Client(#[from] reqwest::Error),
}

/// Serves until `cancel` is cancelled; running requests then have 15 s to end.
///
/// # Errors
/// [`GatewayError`].
pub(crate) async fn serve(
    config: GatewayConfig,
    deps: GatewayDeps,
    cancel: CancellationToken,
) -> Result<(), GatewayError> {
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| GatewayError::Listen { address, source })?;
    serve_on(listener, config, deps, cancel).await
}

/// [`serve`] on a port that is already open.
///
/// # Errors
/// [`GatewayError::Client`].
pub(crate) async fn serve_on(
    listener: TcpListener,
    config: GatewayConfig,
    deps: GatewayDeps,
    cancel: CancellationToken,
) -> Result<(), GatewayError> {
    let timeout = Duration::from_secs(config.upstream_timeout_s);
    let tasks = Tasks::under(&cancel);
    let shared = Arc::new(GatewayState {
        license_id: config.license,
        model_id: deps.model_id,
        escrow: deps.escrow,
        receipts: deps.receipts,
        tokens: TokenLimits {
            default_max_tokens: config.default_max_tokens.into(),
            max_tokens_cap: config.max_tokens_cap.into(),
        },
        risk: RiskLimits {
            // A receipt is dated at admission, but clocks of host and chain may differ a little.
            expiry_margin_secs: 30,
            max_unsettled: deps.max_unsettled,
        },
        writer: deps.writer,
        reader: deps.reader,
        source: deps.source,
        keys: KeyRing::new(deps.ring, tasks.clone()),
        counter: deps.counter,
        upstream: Upstream::new(&config.upstream, config.upstream_model, timeout)?,
        channels: Channels::default(),
        permits: Arc::new(Semaphore::new(config.max_concurrent)),
        tasks: tasks.clone(),
    });
    tracing::info!(
        license = %config.license, listen = ?listener.local_addr().ok(), upstream = config.upstream,
        "gateway serves"
    );
    tasks
        .spawn_detached("serving key watch", watch_keys(Arc::clone(&shared), tasks.cancel_token()));
    let router = routes::router(shared, config.max_body_bytes);
    let limits = ServeLimits {
        grace: GRACE,
        // Requests that are refused, and receipts that are fetched, need connections too.
        max_connections: config.max_concurrent.saturating_mul(4).max(64),
        ..ServeLimits::default()
    };
    api::serve(listener, router, limits, tasks.clone()).await;
    // Requests whose clients are gone have receipts to store.
    tasks.shutdown(GRACE).await;
    Ok(())
}

/// Looks for the serving key before a request needs it, so that its lack is in the log and the
/// metrics, and the key of a new epoch is at hand.
async fn watch_keys(shared: Arc<GatewayState>, cancel: CancellationToken) {
    let license = shared.license_id.to_string();
    loop {
        let keys = shared.source.serving_keys().await;
        let signs = match keys {
            Ok(keys) => shared.keys.signer(&keys, shared.source.now()).await.is_ok(),
            // Without the chain nothing is known about keys; requests are refused for that.
            Err(_) => false,
        };
        metrics::gauge!("oml_gateway_signs_receipts", "license" => license.clone()).set(if signs {
            1.0
        } else {
            0.0
        });
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(KEY_WATCH) => {}
        }
    }
}
