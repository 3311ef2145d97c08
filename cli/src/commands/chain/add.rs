//! `oml chain add`: a chain under a name, for profiles.

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::profile::{self, EditedProfiles};
use clap::Args;
use eyre::Result;
use serde::Serialize;

/// A chain that is kept under a name. Endpoint and addresses file are those of --rpc-url and
/// --addresses.
#[derive(Args, Clone, Debug)]
pub(crate) struct NamedChain {
    /// Name under which profiles find it
    name: String,
}

/// What was kept.
#[derive(Serialize)]
struct KeptChain<'a> {
    name: &'a str,
    #[serde(rename = "chainId")]
    chain_id: u64,
    file: String,
}

/// Keeps a chain, after its endpoint was asked whether it is the chain of the addresses file.
pub(super) async fn run(named: &NamedChain, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    if chain.is_dry_run() {
        return Err(fail(
            format!("chain {:?} was not kept", named.name),
            "leave --dry-run away; a chain that is kept is never written over",
            FailureKind::Failed,
        ));
    }
    let mut keys = vec![
        ("rpc_url", global.chain.rpc_url.clone()),
        ("addresses", global.chain.addresses.display().to_string()),
    ];
    let relays = global.drand_endpoints();
    if !relays.is_empty() {
        keys.push(("drand_endpoints", relays.join(",")));
    }
    let path = profile::path()?;
    let mut file = EditedProfiles::open(&path)?;
    file.add("chain", &named.name, &keys)?;
    file.save()?;
    let chain_id = chain.addresses().chain_id;
    let kept = KeptChain { name: &named.name, chain_id, file: path.display().to_string() };
    global.output().result(&kept, &named.name, || {
        let name = kept.name;
        format!(
            "chain {name} ({chain_id}) is in {}; `oml profile add NAME --chain {name}` uses it",
            kept.file
        )
    });
    Ok(())
}
