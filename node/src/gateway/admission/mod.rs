//! Whether a request is paid for: a pure function of the voucher, the chain and what was served.

use oml_contracts::Signable as _;
use oml_contracts::hash::channel_id;
use oml_contracts::{Amount, ChannelId, Domain, EthAddress, LicenseId, RequestHash};
use oml_payments::{PaymentRequired, RequiredVoucher, SignedVoucher};

use crate::chain::{ChannelStatus, ChannelView};
use crate::ledger::{ChannelLedger, ServedLicense};

/// Units that a request needs at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestUnits {
    /// Hash of model and prompt.
    pub request_hash: RequestHash,
    /// Tokens of the prompt, as this gateway counts.
    pub prompt_tokens: u64,
    /// Longest answer, in tokens.
    pub max_tokens: u64,
}

impl RequestUnits {
    /// Prompt and longest answer together.
    #[must_use]
    pub(crate) const fn reserved(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.max_tokens)
    }
}

/// What the host risks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RiskLimits {
    /// No request is admitted in the last seconds of the license's term.
    pub expiry_margin_secs: u64,
    /// Largest amount served on a channel and not yet claimed.
    pub max_unsettled: Amount,
}

/// Everything the decision depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdmissionInput<'a> {
    /// Domain of vouchers: the escrow.
    pub escrow: &'a Domain,
    /// License under which is served.
    pub license: &'a ServedLicense,
    /// What came in the header.
    pub voucher: Option<&'a SignedVoucher>,
    /// The channel on chain; `None` if no such channel was opened.
    pub channel: Option<&'a ChannelView>,
    /// What was served and promised on the channel.
    pub ledger: &'a ChannelLedger,
    /// What is asked.
    pub request: &'a RequestUnits,
    /// What the host risks.
    pub limits: &'a RiskLimits,
    /// Unix seconds by which terms are judged.
    pub now: u64,
}

/// Whether a request is served, and what a refused payer has to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The request is paid for and is served.
    Accept(Admitted),
    /// Answer 402: a better voucher, or a better channel, would do.
    PaymentRequired(Box<PaymentRequired>),
    /// Answer with an error: no voucher would do.
    Reject(Refusal),
}

/// A paid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// Number of the request, from 1: `cumulativeRequests` of voucher and receipt.
    pub request: u64,
    /// Tokens served before.
    pub tokens_before: u64,
    /// Tokens that the voucher pays for in this request, at least what was reserved.
    pub headroom: u64,
}

/// Why no voucher would do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The license is not active, or its term ends.
    #[error("license {license_id} does not serve: {reason}")]
    LicenseEnded {
        /// License under which is served.
        license_id: LicenseId,
        /// What is wrong with the license.
        reason: &'static str,
    },
    /// The voucher's fields contradict each other: its channel is not (license, payer, signer,
    /// salt).
    #[error(
        "the voucher names channel {named}, but license, payer, signer and salt give {computed}"
    )]
    WrongChannel {
        /// Channel in the voucher.
        named: ChannelId,
        /// Channel that its parts give.
        computed: ChannelId,
    },
    /// The voucher permits another request.
    #[error("the voucher permits request {permitted}, but this is request {asked}")]
    WrongRequest {
        /// In the voucher.
        permitted: RequestHash,
        /// Hash of what came.
        asked: RequestHash,
    },
    /// Not signed by whom it names.
    #[error(
        "the voucher is not signed by the key of {expected}; sign its EIP-712 digest in the escrow's \
         domain. A payer that is a contract names a session key when it opens the channel, which \
         signs for it: gateways take no signature of a contract (EIP-1271)"
    )]
    BadSignature {
        /// Payer, or its session signer.
        expected: EthAddress,
    },
    /// Too much is served and not yet claimed.
    #[error(
        "channel has {unsettled} unclaimed of at most {limit}; a claim is on its way, retry later"
    )]
    Unsettled {
        /// Amount with this request.
        unsettled: Amount,
        /// The host's limit, or what its collateral covers.
        limit: Amount,
    },
    /// The host signed the channel's end while the request was admitted.
    #[error("the host has signed that channel {channel} ends; open another")]
    Closing {
        /// Channel on which the request came.
        channel: ChannelId,
    },
    /// The units have no price that an amount could hold.
    #[error("{requests} requests and {tokens} tokens cost more than any amount can hold")]
    Priceless {
        /// Requests in the voucher.
        requests: u64,
        /// Tokens in the voucher.
        tokens: u64,
    },
}

impl Refusal {
    /// Stable code for machines.
    #[must_use]
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::LicenseEnded { .. } => "license_ended",
            Self::WrongChannel { .. } => "wrong_channel",
            Self::WrongRequest { .. } => "wrong_request",
            Self::BadSignature { .. } => "bad_signature",
            Self::Unsettled { .. } => "unsettled",
            Self::Closing { .. } => "channel_closing",
            Self::Priceless { .. } => "priceless",
        }
    }

    /// Status of the HTTP answer that refuses it.
    #[must_use]
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::LicenseEnded { .. } | Self::BadSignature { .. } | Self::Closing { .. } => 403,
            Self::WrongChannel { .. } | Self::WrongRequest { .. } | Self::Priceless { .. } => 400,
            Self::Unsettled { .. } => 503,
        }
    }
}

/// Decides one request.
///
/// A voucher must raise the amount over every voucher that was used before, even if the units cost
/// nothing: `PaymentEscrow` settles units only together with an increasing amount, and unsettled
/// units make the host liable for under-metering.
#[must_use]
pub(crate) fn decide(input: &AdmissionInput<'_>) -> Admission {
    if let Some(reason) = ended(input) {
        return Admission::Reject(Refusal::LicenseEnded {
            license_id: input.license.license_id,
            reason,
        });
    }
    let Some(voucher) = input.voucher else {
        return required(input, "voucher_missing", "send a voucher in the header X-OML-Voucher");
    };
    if let Some(refusal) = misdirected(input, voucher) {
        return Admission::Reject(refusal);
    }
    let Some(channel) = input.channel else {
        return required(input, "channel_unknown", "open the channel and deposit first");
    };
    if let Some((error, hint)) = leaving(input, channel) {
        return required(input, error, hint);
    }
    judge_units(input, voucher, channel)
}

fn ended(input: &AdmissionInput<'_>) -> Option<&'static str> {
    if !input.license.active {
        return Some("it is not active");
    }
    let end = input.license.expires_at.saturating_sub(input.limits.expiry_margin_secs);
    (input.now >= end).then_some("its term is over or about to be")
}

/// Why nothing is served on a channel any more: nothing would keep its deposit from the payer.
fn leaving(
    input: &AdmissionInput<'_>,
    channel: &ChannelView,
) -> Option<(&'static str, &'static str)> {
    if channel.status != ChannelStatus::Open {
        Some(("channel_closed", "this channel is closed for good; open another"))
    } else if input.ledger.closing {
        Some(("channel_closing", "the host has signed that this channel ends; open another"))
    } else if channel.thaw_end != 0 {
        Some(("channel_thawing", "the payer is leaving this channel; open another"))
    } else {
        None
    }
}

fn misdirected(input: &AdmissionInput<'_>, voucher: &SignedVoucher) -> Option<Refusal> {
    let computed = channel_id(
        input.escrow.chain_id,
        input.escrow.verifying_contract,
        input.license.license_id,
        voucher.payer,
        voucher.signer,
        voucher.salt,
    );
    if computed != voucher.channel_id {
        return Some(Refusal::WrongChannel { named: voucher.channel_id, computed });
    }
    if voucher.request_hash != input.request.request_hash {
        return Some(Refusal::WrongRequest {
            permitted: voucher.request_hash,
            asked: input.request.request_hash,
        });
    }
    let expected = voucher.expected_signer();
    let signed_by = voucher.voucher().signer(input.escrow, &voucher.signature);
    (signed_by != Ok(expected)).then_some(Refusal::BadSignature { expected })
}

fn judge_units(
    input: &AdmissionInput<'_>,
    voucher: &SignedVoucher,
    channel: &ChannelView,
) -> Admission {
    let (requests, served_tokens) = counted(input);
    let Some(request) = requests.checked_add(1) else {
        return Admission::Reject(Refusal::Priceless { requests, tokens: served_tokens });
    };
    if voucher.cumulative_requests != request {
        return required(
            input,
            "wrong_sequence",
            "cumulativeRequests must be one more than served",
        );
    }
    if voucher.cumulative_tokens < least_tokens(input) {
        return required(input, "tokens_too_low", "cumulativeTokens must cover prompt and answer");
    }
    let Some(least) = least_amount(input, request, voucher.cumulative_tokens) else {
        let (requests, tokens) = (request, voucher.cumulative_tokens);
        return Admission::Reject(Refusal::Priceless { requests, tokens });
    };
    if voucher.cumulative_amount < least {
        return required(
            input,
            "amount_too_low",
            "cumulativeAmount is below the price of the units",
        );
    }
    if voucher.cumulative_amount > channel.deposited {
        return required(input, "deposit_too_low", "deposit more into the channel");
    }
    let unsettled = voucher.cumulative_amount.saturating_sub(channel.claimed);
    let limit = input.limits.max_unsettled.min(input.license.covered());
    if unsettled > limit {
        return Admission::Reject(Refusal::Unsettled { unsettled, limit });
    }
    let headroom = voucher.cumulative_tokens.saturating_sub(served_tokens);
    debug_assert!(headroom >= input.request.reserved(), "least_tokens covers what was reserved");
    Admission::Accept(Admitted { request, tokens_before: served_tokens, headroom })
}

/// Requests and tokens from which the next receipt counts on: what this host has served. The chain
/// knows amounts only.
const fn counted(input: &AdmissionInput<'_>) -> (u64, u64) {
    (input.ledger.requests, input.ledger.tokens)
}

/// Tokens that a voucher must reach: what was served and this request, and never below what an
/// earlier voucher settles.
fn least_tokens(input: &AdmissionInput<'_>) -> u64 {
    let needed = counted(input).1.saturating_add(input.request.reserved());
    needed.max(input.ledger.promised_tokens)
}

/// Amount that a voucher must reach: the price of its units, and more than any earlier one.
fn least_amount(input: &AdmissionInput<'_>, requests: u64, tokens: u64) -> Option<Amount> {
    let claimed = input.channel.map_or(Amount::ZERO, |c| c.claimed);
    let more = input.ledger.promised_amount.max(claimed).checked_add(Amount::new(1))?;
    Some(input.license.price.of(requests, tokens)?.max(more))
}

fn required(input: &AdmissionInput<'_>, error: &str, hint: &str) -> Admission {
    let requests = counted(input).0.saturating_add(1);
    let tokens = least_tokens(input);
    let required = least_amount(input, requests, tokens).map(|amount| RequiredVoucher {
        cumulative_requests: requests,
        cumulative_tokens: tokens,
        cumulative_amount: amount,
        request_hash: input.request.request_hash,
        prompt_tokens: input.request.prompt_tokens,
        max_tokens: input.request.max_tokens,
    });
    let is_left = input.channel.is_some_and(|channel| leaving(input, channel).is_some());
    Admission::PaymentRequired(Box::new(PaymentRequired {
        error: error.to_owned(),
        message: hint.to_owned(),
        price: input.license.price,
        license_id: input.license.license_id,
        escrow: input.escrow.verifying_contract,
        chain_id: input.escrow.chain_id,
        required: required.filter(|_| !is_left),
        deposited: input.channel.map(|c| c.deposited),
    }))
}

#[cfg(test)]
mod tests;
