//! The weights of a decoder for sequences side by side.

use crate::cpu::gemm::{LaneMatrix, NumberFormat, Tiles};
use crate::cpu::guards::Guards;
use crate::cpu::packed::of_layers;
use crate::cpu::vector::Simd;
use crate::model::weights::{Linear, Weights};

/// Weights above this many bytes are not held a second time.
const LIMIT: usize = 4 << 30;

/// All matrices of a decoder in one format, by the position of their parameter.
#[derive(Debug)]
pub(crate) struct LaneWeights {
    pub(super) simd: Simd,
    matrices: Vec<Option<LaneMatrix>>,
    /// Vocabulary by hidden.
    pub(super) output: Tiles,
}

impl LaneWeights {
    /// Packs all matrices; `None` where the processor has no kernels for the format, or the weights
    /// are too large to hold twice.
    pub(crate) fn new(weights: &Weights, format: NumberFormat) -> Option<Self> {
        let total: usize = weights.named().iter().map(|(_, t)| 4 * t.elem_count()).sum();
        if total > LIMIT {
            return None;
        }
        let simd = Simd::new()?;
        let guards = Guards::new(weights);
        let values = guards.values().ok()?;
        let inner = |position: usize| weights.named()[position].1.dims().last().copied();
        let mut matrices: Vec<Option<LaneMatrix>> = values.iter().map(|_| None).collect();
        for position in of_layers(&weights.positions) {
            let matrix = LaneMatrix::new(values[position], inner(position)?, format)?;
            matrices[position] = Some(matrix);
        }
        let output = weights.positions.output;
        let output = Tiles::new(values[output], inner(output)?, format)?;
        Some(Self { simd, matrices, output })
    }

    /// The matrix of a dense layer.
    pub(super) fn matrix(&self, linear: &Linear<usize>) -> &LaneMatrix {
        let matrix = self.matrices[linear.weight].as_ref();
        matrix.unwrap_or_else(|| unreachable!("all matrices of layers were packed"))
    }
}
