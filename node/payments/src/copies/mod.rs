//! A host's receipts against the copy of another license: what `CopyReader` reads, computed without
//! a chain.
//!
//! A series fixes its keys, and which receipts count, before anything is served (decision 015). So
//! here is nothing to choose: receipts are laid beside the keys in the only way that the contract
//! accepts, and what can't be laid there is named.

use oml_contracts::Signable as _;
use oml_contracts::bundle::{LeafPreimage, ProvenBundle};
use oml_contracts::draw::personal_index;
use oml_contracts::evidence::{
    EValue, EvidenceCounts, EvidenceError, EvidenceTerms, Log2, log2_ceil, threshold,
};
use oml_contracts::hash::{plain_request_hash, response_hash};
use oml_contracts::hits::hits_needed;
use oml_contracts::tag::tag_of;
use oml_contracts::{
    ChannelId, Domain, EthAddress, LicenseId, ModelId, ReceiptNumber, RequestHash, Root, Seed,
    ServingKeys,
};

use crate::log::LogEntry;
use crate::wire::SignedReceipt;

/// Most bundles of a series: the contract keeps hits in one word of bits.
pub const MOST_BUNDLES: u32 = 16;

/// Copies that exist, and reports that were made, as the contract counts them.
const TRIES: u32 = u32::MAX;

/// Everything that decides a series, but the answers.
#[derive(Debug, Clone)]
pub struct CopySeries<'a> {
    /// Domain of receipts.
    pub receipts: Domain,
    /// The accused license.
    pub license: LicenseId,
    /// Model of the accused license.
    pub model: ModelId,
    /// Keys that sign its receipts, by epoch.
    pub serving_keys: &'a ServingKeys,
    /// Multipliers and error rate that it agreed to.
    pub evidence: EvidenceTerms,
    /// Channel whose receipts count.
    pub channel: ChannelId,
    /// Requests that the first of them counts; each following one counts one more.
    pub first_request: u64,
    /// Receipts served earlier do not count, Unix seconds: the end of the report's delay.
    pub from: u64,
    /// Seed of the license whose copy is looked for.
    pub copy_seed: Seed,
    /// Root of its universe.
    pub root: Root,
    /// Size of that universe's personal part.
    pub personal: u32,
    /// Bundles, in the order in which they are asked.
    pub bundles: &'a [ProvenBundle],
}

/// An answer that a host signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAnswer {
    /// What it signed.
    pub receipt: SignedReceipt,
    /// Text of the answer as it came.
    pub text: String,
}

/// Receipts that the contract would not accept for a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesProblem {
    /// Request missing in the channel's receipts.
    #[error("the receipt of request {expected} is missing, the next one is of request {found}")]
    Gap {
        /// Request that had to come.
        expected: u64,
        /// Request that came.
        found: u64,
    },
    /// In the place of a receipt stands one of somebody else.
    #[error(
        "the receipt of request {request} is not the accused's: it is for license {license} and channel {channel}, signed by {}",
        signer.map_or_else(|| "nobody".to_owned(), |key| key.to_string())
    )]
    Foreign {
        /// Requests that it counts.
        request: u64,
        /// License that it names.
        license: LicenseId,
        /// Channel that it names.
        channel: ChannelId,
        /// Who signed it.
        signer: Option<EthAddress>,
    },
    /// The kept text is not the one that was signed.
    #[error("the text kept for request {request} is not the one that the host signed")]
    Tampered {
        /// Number of the request.
        request: u64,
    },
    /// Served before the report's delay was over.
    #[error(
        "request {request} was served at {served_at}, before the report's delay ended at {from}"
    )]
    TooEarly {
        /// Number of the request.
        request: u64,
        /// Its date, Unix seconds.
        served_at: u64,
        /// End of the delay.
        from: u64,
    },
    /// A key was asked before its turn came again.
    #[error(
        "request {request} is for key {place} again, or out of its order; every key is asked once"
    )]
    Repeated {
        /// Number of the request.
        request: u64,
        /// Place of the key in the series, from 0.
        place: usize,
    },
    /// Two receipts have one number.
    #[error(
        "two receipts of the host have number {number} and different content; that is a proof by itself, see `oml proof equivocation`"
    )]
    Equivocation {
        /// Number that both receipts have.
        number: ReceiptNumber,
    },
}

/// Why a series ends before its last key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeriesEnd {
    /// The host signed an answer whose text did not come, and nothing after it can be counted
    /// without it.
    #[error("the text of the answer to request {0} never came, so that no later answer counts")]
    Lost(u64),
    /// The channel was used for something else.
    #[error("request {0} was for no key of the series, so that no later answer counts")]
    OtherRequest(u64),
}

/// Receipts beside the keys of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidOut {
    /// By key; none for what the host did not answer.
    pub answers: Vec<Option<SignedAnswer>>,
    /// What ended the series early.
    pub end: Option<SeriesEnd>,
    /// Receipts in the log that are another host's or another channel's, and were left out.
    pub foreign: usize,
}

impl LaidOut {
    /// Place of the first key that can still be asked; none after the last, or if the series has
    /// ended.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        let next = self.answers.iter().rposition(Option::is_some).map_or(0, |place| place + 1);
        (self.end.is_none() && next < self.answers.len()).then_some(next)
    }

    /// How many keys were answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answers.iter().flatten().count()
    }
}

/// What the contract would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyReading {
    /// Answers that are the copy's.
    pub hits: u32,
    /// Keys of the series; what was not answered is a miss.
    pub queries: u32,
    /// Evidence that the answers give.
    pub evidence: Log2,
    /// What it has to reach.
    pub threshold: Log2,
    /// Hits with which it would; none if not even all keys suffice.
    pub needed: Option<u32>,
}

impl CopyReading {
    /// Whether the contract would convict.
    #[must_use]
    pub fn convicts(&self) -> bool {
        self.evidence >= self.threshold
    }
}

impl CopySeries<'_> {
    /// The leaves in the order in which their keys are asked.
    pub fn leaves(&self) -> impl Iterator<Item = &LeafPreimage> {
        self.bundles.iter().flat_map(|bundle| &bundle.leaves)
    }

    /// Lays the receipts of a payer's log beside the keys.
    ///
    /// # Errors
    /// [`SeriesProblem`]: the contract would refuse, or the log was changed.
    pub fn lay_out(&self, log: &[LogEntry]) -> Result<LaidOut, SeriesProblem> {
        let requests: Vec<RequestHash> =
            self.leaves().map(|leaf| plain_request_hash(self.model, leaf.key_hash)).collect();
        let (own, foreign) = self.receipts_of(log)?;
        let answers = vec![None; requests.len()];
        let mut laid = LaidOut { answers, end: None, foreign: foreign.len() };
        let (mut place, mut request) = (0, self.first_request);
        for Kept { receipt, text, served_from } in &own {
            if receipt.cumulative_requests < request {
                // A host whose ledger was set back counts some requests again; the first time
                // counts.
                continue;
            }
            if receipt.cumulative_requests > request {
                return Err(self.missing(request, receipt.cumulative_requests, &foreign));
            }
            let asked = requests.iter().position(|hash| *hash == receipt.request_hash);
            let Some(asked) = asked else {
                laid.end = Some(SeriesEnd::OtherRequest(request));
                break;
            };
            if asked < place {
                return Err(SeriesProblem::Repeated { request, place: asked });
            }
            let (served_at, from) = (*served_from, self.from);
            if served_at < from {
                return Err(SeriesProblem::TooEarly { request, served_at, from });
            }
            let Some(text) = text else {
                laid.end = Some(SeriesEnd::Lost(request));
                break;
            };
            if response_hash(text) != receipt.response_hash {
                return Err(SeriesProblem::Tampered { request });
            }
            request += 1;
            laid.answers[asked] =
                Some(SignedAnswer { receipt: (*receipt).clone(), text: (*text).to_owned() });
            place = asked + 1;
        }
        Ok(laid)
    }

    fn missing(&self, expected: u64, found: u64, foreign: &[&SignedReceipt]) -> SeriesProblem {
        let in_place = foreign.iter().find(|receipt| receipt.cumulative_requests == expected);
        in_place.map_or(SeriesProblem::Gap { expected, found }, |receipt| SeriesProblem::Foreign {
            request: expected,
            license: receipt.license_id,
            channel: receipt.channel_id,
            signer: self.signer(receipt),
        })
    }

    /// The host's receipts from the first request on, each with its text, in the order in which
    /// they were signed; and those in the log that are not the host's or not this channel's.
    fn receipts_of<'l>(
        &self,
        log: &'l [LogEntry],
    ) -> Result<(Vec<Kept<'l>>, Vec<&'l SignedReceipt>), SeriesProblem> {
        let (mut own, mut foreign) = (Vec::new(), Vec::new());
        let mut before: Option<&LogEntry> = None;
        for entry in log {
            if let LogEntry::Receipt(receipt) = entry
                && receipt.cumulative_requests >= self.first_request
            {
                let text = match before {
                    Some(LogEntry::Answer { text }) => Some(text.as_str()),
                    _ => None,
                };
                let named = (receipt.license_id, receipt.channel_id);
                let key = self.serving_keys.of(receipt.key_epoch);
                let key = key.filter(|key| self.signer(receipt) == Some(key.signer));
                match key.filter(|_| named == (self.license, self.channel)) {
                    Some(key) => {
                        let served_from = key.served_from(receipt.served_at);
                        own.push(Kept { receipt, text, served_from });
                    }
                    None => foreign.push(receipt),
                }
            }
            before = Some(entry);
        }
        // A receipt that was fetched again has no text; the one that came with its answer goes
        // first.
        own.sort_by_key(|kept| (kept.receipt.number(), kept.text.is_none()));
        let twice = own
            .windows(2)
            .map(|pair| (pair[0].receipt, pair[1].receipt))
            .find(|(a, b)| a.number() == b.number() && a.receipt() != b.receipt());
        if let Some((receipt, _)) = twice {
            return Err(SeriesProblem::Equivocation { number: receipt.number() });
        }
        own.dedup_by_key(|kept| kept.receipt.number());
        Ok((own, foreign))
    }

    fn signer(&self, receipt: &SignedReceipt) -> Option<EthAddress> {
        receipt.receipt().signer(&self.receipts, &receipt.signature).ok()
    }

    /// Counts as the contract does.
    ///
    /// # Errors
    /// [`EvidenceError`] if the terms bound no error.
    pub fn read(&self, answers: &[Option<SignedAnswer>]) -> Result<CopyReading, EvidenceError> {
        let (mut hits, mut misses) = (0, 0);
        for (leaf, answer) in self.leaves().zip(answers) {
            let hit = answer.as_ref().is_some_and(|answer| self.is_hit(leaf, answer));
            *(if hit { &mut hits } else { &mut misses }) += 1;
        }
        let counts = EvidenceCounts {
            personal_hits: hits,
            personal_misses: misses,
            ..EvidenceCounts::default()
        };
        let evidence = EValue::new(&self.evidence)?.with(counts);
        let bundles = u32::try_from(self.bundles.len()).unwrap_or(u32::MAX);
        let threshold = series_threshold(&self.evidence, self.personal, bundles);
        Ok(CopyReading {
            hits,
            queries: hits + misses,
            evidence: evidence.log2(),
            threshold,
            needed: hits_needed(&self.evidence, threshold, hits + misses)?,
        })
    }

    fn is_hit(&self, leaf: &LeafPreimage, answer: &SignedAnswer) -> bool {
        let drawn = personal_index(self.copy_seed, self.root, leaf.index, leaf.salt);
        let tag = tag_of(&answer.text);
        !tag.is_zero() && leaf.tags.get(drawn) == Some(tag)
    }
}

/// A receipt of the accused and the text that came with it.
struct Kept<'l> {
    receipt: &'l SignedReceipt,
    text: Option<&'l str>,
    /// When it was served at the earliest, Unix seconds.
    served_from: u64,
}

/// What the evidence of a series of `bundles` must reach: it pays for every copy, every report and
/// every choice of bundles out of a personal part of this size.
#[must_use]
pub fn series_threshold(terms: &EvidenceTerms, personal: u32, bundles: u32) -> Log2 {
    let choices = log2_ceil(u128::from((personal / 16).max(1)) << 32).raw();
    let tries = threshold(terms.alpha_inverse, TRIES, TRIES).raw();
    Log2::new(tries.saturating_add(i64::from(bundles).saturating_mul(choices)))
}

/// The least number of bundles with which a copy that answers this part of its keys is convicted;
/// none if no series is long enough.
///
/// # Errors
/// [`EvidenceError`] if the terms bound no error.
pub fn bundles_for(
    terms: &EvidenceTerms,
    personal: u32,
    hit_rate: f64,
) -> Result<Option<u32>, EvidenceError> {
    for bundles in 1..=MOST_BUNDLES.min(personal / 16) {
        let needed = hits_needed(terms, series_threshold(terms, personal, bundles), 16 * bundles)?;
        if needed.is_some_and(|hits| f64::from(hits) <= hit_rate * f64::from(16 * bundles)) {
            return Ok(Some(bundles));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
