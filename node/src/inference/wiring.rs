//! Inference servers of a node's role `[host]`.

use std::path::PathBuf;

use oml_engine::{LoadOptions, Model, ModelError};
use tokio::net::TcpListener;

use super::server::{InferenceError, serve_on};
use crate::config::InferenceConfig;
use crate::context::{NodeContext, RoleError, RoleParts};
use crate::tasks::Tasks;

/// Section of the configuration that asks for inference servers.
const ROLE: &str = "host.inference";

/// Why a configured model can't be served.
#[derive(Debug, thiserror::Error)]
enum ModelLoadError {
    #[error("loading {}: {source}", path.display())]
    Task { path: PathBuf, source: tokio::task::JoinError },
    #[error("model {}: {source}", path.display())]
    Model { path: PathBuf, source: ModelError },
}

/// Starts every configured inference server. Models load in the background; until one is loaded its
/// port is closed.
///
/// # Errors
/// None at present: a model that can't be loaded stops the node.
pub(crate) fn wire(context: &NodeContext) -> Result<RoleParts, RoleError> {
    let parts = RoleParts::default();
    let Some(host) = &context.config.host else { return Ok(parts) };
    for server in &host.inference {
        let (tasks, server) = (context.tasks.clone(), server.clone());
        context.tasks.spawn_critical("inference", async move { run(tasks, server).await });
    }
    Ok(parts)
}

async fn run(tasks: Tasks, server: InferenceConfig) -> Result<(), RoleError> {
    let (directory, name, precision) = (server.model_dir.clone(), server.device, server.precision);
    let loading = tasks.spawn_blocking("load model", move || {
        let device = name.open()?;
        Model::load(&directory, &LoadOptions { device, precision, ..LoadOptions::default() })
    });
    let model = loading
        .await
        .map_err(|source| ModelLoadError::Task { path: server.model_dir.clone(), source })
        .and_then(|loaded| {
            loaded
                .map_err(|source| ModelLoadError::Model { path: server.model_dir.clone(), source })
        })
        .map_err(|error| RoleError::new(ROLE, error))?;
    let address = server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| RoleError::new(ROLE, InferenceError::Listen { address, source }))?;
    serve_on(listener, model, &server.model_name, server.queue, tasks.cancel_token())
        .await
        .map_err(|error| RoleError::new(ROLE, error))
}
