//! `oml model`: the owner's models and the small one of this repository.

use crate::compute::{load_model, read_questions};
use crate::error::{FailureKind, HintExt as _, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use clap::Subcommand;
use eyre::Result;
use oml_client::model::{self, NewModel};
use oml_client::{files, local_model, registry};
use oml_contracts::{Bps, EthAddress, ModelId};
use std::path::{Path, PathBuf};

/// Verbs of `oml model`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Print the hash of a model directory's weights
    Hash {
        /// Model directory or hub id
        #[arg(long, value_name = "DIR_OR_HUB_ID")]
        model: String,
    },
    /// Register a model on chain
    Register {
        /// Model directory or hub id; its weights are hashed
        #[arg(long, value_name = "DIR_OR_HUB_ID")]
        model: String,
        /// Metadata file; its keccak-256 is registered
        #[arg(long, value_name = "FILE")]
        metadata: Option<PathBuf>,
        /// Parent model and its part of the owner's share, e.g. 0x…:500 for 5 %
        #[arg(long = "parent", value_name = "MODEL_ID:BPS")]
        parents: Vec<String>,
    },
    /// List the models that were registered
    List {
        /// Only those of this account
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<EthAddress>,
    },
    /// Show a registered model and its universes
    Show {
        /// Model
        model_id: ModelId,
    },
    /// Complete a prompt greedily, without a server
    Answer {
        /// Model directory or hub id
        #[arg(long, value_name = "DIR_OR_HUB_ID")]
        model: String,
        /// Prompt
        prompt: String,
        /// Tokens to generate
        #[arg(long, default_value_t = 24)]
        max_tokens: usize,
    },
    /// Answer multiple-choice questions by the likelihood of each choice
    Eval {
        /// Model directory, GGUF file or hub id
        #[arg(long, value_name = "DIR_OR_HUB_ID")]
        model: String,
        /// Questions, one JSON object per line: context, choices, answer
        #[arg(long, value_name = "FILE")]
        multiple_choice: PathBuf,
    },
    /// Serve a model over an OpenAI-compatible HTTP API, without vouchers
    Serve {
        /// Model directory or hub id
        #[arg(long, value_name = "DIR_OR_HUB_ID")]
        model: String,
        /// Address to listen on
        #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
        listen: std::net::SocketAddr,
        /// Name under which clients ask for it
        #[arg(long, default_value = "model")]
        name: String,
    },
    /// Train the repository's own small model from text that it generates
    MakeTiny {
        /// Where to write it
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Seed of text and initialization
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Hash { model } => {
            let hash = local_model::weights_hash(&local_model::locate(&model)?)?;
            output.result(&serde_json::json!({ "weightsHash": hash }), &hash.to_string(), || {
                hash.to_string()
            });
        }
        Verb::Register { model, metadata, parents } => {
            let chain = global.signing().await?;
            let new = NewModel {
                weights_hash: local_model::weights_hash(&local_model::locate(&model)?)?,
                metadata: metadata.as_deref().map(files::read).transpose()?,
                parents: parents.iter().map(|p| parse_parent(p)).collect::<Result<_>>()?,
            };
            let registered = model::register(&chain, new).await?;
            let id = registered.model_id.to_string();
            output.result(&registered, &id, || {
                format!("model {id}\n{}", registered.transaction.line())
            });
        }
        Verb::List { owner } => list(owner, global).await?,
        Verb::Show { model_id } => show(model_id, global).await?,
        Verb::Answer { model, prompt, max_tokens } => {
            let model = load_model(&model)?;
            let tokens = model.tokenizer().prompt(&prompt)?;
            let text = model.answer(&[tokens], max_tokens)?.pop().unwrap_or_default();
            output.result(&serde_json::json!({ "text": text }), &text, || text.clone());
        }
        Verb::Eval { model, multiple_choice } => eval(&model, &multiple_choice, output)?,
        Verb::Serve { model, listen, name } => {
            super::node::serve_model(&model, listen, &name, output).await?;
        }
        Verb::MakeTiny { out, seed } => {
            global.refuse_dry_run("a model")?;
            make_tiny(&out, seed, output)?;
        }
    }
    Ok(())
}

fn parse_parent(text: &str) -> Result<(ModelId, Bps)> {
    let bad = || {
        fail(
            format!("--parent {text:?} is not MODEL_ID:BPS"),
            "write e.g. 0x…:500 for 5 %",
            FailureKind::Failed,
        )
    };
    let (id, bps) = text.split_once(':').ok_or_else(bad)?;
    let id: ModelId = id.parse()?;
    let bps = Bps::new(bps.parse().map_err(|_| bad())?)?;
    Ok((id, bps))
}

async fn list(owner: Option<EthAddress>, global: &Global) -> Result<()> {
    let models = registry::models(&global.reading().await?, owner).await?;
    let ids: Vec<String> = models.iter().map(|one| one.model_id.to_string()).collect();
    global.output().result(&models, &ids.join("\n"), || {
        let rows = models.iter().map(|one| {
            let (model, owner) = (one.model_id.to_string(), one.owner.to_string());
            [model, one.universes.to_string(), owner]
        });
        table(["model", "universes", "owner"], rows)
    });
    Ok(())
}

async fn show(model_id: ModelId, global: &Global) -> Result<()> {
    let standing = model::standing(&global.reading().await?, model_id).await?;
    let data = serde_json::to_value(&standing)?;
    global.output().result(&data, &standing.owner.to_string(), || format!("{data:#}"));
    Ok(())
}

fn eval(model: &str, file: &Path, output: Output) -> Result<()> {
    let questions = read_questions(file)?;
    let report = load_model(model)?.multiple_choice(&questions)?;
    let accuracy = report.accuracy.to_string();
    output.result(&report, &accuracy, || {
        format!(
            "{} questions: accuracy {:.3} ± {:.3}, per byte {:.3}, by chance {:.3}",
            report.questions,
            report.accuracy,
            report.standard_error,
            report.accuracy_normalized,
            report.chance
        )
    });
    Ok(())
}

fn make_tiny(out: &Path, seed: u64, output: Output) -> Result<()> {
    let bar = output.bar(1, "training");
    let report = oml_engine::make_tiny_model(seed, out, &mut |at| {
        bar.set_length(at.steps as u64);
        bar.set_position(at.step as u64);
        bar.set_message(format!("training, loss {:.3}", at.loss));
    });
    let report = report.hint(
        format!("the small model could not be made in {}", out.display()),
        "check the folder and its permissions",
        FailureKind::Failed,
    )?;
    bar.finish_and_clear();
    let dir = out.display().to_string();
    let data = serde_json::json!({
        "dir": dir, "parameters": report.parameters, "perplexity": report.held_out.value(),
    });
    output.result(&data, &dir, || {
        format!(
            "wrote {dir}: {} parameters, held-out perplexity {:.2}",
            report.parameters,
            report.held_out.value()
        )
    });
    Ok(())
}
