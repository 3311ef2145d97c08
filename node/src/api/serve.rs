//! An accept loop of our own: axum's has no limit for slow headers and leaves Nagle's algorithm on.

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Limits of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// Time a client has to send its request headers.
    pub header_timeout: Duration,
    /// Connections at the same time; more wait in the system's queue.
    pub max_connections: usize,
    /// Time that running requests have once the listener stops.
    pub grace: Duration,
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

/// Serves `router` until cancelled, then lets running requests end within `limits.grace`.
///
/// # Errors
/// Never at present: failing to accept one connection does not end the others.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServeLimits,
    cancel: CancellationToken,
) -> std::io::Result<()> {
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
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
                // Out of file descriptors, or a client that left: neither may end the listener or spin.
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
    connections.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start(
        limits: ServeLimits,
    ) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<std::io::Result<()>>)
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        });
        let router = Router::new().route("/slow", slow);
        let tasks = crate::Tasks::new();
        let served =
            tasks.spawn_detached("test server", serve(listener, router, limits, cancel.clone()));
        (address, cancel, served)
    }

    #[tokio::test]
    async fn slow_headers_are_cut_off() {
        let limits =
            ServeLimits { header_timeout: Duration::from_millis(200), ..ServeLimits::default() };
        let (address, cancel, served) = start(limits).await;
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap();
        let mut answer = Vec::new();
        let read =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stayed open");
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
        cancel.cancel();
        served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_running_request_ends_before_the_listener_does() {
        let (address, cancel, served) = start(ServeLimits::default()).await;
        let request = reqwest::get(format!("http://{address}/slow"));
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancel.cancel();
        };
        let (answer, ()) = tokio::join!(request, stop);
        assert_eq!(answer.unwrap().text().await.unwrap(), "done");
        served.await.unwrap().unwrap();
        assert!(reqwest::get(format!("http://{address}/slow")).await.is_err());
    }
}
