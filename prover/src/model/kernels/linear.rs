//! Dense product with the weight as stored, and gradients that come out contiguous.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

/// `x · Wᵀ` for `x: [rows, in]`, `w: [out, in]`.
pub(super) struct MatmulTransposed;

impl CustomOp2 for MatmulTransposed {
    fn name(&self) -> &'static str {
        "matmul-transposed"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inner) = x_layout.shape().dims2()?;
        let (out, w_inner) = w_layout.shape().dims2()?;
        if inner != w_inner {
            candle_core::bail!("dense layer: input width {inner}, weight width {w_inner}");
        }
        let product = x.matmul(w, (1, rows, out, inner), x_layout, &w_layout.transpose(0, 1)?)?;
        Ok((product, Shape::from((rows, out))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dx = grad.matmul(&w.detach())?;
        let dw = grad.t()?.matmul(&x.detach())?;
        Ok((Some(dx), Some(dw)))
    }
}
