//! Payer, gateway, inference server, store, redeemer and contracts together, on a local chain.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod world;

use std::time::Duration;

use oml_contracts::{Amount, EthAddress, Salt};
use oml_payments::ServedPath;
use oml_payments::evidence::{ProofContext, proofs};
use oml_payments::{GatewayTerms, PayerChannel, PayerError, PayerSession, SignedReceipt};
use serde_json::json;

use world::{DEPOSIT, PAYER, World};

#[tokio::test]
async fn what_is_served_is_paid_for() {
    let Some(world) = World::start().await else { return };
    let node = world.start_node(Amount::new(250)).await;
    let terms: GatewayTerms =
        reqwest::get(format!("{}/v1/oml/terms", node.gateway)).await.unwrap().json().await.unwrap();
    let payer = world.accounts[PAYER];
    let channel = PayerChannel::from_terms(&terms, payer, EthAddress::ZERO, Salt::new([3; 32]));
    assert_eq!(channel, world.channel(Salt::new([3; 32])), "the gateway's terms are the chain's");

    // Nothing is served on a channel that is not open.
    let key = world.keys[PAYER].credential().clone();
    let session = || PayerSession::new(channel, key.clone(), &node.gateway).unwrap();
    let error = session().complete("echo", "the question|", 50).await.unwrap_err();
    assert!(error.to_string().contains("channel_unknown"), "{error}");

    world.open_channel(channel.salt).await;
    let mut session = session();
    let first = session.complete("echo", "the question|", 50).await.unwrap();
    assert_eq!(first.text, "the question");
    // 13 tokens of prompt and 12 of answer, as the upstream counts its bytes.
    assert_eq!((first.tokens, first.receipt.seq), (25, 1));
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
    let channel = world.channel(salt);
    let key = world.keys[PAYER].credential().clone();
    let mut session = PayerSession::new(channel, key.clone(), &node.gateway)
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

    let mut again = PayerSession::new(channel, key, &node.gateway).unwrap();
    again.resume().await.unwrap();
    let second = again.complete("echo", "after|", 20).await.unwrap();
    assert_eq!(second.receipt.seq, 2);
    let promised = second.voucher.cumulative_amount;
    assert_eq!(world.claimed_at_least(&channel, promised).await, promised);
    let (host, owner) = world.balances().await;
    // The owner's share is a fifth of each claim, rounded down.
    assert_eq!(host + owner, promised.get());
    assert!(owner >= promised.get() / 5 - 1 && owner <= promised.get() / 5, "{owner}");
    tokio::time::timeout(Duration::from_secs(20), node.stop()).await.unwrap();
}
