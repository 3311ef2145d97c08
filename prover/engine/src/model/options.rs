//! What the one who loads a model may choose.

use candle_core::Device;

use super::float_type::FloatType;

/// Where and how to load a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Device that holds the weights, see [`DeviceName::open`](crate::DeviceName::open).
    pub device: Device,
    /// What a GPU computes in; the processor computes in f32. Half the width takes half the memory
    /// and a fraction of the time, and rounds away about one answer in a hundred; bfloat16 can't
    /// overflow.
    pub precision: FloatType,
    /// Refuse weights with NaN or infinite values; costs one pass over them.
    pub check_finite: bool,
    /// Positions (prompt plus generated tokens) to set up for, at most the model's own limit.
    pub max_context: usize,
    /// Prompts that run in one batch.
    pub max_batch: usize,
    /// Bytes of activations that one batch may take; lowers the batch for long prompts.
    pub activation_budget: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            device: Device::Cpu,
            precision: FloatType::F32,
            check_finite: true,
            max_context: 4096,
            max_batch: 448,
            activation_budget: 1 << 30,
        }
    }
}
