//! `oml model`: the owner's models and the small one of this repository.

use super::event;
use crate::Global;
use crate::chain::{Chain, TxRecord};
use crate::contracts::LicenseRegistry;
use crate::error::{Exit, HintExt, fail};
use crate::files;
use alloy::primitives::{B256, U256, keccak256};
use clap::Subcommand;
use eyre::Result;
use oml_contracts::{Bps, ModelId};
use serde::Serialize;
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

/// A registered model.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registered {
    /// Its id.
    pub(crate) model_id: ModelId,
    /// Hash of the weights.
    pub(crate) weights_hash: B256,
    /// Hash of the metadata, zero if there are none.
    pub(crate) metadata_hash: B256,
    /// The transaction.
    pub(crate) transaction: TxRecord,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Hash { model } => {
            let hash = weights_hash(&files::model_dir(&model)?)?;
            output.result(&serde_json::json!({ "weightsHash": hash }), &hash.to_string(), || {
                hash.to_string()
            });
        }
        Verb::Register { model, metadata, parents } => {
            let chain = Chain::signer(&global.chain, &global.signer).await?;
            let weights = weights_hash(&files::model_dir(&model)?)?;
            let metadata = match metadata {
                Some(path) => keccak256(files::read(&path)?),
                None => B256::ZERO,
            };
            let parents = parents.iter().map(|p| parse_parent(p)).collect::<Result<Vec<_>>>()?;
            let registered = register(&chain, weights, metadata, parents).await?;
            let id = registered.model_id.to_string();
            output.result(&registered, &id, || {
                format!("model {id}\n{}", registered.transaction.line())
            });
        }
        Verb::Show { model_id } => show(model_id, global).await?,
        Verb::Answer { model, prompt, max_tokens } => {
            let model = files::load_model(&model)?;
            let tokens = model.tokenizer().prompt(&prompt)?;
            let text = model.answer(&[tokens], max_tokens)?.pop().unwrap_or_default();
            output.result(&serde_json::json!({ "text": text }), &text, || text.clone());
        }
        Verb::Eval { model, multiple_choice } => eval(&model, &multiple_choice, output)?,
        Verb::Serve { model, listen, name } => {
            super::node::serve_model(&model, listen, &name, output).await?
        }
        Verb::MakeTiny { out, seed } => make_tiny(&out, seed, output)?,
    }
    Ok(())
}

/// Hash of a model directory's weights, as registered on chain.
pub(crate) fn weights_hash(dir: &Path) -> Result<B256> {
    let hash = oml_prover::weights_hash(dir).hint(
        format!("the weights in {} could not be hashed", dir.display()),
        "the directory must hold config.json and *.safetensors",
        Exit::Failed,
    )?;
    Ok(hash.into())
}

/// Registers a model of the signer.
pub(crate) async fn register(
    chain: &Chain,
    weights_hash: B256,
    metadata_hash: B256,
    parents: Vec<crate::contracts::Parent>,
) -> Result<Registered> {
    let call = LicenseRegistry::registerModelCall {
        weightsHash: weights_hash,
        metadataHash: metadata_hash,
        parents,
    };
    let sent = chain.send("register model", chain.registry(), call, U256::ZERO).await?;
    let model_id = match event::<LicenseRegistry::ModelRegistered>(&sent) {
        Some(log) => log.modelId,
        None => B256::try_from(sent.returned.as_ref())?,
    };
    Ok(Registered {
        model_id: model_id.into(),
        weights_hash,
        metadata_hash,
        transaction: sent.record,
    })
}

fn parse_parent(text: &str) -> Result<crate::contracts::Parent> {
    let bad = || {
        fail(
            format!("--parent {text:?} is not MODEL_ID:BPS"),
            "write e.g. 0x…:500 for 5 %",
            Exit::Failed,
        )
    };
    let (id, bps) = text.split_once(':').ok_or_else(bad)?;
    let id: ModelId = id.parse()?;
    let bps = Bps::new(bps.parse().map_err(|_| bad())?)?;
    Ok(crate::contracts::Parent { modelId: id.into(), bps: bps.get() })
}

async fn show(model_id: ModelId, global: &Global) -> Result<()> {
    let chain = Chain::reader(&global.chain).await?;
    let registry = chain.registry();
    let owner =
        chain.read(registry, LicenseRegistry::modelOwnerCall { modelId: model_id.into() }).await?;
    if owner.is_zero() {
        return Err(fail(
            format!("model {model_id} is not registered"),
            "check the id and the chain; `oml model register` prints it",
            Exit::Failed,
        ));
    }
    let epochs =
        chain.read(registry, LicenseRegistry::epochsCall { modelId: model_id.into() }).await?;
    let mut universes = Vec::new();
    for epoch in 0..epochs {
        let call = LicenseRegistry::universeCall { modelId: model_id.into(), epoch };
        let u = chain.read(registry, call).await?;
        universes.push(serde_json::json!({
            "epoch": epoch, "root": u.root, "seed": u.seed, "personalCount": u.personalCount,
            "sharedCount": u.sharedCount, "licenses": u.licenses, "cases": u.cases,
            "burnedBundles": u.burnedBundles, "bundles": u.personalCount / 16,
        }));
    }
    let data = serde_json::json!({ "modelId": model_id, "owner": owner, "universes": universes });
    global.output().result(&data, &owner.to_string(), || format!("{data:#}"));
    Ok(())
}

fn eval(model: &str, file: &Path, output: crate::output::Output) -> Result<()> {
    let questions = files::questions(file)?;
    let report = files::load_model(model)?.multiple_choice(&questions)?;
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

fn make_tiny(out: &Path, seed: u64, output: crate::output::Output) -> Result<()> {
    let bar = output.bar(1, "training");
    let report = oml_engine::make_tiny_model(seed, out, &mut |at| {
        bar.set_length(at.steps as u64);
        bar.set_position(at.step as u64);
        bar.set_message(format!("training, loss {:.3}", at.loss));
    });
    let report = report.hint(
        format!("the small model could not be made in {}", out.display()),
        "check the folder and its permissions",
        Exit::Failed,
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
