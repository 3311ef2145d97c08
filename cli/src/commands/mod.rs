//! One file per noun; each has a `Verb` enum and a `run`.

pub(crate) mod balance;
pub(crate) mod chain;
pub(crate) mod channel;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod deployment;
pub(crate) mod doctor;
pub(crate) mod fingerprint;
pub(crate) mod host;
pub(crate) mod license;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod offer;
pub(crate) mod pay;
pub(crate) mod profile;
pub(crate) mod proof;
pub(crate) mod prover;
mod recover;
pub(crate) mod report;
pub(crate) mod round;
pub(crate) mod settle;
pub(crate) mod shell;
pub(crate) mod status;

use crate::flags::Global;
use clap::{Command, Subcommand};
use eyre::Result;
use std::process::ExitCode;

/// What the command is about.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Models: hash, register, serve, make the small one
    #[command(subcommand)]
    Model(model::Verb),
    /// Fingerprints: generate, commit, embed, check
    #[command(subcommand)]
    Fingerprint(Box<fingerprint::Verb>),
    /// Offers: write, publish, withdraw
    #[command(subcommand)]
    Offer(offer::Verb),
    /// Licenses: acquire, activate, end, collateral
    #[command(subcommand)]
    License(license::Verb),
    /// A host's serving keys and signing history
    #[command(subcommand)]
    Host(host::Verb),
    /// Deployments declared under a license
    #[command(subcommand)]
    Deployment(deployment::Verb),
    /// Payers' channels
    #[command(subcommand)]
    Channel(channel::Verb),
    /// Pay for a request through a gateway
    Pay(Box<pay::Pay>),
    /// Pay for a round that an owner has signed a seal of
    Report(report::Report),
    /// Sealed rounds of sampled testers: plan, seal, show, collect
    #[command(subcommand, visible_alias = "case")]
    Round(round::Verb),
    /// Level-0 proofs from a host's own receipts
    #[command(subcommand)]
    Proof(proof::Verb),
    /// Claim vouchers on chain
    Settle(settle::Settle),
    /// Show what is due when, who must act, and what is at risk
    Status(status::Status),
    /// Write lost files again, as far as the chain knows them
    Recover(recover::Recover),
    /// What the contracts owe an account
    #[command(subcommand)]
    Balance(balance::Verb),
    /// Provers: tickets of which rounds draw their seats
    #[command(subcommand)]
    Prover(prover::Verb),
    /// Run and inspect a node
    #[command(subcommand)]
    Node(node::Verb),
    /// Deploy the contracts and look at a chain
    #[command(subcommand)]
    Chain(chain::Verb),
    /// Profiles: chain, account and defaults under one name
    #[command(subcommand)]
    Profile(profile::Verb),
    /// Play the whole protocol on a local chain
    #[cfg(feature = "demo")]
    Demo(Box<demo::Demo>),
    /// Check this machine and configuration
    Doctor(doctor::Doctor),
    /// Print what a shell completes commands and flags by
    Completions(shell::Completions),
    /// Write manual pages, one for each command
    Man(shell::Manual),
}

impl Noun {
    /// What is logged where `--log` says nothing: servers have no other voice.
    pub(crate) const fn default_log(&self) -> &'static str {
        match self {
            Self::Node(node::Verb::Run { .. }) | Self::Model(model::Verb::Serve { .. }) => "info",
            _ => "warn",
        }
    }

    /// Whether it takes what flags and variables leave open from a profile. What makes and changes
    /// profiles must work where the one in use is missing, and the demo has its own chain.
    pub(crate) const fn takes_a_profile(&self) -> bool {
        match self {
            Self::Profile(verb) => matches!(verb, profile::Verb::Show),
            Self::Chain(verb) => !matches!(verb, chain::Verb::Add(_)),
            #[cfg(feature = "demo")]
            Self::Demo(_) => false,
            Self::Completions(_) | Self::Man(_) => false,
            _ => true,
        }
    }
}

/// Runs one command; `root` makes the whole command line.
pub(crate) async fn run(noun: Noun, global: &Global, root: fn() -> Command) -> Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match noun {
        Noun::Model(verb) => model::run(verb, global).await.map(done),
        Noun::Fingerprint(verb) => fingerprint::run(*verb, global).await,
        Noun::Offer(verb) => offer::run(verb, global).await.map(done),
        Noun::License(verb) => license::run(verb, global).await.map(done),
        Noun::Host(verb) => host::run(verb, global).await.map(done),
        Noun::Deployment(verb) => deployment::run(verb, global).await.map(done),
        Noun::Channel(verb) => channel::run(verb, global).await.map(done),
        Noun::Pay(args) => pay::run(*args, global).await.map(done),
        Noun::Report(args) => report::run(args, global).await.map(done),
        Noun::Round(verb) => round::run(verb, global).await.map(done),
        Noun::Proof(verb) => proof::run(verb, global).await.map(done),
        Noun::Settle(args) => settle::run(args, global).await.map(done),
        Noun::Status(args) => status::run(args, global).await.map(done),
        Noun::Recover(args) => recover::everything(&args, global).await.map(done),
        Noun::Balance(verb) => balance::run(verb, global).await.map(done),
        Noun::Prover(verb) => prover::run(verb, global).await.map(done),
        Noun::Node(verb) => node::run(verb, global).await.map(done),
        Noun::Chain(verb) => chain::run(verb, global).await.map(done),
        Noun::Profile(verb) => profile::run(verb, global).map(done),
        #[cfg(feature = "demo")]
        Noun::Demo(args) => demo::run(*args, global).await.map(done),
        Noun::Doctor(args) => doctor::run(args, global).await.map(done),
        Noun::Completions(args) => {
            shell::completions(&args, root(), global);
            Ok(ExitCode::SUCCESS)
        }
        Noun::Man(args) => shell::manual(&args, root(), global).map(done),
    }
}
