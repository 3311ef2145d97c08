use super::*;
use LicenseStatus as L;
use ReceiveStep as R;
use oml_contracts::{CasesRoot, Seed};
use proptest::prelude::*;

const KEY: CopyKey = CopyKey::new([7; 32]);
const DEADLINE: u64 = 100;

fn mine() -> CopyName {
    CopyName { root: SealedRoot::new([1; 32]), key_hash: key_hash(&KEY) }
}

fn other() -> CopyName {
    CopyName { root: SealedRoot::new([2; 32]), ..mine() }
}

fn license(status: L) -> LicenseView {
    let (sealed_root, copy_key) = match status {
        L::Accepted => (mine().root, CopyKey::new(mine().key_hash)),
        L::Active | L::Terminated => (mine().root, KEY),
        _ => (SealedRoot::ZERO, CopyKey::ZERO),
    };
    LicenseView {
        status,
        deadline: DEADLINE,
        seed_round: 5,
        seed: Seed::ZERO,
        trial_end: 60,
        fee_due: false,
        sealed_root,
        copy_key,
        cases_root: CasesRoot::ZERO,
    }
}

fn nothing() -> LocalCopy {
    LocalCopy::default()
}

fn fetched() -> LocalCopy {
    LocalCopy { here: Some(mine()), ..nothing() }
}

fn checked() -> LocalCopy {
    LocalCopy { checked: true, ..fetched() }
}

fn promised() -> LocalCopy {
    LocalCopy { promised: Some(mine()), ..checked() }
}

#[test]
fn a_copy_is_fetched_accepted_and_opened_in_this_order() {
    let mine_again = R::Fetch { root: Some(mine().root) };
    let lost = LocalCopy { promised: Some(mine()), ..nothing() };
    let restarted = LocalCopy { checked: false, ..promised() };
    let opened = LocalCopy { opened: true, ..promised() };
    let rubbish = LocalCopy { rubbish: true, ..promised() };
    for (status, local, expected) in [
        (L::None, nothing(), R::AwaitSeed),
        (L::Acquired, nothing(), R::AwaitSeed),
        (L::Seeded, nothing(), R::Fetch { root: None }),
        (L::Seeded, fetched(), R::Fetch { root: None }),
        (L::Seeded, checked(), R::Accept(mine())),
        (L::Seeded, promised(), R::Accept(mine())),
        // After a crash between the word and its transaction: the same copy, or none.
        (L::Seeded, restarted, mine_again),
        (L::Seeded, lost, mine_again),
        (L::Accepted, promised(), R::AwaitKey { until: DEADLINE }),
        (L::Accepted, restarted, R::AwaitKey { until: DEADLINE }),
        (L::Accepted, lost, mine_again),
        // A person accepted what the node fetched.
        (L::Accepted, checked(), R::AwaitKey { until: DEADLINE }),
        (L::Accepted, nothing(), R::Elsewhere),
        (L::Active, promised(), R::Open { root: mine().root, key: KEY }),
        (L::Active, restarted, R::Open { root: mine().root, key: KEY }),
        (L::Active, lost, R::Open { root: mine().root, key: KEY }),
        (L::Active, nothing(), R::Elsewhere),
        (L::Active, opened, R::Opened),
        (L::Active, rubbish, R::Rubbish { reject_until: 60 }),
        (L::Terminated, promised(), R::Over),
        (L::Cancelled, promised(), R::Over),
        // A reorg took key and acceptance back: the same transaction once more, nothing else.
        (L::Seeded, opened, R::Accept(mine())),
    ] {
        let found = receive_step(&license(status), &local, AcceptedBy::Node, 50);
        assert_eq!(found, expected, "{status:?} {local:?}");
    }
}

#[test]
fn a_person_decides_where_the_node_may_not() {
    let step = |local| receive_step(&license(L::Seeded), &local, AcceptedBy::Person, 50);
    assert_eq!(step(nothing()), R::Fetch { root: None });
    assert_eq!(step(checked()), R::AwaitAcceptance);
    assert_eq!(step(promised()), R::Accept(mine()));
}

#[test]
fn an_owner_that_is_late_gets_no_acceptance() {
    for (status, local) in
        [(L::Seeded, nothing()), (L::Seeded, checked()), (L::Accepted, promised())]
    {
        let at = |now| receive_step(&license(status), &local, AcceptedBy::Node, now);
        assert_ne!(at(DEADLINE), R::Refundable, "{status:?}");
        assert_eq!(at(DEADLINE + 1), R::Refundable, "{status:?}");
    }
    // A key that comes late all the same opens the copy: the license is active.
    let late = receive_step(&license(L::Active), &promised(), AcceptedBy::Node, DEADLINE);
    assert_eq!(late, R::Open { root: mine().root, key: KEY });
}

#[test]
fn another_copy_than_the_accepted_one_is_neither_accepted_nor_opened() {
    let swapped = LocalCopy { here: Some(other()), ..promised() };
    let step = |status, local| receive_step(&license(status), &local, AcceptedBy::Node, 50);
    assert_eq!(step(L::Seeded, swapped), R::OtherCopy);
    let again = R::Fetch { root: Some(mine().root) };
    for status in [L::Accepted, L::Active] {
        assert_eq!(step(status, swapped), again, "{status:?}");
        // A person accepted something else, from another folder.
        let elsewhere = LocalCopy { here: Some(other()), ..checked() };
        assert_eq!(step(status, elsewhere), R::OtherCopy, "{status:?}");
    }
    let other_hash = CopyName { key_hash: [9; 32], ..mine() };
    let local = LocalCopy { here: Some(other_hash), ..checked() };
    assert_eq!(step(L::Accepted, local), R::OtherCopy);
    assert_eq!(step(L::Active, local), R::WrongKey);
}

fn any_copy() -> impl Strategy<Value = Option<CopyName>> {
    prop_oneof![Just(None), Just(Some(mine())), Just(Some(other()))]
}

proptest! {
    /// Whatever is here: what is accepted was checked and is the first that was ever to be
    /// accepted; what is opened is what the chain names.
    #[test]
    fn nothing_is_accepted_unchecked_or_twice_over(
        status in prop::sample::select(vec![
            L::None, L::Acquired, L::Seeded, L::Accepted, L::Active, L::Terminated, L::Cancelled,
        ]),
        promised in any_copy(),
        here in any_copy(),
        checked: bool,
        opened: bool,
        rubbish: bool,
        now in 0_u64..200,
    ) {
        let local = LocalCopy { promised, here, checked, opened, rubbish };
        let license = license(status);
        match receive_step(&license, &local, AcceptedBy::Node, now) {
            R::Accept(copy) => {
                prop_assert!(status == L::Seeded && checked && now <= DEADLINE);
                prop_assert_eq!(here, Some(copy));
                prop_assert_eq!(promised.unwrap_or(copy), copy);
            }
            R::Open { root, key } => {
                prop_assert!(status == L::Active && !opened);
                prop_assert_eq!(root, license.sealed_root);
                prop_assert_eq!(key, license.copy_key);
            }
            R::Fetch { root: None } => prop_assert!(status == L::Seeded && promised.is_none()),
            R::Fetch { root: Some(root) } => {
                prop_assert_eq!(promised.or(here).map(|copy| copy.root), Some(root));
            }
            _ => {}
        }
    }
}
