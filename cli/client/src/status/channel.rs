//! What follows from a channel, for its payer and for the host that it pays.

use super::{AccountRole, AgendaStep, StepActor, Subject};
use crate::money::Money;

/// A channel as the escrow has it.
#[derive(Clone, Debug)]
pub(super) struct ChannelView {
    pub(super) id: String,
    pub(super) license: String,
    /// Whether it takes deposits.
    pub(super) is_open: bool,
    /// What no claim and no reservation takes.
    pub(super) left: Money,
    /// End of the thaw; 0 if none has begun.
    pub(super) thaw_end: u64,
    /// Whether its license can't be served any more.
    pub(super) license_is_over: bool,
}

/// What its payer has to do or waits for.
pub(super) fn of_payer(channel: &ChannelView, now: u64) -> Option<AgendaStep> {
    let subject = Subject { role: AccountRole::Payer, kind: "channel", id: &channel.id };
    let command = |verb: &str| format!("oml channel {verb} --channel {}", channel.id);
    if channel.left.is_zero() {
        return None;
    }
    let step = match channel.thaw_end {
        0 if channel.license_is_over || !channel.is_open => {
            subject.yours("its license is over: start to leave", None, command("thaw"))
        }
        0 => subject.step(StepActor::Nobody, "the deposit pays for requests", None),
        end if end > now => {
            let what = "the host claims what it served; then take the rest";
            subject.step(StepActor::Host, what, Some(end))
        }
        _ => subject.yours("the thaw is over: take the rest", None, command("withdraw")),
    };
    Some(step.risking(channel.left.clone()))
}

/// What the host of its license has to do: who leaves can take all that is not claimed in time.
pub(super) fn of_host(channel: &ChannelView, now: u64) -> Option<AgendaStep> {
    if channel.thaw_end <= now || channel.left.is_zero() {
        return None;
    }
    let subject = Subject { role: AccountRole::Host, kind: "channel", id: &channel.id };
    let command = format!("oml settle --config NODE.toml --license {}", channel.license);
    let what = "the payer leaves: claim what you served; your node does it by itself";
    Some(subject.yours(what, Some(channel.thaw_end), command).risking(channel.left.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::native_currency;

    const NOW: u64 = 1_000;

    fn view(thaw_end: u64, license_is_over: bool, left: u128) -> ChannelView {
        ChannelView {
            id: "0x07".to_owned(),
            license: "0x08".to_owned(),
            is_open: true,
            left: native_currency(1).units(left),
            thaw_end,
            license_is_over,
        }
    }

    #[test]
    fn a_payer_leaves_a_license_that_is_over() {
        let seen = |thaw_end, over| {
            let step = of_payer(&view(thaw_end, over, 5), NOW).unwrap();
            let verb = step.command.unwrap_or_default().replace(" --channel 0x07", "");
            (step.actor, step.due, verb)
        };
        let none = String::new;
        assert_eq!(seen(0, false), (StepActor::Nobody, None, none()));
        assert_eq!(seen(0, true), (StepActor::You, None, "oml channel thaw".to_owned()));
        assert_eq!(seen(NOW + 1, true), (StepActor::Host, Some(NOW + 1), none()));
        assert_eq!(seen(NOW, true), (StepActor::You, None, "oml channel withdraw".to_owned()));
        assert_eq!(of_payer(&view(NOW, true, 0), NOW), None);
    }

    #[test]
    fn a_host_claims_before_the_payer_is_gone() {
        let step = of_host(&view(NOW + 9, false, 5), NOW).unwrap();
        assert_eq!((step.actor, step.due), (StepActor::You, Some(NOW + 9)));
        assert!(step.command.unwrap().contains("oml settle"));
        assert_eq!(step.at_risk.unwrap().units().to_string(), "5");
        for idle in [view(0, false, 5), view(NOW, false, 5), view(NOW + 9, false, 0)] {
            assert_eq!(of_host(&idle, NOW), None);
        }
    }
}
