//! Relays of a drand network, asked over HTTP.
//!
//! What a relay says is somebody else's word: it is read up to a limit of bytes and time, must be
//! of the round that was asked for, and its signature must be a point of the curve.

use super::error::{BeaconError, DrandFault};
use alloy::primitives::Bytes;
use oml_contracts::beacon::BeaconSource;
use oml_contracts::rpc::points;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Longest time for one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read; a round takes less than 400.
const LONGEST: usize = 4_096;

/// The relays of a network. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Relays {
    http: reqwest::Client,
    urls: Arc<[String]>,
    source: BeaconSource,
}

/// What a relay says of a round, in drand's format.
#[derive(Deserialize)]
struct Answer {
    round: u64,
    signature: String,
}

/// A relay's signature of a round, which nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrandAnswer {
    /// Round that it claims to be of.
    pub round: u64,
    /// The signature as the beacon takes it.
    pub proof: Bytes,
}

impl Relays {
    /// The relays at `urls`, or those of drand itself where none are given and the network is one
    /// of its own.
    ///
    /// # Errors
    /// [`BeaconError::NoRelays`], [`BeaconError::Client`].
    pub fn new(source: &BeaconSource, urls: &[String]) -> Result<Self, BeaconError> {
        let urls = if urls.is_empty() { source.public_relays() } else { urls.to_vec() };
        if urls.is_empty() {
            return Err(BeaconError::NoRelays);
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .build()
            .map_err(|source| BeaconError::Client(Arc::new(source)))?;
        Ok(Self { http, urls: urls.into(), source: *source })
    }

    /// URLs of the relays' chains.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// What one relay says of a round.
    ///
    /// # Errors
    /// [`DrandFault`].
    pub async fn ask(&self, url: &str, round: u64) -> Result<DrandAnswer, DrandFault> {
        let body = self.read(&format!("{}/public/{round}", url.trim_end_matches('/'))).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|source| DrandFault::NotDrand(Arc::new(source)))?;
        if answer.round != round {
            return Err(DrandFault::OtherRound { found: answer.round });
        }
        let proof = proof_of(&self.source, &answer.signature)?;
        Ok(DrandAnswer { round, proof })
    }

    async fn read(&self, url: &str) -> Result<Vec<u8>, DrandFault> {
        let unreachable = |error: reqwest::Error| DrandFault::Unreachable(Arc::new(error));
        let mut response = self.http.get(url).send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(DrandFault::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(DrandFault::TooLong { limit: LONGEST });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// A signature as a relay writes it, as the beacon takes it.
fn proof_of(source: &BeaconSource, text: &str) -> Result<Bytes, DrandFault> {
    let bytes = hex::decode(text.trim_start_matches("0x")).map_err(DrandFault::NotHex)?;
    let proof = match source {
        BeaconSource::DrandQuicknet(_) => points::bls12_signature(&bytes).map(Bytes::from),
        _ => points::bn254_signature(&bytes).map(Bytes::from),
    };
    proof.map_err(DrandFault::NotAPoint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_contracts::beacon::{DrandNetwork, RandaoTerms, networks};
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ROUND: u64 = 6_390_578;
    const SIGNATURE: &str = "0d0d705983f50d6a2846e77d8d12a238f0be277a2307eb3e0d5206dc6765b0f9\
                             1f04e596e3b28295086e8fda9047d40d37f7c2d8fb2f6686839101692e4f5f13";

    fn source() -> BeaconSource {
        BeaconSource::DrandEvmnet(networks::evmnet(60))
    }

    async fn asked(answer: ResponseTemplate) -> Result<DrandAnswer, DrandFault> {
        let server = MockServer::start().await;
        let route = format!("/chain/public/{ROUND}");
        Mock::given(path(route)).respond_with(answer).mount(&server).await;
        let url = format!("{}/chain/", server.uri());
        let relays = Relays::new(&source(), std::slice::from_ref(&url)).unwrap();
        relays.ask(&url, ROUND).await
    }

    fn round(round: u64, signature: &str) -> ResponseTemplate {
        let body = serde_json::json!({ "round": round, "randomness": "", "signature": signature });
        ResponseTemplate::new(200).set_body_json(body)
    }

    #[tokio::test]
    async fn a_round_is_read_as_drand_writes_it() {
        let answer = asked(round(ROUND, SIGNATURE)).await.unwrap();
        assert_eq!(answer.proof, hex::decode(SIGNATURE).unwrap());
    }

    #[tokio::test]
    async fn what_a_relay_should_not_say_is_a_fault_with_a_name() {
        let fault = |answer| async move { asked(answer).await.unwrap_err() };
        assert!(matches!(fault(ResponseTemplate::new(500)).await, DrandFault::Status(500)));
        assert!(matches!(fault(ResponseTemplate::new(404)).await, DrandFault::Status(404)));
        let moved = ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/");
        assert!(matches!(fault(moved).await, DrandFault::Status(302)), "no redirect is followed");
        let huge = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10 << 20]);
        assert!(matches!(fault(huge).await, DrandFault::TooLong { .. }));
        let words = ResponseTemplate::new(200).set_body_string("<html>");
        assert!(matches!(fault(words).await, DrandFault::NotDrand(_)));
        let other = fault(round(ROUND + 1, SIGNATURE)).await;
        assert!(matches!(other, DrandFault::OtherRound { found } if found == ROUND + 1));
        assert!(matches!(fault(round(ROUND, "xyz")).await, DrandFault::NotHex(_)));
        assert!(matches!(fault(round(ROUND, "00")).await, DrandFault::NotAPoint(_)));
        let off = SIGNATURE.replace("4f5f13", "4f5f14");
        assert!(matches!(fault(round(ROUND, &off)).await, DrandFault::NotAPoint(_)));
    }

    #[test]
    fn a_private_network_needs_relays_of_its_own() {
        let own = DrandNetwork { genesis: 1, ..networks::evmnet(60) };
        let own = BeaconSource::DrandEvmnet(own);
        assert!(matches!(Relays::new(&own, &[]), Err(BeaconError::NoRelays)));
        assert_eq!(Relays::new(&source(), &[]).unwrap().urls().len(), 4);
        let randao = BeaconSource::Randao(RandaoTerms { margin: 2, bias_bits: 1 });
        assert!(matches!(Relays::new(&randao, &[]), Err(BeaconError::NoRelays)));
    }
}
