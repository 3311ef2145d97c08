use crate::chain::TestChain;
use oml_node::{Node, NodeConfig, NodeError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn config(chain: &TestChain, store: &str) -> NodeConfig {
    let text = format!(
        "[chain]\nrpc_url = {:?}\naddresses = {:?}\npoll_interval_ms = 20\n\
         [store]\nurl = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n",
        chain.anvil.endpoint(),
        chain.folder.path().join("addresses.json"),
        chain.store_url(store),
    );
    NodeConfig::from_toml(&text, "test").unwrap()
}

#[tokio::test]
async fn a_node_starts_reports_and_stops() {
    let Some(chain) = TestChain::start().await else { return };
    chain.add_universe(1).await;
    let node = Node::start(config(&chain, "node.db")).await.unwrap();
    let base = format!("http://{}", node.local_addr());
    let cancel = CancellationToken::new();
    let running = oml_node::Tasks::new().spawn_detached("node", node.run(cancel.clone()));

    let mut ready = false;
    for _ in 0..200 {
        ready = reqwest::get(format!("{base}/readyz")).await.unwrap().status().is_success();
        if ready {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(ready);
    assert_eq!(reqwest::get(format!("{base}/livez")).await.unwrap().text().await.unwrap(), "ok\n");
    let status: serde_json::Value =
        reqwest::get(format!("{base}/status")).await.unwrap().json().await.unwrap();
    assert_eq!(status["chain_id"], 31_337);
    assert_eq!(status["ready"], true);
    assert_eq!(status["engine"], "sqlite");
    assert!(status["head"]["number"].as_u64().unwrap() >= chain.addresses.deployed_at_block);
    let metrics = reqwest::get(format!("{base}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("oml_head_block "), "{metrics}");
    let rounds: serde_json::Value =
        reqwest::get(format!("{base}/v1/rounds")).await.unwrap().json().await.unwrap();
    assert_eq!(rounds, serde_json::json!([]));
    let unknown = reqwest::get(format!("{base}/v1/rounds/0x{}", "11".repeat(32))).await.unwrap();
    assert_eq!(unknown.status(), 404);
    let bad = reqwest::get(format!("{base}/v1/rounds/0x11")).await.unwrap();
    assert_eq!(bad.status(), 400);

    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
    assert!(reqwest::get(format!("{base}/livez")).await.is_err());
}

#[tokio::test]
async fn a_store_of_another_deployment_and_a_taken_port_are_refused() {
    let Some(chain) = TestChain::start().await else { return };
    let first = Node::start(config(&chain, "mine.db")).await.unwrap();
    let mut same_port = config(&chain, "other.db");
    same_port.http.listen = first.local_addr();
    let error = Node::start(same_port).await.unwrap_err();
    assert!(matches!(error, NodeError::Listen { .. }), "{error}");
    let cancel = CancellationToken::new();
    cancel.cancel();
    first.run(cancel).await.unwrap();

    let Some(other) = TestChain::start().await else { return };
    // The same addresses and chain id: only the first block tells the two chains apart.
    let mut wrong = config(&other, "unused.db");
    wrong.store.url = chain.store_url("mine.db");
    let error = Node::start(wrong).await.unwrap_err();
    assert!(matches!(error, NodeError::OtherDeployment { .. }), "{error}");
}
