//! Numbers of receipts: each is given once, whatever crashes.

use std::fs::File;

use super::error::HistoryError;
use super::files::{HistoryPlace, write};
use super::record::{NumberRecord, NumberedKey, least_free};

/// The numbers of one key, of which this process alone gives any.
///
/// A number is given only below a reservation that is on disk in both files; after a restart
/// numbers start above it. So whatever is lost in a crash, a number is not given twice.
#[derive(Debug)]
pub(in crate::signing) struct SigningHistory {
    place: HistoryPlace,
    record: NumberRecord,
    next: u64,
    /// Held as long as numbers are given.
    _lock: File,
}

impl SigningHistory {
    /// Goes on with a key, or begins with one that has no history. The first number is at least
    /// `floor`: with the time in microseconds there, numbers rise even if the whole machine was set
    /// back and its marks with it, unless its clock was too.
    ///
    /// # Errors
    /// [`HistoryError`]; then nothing was changed, or a reservation was made that nobody uses.
    pub(in crate::signing) fn open(
        place: HistoryPlace,
        key: NumberedKey,
        floor: u64,
    ) -> Result<Self, HistoryError> {
        let lock = place.lock()?;
        let [history, mark] = place.read()?;
        let refused = |problem| HistoryError::Refused {
            history: place.history.clone(),
            signer: key.signer,
            epoch: key.key_epoch,
            problem,
        };
        let least = least_free(&key, history.as_ref(), mark.as_ref()).map_err(refused)?;
        let next = least.max(floor);
        // A history that is there is the newer of the two, if one is.
        let before = history.or(mark);
        let record = reserve(&place, before.as_ref(), key, next)?;
        Ok(Self { place, record, next, _lock: lock })
    }

    /// Whether the next number needs a reservation, which waits for the disk.
    #[must_use]
    pub(in crate::signing) const fn is_exhausted(&self) -> bool {
        self.next >= self.record.reserved_below
    }

    /// A number that was never given before.
    ///
    /// # Errors
    /// [`HistoryError`] if it can't be reserved; then none is given.
    pub(in crate::signing) fn give(&mut self) -> Result<u64, HistoryError> {
        if self.is_exhausted() {
            let key = self.record.key;
            self.record = reserve(&self.place, Some(&self.record), key, self.next)?;
        }
        let number = self.next;
        self.next += 1;
        Ok(number)
    }
}

fn reserve(
    place: &HistoryPlace,
    before: Option<&NumberRecord>,
    key: NumberedKey,
    from: u64,
) -> Result<NumberRecord, HistoryError> {
    let exhausted = HistoryError::Exhausted(key.key_epoch);
    let record = NumberRecord::reserving(before, key, from).ok_or(exhausted)?;
    let order = match before {
        Some(_) => [&place.history, &place.mark],
        None => [&place.mark, &place.history],
    };
    for path in order {
        write(path, &record)?;
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
