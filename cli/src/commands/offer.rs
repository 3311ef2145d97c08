//! `oml offer`: the terms under which an owner licenses a model.

use crate::flags::Global;
use crate::output::Output;
use crate::shares::{alpha_inverse, share};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::offer::{self, ChangedOffer, ChosenSeats, OfferDraft, SeatsWanted};
use oml_client::{files, money};
use oml_contracts::ledger::RoundSize;
use oml_contracts::{Amount, Bps, EthAddress, ModelId};
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
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
    },
    /// No new licenses under this offer
    Withdraw {
        /// Terms file
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
    },
    /// Whether the offer of a terms file is open
    Show {
        /// Terms file
        #[arg(long, value_name = "FILE")]
        terms: PathBuf,
    },
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
    /// ERC-20 token; zero is the chain's own currency
    #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
    currency: EthAddress,
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
    /// Decimals of the currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    decimals: u8,
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
    fn amount(&self, text: &str) -> Result<Amount> {
        Ok(Amount::new(money::parse(text, self.decimals)?))
    }

    /// What the flags say of an offer, with rounds of so many seats.
    fn draft(&self, seats: u8) -> Result<OfferDraft> {
        Ok(OfferDraft {
            model_id: self.model_id,
            epoch: self.epoch,
            owner: self.owner,
            currency: self.currency,
            license_fee: self.amount(&self.license_fee)?,
            price_per_request: self.amount(&self.price_per_request)?,
            price_per_thousand_tokens: self.amount(&self.price_per_thousand_tokens)?,
            collateral: self.amount(&self.collateral)?,
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
    async fn chosen_seats(&self, global: &Global) -> Result<ChosenSeats> {
        if let Seats::Of(size) = self.seats {
            return Ok(ChosenSeats { seats: size.seats(), note: None });
        }
        let wanted = SeatsWanted {
            collateral: self.amount(&self.collateral)?,
            currency: self.currency,
            seat_fee: self.seat_fee.as_deref().map(|text| self.amount(text)).transpose()?,
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
        Verb::Template(template) => {
            let chosen = template.chosen_seats(global).await?;
            if let Some(note) = &chosen.note {
                output.progress(format!("note: {note}"));
            }
            let terms = template.draft(chosen.seats)?.terms()?;
            files::save(&template.out, &terms)?;
            let path = template.out.display().to_string();
            output.result(&terms, &path, || {
                format!("wrote {path}; edit it, then `oml offer publish --terms {path}`")
            });
        }
        Verb::Publish { terms } => {
            let terms = offer::load_terms(&terms)?;
            print(&offer::publish(&global.signing().await?, &terms).await?, output);
        }
        Verb::Withdraw { terms } => {
            let terms = offer::load_terms(&terms)?;
            print(&offer::withdraw(&global.signing().await?, &terms).await?, output);
        }
        Verb::Show { terms } => {
            let terms = offer::load_terms(&terms)?;
            let standing = offer::standing(&global.reading().await?, &terms).await?;
            let state = if standing.open { "open" } else { "not open" };
            output.result(&standing, state, || format!("offer {} is {state}", standing.offer_id));
        }
    }
    Ok(())
}

fn print(changed: &ChangedOffer, output: Output) {
    output.result(changed, &changed.offer_id.to_string(), || {
        format!("offer {}\n{}", changed.offer_id, changed.transaction.line())
    });
}
