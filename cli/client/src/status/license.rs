//! What follows from a license, for its host and for its owner.

use super::{AccountRole, AgendaStep, StepActor, Subject};
use crate::money::Money;

/// A license as the contracts have it.
#[derive(Clone, Debug)]
pub(super) struct LicenseView {
    pub(super) id: String,
    /// Its status in the contract's words.
    pub(super) status: &'static str,
    /// End of the term or of the current step.
    pub(super) deadline: u64,
    /// Until when the host can reject its copy; 0 for never.
    pub(super) trial_end: u64,
    /// Whether a part of the fee waits for its owner.
    pub(super) fee_due: bool,
    /// Whether the owner has committed to the words of its rounds.
    pub(super) has_words: bool,
    pub(super) fee: Money,
    pub(super) collateral: Money,
    /// When the collateral can leave; 0 if it has not begun to.
    pub(super) thaw_end: u64,
}

impl LicenseView {
    /// Whether the term is over, by its end or by its time.
    fn has_ended(&self, now: u64) -> bool {
        self.status == "terminated" || (self.status == "active" && now > self.deadline)
    }

    fn paid(&self) -> Money {
        self.collateral.with_units(self.collateral.units().saturating_add(self.fee.units()))
    }
}

/// What its host has to do or waits for.
pub(super) fn of_host(license: &LicenseView, now: u64) -> Vec<AgendaStep> {
    let subject = Subject { role: AccountRole::Host, kind: "license", id: &license.id };
    let command = |verb: &str| format!("oml license {verb} --license {}", license.id);
    let due = Some(license.deadline);
    if license.has_ended(now) {
        return of_ended(license, now, subject).into_iter().collect();
    }
    let step = match license.status {
        "acquired" | "seeded" | "accepted" if now > license.deadline => subject
            .yours("the copy did not come in time: get everything back", None, command("cancel"))
            .risking(license.paid()),
        "acquired" => subject
            .yours("draw the seed, so that the owner can make your copy", due, command("seed"))
            .risking(license.paid()),
        "seeded" => subject
            .step(StepActor::Owner, "the owner offers your sealed copy; then accept it", due)
            .risking(license.paid()),
        "accepted" => subject
            .step(StepActor::Owner, "the owner puts the key of your copy on chain", due)
            .risking(license.paid()),
        "active" => subject
            .step(StepActor::Nobody, "the term runs: you may serve, and renew it", due)
            .risking(license.collateral.clone()),
        _ => return Vec::new(),
    };
    let trial = (license.status == "active" && license.trial_end > now).then(|| {
        let what = "last second to reject a bad copy for half of the fee";
        subject.yours(what, Some(license.trial_end), command("reject"))
    });
    trial.into_iter().chain([step]).collect()
}

/// The way out of a license whose term is over.
fn of_ended(license: &LicenseView, now: u64, subject: Subject<'_>) -> Option<AgendaStep> {
    if license.collateral.is_zero() {
        return None;
    }
    let command = |verb: &str| format!("oml license {verb} --license {}", license.id);
    let step = match license.thaw_end {
        0 => subject.yours("the term is over: start the collateral's thaw", None, command("thaw")),
        end if end > now => {
            let what = "the collateral thaws; rounds about the term can still convict";
            subject.step(StepActor::Nobody, what, Some(end))
        }
        _ => subject.yours("the collateral is thawed: take it", None, command("withdraw")),
    };
    Some(step.risking(license.collateral.clone()))
}

/// What the owner of its model has to do or waits for.
pub(super) fn of_owner(license: &LicenseView, now: u64) -> Vec<AgendaStep> {
    let subject = Subject { role: AccountRole::Owner, kind: "license", id: &license.id };
    let command = |verb: &str| format!("oml license {verb} --license {}", license.id);
    let due = Some(license.deadline);
    let is_late = now > license.deadline;
    let mut steps = Vec::new();
    match license.status {
        "acquired" | "seeded" | "accepted" if is_late => steps.push(
            subject
                .step(
                    StepActor::Host,
                    "you are late: the host can take fee and collateral back",
                    None,
                )
                .risking(license.fee.clone()),
        ),
        "acquired" => {
            let what = "draw the seed, then embed and seal the copy";
            steps.push(subject.yours(what, due, command("seed")).risking(license.fee.clone()));
        }
        "seeded" => {
            let what = "embed and seal the copy, and offer it; the host then accepts it";
            let seal = format!("{} --copy DIR --out DIR", command("seal"));
            steps.push(subject.yours(what, due, seal).risking(license.fee.clone()));
        }
        "accepted" => {
            let what = "put the key of the accepted copy on chain";
            let deliver = format!("{} --sealed DIR", command("deliver"));
            steps.push(subject.yours(what, due, deliver).risking(license.fee.clone()));
        }
        _ => {}
    }
    if license.fee_due && license.trial_end <= now {
        let what = "the trial is over: take the rest of the fee";
        steps.push(subject.yours(what, None, command("release-fee")));
    }
    let is_running = license.status == "active" && !is_late;
    if is_running && !license.has_words {
        let what = "commit the words of its rounds: none that is sealed before counts";
        let commit = format!("oml round commit --license {}", license.id);
        steps.push(subject.yours(what, None, commit));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::native_currency;

    const NOW: u64 = 1_000;

    fn view(status: &'static str, deadline: u64) -> LicenseView {
        let eth = |wei| native_currency(1).units(wei);
        LicenseView {
            id: "0x07".to_owned(),
            status,
            deadline,
            trial_end: 0,
            fee_due: false,
            has_words: true,
            fee: eth(2_u128),
            collateral: eth(10_u128),
            thaw_end: 0,
        }
    }

    fn shown(steps: &[AgendaStep]) -> Vec<(StepActor, Option<u64>, String)> {
        let one = |step: &AgendaStep| {
            let command = step.command.as_deref().unwrap_or("").replace(" --license 0x07", "");
            (step.actor, step.due, command)
        };
        steps.iter().map(one).collect()
    }

    #[test]
    fn a_host_waits_until_the_deadline_and_then_gets_everything_back() {
        let cases = [
            ("acquired", StepActor::You, "oml license seed"),
            ("seeded", StepActor::Owner, ""),
            ("accepted", StepActor::Owner, ""),
        ];
        for (status, actor, command) in cases {
            let waiting = of_host(&view(status, NOW), NOW);
            assert_eq!(shown(&waiting), [(actor, Some(NOW), command.to_owned())], "{status}");
            // The contract still refuses a cancellation in the second of the deadline.
            let late = of_host(&view(status, NOW - 1), NOW);
            assert_eq!(shown(&late), [(StepActor::You, None, "oml license cancel".to_owned())]);
            assert_eq!(late[0].at_risk.as_ref().unwrap().units().to_string(), "12");
        }
        assert!(of_host(&view("cancelled", 0), NOW).is_empty());
    }

    #[test]
    fn collateral_of_an_ended_license_is_led_out() {
        let led = |status, deadline, thaw_end| {
            shown(&of_host(&LicenseView { thaw_end, ..view(status, deadline) }, NOW))
        };
        let step = |actor, due, verb: &str| vec![(actor, due, verb.to_owned())];
        let thaw = step(StepActor::You, None, "oml license thaw");
        assert_eq!(led("terminated", 5_000, 0), thaw);
        assert_eq!(led("active", NOW - 1, 0), thaw);
        assert_eq!(led("active", NOW, 0), step(StepActor::Nobody, Some(NOW), ""));
        assert_eq!(led("terminated", 0, NOW + 1), step(StepActor::Nobody, Some(NOW + 1), ""));
        let out = step(StepActor::You, None, "oml license withdraw");
        assert_eq!(led("terminated", 0, NOW), out);
        let empty = native_currency(1).units(0_u128);
        let slashed = LicenseView { collateral: empty, ..view("terminated", 0) };
        assert!(of_host(&slashed, NOW).is_empty());
    }

    #[test]
    fn an_owner_delivers_in_time_and_takes_what_is_due() {
        let owner = |license: &LicenseView| shown(&of_owner(license, NOW));
        let due = Some(NOW + 9);
        let verbs = ["seed", "seal --copy DIR --out DIR", "deliver --sealed DIR"];
        for (status, verb) in ["acquired", "seeded", "accepted"].into_iter().zip(verbs) {
            let steps = owner(&view(status, NOW + 9));
            assert_eq!(steps, [(StepActor::You, due, format!("oml license {verb}"))]);
            assert_eq!(owner(&view(status, NOW - 1))[0].0, StepActor::Host);
        }
        let running = LicenseView { fee_due: true, trial_end: NOW, ..view("active", NOW + 9) };
        assert_eq!(owner(&running)[0].2, "oml license release-fee");
        let tried = LicenseView { trial_end: NOW + 1, ..running.clone() };
        assert!(owner(&tried).is_empty());
        let silent = LicenseView { fee_due: false, has_words: false, ..running };
        assert_eq!(owner(&silent)[0].2, "oml round commit");
    }

    #[test]
    fn a_trial_names_its_last_second() {
        let tried = LicenseView { trial_end: NOW + 5, ..view("active", NOW + 9) };
        let steps = shown(&of_host(&tried, NOW));
        assert_eq!(steps[0], (StepActor::You, Some(NOW + 5), "oml license reject".to_owned()));
        assert_eq!(steps[1].1, Some(NOW + 9));
    }
}
