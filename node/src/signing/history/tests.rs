use super::super::files::BootMarks;
use super::super::record::{BLOCK, HistoryProblem};
use super::*;
use oml_contracts::{EthAddress, LicenseId};
use std::collections::BTreeSet;
use std::path::PathBuf;

struct Machine {
    _folder: tempfile::TempDir,
    data: PathBuf,
    marks: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, marks) = (folder.path().join("data"), folder.path().join("marks"));
        Self { _folder: folder, data, marks }
    }

    fn place(&self) -> HistoryPlace {
        HistoryPlace::of(&self.data, &BootMarks::new(self.marks.clone()), &key())
    }

    fn start(&self) -> Result<SigningHistory, HistoryError> {
        SigningHistory::open(self.place(), key(), 0)
    }

    /// The files of the data directory, as a backup has them.
    fn backup(&self) -> Option<String> {
        std::fs::read_to_string(self.place().history).ok()
    }

    fn restore(&self, backup: &str) {
        std::fs::write(self.place().history, backup).unwrap();
    }
}

fn key() -> NumberedKey {
    NumberedKey { license: LicenseId::new([7; 32]), key_epoch: 3, signer: EthAddress::new([9; 20]) }
}

fn problem(started: Result<SigningHistory, HistoryError>) -> HistoryProblem {
    match started {
        Err(HistoryError::Refused { problem, .. }) => problem,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn numbers_rise_over_restarts_and_blocks() {
    let machine = Machine::new();
    let mut given = Vec::new();
    for receipts in [3, BLOCK, 0, 2 * BLOCK + 1] {
        let mut history = machine.start().unwrap();
        given.extend((0..receipts).map(|_| history.give().unwrap()));
    }
    assert!(given.is_sorted_by(|a, b| a < b), "each above the one before");
    // Above the reserved block, not above what was given.
    assert_eq!((given[2], given[3]), (2, BLOCK));
}

#[test]
fn the_clock_lifts_numbers_and_never_lowers_them() {
    let machine = Machine::new();
    let first = SigningHistory::open(machine.place(), key(), 5_000).unwrap().give().unwrap();
    let again = SigningHistory::open(machine.place(), key(), 10).unwrap().give().unwrap();
    assert_eq!((first, again), (5_000, 5_000 + BLOCK));
}

/// Marks and history set back together, as a snapshot of the whole machine sets them.
#[test]
fn a_whole_machine_that_was_set_back_is_saved_by_its_clock() {
    let machine = Machine::new();
    drop(SigningHistory::open(machine.place(), key(), 1_000_000).unwrap());
    let snapshot = [machine.place().history, machine.place().mark]
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()));
    let mut history = SigningHistory::open(machine.place(), key(), 2_000_000).unwrap();
    let last = (0..3 * BLOCK).map(|_| history.give().unwrap()).last().unwrap();
    drop(history);
    for (path, text) in snapshot {
        std::fs::write(path, text).unwrap();
    }
    let mut history = SigningHistory::open(machine.place(), key(), 3_000_000).unwrap();
    assert!(history.give().unwrap() > last);
}

#[test]
fn restored_copied_and_lost_files_are_refused() {
    let machine = Machine::new();
    drop(machine.start().unwrap());
    let old = machine.backup().unwrap();
    let mut history = machine.start().unwrap();
    let backup_of_this_run = machine.backup().unwrap();
    for _ in 0..=BLOCK {
        history.give().unwrap();
    }
    drop(history);
    let newest = machine.backup().unwrap();
    for backup in [old, backup_of_this_run] {
        machine.restore(&backup);
        let refused = machine.start().unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("a backup was restored"), "{text}");
        assert!(text.contains("oml host keys rotate"), "{text}");
        assert_eq!(machine.backup().unwrap(), backup, "nothing is changed");
    }
    std::fs::remove_file(machine.place().history).unwrap();
    assert!(matches!(problem(machine.start()), HistoryProblem::NoHistory { .. }));
    machine.restore(&newest);
    let moved = Machine { marks: machine.data.join("other"), ..Machine::new() };
    let copy = Machine { data: machine.data.clone(), ..moved };
    assert_eq!(problem(copy.start()), HistoryProblem::NoMark);
    // On its own machine nothing has changed.
    machine.start().unwrap();
    std::fs::write(machine.place().mark, "{").unwrap();
    assert!(matches!(machine.start(), Err(HistoryError::Damaged { .. })));
}

#[test]
fn a_second_process_waits_for_the_end_of_the_first() {
    let machine = Machine::new();
    let first = machine.start().unwrap();
    assert!(matches!(machine.start(), Err(HistoryError::InUse { .. })));
    // With a data directory of its own too: the key is the same.
    let elsewhere = Machine { marks: machine.marks.clone(), ..Machine::new() };
    assert!(matches!(elsewhere.start(), Err(HistoryError::InUse { .. })));
    drop(first);
    machine.start().unwrap();
}

#[test]
fn two_licenses_share_the_folders_and_one_key() {
    let machine = Machine::new();
    let marks = BootMarks::new(machine.marks.clone());
    let other = NumberedKey { license: LicenseId::new([8; 32]), ..key() };
    let _first = machine.start().unwrap();
    let place = HistoryPlace::of(&machine.data, &marks, &other);
    SigningHistory::open(place, other, 0).unwrap();
}

/// A crash before, between and after the two writes of a reservation, the first of all included;
/// then numbers are given until the next crash. None is given twice.
#[test]
fn no_number_is_given_twice_wherever_a_crash_comes() {
    let machine = Machine::new();
    let place = machine.place();
    let mut given = BTreeSet::new();
    let mut fresh = |number: u64| assert!(given.insert(number), "{number} is given twice");
    // The first reservation: only the mark came to disk.
    let lock = place.lock().unwrap();
    let first = NumberRecord::reserving(None, key(), 0).unwrap();
    write(&place.mark, &first).unwrap();
    drop(lock);
    for crash in [0, 1, 2, 1, 0, 2] {
        let mut history = machine.start().unwrap();
        // Reserved, and signed nothing, something, all.
        for _ in 0..[0, 1, BLOCK][crash] {
            fresh(history.give().unwrap());
        }
        let next = NumberRecord::reserving(Some(&history.record), key(), history.next).unwrap();
        drop(history);
        for path in [&place.history, &place.mark].into_iter().take(crash) {
            write(path, &next).unwrap();
        }
        // A write that a crash cut short leaves a file that nobody reads.
        std::fs::write(place.history.with_extension("tmp"), "{\"mark\"").unwrap();
    }
    fresh(machine.start().unwrap().give().unwrap());
}

/// The disk is full, or read-only: no number, and the one after is still right.
#[test]
fn what_can_t_be_reserved_is_not_given() {
    let machine = Machine::new();
    let mut history = machine.start().unwrap();
    for _ in 0..BLOCK {
        history.give().unwrap();
    }
    // A folder in its place can't be written to.
    let blocked = machine.place().mark.with_extension("tmp");
    std::fs::create_dir(&blocked).unwrap();
    assert!(matches!(history.give(), Err(HistoryError::Io { .. })));
    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(history.give().unwrap(), BLOCK);
    drop(history);
    assert_eq!(machine.start().unwrap().give().unwrap(), 2 * BLOCK);
}
