//! What every backend computes with.

use candle_core::{Device, Result};
use std::sync::Arc;

use crate::model::rope::Rotations;
use crate::model::{ModelConfig, Weights};

/// The shape, the weights and the tabulated rotations of a decoder. Cheap to clone: all are shared.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) config: Arc<ModelConfig>,
    pub(crate) weights: Weights,
    pub(crate) rope: Arc<Rotations>,
}

impl Setup {
    /// Positions a sequence may have.
    pub(crate) fn context(&self) -> usize {
        self.rope.positions()
    }

    /// The device that holds the weights.
    pub(crate) fn device(&self) -> &Device {
        self.weights.tensors.embeddings.device()
    }

    /// Refuses what needs more positions than were tabulated.
    pub(crate) fn check_positions(&self, needed: usize) -> Result<()> {
        if needed > self.context() {
            candle_core::bail!("{needed} positions needed, {} set up", self.context());
        }
        Ok(())
    }
}
