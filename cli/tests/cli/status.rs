//! What is due, for accounts with several roles, against a real local chain whose time is moved.

use super::money::{SECOND, World, eth};
use super::support::FIRST;
use serde_json::{Value, json};

/// Steps of an account as `role kind actor command`, the command without ids.
fn steps(agenda: &Value) -> Vec<String> {
    let one = |step: &Value| {
        let text = |key: &str| step[key].as_str().unwrap_or("-").to_owned();
        let command = text("command");
        let verb = command.split(" --").next().unwrap().to_owned();
        format!("{} {} {} {verb}", text("role"), text("kind"), text("actor"))
    };
    agenda["steps"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn an_agenda_follows_a_license_and_a_channel_to_their_end() {
    let Some(world) = World::licensed() else { return };
    world.payer(&["channel", "open", "--license", "license.json", "--amount", "25"]);
    let host = world.host(&["status"]);
    assert_eq!(host["account"], FIRST, "{host:#}");
    assert!(host["now"].as_u64().unwrap() > 0);
    let wanted = ["owner license you oml round commit", "host license nobody -"];
    for step in wanted {
        assert!(steps(&host).iter().any(|one| one == step), "{step}: {host:#}");
    }
    let running = host["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["role"] == "host" && step["actor"] == "nobody")
        .unwrap();
    assert_eq!(running["atRisk"], eth("1000"));
    let payer = world.payer(&["status"]);
    assert_eq!(steps(&payer), ["payer channel nobody -"]);
    assert_eq!(payer["steps"][0]["atRisk"], eth("25"));
    assert_eq!(world.payer(&["status", "--mine"])["steps"], json!([]));

    // Who leaves is a deadline for the host.
    world.payer(&["channel", "thaw"]);
    let host = world.host(&["status", FIRST, "--mine"]);
    assert!(steps(&host).contains(&"host channel you oml settle".to_owned()), "{host:#}");
    let payer = world.payer(&["status"]);
    assert_eq!(steps(&payer), ["payer channel host -"]);
    assert_eq!(payer["steps"][0]["due"], host["steps"][0]["due"]);

    world.host(&["license", "terminate"]);
    world.chain.rpc("evm_increaseTime", json!([700]));
    world.chain.rpc("evm_mine", json!([]));
    assert_eq!(steps(&world.payer(&["status"])), ["payer channel you oml channel withdraw"]);
    let host = world.host(&["status"]);
    assert!(steps(&host).contains(&"host license you oml license thaw".to_owned()), "{host:#}");

    // The command that it names is the one that does it.
    let payer = world.payer(&["status"]);
    let command = payer["steps"][0]["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    world.payer(&words);
    assert_eq!(world.payer(&["status"])["steps"], json!([]));
}

/// With an address in the profile, nobody types a password to look.
#[test]
fn a_profiles_address_is_looked_at_without_its_key() {
    let Some(world) = World::licensed() else { return };
    let shown = |args: &[&str]| {
        let mut command = super::support::oml(world.dir.path());
        command.args(["--rpc-url", &world.chain.url, "--format", "json"]).args(args);
        super::support::stdout_json(&mut command)
    };
    assert_eq!(shown(&["status"])["success"], false);
    shown(&["profile", "add", "me", "--address", SECOND, "--role", "payer"]);
    let agenda = shown(&["status"]);
    assert_eq!(agenda["data"]["account"], SECOND, "{agenda:#}");
    // A signer that is named is somebody else.
    let key = ["--private-key", super::support::FIRST_KEY, "status"];
    assert_eq!(shown(&key)["data"]["account"], FIRST);
}
