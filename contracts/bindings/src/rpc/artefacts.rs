//! The compiled contracts inside this program, as the pinned compiler made them.

use alloy::json_abi::JsonAbi;
use alloy::primitives::Bytes;
use serde_json::Value;

/// A compiled contract inside this program that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the compiled {contract} can't be used; export the contracts and build again")]
pub struct ArtefactError {
    /// Name of the contract.
    contract: &'static str,
    /// What is wrong with it.
    source: ArtefactProblem,
}

impl ArtefactError {
    pub(super) const fn new(contract: &'static str, source: ArtefactProblem) -> Self {
        Self { contract, source }
    }
}

/// What is wrong with a compiled contract.
#[derive(Debug, thiserror::Error)]
pub(super) enum ArtefactProblem {
    #[error("no such contract")]
    Unknown,
    #[error("it is not the JSON of a compiled contract")]
    Json(#[from] serde_json::Error),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its {0} is not text")]
    NotText(&'static str),
    #[error("its {path} is not hex")]
    NotHex { path: &'static str, source: hex::FromHexError },
    #[error("its settings are not those of the contracts")]
    Settings(#[source] alloy::sol_types::Error),
}

/// A compiled contract.
pub(crate) struct CompiledContract {
    pub(crate) name: &'static str,
    json: &'static str,
}

macro_rules! artefact {
    ($name:literal) => {
        CompiledContract { name: $name, json: include_str!(concat!("../../abi/", $name, ".json")) }
    };
}

/// The parts of the core in the order of `Deployer.Part`.
pub(crate) static PARTS: [CompiledContract; 6] = [
    artefact!("LicenseRegistry"),
    artefact!("CollateralVault"),
    artefact!("PaymentEscrow"),
    artefact!("ProverRegistry"),
    artefact!("Proofs"),
    artefact!("Rounds"),
];

/// What stands alone.
pub(crate) static RANDAO: CompiledContract = artefact!("RandaoBeacon");
pub(crate) static DRAND_BN254: CompiledContract = artefact!("DrandBn254Beacon");
pub(crate) static DRAND_BLS12: CompiledContract = artefact!("DrandBls12Beacon");
pub(crate) static DEPLOYER: CompiledContract = artefact!("Deployer");
pub(crate) static TOKEN: CompiledContract = artefact!("TestToken");

/// Every contract that can revert.
pub(crate) fn all() -> impl Iterator<Item = &'static CompiledContract> {
    let beacons = [&RANDAO, &DRAND_BN254, &DRAND_BLS12];
    PARTS.iter().chain(beacons).chain([&DEPLOYER, &TOKEN])
}

/// Creation code of a contract of this version, with constructor arguments.
///
/// # Errors
/// [`ArtefactError`] if this program has no contract of that name.
pub fn creation_code(contract: &'static str, arguments: &[u8]) -> Result<Bytes, ArtefactError> {
    let found = all().find(|artefact| artefact.name == contract);
    let unknown = || ArtefactError::new(contract, ArtefactProblem::Unknown);
    found.ok_or_else(unknown)?.code(arguments)
}

/// Code of a deployed contract, but for its immutables.
pub(crate) struct Runtime {
    code: Vec<u8>,
    /// Offset and length of each immutable.
    immutables: Vec<(usize, usize)>,
}

impl Runtime {
    /// Whether `found` is this code with any immutables.
    pub(crate) fn matches(&self, found: &[u8]) -> bool {
        let mut masked = found.to_vec();
        for (start, length) in &self.immutables {
            if let Some(hole) = masked.get_mut(*start..start + length) {
                hole.fill(0);
            }
        }
        masked == self.code
    }
}

impl CompiledContract {
    fn field(&self, path: &'static str) -> Result<Value, ArtefactProblem> {
        let json: Value = serde_json::from_str(self.json)?;
        json.pointer(path).cloned().ok_or(ArtefactProblem::Missing(path))
    }

    fn hex(&self, path: &'static str) -> Result<Vec<u8>, ArtefactProblem> {
        let object = self.field(path)?;
        let text = object.as_str().ok_or(ArtefactProblem::NotText(path))?;
        hex::decode(text.trim_start_matches("0x"))
            .map_err(|source| ArtefactProblem::NotHex { path, source })
    }

    fn broken(&self) -> impl Fn(ArtefactProblem) -> ArtefactError {
        let contract = self.name;
        move |problem| ArtefactError::new(contract, problem)
    }

    pub(crate) fn abi(&self) -> Result<JsonAbi, ArtefactError> {
        let read = || Ok(serde_json::from_value(self.field("/abi")?)?);
        read().map_err(self.broken())
    }

    /// Creation code with constructor arguments.
    pub(crate) fn code(&self, arguments: &[u8]) -> Result<Bytes, ArtefactError> {
        let mut code = self.hex("/bytecode/object").map_err(self.broken())?;
        code.extend_from_slice(arguments);
        Ok(code.into())
    }

    /// Code after deployment.
    pub(crate) fn runtime(&self) -> Result<Runtime, ArtefactError> {
        let read = || {
            let immutables = serde_json::from_value(self.field("/deployedBytecode/immutables")?)?;
            Ok(Runtime { code: self.hex("/deployedBytecode/object")?, immutables })
        };
        read().map_err(self.broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artefacts_are_whole() {
        for artefact in all() {
            let abi = artefact.abi().unwrap();
            assert!(abi.functions().next().is_some(), "{} has no functions", artefact.name);
            let code = artefact.code(&[]).unwrap();
            assert!(code.len() > 100, "{}: {} bytes", artefact.name, code.len());
            let runtime = artefact.runtime().unwrap();
            assert!(runtime.matches(&runtime.code.clone()), "{}", artefact.name);
            let mut other = runtime.code.clone();
            other[40] ^= 1;
            let masked = runtime.immutables.iter().any(|(at, n)| (*at..at + n).contains(&40));
            assert!(masked || !runtime.matches(&other), "{}", artefact.name);
        }
    }
}
