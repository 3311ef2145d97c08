use super::*;
use oml_contracts::round::{SeatIndex, SheetTags};
use oml_contracts::{Amount, DeploymentCommitment, EthAddress, KeysHash, RoundId, Seed, Tag};
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

fn view(status: RoundStatus, paid: u32) -> RoundView {
    RoundView {
        status,
        sealed_at: 0,
        beacon_round: 1,
        tickets: 10,
        seats: 8,
        paid,
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
    assert_eq!(seat_action(answers, false, None, false), None);
    assert_eq!(seat_action(answers, true, None, false), Some(SeatAction::Ask));
    // A restart between asking and answering asks nothing again.
    assert_eq!(seat_action(answers, true, Some(&sheet()), false), Some(SeatAction::Answer));
    assert_eq!(seat_action(answers, true, Some(&sheet()), true), None);
    for phase in [Phase::AwaitBeacon, Phase::Bring, Phase::Opening, Phase::Ended] {
        assert_eq!(seat_action(phase, true, Some(&sheet()), false), None, "{phase:?}");
    }
}

#[test]
fn fees_are_asked_for_where_nobody_has_credited_them() {
    let action = |status, paid, now, answered| {
        fee_action(&view(status, paid), OPEN_UNTIL, now, SeatIndex(3), answered)
    };
    assert_eq!(action(RoundStatus::Sealed, 0, OPEN_UNTIL, true), FeeAction::Wait);
    // Nobody opened it: all are paid, each by its own call.
    assert_eq!(action(RoundStatus::Sealed, 0, OPEN_UNTIL + 1, true), FeeAction::CollectLapsed);
    assert_eq!(action(RoundStatus::Lapsed, 0, OPEN_UNTIL + 1, true), FeeAction::CollectLapsed);
    assert_eq!(action(RoundStatus::Lapsed, 1 << 3, OPEN_UNTIL + 1, true), FeeAction::Settle);
    assert_eq!(action(RoundStatus::Sealed, 0, OPEN_UNTIL + 1, false), FeeAction::Settle);
    // The opening has credited what is due.
    assert_eq!(action(RoundStatus::Opened, 1 << 3, 0, true), FeeAction::Settle);
    assert_eq!(action(RoundStatus::Convicted, 0, 0, true), FeeAction::Settle);
    // Undone by a reorg: it may come back.
    assert_eq!(action(RoundStatus::None, 0, u64::MAX, true), FeeAction::Wait);
}

#[test]
fn fees_are_taken_out_once_they_are_worth_it() {
    let (fee, of) = (Amount::new(100), Amount::new);
    assert!(!must_withdraw(of(0), fee, 1));
    assert!(must_withdraw(of(100), fee, 1));
    assert!(!must_withdraw(of(1_599), fee, 16));
    assert!(must_withdraw(of(1_600), fee, 16));
    assert!(must_withdraw(of(u128::MAX), Amount::new(u128::MAX), u32::MAX));
    assert!(!must_withdraw(of(u128::MAX), fee, 0), "left to a person");
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

/// What befalls a seat's node and its chain, in any order.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The beacon round is brought.
    Draw,
    /// The keys come.
    HandOut,
    /// The node looks at a head, and does what is due.
    Act,
    /// It dies in the middle of doing so, and starts again.
    Crash,
    /// What was sent is mined.
    Mine,
    /// A reorg undoes the answer.
    UndoAnswer,
    /// A reorg undoes the draw; another seed comes, of which nothing is kept.
    UndoDraw,
    /// A reorg undoes the seal with all that followed.
    UndoSeal,
}

/// A seat: what is on disk, and what is on chain.
#[derive(Debug, Clone, Copy, Default)]
struct Seat {
    drawn: bool,
    handed: bool,
    kept: bool,
    sent: bool,
    mined: bool,
}

impl Seat {
    fn next(&self, now: u64) -> Option<SeatAction> {
        let step = if self.drawn { RoundStep::Draw } else { RoundStep::Wait };
        let phase = at(RoundStatus::Sealed, step, now);
        seat_action(phase, self.handed, self.kept.then_some(&sheet()), self.mined)
    }

    fn after(self, event: Event, now: u64) -> Self {
        match event {
            Event::Draw => Self { drawn: true, ..self },
            Event::HandOut => Self { handed: self.handed || self.drawn, ..self },
            Event::Act => match self.next(now) {
                Some(SeatAction::Ask) => Self { kept: true, ..self },
                // The sender takes a key once, so that two heads or processes send one.
                Some(SeatAction::Answer) => Self { sent: true, ..self },
                None => self,
            },
            // Asked and nothing kept, or decided and nothing sent.
            Event::Crash => self,
            Event::Mine => Self { mined: self.mined || self.sent, ..self },
            Event::UndoAnswer => Self { mined: false, ..self },
            Event::UndoDraw | Event::UndoSeal => Self::default(),
        }
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = proptest::sample::select(vec![
        Event::Draw,
        Event::HandOut,
        Event::Act,
        Event::Crash,
        Event::Mine,
        Event::UndoAnswer,
        Event::UndoDraw,
        Event::UndoSeal,
    ]);
    proptest::collection::vec(one, 0..40)
}

proptest! {
    #[test]
    fn whatever_befalls_it_a_seat_answers_what_it_kept(events in events()) {
        let mut seat = Seat::default();
        for event in events {
            let action = seat.next(10);
            prop_assert!(action != Some(SeatAction::Answer) || seat.kept);
            // Asking again could find something else than what was sent.
            prop_assert!(action != Some(SeatAction::Ask) || !seat.kept);
            prop_assert!(action.is_none() || (seat.drawn && !seat.mined));
            seat = seat.after(event, 10);
            prop_assert!(!seat.sent || seat.kept);
            prop_assert!(!seat.mined || seat.sent);
        }
        for event in [Event::Draw, Event::HandOut, Event::Act, Event::Act, Event::Mine] {
            seat = seat.after(event, 10);
        }
        prop_assert!(seat.mined);
        prop_assert_eq!(seat.next(10), None);
    }

    #[test]
    fn a_chain_that_is_too_slow_gets_nothing_late(events in events(), late in 0_u64..3_000) {
        let now = ANSWER_UNTIL + late;
        let seat = events.into_iter().fold(Seat::default(), |seat, event| seat.after(event, 10));
        prop_assert_eq!(seat.next(now), None);
    }
}
