//! Parameters as plain numbers, for whoever looks at weights or changes them.

use candle_core::{DType, Tensor};

use super::{ModelConfig, Weights};
use crate::ModelError;

/// The numbers of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterValues<'a> {
    /// Its Hugging Face name.
    pub name: &'a str,
    /// Its shape; vectors have one dimension.
    pub shape: &'a [usize],
    /// The numbers row by row, in single precision whatever they are stored in.
    pub values: Vec<f32>,
}

impl Weights {
    /// Every parameter's numbers, in the order of [`Weights::named`].
    pub fn values(&self) -> impl Iterator<Item = Result<ParameterValues<'_>, ModelError>> {
        self.first_values(usize::MAX)
    }

    /// As [`Self::values`], but of each parameter only so many numbers.
    pub fn first_values(
        &self,
        most: usize,
    ) -> impl Iterator<Item = Result<ParameterValues<'_>, ModelError>> {
        self.named().iter().map(move |(name, tensor)| {
            let flat = tensor.flatten_all()?;
            let first = flat.narrow(0, 0, flat.elem_count().min(most))?;
            let values = first.to_dtype(DType::F32)?.to_vec1()?;
            Ok(ParameterValues { name, shape: tensor.dims(), values })
        })
    }

    /// Weights of the same model whose numbers `change` has been over, stored as these are.
    ///
    /// # Errors
    /// What `change` says; `Tensor` if it leaves another count of numbers.
    pub fn changed<E: From<ModelError>>(
        &self,
        config: &ModelConfig,
        mut change: impl FnMut(&mut ParameterValues<'_>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut changed = Vec::with_capacity(self.named().len());
        for ((_, tensor), values) in self.named().iter().zip(self.values()) {
            let mut values = values?;
            change(&mut values)?;
            let stored = Tensor::from_vec(values.values, tensor.shape(), tensor.device())
                .and_then(|wide| wide.to_dtype(tensor.dtype()));
            changed.push(stored.map_err(ModelError::from)?);
        }
        // The source is asked in the order of the names, the one in which they were taken.
        let mut changed = changed.into_iter();
        let weights = Self::build(config, &mut |name, _| {
            changed.next().ok_or_else(|| ModelError::MissingTensor { name: name.to_owned() })
        })?;
        Ok(weights)
    }
}
