//! Pays for requests: opens vouchers, checks receipts, keeps evidence.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use oml_contracts::{Amount, RequestHash, Signable as _};
use serde_json::{Value, json};

use super::answer::{self, AnswerPart, OnPart, OnText};
use super::error::{PayerError, network, refusal};
use super::keys::ServingKeySource;
use super::signer::VoucherSigner;
use crate::channel::PayerChannel;
use crate::count::ByteEstimate;
use crate::log::{EvidenceLog, LogEntry};
use crate::payer::{self, Expectation, PayerState, ReceiptProblem};
use crate::request::{MeteredRequest, ServedPath, TokenLimits};
use crate::wire::{SignedReceipt, SignedVoucher, VOUCHER_HEADER, encode};

/// Requests sent for one answer, vouchers corrected in between.
const MAX_ATTEMPTS: usize = 5;
/// Pause before a gateway that is busy is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(300);

/// An answer that was paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Text of the answer.
    pub text: String,
    /// Whole body of an answer that was not streamed.
    pub body: Option<Value>,
    /// What the host signed.
    pub receipt: SignedReceipt,
    /// What the payer promised for everything so far.
    pub voucher: SignedVoucher,
    /// Tokens of this request.
    pub tokens: u64,
}

/// Chain time, as it was read then.
#[derive(Debug, Clone, Copy)]
struct ChainClock {
    read: u64,
    at: Instant,
}

/// A payer's way to one channel. Requests run one after the other.
#[derive(Debug)]
pub struct PayerSession {
    pub(super) channel: PayerChannel,
    signer: Box<dyn VoucherSigner>,
    pub(super) gateway: String,
    pub(super) http: reqwest::Client,
    log: Option<EvidenceLog>,
    keys: Option<Arc<dyn ServingKeySource>>,
    pub(super) state: PayerState,
    budget: Amount,
    /// Most that any voucher promised, whether it was answered or not.
    promised: Amount,
    /// The voucher sent last, whose receipt may not have come.
    pub(super) sent: Option<SignedVoucher>,
    /// Promises of earlier sessions are unknown, so the gateway's word on them is taken.
    pub(super) resumed: bool,
    clock: Option<ChainClock>,
    /// Requests are plain: their receipts say so, and their answers are kept.
    pub(super) plain: bool,
    receipts: Vec<SignedReceipt>,
}

impl PayerSession {
    /// A session that starts with an unused channel and keeps receipts in memory only.
    ///
    /// # Errors
    /// [`PayerError::WrongKey`], [`PayerError::Network`] if the HTTP client can't be made.
    pub fn new(
        channel: PayerChannel,
        signer: impl VoucherSigner + 'static,
        gateway: &str,
    ) -> Result<Self, PayerError> {
        let (found, expected) = (signer.address(), channel.voucher_signer());
        if found != expected {
            return Err(PayerError::WrongKey { found, expected });
        }
        let gateway = gateway.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(600))
            .build()
            .map_err(|cause| network(&gateway, cause))?;
        Ok(Self {
            channel,
            signer: Box::new(signer),
            gateway,
            http,
            log: None,
            keys: None,
            state: PayerState::default(),
            budget: Amount::MAX,
            promised: Amount::ZERO,
            sent: None,
            resumed: false,
            clock: None,
            plain: false,
            receipts: Vec::new(),
        })
    }

    /// Keeps every voucher and receipt in a file, and goes on where the file ends.
    ///
    /// # Errors
    /// [`PayerError::Log`].
    pub async fn with_log(mut self, path: &Path) -> Result<Self, PayerError> {
        let (log, state) = EvidenceLog::open(path, &self.channel).await?;
        for entry in EvidenceLog::read(path).await? {
            match entry {
                LogEntry::Voucher(voucher) => {
                    self.promised = self.promised.max(voucher.cumulative_amount);
                    self.sent = Some(voucher);
                }
                LogEntry::Receipt(receipt) => self.receipts.push(receipt),
                LogEntry::Channel(_) | LogEntry::Answer { .. } => {}
            }
        }
        self.log = Some(log);
        self.state = state;
        Ok(self)
    }

    /// Never promises more than this in all; usually the deposit.
    #[must_use]
    pub const fn with_budget(mut self, budget: Amount) -> Self {
        self.budget = budget;
        self
    }

    /// Judges the dates of receipts by this chain time, in Unix seconds, which goes on from now. A
    /// payer that does not follow the chain leaves it out, and dates are not judged.
    #[must_use]
    pub fn with_chain_time(mut self, timestamp: u64) -> Self {
        self.clock = Some(ChainClock { read: timestamp, at: Instant::now() });
        self
    }

    /// Chain time as far as it is known, Unix seconds.
    pub(super) fn chain_time(&self) -> Option<u64> {
        self.clock.map(|clock| clock.read.saturating_add(clock.at.elapsed().as_secs()))
    }

    /// Asks there for the license's serving keys when a receipt names a key that was not known when
    /// the session began: the host may rotate its key at any time. Without it such a receipt is not
    /// believed.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<dyn ServingKeySource>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Asks plainly from now on: vouchers and receipts name the plain hash of a request, which a
    /// gateway signs only where whoever asks has no say in the answer, and the log keeps the texts.
    /// Evidence for a proof of an unlicensed model.
    #[must_use]
    pub const fn asking_plainly(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Goes on from the gateway's newest receipt, for a channel whose log is lost. Its signature is
    /// checked, its counts are the host's word.
    ///
    /// # Errors
    /// [`PayerError`]; no receipt is no error.
    pub async fn resume(&mut self) -> Result<(), PayerError> {
        let Some(receipt) = self.newest_receipt().await? else { return Ok(()) };
        self.learn_key_of(&receipt).await;
        payer::signed_for(&receipt, &self.channel)
            .map_err(|problem| unbelieved(&receipt, problem))?;
        if receipt.cumulative_requests > self.state.requests {
            self.state.newest = Some(receipt.number());
            self.state.requests = receipt.cumulative_requests;
            self.state.tokens = receipt.cumulative_tokens;
            self.resumed = true;
            self.keep(&receipt, None).await?;
        }
        Ok(())
    }

    /// Promises at most this in all from now on, as [`Self::with_budget`].
    pub const fn limit(&mut self, budget: Amount) {
        self.budget = budget;
    }

    /// The most that any voucher of this channel promised, as far as this session and its log know.
    /// The host can claim it whether it answered or not.
    #[must_use]
    pub fn promised(&self) -> Amount {
        self.promised.max(self.state.promised_amount)
    }

    /// What is known about the channel.
    #[must_use]
    pub const fn state(&self) -> &PayerState {
        &self.state
    }

    /// The channel that pays.
    #[must_use]
    pub const fn channel(&self) -> &PayerChannel {
        &self.channel
    }

    /// Every receipt that came, in order, believed or not.
    #[must_use]
    pub fn receipts(&self) -> &[SignedReceipt] {
        &self.receipts
    }

    /// Continues a prompt.
    ///
    /// # Errors
    /// [`PayerError`].
    pub async fn complete(
        &mut self,
        model: &str,
        prompt: &str,
        max_tokens: u64,
    ) -> Result<Completion, PayerError> {
        let body =
            json!({"model": model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0});
        self.request(ServedPath::Completions, body, &mut |_| {}).await
    }

    /// Answers messages.
    ///
    /// # Errors
    /// [`PayerError`].
    pub async fn chat(
        &mut self,
        model: &str,
        messages: Value,
        max_tokens: u64,
    ) -> Result<Completion, PayerError> {
        let body = json!({"model": model, "messages": messages, "max_tokens": max_tokens});
        self.request(ServedPath::Chat, body, &mut |_| {}).await
    }

    /// Sends any OpenAI body, streamed or not, and pays for it. `on_text` sees the answer as it
    /// comes.
    ///
    /// # Errors
    /// [`PayerError`]. After [`PayerError::Network`] the request may have been served; the next one
    /// finds out. After [`PayerError::Cut`] what `on_text` saw was paid for.
    pub async fn request(
        &mut self,
        path: ServedPath,
        body: Value,
        on_text: OnText<'_>,
    ) -> Result<Completion, PayerError> {
        let bytes = body.to_string().into_bytes();
        let mut text_only = |part: AnswerPart<'_>| {
            if let AnswerPart::Text(text) = part {
                on_text(text);
            }
        };
        self.relay(path, &bytes, &mut text_only).await
    }

    /// The same for a body that is passed on byte by byte, and so is the answer.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub async fn relay(
        &mut self,
        path: ServedPath,
        body: &[u8],
        on_part: OnPart<'_>,
    ) -> Result<Completion, PayerError> {
        let limits = TokenLimits { default_max_tokens: 256, max_tokens_cap: u64::MAX };
        let request = MeteredRequest::parse(path, body, &limits)?;
        let hash = if self.plain {
            request.plain_hash(self.channel.model_id).ok_or(PayerError::NotPlain)?
        } else {
            request.hash(self.channel.model_id)
        };
        let estimate = request.count_prompt(&ByteEstimate);
        let mut reserved = estimate.saturating_add(request.max_tokens);
        let mut last: Option<PayerError> = None;
        for _ in 0..MAX_ATTEMPTS {
            let voucher = self.promise(reserved, hash).await?;
            let response = self.send(path, body, &voucher).await?;
            match response.status().as_u16() {
                200 => return self.receive(&request, response, &voucher, on_part).await,
                402 => reserved = self.renegotiate(response, &request, hash).await?,
                409 | 503 => {
                    last = Some(refusal(response).await);
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                _ => return Err(refusal(response).await),
            }
        }
        Err(last.unwrap_or(PayerError::Refused {
            status: 402,
            code: None,
            message: format!("no agreement on a voucher after {MAX_ATTEMPTS} attempts"),
        }))
    }

    /// Signs the next voucher and keeps it before it is sent.
    async fn promise(
        &mut self,
        reserved: u64,
        hash: RequestHash,
    ) -> Result<SignedVoucher, PayerError> {
        let budget = self.budget;
        let over = |needed| PayerError::Budget { needed, budget };
        let voucher = self
            .state
            .next_voucher(&self.channel, reserved, hash)
            .ok_or_else(|| over(Amount::MAX))?;
        if voucher.cumulative_amount > budget {
            return Err(over(voucher.cumulative_amount));
        }
        let digest = voucher.digest(&self.channel.voucher_domain());
        let signature = self.signer.sign(digest).await;
        let signature = signature.map_err(|source| PayerError::Unsigned { source })?;
        let signed = self.channel.signed(&voucher, signature);
        if let Some(log) = &self.log {
            log.append(&LogEntry::Voucher(signed.clone())).await?;
        }
        self.promised = self.promised.max(signed.cumulative_amount);
        Ok(signed)
    }

    async fn send(
        &mut self,
        path: ServedPath,
        body: &[u8],
        voucher: &SignedVoucher,
    ) -> Result<reqwest::Response, PayerError> {
        let request = self
            .http
            .post(format!("{}{}", self.gateway, path.path()))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(VOUCHER_HEADER, encode(voucher))
            .body(body.to_vec());
        let before = self.sent.replace(voucher.clone());
        let response = request.send().await.map_err(|cause| network(&self.gateway, cause))?;
        if !response.status().is_success() {
            // Not served, so a receipt can only belong to an earlier voucher.
            self.sent = before;
        }
        Ok(response)
    }

    /// Reads the answer and judges its receipt.
    async fn receive(
        &mut self,
        request: &MeteredRequest,
        response: reqwest::Response,
        voucher: &SignedVoucher,
        on_part: OnPart<'_>,
    ) -> Result<Completion, PayerError> {
        let answer = answer::read(&self.gateway, request.path, response, on_part).await?;
        let receipt = answer.receipt;
        self.keep(&receipt, Some(&answer.text)).await?;
        self.learn_key_of(&receipt).await;
        let expected = Expectation {
            channel: &self.channel,
            state: &self.state,
            voucher,
            prompt_bytes: request.prompt.len(),
            answer: Some(&answer.text),
            now: self.chain_time(),
        };
        payer::judge(&receipt, &expected).map_err(|problem| unbelieved(&receipt, problem))?;
        let tokens = receipt.cumulative_tokens - self.state.tokens;
        self.state = PayerState::after(&receipt, voucher);
        self.resumed = false;
        if let Some(said) = answer.cut {
            return Err(PayerError::Cut { tokens, said });
        }
        Ok(Completion {
            text: answer.text,
            body: answer.body,
            receipt,
            voucher: voucher.clone(),
            tokens,
        })
    }

    /// Reads the serving keys anew if the receipt's is not among those that are known, or had not
    /// been named or ended by then. A failure shows as a receipt that is not believed.
    pub(super) async fn learn_key_of(&mut self, receipt: &SignedReceipt) {
        let known = self.channel.serving_keys.of(receipt.key_epoch);
        if known.is_some_and(|key| key.covers(receipt.served_at)) {
            return;
        }
        if let Some(source) = self.keys.clone()
            && let Ok(keys) = source.serving_keys().await
        {
            self.channel.serving_keys = keys;
        }
    }

    pub(super) async fn keep(
        &mut self,
        receipt: &SignedReceipt,
        text: Option<&str>,
    ) -> Result<(), PayerError> {
        if let Some(log) = &self.log {
            let text = text.filter(|_| self.plain).map(str::to_owned);
            let answer = text.map(|text| LogEntry::Answer { text });
            let receipt = LogEntry::Receipt(receipt.clone());
            log.append_all(&answer.into_iter().chain([receipt]).collect::<Vec<_>>()).await?;
        }
        self.receipts.push(receipt.clone());
        Ok(())
    }
}

/// A receipt that is kept but not believed.
pub(super) const fn unbelieved(receipt: &SignedReceipt, problem: ReceiptProblem) -> PayerError {
    PayerError::Receipt { request: receipt.cumulative_requests, problem }
}
