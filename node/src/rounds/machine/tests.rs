use super::*;
use oml_contracts::round::{SeatIndex, SheetTags};
use oml_contracts::{DeploymentCommitment, EthAddress, KeysHash, RoundId, Seed, Tag};
use proptest::prelude::*;

const ANSWER_UNTIL: u64 = 1_000;
const OPEN_UNTIL: u64 = 2_000;

fn at(status: RoundStatus, step: RoundStep, now: u64) -> Phase {
    phase(status, step, ANSWER_UNTIL, OPEN_UNTIL, now)
}

fn sheet() -> SheetRow {
    SheetRow {
        round_id: RoundId::new([1; 32]),
        seat: SeatIndex(3),
        seed: Seed::new([2; 32]),
        prover: EthAddress::new([3; 20]),
        keys: KeysHash::new([4; 32]),
        tags: SheetTags([Tag::new([5; 4]); 8]),
        transcript: serde_json::Value::Null,
        settled: false,
    }
}

fn hash() -> [u8; 32] {
    sheet_hash(sheet().prover, sheet().keys, &sheet().tags)
}

fn view(status: RoundStatus, unpaid: u32) -> RoundView {
    RoundView {
        status,
        sealed_at: 0,
        beacon_round: 1,
        tickets: 10,
        seats: 8,
        unpaid,
        payer: EthAddress::ZERO,
        deployment: DeploymentCommitment::ZERO,
    }
}

#[test]
fn a_round_goes_from_its_seal_to_its_end() {
    let sealed = |step, now| at(RoundStatus::Sealed, step, now);
    assert_eq!(sealed(RoundStep::Wait, 10), Phase::AwaitBeacon);
    assert_eq!(sealed(RoundStep::Bring, 10), Phase::Bring);
    assert_eq!(sealed(RoundStep::Draw, 10), Phase::Answers);
    assert_eq!(sealed(RoundStep::Draw, ANSWER_UNTIL - 1), Phase::Answers);
    // The next block is later: an answer would not be in time any more, an opening would.
    assert_eq!(sealed(RoundStep::Draw, ANSWER_UNTIL), Phase::Opening);
    assert_eq!(sealed(RoundStep::Draw, OPEN_UNTIL - 1), Phase::Opening);
    assert_eq!(sealed(RoundStep::Draw, OPEN_UNTIL), Phase::Ended);
    // Nobody has brought the round in time: the owner still needs it to open.
    assert_eq!(sealed(RoundStep::Bring, ANSWER_UNTIL + 1), Phase::Bring);
    assert_eq!(sealed(RoundStep::Renew, 10), Phase::Ended);
    assert_eq!(at(RoundStatus::Opened, RoundStep::Draw, 10), Phase::Ended);
    assert_eq!(at(RoundStatus::Convicted, RoundStep::Draw, 10), Phase::Ended);
}

#[test]
fn a_seat_asks_once_and_answers_until_the_chain_has_it() {
    let answers = Phase::Answers;
    assert_eq!(seat_action(answers, false, None, [0; 32]), None);
    assert_eq!(seat_action(answers, true, None, [0; 32]), Some(SeatAction::Ask));
    // A restart between asking and answering asks nothing again.
    assert_eq!(seat_action(answers, true, Some(&sheet()), [0; 32]), Some(SeatAction::Answer));
    assert_eq!(seat_action(answers, true, Some(&sheet()), hash()), None);
    for phase in [Phase::AwaitBeacon, Phase::Bring, Phase::Opening, Phase::Ended] {
        assert_eq!(seat_action(phase, true, Some(&sheet()), [0; 32]), None, "{phase:?}");
    }
}

#[test]
fn fees_are_collected_where_there_are_any() {
    let action = |status, unpaid, now, on_chain| {
        fee_action(&view(status, unpaid), OPEN_UNTIL, now, &sheet(), on_chain)
    };
    assert_eq!(action(RoundStatus::Sealed, 0, OPEN_UNTIL, hash()), FeeAction::Wait);
    // Nobody opened it: all are paid.
    assert_eq!(action(RoundStatus::Sealed, 0, OPEN_UNTIL + 1, hash()), FeeAction::Collect);
    assert_eq!(action(RoundStatus::Opened, 0, 0, hash()), FeeAction::Collect);
    assert_eq!(action(RoundStatus::Convicted, 0, 0, hash()), FeeAction::Collect);
    assert_eq!(action(RoundStatus::Convicted, 1 << 3, 0, hash()), FeeAction::Settle);
    // Paid before, or never sent.
    assert_eq!(action(RoundStatus::Opened, 0, 0, [0; 32]), FeeAction::Settle);
    // Undone by a reorg: it may come back.
    assert_eq!(action(RoundStatus::None, 0, u64::MAX, [0; 32]), FeeAction::Wait);
}

#[test]
fn life_is_shown_in_the_last_third() {
    assert!(!must_show_life(0, 0, 300, 10));
    assert!(!must_show_life(1, 1_000, 300, 900));
    assert!(must_show_life(1, 1_000, 300, 901));
    assert!(must_show_life(1, 1_000, 300, 5_000));
}

proptest! {
    #[test]
    fn phases_never_go_back(now in 0_u64..3_000, later in 0_u64..3_000) {
        let rank = |phase| match phase {
            Phase::AwaitBeacon | Phase::Bring => 0,
            Phase::Answers => 1,
            Phase::Opening => 2,
            Phase::Ended => 3,
        };
        let draw = |now| rank(at(RoundStatus::Sealed, RoundStep::Draw, now));
        prop_assert!(draw(now) <= draw(now + later));
    }
}
