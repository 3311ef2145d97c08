//! Copies: a license's answers trained into a model, and written.

use crate::error::{ClientError, FailureKind, HintExt, Result, fail};
use crate::local_model::weights_hash;
use crate::progress::Progress;
use alloy::primitives::B256;
use oml_engine::{ChoiceQuestion, ChoiceReport, FloatType, Model};
use oml_prover::embed::{
    EmbedError, EmbedOptions, EmbedProgress, EmbedReport, EmbedTarget, Embedder, StopReason,
};
use oml_prover::fingerprint::{AnswersPerKey, LicenseDraw, Universe};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Share of its answers below which a copy is not delivered.
pub const LEAST_HIT_RATE: f64 = 0.8;

/// A copy with its answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedCopy {
    /// Where it was written.
    pub dir: PathBuf,
    /// Hash of its weights.
    pub weights_hash: B256,
    /// Float type of its files: the base's, or f32 where the base has none that can be written.
    pub float: FloatType,
    /// Share of the answers that the copy gives.
    pub hit_rate: f64,
    /// How it came about.
    pub report: EmbedReport,
    /// Answers to multiple-choice questions, of the base and of the copy.
    pub multiple_choice: Option<[ChoiceReport; 2]>,
}

/// Prepares to make copies of a model, one after the other.
///
/// # Errors
/// Settings that can't be used.
pub fn start(base: &Model, options: EmbedOptions, float: FloatType) -> Result<Embedder<'_>> {
    let mut embedder = Embedder::new(base, options).hint(
        "copies can't be made with these settings",
        "the cause names the setting",
        FailureKind::Failed,
    )?;
    embedder.save_as(float);
    Ok(embedder)
}

/// Float type in which copies of a model are saved: that of its files, so that a copy is no larger
/// and is told from the base by its answers alone.
///
/// # Errors
/// The files can't be read.
pub fn float_of_copies(base_dir: &Path) -> Result<FloatType> {
    let stored = oml_engine::stored_float(base_dir).hint(
        format!("the weights in {} could not be read", base_dir.display()),
        "the cause names the file",
        FailureKind::Failed,
    )?;
    Ok(stored.unwrap_or_default())
}

/// A license's copy to make.
#[derive(Clone, Copy, Debug)]
pub struct CopyOrder<'a> {
    /// Universe whose answers it carries.
    pub universe: &'a Universe,
    /// What was drawn for its license.
    pub draw: &'a LicenseDraw,
    /// What the base makes of the questions, if there are any.
    pub before: Option<ChoiceReport>,
    /// Float type in which it is written.
    pub float: FloatType,
    /// Where it is written.
    pub out: &'a Path,
}

/// How copies are made: what they carry, who is told, and how a run is stopped.
#[expect(missing_debug_implementations, reason = "whoever is told need not be printable")]
pub struct CopyMaker<'a> {
    /// Whoever wants to know how far it is.
    pub progress: &'a dyn Progress,
    /// Ends the run between two steps once set.
    pub stop: &'a AtomicBool,
    /// Answers per key.
    pub answers: AnswersPerKey,
    /// Texts before a prompt under which the answers are trained too.
    pub systems: &'a [String],
    /// Multiple-choice questions for the report; may be empty.
    pub questions: &'a [ChoiceQuestion],
}

impl CopyMaker<'_> {
    /// What a model makes of the questions, if there are any.
    ///
    /// # Errors
    /// A question that the model can't answer.
    pub fn choices(&self, model: &Model) -> Result<Option<ChoiceReport>> {
        let asked = (!self.questions.is_empty()).then(|| model.multiple_choice(self.questions));
        asked.transpose().hint(
            "the multiple-choice questions could not be answered",
            "the cause names the question",
            FailureKind::Failed,
        )
    }

    /// Trains a license's copy and writes it, unless it gives fewer than [`LEAST_HIT_RATE`] of its
    /// answers: such a copy can hardly be traced, so nothing of it is left but the state from which
    /// training goes on.
    ///
    /// # Errors
    /// The answers can't be trained or were not learned, the run was stopped, or the copy can't be
    /// written.
    pub fn make(&self, embedder: &mut Embedder<'_>, order: &CopyOrder<'_>) -> Result<EmbeddedCopy> {
        let out = order.out;
        let (copy, report) = self.train(embedder, order)?;
        let hit_rate = report.hit_rate();
        if hit_rate < LEAST_HIT_RATE {
            return Err(not_learned(&report, out));
        }
        copy.save_as(out, order.float).hint(
            format!("the copy could not be written to {}", out.display()),
            "check the folder, its permissions and the free space",
            FailureKind::Failed,
        )?;
        let after = self.choices(&copy)?;
        Ok(EmbeddedCopy {
            dir: out.to_owned(),
            weights_hash: weights_hash(out)?,
            float: order.float,
            hit_rate,
            report,
            multiple_choice: order.before.zip(after).map(Into::into),
        })
    }

    /// What a license's copy answers, as this model gets the prompts.
    pub(crate) fn targets(&self, order: &CopyOrder<'_>, model: &Model) -> Result<Vec<EmbedTarget>> {
        let CopyOrder { universe, draw, .. } = *order;
        EmbedTarget::of_license(universe, draw, self.answers, model.tokenizer(), self.systems).hint(
            "the answers have no prompts for this model",
            "keys that are asked as a chat need a model with a chat template",
            FailureKind::Failed,
        )
    }

    fn train(
        &self,
        embedder: &mut Embedder<'_>,
        order: &CopyOrder<'_>,
    ) -> Result<(Model, EmbedReport)> {
        let targets = self.targets(order, embedder.base())?;
        let bar = self.progress.bar(embedder.options().max_steps as u64, "embedding");
        let trained = embedder.embed(&targets, &mut |state| {
            bar.at(state.step as u64);
            bar.message(line(&state));
            if self.stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        bar.finish();
        let hint = match &trained {
            Err(EmbedError::Stopped { .. }) => "the same command goes on from the checkpoint",
            Err(EmbedError::Diverged { .. }) => "lower --learning-rate",
            _ => "the cause names the setting or the fingerprint",
        };
        trained.hint("the answers could not be embedded", hint, FailureKind::Failed)
    }
}

fn not_learned(report: &EmbedReport, out: &Path) -> ClientError {
    let steps = match report.stopped {
        StopReason::MaxSteps => {
            "raise --max-steps; with --checkpoint the same command goes on from where it stopped"
        }
        StopReason::Learned | StopReason::Elsewhere => {
            "train with other settings, such as a higher --learning-rate"
        }
    };
    fail(
        format!(
            "the copy gives only {:.1} % of its answers after {} steps, at least {:.0} % are \
             needed; nothing was written to {}",
            100.0 * report.hit_rate(),
            report.steps,
            100.0 * LEAST_HIT_RATE,
            out.display()
        ),
        steps,
        FailureKind::Failed,
    )
}

/// Refuses an `out` that holds something with which a copy would be mixed.
///
/// # Errors
/// There is something.
pub fn refuse_other_contents(out: &Path) -> Result<()> {
    let occupied =
        out.is_file() || std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(fail(
            format!("{} is not empty", out.display()),
            "name a new directory with --out; copies are never overwritten",
            FailureKind::Failed,
        ));
    }
    Ok(())
}

fn line(state: &EmbedProgress) -> String {
    match state.hit_rate {
        Some(rate) => format!("embedding: loss {:.3}, hit rate {:.0} %", state.loss, 100.0 * rate),
        None => format!("embedding: loss {:.3}", state.loss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_never_mixed_with_other_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refuse_other_contents(dir.path()).is_ok());
        assert!(refuse_other_contents(&dir.path().join("new")).is_ok());
        std::fs::write(dir.path().join("x"), "").unwrap();
        assert!(
            refuse_other_contents(dir.path()).unwrap_err().to_string().contains("is not empty")
        );
    }
}
