//! `oml offer`: the terms under which an owner licenses a model.

use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::{self, LicenseRegistry};
use crate::error::{Exit, fail};
use crate::files;
use crate::money;
use alloy::primitives::U256;
use clap::{Args, Subcommand};
use eyre::Result;
use oml_contracts::evidence::EvidenceTerms;
use oml_contracts::terms::{SlashTerms, level};
use oml_contracts::{Amount, Bps, EthAddress, ModelId, OfferId, Terms};
use serde::Serialize;
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
    pub(crate) model_id: ModelId,
    /// Universe of the model
    #[arg(long, default_value_t = 0)]
    pub(crate) epoch: u32,
    /// Model owner
    #[arg(long)]
    pub(crate) owner: EthAddress,
    /// ERC-20 token; zero is the chain's own currency
    #[arg(long, default_value = "0x0000000000000000000000000000000000000000")]
    pub(crate) currency: EthAddress,
    /// License fee, e.g. 50
    #[arg(long, default_value = "50")]
    pub(crate) license_fee: String,
    /// Price of a request
    #[arg(long, default_value = "0.01")]
    pub(crate) price_per_request: String,
    /// Price of 1,000 tokens
    #[arg(long, default_value = "0.2")]
    pub(crate) price_per_thousand_tokens: String,
    /// Collateral
    #[arg(long, default_value = "1000")]
    pub(crate) collateral: String,
    /// What a reporter risks
    #[arg(long, default_value = "100")]
    pub(crate) report_bond: String,
    /// Paid to each committee member
    #[arg(long, default_value = "2")]
    pub(crate) prover_fee: String,
    /// Seconds within which the host settles what it served
    #[arg(long, default_value_t = 86_400)]
    pub(crate) settlement_period: u64,
    /// Seconds between the end of a license and the collateral's way out
    #[arg(long, default_value_t = 14 * 86_400)]
    pub(crate) thaw_period: u64,
    /// Seconds that a license lasts
    #[arg(long, default_value_t = 365 * 86_400)]
    pub(crate) duration: u64,
    /// The collateral also answers for the host's copy on deployments that it did not register
    #[arg(long)]
    pub(crate) leak_liability: bool,
    /// Part of the collateral that answers for serving another license's copy, in 1/10,000
    #[arg(long, default_value_t = 0, value_name = "BPS")]
    pub(crate) unlicensed_model_bps: u16,
    /// Decimals of the currency
    #[arg(long, default_value_t = money::DEFAULT_DECIMALS)]
    pub(crate) decimals: u8,
    /// Where to write it
    #[arg(long, default_value = "terms.json", value_name = "FILE")]
    pub(crate) out: PathBuf,
}

impl Template {
    /// The terms: what the flags say, and defaults that the contracts accept.
    pub(crate) fn terms(&self) -> Result<Terms> {
        let amount = |text: &str| money::parse(text, self.decimals).map(Amount::new);
        Ok(Terms {
            model_id: self.model_id,
            epoch: self.epoch,
            owner: self.owner,
            currency: self.currency,
            license_fee: amount(&self.license_fee)?,
            price_per_request: amount(&self.price_per_request)?,
            price_per_thousand_tokens: amount(&self.price_per_thousand_tokens)?,
            owner_share_bps: Bps::new(3_000)?,
            collateral: amount(&self.collateral)?,
            min_collateral_ratio_bps: 10_000,
            duration: self.duration,
            delivery_period: 86_400,
            settlement_period: self.settlement_period,
            thaw_period: self.thaw_period,
            max_deployments: 4,
            evidence_levels: level::PROOF | level::COMMITTEE,
            leak_liability: self.leak_liability,
            report_bond: amount(&self.report_bond)?,
            prover_fee: amount(&self.prover_fee)?,
            evidence: default_evidence()?,
            slash: SlashTerms {
                equivocation_bps: Bps::WHOLE,
                under_metering_bps: Bps::new(5_000)?,
                out_of_term_bps: Bps::new(5_000)?,
                unlicensed_model_bps: Bps::new(self.unlicensed_model_bps)?,
                unpaid_use_bps: Bps::WHOLE,
                reporter_bps: Bps::new(4_000)?,
                owner_bps: Bps::new(4_000)?,
            },
            royalties: Vec::new(),
        })
    }
}

/// Tuned to copies that keep 60 % of the personal and 90 % of the shared answers; alpha = 1e-9. Higher real
/// rates decide as fast as multipliers tuned to them would, lower ones still decide.
fn default_evidence() -> Result<EvidenceTerms> {
    Ok(EvidenceTerms::for_rates(0.6, 0.9, 16_384, 1_000_000_000)?)
}

/// A published or withdrawn offer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    /// Hash of the terms.
    pub(crate) offer_id: OfferId,
    /// The transaction.
    pub(crate) transaction: TxRecord,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Template(template) => {
            let terms = template.terms()?;
            files::save(&template.out, &terms)?;
            let path = template.out.display().to_string();
            output.result(&terms, &path, || {
                format!("wrote {path}; edit it, then `oml offer publish --terms {path}`")
            });
        }
        Verb::Publish { terms } => {
            let terms = load_terms(&terms)?;
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let published = publish(&chain, &terms).await?;
            print(&published, output);
        }
        Verb::Withdraw { terms } => {
            let terms = load_terms(&terms)?;
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let call = LicenseRegistry::withdrawOfferCall { terms: contracts::terms(&terms)? };
            let sent = chain.send("withdraw offer", chain.registry(), call, U256::ZERO).await?;
            print(
                &Published { offer_id: chain.offer_id(&terms), transaction: sent.record },
                output,
            );
        }
        Verb::Show { terms } => {
            let terms = load_terms(&terms)?;
            let chain = Chain::reader(&global.chain).await?;
            let id = chain.offer_id(&terms);
            let open = chain
                .read(chain.registry(), LicenseRegistry::isOfferOpenCall { offerId: id.into() })
                .await?;
            let state = if open { "open" } else { "not open" };
            let data = serde_json::json!({ "offerId": id, "open": open });
            output.result(&data, state, || format!("offer {id} is {state}"));
        }
    }
    Ok(())
}

fn print(published: &Published, output: crate::output::Output) {
    output.result(published, &published.offer_id.to_string(), || {
        format!("offer {}\n{}", published.offer_id, published.transaction.line())
    });
}

/// Reads a terms file and checks every term.
pub(crate) fn load_terms(path: &std::path::Path) -> Result<Terms> {
    let terms: Terms = files::load(path, "a terms file", "`oml offer template` writes one")?;
    check(&terms)?;
    Ok(terms)
}

/// Refuses terms that the contracts would refuse, naming all that is wrong at once.
pub(crate) fn check(terms: &Terms) -> Result<()> {
    terms.validate().map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        fail(
            format!("the terms can't be published: {}", problems.join("; ")),
            "edit the named terms; a term that no code could enforce is refused",
            Exit::Failed,
        )
    })
}

/// Publishes an offer of the signer.
pub(crate) async fn publish(chain: &Chain, terms: &Terms) -> Result<Published> {
    let call = LicenseRegistry::publishOfferCall { terms: contracts::terms(terms)? };
    let sent = chain.send("publish offer", chain.registry(), call, U256::ZERO).await?;
    Ok(Published { offer_id: chain.offer_id(terms), transaction: sent.record })
}
