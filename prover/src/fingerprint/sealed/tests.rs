use zeroize::Zeroizing;

use super::super::universe::tests::universe;
use super::super::{Universe, WrapKey};
use super::UniverseFileError;
use super::stream::{CHUNK, HEADER};
use crate::chunk_cipher::TAG;

fn raw(byte: u8) -> WrapKey {
    WrapKey::Raw(Zeroizing::new([byte; 32]))
}

fn passphrase(text: &str) -> WrapKey {
    WrapKey::Passphrase(Zeroizing::new(text.to_owned()))
}

fn sealed(secret: &WrapKey) -> (Universe, Vec<u8>) {
    let universe = universe(112, 64);
    let mut file = Vec::new();
    universe.write_to(&mut file, secret).unwrap();
    (universe, file)
}

#[test]
fn files_round_trip_and_hide_their_content() {
    let (universe, file) = sealed(&raw(1));
    assert!(file.len() > 2 * CHUNK, "several chunks: {} bytes", file.len());
    assert!(!file.windows(7).any(|w| w == b"Tell me"));
    assert_eq!(Universe::read_from(file.as_slice(), &raw(1)).unwrap(), universe);
    let again = sealed(&raw(1)).1;
    assert_ne!(file[..HEADER], again[..HEADER], "salt and nonce are fresh");
}

#[test]
fn files_on_disk_are_private_and_take_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("universe.oml");
    let universe = universe(16, 0);
    universe.save(&path, &passphrase("correct horse")).unwrap();
    assert_eq!(Universe::load(&path, &passphrase("correct horse")).unwrap(), universe);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let wrong = Universe::load(&path, &passphrase("wrong")).unwrap_err();
    assert!(matches!(wrong, UniverseFileError::Sealed { chunk: 0 }), "{wrong}");
    let other = Universe::load(&path, &raw(1)).unwrap_err();
    assert!(matches!(other, UniverseFileError::WrongKind { needed: "passphrase" }));
    let missing = Universe::load(&folder.path().join("none"), &raw(1)).unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
}

#[test]
fn any_damage_is_noticed() {
    let (_, file) = sealed(&raw(1));
    let read = |bytes: &[u8]| Universe::read_from(bytes, &raw(1));
    let second = HEADER + CHUNK + TAG;
    for place in [7, 20, 35, HEADER, second - 1, second + 5, file.len() - 1] {
        let mut damaged = file.clone();
        damaged[place] ^= 1;
        assert!(read(&damaged).is_err(), "bit flipped at {place}");
    }
    for length in [0, 3, HEADER - 1, HEADER, HEADER + 20, second, file.len() - 1] {
        assert!(read(&file[..length]).is_err(), "cut to {length}");
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
    let mut swapped = file[..HEADER].to_vec();
    swapped.extend_from_slice(&file[second..second + CHUNK + TAG]);
    swapped.extend_from_slice(&file[HEADER..second]);
    swapped.extend_from_slice(&file[second + CHUNK + TAG..]);
    assert!(matches!(read(&swapped), Err(UniverseFileError::Sealed { chunk: 0 })));
    let mut newer = file;
    newer[5] = 9;
    assert!(matches!(read(&newer), Err(UniverseFileError::Version(9))));
}

#[test]
fn forged_headers_cannot_demand_memory() {
    let universe = universe(16, 0);
    let mut file = Vec::new();
    universe.write_to(&mut file, &passphrase("x")).unwrap();
    file[7] = 40;
    let refused = Universe::read_from(file.as_slice(), &passphrase("x")).unwrap_err();
    assert!(matches!(refused, UniverseFileError::Kdf { log_n: 40, .. }), "{refused}");
}
