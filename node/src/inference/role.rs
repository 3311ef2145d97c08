//! Inference servers of a node's role `[host]`.

use oml_engine::{LoadOptions, Model};
use tokio::net::TcpListener;

use super::serve_on;
use crate::config::InferenceConfig;
use crate::node::{NodeContext, NodeError, RoleParts};
use crate::tasks::Tasks;

/// Starts every configured inference server. Models load in the background; until one is loaded its
/// port is closed.
///
/// # Errors
/// None at present: a model that can't be loaded stops the node.
pub fn wire(context: &NodeContext) -> Result<RoleParts, NodeError> {
    let parts = RoleParts::default();
    let Some(host) = &context.config.host else { return Ok(parts) };
    for server in &host.inference {
        let (tasks, server) = (context.tasks.clone(), server.clone());
        context.tasks.spawn_critical("inference", async move { run(tasks, server).await });
    }
    Ok(parts)
}

async fn run(tasks: Tasks, server: InferenceConfig) -> Result<(), NodeError> {
    let role = |cause: String| NodeError::Role { role: "host.inference", cause };
    let (directory, name, precision) = (server.model_dir.clone(), server.device, server.precision);
    let loading = tasks.spawn_blocking("load model", move || {
        let device = name.open()?;
        Model::load(&directory, &LoadOptions { device, precision, ..LoadOptions::default() })
    });
    let model = loading
        .await
        .map_err(|cause| role(format!("loading {}: {cause}", server.model_dir.display())))?
        .map_err(|cause| role(format!("model {}: {cause}", server.model_dir.display())))?;
    let address = server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|cause| NodeError::Listen { address, cause: cause.to_string() })?;
    serve_on(listener, model, &server.model_name, server.queue, tasks.cancel_token())
        .await
        .map_err(|cause| role(cause.to_string()))
}
