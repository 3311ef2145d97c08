//! What the roles of a node's configuration need: an owner's rounds secret and payer, a prover's
//! tickets and inbox.

use super::finding::{Finding, PATIENCE};
use crate::error::{FailureKind, HintExt as _, fail};
use crate::flags::Global;
use eyre::Result;
use oml_client::prover::{self, ProverStanding};
use oml_client::round;
use oml_client::signer;
use oml_contracts::EthAddress;
use oml_node::NodeConfig;
use oml_node::config::OwnerConfig;
use std::path::Path;

/// Everything about a configuration and its roles.
pub(super) async fn findings(path: &Path, global: &Global) -> Vec<Finding> {
    let part = "node configuration";
    let config = match NodeConfig::load(path) {
        Ok(config) => config,
        Err(error) => return vec![Finding::of(part, Err(error.into()))],
    };
    let mut findings = vec![Finding::ok(part, format!("{} is valid", path.display()))];
    if let Some(owner) = &config.owner {
        findings.extend(owner_findings(owner, &config));
    }
    if config.prover.is_some() {
        findings.extend(prover_findings(&config, global).await);
    }
    findings
}

fn owner_findings(owner: &OwnerConfig, config: &NodeConfig) -> Vec<Finding> {
    let Some(rounds) = &owner.rounds else {
        return vec![Finding::absent(
            "rounds secret",
            "no [owner.rounds]: this node opens no rounds; `oml round keygen` makes the secret",
        )];
    };
    let part = "rounds secret";
    let secret = match round::load_secret(&rounds.secret) {
        Ok(_) => mode_finding(part, &rounds.secret),
        Err(error) => Finding::of(part, Err(error.into())),
    };
    vec![secret, payer_finding(config)]
}

/// Whether others of this machine can read a secret file.
fn mode_finding(part: &str, path: &Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(file) if file.permissions().mode() & 0o077 == 0 => {
            Finding::ok(part, format!("{shown} is readable by its owner alone"))
        }
        Ok(file) => Finding::broken(
            part,
            format!(
                "{shown} has mode {:03o}: others can seal and open rounds with it; `chmod 600` it",
                file.permissions().mode() & 0o777
            ),
        ),
        Err(error) => Finding::broken(part, format!("{shown} can't be looked at: {error}")),
    }
}

/// Whether who watches the chain sees that the owner pays for a round.
fn payer_finding(config: &NodeConfig) -> Finding {
    let part = "payer of rounds";
    let signer = config.signer.as_ref();
    let payer = config.owner.as_ref().and_then(|owner| owner.rounds.as_ref()?.payer.as_ref());
    match payer {
        Some(payer) if Some(payer) != signer => {
            Finding::ok(part, "another account than the node's; fund it so that nobody can tell")
        }
        _ => Finding::warning(
            part,
            "the node's own account seals: hosts that watch it know that a round is on, and can \
             behave meanwhile; name a fresh account as [owner.rounds] payer",
        ),
    }
}

async fn prover_findings(node: &NodeConfig, global: &Global) -> Vec<Finding> {
    let Ok(chain) = global.reading().await else {
        // The chain's own findings say why.
        return Vec::new();
    };
    let account = match account_of(node).await {
        Ok(account) => account,
        Err(report) => return vec![Finding::of("tickets", Err(report))],
    };
    let standing = match prover::show(&chain, account).await {
        Ok(shown) => shown.standing,
        Err(error) => return vec![Finding::of("tickets", Err(error.into()))],
    };
    let inbox = reachable(&standing.inbox).await.map(|()| "takes hand-outs".to_owned());
    vec![tickets_finding(&standing), Finding::of(format!("inbox {}", standing.inbox), inbox)]
}

async fn reachable(inbox: &str) -> Result<()> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let url = format!("{}/livez", inbox.trim_end_matches('/'));
    let response = client.get(&url).send().await.hint(
        format!("nothing answers at {url}"),
        "owners must reach it from outside: check the name, the port, and that the node runs",
        FailureKind::Network,
    )?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    Err(fail(
        format!("{url} answers {status}"),
        "is that the node's own API ([http] listen), as it is seen from outside?",
        FailureKind::Network,
    ))
}

fn tickets_finding(standing: &ProverStanding) -> Finding {
    let (part, account) = ("tickets", standing.prover);
    let (tickets, until) = (standing.tickets, standing.alive_until);
    if tickets == 0 {
        return Finding::absent(part, format!("{account} holds no tickets (`oml prover join`)"));
    }
    if !standing.alive {
        return Finding::broken(
            part,
            format!(
                "the {tickets} tickets of {account} are dead since {until}; show life (`oml prover \
                 alive`)"
            ),
        );
    }
    Finding::ok(part, format!("{account} holds {tickets}, alive until {until}"))
}

/// The account of a node's signer.
async fn account_of(config: &NodeConfig) -> Result<EthAddress> {
    let source = config.signer.as_ref().ok_or_else(|| {
        fail("a prover sends transactions", "add a [signer] section", FailureKind::Signer)
    })?;
    Ok(signer::of_source(source).await?.address())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_secret_that_others_can_read_is_broken() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rounds.secret");
        std::fs::write(&path, "11".repeat(32)).unwrap();
        let found = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            mode_finding("rounds secret", &path)
        };
        assert_eq!(found(0o600).state, State::Ok);
        let open = found(0o644);
        assert_eq!(open.state, State::Broken);
        assert!(open.detail.contains("mode 644"), "{}", open.detail);
    }
}
