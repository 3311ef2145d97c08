//! The compiled contracts inside this program, as the pinned compiler made them.

use alloy::json_abi::JsonAbi;
use alloy::primitives::Bytes;
use serde_json::Value;

use super::deploy::DeployError;

/// A compiled contract.
pub(crate) struct Artefact {
    pub(crate) name: &'static str,
    json: &'static str,
}

macro_rules! artefact {
    ($name:literal) => {
        Artefact { name: $name, json: include_str!(concat!("../../abi/", $name, ".json")) }
    };
}

/// The parts of the core in the order of `Deployer.Part`.
pub(crate) static PARTS: [Artefact; 5] = [
    artefact!("LicenseRegistry"),
    artefact!("CollateralVault"),
    artefact!("PaymentEscrow"),
    artefact!("ProverRegistry"),
    artefact!("ChallengeManager"),
];

/// What stands alone.
pub(crate) static BEACON: Artefact = artefact!("BlockHashBeacon");
pub(crate) static READER: Artefact = artefact!("CopyReader");
pub(crate) static DEPLOYER: Artefact = artefact!("Deployer");
pub(crate) static COURT: Artefact = artefact!("CaseCourt");
pub(crate) static TOKEN: Artefact = artefact!("TestToken");

/// Every contract that can revert.
pub(crate) fn all() -> impl Iterator<Item = &'static Artefact> {
    PARTS.iter().chain([&BEACON, &READER, &DEPLOYER, &TOKEN])
}

/// Creation code of a contract of this version, with constructor arguments.
///
/// # Errors
/// [`DeployError::Artefact`] if this program has no contract of that name.
pub fn creation_code(contract: &'static str, arguments: &[u8]) -> Result<Bytes, DeployError> {
    let found = all().find(|artefact| artefact.name == contract);
    let unknown = || DeployError::Artefact { contract, cause: "no such contract".to_owned() };
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

impl Artefact {
    fn broken(&self, cause: String) -> DeployError {
        DeployError::Artefact { contract: self.name, cause }
    }

    fn field(&self, path: &str) -> Result<Value, DeployError> {
        let json: Value =
            serde_json::from_str(self.json).map_err(|e| self.broken(e.to_string()))?;
        json.pointer(path).cloned().ok_or_else(|| self.broken(format!("it has no {path}")))
    }

    fn hex(&self, path: &str) -> Result<Vec<u8>, DeployError> {
        let object = self.field(path)?;
        let code = object.as_str().and_then(|text| hex::decode(text.trim_start_matches("0x")).ok());
        code.ok_or_else(|| self.broken(format!("its {path} is not hex")))
    }

    pub(crate) fn abi(&self) -> Result<JsonAbi, DeployError> {
        serde_json::from_value(self.field("/abi")?).map_err(|e| self.broken(e.to_string()))
    }

    /// Creation code with constructor arguments.
    pub(crate) fn code(&self, arguments: &[u8]) -> Result<Bytes, DeployError> {
        let mut code = self.hex("/bytecode/object")?;
        code.extend_from_slice(arguments);
        Ok(code.into())
    }

    /// Code after deployment.
    pub(crate) fn runtime(&self) -> Result<Runtime, DeployError> {
        let immutables = serde_json::from_value(self.field("/deployedBytecode/immutables")?)
            .map_err(|e| self.broken(e.to_string()))?;
        Ok(Runtime { code: self.hex("/deployedBytecode/object")?, immutables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_names_the_reader_of_this_version() {
        let reader =
            super::super::create::proxy_address(&READER, &[]).unwrap_or_else(|e| panic!("{e}"));
        let manager = PARTS[4].runtime().unwrap_or_else(|e| panic!("{e}")).code;
        let named = manager.windows(20).any(|window| window == reader.as_slice());
        assert!(
            named,
            "set `COPY_READER` in ProofJudge.sol to {reader} and export the contracts again"
        );
    }

    #[test]
    fn artefacts_are_whole() {
        for artefact in all().chain([&COURT]) {
            let abi = artefact.abi().unwrap_or_else(|e| panic!("{e}"));
            assert!(abi.functions().next().is_some(), "{} has no functions", artefact.name);
            let code = artefact.code(&[]).unwrap_or_else(|e| panic!("{e}"));
            assert!(code.len() > 100, "{}: {} bytes", artefact.name, code.len());
            let runtime = artefact.runtime().unwrap_or_else(|e| panic!("{e}"));
            assert!(runtime.matches(&runtime.code.clone()), "{}", artefact.name);
            let mut other = runtime.code.clone();
            other[40] ^= 1;
            let masked = runtime.immutables.iter().any(|(at, n)| (*at..at + n).contains(&40));
            assert!(masked || !runtime.matches(&other), "{}", artefact.name);
        }
    }
}
