//! Where the randomness of a deployment comes from, and when its rounds are out.

use crate::address::EthAddress;
use crate::text::bytes_as_text;

/// A deployed beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BeaconRecord {
    /// Contract that keeps the values.
    pub address: EthAddress,
    /// What they are made of; the contract's address follows from it.
    pub source: BeaconSource,
}

/// What a beacon's values are made of, with everything that its contract is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BeaconSource {
    /// `mixHash` of a block (EIP-4399), shown by its header. A round is the block's number.
    Randao(RandaoTerms),
    /// drand's scheme `bls-bn254-unchained-on-g1`, as its network evmnet uses it.
    DrandEvmnet(DrandNetwork<Bn254Key>),
    /// drand's scheme `bls-unchained-g1-rfc9380`, as its network quicknet uses it.
    DrandQuicknet(DrandNetwork<Bls12Key>),
}

/// What the contract of RANDAO values is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RandaoTerms {
    /// Blocks from a commitment to the block of its value.
    pub margin: u32,
    /// Slots in a row that somebody may hold before that block: bits of bias that every round pays
    /// for.
    pub bias_bits: u8,
}

/// A network of drand and the margin of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrandNetwork<K> {
    /// Public key as drand publishes it.
    pub public_key: K,
    /// Time of round 1, Unix seconds.
    pub genesis: u64,
    /// Seconds from round to round.
    pub period: u32,
    /// Seconds from a commitment to the time of its round, at least.
    pub margin: u32,
}

/// Public key on BN254's G2: x.c1, x.c0, y.c1, y.c0, big-endian.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bn254Key([u8; 128]);

/// Public key on BLS12-381's G2, compressed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bls12Key([u8; 96]);

macro_rules! key {
    ($name:ident: $length:literal) => {
        impl $name {
            /// Wraps the bytes that drand publishes.
            #[must_use]
            pub const fn new(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes that drand publishes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        bytes_as_text!($name);
    };
}

key!(Bn254Key: 128);
key!(Bls12Key: 96);

impl<K> DrandNetwork<K> {
    /// When a round is out, Unix seconds. Rounds count from 1.
    #[must_use]
    pub const fn time_of(&self, round: u64) -> u64 {
        self.genesis.saturating_add(round.saturating_sub(1).saturating_mul(self.period as u64))
    }

    /// The newest round that is out at `time`, Unix seconds; 0 before the first.
    #[must_use]
    pub const fn newest(&self, time: u64) -> u64 {
        match (time.checked_sub(self.genesis), self.period as u64) {
            (None, _) | (_, 0) => 0,
            (Some(since), period) => since / period + 1,
        }
    }
}

/// drand's public networks, as the League of Entropy runs them since 2023 and 2024.
pub mod networks {
    use super::{Bls12Key, Bn254Key, DrandNetwork};

    /// Where a network's parameters are published: `/info` below any relay's URL of it.
    pub const EVMNET_HASH: &str =
        "04f1e9062b8a81f848fded9c12306733282b2727ecced50032187751166ec8c3";
    /// Hash by which relays name quicknet.
    pub const QUICKNET_HASH: &str =
        "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
    /// Relays that serve both networks (docs.drand.love, "Our HTTP API").
    pub const RELAYS: [&str; 4] = [
        "https://api.drand.sh",
        "https://api2.drand.sh",
        "https://api3.drand.sh",
        "https://drand.cloudflare.com",
    ];

    /// The network evmnet.
    #[must_use]
    pub fn evmnet(margin: u32) -> DrandNetwork<Bn254Key> {
        let public_key = Bn254Key(EVMNET_KEY);
        DrandNetwork { public_key, genesis: 1_727_521_075, period: 3, margin }
    }

    /// The network quicknet.
    #[must_use]
    pub fn quicknet(margin: u32) -> DrandNetwork<Bls12Key> {
        let public_key = Bls12Key(QUICKNET_KEY);
        DrandNetwork { public_key, genesis: 1_692_803_367, period: 3, margin }
    }

    #[rustfmt::skip]
    const EVMNET_KEY: [u8; 128] = [
        0x07, 0xe1, 0xd1, 0xd3, 0x35, 0xdf, 0x83, 0xfa, 0x98, 0x46, 0x20, 0x05, 0x69, 0x03, 0x72, 0xc6,
        0x43, 0x34, 0x00, 0x60, 0xd2, 0x05, 0x30, 0x6a, 0x9a, 0xa8, 0x10, 0x6b, 0x6b, 0xd0, 0xb3, 0x82,
        0x05, 0x57, 0xec, 0x32, 0xc2, 0xad, 0x48, 0x8e, 0x4d, 0x4f, 0x60, 0x08, 0xf8, 0x9a, 0x34, 0x6f,
        0x18, 0x49, 0x20, 0x92, 0xcc, 0xc0, 0xd5, 0x94, 0x61, 0x0d, 0xe2, 0x73, 0x2c, 0x8b, 0x80, 0x8f,
        0x00, 0x95, 0x68, 0x5a, 0xe3, 0xa8, 0x5b, 0xa2, 0x43, 0x74, 0x7b, 0x1b, 0x2f, 0x42, 0x60, 0x49,
        0x01, 0x0f, 0x6b, 0x73, 0xa0, 0xcf, 0x1d, 0x38, 0x93, 0x51, 0xd5, 0xaa, 0xaa, 0x10, 0x47, 0xf6,
        0x29, 0x7d, 0x3a, 0x4f, 0x97, 0x49, 0xb3, 0x3e, 0xb2, 0xd9, 0x04, 0xc9, 0xd9, 0xeb, 0xf1, 0x72,
        0x24, 0x15, 0x0d, 0xdd, 0x7a, 0xbd, 0x75, 0x67, 0xa9, 0xbe, 0xc6, 0xc7, 0x44, 0x80, 0xee, 0x0b,
    ];

    #[rustfmt::skip]
    const QUICKNET_KEY: [u8; 96] = [
        0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22,
        0x12, 0xc4, 0x37, 0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c,
        0x8c, 0x4b, 0x45, 0x0b, 0x6a, 0x0a, 0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51,
        0x0d, 0x1f, 0xec, 0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b, 0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb,
        0x5e, 0xd6, 0x63, 0x04, 0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7, 0x3b, 0xab, 0x4a, 0xf5,
        0xa6, 0xe9, 0xc7, 0x6a, 0x4b, 0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4, 0x5a,
    ];
}

impl BeaconSource {
    /// Name of the kind, as `--beacon` takes it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Randao(_) => "randao",
            Self::DrandEvmnet(_) => "drand-evmnet",
            Self::DrandQuicknet(_) => "drand-quicknet",
        }
    }

    /// Name of the contract in its source.
    #[must_use]
    pub const fn contract(&self) -> &'static str {
        match self {
            Self::Randao(_) => "RandaoBeacon",
            Self::DrandEvmnet(_) => "DrandBn254Beacon",
            Self::DrandQuicknet(_) => "DrandBls12Beacon",
        }
    }

    /// When a drand round is out, Unix seconds; `None` for blocks, which have numbers, not times.
    #[must_use]
    pub const fn time_of(&self, round: u64) -> Option<u64> {
        match self {
            Self::Randao(_) => None,
            Self::DrandEvmnet(network) => Some(network.time_of(round)),
            Self::DrandQuicknet(network) => Some(network.time_of(round)),
        }
    }

    /// Relays of the public network that these are the parameters of: URLs of its chain. Empty for
    /// RANDAO and for every other network.
    #[must_use]
    pub fn public_relays(&self) -> Vec<String> {
        let of =
            |hash: &str| networks::RELAYS.iter().map(|relay| format!("{relay}/{hash}")).collect();
        match self {
            Self::DrandEvmnet(n) if *n == networks::evmnet(n.margin) => of(networks::EVMNET_HASH),
            Self::DrandQuicknet(n) if *n == networks::quicknet(n.margin) => {
                of(networks::QUICKNET_HASH)
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_written_and_unknown_words_are_refused() {
        let sources = [
            BeaconSource::Randao(RandaoTerms { margin: 128, bias_bits: 1 }),
            BeaconSource::DrandEvmnet(networks::evmnet(30)),
            BeaconSource::DrandQuicknet(networks::quicknet(30)),
        ];
        for source in sources {
            let text = serde_json::to_string(&source).unwrap();
            assert!(text.contains(&format!("\"kind\":\"{}\"", source.kind())), "{text}");
            assert_eq!(serde_json::from_str::<BeaconSource>(&text).unwrap(), source);
        }
        for bad in [
            r#"{"kind":"block-hash","margin":2}"#,
            r#"{"kind":"randao","margin":2,"biasBits":1,"delay":3}"#,
            r#"{"kind":"randao","margin":2}"#,
            r#"{"kind":"drand-evmnet","publicKey":"0x00","genesis":1,"period":3,"margin":9}"#,
        ] {
            assert!(serde_json::from_str::<BeaconSource>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rounds_have_times() {
        let network = networks::evmnet(30);
        assert_eq!(network.time_of(1), network.genesis);
        for time in [0, 1, 2, 3, 4, 1_000].map(|n| network.genesis + n) {
            let newest = network.newest(time);
            assert!(network.time_of(newest) <= time && time < network.time_of(newest + 1));
        }
        assert_eq!(network.newest(network.genesis - 1), 0);
        assert_eq!(BeaconSource::Randao(RandaoTerms { margin: 2, bias_bits: 1 }).time_of(7), None);
    }

    #[test]
    fn only_the_public_networks_have_public_relays() {
        let evmnet = networks::evmnet(30);
        let relays = BeaconSource::DrandEvmnet(evmnet).public_relays();
        assert_eq!(relays.len(), 4);
        assert!(relays[0].ends_with(networks::EVMNET_HASH), "{relays:?}");
        let other = DrandNetwork { genesis: 1, ..evmnet };
        assert_eq!(BeaconSource::DrandEvmnet(other).public_relays(), Vec::<String>::new());
    }
}
