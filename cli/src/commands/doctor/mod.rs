//! `oml doctor`: looks at what the other commands need and says what is broken and what to do.

mod finding;
mod roles;

use finding::{Finding, PATIENCE, State};

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::table;
use clap::Args;
use eyre::Result;
use oml_client::{RpcConnection, beacon, deploy, find_anvil, local_model};
use oml_contracts::{Addresses, EthAddress};

/// Check this machine and configuration. What is not named is not checked.
#[derive(Args, Clone, Debug)]
pub(crate) struct Doctor {
    /// Also load this model
    #[arg(long, value_name = "DIR_OR_HUB_ID")]
    model: Option<String>,
    /// Also ask this node's own API; may be given several times
    #[arg(long = "node", value_name = "URL")]
    nodes: Vec<String>,
    /// Also check this configuration of a node
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

/// Runs the command; fails if anything is broken.
pub(crate) async fn run(args: Doctor, global: &Global) -> Result<()> {
    let mut findings = chain_findings(global).await;
    findings.push(signer_finding(global).await);
    findings.push(anvil_finding());
    if let Some(model) = &args.model {
        findings.push(Finding::of("model", model_detail(model)));
    }
    if let Some(config) = &args.config {
        findings.extend(roles::findings(config, global).await);
    }
    for url in &args.nodes {
        findings.push(Finding::of(format!("node {url}"), node_detail(url).await));
    }
    let broken = findings.iter().filter(|f| f.state == State::Broken).count();
    let quiet = if broken == 0 { "ok".to_owned() } else { format!("{broken} broken") };
    global.output().result(&findings, &quiet, || human(&findings));
    if broken == 0 {
        return Ok(());
    }
    Err(fail(
        format!("{broken} of {} parts are broken", findings.len()),
        "the table says what to do",
        FailureKind::Failed,
    ))
}

fn human(findings: &[Finding]) -> String {
    let word = |state| match state {
        State::Ok => "ok",
        State::Absent => "absent",
        State::Warning => "warning",
        State::Broken => "BROKEN",
    };
    table(
        ["part", "state", "detail"],
        findings.iter().map(|f| [f.part.clone(), word(f.state).to_owned(), f.detail.clone()]),
    )
}

async fn chain_findings(global: &Global) -> Vec<Finding> {
    let args = &global.chain;
    let addresses = Addresses::load(&args.addresses);
    let rpc = match RpcConnection::reading(&args.rpc_url) {
        Ok(rpc) => rpc,
        Err(error) => return vec![Finding::of("chain", Err(error.into()))],
    };
    let id = match tokio::time::timeout(PATIENCE, rpc.chain_id()).await {
        Ok(Ok(id)) => id,
        Ok(Err(error)) => return vec![Finding::of("chain", Err(error.into()))],
        Err(_) => {
            return vec![Finding::broken(
                "chain",
                format!("{} does not answer in 10 s", args.rpc_url),
            )];
        }
    };
    let mut findings = vec![Finding::ok("chain", format!("{} is chain {id}", args.rpc_url))];
    match addresses {
        Ok(addresses) if addresses.chain_id == id => {
            findings.push(Finding::ok("addresses", args.addresses.display().to_string()));
            findings.extend(contract_findings(&rpc, &addresses).await);
            findings.push(beacon_finding(&rpc, &addresses).await);
            findings.extend(relay_findings(&rpc, &addresses, &global.drand_endpoints()).await);
        }
        Ok(addresses) => findings.push(Finding::broken(
            "addresses",
            format!("{} is for chain {}, not {id}; name another with --addresses", args.addresses.display(), addresses.chain_id),
        )),
        Err(error) if args.addresses.exists() => findings.push(Finding::broken("addresses", error.to_string())),
        Err(_) => findings.push(Finding::broken(
            "addresses",
            format!(
                "{} is not there; name it with --addresses, or make one on a local chain with `oml chain deploy`",
                args.addresses.display()
            ),
        )),
    }
    findings
}

async fn contract_findings(rpc: &RpcConnection, addresses: &Addresses) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, address) in deploy::contracts(addresses) {
        let result = match rpc.code_length(address).await {
            Ok(0) => Finding::broken(
                name,
                format!("no code at {address}; the addresses file is of another deployment"),
            ),
            Ok(code) => Finding::ok(name, format!("{address}, {code} bytes of code")),
            Err(error) => {
                Finding::broken(name, format!("code of {address} could not be read: {error}"))
            }
        };
        findings.push(result);
    }
    findings
}

/// What the beacon is worth.
async fn beacon_finding(rpc: &RpcConnection, addresses: &Addresses) -> Finding {
    match beacon::standing(rpc, addresses).await {
        Ok(standing) => match &standing.unfit {
            None => Finding::ok("draws", standing.line()),
            Some(unfit) => Finding::broken("draws", format!("{unfit}; {}", standing.line())),
        },
        Err(error) => Finding::of("draws", Err(error.into())),
    }
}

/// Whether the relays of a drand beacon answer, and with the signature that the contract accepts:
/// there is only one, so those that are well agree.
async fn relay_findings(
    rpc: &RpcConnection,
    addresses: &Addresses,
    endpoints: &[String],
) -> Vec<Finding> {
    let asked = match beacon::relays(rpc, addresses, endpoints).await {
        Ok(asked) => asked,
        Err(error) => return vec![Finding::of("drand relays", Err(error.into()))],
    };
    let some_answer = asked.iter().any(|relay| relay.fault.is_none());
    let finding = |relay: &beacon::RelayStanding| {
        let part = format!("relay {}", relay.url);
        match &relay.fault {
            None => Finding::ok(part, format!("round {} is accepted by the beacon", relay.round)),
            // One is enough to bring rounds.
            Some(fault) if some_answer => {
                Finding::absent(part, format!("{fault}; others bring the rounds"))
            }
            Some(fault) => Finding::broken(
                part,
                format!("{fault}; name a relay that answers with --drand-endpoint"),
            ),
        }
    };
    asked.iter().map(finding).collect()
}

async fn signer_finding(global: &Global) -> Finding {
    if !global.signer.options().is_given() {
        return Finding::absent(
            "signer",
            "none named; only reading commands will work (--account, --keystore or --signer)",
        );
    }
    let address = match global.account().await {
        Ok(account) => account.address(),
        Err(report) => return Finding::of("signer", Err(report)),
    };
    let balance = match RpcConnection::reading(&global.chain.rpc_url) {
        Ok(rpc) => match rpc.currency(EthAddress::ZERO).await {
            Ok(native) => rpc.native_balance(address).await.ok().map(|units| (native, units)),
            Err(_) => None,
        },
        Err(_) => None,
    };
    match balance {
        Some((_, balance)) if balance.is_zero() => Finding::broken(
            "signer",
            format!("{address} has no native currency and can't pay for gas"),
        ),
        Some((native, balance)) => {
            Finding::ok("signer", format!("{address} with {}", native.units(balance)))
        }
        None => Finding::ok("signer", address.to_string()),
    }
}

fn anvil_finding() -> Finding {
    match find_anvil() {
        Ok(path) => Finding::ok("anvil", path.display().to_string()),
        Err(_) => Finding::absent(
            "anvil",
            "only local chains and `oml demo` need it; scripts/setup.sh installs it",
        ),
    }
}

fn model_detail(model: &str) -> Result<String> {
    let dir = local_model::locate(model)?;
    let model = crate::compute::load_model(model)?;
    let config = model.config();
    Ok(format!("{}: {} layers, vocabulary {}", dir.display(), config.layers, config.vocab_size))
}

async fn node_detail(url: &str) -> Result<String> {
    let base = url.trim_end_matches('/');
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let response = client.get(format!("{base}/readyz")).send().await?;
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    if !status.is_success() {
        return Err(fail(
            format!("{base}/readyz answers {status}: {}", body.trim()),
            "its log says why it is not ready",
            FailureKind::Network,
        ));
    }
    Ok("ready".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_says_why_and_what_to_do() {
        let report =
            fail("keystore k does not exist", "name one with --keystore", FailureKind::Signer)
                .wrap_err("no signer");
        let finding = Finding::of("signer", Err(report));
        assert_eq!(finding.state, State::Broken);
        assert_eq!(
            finding.detail,
            "no signer: keystore k does not exist (name one with --keystore)"
        );
    }

    #[test]
    fn the_table_shows_what_is_broken() {
        let text = human(&[Finding::ok("chain", "fine"), Finding::broken("beacon", "no code")]);
        assert!(text.contains("BROKEN") && text.contains("no code"), "{text}");
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_is_broken() {
        let finding = Finding::of("node", node_detail("http://127.0.0.1:1").await);
        assert_eq!(finding.state, State::Broken);
    }
}
