//! Sealed copies for hosts: `GET /v1/licenses/{id}/copy/manifest` for everybody, and the ciphertext
//! at `…/copy/data`, in ranges, for whoever shows the token that only the host can open.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::body::{Frame, SizeHint};
use oml_contracts::LicenseId;
use oml_prover::delivery::{CopySecrets, MANIFEST_FILE, SEALED_FILE};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::copies::folder_of;
use crate::api::ApiError;

/// Downloads of manifests at the same time, and of copies; more are asked to come later. Counted
/// apart: anybody may ask for a manifest, and must not hold up who has a token.
const DOWNLOADS: usize = 16;
/// Downloads of one copy at the same time: its host, who alone has the token, needs one, and must
/// not hold up the others.
const DOWNLOADS_OF_ONE_COPY: usize = 4;

struct Downloads {
    copies: PathBuf,
    manifests: Arc<Semaphore>,
    data: Arc<Semaphore>,
    of_copies: Arc<CopyPlaces>,
}

/// The routes of an owner that keeps sealed copies in `copies`.
pub(super) fn router(copies: PathBuf) -> Router {
    let places = || Arc::new(Semaphore::new(DOWNLOADS));
    let of_copies = Arc::default();
    let state = Downloads { copies, manifests: places(), data: places(), of_copies };
    Router::new()
        .route("/v1/licenses/{license}/copy/manifest", get(manifest))
        .route("/v1/licenses/{license}/copy/data", get(data))
        .with_state(Arc::new(state))
}

async fn manifest(
    State(state): State<Arc<Downloads>>,
    Path(license): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = license_id(&license)?;
    let place = place(&state.manifests)?;
    Ok(serve(place, folder_of(&state.copies, id).join(MANIFEST_FILE), request).await)
}

async fn data(
    State(state): State<Arc<Downloads>>,
    Path(license): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = license_id(&license)?;
    let folder = folder_of(&state.copies, id);
    let Ok(secrets) = CopySecrets::load(&folder, id) else {
        return Err(ApiError::not_found("no copy of this license is here"));
    };
    if !shows(request.headers(), &secrets.download_token()) {
        let said = "the token is not that of this copy";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", said));
    }
    let of_copy = CopyPlaces::take(&state.of_copies, id).ok_or_else(|| {
        let said = format!(
            "{DOWNLOADS_OF_ONE_COPY} downloads of this copy are running; let one of them end"
        );
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_downloads", said)
    })?;
    let place = (place(&state.data)?, of_copy);
    Ok(serve(place, folder.join(SEALED_FILE), request).await)
}

fn license_id(text: &str) -> Result<LicenseId, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request(format!("license: {error}")))
}

fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    let place = places.clone().try_acquire_owned();
    place.map_err(|_| ApiError::unavailable("too many downloads; try again in a while"))
}

/// How many downloads of each copy are running.
#[derive(Default)]
struct CopyPlaces(Mutex<HashMap<LicenseId, usize>>);

impl CopyPlaces {
    /// One more, unless the copy has as many as it may have.
    fn take(places: &Arc<Self>, license: LicenseId) -> Option<CopyPlace> {
        let mut running = places.lock();
        let of_copy = running.entry(license).or_insert(0);
        if *of_copy >= DOWNLOADS_OF_ONE_COPY {
            return None;
        }
        *of_copy += 1;
        drop(running);
        Some(CopyPlace { places: Arc::clone(places), license })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LicenseId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running download of a copy.
struct CopyPlace {
    places: Arc<CopyPlaces>,
    license: LicenseId,
}

impl Drop for CopyPlace {
    fn drop(&mut self) {
        let mut running = self.places.lock();
        if let Some(of_copy) = running.get_mut(&self.license) {
            *of_copy -= 1;
            if *of_copy == 0 {
                running.remove(&self.license);
            }
        }
    }
}

/// Whether the request bears the token. Compared whole, so that time tells nothing of it.
fn shows(headers: &HeaderMap, token: &[u8; 32]) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|text| text.strip_prefix("Bearer "));
    let mut bytes = [0; 32];
    given.is_some_and(|text| hex::decode_to_slice(text, &mut bytes).is_ok())
        && bytes.iter().zip(token).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

async fn serve(place: impl Send + Unpin + 'static, file: PathBuf, request: Request) -> Response {
    match ServeFile::new(file).oneshot(request).await {
        // The place is taken as long as the body is sent.
        Ok(answer) => answer.map(|body| Body::new(Held { body, _place: place })),
        Err(never) => match never {},
    }
    .into_response()
}

/// A body that keeps its place among the downloads.
struct Held<B, P> {
    body: B,
    _place: P,
}

impl<B: HttpBody + Unpin, P: Unpin> HttpBody for Held<B, P> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::{CONTENT_RANGE, RANGE};
    use oml_prover::delivery::{CopyToSeal, seal_copy};
    use oml_prover::sealed_box::EncryptionKey;

    const LICENSE: LicenseId = LicenseId::new([5; 32]);

    struct Asked {
        status: StatusCode,
        range: Option<String>,
        body: Vec<u8>,
    }

    async fn ask(router: &Router, path: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let range = answer.headers().get(CONTENT_RANGE);
        let range = range.map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap().to_vec();
        Asked { status, range, body }
    }

    #[tokio::test]
    async fn only_the_host_downloads_the_copy_and_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let (copies, copy) = (dir.path().join("copies"), dir.path().join("copy"));
        std::fs::create_dir(&copy).unwrap();
        std::fs::write(copy.join("weights"), vec![1; 5_000]).unwrap();
        let (host, out) = (EncryptionKey::generate().unwrap(), folder_of(&copies, LICENSE));
        let order =
            CopyToSeal { license: LICENSE, copy: &copy, host_key: host.public(), out: &out };
        let manifest = seal_copy(&order, &mut |_| ()).unwrap();
        let router = router(copies);
        let base = format!("/v1/licenses/{LICENSE}/copy");

        let shown = ask(&router, &format!("{base}/manifest"), &[]).await;
        assert_eq!((shown.status, shown.body), (StatusCode::OK, manifest.to_bytes()));

        let data = format!("{base}/data");
        let sealed = std::fs::read(out.join(SEALED_FILE)).unwrap();
        let token = hex::encode(manifest.download_token(&host).unwrap());
        let bearer = format!("Bearer {token}");
        let whole = ask(&router, &data, &[("authorization", &bearer)]).await;
        assert_eq!((whole.status, &whole.body), (StatusCode::OK, &sealed));
        let headers = [("authorization", bearer.as_str()), (RANGE.as_str(), "bytes=100-")];
        let part = ask(&router, &data, &headers).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
        assert!(part.range.unwrap().starts_with("bytes 100-"));
        assert_eq!(part.body, sealed[100..]);

        let wrong = format!("Bearer {}", "00".repeat(32));
        for bad in [None, Some("Bearer"), Some(token.as_str()), Some(wrong.as_str())] {
            let headers: Vec<(&str, &str)> =
                bad.iter().map(|value| ("authorization", *value)).collect();
            let refused = ask(&router, &data, &headers).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{bad:?}");
            assert!(!refused.body.windows(64).any(|part| part == &sealed[..64]));
        }
    }

    /// A host that opens many downloads and reads none of them takes nothing from the others.
    #[tokio::test]
    async fn one_host_does_not_take_the_places_of_all() {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        std::fs::write(copy.join("weights"), vec![1; 5_000]).unwrap();
        let copies = dir.path().join("copies");
        let other = LicenseId::new([6; 32]);
        let mut bearers = Vec::new();
        for license in [LICENSE, other] {
            let (host, out) = (EncryptionKey::generate().unwrap(), folder_of(&copies, license));
            let order = CopyToSeal { license, copy: &copy, host_key: host.public(), out: &out };
            let manifest = seal_copy(&order, &mut |_| ()).unwrap();
            let token = hex::encode(manifest.download_token(&host).unwrap());
            bearers.push((format!("/v1/licenses/{license}/copy/data"), format!("Bearer {token}")));
        }
        let router = router(copies);
        let open = async |place: usize| {
            let (path, bearer) = &bearers[place];
            let request = Request::builder().uri(path).header("authorization", bearer);
            router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
        };
        let mut held = Vec::new();
        for _ in 0..DOWNLOADS_OF_ONE_COPY {
            held.push(open(0).await);
        }
        assert!(held.iter().all(|answer| answer.status() == StatusCode::OK));
        let refused = open(0).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let body = axum::body::to_bytes(refused.into_body(), 1 << 10).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(said["error"]["code"], "too_many_downloads");
        assert!(said["error"]["message"].as_str().unwrap().contains("4 downloads of this copy"));
        // Another host is served, and the first again once one of its downloads ends.
        assert_eq!(open(1).await.status(), StatusCode::OK);
        held.pop();
        assert_eq!(open(0).await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn nothing_else_of_the_folder_is_served() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder_of(dir.path(), LICENSE);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("delivery.key"), "secret").unwrap();
        let router = router(dir.path().to_owned());
        for (path, status) in [
            (format!("/v1/licenses/{LICENSE}/copy/delivery.key"), StatusCode::NOT_FOUND),
            (format!("/v1/licenses/{LICENSE}/copy/manifest"), StatusCode::NOT_FOUND),
            (format!("/v1/licenses/{LICENSE}/copy/data"), StatusCode::NOT_FOUND),
            ("/v1/licenses/..%2f..%2fetc/copy/manifest".to_owned(), StatusCode::BAD_REQUEST),
            ("/v1/licenses/x/copy/data".to_owned(), StatusCode::BAD_REQUEST),
        ] {
            let answer = ask(&router, &path, &[]).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(!answer.body.windows(6).any(|part| part == b"secret"), "{path}");
        }
    }
}
