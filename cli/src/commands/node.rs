//! `oml node`: the long-running program, its configuration and its state.

use crate::compute::load_model;
use crate::error::{FailureKind, HintExt, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use clap::Subcommand;
use eyre::Result;
use oml_client::vouchers::hide_password;
use oml_node::config::EndpointUrl;
use oml_node::{Node, NodeConfig, NodeError};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The least that a node needs: it only watches.
const MINIMAL: &str = include_str!("node/minimal.toml");
/// Every section and key, with what they mean.
const FULL: &str = include_str!("node/full.toml");

/// Verbs of `oml node`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run until SIGINT or SIGTERM; a second signal stops at once
    Run {
        /// Configuration file (TOML); OML__SECTION__KEY in the environment wins over it
        #[arg(long, default_value = "node.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Check or write a configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Ask a running node how it stands
    Status {
        /// The node's own API
        #[arg(long, env = "OML_NODE_URL", default_value = "http://127.0.0.1:8080")]
        url: String,
    },
}

/// Verbs of `oml node config`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Read and check a configuration without running it
    Check {
        /// Configuration file
        #[arg(long, default_value = "node.toml", value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a configuration to start from
    Example {
        /// Every section and key, not only the least
        #[arg(long)]
        full: bool,
        /// Write it there instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// What a configuration switches on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    valid: bool,
    rpc_url: String,
    further_endpoints: Vec<String>,
    store: String,
    listen: SocketAddr,
    roles: Vec<&'static str>,
    sends_transactions: bool,
    gateways: Vec<SocketAddr>,
    inference: Vec<SocketAddr>,
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    match verb {
        Verb::Run { config } => run_node(&config).await,
        Verb::Config(ConfigVerb::Check { config }) => check(&config, global.output()),
        Verb::Config(ConfigVerb::Example { full, out }) => {
            example(if full { FULL } else { MINIMAL }, out.as_deref(), global.output())
        }
        Verb::Status { url } => status(&url, global.output()).await,
    }
}

async fn run_node(path: &Path) -> Result<()> {
    let config = load(path)?;
    let node = explain(Node::start(config).await, path)?;
    Ok(explain(node.run_until_signal().await, path)?)
}

fn explain<T>(result: Result<T, NodeError>, config: &Path) -> oml_client::Result<T> {
    let (hint, exit) = match &result {
        Err(NodeError::Chain(_)) => (
            "check [chain] rpc_url and addresses; `oml doctor` looks at both",
            FailureKind::Network,
        ),
        Err(NodeError::Sender(_)) => {
            ("check the [signer] section and the account's balance", FailureKind::Signer)
        }
        _ => ("the cause names the section or value", FailureKind::Failed),
    };
    result.hint(format!("the node of {} does not run", config.display()), hint, exit)
}

fn load(path: &Path) -> oml_client::Result<NodeConfig> {
    NodeConfig::load(path).hint(
        format!("{} is not a usable configuration", path.display()),
        "`oml node config example --full` shows every section and key",
        FailureKind::Failed,
    )
}

fn check(path: &Path, output: Output) -> Result<()> {
    let summary = summary(&load(path)?);
    let roles = if summary.roles.is_empty() {
        "none (watches only)".to_owned()
    } else {
        summary.roles.join(", ")
    };
    output.result(&summary, "valid", || {
        table(
            ["setting", "value"],
            [
                ["configuration".to_owned(), format!("{} is valid", path.display())],
                ["chain".to_owned(), summary.rpc_url.clone()],
                ["further endpoints".to_owned(), second_endpoint(&summary)],
                ["store".to_owned(), summary.store.clone()],
                ["API".to_owned(), summary.listen.to_string()],
                ["roles".to_owned(), roles],
                ["sends transactions".to_owned(), summary.sends_transactions.to_string()],
                ["gateways".to_owned(), join(&summary.gateways)],
                ["inference".to_owned(), join(&summary.inference)],
            ],
        )
    });
    Ok(())
}

fn summary(config: &NodeConfig) -> Summary {
    let roles = [
        ("owner", config.owner.is_some()),
        ("host", config.host.is_some()),
        ("prover", config.prover.is_some()),
    ];
    let host = config.host.as_ref();
    Summary {
        valid: true,
        rpc_url: shown(&config.chain.rpc_url),
        further_endpoints: config.chain.further_rpc_urls.iter().map(|url| shown(url)).collect(),
        store: hide_password(&config.store.url),
        listen: config.http.listen,
        roles: roles.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect(),
        sends_transactions: config.signer.is_some(),
        gateways: host.iter().flat_map(|h| &h.gateways).map(|g| g.listen).collect(),
        inference: host.iter().flat_map(|h| &h.inference).map(|i| i.listen).collect(),
    }
}

/// An endpoint without what may be secret in its URL; the configuration was checked before.
fn shown(url: &str) -> String {
    EndpointUrl::parse(url).map_or_else(|error| error.to_string(), |url| url.to_string())
}

/// Further endpoints, or what it means that there are none.
fn second_endpoint(summary: &Summary) -> String {
    match summary.further_endpoints.as_slice() {
        [] if summary.sends_transactions => {
            "none: the word of one endpoint moves money; add one of \
                                             another provider to chain.further_rpc_urls"
                .to_owned()
        }
        [] => "none".to_owned(),
        several => several.join(", "),
    }
}

fn join(addresses: &[SocketAddr]) -> String {
    if addresses.is_empty() {
        return "none".to_owned();
    }
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn example(text: &str, out: Option<&Path>, output: Output) -> Result<()> {
    let Some(path) = out else {
        output.result(&serde_json::json!({ "toml": text }), text.trim_end(), || {
            text.trim_end().to_owned()
        });
        return Ok(());
    };
    if path.exists() {
        return Err(fail(
            format!("{} exists", path.display()),
            "name another file with --out; a configuration is never overwritten",
            FailureKind::Failed,
        ));
    }
    oml_client::files::write(path, text.as_bytes())?;
    let name = path.display().to_string();
    output.result(&serde_json::json!({ "file": name }), &name, || {
        format!("wrote {name}; edit it, then `oml node config check --config {name}`")
    });
    Ok(())
}

async fn status(url: &str, output: Output) -> Result<()> {
    let data: serde_json::Value =
        get_json(&format!("{}/status", url.trim_end_matches('/'))).await?;
    let ready = data.get("ready").and_then(serde_json::Value::as_bool);
    let quiet = ready.map_or("running", |r| if r { "ready" } else { "not ready" });
    output.result(&data, quiet, || human(&data));
    Ok(())
}

/// What a node says of itself, for people. Fields that another version does not send are left out.
fn human(status: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::Array(list) if list.is_empty() => "none".to_owned(),
        serde_json::Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => plain(other),
    };
    let shown = [
        ("version", "/version"),
        ("chain", "/chain_id"),
        ("account", "/account"),
        ("roles", "/roles"),
        ("block", "/head/number"),
        ("seconds behind", "/head_age_s"),
        ("store", "/engine"),
        ("jobs", "/jobs"),
        ("open rounds", "/open_rounds"),
        ("ready", "/ready"),
        ("problems", "/problems"),
    ];
    let rows = shown
        .into_iter()
        .filter_map(|(name, path)| Some([name.to_owned(), text(status.pointer(path)?)]));
    let mut parts = vec![table(["what", "value"], rows)];
    let transactions = status.get("transactions").and_then(serde_json::Value::as_array);
    if let Some(list) = transactions.filter(|list| !list.is_empty()) {
        let rows = list.iter().map(|t| {
            [plain(&t["describe"]), plain(&t["state"]), plain(&t["tx_hash"]), plain(&t["error"])]
        });
        parts.push(table(["transaction", "state", "hash", "error"], rows));
    }
    parts.join("\n")
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Serves a model over an OpenAI-compatible API until SIGINT or SIGTERM.
pub(crate) async fn serve_model(
    model: &str,
    listen: SocketAddr,
    name: &str,
    output: Output,
) -> Result<()> {
    let loaded = load_model(model)?;
    let cancel = CancellationToken::new();
    output.progress(format!("serving {model} as {name:?} at http://{listen}; stop with Ctrl-C"));
    let serving = oml_node::inference::serve(loaded, listen, name, cancel.clone());
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        signal = stop_signal() => {
            signal?;
            cancel.cancel();
            serving.await
        }
    };
    let failed = || format!("{model} is not served");
    Ok(ended.hint(failed(), "the cause names the port or thread", FailureKind::Failed)?)
}

async fn stop_signal() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// GETs JSON from a node.
pub(crate) async fn get_json(url: &str) -> Result<serde_json::Value> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
    let hint = "check the URL and that the node runs (`oml node run`)";
    let response = client.get(url).send().await.hint(
        format!("no node answers at {url}"),
        hint,
        FailureKind::Network,
    )?;
    let status = response.status();
    let text =
        response.text().await.hint(format!("{url} broke off"), hint, FailureKind::Network)?;
    if !status.is_success() {
        return Err(fail(format!("{url} answers {status}: {text}"), hint, FailureKind::Network));
    }
    let data = serde_json::from_str(&text).hint(
        format!("{url} does not answer with JSON"),
        "is that the node's own API ([http] listen) and not a gateway?",
        FailureKind::Network,
    )?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_parse() {
        for text in [MINIMAL, FULL] {
            let config: NodeConfig = toml::from_str(text).unwrap();
            config.validate().unwrap();
            let summary = summary(&config);
            assert!(summary.rpc_url.starts_with("http"), "{summary:?}");
        }
    }

    #[test]
    fn the_full_example_has_every_key() {
        let config: NodeConfig = toml::from_str(FULL).unwrap();
        let given: toml::Table = toml::from_str(FULL).unwrap();
        let known = toml::Table::try_from(&config).unwrap();
        for (section, keys) in &known {
            let written =
                given.get(section).unwrap_or_else(|| panic!("[{section}] is not in the example"));
            for key in keys.as_table().into_iter().flat_map(|t| t.keys()) {
                assert!(written.get(key).is_some(), "{section}.{key} is not in the example");
            }
        }
        assert_eq!(summary(&config).roles, ["owner", "host", "prover"]);
    }

    #[test]
    fn the_full_example_shows_the_defaults() {
        let mut config: NodeConfig = toml::from_str(FULL).unwrap();
        assert_eq!(config.http, oml_node::config::HttpConfig::default());
        assert_eq!(config.store, oml_node::config::StoreConfig::default());
        let least: NodeConfig = toml::from_str(MINIMAL).unwrap();
        config.chain.start_block = None;
        config.chain.drand_endpoints.clear();
        config.chain.further_rpc_urls.clear();
        // Left out, it follows from the chain: local ones may stand still.
        assert_eq!(config.chain.max_head_age_s.take(), Some(600));
        assert_eq!(config.chain, least.chain);
        let prover = config.prover.unwrap();
        assert_eq!(prover.query, oml_node::config::QueryLimits::default());
        let mut host = config.host.unwrap();
        host.redeem.max_unclaimed = None;
        let defaults = oml_node::config::HostConfig::default();
        assert_eq!(host.signing_history, defaults.signing_history);
        assert_eq!(host.redeem, oml_node::config::RedeemConfig::default());

        let mut table: toml::Table = toml::from_str(FULL).unwrap();
        for key in [
            "default_max_tokens",
            "max_tokens_cap",
            "max_concurrent",
            "max_body_bytes",
            "upstream_timeout_s",
        ] {
            table["host"]["gateways"][0].as_table_mut().unwrap().remove(key).unwrap();
        }
        table["host"]["inference"][0].as_table_mut().unwrap().remove("queue").unwrap();
        table["prover"].as_table_mut().unwrap().remove("query_model").unwrap();
        let defaults: NodeConfig = table.try_into().unwrap();
        let defaults_host = defaults.host.unwrap();
        assert_eq!(defaults_host.gateways, host.gateways);
        assert_eq!(defaults_host.inference, host.inference);
        assert_eq!(defaults.prover.unwrap().query_model, prover.query_model);
    }

    #[test]
    fn a_status_is_shown_with_its_problems_and_transactions() {
        let text = human(&serde_json::json!({
            "roles": ["host"], "head": { "number": 7 }, "ready": false, "problems": ["chain: 9 blocks behind"],
            "transactions": [{ "describe": "claim", "state": "pending", "tx_hash": null, "error": null }],
        }));
        for part in ["host", "7", "chain: 9 blocks behind", "claim", "pending"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(human(&serde_json::json!({ "problems": [] })).contains("none"));
    }
}
