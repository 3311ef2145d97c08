//! What the owner's node hands to a seat, and what the seat accepts.

use k256::ecdsa::SigningKey;
use oml_contracts::hash::{deployment_hash, key_hash};
use oml_contracts::round::{HandOut, SEAT_KEYS, SeatIndex, deployment_commitment, keys_hash};
use oml_contracts::{
    DeploymentCommitment, Domain, EthAddress, KeyHash, KeysHash, RoundId, Salt, Seed,
    Signable as _, Signature,
};
use serde::{Deserialize, Serialize};

use super::access::{Access, AccessError, access_hash};
use oml_prover::sealed_box::{self, EncryptionKey, SealError};

/// Largest hand-out, in bytes: eight keys of a few KiB, and a body of 64 KiB in hex.
pub(crate) const LARGEST: usize = 30 * 1024;

/// Longest URL of a deployment, as the registry has it.
const LONGEST_URI: usize = 2048;

/// What is tested, opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestedDeployment {
    /// Its base URL.
    pub uri: String,
    /// Salt of the seal's commitment.
    pub salt: Salt,
    /// What gets a stranger in, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

impl TestedDeployment {
    /// What a seal says of it.
    #[must_use]
    pub fn commitment(&self) -> DeploymentCommitment {
        let access = access_hash(self.access.as_ref());
        deployment_commitment(deployment_hash(&self.uri), access, &self.salt)
    }
}

/// Which seat, and who sits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeatPlace {
    pub round: RoundId,
    pub seat: SeatIndex,
    pub prover: EthAddress,
}

impl SeatPlace {
    /// Binds a box to its place: it opens for no other round, seat or prover.
    fn context(&self) -> Vec<u8> {
        [self.round.as_bytes().as_slice(), &[self.seat.0], self.prover.as_bytes()].concat()
    }
}

/// A seat's keys and where to ask them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandedKeys {
    /// Seed that drew the keys: a reorg may draw others.
    pub seed: Seed,
    /// What is tested.
    pub deployment: TestedDeployment,
    /// The questions, in the order of the seat's leaves.
    pub keys: Vec<String>,
    /// By the account that sealed.
    pub signature: Signature,
}

/// What a seat knows of the round before it gets anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealContext {
    pub place: SeatPlace,
    /// Account that the round was sealed by.
    pub account: EthAddress,
    /// What the seal commits to.
    pub deployment: DeploymentCommitment,
    /// Domain of the contract `Rounds`, under which hand-outs are signed.
    pub domain: Domain,
}

/// Why a hand-out is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandOutError {
    /// Can't be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Not the promised JSON.
    #[error("the hand-out is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is larger than an inbox takes.
    #[error("the hand-out has {0} bytes; the largest has {LARGEST}")]
    TooLarge(usize),
    /// Not eight keys.
    #[error("the hand-out has {0} keys; a seat asks {SEAT_KEYS}")]
    KeyCount(usize),
    /// Its address can't be one.
    #[error("the deployment's address has {0} bytes; the longest has {LONGEST_URI}")]
    Uri(usize),
    /// What gets in is nothing that is sent.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Another deployment than the one that was sealed.
    #[error(
        "the hand-out names {uri}, which is not what the seal commits to: {found} instead of {expected}"
    )]
    OtherDeployment {
        /// What it names.
        uri: String,
        /// What that commits to.
        found: DeploymentCommitment,
        /// What was sealed.
        expected: DeploymentCommitment,
    },
    /// Signed by nobody, or by another account.
    #[error("the hand-out is not signed by {expected}, which sealed the round")]
    Signer {
        /// Account that the round was sealed by.
        expected: EthAddress,
    },
    /// No key could sign it.
    #[error("the hand-out could not be signed")]
    Unsigned,
}

/// Hash of a seat's keys.
///
/// # Errors
/// [`HandOutError::KeyCount`].
pub(crate) fn hash_of_keys(keys: &[String]) -> Result<KeysHash, HandOutError> {
    let hashes: Vec<KeyHash> = keys.iter().map(|key| key_hash(key)).collect();
    let hashes: [KeyHash; SEAT_KEYS] =
        hashes.try_into().map_err(|_| HandOutError::KeyCount(keys.len()))?;
    Ok(keys_hash(&hashes))
}

/// A box for one seat.
///
/// # Errors
/// [`HandOutError`] if the keys are not eight or the prover's registered key is unusable.
pub(crate) fn seal_hand_out(
    sealed: &SealContext,
    seed: Seed,
    deployment: TestedDeployment,
    keys: Vec<String>,
    signer: &SigningKey,
    encryption_key: &[u8; 32],
) -> Result<Vec<u8>, HandOutError> {
    let said = statement(sealed, hash_of_keys(&keys)?);
    let signature = said.sign(&sealed.domain, signer).map_err(|_| HandOutError::Unsigned)?;
    let plain = serde_json::to_vec(&HandedKeys { seed, deployment, keys, signature })?;
    if plain.len() > LARGEST {
        return Err(HandOutError::TooLarge(plain.len()));
    }
    Ok(sealed_box::seal(encryption_key, &sealed.place.context(), &plain)?)
}

/// Opens a box, and holds what is in it against what was sealed.
///
/// # Errors
/// [`HandOutError`].
pub(crate) fn open_hand_out(
    sealed: &SealContext,
    key: &EncryptionKey,
    given: &[u8],
) -> Result<HandedKeys, HandOutError> {
    if given.len() > LARGEST + 1024 {
        return Err(HandOutError::TooLarge(given.len()));
    }
    let plain = sealed_box::open(key, &sealed.place.context(), given)?;
    let handed: HandedKeys = serde_json::from_slice(&plain)?;
    let keys = hash_of_keys(&handed.keys)?;
    let uri = &handed.deployment.uri;
    if uri.is_empty() || uri.len() > LONGEST_URI {
        return Err(HandOutError::Uri(uri.len()));
    }
    if let Some(access) = &handed.deployment.access {
        access.check()?;
    }
    let found = handed.deployment.commitment();
    if found != sealed.deployment {
        let expected = sealed.deployment;
        return Err(HandOutError::OtherDeployment { uri: uri.clone(), found, expected });
    }
    let signer = statement(sealed, keys).signer(&sealed.domain, &handed.signature);
    if signer != Ok(sealed.account) {
        return Err(HandOutError::Signer { expected: sealed.account });
    }
    Ok(handed)
}

const fn statement(sealed: &SealContext, keys: KeysHash) -> HandOut {
    HandOut {
        round: sealed.place.round,
        seat: sealed.place.seat,
        keys,
        deployment: sealed.deployment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        sealed: SealContext,
        signer: SigningKey,
        key: EncryptionKey,
        deployment: TestedDeployment,
        keys: Vec<String>,
    }

    fn world() -> World {
        let signer = SigningKey::from_slice(&[0x42; 32]).unwrap();
        let deployment = TestedDeployment {
            uri: "https://host.example/v1".to_owned(),
            salt: Salt::new([1; 32]),
            access: Some(Access::from_lines(["Authorization: Bearer x"]).unwrap()),
        };
        World {
            sealed: SealContext {
                place: SeatPlace {
                    round: RoundId::new([2; 32]),
                    seat: SeatIndex(3),
                    prover: EthAddress::new([4; 20]),
                },
                account: EthAddress::of_key(signer.verifying_key()),
                deployment: deployment.commitment(),
                domain: Domain { chain_id: 1, verifying_contract: EthAddress::new([5; 20]) },
            },
            signer,
            key: EncryptionKey::generate().unwrap(),
            deployment,
            keys: (0..8).map(|n| format!("key {n}")).collect(),
        }
    }

    impl World {
        fn seal(&self) -> Result<Vec<u8>, HandOutError> {
            seal_hand_out(
                &self.sealed,
                Seed::new([6; 32]),
                self.deployment.clone(),
                self.keys.clone(),
                &self.signer,
                &self.key.public(),
            )
        }
    }

    #[test]
    fn a_seat_gets_what_was_sealed_for_it() {
        let world = world();
        let opened = open_hand_out(&world.sealed, &world.key, &world.seal().unwrap()).unwrap();
        assert_eq!((opened.keys, opened.deployment), (world.keys.clone(), world.deployment));
    }

    #[test]
    fn a_box_is_for_one_round_seat_and_prover() {
        let world = world();
        let given = world.seal().unwrap();
        let places = [
            SeatPlace { round: RoundId::new([9; 32]), ..world.sealed.place },
            SeatPlace { seat: SeatIndex(4), ..world.sealed.place },
            SeatPlace { prover: EthAddress::new([9; 20]), ..world.sealed.place },
        ];
        for place in places {
            let other = SealContext { place, ..world.sealed };
            let error = open_hand_out(&other, &world.key, &given).unwrap_err();
            assert!(matches!(error, HandOutError::Seal(SealError::Undecryptable)), "{error}");
        }
    }

    #[test]
    fn another_site_another_signer_and_seven_keys_are_refused() {
        let mut other = world();
        other.deployment.uri = "https://owner.example".to_owned();
        let given = other.seal().unwrap();
        let error = open_hand_out(&other.sealed, &other.key, &given).unwrap_err();
        assert!(matches!(error, HandOutError::OtherDeployment { .. }), "{error}");

        let mut other = world();
        other.signer = SigningKey::from_slice(&[0x43; 32]).unwrap();
        let given = other.seal().unwrap();
        let error = open_hand_out(&other.sealed, &other.key, &given).unwrap_err();
        assert!(matches!(error, HandOutError::Signer { .. }), "{error}");

        let mut other = world();
        other.keys.pop();
        assert!(matches!(other.seal(), Err(HandOutError::KeyCount(7))));
    }

    #[test]
    fn nonsense_is_refused_without_panic() {
        let world = world();
        for given in [&[][..], &[1], &[0; 200], &[1; 70_000]] {
            assert!(open_hand_out(&world.sealed, &world.key, given).is_err());
        }
    }
}
