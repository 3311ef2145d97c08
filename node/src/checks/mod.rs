//! A prover's check of one deployment.
