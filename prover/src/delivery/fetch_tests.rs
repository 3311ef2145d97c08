//! The host's side against owners' nodes that lie, break off and dawdle.

use super::*;
use crate::sealed_box::EncryptionKey;
use oml_contracts::{LicenseId, SealedRoot};
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const LICENSE: LicenseId = LicenseId::new([3; 32]);
const SEALED_CHUNK: usize = CHUNK + 16;

/// What the other side does with the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Honest,
    /// Closes the connection after so many bytes of the copy.
    BreaksOff(usize),
    /// Sends the whole copy, whatever part was asked for.
    IgnoresRanges,
    /// Damages the byte at this place.
    Damages(usize),
    /// Sends a byte every 50 ms.
    Dawdles,
    /// Says nothing at all.
    Silent,
    /// Sends for ever: a manifest, or what follows the copy.
    Endless,
    /// A manifest of a copy of 2^60 bytes.
    Boasts,
    /// Sends the asker somewhere else.
    Redirects,
    /// Ends in the middle as if that were all.
    Short,
}

/// An owner's node, and what it was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

struct World {
    dir: TempDir,
    host: EncryptionKey,
    manifest: CopyManifest,
}

impl World {
    /// A copy of three chunks and a bit, sealed for the host.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = EncryptionKey::generate().unwrap();
        let manifest = seal(dir.path(), "owner", host.public());
        Self { dir, host, manifest }
    }

    fn mine(&self) -> PathBuf {
        self.dir.path().join("mine")
    }

    async fn serve(&self, owner: Owner) -> Server {
        self.serve_copy("owner", owner).await
    }

    /// Serves the copy in this folder of the owner.
    async fn serve_copy(&self, folder: &str, owner: Owner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let folder = self.dir.path().join(folder);
        let (manifest, sealed) = (folder.join(MANIFEST_FILE), folder.join(SEALED_FILE));
        let files = [fs::read(manifest).unwrap(), fs::read(sealed).unwrap()];
        let heard = Arc::clone(&asked);
        #[expect(clippy::disallowed_methods, reason = "a test's server ends with its runtime")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves is no failure.
                let _ = answer(stream, owner, &files, &heard).await;
            }
        });
        Server { url, asked }
    }

    fn order<'a>(&'a self, server: &'a Server, dir: &'a Path) -> CopyToFetch<'a> {
        CopyToFetch {
            url: &server.url,
            license: LICENSE,
            keys: slice::from_ref(&self.host),
            dir,
            max_bytes: 1 << 30,
            root: None,
            known_manifest: KnownManifest::Keep,
            patience: FETCH_PATIENCE,
        }
    }

    async fn fetch(&self, owner: Owner) -> Result<FetchedCopy, FetchError> {
        let (server, dir) = (self.serve(owner).await, self.mine());
        let mut order = self.order(&server, &dir);
        if matches!(owner, Owner::Dawdles | Owner::Silent) {
            order.patience = Duration::from_millis(400);
        }
        fetch_copy(&order, |_| ()).await
    }

    fn is_whole(&self) -> bool {
        self.manifest.check(&self.mine(), &mut |_| ()).is_ok()
    }
}

fn seal(dir: &Path, name: &str, host_key: [u8; 32]) -> CopyManifest {
    let copy = dir.join("copy");
    fs::create_dir_all(&copy).unwrap();
    let bytes: Vec<u8> = (0..=250).cycle().take(3 * CHUNK).collect();
    fs::write(copy.join("model.safetensors"), bytes).unwrap();
    let out = dir.join(name);
    let order = CopyToSeal { license: LICENSE, copy: &copy, host_key, out: &out };
    seal_copy(&order, &mut |_| ()).unwrap()
}

/// Answers one request of a connection.
async fn answer(
    mut stream: TcpStream,
    owner: Owner,
    files: &[Vec<u8>; 2],
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().unwrap().push(head.clone());
    let data = head.starts_with("GET ") && head.contains("/copy/data ");
    let begins = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let begins: usize = begins.and_then(|r| r.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let (status, body) = match (data, owner) {
        (_, Owner::Redirects) => ("302 Found\r\nLocation: http://127.0.0.1:1/secret", Vec::new()),
        (_, Owner::Silent) => std::future::pending().await,
        (false, Owner::Boasts) => {
            let mut boast = files[0].clone();
            boast[76..84].copy_from_slice(&(1_u64 << 60).to_be_bytes());
            ("200 OK", boast)
        }
        (false, _) => ("200 OK", files[0].clone()),
        (true, Owner::IgnoresRanges) => ("200 OK", files[1].clone()),
        (true, Owner::Damages(at)) => {
            let mut copy = files[1].clone();
            copy[at] ^= 1;
            ("206 Partial Content", copy[begins..].to_vec())
        }
        (true, Owner::BreaksOff(bytes)) => {
            ("206 Partial Content", files[1][begins..bytes].to_vec())
        }
        (true, _) => ("206 Partial Content", files[1][begins..].to_vec()),
    };
    let length = match owner {
        Owner::Endless => usize::MAX >> 1,
        Owner::BreaksOff(_) if data => files[1].len() - begins,
        Owner::Short if data => body.len() / 2,
        _ => body.len(),
    };
    let start =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(start.as_bytes()).await?;
    if data && owner == Owner::Dawdles {
        for byte in body {
            stream.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        return Ok(());
    }
    stream.write_all(&body[..body.len().min(length)]).await?;
    if owner == Owner::Endless {
        loop {
            stream.write_all(&[0; 4_096]).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_download_goes_on_and_damaged_chunks_come_again() {
    let world = World::new();
    let broken = world.fetch(Owner::BreaksOff(2 * SEALED_CHUNK + 9)).await.unwrap_err();
    assert!(matches!(broken, FetchError::BrokenOff { .. }), "{broken}");
    let path = world.mine().join(SEALED_FILE);
    assert_eq!(fs::metadata(&path).unwrap().len(), 2 * SEALED_CHUNK as u64);
    // A byte of the second chunk rots on the disk.
    let mut here = fs::read(&path).unwrap();
    here[SEALED_CHUNK + 1] ^= 1;
    fs::write(&path, here).unwrap();
    let (server, dir) = (world.serve(Owner::Honest).await, world.mine());
    let mut seen = Vec::new();
    let got = fetch_copy(&world.order(&server, &dir), |now| seen.push(now)).await.unwrap();
    assert_eq!(got.resumed_at, SEALED_CHUNK as u64);
    assert_eq!(
        (got.sealed_root, got.bytes),
        (world.manifest.root(), world.manifest.sealed_length())
    );
    assert_eq!(seen.last().unwrap(), &FetchProgress { at: got.bytes, of: got.bytes });
    assert!(world.is_whole());
    // The manifest was kept, and nobody is asked for a copy that is whole.
    assert!(server.asked.lock().unwrap().iter().all(|asked| asked.contains("/copy/data ")));
    server.asked.lock().unwrap().clear();
    fetch_copy(&world.order(&server, &dir), |_| ()).await.unwrap();
    assert_eq!(server.asked.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_node_without_ranges_sends_all_of_it_again() {
    let world = World::new();
    world.fetch(Owner::BreaksOff(SEALED_CHUNK + 1)).await.unwrap_err();
    world.fetch(Owner::IgnoresRanges).await.unwrap();
    assert!(world.is_whole());
}

#[tokio::test]
async fn no_wrong_byte_is_kept() {
    let world = World::new();
    let wrong = world.fetch(Owner::Damages(SEALED_CHUNK + 5)).await.unwrap_err();
    assert!(matches!(wrong, FetchError::Misfit { chunk: 1 }), "{wrong}");
    let short = world.fetch(Owner::Short).await.unwrap_err();
    assert!(matches!(short, FetchError::Short { .. }), "{short}");
    let here = fs::metadata(world.mine().join(SEALED_FILE)).unwrap().len();
    assert_eq!(here % SEALED_CHUNK as u64, 0);
    assert!(here >= SEALED_CHUNK as u64);
    world.fetch(Owner::Honest).await.unwrap();
    assert!(world.is_whole());
}

#[tokio::test]
async fn nobody_holds_a_host_up_or_fills_its_disk() {
    let world = World::new();
    for owner in [Owner::Silent, Owner::Dawdles] {
        let slow = world.fetch(owner).await.unwrap_err();
        assert!(matches!(slow, FetchError::TooSlow { .. }), "{owner:?}: {slow}");
    }
    fs::remove_dir_all(world.mine()).unwrap();
    let endless = world.fetch(Owner::Endless).await.unwrap_err();
    assert!(matches!(endless, FetchError::NotAManifest { .. }), "{endless}");
    let boast = world.fetch(Owner::Boasts).await.unwrap_err();
    assert!(matches!(boast, FetchError::TooLarge { found, .. } if found > 1 << 60), "{boast}");
    assert!(!world.mine().join(MANIFEST_FILE).exists());
    // The whole copy and something behind it for ever: what fits is taken, the rest is not read.
    fs::copy(world.dir.path().join("owner").join(MANIFEST_FILE), world.mine().join(MANIFEST_FILE))
        .unwrap();
    world.fetch(Owner::Endless).await.unwrap();
    assert!(world.is_whole());

    let (server, dir) = (world.serve(Owner::Honest).await, world.mine());
    let small = CopyToFetch { max_bytes: CHUNK as u64, ..world.order(&server, &dir) };
    let refused = fetch_copy(&small, |_| ()).await.unwrap_err();
    assert!(matches!(refused, FetchError::TooLarge { .. }), "{refused}");
}

#[tokio::test]
async fn another_copy_than_the_accepted_one_is_not_taken() {
    let world = World::new();
    let renewed = seal(world.dir.path(), "sealed again", world.host.public());
    let (server, dir) = (world.serve_copy("sealed again", Owner::Honest).await, world.mine());
    let accepted = world.manifest.root();
    let order = CopyToFetch { root: Some(accepted), ..world.order(&server, &dir) };
    let refused = fetch_copy(&order, |_| ()).await.unwrap_err();
    let OtherRoots { found, wanted } = other_roots(&refused);
    assert_eq!((found, wanted), (renewed.root(), accepted));
    assert!(!dir.join(MANIFEST_FILE).exists());
    // Before an acceptance the owner may seal anew, and what was fetched of the first is worthless.
    world.fetch(Owner::BreaksOff(2 * SEALED_CHUNK)).await.unwrap_err();
    let order = CopyToFetch { known_manifest: KnownManifest::Renew, root: None, ..order };
    let got = fetch_copy(&order, |_| ()).await.unwrap();
    assert_eq!((got.sealed_root, got.resumed_at), (renewed.root(), 0));
    // After it, what is here of another copy is replaced by the accepted one.
    let first = world.serve(Owner::Honest).await;
    let order = CopyToFetch { root: Some(accepted), ..world.order(&first, &dir) };
    fetch_copy(&order, |_| ()).await.unwrap();
    assert!(world.is_whole());
}

struct OtherRoots {
    found: SealedRoot,
    wanted: SealedRoot,
}

fn other_roots(error: &FetchError) -> OtherRoots {
    match error {
        FetchError::OtherRoot { found, wanted } => OtherRoots { found: *found, wanted: *wanted },
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_copy_for_somebody_else_is_not_fetched() {
    let world = World::new();
    let stranger = EncryptionKey::generate().unwrap();
    let (server, dir) = (world.serve(Owner::Honest).await, world.mine());
    let order = CopyToFetch { keys: slice::from_ref(&stranger), ..world.order(&server, &dir) };
    let refused = fetch_copy(&order, |_| ()).await.unwrap_err();
    assert!(matches!(refused, FetchError::Copy(DeliveryError::Secret(_))), "{refused}");
    assert!(!dir.join(MANIFEST_FILE).exists(), "an owner's next manifest must be seen");
    let keys = [stranger.clone(), world.host.clone()];
    let order = CopyToFetch { keys: &keys, ..order };
    fetch_copy(&order, |_| ()).await.unwrap();
    let data = server.asked.lock().unwrap().pop().unwrap();
    let token = hex::encode(world.manifest.download_token(&world.host).unwrap());
    assert!(data.contains(&format!("authorization: Bearer {token}")), "{data}");
}

#[tokio::test]
async fn two_processes_do_not_work_on_one_copy_and_nobody_is_sent_elsewhere() {
    let world = World::new();
    let moved = world.fetch(Owner::Redirects).await.unwrap_err();
    assert!(matches!(moved, FetchError::Refused { status: 302, .. }), "{moved}");
    let held = fs::File::open(world.mine().join(SEALED_FILE)).unwrap();
    held.try_lock().unwrap();
    let busy = world.fetch(Owner::Honest).await.unwrap_err();
    assert!(matches!(busy, FetchError::Copy(DeliveryError::InUse(_))), "{busy}");
    drop(held);
    world.fetch(Owner::Honest).await.unwrap();
}
