//! Tables of single decisions, and whole cases played against a model of the contract.

use oml_contracts::{Amount, CaseId, DeploymentHash, Facts, LicenseId, ModelId, QuestionsHash};
use proptest::prelude::*;

use super::*;
use crate::chain::beacon::RoundStep;
use crate::chain::{CaseView, ChallengeConfig};

const OWNER: EthAddress = EthAddress::new([0xa0; 20]);
const HOST: EthAddress = EthAddress::new([0xb0; 20]);
const OTHER: EthAddress = EthAddress::new([0xc0; 20]);

const fn prover(i: u8) -> EthAddress {
    EthAddress::new([i + 1; 20])
}

const fn commitment(i: u8) -> Commitment {
    Commitment::new([i + 1; 32])
}

fn rules() -> ChallengeConfig {
    ChallengeConfig {
        report_delay: 1,
        questions_window: 100,
        commit_window: 100,
        reveal_window: 100,
        opening_window: 100,
        rebuttal_window: 100,
        payout_delay: 1,
        committee_size: 3,
        bundles_per_case: 1,
        shared_bundles_per_case: 0,
        min_decoys: 4,
        non_reveal_penalty: Amount::new(2),
        dissent_penalty: Amount::new(1),
    }
}

fn file(status: CaseStatus) -> CaseFile {
    let drawn = !matches!(status, CaseStatus::None | CaseStatus::Opened);
    let members = (0..3)
        .filter(|_| drawn)
        .map(|i| Member { address: prover(i), commitment: None, revealed: false })
        .collect();
    CaseFile {
        case: CaseView {
            id: CaseId::new([1; 32]),
            license_id: LicenseId::new([2; 32]),
            deployment: DeploymentHash::new([3; 32]),
            reporter: OTHER,
            status,
            opened_at: 1000,
            cases: 1,
            licenses: 1,
            leak: false,
            deadline: 1100,
            seed_round: 7,
            questions_hash: QuestionsHash::ZERO,
            question_count: 20,
            commits: 0,
            reveals: 0,
            dissenters: 0,
            facts: Facts::ZERO,
            hits: [0; 32],
            outside: [0; 32],
            keys_hash: QuestionsHash::ZERO,
            removed: [0; 32],
            threshold: 0,
            bundles: if drawn { vec![5] } else { vec![] },
            committee: if drawn { (0..3).map(prover).collect() } else { vec![] },
        },
        model: ModelId::new([4; 32]),
        epoch: 0,
        owner: OWNER,
        host: HOST,
        round: RoundStep::Draw,
        drawable_since: 1_000,
        members,
        paid: vec![],
        rules: rules(),
    }
}

fn actor(address: EthAddress, role: Role) -> Actor {
    Actor { address, role, patience: 0 }
}

fn owner() -> Actor {
    actor(OWNER, Role::Owner { has_universe: true })
}

fn member(i: u8, commitment: Option<Commitment>) -> Actor {
    actor(prover(i), Role::Prover { commitment })
}

fn observer() -> Actor {
    actor(OTHER, Role::Observer)
}

fn host(paid: &[(u16, u8)]) -> Actor {
    let paid = paid
        .iter()
        .map(|(fingerprint, i)| PaidQuestion { fingerprint: *fingerprint, member: prover(*i) })
        .collect();
    actor(HOST, Role::Host { paid })
}

#[test]
fn each_step_belongs_to_its_role_before_the_deadline_and_to_anyone_after() {
    let ours = Some(commitment(0));
    for (status, actor, expected) in [
        (CaseStatus::Opened, owner(), Some(Action::Draw)),
        (CaseStatus::Opened, observer(), Some(Action::Draw)),
        (CaseStatus::Drawn, owner(), Some(Action::PostQuestions)),
        (CaseStatus::Drawn, observer(), None),
        (CaseStatus::Drawn, member(0, None), None),
        (CaseStatus::Drawn, actor(OTHER, Role::Owner { has_universe: true }), None),
        (CaseStatus::Drawn, actor(OWNER, Role::Owner { has_universe: false }), None),
        (CaseStatus::Committing, member(0, None), Some(Action::Ask)),
        (CaseStatus::Committing, member(0, ours), Some(Action::CommitTags)),
        (CaseStatus::Committing, member(9, None), None),
        (CaseStatus::Committing, owner(), None),
        (CaseStatus::Opening, owner(), Some(Action::OpenLeaves)),
        (CaseStatus::Opening, member(0, ours), None),
        (CaseStatus::Rebuttal, owner(), None),
        (CaseStatus::Rebuttal, host(&[]), None),
    ] {
        let file = file(status);
        assert_eq!(next_action(&file, &actor, 1099), expected, "{status:?} {actor:?}");
        assert_eq!(next_action(&file, &actor, 1100), None, "{status:?} in the second between");
        let after = next_action(&file, &actor, 1101);
        assert_eq!(after, Some(Action::Resolve), "{status:?} {actor:?} after the deadline");
    }
}

#[test]
fn nobody_acts_in_a_case_that_has_ended_or_does_not_exist() {
    for status in [CaseStatus::None, CaseStatus::Upheld, CaseStatus::Dismissed, CaseStatus::Void] {
        for actor in [owner(), observer(), member(0, None), host(&[(0, 0), (0, 1)])] {
            for now in [0, 1099, 1100, 1101, u64::MAX] {
                assert_eq!(next_action(&file(status), &actor, now), None);
            }
        }
    }
}

#[test]
fn a_draw_waits_for_the_beacon_and_repeats_a_stale_round_under_another_key() {
    let mut opened = file(CaseStatus::Opened);
    opened.round = RoundStep::Wait;
    assert_eq!(next_action(&opened, &observer(), 1001), None);
    opened.round = RoundStep::Bring;
    assert_eq!(next_action(&opened, &observer(), 1001), Some(Action::Bring));
    assert_eq!(margin(&opened, &observer(), 1001), None, "no deadline is missed by waiting");
    opened.round = RoundStep::Renew;
    assert_eq!(next_action(&opened, &observer(), 1001), Some(Action::Draw));
    let first = Action::Draw.key(&opened, &observer());
    opened.case.seed_round += 1;
    assert_ne!(first, Action::Draw.key(&opened, &observer()));
}

#[test]
fn patience_leaves_shared_steps_to_others_first() {
    let patient = Actor { patience: 30, ..observer() };
    let mut due = file(CaseStatus::Opened);
    due.round = RoundStep::Bring;
    assert_eq!(next_action(&due, &patient, 1029), None);
    assert_eq!(next_action(&due, &patient, 1030), Some(Action::Bring));
    assert_eq!(next_action(&file(CaseStatus::Opened), &patient, 1029), None);
    assert_eq!(next_action(&file(CaseStatus::Opened), &patient, 1030), Some(Action::Draw));
    assert_eq!(next_action(&file(CaseStatus::Drawn), &patient, 1129), None);
    assert_eq!(next_action(&file(CaseStatus::Drawn), &patient, 1130), Some(Action::Resolve));
}

#[test]
fn the_same_step_on_another_draw_is_another_action() {
    let drawn = file(CaseStatus::Drawn);
    let mut redrawn = drawn.clone();
    redrawn.case.facts = Facts::new([5; 32]);
    let key = |file: &CaseFile| Action::PostQuestions.key(file, &owner());
    assert_ne!(key(&drawn), key(&redrawn));
    let ready = member(0, Some(commitment(0)));
    assert_ne!(Action::CommitTags.key(&drawn, &ready), Action::CommitTags.key(&redrawn, &ready));
}

#[test]
fn only_the_commitment_that_is_ours_is_revealed_once() {
    let mut revealing = file(CaseStatus::Revealing);
    revealing.members[0].commitment = Some(commitment(0));
    let reveal = |file: &CaseFile, stored| next_action(file, &member(0, stored), 1050);
    assert_eq!(reveal(&revealing, Some(commitment(0))), Some(Action::RevealTags));
    assert_eq!(reveal(&revealing, Some(commitment(1))), None);
    assert_eq!(reveal(&revealing, None), None);
    revealing.members[0].revealed = true;
    assert_eq!(reveal(&revealing, Some(commitment(0))), None);
}

#[test]
fn the_next_step_starts_by_itself_at_the_deadline_when_a_quorum_has_acted() {
    let mut late = file(CaseStatus::Committing);
    late.members[0].commitment = Some(commitment(0));
    let reveal = |file: &CaseFile, now| next_action(file, &member(0, Some(commitment(0))), now);
    assert_eq!(reveal(&late, 1101), Some(Action::Resolve), "one of three is no quorum");
    late.members[1].commitment = Some(commitment(1));
    assert_eq!(reveal(&late, 1101), Some(Action::RevealTags));
    assert_eq!(advanced(&late, 1101), (CaseStatus::Revealing, 1200));
    // Nobody reveals: the reveal window ends too, and the case can be resolved.
    assert_eq!(reveal(&late, 1201), Some(Action::Resolve));

    let mut revealed = late.clone();
    revealed.case.status = CaseStatus::Revealing;
    revealed.members[0].revealed = true;
    revealed.members[1].revealed = true;
    assert_eq!(next_action(&revealed, &owner(), 1101), Some(Action::OpenLeaves));
    assert_eq!(next_action(&revealed, &owner(), 1201), Some(Action::Resolve));
    assert_eq!(margin(&revealed, &owner(), 1101), Some(99));
}

#[test]
fn a_host_shows_vouchers_only_where_they_remove_a_hit() {
    let mut rebuttal = file(CaseStatus::Rebuttal);
    rebuttal.case.hits[0] = 0b0000_0111;
    let keep = |pairs: &[(u16, u8)]| rebuttals(&rebuttal, &host(pairs));
    assert_eq!(keep(&[(0, 0)]), vec![], "one payer of three leaves a quorum");
    assert_eq!(keep(&[(0, 0), (0, 1)]).len(), 2);
    assert_eq!(keep(&[(9, 0), (9, 1)]), vec![], "a miss stays");
    assert_eq!(keep(&[(0, 0), (0, 9)]), vec![], "no member");
    assert_eq!(rebuttals(&rebuttal, &actor(OTHER, host(&[(0, 0), (0, 1)]).role)), vec![]);

    rebuttal.paid = vec![PaidQuestion { fingerprint: 0, member: prover(0) }];
    let left = rebuttals(&rebuttal, &host(&[(0, 0), (0, 1)]));
    assert_eq!(left, vec![PaidQuestion { fingerprint: 0, member: prover(1) }]);
    rebuttal.case.removed[0] = 1;
    assert_eq!(rebuttals(&rebuttal, &host(&[(0, 0), (0, 1)])), vec![]);
}

/// What the contract would do with an action; `Err` is a revert.
fn apply(file: &mut CaseFile, actor: &Actor, action: Action, now: u64) -> Result<(), &'static str> {
    let window = 100;
    if action == Action::Resolve {
        let (status, deadline) = advanced(file, now);
        if status.is_terminal() || now <= deadline {
            return Err("not resolvable");
        }
        file.case.status =
            if status == CaseStatus::Rebuttal { CaseStatus::Dismissed } else { CaseStatus::Void };
        return Ok(());
    }
    if matches!(action, Action::RevealTags | Action::OpenLeaves) {
        (file.case.status, file.case.deadline) = advanced(file, now);
    }
    let needed = match action {
        Action::Bring | Action::Draw => CaseStatus::Opened,
        Action::PostQuestions => CaseStatus::Drawn,
        Action::Ask | Action::CommitTags => CaseStatus::Committing,
        Action::RevealTags => CaseStatus::Revealing,
        Action::OpenLeaves => CaseStatus::Opening,
        Action::Rebut(_) | Action::Resolve => CaseStatus::Rebuttal,
    };
    if file.case.status != needed {
        return Err("wrong status");
    }
    if now > file.case.deadline {
        return Err("too late");
    }
    let seat = file.members.iter().position(|m| m.address == actor.address);
    match action {
        Action::Bring => file.round = RoundStep::Draw,
        Action::Draw if file.round == RoundStep::Bring => return Err("nobody brought the round"),
        Action::Draw => {
            let drawn = self::file(CaseStatus::Drawn);
            file.members = drawn.members;
            file.case.bundles = drawn.case.bundles;
            file.case.status = CaseStatus::Drawn;
            file.case.deadline = now + window;
        }
        Action::PostQuestions => {
            file.case.status = CaseStatus::Committing;
            file.case.deadline = now + window;
        }
        Action::Ask | Action::Resolve => {}
        Action::CommitTags => {
            let Role::Prover { commitment: Some(commitment) } = actor.role else {
                return Err("no stored tags");
            };
            let member = &mut file.members[seat.ok_or("no member")?];
            if member.commitment.replace(commitment).is_some() {
                return Err("already done");
            }
            if file.commits() == 3 {
                file.case.status = CaseStatus::Revealing;
                file.case.deadline = now + window;
            }
        }
        Action::RevealTags => {
            let member = &mut file.members[seat.ok_or("no member")?];
            if member.commitment.is_none() || std::mem::replace(&mut member.revealed, true) {
                return Err("already done");
            }
            if file.reveals() == file.commits() {
                file.case.status = CaseStatus::Opening;
                file.case.deadline = now + window;
            }
        }
        Action::OpenLeaves => {
            file.case.hits = [0xff; 32];
            file.case.status = CaseStatus::Rebuttal;
            file.case.deadline = now + window;
        }
        Action::Rebut(paid) => apply_rebuttal(file, paid)?,
    }
    Ok(())
}

fn apply_rebuttal(file: &mut CaseFile, paid: PaidQuestion) -> Result<(), &'static str> {
    if file.paid.contains(&paid) {
        return Err("already done");
    }
    file.paid.push(paid);
    let payers = file.paid.iter().filter(|p| p.fingerprint == paid.fingerprint).count();
    if file.members.len() - payers < file.quorum() {
        file.case.removed[usize::from(paid.fingerprint / 8)] |= 1 << (paid.fingerprint % 8);
    }
    Ok(())
}

proptest! {
    /// Actors that come and go as they like: no decision is ever refused by the contract, none is
    /// made twice, and every case ends.
    #[test]
    fn cases_end_without_a_reverted_or_repeated_step(
        present in proptest::collection::vec(proptest::bits::u8::ANY, 200),
        steps in proptest::collection::vec(1_u64..40, 200),
        vouchers in proptest::collection::vec((0_u16..16, 0_u8..3), 0..12),
    ) {
        let mut case = file(CaseStatus::Opened);
        case.round = RoundStep::Bring;
        let mut stored = [None; 3];
        let mut done = std::collections::HashSet::new();
        let mut now = 1001;
        for (who, step) in present.iter().zip(steps) {
            for seat in 0..6_u8 {
                if who >> seat & 1 == 0 { continue; }
                let actor = match seat {
                    0 => owner(),
                    1 => host(&vouchers),
                    2 => observer(),
                    _ => member(seat - 3, stored[usize::from(seat - 3)]),
                };
                let Some(action) = next_action(&case, &actor, now) else { continue };
                prop_assert!(!case.case.status.is_terminal());
                prop_assert!(done.insert(action.key(&case, &actor)), "twice: {:?} {:?}", actor, action);
                prop_assert_eq!(apply(&mut case, &actor, action, now), Ok(()), "{:?} {:?}", actor, action);
                if action == Action::Ask {
                    stored[usize::from(seat - 3)] = Some(commitment(seat - 3));
                }
            }
            now += step;
        }
        let last = observer();
        if !case.case.status.is_terminal() {
            now += 10_000;
            prop_assert_eq!(next_action(&case, &last, now), Some(Action::Resolve));
            prop_assert_eq!(apply(&mut case, &last, Action::Resolve, now), Ok(()));
        }
        prop_assert_eq!(next_action(&case, &last, now), None);
    }
}
