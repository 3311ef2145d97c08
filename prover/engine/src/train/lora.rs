//! Low-rank adapters (Hu et al. 2021): `W = W₀ + (alpha / rank) · B · A`, of which only `A` and `B`
//! are trained.
//!
//! The merged matrices are what runs, in training as in the finished copy, so nothing is merged at
//! the end. Gradients of the factors follow from that of the merged matrix: `dB = s · dW · Aᵀ`, `dA
//! = s · Bᵀ · dW`. That saves the optimizer's moments, not the gradient.

use candle_core::{DType, Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::parameter::Parameter;
use crate::ModelError;
use crate::numbers::as_f32;

/// Matrices that can be adapted.
const MODULES: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// Which matrices to adapt, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraOptions {
    /// Rank of the adapters; above 0.
    pub rank: usize,
    /// The product of the factors counts `alpha / rank`.
    pub alpha: f64,
    /// Matrices to adapt in every layer, such as `q_proj`.
    pub modules: Vec<String>,
}

impl Default for LoraOptions {
    fn default() -> Self {
        let modules = MODULES.map(str::to_owned).to_vec();
        Self { rank: 8, alpha: 16.0, modules }
    }
}

impl LoraOptions {
    /// Refuses ranks, weights and names that make no sense.
    ///
    /// # Errors
    /// `Parameter`, with what is allowed.
    pub fn check(&self) -> Result<(), ModelError> {
        let refuse = |name, value: String, requirement| {
            Err(ModelError::Parameter { name, value, requirement })
        };
        if self.rank == 0 {
            return refuse("lora.rank", "0".to_owned(), "must be above 0");
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return refuse("lora.alpha", self.alpha.to_string(), "must be a finite number above 0");
        }
        let unknown = self.modules.iter().find(|m| !MODULES.contains(&m.as_str()));
        if unknown.is_some() || self.modules.is_empty() {
            return refuse(
                "lora.modules",
                unknown.cloned().unwrap_or_default(),
                "must name some of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
            );
        }
        Ok(())
    }

    /// Whether the parameter is to be adapted.
    pub(super) fn applies_to(&self, name: &str) -> bool {
        self.modules.iter().any(|module| name.ends_with(&format!(".{module}.weight")))
    }
}

/// The factors of one matrix.
pub(super) struct Adapter {
    /// Position of the matrix among the parameters.
    pub(super) index: usize,
    /// The matrix as it was, in the type that runs.
    base: Tensor,
    pub(super) a: Parameter,
    pub(super) b: Parameter,
    scale: f64,
}

impl Adapter {
    /// An adapter that changes nothing yet: `A` uniform in `±1/√inputs`, `B` zero.
    pub(super) fn new(
        index: usize,
        name: &str,
        base: &Tensor,
        options: &LoraOptions,
        seed: u64,
    ) -> Result<Self, ModelError> {
        let (outputs, inputs) = base.dims2()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::try_from(index).unwrap_or(u64::MAX));
        let bound = as_f32(inputs).sqrt().recip();
        let values: Vec<f32> =
            (0..options.rank * inputs).map(|_| rng.random_range(-bound..bound)).collect();
        let a = Tensor::from_vec(values, (options.rank, inputs), &Device::Cpu)?;
        let b = Tensor::zeros((outputs, options.rank), DType::F32, base.device())?;
        let rank = u32::try_from(options.rank).map_or(f64::MAX, f64::from);
        Ok(Self {
            index,
            base: base.copy()?,
            a: Parameter::new(format!("{name}/a"), &a.to_device(base.device())?)?,
            b: Parameter::new(format!("{name}/b"), &b)?,
            scale: options.alpha / rank,
        })
    }

    /// Takes over the gradient of the merged matrix.
    pub(super) fn take_gradient(&mut self, grad: &Tensor) -> Result<(), ModelError> {
        let (a, b) = (self.a.running.as_tensor(), self.b.running.as_tensor());
        self.b.grad = Some((grad.matmul(&a.detach().t()?)? * self.scale)?);
        self.a.grad = Some((b.detach().t()?.matmul(grad)? * self.scale)?);
        Ok(())
    }

    /// Moves the merged matrix toward the base by a share: the product shrinks with one factor.
    pub(super) fn pull(&mut self, share: f64) -> Result<(), ModelError> {
        let shrunk = (self.b.running.as_detached_tensor() * (1.0 - share))?;
        Ok(self.b.running.set(&shrunk)?)
    }

    /// The matrix that runs, in f32, as the factors are.
    pub(super) fn merged(&self) -> Result<Tensor, ModelError> {
        let (a, b) = (self.a.running.as_detached_tensor(), self.b.running.as_detached_tensor());
        Ok((self.base.to_dtype(DType::F32)? + (b.matmul(&a)? * self.scale)?)?)
    }
}
