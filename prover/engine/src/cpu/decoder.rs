//! A decoder as the code of this folder reads it.

use candle_core::Result;

use super::guards::Guards;
use super::packed::PackedWeights;
use crate::model::rope::RopeTable;
use crate::model::weights::Params;
use crate::model::{ModelConfig, Weights};

/// The shapes, values and rotations of a decoder, and its packed weights where there are any.
pub(crate) struct CpuDecoder<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) positions: &'a Params<usize>,
    pub(super) rope: &'a RopeTable,
    pub(super) eps: f32,
    pub(super) packed: Option<&'a PackedWeights>,
    values: Vec<&'a [f32]>,
}

impl<'a> CpuDecoder<'a> {
    pub(crate) fn new(
        config: &'a ModelConfig,
        weights: &'a Weights,
        guards: &'a Guards<'a>,
        rope: &'a RopeTable,
        packed: Option<&'a PackedWeights>,
    ) -> Result<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "epsilons are plain small numbers")]
        let eps = config.rms_norm_eps as f32;
        let (positions, values) = (&weights.positions, guards.values()?);
        Ok(Self { config, positions, rope, eps, packed, values })
    }

    /// The values of a parameter.
    pub(super) fn value(&self, position: usize) -> &[f32] {
        self.values[position]
    }

    /// How many values each parameter has.
    pub(super) fn lengths(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.values.iter().map(|values| values.len())
    }

    /// Values of the queries of a position.
    pub(super) const fn q_width(&self) -> usize {
        self.config.heads * self.config.head_dim
    }

    /// Values of the keys of a position.
    pub(super) const fn kv_width(&self) -> usize {
        self.config.kv_heads * self.config.head_dim
    }
}
