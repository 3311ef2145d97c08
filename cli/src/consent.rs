//! The question before something is sent, where somebody is there to answer it.

use crate::output::Output;
use oml_client::{Consent, PlannedCall};
use std::io::{BufRead, IsTerminal as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// A person at a terminal.
    Person,
    /// Nobody: a script, or a person who said `--yes`.
    Nobody,
}

impl Listener {
    /// Who is there: standard input and standard error must both be terminals.
    pub(crate) fn of_this_process(yes: bool) -> Self {
        let seen = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if seen && !yes { Self::Person } else { Self::Nobody }
    }
}

/// Says what is about to be sent, and asks a person.
#[derive(Debug)]
pub(crate) struct AtTerminal {
    output: Output,
    listener: Listener,
    /// Whether a person has agreed to something of this command, which covers calls that take no
    /// money.
    agreed: AtomicBool,
    /// Whether chain and signer were named.
    named: AtomicBool,
}

impl AtTerminal {
    /// Nobody has agreed to anything yet.
    pub(crate) const fn new(output: Output, listener: Listener) -> Self {
        let (agreed, named) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { output, listener, agreed, named }
    }

    fn must_ask(&self, call: &PlannedCall) -> bool {
        let takes_money = call.money.as_ref().is_some_and(|money| !money.is_zero());
        self.listener == Listener::Person && (takes_money || !self.agreed.load(Ordering::Relaxed))
    }
}

impl Consent for AtTerminal {
    fn agrees(&self, call: &PlannedCall) -> bool {
        let was_named = self.named.swap(true, Ordering::Relaxed);
        if !self.must_ask(call) {
            if !was_named {
                self.output.progress(place(call));
            }
            self.output.progress(takes(call));
            return true;
        }
        // Whoever is asked sees all of it in every format.
        self.output.ask(&format!("{}\n{}\nsend it? [y/N] ", place(call), takes(call)));
        let agreed = is_yes(std::io::stdin().lock());
        self.agreed.store(agreed, Ordering::Relaxed);
        agreed
    }
}

/// Chain and signer.
fn place(call: &PlannedCall) -> String {
    format!("chain {} at {}, signed by {}", call.chain_id, call.endpoint, call.signer)
}

/// What a call takes.
fn takes(call: &PlannedCall) -> String {
    match call.money.as_ref().filter(|money| !money.is_zero()) {
        Some(money) => format!("{} takes {money}{} and gas", call.step, call.parts),
        None => format!("{} takes gas only", call.step),
    }
}

/// Whether the next line says yes; an end of the input does not.
fn is_yes(mut input: impl BufRead) -> bool {
    let mut line = String::new();
    let read = input.read_line(&mut line);
    read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;
    use oml_client::money::native_currency;
    use oml_contracts::EthAddress;

    fn call(wei: u128) -> PlannedCall {
        PlannedCall {
            chain_id: 1,
            endpoint: "eth.example".to_owned(),
            signer: EthAddress::new([1; 20]),
            step: "open channel".to_owned(),
            money: Some(native_currency(1).units(wei)),
            parts: " (deposit 2)".to_owned(),
        }
    }

    #[test]
    fn people_see_what_it_takes() {
        assert!(place(&call(0)).starts_with("chain 1 at eth.example, signed by 0x0101"));
        let two = call(2_000_000_000_000_000_000);
        assert_eq!(takes(&two), "open channel takes 2 ETH (deposit 2) and gas");
        assert_eq!(takes(&call(0)), "open channel takes gas only");
    }

    #[test]
    fn money_is_asked_for_each_time_and_gas_once() {
        let person = AtTerminal::new(Output::new(Format::Quiet), Listener::Person);
        assert!(person.must_ask(&call(0)) && person.must_ask(&call(1)));
        person.agreed.store(true, Ordering::Relaxed);
        assert!(!person.must_ask(&call(0)) && person.must_ask(&call(1)));
        let script = AtTerminal::new(Output::new(Format::Quiet), Listener::Nobody);
        assert!(!script.must_ask(&call(1)) && script.agrees(&call(1)));
    }

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes(&b"y\n"[..]) && is_yes(&b" YES \n"[..]));
        for no in [&b"\n"[..], b"", b"n\n", b"yes please\n", b"\xff\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
