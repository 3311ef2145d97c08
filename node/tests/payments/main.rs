//! Payer, gateway, inference server, store, redeemer and contracts together, on a local chain; and
//! how the host got its copy before.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod copies;
mod world;

use std::time::Duration;

use oml_contracts::{Amount, EthAddress, Salt};
use oml_node::chain::ChannelStatus;
use oml_node::ledger::{CloseRefused, keep_close};
use oml_node::store::SignedCloseRow;
use oml_payments::ServedPath;
use oml_payments::evidence::{ProofContext, proofs};
use oml_payments::{GatewayTerms, PayerChannel, PayerError, PayerSession, SignedReceipt};
use serde_json::json;

use world::{DEPOSIT, NEXT_SERVING, PAYER, World};

#[tokio::test]
async fn what_is_served_is_paid_for() {
    let Some(world) = World::start().await else { return };
    let node = world.start_node(Amount::new(250)).await;
    let terms: GatewayTerms =
        reqwest::get(format!("{}/v1/oml/terms", node.gateway)).await.unwrap().json().await.unwrap();
    let payer = world.accounts[PAYER];
    let channel = PayerChannel::from_terms(&terms, payer, EthAddress::ZERO, Salt::new([3; 32]));
    assert_eq!(
        channel,
        world.channel(Salt::new([3; 32])).await,
        "the gateway's terms are the chain's"
    );

    // Nothing is served on a channel that is not open.
    let key = world.keys[PAYER].credential().clone();
    let session = || PayerSession::new(channel.clone(), key.clone(), &node.gateway).unwrap();
    let error = session().complete("echo", "the question|", 50).await.unwrap_err();
    assert!(error.to_string().contains("channel_unknown"), "{error}");

    world.open_channel(channel.salt).await;
    let mut session = session();
    let first = session.complete("echo", "the question|", 50).await.unwrap();
    assert_eq!(first.text, "the question");
    // 13 tokens of prompt and 12 of answer, as the upstream counts its bytes.
    assert_eq!((first.tokens, first.receipt.cumulative_requests), (25, 1));
    let mut pieces = 0;
    let body = json!({"model": "echo", "prompt": "a somewhat longer question|", "max_tokens": 60,
        "stream": true, "temperature": 0});
    let streamed =
        session.request(ServedPath::Completions, body, &mut |_| pieces += 1).await.unwrap();
    assert_eq!(streamed.text, "a somewhat longer question");
    assert!(pieces > 1, "it came in {pieces} pieces");

    // 10 a request and 1 a token: the third voucher passes the threshold of 250.
    let third = session.complete("echo", &format!("{}|", "long ".repeat(20)), 150).await.unwrap();
    let promised = third.voucher.cumulative_amount;
    assert!(promised >= Amount::new(250), "{promised}");
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);

    // A little more, then the payer leaves: the rest is claimed although it is below the threshold.
    let fourth = session.complete("echo", "one more|", 20).await.unwrap();
    world.start_thaw(channel.salt).await;
    let promised = fourth.voucher.cumulative_amount;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);
    let error = session.complete("echo", "again|", 20).await.unwrap_err();
    assert!(
        matches!(&error, PayerError::PaymentRequired { required, .. } if required.error == "channel_thawing"),
        "{error}"
    );

    // Everything on the receipts is settled, so the payer holds no proof.
    let view = world.channel_view(&channel).await;
    let last = session.receipts().last().unwrap();
    let owed = world.license.terms.price_of(last.cumulative_requests, last.cumulative_tokens);
    assert!(view.claimed >= owed.unwrap());
    let at = ProofContext {
        declared: view.claimed,
        settlement_period: 0,
        term_end: terms.expires_at,
        now: u64::MAX,
    };
    assert_eq!(proofs(&channel, session.receipts(), &at), []);
    node.stop().await;
}

#[tokio::test]
async fn a_restarted_host_counts_on_and_claims_what_it_served() {
    let Some(world) = World::start().await else { return };
    // A threshold that is never reached.
    let node = world.start_node(Amount::new(u128::MAX)).await;
    let salt = Salt::new([4; 32]);
    world.open_channel(salt).await;
    let channel = world.channel(salt).await;
    let key = world.keys[PAYER].credential().clone();
    let mut session = PayerSession::new(channel.clone(), key.clone(), &node.gateway)
        .unwrap()
        .with_budget(Amount::new(DEPOSIT));
    let first = session.complete("echo", "before|", 20).await.unwrap();
    node.stop().await;

    let node = world.start_node(Amount::new(1)).await;
    let kept: SignedReceipt =
        reqwest::get(format!("{}/v1/oml/channels/{}/receipt", node.gateway, channel.id()))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
    assert_eq!(kept, first.receipt);
    let promised = first.voucher.cumulative_amount;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);

    let mut again = PayerSession::new(channel.clone(), key, &node.gateway).unwrap();
    again.resume().await.unwrap();
    let second = again.complete("echo", "after|", 20).await.unwrap();
    assert_eq!(second.receipt.cumulative_requests, 2);
    assert!(second.receipt.number() > first.receipt.number(), "above what was reserved before");
    let promised = second.voucher.cumulative_amount;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);
    let (host, owner) = world.balances().await;
    // The owner's share is a fifth of each claim, rounded down.
    assert_eq!(host + owner, promised.get());
    assert!(owner >= promised.get() / 5 - 1 && owner <= promised.get() / 5, "{owner}");
    tokio::time::timeout(Duration::from_secs(20), node.stop()).await.unwrap();
}

#[tokio::test]
async fn a_signed_close_ends_the_service_and_takes_nothing_that_was_served() {
    let Some(world) = World::start().await else { return };
    // A threshold that is never reached: nothing is claimed by itself.
    let node = world.start_node(Amount::new(u128::MAX)).await;
    let salt = Salt::new([5; 32]);
    world.open_channel(salt).await;
    let channel = world.channel(salt).await;
    let key = world.keys[PAYER].credential().clone();
    let mut session = PayerSession::new(channel.clone(), key.clone(), &node.gateway).unwrap();
    let first = session.complete("echo", "before|", 20).await.unwrap();
    let promised = first.voucher.cumulative_amount;

    // Another program of the host signs, as `oml channel sign-close` does.
    let store = world.host_store().await;
    let (deposited, signed_at) = (Amount::new(DEPOSIT), first.receipt.served_at);
    let word = |final_amount| SignedCloseRow {
        channel_id: channel.id(),
        deposited,
        final_amount,
        signed_at,
    };
    let little = promised.saturating_sub(Amount::new(1));
    let refused = keep_close(&store, &word(little), signed_at).await;
    assert!(matches!(refused, Err(CloseRefused::BelowServed { .. })), "{refused:?}");
    keep_close(&store, &word(promised), signed_at).await.unwrap();
    let stopped = |error: &PayerError, code: &str| matches!(error, PayerError::PaymentRequired { required, .. } if required.error == code);
    let error = session.complete("echo", "again|", 20).await.unwrap_err();
    assert!(stopped(&error, "channel_closing"), "{error}");

    // A restarted node still knows its word, although nothing of it is on chain.
    node.stop().await;
    let node = world.start_node(Amount::new(u128::MAX)).await;
    let mut session = PayerSession::new(channel.clone(), key, &node.gateway).unwrap();
    session.resume().await.unwrap();
    let error = session.complete("echo", "again|", 20).await.unwrap_err();
    assert!(stopped(&error, "channel_closing"), "{error}");

    world.close(salt, deposited, promised).await;
    let view = world.channel_view(&channel).await;
    assert_eq!((view.status, view.deposited), (ChannelStatus::Closed, promised));
    for _ in 0..100 {
        let row = store.channel(channel.id()).await.unwrap().unwrap();
        if row.closed_block.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.channel(channel.id()).await.unwrap().unwrap().closed_block.is_some());
    let error = session.complete("echo", "again|", 20).await.unwrap_err();
    assert!(stopped(&error, "channel_closed"), "{error}");

    // The payer leaves with what the host has not claimed; the host is faster.
    world.start_thaw(salt).await;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);
    node.stop().await;
}

#[tokio::test]
async fn what_the_collateral_does_not_cover_now_is_reserved_and_claimed_later() {
    // Covers one channel, not two.
    let Some(world) = World::start_with(150).await else { return };
    let node = world.start_node(Amount::new(1)).await;
    let key = world.keys[PAYER].credential().clone();
    let question = format!("{}|", "long ".repeat(8));
    let mut promised = Vec::new();
    let mut channels = Vec::new();
    for salt in [Salt::new([6; 32]), Salt::new([7; 32])] {
        world.open_channel(salt).await;
        let channel = world.channel(salt).await;
        let mut session = PayerSession::new(channel.clone(), key.clone(), &node.gateway).unwrap();
        let served = session.complete("echo", &question, 60).await.unwrap();
        promised.push(served.voucher.cumulative_amount);
        if promised.len() == 1 {
            world.claimed_at_least(&channel, promised[0]).await;
        }
        channels.push(channel);
    }
    let sum = promised[0].checked_add(promised[1]).unwrap();
    assert!(promised[0] <= Amount::new(150) && sum > Amount::new(150), "{promised:?}");

    // The second payer leaves: its voucher can't be claimed before it is gone, so it is reserved.
    world.start_thaw(channels[1].salt).await;
    world.declared_at_least(&channels[1], promised[1]).await;
    assert_eq!(world.channel_view(&channels[1]).await.claimed, Amount::ZERO);
    // Two settlement periods later the first claim has settled, and the same voucher is claimed.
    world.pass(2 * world.license.terms.settlement_period).await;
    assert_eq!(world.claimed_at_least(&channels[1], promised[1]).await, promised[1]);
    node.stop().await;
}

/// The host's data directory is set back to a backup: the gateway signs nothing with that key, but
/// the node goes on, and a rotation on chain is followed without a restart.
#[tokio::test]
async fn a_host_with_a_restored_backup_signs_nothing_until_it_rotates() {
    let Some(world) = World::start().await else { return };
    let node = world.start_node(Amount::new(1)).await;
    let salt = Salt::new([5; 32]);
    world.open_channel(salt).await;
    let key = world.keys[PAYER].credential().clone();
    let channel = world.channel(salt).await;
    let mut session = PayerSession::new(channel.clone(), key.clone(), &node.gateway).unwrap();
    let first = session.complete("echo", "before|", 20).await.unwrap();
    assert_eq!(first.receipt.key_epoch, 0);
    let backup = std::fs::read(world.history()).unwrap();
    node.stop().await;
    world.start_node(Amount::new(1)).await.stop().await;
    std::fs::write(world.history(), backup).unwrap();

    let node = world.start_node(Amount::new(1)).await;
    let mut session = PayerSession::new(channel, key.clone(), &node.gateway).unwrap();
    session.resume().await.unwrap();
    let error = session.complete("echo", "again|", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 503, .. }), "{error}");
    assert!(error.to_string().contains("no serving key"), "{error}");

    world.rotate(NEXT_SERVING).await;
    let channel = world.channel(salt).await;
    let mut session = PayerSession::new(channel.clone(), key, &node.gateway).unwrap();
    session.resume().await.unwrap();
    let mut after = Err(error);
    for _ in 0..100 {
        after = session.complete("echo", "after|", 20).await;
        if after.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let after = after.unwrap();
    assert_eq!((after.receipt.key_epoch, after.receipt.cumulative_requests), (1, 2));
    // Vouchers are claimed whatever the key.
    let promised = after.voucher.cumulative_amount;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);
    node.stop().await;
}
