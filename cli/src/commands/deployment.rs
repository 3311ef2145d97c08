//! `oml deployment`: services that a host declares under its license.

use crate::flags::Global;
use crate::output::table;
use clap::Subcommand;
use eyre::Result;
use oml_client::files::LicenseFile;
use oml_client::{deployment, registry};
use oml_contracts::ModelId;
use std::path::PathBuf;

/// Verbs of `oml deployment`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Declare a running service
    Register {
        /// License file, as `oml license acquire` writes it
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Base URL of its OpenAI-compatible API
        #[arg(long)]
        uri: String,
    },
    /// Withdraw the declaration; a round about it can still be opened for the thaw
    /// period
    Retire {
        /// License file
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Base URL as registered
        #[arg(long)]
        uri: String,
    },
    /// List what was ever declared under a license
    List {
        /// License file, or id of the license
        #[arg(default_value = "license.json", value_name = "FILE|ID")]
        license: PathBuf,
    },
    /// Deployments that rounds found to serve copies of a model without being registered
    Flags {
        /// The model; all models if not given
        #[arg(long)]
        model_id: Option<ModelId>,
    },
    /// Until when a round about a deployment may be opened, and whether it was found unregistered
    Show {
        /// License file
        #[arg(long, value_name = "FILE|ID")]
        license: PathBuf,
        /// Base URL as registered
        #[arg(long)]
        uri: String,
    },
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let declared = match verb {
        Verb::Register { license, uri } => {
            let chain = global.signing().await?;
            deployment::register(&chain, &global.license(&license).await?, &uri).await?
        }
        Verb::Retire { license, uri } => {
            let chain = global.signing().await?;
            deployment::retire(&chain, &global.license(&license).await?, &uri).await?
        }
        Verb::List { license } => return list(&global.license(&license).await?, global).await,
        Verb::Flags { model_id } => return list_flags(model_id, global).await,
        Verb::Show { license, uri } => {
            return show(&global.license(&license).await?, &uri, global).await;
        }
    };
    global.output().result(&declared, &declared.deployment_hash.to_string(), || {
        format!("deployment {}\n{}", declared.deployment_hash, declared.transaction.line())
    });
    Ok(())
}

async fn show(license: &LicenseFile, uri: &str, global: &Global) -> Result<()> {
    let standing = deployment::standing(&global.reading().await?, license, uri).await?;
    let state = standing.state;
    global.output().result(&standing, state, || match standing.flagged_by {
        Some(round) => {
            format!("{state}; round {round} found it to serve a license's copy unregistered")
        }
        None => state.to_owned(),
    });
    Ok(())
}

async fn list(license: &LicenseFile, global: &Global) -> Result<()> {
    let found = registry::deployments(&global.reading().await?, license).await?;
    let uris: Vec<&str> = found.iter().map(|one| one.uri.as_str()).collect();
    global.output().result(&found, &uris.join("\n"), || {
        let rows = found.iter().map(|one| {
            let (state, hash) = (one.standing.state, one.standing.deployment_hash.to_string());
            [one.uri.clone(), state.to_owned(), hash]
        });
        table(["uri", "state", "deployment"], rows)
    });
    Ok(())
}

async fn list_flags(model: Option<ModelId>, global: &Global) -> Result<()> {
    let flags = deployment::flags(&global.reading().await?, model).await?;
    let rows = || {
        flags.iter().map(|flag| {
            let name = flag.deployment_hash.to_string();
            [name, flag.license_id.to_string(), flag.round_id.to_string()]
        })
    };
    global.output().result(&flags, &flags.len().to_string(), || {
        table(["deployment", "copy of license", "round"], rows())
    });
    Ok(())
}
