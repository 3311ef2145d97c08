//! HTTP routes of the gateway: admission, then the pump.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use oml_contracts::{ChannelId, RequestHash};
use oml_payments::{
    GatewayTerms, MeteredRequest, RECEIPT_HEADER, ServedPath, SignedReceipt, SignedVoucher,
    VOUCHER_HEADER,
};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};

use super::admission::{Admission, AdmissionInput, Admitted, Refusal, RequestUnits, decide};
use super::answers::Failure;
use super::channels::Slot;
use super::pump::{ClientAnswer, Job};
use super::shared::GatewayState;
use crate::ledger::{ChannelLedger, channel_ledger};

/// Routes of one gateway.
pub(super) fn router(shared: Arc<GatewayState>, max_body_bytes: usize) -> Router {
    Router::new()
        .route("/v1/completions", post(completions))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/models", get(models))
        .route("/v1/oml/terms", get(terms))
        .route("/v1/oml/channels/{channel}/receipt", get(newest_receipt))
        .route("/livez", get(|| async { "ok\n" }))
        .layer(axum::extract::DefaultBodyLimit::max(max_body_bytes))
        .with_state(shared)
}

async fn completions(
    State(shared): State<Arc<GatewayState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    paid(shared, ServedPath::Completions, &headers, &body).await
}

async fn chat(
    State(shared): State<Arc<GatewayState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    paid(shared, ServedPath::Chat, &headers, &body).await
}

async fn paid(
    shared: Arc<GatewayState>,
    path: ServedPath,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let answer = match admit(shared, path, headers, body).await {
        Ok(answer) => answer,
        Err(failure) => ClientAnswer::Failed(failure),
    };
    let outcome =
        if let ClientAnswer::Failed(failure) = &answer { failure.code() } else { "served" };
    metrics::counter!("oml_gateway_requests_total", "outcome" => outcome).increment(1);
    match answer {
        ClientAnswer::Whole(bytes, receipt) => whole(bytes, &receipt),
        ClientAnswer::Stream(events) => stream(events),
        ClientAnswer::Failed(failure) => failure.into_response(),
    }
}

/// Judges a request; a paid one is handed to its own task, whose answer is awaited.
async fn admit(
    shared: Arc<GatewayState>,
    path: ServedPath,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<ClientAnswer, Failure> {
    let permit =
        Arc::clone(&shared.permits).try_acquire_owned().map_err(|_| Failure::Overloaded)?;
    let request = MeteredRequest::parse(path, body, &shared.tokens)?;
    let voucher: Option<SignedVoucher> =
        headers.get(VOUCHER_HEADER).map(|v| oml_payments::decode(v.as_bytes())).transpose()?;
    let prompt_tokens = request.count_prompt(shared.counter.as_ref());
    let judged = judge(&shared, &request, voucher.as_ref(), prompt_tokens).await?;
    let (Some(voucher), Some(slot)) = (voucher, judged.slot) else { return Err(Failure::Stopped) };
    let keys = shared.source.serving_keys().await?;
    let signer = shared.keys.signer(&keys, judged.now).await?;
    let number = signer.number(&shared.tasks).await.map_err(Arc::new)?;
    shared.writer.put_voucher(shared.license_id, &voucher, judged.now).await?;
    // Whoever signs a close keeps it first and then looks for vouchers; so one of both sees the
    // other.
    if shared.reader.is_closing(voucher.channel_id).await? {
        return Err(Refusal::Closing { channel: voucher.channel_id }.into());
    }
    let job = Job {
        shared: Arc::clone(&shared),
        request,
        voucher,
        accepted: judged.accepted,
        prompt_tokens,
        served_at: judged.now,
        signer,
        number,
        slot,
        _permit: permit,
    };
    let (reply, answer) = oneshot::channel();
    shared.tasks.spawn_detached("gateway request", job.run(reply));
    answer.await.map_err(|_| Failure::Stopped)
}

/// A request that is paid for.
struct Judged {
    accepted: Admitted,
    /// Keeps other requests of the channel waiting; always there if there is a voucher.
    slot: Option<OwnedMutexGuard<Slot>>,
    /// Unix seconds by which it was judged.
    now: u64,
}

/// Reads what the decision depends on, and decides.
async fn judge(
    shared: &GatewayState,
    request: &MeteredRequest,
    voucher: Option<&SignedVoucher>,
    prompt_tokens: u64,
) -> Result<Judged, Failure> {
    let units = RequestUnits {
        request_hash: permitted(shared, request, voucher),
        prompt_tokens,
        max_tokens: request.max_tokens,
    };
    let license = shared.source.license().await?;
    let channel = match voucher {
        Some(voucher) => shared.source.channel(voucher.channel_id).await?,
        None => None,
    };
    // Only channels on chain take a lock and a place in memory, so strangers can't fill it.
    let slot = match (voucher, &channel) {
        (Some(voucher), Some(_)) => Some(lock(shared, voucher.channel_id).await?),
        _ => None,
    };
    let mut ledger = slot.as_deref().and_then(|known| *known).unwrap_or_default();
    // Another program of the host may have signed the channel's end just now.
    if let (Some(voucher), Some(_)) = (voucher, &channel) {
        ledger.closing = shared.reader.is_closing(voucher.channel_id).await?;
    }
    let now = shared.source.now();
    let decision = decide(&AdmissionInput {
        escrow: &shared.escrow,
        license: &license,
        voucher,
        channel: channel.as_ref(),
        ledger: &ledger,
        request: &units,
        limits: &shared.risk,
        now,
    });
    match decision {
        Admission::Accept(accepted) => Ok(Judged { accepted, slot, now }),
        Admission::PaymentRequired(required) => Err(Failure::PaymentRequired(required)),
        Admission::Reject(refusal) => Err(refusal.into()),
    }
}

/// The hash that the voucher must name: what is asked, or that it is asked plainly if the voucher
/// says so and the client can't even choose among the upstream's models.
fn permitted(
    shared: &GatewayState,
    request: &MeteredRequest,
    voucher: Option<&SignedVoucher>,
) -> RequestHash {
    let plain = request.plain_hash(shared.model_id).filter(|_| shared.upstream.fixes_model());
    let named = voucher.map(|voucher| voucher.request_hash);
    plain.filter(|plain| named == Some(*plain)).unwrap_or_else(|| request.hash(shared.model_id))
}

/// Locks a channel and makes sure that its sums are known.
async fn lock(shared: &GatewayState, channel: ChannelId) -> Result<OwnedMutexGuard<Slot>, Failure> {
    let mut slot = shared.channels.lock(channel).await.ok_or(Failure::ChannelBusy)?;
    if slot.is_none() {
        let known: ChannelLedger = channel_ledger(shared.reader.as_ref(), channel).await?;
        *slot = Some(known);
    }
    Ok(slot)
}

fn whole(bytes: Bytes, receipt: &SignedReceipt) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&oml_payments::encode(receipt)) {
        headers.insert(RECEIPT_HEADER, value);
    }
    response
}

fn stream(mut events: mpsc::Receiver<Bytes>) -> Response {
    let events = futures::stream::poll_fn(move |context| events.poll_recv(context));
    let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies that buffer would hold back the tokens.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

async fn models(State(shared): State<Arc<GatewayState>>) -> Response {
    match shared.upstream.models().await {
        Ok(bytes) => {
            ([(header::CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response()
        }
        Err(failure) => Failure::from(failure).into_response(),
    }
}

async fn terms(State(shared): State<Arc<GatewayState>>) -> Result<Json<GatewayTerms>, Failure> {
    let license = shared.source.license().await?;
    Ok(Json(GatewayTerms {
        chain_id: shared.escrow.chain_id,
        escrow: shared.escrow.verifying_contract,
        proofs: shared.receipts.verifying_contract,
        license_id: license.license_id,
        model_id: shared.model_id,
        serving_keys: shared.source.serving_keys().await?.as_ref().clone(),
        price: license.price,
        expires_at: license.expires_at,
        default_max_tokens: shared.tokens.default_max_tokens,
        max_tokens_cap: shared.tokens.max_tokens_cap,
    }))
}

/// The newest receipt of a channel, for a payer whose connection broke before it came.
async fn newest_receipt(
    State(shared): State<Arc<GatewayState>>,
    Path(channel): Path<String>,
) -> Result<Response, Failure> {
    let Ok(channel) = channel.parse::<ChannelId>() else {
        return Ok((StatusCode::NOT_FOUND, "not a channel id\n").into_response());
    };
    Ok(match shared.reader.last_receipt(channel).await? {
        Some(receipt) => Json(receipt).into_response(),
        None => (StatusCode::NOT_FOUND, "no receipt on this channel\n").into_response(),
    })
}
