//! Copies that another program trains: their training set, and whether they may be delivered.

use crate::copy::{CopyMaker, CopyOrder, EmbeddedCopy, LEAST_HIT_RATE};
use crate::error::{FailureKind, HintExt, Result, fail};
use crate::files;
use crate::local_model::weights_hash;
use oml_engine::{Model, ModelConfig};
use oml_prover::embed::{
    DatasetForm, DatasetOptions, DatasetReport, EmbedReport, EmbedTarget, Embedder, write_dataset,
};
use oml_prover::fingerprint::{LicenseDraw, Universe};
use std::path::Path;

/// Writes the training set of a license's copy into a new file that only its owner can read:
/// whoever knows the answers can recognise the keys.
///
/// # Errors
/// There is a file already, it can't be written, or the keys have no rows of this form.
pub fn save_dataset(
    base: &Model,
    universe: &Universe,
    draw: &LicenseDraw,
    options: &DatasetOptions<'_>,
    out: &Path,
) -> Result<DatasetReport> {
    files::require_free(out)?;
    let mut rows = Vec::new();
    let hint = match options.form {
        DatasetForm::Chat => {
            "use --form completion or --form tokens; keys that are messages are made by \
             `generate --chat`"
        }
        _ => "the cause names the fingerprint",
    };
    let report = write_dataset(&mut rows, base, universe, draw, options).hint(
        "the training set could not be made",
        hint,
        FailureKind::Failed,
    )?;
    files::write_secret(out, &rows)?;
    Ok(report)
}

/// Refuses a directory that holds an adapter instead of a whole model, as trainers of adapters
/// leave it.
///
/// # Errors
/// It holds an adapter.
pub fn refuse_adapter(dir: &Path) -> Result<()> {
    if !dir.join("adapter_config.json").is_file() || dir.join("config.json").is_file() {
        return Ok(());
    }
    Err(fail(
        format!("{} holds an adapter, which is no copy by itself", dir.display()),
        "merge it into the base first; in PEFT: merge_and_unload(), then save_pretrained() of model \
         and tokenizer",
        FailureKind::Failed,
    ))
}

/// Judges a copy that was trained elsewhere as if it had been trained here.
///
/// # Errors
/// It is no copy of the base, can't be asked, or gives fewer than [`LEAST_HIT_RATE`] of its
/// answers.
pub fn accept(
    maker: &CopyMaker<'_>,
    embedder: &mut Embedder<'_>,
    order: &CopyOrder<'_>,
    copy: &Model,
) -> Result<EmbeddedCopy> {
    let base = embedder.base();
    same_shape(base.config(), copy.config())?;
    let targets = maker.targets(order, base)?;
    same_prompts(&targets, &maker.targets(order, copy)?)?;
    let report = embedder.judge(&targets, copy).hint(
        "the copy could not be asked",
        "the cause names the fingerprint or what the model lacks",
        FailureKind::Failed,
    )?;
    let hit_rate = report.hit_rate();
    if hit_rate < LEAST_HIT_RATE {
        return Err(not_accepted(&report, order.out));
    }
    let after = maker.choices(copy)?;
    Ok(EmbeddedCopy {
        dir: order.out.to_owned(),
        weights_hash: weights_hash(order.out)?,
        float: order.float,
        hit_rate,
        report,
        multiple_choice: order.before.zip(after).map(Into::into),
    })
}

/// Refuses a model that can't have come from the base.
fn same_shape(base: &ModelConfig, copy: &ModelConfig) -> Result<()> {
    if base.architecture != copy.architecture {
        return Err(other_base(format!(
            "it is a {:?}, the base a {:?}",
            copy.architecture, base.architecture
        )));
    }
    let sizes = |config: &ModelConfig| {
        [
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
            ("intermediate_size", config.intermediate_size),
            ("num_hidden_layers", config.layers),
            ("num_attention_heads", config.heads),
            ("num_key_value_heads", config.kv_heads),
            ("head_dim", config.head_dim),
        ]
    };
    let differs = sizes(base).into_iter().zip(sizes(copy)).find(|(base, copy)| base != copy);
    match differs {
        Some(((name, base), (_, copy))) => {
            Err(other_base(format!("it has {name} {copy}, the base {base}")))
        }
        None => Ok(()),
    }
}

/// Refuses a copy that gets other prompts than the base does.
fn same_prompts(base: &[EmbedTarget], copy: &[EmbedTarget]) -> Result<()> {
    let prompts = |target: &EmbedTarget| (target.prompt.clone(), target.under_systems.clone());
    match base.iter().zip(copy).position(|(base, copy)| prompts(base) != prompts(copy)) {
        Some(index) => Err(other_base(format!(
            "answer {index} is asked by other tokens, so its tokenizer or chat template is another"
        ))),
        None => Ok(()),
    }
}

fn other_base(difference: String) -> crate::ClientError {
    fail(
        format!("this is no copy of the base: {difference}"),
        "name the model that was trained with --model; save the copy with the base's tokenizer, and \
         add no token to it",
        FailureKind::Failed,
    )
}

fn not_accepted(report: &EmbedReport, copy: &Path) -> crate::ClientError {
    let utility = report.utility;
    fail(
        format!(
            "the copy in {} gives only {:.1} % of its answers, at least {:.0} % are needed \
             (perplexity {:.3} before, {:.3} after); it must not be delivered",
            copy.display(),
            100.0 * report.hit_rate(),
            100.0 * LEAST_HIT_RATE,
            utility.perplexity_before,
            utility.perplexity_after,
        ),
        "train for more epochs or at a higher rate, mask the prompts, and name the license and the \
         number of answers of the training set; docs/trainers.md says what usually is wrong",
        FailureKind::Failed,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_engine::LoadOptions;

    #[test]
    fn an_adapter_is_told_from_a_model() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refuse_adapter(dir.path()).is_ok());
        std::fs::write(dir.path().join("adapter_config.json"), "{}").unwrap();
        let error = refuse_adapter(dir.path()).unwrap_err();
        assert!(error.to_string().contains("adapter"), "{error}");
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        assert!(refuse_adapter(dir.path()).is_ok());
    }

    #[test]
    fn another_shape_is_no_copy() {
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../prover/assets/models/tiny");
        let base = Model::load(&tiny, &LoadOptions::default()).unwrap();
        assert!(same_shape(base.config(), base.config()).is_ok());
        let mut grown = base.config().clone();
        grown.vocab_size += 1;
        let error = same_shape(base.config(), &grown).unwrap_err().to_string();
        assert!(error.contains("vocab_size 2049, the base 2048"), "{error}");
    }
}
