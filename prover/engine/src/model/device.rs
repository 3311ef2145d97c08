//! Where a model runs.

use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// A device as people name it: `cpu`, `cuda` (the first GPU), `cuda:N`, or `auto`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceName {
    /// This machine's processor.
    #[default]
    Cpu,
    /// The CUDA GPU of this number, from 0.
    Cuda(usize),
    /// The first GPU where the build and the machine have one, else the processor.
    Auto,
}

impl DeviceName {
    /// Opens the device.
    ///
    /// # Errors
    /// `DeviceUnavailable` if it is a GPU that this build or this machine does not have; never for
    /// `auto` and `cpu`.
    pub fn open(self) -> Result<Device, ModelError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
            Self::Cuda(number) => Device::new_cuda(number).map_err(|error| self.missing(error)),
        }
    }

    fn missing(self, error: candle_core::Error) -> ModelError {
        let what = if cfg!(feature = "cuda") {
            format!("{error}; see that the driver works (nvidia-smi), or use the device `cpu`")
        } else {
            "this program was built without the cargo feature `cuda`; build it with that, or use \
             the device `cpu`"
                .to_owned()
        };
        ModelError::DeviceUnavailable { device: self.to_string(), what, source: Some(error.into()) }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let number = |text: &str| text.parse().ok().map(Self::Cuda);
        let named = match text {
            "cpu" => Some(Self::Cpu),
            "auto" => Some(Self::Auto),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(number),
        };
        named.ok_or_else(|| ModelError::Parameter {
            name: "device",
            value: text.to_owned(),
            requirement: "must be cpu, cuda, cuda:N or auto",
        })
    }
}

impl TryFrom<String> for DeviceName {
    type Error = ModelError;

    fn try_from(text: String) -> Result<Self, ModelError> {
        text.parse()
    }
}

impl From<DeviceName> for String {
    fn from(name: DeviceName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        for text in ["cpu", "auto", "cuda:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceName>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<DeviceName>().unwrap(), DeviceName::Cuda(0));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            let error = text.parse::<DeviceName>().unwrap_err().to_string();
            assert!(error.contains("cpu, cuda"), "{error}");
        }
    }

    #[test]
    fn a_gpu_that_is_not_there_is_named_with_a_way_out() {
        // No machine has a GPU of this number.
        let error = DeviceName::Cuda(999).open().unwrap_err();
        assert!(matches!(error, ModelError::DeviceUnavailable { .. }));
        let text = error.to_string();
        assert!(text.contains("cuda:999") && text.contains("`cpu`"), "{text}");
        assert!(DeviceName::Auto.open().is_ok());
    }
}
