//! All weights of a decoder, packed for activations that lie row by row.

use super::gemm::Panels;
use super::guards::Guards;
use crate::model::Weights;
use crate::model::weights::{Layer, Params};

/// Packed matrices by the position of their parameter; none for norms, biases, and for embeddings
/// that are only looked up.
#[derive(Debug)]
pub(crate) struct PackedWeights {
    matrices: Vec<Option<Panels>>,
}

/// Weights above this many bytes are not held twice; the library multiplies by them as they lie.
const LIMIT: usize = 4 << 30;

impl PackedWeights {
    /// Packs all matrices; `None` where the processor has no kernels, or the weights are too
    /// large to hold twice.
    pub(crate) fn new(weights: &Weights) -> Option<Self> {
        let total: usize = weights.named().iter().map(|(_, t)| 4 * t.elem_count()).sum();
        if total > LIMIT {
            return None;
        }
        let guards = Guards::new(weights);
        let values = guards.values().ok()?;
        let mut matrices: Vec<Option<Panels>> = values.iter().map(|_| None).collect();
        for position in products(&weights.positions) {
            let inner = *weights.named()[position].1.dims().last()?;
            matrices[position] = Some(Panels::new(values[position], inner)?);
        }
        Some(Self { matrices })
    }

    /// A matrix by the position of its parameter.
    pub(super) fn get(&self, position: usize) -> Option<&Panels> {
        self.matrices[position].as_ref()
    }
}

/// Positions of the matrices that activations are multiplied by.
pub(super) fn products(positions: &Params<usize>) -> Vec<usize> {
    of_layers(positions).into_iter().chain([positions.output]).collect()
}

/// Those of the layers.
pub(super) fn of_layers(positions: &Params<usize>) -> Vec<usize> {
    let of_layer = |layer: &Layer<usize>| {
        [&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down]
            .map(|linear| linear.weight)
    };
    positions.layers.iter().flat_map(of_layer).collect()
}
