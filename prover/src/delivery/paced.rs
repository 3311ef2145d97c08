//! An answer over HTTP that must keep coming.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::fetch_error::FetchError;

/// Bytes that must come within the time.
const STRETCH: usize = 1 << 20;

/// The body of an answer. Its head has a limited time, and so has each MiB, so that nobody holds up
/// a download by a byte now and then.
pub(super) struct PacedBody {
    url: String,
    answer: Response,
    patience: Duration,
    until: Instant,
    /// Bytes since the time began to run.
    came: usize,
}

impl PacedBody {
    /// Waits for the head of an answer of `url`.
    pub(super) async fn of(
        url: &str,
        request: impl Future<Output = reqwest::Result<Response>>,
        patience: Duration,
    ) -> Result<Self, FetchError> {
        let answer = timeout_at(Instant::now() + patience, request).await;
        let answer = answer.map_err(|_| slow(url, patience))?;
        let answer =
            answer.map_err(|source| FetchError::Unreachable { url: url.to_owned(), source })?;
        let until = Instant::now() + patience;
        Ok(Self { url: url.to_owned(), answer, patience, until, came: 0 })
    }

    /// Status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, FetchError> {
        let part = timeout_at(self.until, self.answer.chunk()).await;
        let part = part.map_err(|_| slow(&self.url, self.patience))?;
        let part =
            part.map_err(|source| FetchError::BrokenOff { url: self.url.clone(), source })?;
        self.came += part.as_ref().map_or(0, |part| part.len());
        if self.came >= STRETCH {
            self.came = 0;
            self.until = Instant::now() + self.patience;
        }
        Ok(part)
    }
}

fn slow(url: &str, patience: Duration) -> FetchError {
    FetchError::TooSlow { url: url.to_owned(), seconds: patience.as_secs() }
}
