//! Row-wise operations in one pass each: RMS norm, gated activation, cross-entropy.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{exp, same_shape, values, with_values};

/// Rows handed to a thread at once; below this the hand-over costs more than the work.
const MIN_ROWS: usize = 32;

/// `x / sqrt(mean(x²) + eps) · w` over the last dimension.
pub(super) struct RmsNorm {
    pub(super) eps: f32,
}

impl RmsNorm {
    fn inverse_rms(&self, x: &[f32]) -> f32 {
        1.0 / (dot(x, x) / width_f32(x.len()) + self.eps).sqrt()
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (values(x, x_layout)?, values(w, w_layout)?);
        let width = w.len();
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(width).zip(x.par_chunks(width)).with_min_len(MIN_ROWS).for_each(
            |(out, x)| {
                let inverse = self.inverse_rms(x);
                for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                    *out = x * inverse * w;
                }
            },
        );
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let width = w.elem_count();
        let mut dx = vec![0.0; x.elem_count()];
        let mut dw = vec![0.0; width];
        with_values(x, |x| {
            with_values(w, |w| {
                with_values(grad, |grad| {
                    let rows = dx.chunks_mut(width).zip(x.chunks(width)).zip(grad.chunks(width));
                    for ((dx, x), grad) in rows {
                        self.row_gradient((x, w, grad), dx, &mut dw);
                    }
                    Ok(())
                })
            })
        })?;
        Ok((Some(same_shape(dx, x)?), Some(same_shape(dw, w)?)))
    }
}

impl RmsNorm {
    fn row_gradient(&self, (x, w, grad): (&[f32], &[f32], &[f32]), dx: &mut [f32], dw: &mut [f32]) {
        let inverse = self.inverse_rms(x);
        let mut along = 0.0;
        for (((x, w), grad), dw) in x.iter().zip(w).zip(grad).zip(dw.iter_mut()) {
            along += x * w * grad;
            *dw += x * inverse * grad;
        }
        let pull = along * inverse * inverse / width_f32(x.len());
        for (((dx, x), w), grad) in dx.iter_mut().zip(x).zip(w).zip(grad) {
            *dx = inverse * (w * grad - x * pull);
        }
    }
}

/// `silu(gate) · up`.
pub(super) struct SwiGlu;

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (values(gate, gate_layout)?, values(up, up_layout)?);
        let mut out = vec![0.0; gate.len()];
        out.par_chunks_mut(4096).zip(gate.par_chunks(4096)).zip(up.par_chunks(4096)).for_each(
            |((out, gate), up)| {
                for ((out, &g), u) in out.iter_mut().zip(gate).zip(up) {
                    *out = g / (1.0 + exp(-g)) * u;
                }
            },
        );
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut d_gate = vec![0.0; gate.elem_count()];
        let mut d_up = vec![0.0; gate.elem_count()];
        with_values(gate, |gate| {
            with_values(up, |up| {
                with_values(grad, |grad| {
                    let outputs = d_gate.par_chunks_mut(4096).zip(d_up.par_chunks_mut(4096));
                    let inputs =
                        gate.par_chunks(4096).zip(up.par_chunks(4096)).zip(grad.par_chunks(4096));
                    outputs.zip(inputs).for_each(|((d_gate, d_up), ((gate, up), grad))| {
                        for i in 0..gate.len() {
                            let sigmoid = 1.0 / (1.0 + exp(-gate[i]));
                            let silu = gate[i] * sigmoid;
                            d_up[i] = grad[i] * silu;
                            d_gate[i] = grad[i] * up[i] * (sigmoid + silu * (1.0 - sigmoid));
                        }
                    });
                    Ok(())
                })
            })
        })?;
        Ok((Some(same_shape(d_gate, gate)?), Some(same_shape(d_up, up)?)))
    }
}

/// `-log softmax(row)[target]` per row.
pub(super) struct CrossEntropy {
    pub(super) targets: Vec<u32>,
}

impl CrossEntropy {
    fn target(&self, row: usize, width: usize) -> Result<usize> {
        match usize::try_from(self.targets[row]) {
            Ok(target) if target < width => Ok(target),
            _ => candle_core::bail!("target {} outside {width} classes", self.targets[row]),
        }
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        if rows != self.targets.len() {
            candle_core::bail!("cross-entropy: {rows} rows, {} targets", self.targets.len());
        }
        let logits = values(logits, layout)?;
        let losses = logits
            .par_chunks(width)
            .enumerate()
            .map(|(row, logits)| {
                let (max, sum) = max_and_exp_sum(logits);
                Ok(max + sum.ln() - logits[self.target(row, width)?])
            })
            .collect::<Result<Vec<f32>>>()?;
        Ok((CpuStorage::F32(losses), Shape::from(rows)))
    }

    fn bwd(&self, logits: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, width) = logits.dims2()?;
        let row_grads = grad.to_vec1::<f32>()?;
        let mut out = vec![0.0; logits.elem_count()];
        with_values(logits, |logits| {
            let rows = out.par_chunks_mut(width).zip(logits.par_chunks(width)).enumerate();
            rows.try_for_each(|(row, (out, logits))| {
                let (max, sum) = max_and_exp_sum(logits);
                let scale = row_grads[row] / sum;
                for (out, logit) in out.iter_mut().zip(logits) {
                    *out = scale * exp(logit - max);
                }
                out[self.target(row, width)?] -= row_grads[row];
                Ok(())
            })
        })?;
        same_shape(out, logits).map(Some)
    }
}

/// Maximum of a row and the sum of `exp(x - max)`.
fn max_and_exp_sum(row: &[f32]) -> (f32, f32) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (max, row.iter().map(|x| exp(x - max)).sum())
}

/// Inner product with eight partial sums, which the compiler keeps in vector registers.
#[inline]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f32 =
        a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    sums.iter().sum::<f32>() + tail
}

#[expect(clippy::cast_precision_loss, reason = "widths are far below 2^24")]
fn width_f32(n: usize) -> f32 {
    n as f32
}
