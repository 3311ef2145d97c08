//! Orders to the owner's node: they go into its store, and the node does the rest.

use super::seal::{SignedWord, sign};
use super::seal_file::SealFile;
use super::watch::kept;
use super::words::{load_secret, require_committed};
use crate::chain::Chain;
use crate::deployment;
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files::{self, LicenseFile};
use crate::vouchers::open_store;
use oml_contracts::round::{RoundKind, WordIndex};
use oml_contracts::rpc::abi::Rounds::RoundStatus;
use oml_contracts::{EthAddress, RoundId};
use oml_node::NodeConfig;
use oml_node::rounds::{Access, LicenseWords, RoundSecret};
use oml_node::store::{SealOrderRow, Store};
use serde::Serialize;

/// What the owner's node is to seal, or to wait for.
#[derive(Clone, Debug)]
pub struct RoundOrder {
    /// The license that is tried.
    pub license: LicenseFile,
    /// Whether the deployment is registered under it.
    pub kind: RoundKind,
    /// Base URL of the deployment, as its host registered it.
    pub uri: String,
    /// What gets a tester in.
    pub access: Option<Access>,
    /// Reporter who pays instead of the node's payer, if there is one.
    pub payer: Option<EthAddress>,
    /// Part of the owner's share of a slash that the reporter is promised, in basis points.
    pub promise_bps: u16,
}

/// An order that the node has.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderedRound {
    /// Name of the order in the node's store.
    pub order_id: String,
    /// The round that comes of it.
    pub round_id: RoundId,
    /// Index of the word that was taken.
    pub index: u8,
    /// The owner's signed word to the reporter; none if the node pays itself.
    pub seal: Option<SealFile>,
}

/// Leaves an order in the store of the owner's node, with a word of its own.
///
/// # Errors
/// A configuration without rounds, a store or secret that can't be read, words of another secret on
/// chain or none, no word left, network failure.
pub async fn order(chain: &Chain, config: &NodeConfig, order: &RoundOrder) -> Result<OrderedRound> {
    let secret = secret_of(config)?;
    let words = LicenseWords::new(&secret, order.license.license_id);
    require_committed(chain, &words).await?;
    if order.kind == RoundKind::Registered {
        deployment::require_registered(chain, &order.license, &order.uri).await?;
    }
    let store = open_store(&config.store.url).await?;
    let placed = place(chain, &store, &words, order).await;
    store.close().await;
    let Placed { order_id, index } = placed?;
    let seal = order
        .payer
        .map(|payer| {
            sign(
                chain,
                &SignedWord {
                    secret: &secret,
                    words: &words,
                    index,
                    seats: order.license.terms.seats,
                    uri: &order.uri,
                    access: order.access.as_ref(),
                    payer,
                    promise_bps: order.promise_bps,
                },
            )
        })
        .transpose()?;
    Ok(OrderedRound { order_id, round_id: words.round(index), index: index.get(), seal })
}

fn secret_of(config: &NodeConfig) -> Result<RoundSecret> {
    let rounds = config.owner.as_ref().and_then(|owner| owner.rounds.as_ref()).ok_or_else(|| {
        fail(
            "the configuration has no [owner.rounds]: this node seals and opens no rounds",
            "add it with the secret that `oml round keygen` makes; `oml node config example --full` \
             shows how",
            FailureKind::Failed,
        )
    })?;
    load_secret(&rounds.secret)
}

/// An order with its word.
struct Placed {
    order_id: String,
    index: WordIndex,
}

/// Puts the order and gives it the first word that neither the chain nor another order has used.
async fn place(
    chain: &Chain,
    store: &Store,
    words: &LicenseWords,
    order: &RoundOrder,
) -> Result<Placed> {
    let license = order.license.license_id;
    let failed = || "the order could not be left in the node's store".to_owned();
    let hint = "give the configuration of the owner's node; its store takes the order";
    let taken = store.seal_orders().await.hint(failed(), hint, FailureKind::Failed)?;
    let taken: Vec<u8> =
        taken.iter().filter(|row| row.license_id == license).filter_map(|row| row.index).collect();
    let order_id = files::random_salt().to_string();
    for index in order.kind.words().filter(|index| !taken.contains(&index.get())) {
        if kept(chain, words.round(index)).await?.status != RoundStatus::None {
            continue;
        }
        // With its word from the start, so that the node can't give it another one first.
        let row = SealOrderRow {
            order_id: order_id.clone(),
            license_id: license,
            index: Some(index.get()),
            uri: order.uri.clone(),
            leak: order.kind.is_leak(),
            access: order.access.as_ref().map(Access::to_json),
            payer: order.payer,
            promise_bps: order.promise_bps,
        };
        if store.put_seal_order(&row).await.hint(failed(), hint, FailureKind::Failed)? {
            return Ok(Placed { order_id, index });
        }
    }
    Err(fail(
        format!("all 64 words of license {license} for such rounds are used or ordered"),
        "a license can have no more rounds; a new license can",
        FailureKind::Failed,
    ))
}
