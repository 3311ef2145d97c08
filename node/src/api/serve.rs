//! An accept loop of our own: axum's has no limit for slow headers and leaves Nagle's algorithm on.

use crate::tasks::Tasks;
use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Limits of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServeLimits {
    /// Time a client has to send its request headers.
    pub(crate) header_timeout: Duration,
    /// Connections at the same time; more wait in the system's queue.
    pub(crate) max_connections: usize,
    /// Time that running requests have once the listener stops.
    pub(crate) grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            max_connections: 1_024,
            grace: Duration::from_secs(15),
        }
    }
}

/// Serves `router` until `tasks` are cancelled, then lets running requests end within
/// `limits.grace`. Failing to accept one connection does not end the others.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    tasks: Tasks,
) {
    let cancel = tasks.cancel_token();
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let mut connections = tasks.group("connection");
    loop {
        connections.reap();
        let slot = tokio::select! {
            () = cancel.cancelled() => break,
            slot = Arc::clone(&slots).acquire_owned() => slot,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or a client that left: neither may end the listener or
                // spin.
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
        }
        let service =
            TowerToHyperService::new(router.clone().map_request(|request: Request<_>| request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended badly");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not end in time");
    }
    connections.stop().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start(
        limits: ServeLimits,
    ) -> (std::net::SocketAddr, Tasks, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        });
        let router = Router::new().route("/slow", slow);
        let tasks = Tasks::new();
        let served =
            tasks.spawn_detached("test server", serve(listener, router, limits, tasks.clone()));
        (address, tasks, served)
    }

    #[tokio::test]
    async fn slow_headers_are_cut_off() {
        let limits =
            ServeLimits { header_timeout: Duration::from_millis(200), ..ServeLimits::default() };
        let (address, tasks, served) = start(limits).await;
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap();
        let mut answer = Vec::new();
        let read =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stayed open");
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
        tasks.cancel();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_running_request_ends_before_the_listener_does() {
        let (address, tasks, served) = start(ServeLimits::default()).await;
        let request = reqwest::get(format!("http://{address}/slow"));
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            tasks.cancel();
        };
        let (answer, ()) = tokio::join!(request, stop);
        assert_eq!(answer.unwrap().text().await.unwrap(), "done");
        served.await.unwrap();
        assert!(reqwest::get(format!("http://{address}/slow")).await.is_err());
    }
}
