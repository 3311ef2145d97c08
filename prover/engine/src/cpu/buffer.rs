//! Memory for activations that is used again instead of going back to the system.
//!
//! A chunk's activations are large enough that the allocator would map and clear fresh pages for
//! each of them, which on small models costs as much as the arithmetic.

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

/// Buffers between two runs of the same work, which may take place on different threads.
#[derive(Debug, Default)]
pub(crate) struct Spare(Vec<Vec<f32>>);

impl Spare {
    /// Runs `work` with these buffers in the pool of its thread, up to so many floats of them if
    /// that is more than the usual number; what the pool holds at its end is kept here.
    pub(super) fn with<R>(&mut self, floats: usize, work: impl FnOnce() -> R) -> R {
        let usual = LIMIT.replace(floats.max(MOST_FLOATS));
        let others = POOL.replace(std::mem::take(&mut self.0));
        let result = work();
        LIMIT.set(usual);
        self.0 = POOL.replace(others);
        result
    }
}

impl Buffer {
    /// As many zeros as are asked for.
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
    fn spare_buffers_go_from_thread_to_thread_and_leave_nothing() {
        let mut spare = Spare::default();
        let large = MOST_FLOATS + 1;
        std::thread::scope(|scope| {
            scope.spawn(|| spare.with(2 * large, || drop(Buffer::zeros(large))));
        });
        assert_eq!(spare.0.iter().map(Vec::capacity).collect::<Vec<_>>(), [large]);
        let before = POOL.with_borrow(Vec::len);
        let capacity = spare.with(2 * large, || Buffer::empty(1).0.capacity());
        assert_eq!((capacity, spare.0.len()), (large, 1));
        assert_eq!(POOL.with_borrow(Vec::len), before);
    }

    #[test]
    fn a_used_buffer_comes_back_clean() {
        let mut first = Buffer::copy(&[1.0, 2.0, 3.0]);
        first[0] = 5.0;
        drop(first);
        assert_eq!(&*Buffer::zeros(2), [0.0, 0.0]);
        assert!(Buffer::empty(3).is_empty());
    }
}
