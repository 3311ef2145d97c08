//! `oml prover`: tickets, of which rounds draw their seats.

use crate::error::{FailureKind, fail};
use crate::flags::Global;
use crate::output::{Output, table};
use clap::{Args, Subcommand};
use eyre::Result;
use oml_client::TxRecord;
use oml_client::prover::{self, ProverStanding, ProverTickets, TicketChoice};
use oml_contracts::EthAddress;
use std::path::PathBuf;

/// Verbs of `oml prover`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the key to which hand-outs are sealed
    Keygen {
        /// Where to write the secret key
        #[arg(long, default_value = "prover.key", value_name = "FILE")]
        out: PathBuf,
    },
    /// Buy tickets, first or more, and say where hand-outs are sent
    Join {
        /// How many; each costs the ticket price, which comes back after leaving and the thaw
        #[arg(long, default_value_t = 1, value_name = "N")]
        tickets: u32,
        #[command(flatten)]
        reached: Reached,
    },
    /// Say another key or inbox, and show life
    Announce {
        #[command(flatten)]
        reached: Reached,
    },
    /// Show life; a node does it by itself
    Alive,
    /// Give tickets back; their stake thaws
    Leave {
        #[command(flatten)]
        which: Which,
        /// How many, from the last place on
        #[arg(long, value_name = "N", conflicts_with_all = ["places", "all"])]
        count: Option<u32>,
    },
    /// Give back tickets of provers that have shown no life; anyone may
    Evict {
        #[command(flatten)]
        which: Which,
    },
    /// Close dead places of the array, so that fewer seats are vacant; anyone may
    Compact {
        /// Most places to close
        #[arg(long, default_value_t = 64, value_name = "N")]
        steps: u32,
    },
    /// Withdraw thawed stake
    Withdraw {
        /// Receiver [default: the signer]
        #[arg(long, value_name = "ACCOUNT")]
        to: Option<EthAddress>,
    },
    /// List the provers
    List,
    /// Show a prover and its tickets
    Show {
        /// Prover
        // Named apart from the signer's --account, which is global.
        #[arg(value_name = "ACCOUNT")]
        prover: EthAddress,
    },
}

/// How a prover is reached.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reached {
    /// Secret key file, as `keygen` writes it; only its public half goes on chain
    #[arg(long, default_value = "prover.key", value_name = "FILE")]
    key: PathBuf,
    /// URL at which the prover's node takes hand-outs
    #[arg(long, value_name = "URL")]
    inbox: String,
}

/// Which tickets are meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// Places of the tickets, with commas between
    #[arg(long, value_delimiter = ',', value_name = "N,N", conflicts_with = "all")]
    places: Vec<u32>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl Which {
    fn choice(&self, count: Option<u32>) -> Result<TicketChoice> {
        match (self.places.is_empty(), self.all, count) {
            (false, ..) => Ok(TicketChoice::Places(self.places.clone())),
            (true, true, _) => Ok(TicketChoice::All),
            (true, false, Some(count)) => Ok(TicketChoice::Count(count)),
            (true, false, None) => Err(fail(
                "no tickets are named",
                "name them with --places, or say --all",
                FailureKind::Failed,
            )),
        }
    }
}

/// Runs a verb.
pub(crate) async fn run(verb: Verb, global: &Global) -> Result<()> {
    let output = global.output();
    match verb {
        Verb::Keygen { out } => {
            global.refuse_dry_run("a key")?;
            let public = prover::keygen(&out)?;
            let data = serde_json::json!({ "publicKey": public, "file": out });
            output.result(&data, &public.to_string(), || {
                format!("wrote {}; public key {public}", out.display())
            });
        }
        Verb::Join { tickets, reached } => {
            let chain = global.signing().await?;
            let public = prover::public_key(&reached.key)?;
            print(&prover::join(&chain, tickets, public, &reached.inbox).await?, output);
        }
        Verb::Announce { reached } => {
            let chain = global.signing().await?;
            let public = prover::public_key(&reached.key)?;
            print(&[prover::announce(&chain, public, &reached.inbox).await?], output);
        }
        Verb::Alive => print(&[prover::stay_alive(&global.signing().await?).await?], output),
        Verb::Leave { which, count } => {
            let choice = which.choice(count)?;
            print(&prover::leave(&global.signing().await?, &choice).await?, output);
        }
        Verb::Evict { which } => {
            let choice = which.choice(None)?;
            print(&prover::evict(&global.signing().await?, &choice).await?, output);
        }
        Verb::Compact { steps } => {
            print(&[prover::compact(&global.signing().await?, steps).await?], output);
        }
        Verb::Withdraw { to } => {
            print(&[prover::withdraw(&global.signing().await?, to).await?], output);
        }
        Verb::List => list(global).await?,
        Verb::Show { prover } => show(prover, global).await?,
    }
    Ok(())
}

fn print(sent: &[TxRecord], output: Output) {
    let lines: Vec<String> = sent.iter().map(TxRecord::line).collect();
    output.result(&sent, &lines.len().to_string(), || lines.join("\n"));
}

async fn list(global: &Global) -> Result<()> {
    let provers = prover::list(&global.reading().await?).await?;
    let quiet = provers.iter().map(|p| p.prover.to_string()).collect::<Vec<_>>().join("\n");
    global.output().result(&provers, &quiet, || {
        table(["prover", "tickets", "alive until", "inbox"], provers.iter().map(row))
    });
    Ok(())
}

fn row(prover: &ProverStanding) -> [String; 4] {
    let alive = if prover.alive {
        prover.alive_until.to_string()
    } else {
        format!("not alive (until {})", prover.alive_until)
    };
    [prover.prover.to_string(), prover.tickets.to_string(), alive, prover.inbox.clone()]
}

async fn show(prover: EthAddress, global: &Global) -> Result<()> {
    let chain = global.reading().await?;
    let shown = prover::show(&chain, prover).await?;
    global.output().result(&shown, &shown.standing.tickets.to_string(), || {
        let ProverTickets { standing, places, total_tickets } = &shown;
        let [account, tickets, alive, inbox] = row(standing);
        let list = places.iter().map(|t| t.ticket.to_string()).collect::<Vec<_>>().join(", ");
        let rows = [
            ["prover".to_owned(), account],
            ["tickets".to_owned(), format!("{tickets} of {total_tickets}: {list}")],
            ["staked".to_owned(), standing.staked.to_string()],
            ["alive until".to_owned(), alive],
            ["inbox".to_owned(), inbox],
            ["encryption key".to_owned(), standing.encryption_key.to_string()],
            ["thawing".to_owned(), standing.thawing.to_string()],
            ["thawed at".to_owned(), standing.thaw_end.to_string()],
        ];
        table(["what", "value"], rows)
    });
    Ok(())
}
