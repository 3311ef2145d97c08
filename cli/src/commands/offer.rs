//! `oml offer`: the terms under which an owner licenses a model.

use crate::flags::Global;
use crate::output::Output;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::offer::{self, ChangedOffer, OfferDraft};
use oml_client::{files, money};
use oml_contracts::{Amount, Bps, EthAddress, ModelId};
use std::path::PathBuf;

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
    /// What a reporter risks
    #[arg(long, default_value = "100")]
    report_bond: String,
    /// Paid to each committee member
    #[arg(long, default_value = "2")]
    prover_fee: String,
    /// Seconds within which the host settles what it served
    #[arg(long, default_value_t = 86_400)]
    settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out
    #[arg(long, default_value_t = 14 * 86_400)]
    thaw_period: u64,
    /// Seconds that a license lasts
    #[arg(long, default_value_t = 365 * 86_400)]
    duration: u64,
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

impl Template {
    /// What the flags say of an offer.
    fn draft(&self) -> Result<OfferDraft> {
        let amount = |text: &str| money::parse(text, self.decimals).map(Amount::new);
        Ok(OfferDraft {
            model_id: self.model_id,
            epoch: self.epoch,
            owner: self.owner,
            currency: self.currency,
            license_fee: amount(&self.license_fee)?,
            price_per_request: amount(&self.price_per_request)?,
            price_per_thousand_tokens: amount(&self.price_per_thousand_tokens)?,
            collateral: amount(&self.collateral)?,
            report_bond: amount(&self.report_bond)?,
            prover_fee: amount(&self.prover_fee)?,
            settlement_period: self.settlement_period,
            thaw_period: self.thaw_period,
            duration: self.duration,
            leak_liability: self.leak_liability,
            unlicensed_model_bps: Bps::new(self.unlicensed_model_bps)?,
        })
    }
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Template(template) => {
            let terms = template.draft()?.terms()?;
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
