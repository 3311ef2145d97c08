//! A host's node receives its copy from an owner's node that lies, over crashes and a reorg.

use crate::world::{COLLATERAL, OWNER, World};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::header::RANGE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use oml_contracts::SealedRoot;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_node::chain::{LicenseStatus, LicenseView};
use oml_node::{Node, NodeConfig, NodeError, Tasks};
use oml_prover::delivery::{CHUNK, CopySecrets, CopyToSeal, MANIFEST_FILE, SEALED_FILE, seal_copy};
use oml_prover::sealed_box::EncryptionKey;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SEALED_CHUNK: usize = CHUNK + 16;

/// What the owner's node serves, and what it was asked.
#[derive(Default)]
struct OwnersCopy {
    folder: PathBuf,
    /// Place of a byte that it damages.
    damages: Option<usize>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<OwnersCopy>>;

async fn serve(copy: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/licenses/{id}/copy/{file}", get(answer)).with_state(copy);
    Tasks::new().spawn_detached("owner", async move { axum::serve(listener, router).await });
    url
}

async fn answer(
    State(copy): State<Shared>,
    UrlPath((_, file)): UrlPath<(String, String)>,
    headers: HeaderMap,
) -> (StatusCode, Vec<u8>) {
    let mut copy = copy.lock().unwrap();
    let range = headers.get(RANGE).map_or("", |range| range.to_str().unwrap()).to_owned();
    copy.asked.push(format!("{file} {range}"));
    if file == "manifest" {
        return (StatusCode::OK, std::fs::read(copy.folder.join(MANIFEST_FILE)).unwrap());
    }
    let mut bytes = std::fs::read(copy.folder.join(SEALED_FILE)).unwrap();
    if let Some(at) = copy.damages {
        bytes[at] ^= 1;
    }
    let begin = range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap_or(0);
    (StatusCode::PARTIAL_CONTENT, bytes.split_off(begin))
}

/// A node of the host that runs.
struct Receiver {
    api: String,
    cancel: CancellationToken,
    running: JoinHandle<Result<(), NodeError>>,
}

impl Receiver {
    async fn start(world: &World, url: &str) -> Self {
        let folder = world.folder.path();
        let text = format!(
            "{}[host.receive]\ncopies = {:?}\ncopy_keys = {:?}\naccept = true\n\
             [[host.receive.from]]\nurl = {url:?}\nowner = \"{}\"\n",
            world.host_config(),
            folder.join("received"),
            folder,
            world.accounts[OWNER],
        );
        let node = Node::start(NodeConfig::from_toml(&text, "test").unwrap()).await.unwrap();
        let api = format!("http://{}/v1/licenses/{}/status", node.local_addr(), world.license_id);
        let cancel = CancellationToken::new();
        let running = Tasks::new().spawn_detached("node", node.run(cancel.clone()));
        Self { api, cancel, running }
    }

    async fn stop(self) {
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
    }

    /// Waits until what the API says of the copy is what is asked for.
    async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut said = Value::Null;
        for _ in 0..600 {
            // The license is unknown until the node has read the chain.
            said = reqwest::get(&self.api).await.unwrap().json().await.unwrap();
            if is(&said["copy"]) {
                return said["copy"].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {what}: {said}");
    }

    async fn until_state(&self, state: &str) -> Value {
        self.until(state, |copy| copy["state"] == state).await
    }
}

async fn view(world: &World) -> LicenseView {
    world.client().await.reader().license(world.license_id).await.unwrap()
}

fn seal(world: &World, name: &str, host: &EncryptionKey) -> (PathBuf, SealedRoot) {
    let out = world.folder.path().join(name);
    let copy = world.folder.path().join("made");
    let (license, host_key) = (world.license_id, host.public());
    let order = CopyToSeal { license, copy: &copy, host_key, out: &out };
    let root = seal_copy(&order, &mut |_| ()).unwrap().root();
    (out, root)
}

fn write_secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, private).unwrap();
}

/// How often the chain has an acceptance of the license, as it is now.
async fn acceptances(world: &World) -> usize {
    let filter = Filter::new()
        .address(alloy::primitives::Address::from(world.addresses.license_registry))
        .event_signature(LicenseRegistry::CopyAccepted::SIGNATURE_HASH)
        .from_block(0);
    world.provider.get_logs(&filter).await.unwrap().len()
}

#[tokio::test]
async fn a_host_gets_its_copy_whatever_the_owner_and_the_machine_do() {
    let key = EncryptionKey::generate().unwrap();
    let Some(world) = World::bought(COLLATERAL, key.public()).await else { return };
    write_secret(&world.folder.path().join("license.copy-key"), &key.to_hex());
    std::fs::create_dir(world.folder.path().join("made")).unwrap();
    let weights: Vec<u8> = (0..=250).cycle().take(3 * CHUNK).collect();
    std::fs::write(world.folder.path().join("made/model.safetensors"), &weights).unwrap();
    let (folder, root) = seal(&world, "sealed", &key);
    let (other, _) = seal(&world, "sealed-again", &key);
    let secrets = CopySecrets::load(&folder, world.license_id).unwrap();
    let damages = Some(SEALED_CHUNK + 7);
    let copy = Arc::new(Mutex::new(OwnersCopy { folder, damages, asked: Vec::new() }));
    let url = serve(Arc::clone(&copy)).await;

    // What does not fit is neither kept nor accepted.
    let node = Receiver::start(&world, &url).await;
    let misfit = "chunk 1 does not fit the manifest";
    node.until(misfit, |copy| copy["problem"] == misfit).await;
    assert_eq!(view(&world).await.status, LicenseStatus::Seeded);
    node.stop().await;

    // The node goes on behind what was right, and accepts.
    let taken_up = {
        let mut copy = copy.lock().unwrap();
        (copy.damages, copy.asked) = (None, Vec::new());
        format!("data bytes={SEALED_CHUNK}-")
    };
    let node = Receiver::start(&world, &url).await;
    node.until_state("awaits-key").await;
    assert_eq!(copy.lock().unwrap().asked, [taken_up]);
    let accepted = view(&world).await;
    assert_eq!((accepted.status, accepted.sealed_root), (LicenseStatus::Accepted, root));

    // A reorg takes the acceptance back: the same one is there again, and once.
    let reorg = (1_u64, Vec::<String>::new());
    world.provider.raw_request::<_, ()>("anvil_reorg".into(), reorg).await.unwrap();
    for _ in 0..200 {
        if view(&world).await.status == LicenseStatus::Accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    node.until_state("awaits-key").await;
    assert_eq!((acceptances(&world).await, view(&world).await.sealed_root), (1, root));
    node.stop().await;

    // While the node is down the folder is lost, the owner has sealed another copy, and the key
    // comes. Only the accepted copy is taken.
    let here = world.folder.path().join("received").join(world.license_id.to_string());
    std::fs::remove_dir_all(&here).unwrap();
    let first = std::mem::replace(&mut copy.lock().unwrap().folder, other);
    let deliver = LicenseRegistry::deliverKeyCall {
        r#ref: (&world.license).try_into().unwrap(),
        key: secrets.copy_key().into(),
    };
    world.send(OWNER, world.addresses.license_registry, &deliver, 0).await;
    let node = Receiver::start(&world, &url).await;
    let refused = format!("but {root} was accepted");
    let is_refused = |copy: &Value| copy["problem"].as_str().is_some_and(|p| p.ends_with(&refused));
    node.until(&refused, is_refused).await;
    copy.lock().unwrap().folder = first;
    let opened = node.until_state("opened").await;
    let out = here.join("copy");
    assert_eq!(opened["folder"], out.to_str().unwrap());
    assert_eq!(std::fs::read(out.join("model.safetensors")).unwrap(), weights);
    node.stop().await;

    // An opened copy stays what it is, and nobody is asked again.
    copy.lock().unwrap().asked.clear();
    let node = Receiver::start(&world, &url).await;
    node.until_state("opened").await;
    node.stop().await;
    assert_eq!(copy.lock().unwrap().asked, Vec::<String>::new());
    assert_eq!(acceptances(&world).await, 1);
}
