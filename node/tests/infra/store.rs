use alloy::primitives::{Address, B256};
use oml_contracts::round::{SeatIndex, SheetTags};
use oml_contracts::{
    Amount, ChannelId, DeploymentCommitment, DeploymentHash, EthAddress, KeysHash, LicenseId,
    ModelId, Receipt, RequestHash, ResponseHash, Root, RoundId, RoundWord, Salt, Seed, Tag,
};
use oml_node::store::{
    AttemptRow, BlockRef, ChainBatch, ChannelRow, DeploymentRow, EventRow, Fact, HandOutRow,
    IntentRow, IntentState, JobState, LicenseRow, NewJob, PaidRow, ReceiptRow, RoundRow,
    SealOrderRow, SheetRow, Store, UniverseRow, VoucherRow,
};
use serde_json::json;

/// Runs a test on SQLite, and on PostgreSQL where `OML_TEST_POSTGRES_URL` names a server whose
/// database the tests may empty.
async fn on_every_engine<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("new/folder/store.db").display());
    test(Store::open(&url).await.unwrap()).await;
    let Ok(url) = std::env::var("OML_TEST_POSTGRES_URL") else {
        eprintln!("PostgreSQL skipped: OML_TEST_POSTGRES_URL is not set");
        return;
    };
    let schema = format!("t{:016x}", rand::random::<u64>());
    let admin = sqlx::PgPool::connect(&url).await.unwrap();
    let create = format!("CREATE SCHEMA {schema}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&admin).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    let own = format!("{url}{separator}options=-c%20search_path%3D{schema}");
    test(Store::open(&own).await.unwrap()).await;
    let delete = format!("DROP SCHEMA {schema} CASCADE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(delete)).execute(&admin).await.unwrap();
}

fn block(number: u64, fork: u8) -> BlockRef {
    let mut hash = B256::repeat_byte(fork);
    hash[..8].copy_from_slice(&number.to_be_bytes());
    BlockRef { number, hash, timestamp: 1_000 + number }
}

fn event(number: u64, name: &str, subject: B256) -> EventRow {
    EventRow {
        block: number,
        log_index: 3,
        tx_hash: B256::repeat_byte(9),
        contract: Address::repeat_byte(8),
        name: name.to_owned(),
        subject,
        topics: vec![subject, B256::repeat_byte(1)],
        data: vec![0, 255],
        timestamp: 1_000 + number,
    }
}

fn license(block: u64) -> LicenseRow {
    LicenseRow {
        license_id: LicenseId::new([2; 32]),
        offer_id: oml_contracts::OfferId::new([3; 32]),
        host: EthAddress::new([4; 20]),
        nonce: oml_contracts::LicenseNonce::new((1 << 96) - 1).unwrap(),
        serving_key: EthAddress::new([5; 20]),
        block,
    }
}

fn deployment(block: u64) -> DeploymentRow {
    DeploymentRow {
        license_id: LicenseId::new([2; 32]),
        deployment: DeploymentHash::new([6; 32]),
        uri: "http://127.0.0.1:9001".to_owned(),
        block,
        retired_block: None,
    }
}

fn round(block: u64) -> RoundRow {
    RoundRow {
        round_id: RoundId::new([7; 32]),
        account: EthAddress::new([8; 20]),
        payer: EthAddress::new([9; 20]),
        word: RoundWord::new([1; 32]),
        deployment: DeploymentCommitment::new([6; 32]),
        seats: 16,
        beacon_round: 77,
        tickets: 400,
        answer_until: 1_000,
        open_until: 2_000,
        block,
        opened_block: None,
    }
}

fn batch(number: u64, facts: Vec<(&str, Fact)>) -> ChainBatch {
    let events = facts.into_iter().enumerate().map(|(index, (name, fact))| {
        let mut event = event(number, name, B256::repeat_byte(7));
        event.log_index = index as u64;
        (event, Some(fact))
    });
    ChainBatch { blocks: vec![block(number, 1)], events: events.collect(), window: 10 }
}

#[tokio::test]
async fn facts_come_with_their_blocks_and_go_with_them() {
    on_every_engine(|store| async move {
        let (licensed, deployed) = (license(1), deployment(2));
        let thaws = ChannelId::new([9; 32]);
        let channel = ChannelRow {
            channel_id: thaws,
            license_id: licensed.license_id,
            payer: EthAddress::new([1; 20]),
            signer: EthAddress::ZERO,
            salt: Salt::new([2; 32]),
            block: 2,
            thawing_block: None,
            closed_block: None,
        };
        let universe = UniverseRow {
            model_id: ModelId::new([1; 32]),
            epoch: 0,
            root: Root::new([1; 32]),
            block: 2,
        };
        let retired = Fact::DeploymentRetired(licensed.license_id, deployed.deployment);
        let batches = [
            batch(1, vec![("LicenseAcquired", Fact::License(licensed.clone()))]),
            batch(
                2,
                vec![
                    ("DeploymentRegistered", Fact::Deployment(deployed.clone())),
                    ("ChannelOpened", Fact::Channel(channel.clone())),
                    ("UniverseCommitted", Fact::Universe(universe.clone())),
                    ("RoundSealed", Fact::Round(round(2))),
                ],
            ),
            batch(
                3,
                vec![
                    ("RoundOpened", Fact::RoundOpened(round(2).round_id)),
                    ("ChannelThawing", Fact::ChannelThawing(thaws)),
                    ("ChannelClosed", Fact::ChannelClosed(thaws)),
                    ("DeploymentRetired", retired),
                ],
            ),
        ];
        for batch in &batches {
            store.apply(batch).await.unwrap();
            store.apply(batch).await.unwrap();
        }
        assert_eq!(store.head().await.unwrap(), Some(block(3, 1)));
        assert_eq!(store.license(licensed.license_id).await.unwrap(), Some(licensed.clone()));
        assert_eq!(store.open_rounds(0).await.unwrap(), []);
        assert_eq!(store.rounds().await.unwrap()[0].opened_block, Some(3));
        assert_eq!(store.thawing_channels(licensed.license_id).await.unwrap().len(), 1);
        assert_eq!(store.deployments(licensed.license_id).await.unwrap()[0].retired_block, Some(3));
        assert_eq!(store.channel(thaws).await.unwrap().unwrap().closed_block, Some(3));
        assert_eq!(store.events_of(B256::repeat_byte(7)).await.unwrap().len(), 9);
        assert_eq!(store.events_named(B256::repeat_byte(7), "RoundSealed").await.unwrap().len(), 1);

        store.unwind_to(2).await.unwrap();
        assert_eq!(store.head().await.unwrap(), Some(block(2, 1)));
        assert_eq!(store.open_rounds(2_000).await.unwrap(), [round(2)]);
        assert_eq!(store.open_rounds(2_001).await.unwrap(), []);
        assert_eq!(store.thawing_channels(licensed.license_id).await.unwrap(), []);
        assert_eq!(store.deployments(licensed.license_id).await.unwrap(), [deployed]);
        assert_eq!(store.channel(thaws).await.unwrap(), Some(channel));
        assert_eq!(store.universe(universe.model_id, 0).await.unwrap(), Some(universe));

        store.unwind_to(1).await.unwrap();
        assert_eq!(store.round(round(2).round_id).await.unwrap(), None);
        assert_eq!(store.license(licensed.license_id).await.unwrap(), Some(licensed.clone()));
        store.forget_chain().await.unwrap();
        assert_eq!(store.license(licensed.license_id).await.unwrap(), None);
        assert_eq!(store.head().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_window_keeps_its_length() {
    on_every_engine(|store| async move {
        for number in 0..40 {
            store.apply(&batch(number, Vec::new())).await.unwrap();
        }
        let window = store.window().await.unwrap();
        assert_eq!(window.len(), 11);
        assert_eq!((window[0], window[10]), (block(39, 1), block(29, 1)));
    })
    .await;
}

fn job(key: &str, run_after: u64) -> NewJob {
    NewJob { kind: "check", key: key.to_owned(), payload: json!({ "case": key }), run_after }
}

#[tokio::test]
async fn a_job_is_leased_once_fenced_and_taken_over() {
    on_every_engine(|store| async move {
        assert!(store.enqueue(&job("a", 50)).await.unwrap());
        assert!(!store.enqueue(&job("a", 0)).await.unwrap());
        assert_eq!(store.lease_job("check", 49, 100).await.unwrap(), None);
        assert_eq!(store.lease_job("other", 60, 100).await.unwrap(), None);
        let first = store.lease_job("check", 60, 100).await.unwrap().unwrap();
        assert_eq!((first.attempts, first.payload.clone()), (1, json!({ "case": "a" })));
        assert_eq!(store.lease_job("check", 90, 200).await.unwrap(), None);
        assert!(store.renew_job(&first, 120).await.unwrap());
        assert_eq!(store.lease_job("check", 110, 200).await.unwrap(), None);
        let second = store.lease_job("check", 130, 200).await.unwrap().unwrap();
        assert_eq!(second.attempts, 2);
        // The first worker woke up again: it may neither keep the job nor write its result.
        assert!(!store.renew_job(&first, 300).await.unwrap());
        assert!(!store.finish_job(&first, JobState::Done, 0, None).await.unwrap());
        assert!(store.finish_job(&second, JobState::Queued, 500, Some("no route")).await.unwrap());
        let stored = store.job("check", "a").await.unwrap().unwrap();
        assert_eq!((stored.state, stored.run_after), (JobState::Queued, 500));
        assert_eq!(stored.last_error.as_deref(), Some("no route"));
        let third = store.lease_job("check", 500, 600).await.unwrap().unwrap();
        assert!(store.finish_job(&third, JobState::Done, 0, None).await.unwrap());
        assert_eq!(store.lease_job("check", 9_999, 10_000).await.unwrap(), None);
        assert!(store.requeue("check", "a").await.unwrap());
        assert_eq!(store.job_counts().await.unwrap().get("queued"), Some(&1));
    })
    .await;
}

#[tokio::test]
async fn workers_at_the_same_time_never_share_a_job() {
    on_every_engine(|store| async move {
        for n in 0..30 {
            store.enqueue(&job(&n.to_string(), 0)).await.unwrap();
        }
        let workers = (0..6).map(|_| async {
            let mut taken = Vec::new();
            while let Some(job) = store.lease_job("check", 1, 1_000).await.unwrap() {
                taken.push(job.key);
            }
            taken
        });
        let mut taken: Vec<String> = futures::future::join_all(workers).await.concat();
        assert_eq!(taken.len(), 30);
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 30);
    })
    .await;
}

fn voucher(requests: u64, tokens: u64, amount: u128) -> VoucherRow {
    VoucherRow {
        channel_id: ChannelId::new([1; 32]),
        license_id: LicenseId::new([2; 32]),
        payer: EthAddress::new([3; 20]),
        signer: EthAddress::ZERO,
        salt: Salt::new([4; 32]),
        cumulative_amount: Amount::new(amount),
        cumulative_requests: requests,
        cumulative_tokens: tokens,
        request_hash: RequestHash::new([u8::try_from(requests % 250).unwrap(); 32]),
        signature: vec![5; 65],
        received_at: 7,
    }
}

/// Keeps rows as the gateway does; per row, whether it was kept.
async fn keep(store: &Store, rows: &[PaidRow]) -> Vec<bool> {
    store.keep_paid(rows).await.unwrap()
}

#[tokio::test]
async fn the_newest_voucher_is_the_last_of_the_highest_count() {
    on_every_engine(|store| async move {
        let channel = ChannelId::new([1; 32]);
        assert_eq!(store.newest_voucher(channel).await.unwrap(), None);
        let again = VoucherRow { received_at: 8, ..voucher(9, 100, 900) };
        let rows = [voucher(9, 100, 1_000), voucher(10, 99, 2_000), voucher(8, 200, 10_000)];
        let rows = rows.into_iter().chain([again.clone()]).map(PaidRow::Voucher);
        assert_eq!(keep(&store, &rows.collect::<Vec<_>>()).await, [true; 4]);
        assert_eq!(store.newest_voucher(channel).await.unwrap(), Some(voucher(10, 99, 2_000)));
        assert_eq!(store.voucher_of(channel, 9).await.unwrap(), Some(again));
        assert_eq!(store.voucher_of(channel, 11).await.unwrap(), None);
        // Past what a 64-bit column could hold, and in an order that text would get wrong without
        // padding.
        let huge = voucher(u64::MAX, u64::MAX, u128::MAX);
        keep(&store, &[PaidRow::Voucher(huge.clone())]).await;
        assert_eq!(store.newest_voucher(channel).await.unwrap(), Some(huge));
    })
    .await;
}

/// A request is asked again under its count after it failed, even from several gateways at once:
/// all its vouchers are kept, and each has an order among them.
#[tokio::test]
async fn concurrent_vouchers_of_one_count_are_all_kept() {
    on_every_engine(|store| async move {
        let offers = (0..12).map(|n| {
            let mut row = voucher(1, 10, 100);
            row.request_hash = RequestHash::new([n; 32]);
            let store = store.clone();
            async move { keep(&store, &[PaidRow::Voucher(row)]).await }
        });
        let kept = futures::future::join_all(offers).await;
        assert!(kept.into_iter().flatten().all(|kept| kept));
        let last = store.voucher_of(ChannelId::new([1; 32]), 1).await.unwrap().unwrap();
        assert_eq!(store.newest_voucher(last.channel_id).await.unwrap(), Some(last));
    })
    .await;
}

/// A receipt with this number that counts so many requests.
fn receipt(key_epoch: u32, seq: u64, requests: u64) -> ReceiptRow {
    ReceiptRow {
        receipt: Receipt {
            license_id: LicenseId::new([2; 32]),
            key_epoch,
            channel_id: ChannelId::new([1; 32]),
            seq,
            cumulative_requests: requests,
            cumulative_tokens: requests * 10,
            served_at: 5,
            request_hash: RequestHash::new([1; 32]),
            response_hash: ResponseHash::new([1; 32]),
        },
        signature: vec![6; 65],
    }
}

#[tokio::test]
async fn a_number_and_a_request_are_receipted_once() {
    on_every_engine(|store| async move {
        let channel = ChannelId::new([1; 32]);
        // Numbers have gaps, and begin anew with the next key.
        let kept = [receipt(0, 5, 1), receipt(0, 1_000, 9), receipt(1, 3, 10)];
        let rows: Vec<_> = kept.iter().cloned().map(PaidRow::Receipt).collect();
        assert_eq!(keep(&store, &rows).await, [true; 3]);
        // The number is given; the request is served.
        for again in [receipt(0, 1_000, 11), receipt(1, 4, 9)] {
            assert_eq!(keep(&store, &[PaidRow::Receipt(again)]).await, [false]);
        }
        assert_eq!(store.newest_receipt(channel).await.unwrap().as_ref(), kept.last());
        let unpaid = store.first_unpaid(channel, Amount::ZERO).await.unwrap();
        assert_eq!(unpaid.as_ref(), kept.first());
    })
    .await;
}

#[tokio::test]
async fn sheets_hand_outs_and_orders_are_never_overwritten() {
    on_every_engine(|store| async move {
        let sheet = |tag: u8| SheetRow {
            round_id: RoundId::new([1; 32]),
            seat: SeatIndex(3),
            seed: Seed::new([2; 32]),
            prover: EthAddress::new([2; 20]),
            keys: KeysHash::new([4; 32]),
            tags: SheetTags([Tag::new([tag; 4]); 8]),
            transcript: json!([{ "answer": "\u{0}é" }]),
            settled: false,
        };
        store.keep_sheet(&sheet(1)).await.unwrap();
        store.keep_sheet(&sheet(2)).await.unwrap();
        assert_eq!(store.unsettled_sheets().await.unwrap(), [sheet(1)]);
        let hand_out = HandOutRow {
            round_id: RoundId::new([1; 32]),
            seat: SeatIndex(3),
            seed: Seed::new([2; 32]),
            sealed: vec![1; 9],
        };
        assert_eq!(store.keep_hand_out(&hand_out).await.unwrap(), Some(hand_out.clone()));
        assert!(!format!("{hand_out:?}").contains("sealed"), "boxes must not reach logs");
        let order = SealOrderRow {
            order_id: "a".to_owned(),
            license_id: LicenseId::new([2; 32]),
            index: None,
            uri: "http://127.0.0.1:9001".to_owned(),
            leak: true,
            access: None,
            payer: None,
            promise_bps: 0,
        };
        assert!(store.put_seal_order(&order).await.unwrap());
        assert!(!store.put_seal_order(&order).await.unwrap());
        assert!(store.take_word("a", order.license_id, 64).await.unwrap());
        assert!(!store.take_word("a", order.license_id, 65).await.unwrap());
        assert!(store.drop_word("a", 64).await.unwrap());
        assert!(store.take_word("a", order.license_id, 65).await.unwrap());
        assert!(store.kv_put_new("a", "1").await.unwrap());
        assert!(!store.kv_put_new("a", "2").await.unwrap());
        store.kv_put("a", "3").await.unwrap();
        assert_eq!(store.kv_get("a").await.unwrap().as_deref(), Some("3"));
    })
    .await;
}

fn intent(key: &str, nonce: u64) -> (IntentRow, AttemptRow) {
    let intent = IntentRow {
        key: key.to_owned(),
        sender: Address::repeat_byte(1),
        to: Address::repeat_byte(2),
        calldata: vec![1, 2, 3],
        value: u128::MAX,
        describe: "test".to_owned(),
        deadline: Some(99),
        state: IntentState::Pending,
        nonce,
        tx_hash: None,
        block: None,
        succeeded: None,
        error: None,
        created_at: 5,
    };
    (intent, attempt(key, 1))
}

fn attempt(key: &str, n: u8) -> AttemptRow {
    AttemptRow {
        key: key.to_owned(),
        tx_hash: B256::repeat_byte(n),
        raw: vec![n],
        max_fee: u128::from(n),
        tip: 1,
        cancels: n == 2,
        created_at: 6,
    }
}

#[tokio::test]
async fn intents_keep_every_attempt_and_their_key() {
    on_every_engine(|store| async move {
        let (row, first) = intent("round/1/open", 7);
        assert!(store.put_intent(&row, &first).await.unwrap());
        assert!(!store.put_intent(&row, &attempt("round/1/open", 9)).await.unwrap());
        store.put_attempt(&attempt("round/1/open", 2)).await.unwrap();
        let attempts = store.attempts("round/1/open").await.unwrap();
        assert_eq!(attempts, [attempt("round/1/open", 2), first]);
        assert_eq!(store.intent("round/1/open").await.unwrap(), Some(row.clone()));
        let hash = B256::repeat_byte(1);
        let mined = Some((hash, 12, true));
        store.set_intent("round/1/open", IntentState::Mined, mined, None).await.unwrap();
        let open = store.open_intents(row.sender).await.unwrap();
        assert_eq!(
            (open[0].tx_hash, open[0].block, open[0].succeeded),
            (Some(hash), Some(12), Some(true))
        );
        store.set_intent("round/1/open", IntentState::Done, mined, None).await.unwrap();
        assert_eq!(store.open_intents(row.sender).await.unwrap(), []);
        assert_eq!(store.recent_intents(5).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_lease_has_one_holder() {
    on_every_engine(|store| async move {
        assert!(store.take_lease("account", "a", 10, 20).await.unwrap());
        assert!(!store.take_lease("account", "b", 15, 25).await.unwrap());
        assert!(store.take_lease("account", "a", 15, 30).await.unwrap());
        assert!(store.take_lease("account", "b", 31, 40).await.unwrap());
        assert_eq!(store.lease_holder("account").await.unwrap().as_deref(), Some("b"));
        store.drop_lease("account", "a").await.unwrap();
        assert_eq!(store.lease_holder("account").await.unwrap().as_deref(), Some("b"));
        store.drop_lease("account", "b").await.unwrap();
        assert!(store.take_lease("account", "c", 32, 40).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_database_is_named() {
    let error = Store::open("mysql://user:secret@host/x").await.unwrap_err().to_string();
    assert!(error.contains("sqlite:PATH") && !error.contains("secret"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.db");
    std::fs::write(&path, "this is not a database, it is a text that is long enough").unwrap();
    let error = Store::open(&format!("sqlite:{}", path.display())).await.unwrap_err().to_string();
    assert!(error.contains("can't open the store"), "{error}");
}
