//! Files that people keep between commands: licenses, channels, reports, receipts.

use crate::contracts;
use crate::error::{Exit, HintExt, fail};
use eyre::Result;
use oml_contracts::{
    Amount, CaseId, ChannelId, DeploymentHash, EthAddress, LicenseId, LicenseNonce, LicenseRef,
    OfferId, Salt, Signature, Terms,
};
use oml_node::payments::SignedReceipt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// What names a license and proves its terms to the contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LicenseFile {
    /// Id, as the contracts recompute it.
    pub(crate) license_id: LicenseId,
    /// Offer it was bought under.
    pub(crate) offer_id: OfferId,
    /// Licensee.
    pub(crate) host: EthAddress,
    /// The host's number for it.
    pub(crate) nonce: LicenseNonce,
    /// The whole terms.
    pub(crate) terms: Terms,
}

impl LicenseFile {
    /// Reads a license file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        load(path, "a license file", "`oml license acquire --out FILE` writes one")
    }

    /// What names the license.
    pub(crate) fn reference(&self) -> LicenseRef {
        LicenseRef { terms: self.terms.clone(), host: self.host, nonce: self.nonce }
    }

    /// The form that the contracts take.
    pub(crate) fn sol_ref(&self) -> Result<contracts::LicenseRef> {
        Ok((&self.reference()).try_into()?)
    }
}

/// A payer's channel to a license.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelFile {
    /// Id, as the contracts recompute it.
    pub(crate) channel_id: ChannelId,
    /// Who deposited.
    pub(crate) payer: EthAddress,
    /// Whose signature vouchers bear.
    pub(crate) signer: EthAddress,
    /// The payer's salt for it.
    pub(crate) salt: Salt,
    /// The license it pays.
    pub(crate) license: LicenseFile,
}

impl ChannelFile {
    /// Reads a channel file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        load(path, "a channel file", "`oml channel open --out FILE` writes one")
    }
}

/// A host's signed word that it claims nothing above an amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CloseFile {
    /// The channel.
    pub(crate) channel_id: ChannelId,
    /// All that the host ever claims of it, smallest units.
    pub(crate) final_amount: Amount,
    /// By the license's host.
    pub(crate) signature: Signature,
}

impl CloseFile {
    /// Reads a signed close.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        load(path, "a signed close", "the host's `oml channel sign-close --out FILE` writes one")
    }
}

/// A report: written before anything is sent, so that an interrupted one can go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportFile {
    /// The accused license.
    pub(crate) license_id: LicenseId,
    /// The reported deployment.
    pub(crate) deployment_hash: DeploymentHash,
    /// Salt of the commitment.
    pub(crate) salt: Salt,
    /// First block that can hold what comes of it.
    #[serde(default)]
    pub(crate) since: u64,
    /// The case that it has opened.
    #[serde(default)]
    pub(crate) case_id: Option<CaseId>,
}

impl ReportFile {
    /// A report of which nothing is on the chain yet, whose newest block is `head`.
    pub(crate) fn begin(license: LicenseId, deployment: DeploymentHash, head: u64) -> Self {
        Self {
            license_id: license,
            deployment_hash: deployment,
            salt: random_salt(),
            // The same reporter may have opened another case about this deployment in the newest block.
            since: head + 1,
            case_id: None,
        }
    }

    /// Reads a report.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        load(path, "a report", "`oml report --report FILE` writes one; name another file")
    }

    /// The report, if it is about this deployment.
    pub(crate) fn require(
        self,
        license: LicenseId,
        deployment: DeploymentHash,
        path: &Path,
    ) -> Result<Self> {
        if (self.license_id, self.deployment_hash) == (license, deployment) {
            return Ok(self);
        }
        Err(fail(
            format!(
                "{} holds an unfinished report of deployment {} under license {}",
                path.display(),
                self.deployment_hash,
                self.license_id
            ),
            "go on with it, or name another file with --report",
            Exit::Failed,
        ))
    }
}

/// Reads a receipt with the host's signature, as gateways hand out.
pub(crate) fn load_receipt(path: &Path) -> Result<SignedReceipt> {
    load(path, "a receipt file", "`oml pay --receipt FILE` writes one")
}

/// Reads a JSON file; `what` and `hint` tell what it should be and where it comes from.
pub(crate) fn load<T: DeserializeOwned>(path: &Path, what: &str, hint: &str) -> Result<T> {
    serde_json::from_slice(&read(path)?).hint(
        format!("{} is not {what}", path.display()),
        hint,
        Exit::Failed,
    )
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).hint(
        format!("{} could not be read", path.display()),
        "check the path",
        Exit::Failed,
    )
}

/// Writes a JSON file, making its folder.
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    write(path, serde_json::to_string_pretty(value)?.as_bytes())
}

/// Writes a file, making its folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes).hint(
        format!("{} could not be written", path.display()),
        "check the folder and its permissions",
        Exit::Failed,
    )
}

/// Writes a new file that only its owner can read; never replaces one.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).hint(
        format!("{} could not be written", path.display()),
        "a secret is never overwritten; choose a path that does not exist yet",
        Exit::Signer,
    )
}

/// A model directory from a path or hub id.
pub(crate) fn model_dir(dir_or_hub_id: &str) -> Result<PathBuf> {
    oml_engine::resolve(dir_or_hub_id).hint(
        format!("no model at {dir_or_hub_id:?}"),
        "give a directory with config.json, tokenizer.json and *.safetensors, e.g. prover/assets/models/tiny",
        Exit::Failed,
    )
}

/// Loads a model from a path or hub id.
pub(crate) fn load_model(dir_or_hub_id: &str) -> Result<oml_engine::Model> {
    let dir = model_dir(dir_or_hub_id)?;
    oml_engine::Model::load(&dir, &crate::compute::load_options()?).hint(
        format!("the model in {} could not be loaded", dir.display()),
        "the cause names the file and what is wrong with it",
        Exit::Failed,
    )
}

/// Reads multiple-choice questions.
pub(crate) fn questions(path: &Path) -> Result<Vec<oml_engine::ChoiceQuestion>> {
    oml_engine::read_questions(path).hint(
        format!("the questions in {} could not be read", path.display()),
        "one JSON object per line: {\"context\": …, \"choices\": […], \"answer\": 0}",
        Exit::Failed,
    )
}

/// 32 bytes from the operating system's generator.
pub(crate) fn random_salt() -> Salt {
    Salt::new(rand::random())
}
