//! Batches that turn out too large for the memory there is.

use crate::ModelError;

/// Whether a device had too little memory: a smaller batch may fit. What the tensor library says is
/// a text of the driver, and of which type its error is depends on the build, so the text is all
/// there is to go by.
fn is_out_of_memory(error: &ModelError) -> bool {
    let ModelError::Tensor(error) = error else { return false };
    let said = error.to_string().to_lowercase();
    ["out of memory", "out_of_memory", "cannot allocate memory"].iter().any(|s| said.contains(s))
}

/// Runs batches one after another. One that does not fit into memory is halved, and so are those
/// after it, until single prompts do not fit either.
///
/// # Errors
/// What `run` says, unless it is the lack of memory for more than one prompt.
pub fn run_batches(
    batches: Vec<Vec<usize>>,
    mut run: impl FnMut(&[usize]) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let mut most = usize::MAX;
    for batch in batches {
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(most.min(rest.len()));
            match run(part) {
                Ok(()) => rest = after,
                Err(error) if is_out_of_memory(&error) && part.len() > 1 => {
                    most = part.len() / 2;
                    tracing::warn!(prompts = part.len(), "out of memory; going on with {most}");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of_memory() -> ModelError {
        ModelError::Tensor(candle_core::Error::Msg("CUDA_ERROR_OUT_OF_MEMORY".to_owned()))
    }

    #[test]
    fn batches_shrink_until_they_fit() {
        let (mut done, mut sizes) = (Vec::new(), Vec::new());
        let batches = vec![(0..20).collect(), (20..27).collect(), vec![27]];
        run_batches(batches, |part| {
            if part.len() > 6 {
                return Err(out_of_memory());
            }
            sizes.push(part.len());
            done.extend_from_slice(part);
            Ok(())
        })
        .unwrap();
        assert_eq!(done, (0..28).collect::<Vec<_>>(), "each once and in order");
        assert_eq!(sizes, [5, 5, 5, 5, 5, 2, 1]);
    }

    #[test]
    fn what_never_fits_and_other_failures_end_it() {
        let error = run_batches(vec![vec![0, 1, 2]], |_| Err(out_of_memory())).unwrap_err();
        assert!(is_out_of_memory(&error));
        let mut calls = 0;
        let error = run_batches(vec![vec![0, 1, 2]], |_| {
            calls += 1;
            Err(ModelError::EmptyPrompt { index: 1 })
        });
        assert!(matches!(error, Err(ModelError::EmptyPrompt { .. })) && calls == 1);
    }
}
