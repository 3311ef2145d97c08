//! What the sealing account signs: seals, for whoever pays for them, and hand-outs (EIP-712, in the
//! domain of `Rounds`).

use crate::abi_encode::AbiWords;
use crate::address::EthAddress;
use crate::amount::Bps;
use crate::eip712::Signable;
use crate::ids::{DeploymentCommitment, KeysHash, RoundId, RoundWord};
use crate::keccak::keccak256;

use super::draw::SeatIndex;

const SEAL_TYPE: &str =
    "Seal(bytes32 word,bytes32 deployment,uint8 seats,address payer,uint16 promiseBps)";
const HAND_OUT_TYPE: &str =
    "HandOut(bytes32 roundId,uint8 seat,bytes32 keysHash,bytes32 deployment)";

/// A round that `payer` may seal, and what the owner promises it for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seal {
    /// The word of the license.
    pub word: RoundWord,
    /// What is tested.
    pub deployment: DeploymentCommitment,
    /// Seats of the round.
    pub seats: u8,
    /// Who pays, and is the reporter.
    pub payer: EthAddress,
    /// Part of the owner's share of a slash that the payer gets.
    pub promise_bps: Bps,
}

impl Signable for Seal {
    fn struct_hash(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(SEAL_TYPE.as_bytes()))
            .bytes32(self.word)
            .bytes32(self.deployment)
            .uint(self.seats)
            .address(self.payer)
            .uint(self.promise_bps.get())
            .hash()
    }
}

/// That a seat gets these keys for this deployment; only the seat checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HandOut {
    /// Round that the keys are for.
    pub round: RoundId,
    /// The seat that gets it.
    pub seat: SeatIndex,
    /// Hash of the seat's keys.
    pub keys: KeysHash,
    /// What the seal commits to.
    pub deployment: DeploymentCommitment,
}

impl Signable for HandOut {
    fn struct_hash(&self) -> [u8; 32] {
        AbiWords::default()
            .bytes32(keccak256(HAND_OUT_TYPE.as_bytes()))
            .bytes32(self.round)
            .uint(self.seat.0)
            .bytes32(self.keys)
            .bytes32(self.deployment)
            .hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eip712::Domain;
    use alloy::sol_types::{SolStruct as _, eip712_domain};

    mod sol {
        alloy::sol! {
            struct Seal {
                bytes32 word;
                bytes32 deployment;
                uint8 seats;
                address payer;
                uint16 promiseBps;
            }

            struct HandOut {
                bytes32 roundId;
                uint8 seat;
                bytes32 keysHash;
                bytes32 deployment;
            }
        }
    }

    #[test]
    fn digests_equal_those_of_alloy() {
        let domain = Domain { chain_id: 31_337, verifying_contract: EthAddress::new([0xe5; 20]) };
        let alloy_domain = eip712_domain! {
            name: "OML",
            version: "1",
            chain_id: 31_337,
            verifying_contract: alloy::primitives::Address::repeat_byte(0xe5),
        };
        let seal = Seal {
            word: RoundWord::new([1; 32]),
            deployment: DeploymentCommitment::new([2; 32]),
            seats: 16,
            payer: EthAddress::new([3; 20]),
            promise_bps: Bps::new(250).unwrap(),
        };
        let theirs = sol::Seal {
            word: [1; 32].into(),
            deployment: [2; 32].into(),
            seats: 16,
            payer: [3; 20].into(),
            promiseBps: 250,
        };
        let hash = theirs.eip712_signing_hash(&alloy_domain);
        assert_eq!(*seal.digest(&domain).as_bytes(), hash.0);
        let hand_out = HandOut {
            round: RoundId::new([4; 32]),
            seat: SeatIndex(7),
            keys: KeysHash::new([5; 32]),
            deployment: seal.deployment,
        };
        let theirs = sol::HandOut {
            roundId: [4; 32].into(),
            seat: 7,
            keysHash: [5; 32].into(),
            deployment: [2; 32].into(),
        };
        let hash = theirs.eip712_signing_hash(&alloy_domain);
        assert_eq!(*hand_out.digest(&domain).as_bytes(), hash.0);
    }
}
