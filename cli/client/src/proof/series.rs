//! A series on disk: which keys of which copy are asked of whom, and what the chain says about
//! them.

use super::claim::ProofClaim;
use crate::chain::Chain;
use crate::commitment::ReportCommitment;
use crate::error::{FailureKind, Result, fail};
use crate::files::{self, LicenseFile};
use crate::host;
use crate::license::{self, KeptLicense};
use alloy::primitives::B256;
use oml_contracts::bundle::ProvenBundle;
use oml_contracts::leaf::BUNDLE;
use oml_contracts::rpc::abi::LicenseRegistry;
use oml_contracts::rpc::abi::Proofs::{Series, ServedAnswer, proveUnlicensedModelCall};
use oml_contracts::tag::tag_of;
use oml_contracts::terms::Violation;
use oml_contracts::{ChannelId, EthAddress, Root, Salt, Seed, ServingKeys, Signature, hash};
use oml_payments::copies::{CopySeries, SignedAnswer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// A bundle with the texts of its keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyBundle {
    /// What the contract needs of it.
    pub opening: ProvenBundle,
    /// What is asked, in the order of the leaves.
    pub keys: Vec<String>,
}

/// Keys to ask, and of whom: what a model's owner gives to whoever asks. Secret until the proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeysFile {
    /// The suspected license.
    pub license: LicenseFile,
    /// The license whose copy its host may serve.
    pub copy: LicenseFile,
    /// Bundles in the order in which they are asked.
    pub bundles: Vec<KeyBundle>,
}

impl KeysFile {
    /// Reads the keys.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let keys: Self = files::load(
            path,
            "a file of keys",
            "the owner's `oml proof keys --out FILE` writes one",
        )?;
        keys.check(path)?;
        Ok(keys)
    }

    /// Refuses what would waste a report: other keys than the leaves', a bundle that counts twice.
    fn check(&self, path: &Path) -> Result<()> {
        let damaged = |what: &str| {
            fail(
                format!("{}: {what}", path.display()),
                "take the keys anew with `oml proof keys`",
                FailureKind::Failed,
            )
        };
        let numbers: BTreeSet<u32> = self.bundles.iter().map(|b| b.opening.bundle).collect();
        if numbers.len() != self.bundles.len() || numbers.is_empty() {
            return Err(damaged("a bundle is repeated, or there is none; every key is asked once"));
        }
        let fits = |bundle: &KeyBundle| {
            let leaves = bundle.opening.leaves.iter().map(|leaf| leaf.key_hash);
            bundle.keys.len() == BUNDLE
                && leaves.eq(bundle.keys.iter().map(|key| hash::key_hash(key)))
        };
        if !self.bundles.iter().all(fits) {
            return Err(damaged("a key is not that of its leaf"));
        }
        Ok(())
    }

    /// The bundles without their keys' texts.
    pub(crate) fn openings(&self) -> Vec<ProvenBundle> {
        self.bundles.iter().map(|bundle| bundle.opening.clone()).collect()
    }

    /// Every key in its turn.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.bundles.iter().flat_map(|bundle| bundle.keys.iter().map(String::as_str))
    }
}

/// A series that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeriesFile {
    /// What is asked.
    #[serde(flatten)]
    pub keys: KeysFile,
    /// Channel on which it is asked.
    pub channel_id: ChannelId,
    /// Requests on the first receipt that counts.
    pub first_request: u64,
    /// Who committed to it, and proves.
    pub reporter: EthAddress,
    /// Salt of the commitment.
    pub salt: Salt,
}

impl SeriesFile {
    /// Reads a series.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let series: Self =
            files::load(path, "a series", "`oml proof collect --series FILE` writes one")?;
        series.keys.check(path)?;
        Ok(series)
    }

    /// The commitment to it, for the account that began it.
    pub(crate) fn commitment(&self, chain: &Chain) -> Result<ReportCommitment> {
        if chain.me()? != self.reporter {
            return Err(fail(
                format!("the series was begun by {}, but {} signs", self.reporter, chain.me()?),
                "sign with the account that began it: the commitment holds for it alone",
                FailureKind::Signer,
            ));
        }
        let bundles: Vec<u32> = self.keys.bundles.iter().map(|b| b.opening.bundle).collect();
        let copy = self.keys.copy.license_id;
        let claim = ProofClaim {
            violation: Violation::UnlicensedModel,
            license: self.keys.license.license_id,
            evidence: hash::series_digest(copy, self.channel_id, self.first_request, &bundles),
            salt: self.salt,
        };
        claim.commitment(chain)
    }

    /// The proof with these answers, one by key.
    pub(crate) fn call(
        &self,
        answers: &[Option<SignedAnswer>],
    ) -> Result<proveUnlicensedModelCall> {
        let numbers = self.keys.bundles.iter().map(|bundle| bundle.opening.bundle);
        let series = Series {
            copy: self.keys.copy.sol_ref()?,
            channelId: self.channel_id.into(),
            firstRequest: self.first_request,
            bundles: numbers.collect(),
        };
        Ok(proveUnlicensedModelCall {
            r#ref: self.keys.license.sol_ref()?,
            series,
            opened: self.keys.bundles.iter().map(|bundle| (&bundle.opening).into()).collect(),
            answers: answers.iter().map(served).collect(),
            salt: self.salt.into(),
        })
    }
}

fn served(answer: &Option<SignedAnswer>) -> ServedAnswer {
    let Some(SignedAnswer { receipt, text }) = answer else { return ServedAnswer::default() };
    let (r, vs) = compact(&receipt.signature);
    ServedAnswer {
        keyEpoch: receipt.key_epoch,
        seq: receipt.seq,
        cumulativeTokens: receipt.cumulative_tokens,
        servedAt: receipt.served_at,
        tag: (*tag_of(text).as_bytes()).into(),
        textHash: hash::text_hash(text).into(),
        r,
        vs,
    }
}

/// A signature in two words (EIP-2098): the parity of the point is the highest bit of the second.
fn compact(signature: &Signature) -> (B256, B256) {
    let bytes = signature.as_bytes();
    let (r, mut vs) = (B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..64]));
    vs[0] |= (bytes[64] & 1 ^ 1) << 7;
    (r, vs)
}

/// Refuses a license file of other terms: the commitment names the id, the contract computes it.
fn refuse_other_terms(chain: &Chain, file: &LicenseFile) -> Result<()> {
    let addresses = chain.addresses();
    let id = file.reference().license_id(addresses.chain_id, addresses.license_registry);
    if id == file.license_id {
        return Ok(());
    }
    let named = file.license_id;
    Err(fail(
        format!("license {named} has other terms than those in the file, which are of {id}"),
        "give the license files as `oml license acquire` wrote them, for this chain",
        FailureKind::Failed,
    ))
}

/// Refuses a bundle that a round or a proof has opened.
async fn refuse_burned(chain: &Chain, copy: &LicenseFile, bundle: u32) -> Result<()> {
    let (model, epoch) = (copy.terms.model_id.into(), copy.terms.epoch);
    let call = LicenseRegistry::burnedOnCall { modelId: model, epoch, bundle };
    if chain.read(chain.registry(), call).await? == 0 {
        return Ok(());
    }
    Err(fail(
        format!("bundle {bundle} is burned: a round or a proof has opened it"),
        "take other keys with `oml proof keys`",
        FailureKind::Failed,
    ))
}

/// What the chain says about a series.
#[derive(Clone, Debug)]
pub(crate) struct SeriesStanding {
    license: KeptLicense,
    serving_keys: ServingKeys,
    copy_seed: Seed,
    root: Root,
    personal: u32,
}

impl SeriesStanding {
    /// Reads it; an error names what makes the proof impossible.
    pub(crate) async fn read(chain: &Chain, keys: &KeysFile) -> Result<Self> {
        refuse_other_terms(chain, &keys.license)?;
        refuse_other_terms(chain, &keys.copy)?;
        let license = license::kept(chain, keys.license.license_id).await?;
        let serving_keys = host::serving_keys(chain, keys.license.license_id).await?;
        let of_copy = license::kept(chain, keys.copy.license_id).await?;
        let (model, epoch) = (keys.copy.terms.model_id, keys.copy.terms.epoch);
        let call = LicenseRegistry::universeCall { modelId: model.into(), epoch };
        let universe = chain.read(chain.registry(), call).await?;
        let root = Root::from(universe.root);
        let count = universe.personalCount + universe.sharedCount;
        for bundle in keys.bundles.iter().map(|bundle| &bundle.opening) {
            if !bundle.verify(model, epoch, root, count) {
                return Err(fail(
                    format!(
                        "bundle {} is not under the root of the copy's universe",
                        bundle.bundle
                    ),
                    "take the keys from the universe that the copy's license names",
                    FailureKind::Failed,
                ));
            }
            refuse_burned(chain, &keys.copy, bundle.bundle).await?;
        }
        let (copy_seed, personal) = (of_copy.seed, universe.personalCount);
        Ok(Self { license, serving_keys, copy_seed, root, personal })
    }

    /// Refuses to ask whom the chain does not let serve.
    pub(crate) fn require_serving(&self) -> Result<()> {
        if self.license.is_active() {
            return Ok(());
        }
        Err(fail(
            format!("the suspected license is {}, not active", self.license.status()),
            "nobody serves under it, so there is nothing to ask",
            FailureKind::Failed,
        ))
    }

    /// The series as it is judged; `from` is the end of the report's delay.
    pub(crate) fn series<'a>(
        &'a self,
        chain: &Chain,
        file: &SeriesFile,
        bundles: &'a [ProvenBundle],
        from: u64,
    ) -> CopySeries<'a> {
        let license = &file.keys.license;
        CopySeries {
            receipts: chain.addresses().receipt_domain(),
            license: license.license_id,
            model: license.terms.model_id,
            serving_keys: &self.serving_keys,
            evidence: license.terms.evidence(),
            channel: file.channel_id,
            first_request: file.first_request,
            from,
            copy_seed: self.copy_seed,
            root: self.root,
            personal: self.personal,
            bundles,
        }
    }
}
