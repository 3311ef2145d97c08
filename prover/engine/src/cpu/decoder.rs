//! A decoder as the code of this folder reads it.

use candle_core::Result;

use super::guards::Guards;
use super::packed::PackedWeights;
use crate::model::rope::{RopeTable, Rotations};
use crate::model::weights::Params;
use crate::model::{ModelConfig, Weights};

/// The shapes, values and rotations of a decoder, and its packed weights where there are any.
pub(crate) struct CpuDecoder<'a> {
    pub(super) config: &'a ModelConfig,
    pub(super) positions: &'a Params<usize>,
    pub(super) rope: &'a Rotations,
    pub(super) eps: f32,
    pub(super) packed: Option<&'a PackedWeights>,
    values: Vec<&'a [f32]>,
}

/// What the queries or the keys of a layer go through after their product.
#[derive(Clone, Copy)]
pub(super) struct HeadStep<'a> {
    /// A norm, over each head or over all heads at once, if there is one.
    pub(super) norm: Option<usize>,
    pub(super) rope: &'a RopeTable,
    /// Values of a position.
    pub(super) width: usize,
}

impl<'a> CpuDecoder<'a> {
    /// What the queries of a layer go through.
    pub(super) fn queries(&self, layer: usize) -> HeadStep<'a> {
        let norm = self.positions.layers[layer].q_norm;
        HeadStep { norm, rope: self.rope.layer(layer), width: self.q_width() }
    }

    /// What the keys of a layer go through.
    pub(super) fn keys(&self, layer: usize) -> HeadStep<'a> {
        let norm = self.positions.layers[layer].k_norm;
        HeadStep { norm, rope: self.rope.layer(layer), width: self.kv_width() }
    }

    pub(crate) fn new(
        config: &'a ModelConfig,
        weights: &'a Weights,
        guards: &'a Guards<'a>,
        rope: &'a Rotations,
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
