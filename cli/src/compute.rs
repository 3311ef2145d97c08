//! Where models run and what they compute in: one choice for the whole process, as every command
//! that loads a model takes it.

use crate::error::{FailureKind, HintExt as _};
use clap::{Args, ValueEnum};
use eyre::Result;
use oml_client::local_model;
use oml_engine::{ChoiceQuestion, DeviceName, FloatType, LoadOptions, Model};
use std::path::Path;
use std::sync::OnceLock;

/// Flags of every command that loads a model.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Models")]
pub(crate) struct ComputeArgs {
    /// Where models run: cpu, cuda, cuda:N, or auto for a GPU if this program and machine have one
    #[arg(
        long,
        env = "OML_DEVICE",
        default_value_t,
        global = true,
        hide_short_help = true,
        value_name = "DEVICE"
    )]
    device: DeviceName,
    /// What a GPU computes in; training keeps its weights in f32 besides
    #[arg(
        long,
        env = "OML_PRECISION",
        value_enum,
        default_value_t,
        global = true,
        hide_short_help = true
    )]
    precision: Precision,
}

/// Float types of the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Precision {
    /// Exact: the only one that a processor computes in
    #[default]
    F32,
    /// A fraction of the time; about one answer in a hundred differs
    Bf16,
    /// Like bf16 with finer steps, but large values overflow
    F16,
}

static CHOSEN: OnceLock<ComputeArgs> = OnceLock::new();

impl ComputeArgs {
    /// Makes this the choice of the process.
    pub(crate) fn choose(self) {
        // Only the first of a process counts, and there is one command line.
        let _ = CHOSEN.set(self);
    }
}

/// How to load models, as the command line says.
pub(crate) fn load_options() -> Result<LoadOptions> {
    let ComputeArgs { device, precision } = CHOSEN.get().copied().unwrap_or_default();
    let precision = match precision {
        Precision::F32 => FloatType::F32,
        Precision::Bf16 => FloatType::BF16,
        Precision::F16 => FloatType::F16,
    };
    let device = device.open().hint(
        format!("--device {device} can't be used"),
        "leave --device out (or OML_DEVICE unset) to run on the processor",
        FailureKind::Failed,
    )?;
    Ok(LoadOptions { device, precision, ..LoadOptions::default() })
}

/// Loads a model by its directory or hub id, as the command line says.
pub(crate) fn load_model(dir_or_hub_id: &str) -> Result<Model> {
    Ok(local_model::load(dir_or_hub_id, &load_options()?)?)
}

/// Reads multiple-choice questions.
pub(crate) fn read_questions(path: &Path) -> Result<Vec<ChoiceQuestion>> {
    let questions = oml_engine::read_questions(path).hint(
        format!("the questions in {} could not be read", path.display()),
        "one JSON object per line: {\"context\": …, \"choices\": […], \"answer\": 0}",
        FailureKind::Failed,
    )?;
    Ok(questions)
}
