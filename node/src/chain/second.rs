//! A second endpoint's word on a state before money moves because of it.

use super::client::ChainClient;
use super::endpoints::Endpoint;
use super::error::ChainError;
use super::reader::Reader;
use alloy::primitives::B256;
use std::sync::Arc;
use std::time::Duration;

/// Times that a second endpoint is asked for a state after a block that it may not have yet.
const TRIES: u32 = 4;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(500);

impl ChainClient {
    /// Reads a state after the block `at`: of one endpoint, and where several are configured of a
    /// second one too, which must say the same. Every act that gives something away for good on the
    /// ground of a state asks here first.
    ///
    /// # Errors
    /// [`ChainError::Disagreement`], which is also shown by `/readyz` until they agree;
    /// [`ChainError::NoSecondEndpoint`]; and what `read` fails with at the first endpoint.
    pub(crate) async fn confirmed<T, F>(
        &self,
        what: &str,
        at: B256,
        read: impl Fn(Reader) -> F,
    ) -> Result<T, ChainError>
    where
        T: PartialEq,
        F: Future<Output = Result<T, ChainError>>,
    {
        let reader =
            |endpoint: &Endpoint| Reader::through(self.clone(), endpoint.provider().clone()).at(at);
        let endpoints = self.endpoints();
        if endpoints.all().len() == 1 {
            return read(self.reader().at(at)).await;
        }
        let first = endpoints.choose()?;
        let value = read(reader(&first)).await?;
        for second in endpoints.others(&first) {
            let Some(other) = patiently(&second, || read(reader(&second))).await else { continue };
            if other == value {
                self.note_dispute(what, None);
                return Ok(value);
            }
            let (one, other) = (first.shown().to_owned(), second.shown().to_owned());
            let error = ChainError::Disagreement { what: what.to_owned(), one, other };
            tracing::warn!(%error, "money would move on the ground of it");
            self.note_dispute(what, Some(error.clone()));
            return Err(error);
        }
        Err(ChainError::NoSecondEndpoint { what: what.to_owned() })
    }
}

/// What an endpoint says once it has the block; none if it can't be asked.
async fn patiently<T, F>(endpoint: &Arc<Endpoint>, read: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, ChainError>>,
{
    for _ in 0..TRIES {
        match read().await {
            Ok(value) => return Some(value),
            // It refuses to speak of a block that it does not have yet.
            Err(error) if error.is_refusal() => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::debug!(endpoint = endpoint.shown(), %error, "no second opinion");
                return None;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EndpointUrl;
    use crate::tasks::Tasks;
    use axum::routing::post;
    use axum::{Json, Router};
    use oml_contracts::beacon::BeaconRecord;
    use oml_contracts::chains::local_randao;
    use oml_contracts::{Addresses, EthAddress, ModelId};
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicI64, Ordering};

    /// An endpoint that knows one number, or lacks the block so many more times.
    #[derive(Clone, Default)]
    struct Fake {
        number: Arc<AtomicI64>,
        lacks: Arc<AtomicI64>,
    }

    impl Fake {
        async fn start(number: i64) -> (Self, String) {
            let fake = Self::default();
            fake.number.store(number, Ordering::SeqCst);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let answering = fake.clone();
            let answer = move |Json(request): Json<Value>| {
                let fake = answering.clone();
                async move { Json(fake.answer(&request)) }
            };
            let router = Router::new().route("/", post(answer));
            let serving = async move { axum::serve(listener, router).await };
            Tasks::new().spawn_detached("fake", serving);
            (fake, url)
        }

        fn answer(&self, request: &Value) -> Value {
            let number = self.number.load(Ordering::SeqCst);
            let lacks = self.lacks.fetch_sub(1, Ordering::SeqCst) > 0;
            let result = match request["method"].as_str().unwrap() {
                "eth_chainId" => json!("0x7a69"),
                "eth_getCode" => json!("0x01"),
                "eth_call" if number < 0 || lacks => {
                    let error = json!({ "code": -32000, "message": "header not found" });
                    return json!({ "jsonrpc": "2.0", "id": request["id"], "error": error });
                }
                "eth_call" => json!(format!("{number:#066x}")),
                _ => {
                    let hash = B256::repeat_byte(1);
                    json!({ "number": "0x0", "hash": hash, "parentHash": hash, "timestamp": "0x0" })
                }
            };
            json!({ "jsonrpc": "2.0", "id": request["id"], "result": result })
        }
    }

    async fn client(urls: &[&str]) -> ChainClient {
        let one = EthAddress::new([0x11; 20]);
        let addresses = Addresses {
            chain_id: 31_337,
            beacon: BeaconRecord { address: one, source: local_randao() },
            license_registry: one,
            collateral_vault: one,
            payment_escrow: one,
            prover_registry: one,
            proofs: one,
            rounds: one,
            token: None,
            deployed_at_block: 0,
        };
        let urls: Vec<_> = urls.iter().map(|url| EndpointUrl::parse(url).unwrap()).collect();
        ChainClient::connect_to(&urls, addresses, 100).await.unwrap()
    }

    async fn epochs(client: &ChainClient) -> Result<u32, ChainError> {
        let read = |reader: Reader| async move { reader.epochs(ModelId::new([1; 32])).await };
        client.confirmed("the epochs", B256::repeat_byte(1), read).await
    }

    #[tokio::test]
    async fn nothing_is_confirmed_unless_two_endpoints_say_the_same() {
        let (one, first) = Fake::start(7).await;
        let (two, second) = Fake::start(7).await;
        let client = client(&[&first, &second]).await;
        assert_eq!(epochs(&client).await.unwrap(), 7);
        two.number.store(8, Ordering::SeqCst);
        let error = epochs(&client).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ChainError::Disagreement { .. }), "{text}");
        assert!(text.contains(&first) && text.contains(&second), "{text}");
        let shown: Vec<_> = client.problems().iter().map(ToString::to_string).collect();
        assert_eq!(shown, [text]);
        // It is the state that is disputed, and no other act waits for it.
        client.require_view().unwrap();
        one.number.store(8, Ordering::SeqCst);
        assert_eq!(epochs(&client).await.unwrap(), 8);
        assert!(client.problems().is_empty());
    }

    #[tokio::test]
    async fn a_second_endpoint_may_be_a_little_late_but_not_away() {
        let (_, first) = Fake::start(7).await;
        let (two, second) = Fake::start(7).await;
        let both = client(&[&first, &second]).await;
        two.lacks.store(2, Ordering::SeqCst);
        assert_eq!(epochs(&both).await.unwrap(), 7);
        two.number.store(-1, Ordering::SeqCst);
        let error = epochs(&both).await.unwrap_err();
        assert!(matches!(error, ChainError::NoSecondEndpoint { .. }), "{error}");
        assert!(both.problems().is_empty());
        let away = client(&[&first, "http://127.0.0.1:1"]).await;
        let error = epochs(&away).await.unwrap_err();
        assert!(matches!(error, ChainError::NoSecondEndpoint { .. }), "{error}");
        // With one endpoint its word must do.
        assert_eq!(epochs(&client(&[&first]).await).await.unwrap(), 7);
    }
}
