//! The host's part in a case: vouchers that show that a tested request was paid for.

mod rebuttal;

pub(crate) use rebuttal::{Rebuttal, RebuttalError, Rebuttals};
