//! Where a deployment of the contracts lives.

use std::path::{Path, PathBuf};

use crate::address::EthAddress;
use crate::beacon::BeaconRecord;
use crate::eip712::Domain;

/// Addresses of one deployment, kept as a JSON file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Addresses {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Source of randomness.
    pub beacon: BeaconRecord,
    /// Keeps models, offers and licenses.
    pub license_registry: EthAddress,
    /// Holds what hosts deposit as collateral.
    pub collateral_vault: EthAddress,
    /// Holds the payers' channels and the balances that come of them.
    pub payment_escrow: EthAddress,
    /// Holds the provers' tickets.
    pub prover_registry: EthAddress,
    /// Judges proofs of level 0.
    pub proofs: EthAddress,
    /// Judges rounds of level 2.
    pub rounds: EthAddress,
    /// A token for tests and demonstrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<EthAddress>,
    /// First block that can hold an event.
    pub deployed_at_block: u64,
}

/// An addresses file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressesError {
    /// Reading or writing failed.
    #[error("can't access the addresses file {}", path.display())]
    Io {
        /// Path that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file was written before it named what the beacon's values are made of.
    #[error(
        "{} is of a version whose draws came from block hashes, which whoever builds a block can \
         choose; deploy anew with this version, into another file",
        path.display()
    )]
    BlockHashes {
        /// Path of the file.
        path: PathBuf,
    },
    /// The content is not an addresses file.
    #[error("{} is not an addresses file; write it with a deployment", path.display())]
    Json {
        /// Path of the file.
        path: PathBuf,
        /// Where its content differs from what is expected.
        source: serde_json::Error,
    },
}

impl Addresses {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AddressesError`].
    pub fn load(path: &Path) -> Result<Self, AddressesError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| AddressesError::Io { path: path.to_owned(), source })?;
        serde_json::from_str(&text).map_err(|source| {
            let path = path.to_owned();
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(file) if file["beacon"].is_string() => AddressesError::BlockHashes { path },
                _ => AddressesError::Json { path, source },
            }
        })
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// [`AddressesError`].
    pub fn save(&self, path: &Path) -> Result<(), AddressesError> {
        let json = serde_json::to_string_pretty(self)
            .map_err(|source| AddressesError::Json { path: path.to_owned(), source })?;
        let temporary = path.with_extension("json.tmp");
        std::fs::write(&temporary, json + "\n")
            .and_then(|()| std::fs::rename(&temporary, path))
            .map_err(|source| AddressesError::Io { path: path.to_owned(), source })
    }

    /// EIP-712 domain of vouchers.
    #[must_use]
    pub const fn voucher_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.payment_escrow }
    }

    /// EIP-712 domain of receipts.
    #[must_use]
    pub const fn receipt_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.proofs }
    }

    /// EIP-712 domain of seals and hand-outs.
    #[must_use]
    pub const fn round_domain(&self) -> Domain {
        Domain { chain_id: self.chain_id, verifying_contract: self.rounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beacon::{BeaconSource, networks};

    #[test]
    fn files_round_trip_and_bad_ones_name_themselves() {
        let address = |n| EthAddress::new([n; 20]);
        let addresses = Addresses {
            chain_id: 31_337,
            beacon: BeaconRecord {
                address: address(1),
                source: BeaconSource::DrandQuicknet(networks::quicknet(60)),
            },
            license_registry: address(2),
            collateral_vault: address(3),
            payment_escrow: address(4),
            prover_registry: address(5),
            proofs: address(6),
            rounds: address(8),
            token: None,
            deployed_at_block: 7,
        };
        let folder = std::env::temp_dir().join(format!("oml-addresses-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("addresses.json");
        addresses.save(&path).unwrap();
        assert_eq!(Addresses::load(&path).unwrap(), addresses);
        let mut old = serde_json::to_value(addresses).unwrap();
        old["beacon"] = serde_json::json!(address(1));
        std::fs::write(&path, old.to_string()).unwrap();
        let error = Addresses::load(&path).unwrap_err();
        assert!(matches!(error, AddressesError::BlockHashes { .. }), "{error}");
        assert!(error.to_string().contains("addresses.json"), "{error}");
        std::fs::write(&path, "{}").unwrap();
        let bad = Addresses::load(&path).unwrap_err();
        assert!(bad.to_string().contains("addresses.json"), "{bad}");
        assert!(matches!(Addresses::load(&folder.join("none")), Err(AddressesError::Io { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
