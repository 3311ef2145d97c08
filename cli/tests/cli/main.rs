//! The program as people run it: whole calls, whole outputs, exit codes.

mod chain;
mod failures;
mod help;
mod json;
mod support;
