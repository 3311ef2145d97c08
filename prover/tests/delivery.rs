//! Large copies are sealed, checked and opened in constant memory.
//!
//! 256 MiB by default; `OML_DELIVERY_MIB=10240 cargo test -p oml-prover --test delivery --
//! --nocapture` does it with 10 GiB and prints how fast.

use oml_contracts::LicenseId;
use oml_prover::delivery::{CopyManifest, CopySecrets, CopyToSeal, open_copy, seal_copy};
use oml_prover::sealed_box::EncryptionKey;
use std::fs::File;
use std::time::Instant;

/// Most that this process may take, whatever the size of the copy: MiB.
const MEMORY_MIB: u64 = 64;

/// The most that this process ever took, from the kernel; MiB.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[test]
fn a_large_copy_takes_no_more_memory_than_a_small_one() {
    let mib: u64 = std::env::var("OML_DELIVERY_MIB").ok().map_or(256, |text| text.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    std::fs::create_dir(place("copy")).unwrap();
    // A file of zeroes that takes no space on the disk; ciphertext and plaintext do.
    let weights = place("copy").join("model.safetensors");
    File::create(&weights).unwrap().set_len(mib << 20).unwrap();

    let license = LicenseId::new([1; 32]);
    let host = EncryptionKey::generate().unwrap();
    let (copy, sealed, opened) = (place("copy"), place("sealed"), place("opened"));
    let order = CopyToSeal { license, copy: &copy, host_key: host.public(), out: &sealed };
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        let seconds = start.elapsed().as_secs_f64();
        println!("{what}: {mib} MiB in {seconds:.2} s, {:.0} MiB/s", mib as f64 / seconds);
    };
    timed("sealed", &mut || drop(seal_copy(&order, &mut |_| ()).unwrap()));
    let manifest = CopyManifest::load(&sealed, license).unwrap();
    assert!(manifest.chunks() > mib);
    timed("checked", &mut || manifest.check(&sealed, &mut |_| ()).unwrap());
    let key = CopySecrets::load(&sealed, license).unwrap().copy_key();
    timed("opened", &mut || {
        open_copy(&manifest, &sealed, &key, &host, &opened, &mut |_| ()).unwrap();
    });
    let length = std::fs::metadata(opened.join("model.safetensors")).unwrap().len();
    assert_eq!(length, mib << 20);
    let peak = peak_mib();
    println!("most memory: {peak:?} MiB");
    // 32 bytes per MiB of the copy are the manifest, twice.
    assert!(peak.is_none_or(|peak| peak < MEMORY_MIB), "{peak:?} MiB for a copy of {mib} MiB");
}
