//! The program as people run it: whole calls, whole outputs, exit codes.

mod chain;
mod failures;
mod fingerprint;
mod help;
mod json;
mod support;
