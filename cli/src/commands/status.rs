//! `oml status`: what is due when, who must act, and what is at risk.

use crate::flags::Global;
use crate::output::table;
use crate::span::countdown;
use clap::Args;
use eyre::Result;
use oml_client::status::{self, AccountAgenda, StepActor};
use oml_contracts::EthAddress;

/// Show what is due for an account in all its roles: when, who must act, what is at risk.
#[derive(Args, Clone, Debug)]
pub(crate) struct Status {
    /// Whose agenda [default: the profile's address, else the signer]
    #[arg(value_name = "ACCOUNT")]
    holder: Option<EthAddress>,
    /// Only what the account itself must do
    #[arg(long)]
    mine: bool,
}

/// Runs the command.
pub(crate) async fn run(args: Status, global: &Global) -> Result<()> {
    let account = global.account_or(args.holder).await?;
    let mut agenda = status::of_account(&global.reading().await?, account).await?;
    if args.mine {
        agenda.steps.retain(|step| step.actor == StepActor::You);
    }
    let yours = agenda.steps.iter().filter(|step| step.actor == StepActor::You).count();
    global.output().result(&agenda, &yours.to_string(), || human(&agenda));
    Ok(())
}

fn human(agenda: &AccountAgenda) -> String {
    if agenda.steps.is_empty() {
        return format!("nothing is due for {}", agenda.account);
    }
    let rows = agenda.steps.iter().map(|step| {
        let due = step.due.map_or_else(|| "-".to_owned(), |due| countdown(due, agenda.now));
        let risk = step.at_risk.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let thing = format!("{} {}", step.kind, short(&step.id));
        [
            due,
            step.actor.word().to_owned(),
            step.role.word().to_owned(),
            thing.trim_end().to_owned(),
            step.what.to_owned(),
            risk,
        ]
    });
    let shown = table(["due", "who acts", "you are", "about", "what", "at stake"], rows);
    let commands = agenda.steps.iter().filter_map(|step| step.command.as_deref());
    let commands: Vec<String> = commands.map(|command| format!("  {command}")).collect();
    if commands.is_empty() {
        return shown;
    }
    format!("{shown}\n\nWhat you can do, in the same order:\n{}", commands.join("\n"))
}

/// The beginning of an id, enough to tell it from others.
fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use oml_client::money::native_currency;
    use oml_client::status::{AccountRole, AgendaStep};

    #[test]
    fn people_see_countdown_actor_and_command() {
        let step = AgendaStep {
            role: AccountRole::Host,
            kind: "channel",
            id: format!("0x{}", "07".repeat(32)),
            what: "the payer leaves",
            actor: StepActor::You,
            due: Some(4_600),
            at_risk: Some(native_currency(1).units(1_500_000_000_000_000_000_u128)),
            command: Some("oml settle".to_owned()),
        };
        let account = EthAddress::new([1; 20]);
        let agenda = AccountAgenda { account, now: 1_000, steps: vec![step] };
        let text = human(&agenda);
        for part in ["in 1 h 0 min", "you", "host", "channel 0x07070707", "1.5 ETH", "  oml settle"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let nothing = AccountAgenda { steps: Vec::new(), ..agenda };
        assert!(human(&nothing).starts_with("nothing is due for 0x0101"));
    }
}
