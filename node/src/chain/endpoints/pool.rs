//! All endpoints of a chain, and to which of them requests go.

use super::one::{Endpoint, EndpointState};
use super::transport::asked_too_often;
use crate::chain::error::ChainError;
use crate::config::EndpointUrl;
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use alloy_json_rpc::{RequestPacket, ResponsePacket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::Service;

/// Time that an endpoint has while another one could be asked instead.
const TRY: Duration = Duration::from_secs(6);
/// Blocks behind the newest that any endpoint named, from which on others are preferred.
const USUAL_LAG: u64 = 5;

/// The endpoints of one chain, in the order of the configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    shared: Arc<Shared>,
    provider: DynProvider,
}

#[derive(Debug)]
struct Shared {
    all: Vec<Arc<Endpoint>>,
    current: AtomicUsize,
    /// Two endpoints that contradict each other, where nobody can say who is right.
    contradiction: Mutex<Option<ChainError>>,
}

impl Endpoints {
    /// Prepares; opens no connection.
    pub(crate) fn new(urls: &[EndpointUrl], max_log_range: u64) -> Self {
        let all = urls.iter().map(|url| Arc::new(Endpoint::new(url, max_log_range))).collect();
        let (current, contradiction) = (AtomicUsize::new(0), Mutex::default());
        let shared = Arc::new(Shared { all, current, contradiction });
        let client = RpcClient::new(Failover(Arc::clone(&shared)), false);
        let provider =
            ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased();
        Self { shared, provider }
    }

    /// Sends each request to the current endpoint, and to the next one where that fails.
    pub(crate) const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Arc<Endpoint>] {
        &self.shared.all
    }

    /// The endpoint to ask now: the one that was asked last, unless something is wrong with it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn choose(&self) -> Result<Arc<Endpoint>, ChainError> {
        let first = self.shared.order(Instant::now()).into_iter().next();
        let first = first.ok_or_else(|| ChainError::Missing { what: "an endpoint".to_owned() })?;
        self.shared.keep(&first);
        Ok(first)
    }

    /// Endpoints besides `first` that may be asked, best first.
    pub(crate) fn others(&self, first: &Endpoint) -> Vec<Arc<Endpoint>> {
        let now = Instant::now();
        let mut others = self.shared.order(now);
        others.retain(|other| !std::ptr::eq(other.as_ref(), first) && other.is_usable(now));
        others
    }

    /// Two endpoints that contradict each other, where nobody can say who is right.
    pub(crate) fn contradiction(&self) -> Option<ChainError> {
        self.shared.contradiction.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_contradiction(&self, found: Option<ChainError>) {
        if let Some(error) = &found {
            tracing::warn!(%error, "endpoints contradict each other; nothing is done meanwhile");
        }
        *self.shared.contradiction.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// What is known about each of them.
    pub(crate) fn states(&self) -> Vec<EndpointState> {
        let current = self.shared.current.load(Ordering::Relaxed);
        let best = self.shared.best();
        let states = self.all().iter().enumerate();
        states.map(|(place, one)| one.state(place == current, best)).collect()
    }
}

impl Shared {
    fn best(&self) -> Option<u64> {
        self.all.iter().filter_map(|one| one.newest()).max()
    }

    /// All endpoints, those first that should be asked: usable before others, at the head before
    /// those that lag, the current one before the order of the configuration.
    fn order(&self, now: Instant) -> Vec<Arc<Endpoint>> {
        let current = self.current.load(Ordering::Relaxed);
        let usable = self.all.iter().filter(|one| one.is_usable(now));
        let best = usable.filter_map(|one| one.newest()).max().unwrap_or_default();
        let rank = |place: usize, one: &Endpoint| {
            let lags = one.newest().is_some_and(|newest| newest + USUAL_LAG < best);
            (one.fault().is_some(), !one.is_usable(now), lags, place != current, place)
        };
        let mut order: Vec<_> = self.all.iter().enumerate().collect();
        order.sort_by_cached_key(|(place, one)| rank(*place, one));
        order.into_iter().map(|(_, one)| Arc::clone(one)).collect()
    }

    /// Asks `one` from now on.
    fn keep(&self, one: &Arc<Endpoint>) {
        let Some(place) = self.all.iter().position(|other| Arc::ptr_eq(other, one)) else { return };
        let before = self.current.swap(place, Ordering::Relaxed);
        if before != place {
            tracing::warn!(endpoint = one.shown(), "another endpoint is asked from now on");
            metrics::counter!("oml_endpoint_switches_total").increment(1);
        }
    }

    async fn send(
        self: Arc<Self>,
        request: RequestPacket,
    ) -> Result<ResponsePacket, TransportError> {
        let order = self.order(Instant::now());
        let mut left = order.len();
        for one in order {
            left -= 1;
            let sending = one.transport().clone().send(request.clone());
            if left == 0 {
                return sending.await;
            }
            match tokio::time::timeout(TRY, sending).await {
                Err(_) => one.transport().slow(TRY),
                Ok(Ok(packet)) if asked_too_often(&packet) => {}
                // Its failure is noted and said; whoever knows better is asked.
                Ok(Err(TransportError::Transport(_))) if !one.is_usable(Instant::now()) => {}
                Ok(answer) => {
                    self.keep(&one);
                    return answer;
                }
            }
        }
        Err(TransportErrorKind::custom_str("no endpoint is configured"))
    }
}

/// Requests go to the current endpoint, and to the next one where that fails.
#[derive(Clone, Debug)]
struct Failover(Arc<Shared>);

impl Service<RequestPacket> for Failover {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(Arc::clone(&self.0).send(request))
    }
}
