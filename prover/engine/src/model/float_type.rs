//! Number formats of weights.

use candle_core::DType;
use serde::{Deserialize, Serialize};

/// Float type of weights, saved or computed with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// 32 bits: what training and checking compute in unless told otherwise.
    #[default]
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16: the range of f32 with 8 significant bits.
    BF16,
}

impl FloatType {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
        }
    }

    /// The name in `config.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
        }
    }
}
