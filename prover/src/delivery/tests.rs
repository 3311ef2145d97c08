use super::*;
use crate::sealed_box::EncryptionKey;
use oml_contracts::{CopyKey, LicenseId};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const LICENSE: LicenseId = LicenseId::new([3; 32]);

/// A copy, sealed for a host.
struct World {
    dir: TempDir,
    host: EncryptionKey,
    key: CopyKey,
    manifest: CopyManifest,
}

impl World {
    fn new(weights: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        fs::create_dir_all(copy.join("tokenizer")).unwrap();
        let bytes: Vec<u8> = (0..=250).cycle().take(weights).collect();
        fs::write(copy.join("model.safetensors"), bytes).unwrap();
        fs::write(copy.join("tokenizer/tokenizer.json"), "{}").unwrap();
        fs::write(copy.join("empty"), "").unwrap();
        let host = EncryptionKey::generate().unwrap();
        let out = dir.path().join("sealed");
        let order =
            CopyToSeal { license: LICENSE, copy: &copy, host_key: host.public(), out: &out };
        let mut read = 0;
        let manifest = seal_copy(&order, &mut |bytes| read += bytes).unwrap();
        let secrets = CopySecrets::load(&out, LICENSE).unwrap();
        assert_eq!(manifest.download_token(&host).unwrap(), secrets.download_token());
        assert_eq!(read, weights as u64 + 2);
        Self { host, key: secrets.copy_key(), manifest, dir }
    }

    fn sealed(&self) -> PathBuf {
        self.dir.path().join("sealed")
    }

    fn open(&self, key: &CopyKey, host: &EncryptionKey) -> Result<PathBuf, DeliveryError> {
        let out = self.dir.path().join("opened");
        let folder = self.sealed();
        open_copy(&self.manifest, &folder, key, host, &out, &mut |_| ())?;
        Ok(out)
    }

    fn nothing_was_opened(&self) -> bool {
        !self.dir.path().join("opened").exists()
    }
}

fn same(a: &Path, b: &Path, file: &str) -> bool {
    fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap()
}

#[test]
fn a_copy_arrives_as_it_was() {
    // Lengths around the ends of chunks: a tar stream is a multiple of 512 bytes.
    for weights in [0, 1, CHUNK - 4096, CHUNK - 3072, CHUNK - 2560, CHUNK, 3 * CHUNK + 17] {
        let world = World::new(weights);
        let loaded = CopyManifest::load(&world.sealed(), LICENSE).unwrap();
        assert_eq!(loaded, world.manifest);
        assert_eq!(loaded.root(), world.manifest.root());
        loaded.check_recipient(&world.host).unwrap();
        let mut checked = 0;
        loaded.check(&world.sealed(), &mut |bytes| checked += bytes).unwrap();
        assert_eq!(checked, loaded.sealed_length());
        let opened = world.open(&world.key, &world.host).unwrap();
        let copy = world.dir.path().join("copy");
        for file in ["model.safetensors", "tokenizer/tokenizer.json", "empty"] {
            assert!(same(&copy, &opened, file), "{file} of {weights} bytes");
        }
    }
}

#[test]
fn the_key_alone_opens_nothing_for_a_stranger() {
    let world = World::new(100);
    let stranger = EncryptionKey::generate().unwrap();
    let refused = world.open(&world.key, &stranger);
    assert!(matches!(refused, Err(DeliveryError::Secret(_))), "{refused:?}");
    assert!(world.manifest.check_recipient(&stranger).is_err());
    let refused = world.open(&CopyKey::new([9; 32]), &world.host);
    assert!(matches!(refused, Err(DeliveryError::OtherKey)), "{refused:?}");
    assert!(world.nothing_was_opened());
}

#[test]
fn every_damaged_byte_is_found_before_the_host_accepts() {
    let world = World::new(2 * CHUNK);
    let path = world.sealed().join(SEALED_FILE);
    let whole = fs::read(&path).unwrap();
    for (position, chunk) in [(0, 0), (CHUNK + 20, 1), (whole.len() - 1, 2)] {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&path, damaged).unwrap();
        let found = world.manifest.check(&world.sealed(), &mut |_| ());
        assert!(matches!(found, Err(DeliveryError::Damaged(at)) if at == chunk), "{found:?}");
        assert_eq!(world.manifest.good_chunks(&world.sealed(), &mut |_| ()).unwrap(), chunk);
        assert!(world.open(&world.key, &world.host).is_err());
        assert!(world.nothing_was_opened());
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let found = world.manifest.check(&world.sealed(), &mut |_| ());
    assert!(matches!(found, Err(DeliveryError::Length { .. })), "{found:?}");
    fs::write(&path, &whole).unwrap();
    world.manifest.check(&world.sealed(), &mut |_| ()).unwrap();
}

#[test]
fn a_download_goes_on_behind_the_chunks_that_are_right() {
    let world = World::new(3 * CHUNK);
    let path = world.sealed().join(SEALED_FILE);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..2 * (CHUNK + 16) + 5]).unwrap();
    assert_eq!(world.manifest.good_chunks(&world.sealed(), &mut |_| ()).unwrap(), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(world.manifest.good_chunks(&world.sealed(), &mut |_| ()).unwrap(), 0);
}

#[test]
fn another_manifest_is_refused() {
    let world = World::new(10);
    let bytes = world.manifest.to_bytes();
    assert_eq!(CopyManifest::parse(&bytes), Some(world.manifest.clone()));
    for length in 0..bytes.len() {
        assert_eq!(CopyManifest::parse(&bytes[..length]), None, "{length} bytes");
    }
    for position in [0, 5, 7, 74, 78, 83] {
        let mut other = bytes.clone();
        other[position] ^= 1;
        let parsed = CopyManifest::parse(&other);
        // A length that has as many chunks is another manifest, with another root.
        let root = parsed.map(|manifest| manifest.root());
        assert_ne!(root, Some(world.manifest.root()), "byte {position}");
    }
    let other = LicenseId::new([4; 32]);
    let refused = CopyManifest::load(&world.sealed(), other);
    assert!(matches!(refused, Err(DeliveryError::OtherLicense { .. })), "{refused:?}");
}

#[test]
fn a_sealed_copy_is_never_overwritten_nor_an_empty_one_sealed() {
    let world = World::new(10);
    let (copy, out) = (world.dir.path().join("copy"), world.sealed());
    let host_key = world.host.public();
    let order = CopyToSeal { license: LICENSE, copy: &copy, host_key, out: &out };
    let again = seal_copy(&order, &mut |_| ());
    assert!(matches!(again, Err(DeliveryError::Exists(_))), "{again:?}");
    world.manifest.check(&out, &mut |_| ()).unwrap();

    let (empty, new) = (world.dir.path().join("none"), world.dir.path().join("new"));
    fs::create_dir(&empty).unwrap();
    let order = CopyToSeal { copy: &empty, out: &new, ..order };
    let refused = seal_copy(&order, &mut |_| ());
    assert!(matches!(refused, Err(DeliveryError::Empty(_))), "{refused:?}");
    let order = CopyToSeal { host_key: [0; 32], copy: &copy, ..order };
    let refused = seal_copy(&order, &mut |_| ());
    assert!(matches!(refused, Err(DeliveryError::Secret(_))), "{refused:?}");
    assert!(!new.join(MANIFEST_FILE).exists());
    // What was broken off is sealed again with the key that was kept, whoever it is for.
    let kept = CopySecrets::load(&new, LICENSE).unwrap().copy_key();
    let order = CopyToSeal { host_key, ..order };
    assert_eq!(seal_copy(&order, &mut |_| ()).unwrap().key_hash, key_hash(&kept));
    // A crash before the manifest was written: sealed anew with another stream.
    let first = fs::read(new.join(SEALED_FILE)).unwrap();
    fs::remove_file(new.join(MANIFEST_FILE)).unwrap();
    assert_eq!(seal_copy(&order, &mut |_| ()).unwrap().key_hash, key_hash(&kept));
    assert_ne!(fs::read(new.join(SEALED_FILE)).unwrap()[..64], first[..64]);
    let mode = fs::metadata(CopySecrets::path(&new)).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let other = LicenseId::new([4; 32]);
    assert!(matches!(CopySecrets::load(&new, other), Err(DeliveryError::OtherLicense { .. })));
}

/// Somebody's own folder beside the copy is left alone, whatever its name ends with.
#[test]
fn opening_removes_no_folder_of_anybody_else() {
    let world = World::new(10);
    let beside = world.dir.path().join("opened.part");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("mine"), "kept").unwrap();
    world.open(&world.key, &world.host).unwrap();
    assert_eq!(fs::read_to_string(beside.join("mine")).unwrap(), "kept");
}

/// A lying owner puts a name into the stream that leads out of the copy, or a link.
#[test]
fn names_that_lead_out_are_refused() {
    for hostile in ["../escaped", "/tmp/escaped", "a/../../escaped", "."] {
        let refused = open_hostile(hostile, tar::EntryType::Regular);
        assert!(matches!(refused, Err(DeliveryError::OutsideFile(_))), "{hostile}: {refused:?}");
    }
    for kind in [tar::EntryType::Symlink, tar::EntryType::Link, tar::EntryType::Directory] {
        let refused = open_hostile("plain", kind);
        assert!(matches!(refused, Err(DeliveryError::OutsideFile(_))), "{kind:?}: {refused:?}");
    }
    assert!(open_hostile("plain", tar::EntryType::Regular).is_ok());
}

fn open_hostile(name: &str, kind: tar::EntryType) -> Result<PathBuf, DeliveryError> {
    let mut header = tar::Header::new_gnu();
    // Written as bytes: the library refuses such names.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(0);
    header.set_entry_type(kind);
    header.set_link_name("/etc/passwd").unwrap();
    header.set_cksum();
    let stream = [header.as_bytes().as_slice(), &[0; 1024]].concat();
    let mut world = World::new(1);
    world.reseal(&stream);
    world.open(&world.key, &world.host)
}

impl World {
    /// Seals another stream with the same keys.
    fn reseal(&mut self, stream: &[u8]) {
        use crate::chunk_cipher::{Chunk, ChunkCipher};
        let secret = self.manifest.secret(&self.host).unwrap();
        let content = seal::content_key(&self.key, &secret, LICENSE, &self.manifest.sealed_secret);
        let mut cipher = ChunkCipher::new(&content, [0; 7], LICENSE.as_ref());
        let sealed = cipher.seal(stream, Chunk::Last).unwrap();
        fs::write(self.sealed().join(SEALED_FILE), &sealed).unwrap();
        let stream = (stream.len() as u64, vec![manifest::hash_of(&sealed)]);
        let secret = self.manifest.sealed_secret;
        self.manifest = CopyManifest::new(LICENSE, &self.key, &secret, stream).unwrap();
    }
}
