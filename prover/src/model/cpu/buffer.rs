//! Memory for activations that is used again instead of going back to the system.
//!
//! A chunk's activations are large enough that the allocator would map and clear fresh pages for each
//! of them, which on small models costs as much as the arithmetic.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};

/// Floats that go back to the pool of the thread that drops them.
#[derive(Debug, Default)]
pub(super) struct Buffer(Vec<f32>);

/// Buffers kept per thread, and the floats they may hold together.
const MOST_BUFFERS: usize = 512;
const MOST_FLOATS: usize = 16 << 20;

thread_local! {
    static POOL: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static LIMIT: Cell<usize> = const { Cell::new(MOST_FLOATS) };
}

/// Lets this thread keep up to so many floats, if that is more than the usual number.
pub(super) fn keep(floats: usize) {
    LIMIT.set(floats.max(MOST_FLOATS));
}

/// Gives back what this thread keeps beyond the usual.
pub(crate) fn release() {
    LIMIT.set(MOST_FLOATS);
    POOL.with_borrow_mut(|pool| {
        let mut held: usize = pool.iter().map(Vec::capacity).sum();
        while let (true, Some(last)) = (held > MOST_FLOATS, pool.pop()) {
            held -= last.capacity();
        }
    });
}

impl Buffer {
    /// `length` zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let mut values = Self::empty(length);
        values.0.resize(length, 0.0);
        values
    }

    /// Values of any kind, to be written over.
    pub(super) fn uncleared(length: usize) -> Self {
        let mut values = Self::take(length);
        values.0.resize(length, 0.0);
        values
    }

    /// A copy of a slice.
    pub(super) fn copy(values: &[f32]) -> Self {
        let mut copy = Self::empty(values.len());
        copy.0.extend_from_slice(values);
        copy
    }

    /// Nothing yet, with room for `capacity` floats.
    pub(super) fn empty(capacity: usize) -> Self {
        let mut values = Self::take(capacity);
        values.0.clear();
        values
    }

    /// A used buffer with its old content, or a new one.
    fn take(capacity: usize) -> Self {
        let fits = |pool: &mut Vec<Vec<f32>>| {
            let fitting = pool.iter().enumerate().filter(|(_, v)| v.capacity() >= capacity);
            let (index, _) = fitting.min_by_key(|(_, v)| v.capacity())?;
            Some(pool.swap_remove(index))
        };
        let mut values = POOL.with_borrow_mut(fits).unwrap_or_default();
        values.reserve(capacity.saturating_sub(values.len()));
        Self(values)
    }

    pub(super) fn extend_from_slice(&mut self, values: &[f32]) {
        self.0.extend_from_slice(values);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.0);
        // While a thread ends, its pool may be gone already.
        let _ = POOL.try_with(|pool| {
            let Ok(mut pool) = pool.try_borrow_mut() else { return };
            let held: usize = pool.iter().map(Vec::capacity).sum();
            if values.capacity() > 0
                && pool.len() < MOST_BUFFERS
                && held + values.capacity() <= LIMIT.get()
            {
                pool.push(values);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_buffer_comes_back_clean() {
        let mut first = Buffer::copy(&[1.0, 2.0, 3.0]);
        first[0] = 5.0;
        drop(first);
        assert_eq!(&*Buffer::zeros(2), [0.0, 0.0]);
        assert!(Buffer::empty(3).is_empty());
    }
}
