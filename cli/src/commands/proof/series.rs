//! A series on disk: which keys of which copy are asked of whom, and what the chain says about them.

use super::Report;
use crate::chain::Chain;
use crate::commands::commitment::Commitment;
use crate::commands::{license, pay};
use crate::contracts::ChallengeManager::{
    OpenedBundle, OpenedLeaf, Series, SeriesEvidence, ServedAnswer, proveUnlicensedModelCall,
};
use crate::contracts::{LicenseRegistry, LicenseStatus};
use crate::error::{Exit, fail};
use crate::files::{self, LicenseFile};
use clap::Args;
use eyre::Result;
use oml_contracts::bundle::ProvenBundle;
use oml_contracts::leaf::BUNDLE;
use oml_contracts::terms::Violation;
use oml_contracts::{ChannelId, EthAddress, Root, Salt, Seed, hash};
use oml_payments::copies::{CopySeries, SignedAnswer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where a series and what was answered to it are kept.
#[derive(Args, Clone, Debug)]
pub(super) struct SeriesPaths {
    /// The series, as `oml proof collect` makes it or goes on with it
    #[arg(long, default_value = "copy-series.json", value_name = "FILE")]
    pub(super) series: PathBuf,
    /// Channel file with which it is asked; until the last key nothing else may be asked on this channel
    #[arg(long, default_value = "channel.json", value_name = "FILE")]
    pub(super) channel: PathBuf,
    /// Log of vouchers, answers and receipts [default: beside the channel file, *.payments.jsonl]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

impl SeriesPaths {
    /// The log of the channel.
    pub(super) fn log(&self) -> PathBuf {
        self.log_file.clone().unwrap_or_else(|| pay::log_of(&self.channel))
    }
}

/// A bundle with the texts of its keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyBundle {
    /// What the contract needs of it.
    pub(super) opening: ProvenBundle,
    /// What is asked, in the order of the leaves.
    pub(super) keys: Vec<String>,
}

/// Keys to ask, and of whom: what a model's owner gives to whoever asks. Secret until the proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeysFile {
    /// The suspected license.
    pub(super) license: LicenseFile,
    /// The license whose copy its host may serve.
    pub(super) copy: LicenseFile,
    /// Bundles in the order in which they are asked.
    pub(super) bundles: Vec<KeyBundle>,
}

impl KeysFile {
    /// Reads the keys.
    pub(super) fn load(path: &Path) -> Result<Self> {
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
                Exit::Failed,
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
    pub(super) fn openings(&self) -> Vec<ProvenBundle> {
        self.bundles.iter().map(|bundle| bundle.opening.clone()).collect()
    }

    /// Every key in its turn.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.bundles.iter().flat_map(|bundle| bundle.keys.iter().map(String::as_str))
    }
}

/// A series that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeriesFile {
    /// What is asked.
    #[serde(flatten)]
    pub(super) keys: KeysFile,
    /// Channel on which it is asked.
    pub(super) channel_id: ChannelId,
    /// Number of the first receipt that counts.
    pub(super) first_seq: u64,
    /// Who committed to it, and proves.
    pub(super) reporter: EthAddress,
    /// Salt of the commitment.
    pub(super) salt: Salt,
}

impl SeriesFile {
    /// Reads a series.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let series: Self =
            files::load(path, "a series", "`oml proof collect --series FILE` writes one")?;
        series.keys.check(path)?;
        Ok(series)
    }

    /// The commitment to it, for the account that began it.
    pub(super) fn commitment(&self, chain: &Chain) -> Result<Commitment> {
        if EthAddress::from(chain.me()?) != self.reporter {
            return Err(fail(
                format!("the series was begun by {}, but {} signs", self.reporter, chain.me()?),
                "sign with the account that began it: the commitment holds for it alone",
                Exit::Signer,
            ));
        }
        let bundles: Vec<u32> = self.keys.bundles.iter().map(|b| b.opening.bundle).collect();
        let copy = self.keys.copy.license_id;
        let report = Report {
            violation: Violation::UnlicensedModel,
            license: self.keys.license.license_id,
            evidence: hash::series_digest(copy, self.channel_id, self.first_seq, &bundles),
            salt: self.salt,
        };
        report.commitment(chain)
    }

    /// The proof with these answers, one by key.
    pub(super) fn call(
        &self,
        answers: &[Option<SignedAnswer>],
    ) -> Result<proveUnlicensedModelCall> {
        let numbers = self.keys.bundles.iter().map(|bundle| bundle.opening.bundle);
        let series = Series {
            copy: self.keys.copy.sol_ref()?,
            channelId: self.channel_id.into(),
            firstSeq: self.first_seq,
            bundles: numbers.collect(),
        };
        let bundles = self.keys.bundles.iter().zip(0..).map(|(bundle, k)| opened(bundle, k));
        let given = SeriesEvidence {
            bundles: bundles.collect::<Result<_>>()?,
            answers: answers.iter().map(served).collect(),
        };
        let (r#ref, salt) = (self.keys.license.sol_ref()?, self.salt.into());
        Ok(proveUnlicensedModelCall { r#ref, series, given, salt })
    }
}

/// The `k`-th bundle as the contract takes it: each leaf's answer stands in the leaf's own place.
fn opened(bundle: &KeyBundle, k: u16) -> Result<OpenedBundle> {
    let leaves: Vec<OpenedLeaf> = (16 * k..)
        .zip(&bundle.opening.leaves)
        .map(|(position, leaf)| OpenedLeaf {
            salt: leaf.salt.into(),
            keyHash: leaf.key_hash.into(),
            tags: leaf.tags.words().map(Into::into),
            position,
        })
        .collect();
    let leaves = leaves.try_into().map_err(|_| eyre::eyre!("a bundle has not 16 leaves"))?;
    let siblings = bundle.opening.siblings.iter().map(Into::into).collect();
    Ok(OpenedBundle { leaves, siblings })
}

fn served(answer: &Option<SignedAnswer>) -> ServedAnswer {
    let Some(SignedAnswer { receipt, text }) = answer else { return ServedAnswer::default() };
    ServedAnswer {
        cumulativeRequests: receipt.cumulative_requests,
        cumulativeTokens: receipt.cumulative_tokens,
        servedAt: receipt.served_at,
        signature: receipt.signature.as_bytes().to_vec().into(),
        text: text.as_bytes().to_vec().into(),
    }
}

/// What the chain says about a series.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    status: LicenseStatus,
    serving_key: EthAddress,
    copy_seed: Seed,
    root: Root,
    personal: u32,
}

impl Standing {
    /// Reads it; an error names what makes the proof impossible.
    pub(super) async fn read(chain: &Chain, keys: &KeysFile) -> Result<Self> {
        for file in [&keys.license, &keys.copy] {
            // The commitment names the id, the contract computes it.
            let addresses = &chain.addresses;
            let id = file.reference().license_id(addresses.chain_id, addresses.license_registry);
            if id != file.license_id {
                return Err(fail(
                    format!(
                        "license {} has other terms than those in the file, which are of {id}",
                        file.license_id
                    ),
                    "give the license files as `oml license acquire` wrote them, for this chain",
                    Exit::Failed,
                ));
            }
        }
        let state = license::state(chain, keys.license.license_id).await?;
        let of_copy = license::state(chain, keys.copy.license_id).await?;
        let (model, epoch) = (keys.copy.terms.model_id, keys.copy.terms.epoch);
        let call = LicenseRegistry::universeCall { modelId: model.into(), epoch };
        let universe = chain.read(chain.registry(), call).await?;
        let count = universe.personalCount + universe.sharedCount;
        for bundle in keys.bundles.iter().map(|bundle| &bundle.opening) {
            let number = bundle.bundle;
            if !bundle.verify(model, epoch, Root::from(universe.root), count) {
                return Err(fail(
                    format!("bundle {number} is not under the root of the copy's universe"),
                    "take the keys from the universe that the copy's license names",
                    Exit::Failed,
                ));
            }
            let call =
                LicenseRegistry::isBurnedCall { modelId: model.into(), epoch, bundle: number };
            if chain.read(chain.registry(), call).await? {
                return Err(fail(
                    format!("bundle {number} is burned: a case or a proof has opened it"),
                    "take other keys with `oml proof keys`",
                    Exit::Failed,
                ));
            }
        }
        Ok(Self {
            status: state.status,
            serving_key: state.servingKey.into(),
            copy_seed: of_copy.seed.into(),
            root: universe.root.into(),
            personal: universe.personalCount,
        })
    }

    /// Refuses to ask whom the chain does not let serve.
    pub(super) fn require_serving(&self) -> Result<()> {
        if self.status == LicenseStatus::Active {
            return Ok(());
        }
        Err(fail(
            format!("the suspected license is {}, not active", license::status_name(&self.status)),
            "nobody serves under it, so there is nothing to ask",
            Exit::Failed,
        ))
    }

    /// The series as it is judged; `from` is the end of the report's delay.
    pub(super) fn series<'a>(
        &self,
        chain: &Chain,
        file: &SeriesFile,
        bundles: &'a [ProvenBundle],
        from: u64,
    ) -> CopySeries<'a> {
        let license = &file.keys.license;
        CopySeries {
            receipts: chain.addresses.receipt_domain(),
            license: license.license_id,
            model: license.terms.model_id,
            serving_key: self.serving_key,
            evidence: license.terms.evidence,
            channel: file.channel_id,
            first_seq: file.first_seq,
            from,
            copy_seed: self.copy_seed,
            root: self.root,
            personal: self.personal,
            bundles,
        }
    }
}
