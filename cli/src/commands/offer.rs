//! `oml offer`: the terms under which an owner licenses a model.

use crate::currency::NamedCurrency;
use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use crate::shares::{alpha_inverse, share};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::money::{Currency, native_currency};
use oml_client::offer::{self, ChangedOffer, ChosenSeats, OfferDraft, SeatsWanted};
use oml_client::registry::{self, OfferFilter};
use oml_client::{RpcConnection, files};
use oml_contracts::ledger::RoundSize;
use oml_contracts::{Bps, EthAddress, ModelId, OfferId, Terms};
use std::path::PathBuf;
use std::str::FromStr;

/// Verbs of `oml offer`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write a terms file to edit
    Template(Box<Template>),
    /// Publish the offer of a terms file
    Publish {
        /// Terms file
        #[arg(long, value_name = "FILE|ID")]
        terms: PathBuf,
    },
    /// No new licenses under this offer
    Withdraw {
        /// Terms file
        #[arg(long, value_name = "FILE|ID")]
        terms: PathBuf,
    },
    /// Whether an offer is open, and what it costs
    Show {
        /// Offer, as `list` shows it
        #[arg(value_name = "ID", required_unless_present = "terms")]
        offer: Option<OfferId>,
        /// Terms file, or id of the offer
        #[arg(long, value_name = "FILE|ID", conflicts_with = "offer")]
        terms: Option<PathBuf>,
    },
    /// List the offers that are open
    List(Listed),
}

/// Which offers are listed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// Only those of this model
    #[arg(long, value_name = "MODEL_ID")]
    model: Option<ModelId>,
    /// Only those of this account
    #[arg(long, value_name = "ACCOUNT")]
    owner: Option<EthAddress>,
    /// Those that were withdrawn, too
    #[arg(long)]
    all: bool,
}

/// What a terms file must name; the rest has defaults to edit.
#[derive(Args, Clone, Debug)]
pub(crate) struct Template {
    /// Model
    #[arg(long)]
    model_id: ModelId,
    /// Universe of the model
    #[arg(long, default_value_t = 0)]
    epoch: u32,
    /// Model owner
    #[arg(long)]
    owner: EthAddress,
    /// Currency in which everything is paid: an ERC-20 token, or `native` for the chain's own
    #[arg(long, value_name = "ADDRESS|native")]
    currency: NamedCurrency,
    /// License fee, e.g. 50
    #[arg(long, default_value = "50")]
    license_fee: String,
    /// Price of a request
    #[arg(long, default_value = "0.01")]
    price_per_request: String,
    /// Price of 1,000 tokens
    #[arg(long, default_value = "0.2")]
    price_per_thousand_tokens: String,
    /// Collateral
    #[arg(long, default_value = "1000")]
    collateral: String,
    /// Seats of a round: 8, 16, 24 or 32 (4 on a local chain only), or the fewest that stand before
    /// the collateral
    #[arg(long, default_value = "auto", value_name = "N|auto")]
    seats: Seats,
    /// What a seat costs in the offer's currency, for --seats auto where no chain says it
    #[arg(long, value_name = "AMOUNT")]
    seat_fee: Option<String>,
    /// Share of hostile stake that --seats auto must stand
    #[arg(long, default_value_t = 0.33, value_name = "SHARE")]
    hostile: f64,
    /// Bound on the probability that an innocent license is ever convicted
    #[arg(long, default_value_t = 1e-12)]
    alpha: f64,
    /// Seconds within which the host settles what it served
    #[arg(long, default_value_t = 86_400)]
    settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out
    #[arg(long, default_value_t = 14 * 86_400)]
    thaw_period: u64,
    /// Seconds that a license lasts
    #[arg(long, default_value_t = 365 * 86_400)]
    duration: u64,
    /// Seconds within which the host can reject its copy and get half of the fee back, 0 for none;
    /// a week if the license lasts as long
    #[arg(long)]
    trial_period: Option<u64>,
    /// The collateral also answers for the host's copy on deployments that it did not register
    #[arg(long)]
    leak_liability: bool,
    /// Part of the collateral that answers for serving another license's copy, in 1/10,000
    #[arg(long, default_value_t = 0, value_name = "BPS")]
    unlicensed_model_bps: u16,
    /// Decimals of the token, only where no chain can be asked
    #[arg(long, value_name = "N")]
    decimals: Option<u8>,
    /// Where to write it
    #[arg(long, default_value = "terms.json", value_name = "FILE")]
    out: PathBuf,
}

/// Seconds of a week.
const TRIAL_PERIOD: u64 = 7 * 86_400;

/// A number of seats, or the fewest that stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seats {
    /// The fewest that stand before the collateral.
    Auto,
    /// As many as were named.
    Of(RoundSize),
}

impl FromStr for Seats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let seats = text.parse().map_err(|_| format!("{text:?} is neither a number nor auto"))?;
        RoundSize::offered(seats).map(Self::Of).map_err(|error| error.to_string())
    }
}

impl Template {
    /// The currency of the offer, as its chain describes it; without a chain, as the flags do.
    async fn currency(&self, global: &Global) -> Result<Currency> {
        let address = self.currency.address();
        let rpc = RpcConnection::reading(&global.chain.rpc_url)?;
        let online = rpc.chain_id().await;
        let currency = match (&online, self.decimals) {
            (Ok(_), _) => rpc.currency(address).await?,
            (Err(_), _) if address.is_zero() => native_currency(0),
            (Err(_), Some(decimals)) => return Ok(Currency::new(address, "", decimals)),
            (Err(error), None) => {
                return Err(fail(
                    format!("how many decimals {address} has is not known: {error}"),
                    "give the endpoint of its chain with --rpc-url, or say it with --decimals N",
                    FailureKind::Failed,
                ));
            }
        };
        match self.decimals {
            Some(said) if said != currency.decimals() => Err(fail(
                format!(
                    "--decimals {said} contradicts {}, which has {} decimals",
                    currency.symbol(),
                    currency.decimals()
                ),
                "leave --decimals away where the chain can be asked",
                FailureKind::Failed,
            )),
            _ => Ok(currency),
        }
    }

    /// What the flags say of an offer, with rounds of so many seats.
    fn draft(&self, currency: &Currency, seats: u8) -> Result<OfferDraft> {
        Ok(OfferDraft {
            model_id: self.model_id,
            epoch: self.epoch,
            owner: self.owner,
            currency: currency.address(),
            license_fee: currency.parse(&self.license_fee)?,
            price_per_request: currency.parse(&self.price_per_request)?,
            price_per_thousand_tokens: currency.parse(&self.price_per_thousand_tokens)?,
            collateral: currency.parse(&self.collateral)?,
            seats,
            alpha_inverse: alpha_inverse(self.alpha)?,
            settlement_period: self.settlement_period,
            thaw_period: self.thaw_period,
            duration: self.duration,
            trial_period: self.trial_period.unwrap_or(TRIAL_PERIOD.min(self.duration)),
            leak_liability: self.leak_liability,
            unlicensed_model_bps: Bps::new(self.unlicensed_model_bps)?,
        })
    }

    /// The seats that were asked for, or that the plan finds.
    async fn chosen_seats(&self, currency: &Currency, global: &Global) -> Result<ChosenSeats> {
        if let Seats::Of(size) = self.seats {
            return Ok(ChosenSeats { seats: size.seats(), note: None });
        }
        let wanted = SeatsWanted {
            collateral: currency.of(currency.parse(&self.collateral)?),
            seat_fee: self.seat_fee.as_deref().map(|text| currency.parse(text)).transpose()?,
            hostile: share("hostile", self.hostile)?,
            alpha_inverse: alpha_inverse(self.alpha)?,
        };
        // A template can be written without a chain.
        let chain = global.reading().await.ok();
        Ok(offer::choose_seats(chain.as_ref(), &wanted).await?)
    }
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Template(template) => write_template(&template, global).await?,
        Verb::Publish { terms } => {
            let terms = global.terms(&terms).await?;
            let chain = global.signing().await?;
            output.progress(prices(&terms, &chain.currency(terms.currency).await?));
            print(&offer::publish(&chain, &terms).await?, output);
        }
        Verb::Withdraw { terms } => {
            let terms = global.terms(&terms).await?;
            print(&offer::withdraw(&global.signing().await?, &terms).await?, output);
        }
        Verb::List(listed) => list(listed, global).await?,
        Verb::Show { offer, terms } => {
            let named = terms.or_else(|| Some(offer?.to_string().into())).unwrap_or_default();
            let terms = global.terms(&named).await?;
            let chain = global.reading().await?;
            let standing = offer::standing(&chain, &terms).await?;
            let currency = chain.currency(terms.currency).await?;
            let state = if standing.open { "open" } else { "not open" };
            output.result(&standing, state, || {
                format!("offer {} is {state}\n{}", standing.offer_id, prices(&terms, &currency))
            });
        }
    }
    Ok(())
}

async fn list(listed: Listed, global: &Global) -> Result<()> {
    let wanted = OfferFilter { model: listed.model, owner: listed.owner, closed: listed.all };
    let offers = registry::offers(&global.reading().await?, wanted).await?;
    let ids: Vec<String> = offers.iter().map(|one| one.offer_id.to_string()).collect();
    global.output().result(&offers, &ids.join("\n"), || {
        let rows = offers.iter().map(|one| {
            let state = if one.open { "open" } else { "not open" }.to_owned();
            let (fee, collateral) = (one.license_fee.to_string(), one.collateral.to_string());
            let (id, request) = (one.offer_id.to_string(), one.price_per_request.to_string());
            [id, state, fee, collateral, request, one.price_per_thousand_tokens.to_string()]
        });
        table(["offer", "state", "fee", "collateral", "a request", "1,000 tokens"], rows)
    });
    Ok(())
}

async fn write_template(template: &Template, global: &Global) -> Result<()> {
    let output = global.output();
    let currency = template.currency(global).await?;
    let chosen = template.chosen_seats(&currency, global).await?;
    if let Some(note) = &chosen.note {
        output.progress(format!("note: {note}"));
    }
    let terms = template.draft(&currency, chosen.seats)?.terms()?;
    let path = template.out.display().to_string();
    let done = if global.chain.dry_run {
        format!("dry run: {path} was not written")
    } else {
        files::keep(&template.out, &terms)?;
        format!("wrote {path}; edit it, then `oml offer publish --terms {path}`")
    };
    output.result(&terms, &path, || format!("{}\n{done}", prices(&terms, &currency)));
    Ok(())
}

/// What terms cost, in words: their file has smallest units only.
fn prices(terms: &Terms, currency: &Currency) -> String {
    format!(
        "fee {}, collateral {}, {} a request and {} for 1,000 tokens",
        currency.of(terms.license_fee),
        currency.of(terms.collateral),
        currency.of(terms.price_per_request),
        currency.of(terms.price_per_thousand_tokens)
    )
}

fn print(changed: &ChangedOffer, output: Output) {
    output.result(changed, &changed.offer_id.to_string(), || {
        format!("offer {}\n{}", changed.offer_id, changed.transaction.line())
    });
}
