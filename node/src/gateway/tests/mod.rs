//! The gateway end to end, against an upstream that misbehaves on demand.

mod forms;
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use oml_contracts::hash::{key_hash, plain_request_hash, response_hash};
use oml_contracts::{Amount, EthAddress, Salt, ServingKeys};
use oml_payments::{
    KeysAnswer, MeteredRequest, PayerChannel, PayerError, PayerSession, ReceiptProblem, ServedPath,
    ServingKeySource, TokenLimits, VOUCHER_HEADER,
};
use serde_json::{Value, json};
use world::{Mode, PIECES, World, account, payer_key, streamed};

#[tokio::test]
async fn whole_answers_are_metered_and_receipted() {
    let world = World::start().await;
    let mut session = world.session();
    let mut before = None;
    for number in 1..=3 {
        let done = session.complete("m", "a prompt of some length", 20).await.unwrap();
        assert_eq!(done.text, "Hello world!");
        assert_eq!(done.tokens, 9, "the upstream's count");
        assert_eq!(done.receipt.cumulative_requests, number);
        assert!(Some(done.receipt.number()) > before, "numbers rise");
        before = Some(done.receipt.number());
        assert_eq!(done.receipt.cumulative_tokens, 9 * number);
        assert_eq!(done.receipt.response_hash, response_hash("Hello world!"));
    }
    let messages = json!([{"role": "user", "content": "hi"}]);
    assert_eq!(session.chat("m", messages, 20).await.unwrap().text, "Hello world!");
    assert_eq!(world.counts(), (4, 4));
    let sent = world.upstream.requests.lock().unwrap();
    assert_eq!(sent[0]["model"], "real-name");
    assert_eq!(sent[0]["max_tokens"], 20);
}

#[tokio::test]
async fn streams_pass_through_and_end_with_the_receipt() {
    let world = World::start().await;
    let mut session = world.session();
    let mut pieces = Vec::new();
    let done = session
        .request(ServedPath::Completions, streamed("prompt"), &mut |text| {
            pieces.push(text.to_owned())
        })
        .await
        .unwrap();
    assert_eq!(pieces, PIECES);
    assert_eq!((done.text.as_str(), done.tokens), ("Hello world!", 9));
    assert_eq!(world.upstream.requests.lock().unwrap()[0]["stream_options"]["include_usage"], true);
}

#[tokio::test]
async fn a_client_sees_the_bytes_of_the_upstream() {
    let world = World::start().await;
    for (options, usage_chunks) in [(json!(null), 0), (json!({"include_usage": true}), 1)] {
        let mut session = world.session();
        session.resume().await.unwrap();
        let mut body = streamed("prompt");
        body["stream_options"] = options;
        let state = *session.state();
        let hash = MeteredRequest::parse(
            ServedPath::Completions,
            body.to_string().as_bytes(),
            &TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 },
        )
        .unwrap()
        .hash(world.channel.model_id);
        let mut voucher = state.next_voucher(&world.channel, 100, hash).unwrap();
        voucher.cumulative_amount = Amount::new(1_000 * u128::from(voucher.cumulative_requests));
        let signed = world.channel.sign(&voucher, &payer_key()).unwrap();
        let response = reqwest::Client::new()
            .post(format!("{}/v1/completions", world.url))
            .header(VOUCHER_HEADER, oml_payments::encode(&signed))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        let events: Vec<&str> = text.split_inclusive("\n\n").collect();
        for (event, piece) in events.iter().zip(PIECES) {
            assert_eq!(*event, format!("data: {}\n\n", json!({"choices": [{"text": piece}]})));
        }
        assert_eq!(events.len(), 4 + usage_chunks + 2, "{text}");
        assert_eq!(events[4 + usage_chunks], "data: [DONE]\n\n");
        assert!(events[5 + usage_chunks].starts_with("event: oml-receipt\ndata: "));
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_still_metered() {
    let world = World::start().await;
    world.set(Mode::Slow);
    let mut session = world.session();
    let seen = tokio::sync::Notify::new();
    let mut tell = |_: &str| seen.notify_one();
    tokio::select! {
        answer = session.request(ServedPath::Completions, streamed("prompt"), &mut tell) => {
            panic!("the whole answer came: {answer:?}")
        }
        () = seen.notified() => {}
    }
    world.until_receipts(1).await;
    let receipt = world.ledger.receipts.lock().unwrap()[0].clone();
    assert_eq!(receipt.cumulative_tokens, 9, "all tokens are metered");
    assert_eq!(receipt.response_hash, response_hash("Hello world!"));
    assert_eq!(world.upstream.pieces.load(Ordering::SeqCst), 6, "the upstream was read to its end");
    // The next request finds the receipt that did not arrive.
    world.set(Mode::Works);
    let done = session.complete("m", "another prompt", 20).await.unwrap();
    assert_eq!(done.receipt.cumulative_requests, 2);
    assert_eq!(session.receipts().len(), 2);
}

#[tokio::test]
async fn what_the_upstream_does_not_serve_is_not_charged() {
    let world = World::start().await;
    let mut session = world.session();
    for (mode, status) in
        [(Mode::Fails, 502), (Mode::Refuses, 400), (Mode::NotJson, 502), (Mode::NeverAnswers, 504)]
    {
        world.set(mode);
        let error = session.complete("m", "prompt", 20).await.unwrap_err();
        assert!(
            matches!(error, PayerError::Refused { status: s, .. } if s == status),
            "{mode:?}: {error}"
        );
    }
    world.set(Mode::CutsAtOnce);
    let error = session.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await;
    assert!(matches!(error, Err(PayerError::Refused { .. })), "{error:?}");
    assert_eq!(world.counts(), (5, 0), "vouchers are kept, receipts are not made");
    world.set(Mode::Works);
    let done = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!((done.receipt.cumulative_requests, done.receipt.cumulative_tokens), (1, 9));
    // The voucher of the receipt is the last of the six with this count.
    let paid = crate::ledger::newest_paid(world.ledger.as_ref(), world.channel.id()).await;
    assert_eq!(paid.unwrap().unwrap().1, done.voucher);
}

#[tokio::test]
async fn a_cut_stream_is_charged_for_what_came() {
    let world = World::start().await;
    world.set(Mode::Cuts);
    let mut session = world.session();
    let mut text = String::new();
    let mut seen = |piece: &str| text.push_str(piece);
    let error =
        session.request(ServedPath::Completions, streamed("prompt"), &mut seen).await.unwrap_err();
    // Own count: 2 tokens of prompt and 2 of "Hello ", four bytes each.
    assert!(matches!(error, PayerError::Cut { tokens: 4, .. }), "{error}");
    assert_eq!(text, "Hello ");
    assert_eq!((session.receipts().len(), session.state().tokens), (1, 4), "its receipt is kept");
    world.set(Mode::Works);
    let done = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!((done.receipt.cumulative_requests, done.receipt.cumulative_tokens), (2, 13));
}

#[tokio::test]
async fn unpaid_requests_learn_the_price() {
    let world = World::start().await;
    let send = |body: Value, voucher: Option<String>| {
        let mut request = reqwest::Client::new()
            .post(format!("{}/v1/completions", world.url))
            .body(body.to_string());
        if let Some(voucher) = voucher {
            request = request.header(VOUCHER_HEADER, voucher);
        }
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    };
    let body = json!({"prompt": "four", "max_tokens": 20});
    let (status, answer) = send(body.clone(), None).await;
    assert_eq!(status, 402);
    assert_eq!(answer["error"], "voucher_missing");
    assert_eq!(answer["price"]["perRequest"], "10");
    assert_eq!(answer["required"]["cumulativeTokens"], 21);
    assert_eq!(answer["required"]["cumulativeAmount"], "52");
    assert_eq!(answer["chainId"], 31_337);
    let (status, answer) = send(body.clone(), Some("!".to_owned())).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_voucher")));
    let (status, answer) = send(json!({"prompt": "four", "n": 2}), None).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_request")));
    let huge = json!({"prompt": "x".repeat(5_000)}).to_string();
    let response = reqwest::Client::new()
        .post(format!("{}/v1/completions", world.url))
        .body(huge)
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 413);
    assert_eq!(world.counts(), (0, 0));
    assert!(world.upstream.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_replayed_voucher_buys_nothing() {
    let world = World::start().await;
    let mut session = world.session();
    let done = session.complete("m", "prompt", 20).await.unwrap();
    let body = json!({"model": "m", "prompt": "prompt", "max_tokens": 20, "temperature": 0});
    let replay = reqwest::Client::new()
        .post(format!("{}/v1/completions", world.url))
        .header(VOUCHER_HEADER, oml_payments::encode(&done.voucher))
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(replay.status(), 402);
    assert_eq!(replay.json::<Value>().await.unwrap()["error"], "wrong_sequence");
    assert_eq!(world.upstream.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn one_request_a_channel_and_few_altogether() {
    let world = World::start().await;
    world.set(Mode::Slow);
    let (mut first, mut second) = (world.session(), world.session());
    let mut ignore = |_: &str| {};
    let run = first.request(ServedPath::Completions, streamed("prompt"), &mut ignore);
    let late = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        // The second session knows nothing of the first one's request.
        second.request(ServedPath::Completions, streamed("prompt"), &mut |_| {}).await
    };
    let (run, late) = tokio::join!(run, late);
    assert_eq!(run.unwrap().receipt.cumulative_requests, 1);
    let error = late.unwrap_err();
    assert!(error.to_string().contains("payer"), "{error}");
    assert_eq!(world.counts(), (1, 1), "no voucher of the second session was used");
}

#[tokio::test]
async fn nothing_is_served_that_the_ledger_cannot_keep() {
    let world = World::start().await;
    world.ledger.broken.store(true, Ordering::SeqCst);
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 503, .. }), "{error}");
    assert!(world.upstream.requests.lock().unwrap().is_empty(), "no voucher, no upstream");
}

#[tokio::test]
async fn ended_licenses_and_thawing_channels_are_not_served() {
    let world = World::start().await;
    world.chain.channel.lock().unwrap().thaw_end = 5;
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(error.to_string().contains("channel_thawing"), "{error}");
    world.chain.license.lock().unwrap().expires_at = 1_700_000_000;
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 403, .. }), "{error}");
}

#[tokio::test]
async fn nothing_is_served_once_the_host_has_signed_a_close() {
    let world = World::start().await;
    let mut session = world.session();
    session.complete("m", "prompt", 20).await.unwrap();
    // Another program of the host keeps its word, while the gateway knows the channel's sums.
    world.ledger.closing.lock().unwrap().push(world.channel.id());
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(
        matches!(&error, PayerError::PaymentRequired { required, .. } if required.error == "channel_closing"
            && required.required.is_none()),
        "{error}"
    );
    assert_eq!(world.counts(), (1, 1), "neither a voucher nor a receipt more");
}

#[tokio::test]
async fn a_payer_does_not_believe_another_key() {
    let mut world = World::start().await;
    world.channel.serving_keys = ServingKeys::first(EthAddress::new([7; 20]), 0);
    let error = world.session().complete("m", "prompt", 20).await.unwrap_err();
    assert!(
        matches!(&error, PayerError::Receipt { problem: ReceiptProblem::WrongSigner { .. }, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_budget_and_a_log_outlive_the_session() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("channel.jsonl");
    let mut session = world.session().with_log(&path).await.unwrap();
    let first = session.complete("m", "prompt", 20).await.unwrap();
    drop(session);
    let mut session = world.session().with_log(&path).await.unwrap();
    assert_eq!(session.state().requests, 1);
    let second = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!(second.receipt.cumulative_requests, 2);
    assert!(second.voucher.cumulative_amount > first.voucher.cumulative_amount);
    let budget = second.voucher.cumulative_amount;
    let mut session = world.session().with_log(&path).await.unwrap().with_budget(budget);
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Budget { .. }), "{error}");
    // Without the log, the gateway's receipt is where to go on.
    let mut session = world.session();
    session.resume().await.unwrap();
    let third = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!(third.receipt.cumulative_requests, 3);
    let other = PayerChannel { salt: Salt::new([9; 32]), ..world.channel.clone() };
    let session = PayerSession::new(other, payer_key(), &world.url).unwrap();
    assert!(matches!(session.with_log(&path).await, Err(PayerError::Log(_))));
}

#[tokio::test]
async fn a_plain_question_whose_answer_was_lost_is_not_asked_again() {
    let world = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("channel.jsonl");
    let mut session = world.session().with_log(&path).await.unwrap().asking_plainly();
    session.complete("m", "first", 20).await.unwrap();
    let served = session.complete("m", "second", 20).await.unwrap();
    assert_eq!(
        served.receipt.request_hash,
        plain_request_hash(world.channel.model_id, key_hash("second"))
    );
    // The program died after its second voucher.
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[5].contains(r#""kind":"answer""#), "channel, two times voucher, answer, receipt");
    std::fs::write(&path, lines[..5].join("\n") + "\n").unwrap();

    let mut session = world.session().with_log(&path).await.unwrap().asking_plainly();
    let error = session.complete("m", "second", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::AnswerLost { request: 2 }), "{error}");
    assert_eq!(world.counts().1, 2, "nothing was served twice");
    assert_eq!(session.receipts().last(), Some(&served.receipt), "the receipt is kept");
    let third = session.complete("m", "third", 20).await.unwrap();
    assert_eq!(third.receipt.cumulative_requests, 3);

    let body = json!({"prompt": "hi", "temperature": 0.5});
    let refused = session.request(ServedPath::Completions, body, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, PayerError::NotPlain), "{refused}");
}

/// What a payer asks about keys: the host's chain.
#[derive(Debug)]
struct ChainOf(std::sync::Arc<world::Chain>);

impl ServingKeySource for ChainOf {
    fn serving_keys(&self) -> KeysAnswer<'_> {
        Box::pin(async { Ok(self.0.keys.lock().unwrap().clone()) })
    }
}

#[tokio::test]
async fn a_rotated_key_is_followed_by_host_and_payer() {
    let world = World::start().await;
    let chain = std::sync::Arc::clone(&world.chain);
    let mut session = world.session().with_keys(std::sync::Arc::new(ChainOf(chain)));
    let first = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!(first.receipt.key_epoch, 0);

    // The key is named before the host has its file: nothing is served, nothing charged.
    world.rotate(0x6e);
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 503, .. }), "{error}");
    assert!(error.to_string().contains("no serving key"), "{error}");
    assert_eq!(world.counts(), (1, 1));
    world.hold_key(0x6e);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let second = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!((second.receipt.key_epoch, second.receipt.cumulative_requests), (1, 2));
    assert_eq!(session.complete("m", "prompt", 20).await.unwrap().receipt.key_epoch, 1);

    // A payer that can't ask keeps the receipt and does not believe it.
    let mut blind = world.session();
    let error = blind.resume().await.unwrap_err();
    assert!(
        matches!(&error, PayerError::Receipt { problem: ReceiptProblem::UnknownEpoch { .. }, .. }),
        "{error}"
    );
}

/// The request was admitted under the old key; the new one can't have signed before it was named.
#[tokio::test]
async fn a_request_that_runs_at_a_rotation_gets_its_receipt_by_the_old_key() {
    let world = World::start().await;
    world.set(Mode::Slow);
    world.hold_key(0x6e);
    let mut session = world.session();
    let mut rotated = false;
    let mut rotate = |_: &str| {
        if !std::mem::replace(&mut rotated, true) {
            world.rotate(0x6e);
        }
    };
    let done =
        session.request(ServedPath::Completions, streamed("prompt"), &mut rotate).await.unwrap();
    assert_eq!(done.receipt.key_epoch, 0);
    assert!(rotated);
}

#[tokio::test]
async fn a_restored_history_signs_nothing_until_the_key_is_rotated() {
    let world = World::start().await;
    let mut session = world.session();
    session.complete("m", "prompt", 20).await.unwrap();
    // The history of before this start, under the next key's name: this machine knows better.
    let name = |epoch| format!("{}-{epoch}.json", world.channel.license_id);
    let of = |folder: &str, epoch| world.folder.path().join(folder).join(name(epoch));
    let foreign = std::fs::read_to_string(of("history", 0)).unwrap();
    let foreign = foreign
        .replace("\"keyEpoch\": 0", "\"keyEpoch\": 1")
        .replace(&account(world::SERVING).to_string(), &account(0x6e).to_string());
    std::fs::write(of("history", 1), foreign).unwrap();
    world.hold_key(0x6e);
    world.rotate(0x6e);
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(matches!(error, PayerError::Refused { status: 503, .. }), "{error}");
    assert_eq!(world.counts().1, 1, "nothing is signed");
    // The next epoch begins anew, with the same key if the host likes.
    world.rotate(0x6e);
    session = world.session();
    let keys = world.chain.keys.lock().unwrap().clone();
    let channel = PayerChannel { serving_keys: keys, ..session.channel().clone() };
    let mut session = PayerSession::new(channel, payer_key(), &world.url).unwrap();
    session.resume().await.unwrap();
    let done = session.complete("m", "prompt", 20).await.unwrap();
    assert_eq!(done.receipt.key_epoch, 2);
}

/// A host that was set back to a backup counts fewer requests than its payer has receipts for.
#[tokio::test]
async fn a_payer_is_told_that_the_hosts_ledger_was_set_back() {
    let world = World::start().await;
    let mut session = world.session();
    for _ in 0..2 {
        session.complete("m", "prompt", 20).await.unwrap();
    }
    let state = *session.state();
    drop(session);
    let lost = World::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("channel.jsonl");
    let mut session = world.session().with_log(&path).await.unwrap();
    session.resume().await.unwrap();
    assert_eq!(session.state().requests, state.requests);
    drop(session);
    let voucher = world.ledger.vouchers.lock().unwrap().last().cloned().unwrap();
    let receipt = world.ledger.receipts.lock().unwrap().last().cloned().unwrap();
    let log = oml_payments::EvidenceLog::open(&path, &world.channel).await.unwrap().0;
    log.append(&oml_payments::LogEntry::Voucher(voucher)).await.unwrap();
    log.append(&oml_payments::LogEntry::Receipt(receipt)).await.unwrap();
    let mut session = PayerSession::new(lost.channel.clone(), payer_key(), &lost.url)
        .unwrap()
        .with_log(&path)
        .await
        .unwrap();
    let error = session.complete("m", "prompt", 20).await.unwrap_err();
    assert!(error.to_string().contains("its ledger was set back"), "{error}");
}

/// A key that is asked as a chat has the hash that its voucher would have.
#[test]
fn a_question_and_its_request_have_one_text() {
    let question = oml_engine::Prompt::of_user(oml_engine::Api::Chat, "hi");
    let body = json!({"messages": [{"role": "user", "content": "hi"}]}).to_string();
    let limits = TokenLimits { default_max_tokens: 16, max_tokens_cap: 100 };
    let request = MeteredRequest::parse(ServedPath::Chat, body.as_bytes(), &limits).unwrap();
    assert_eq!(question.text(), request.prompt);
}
