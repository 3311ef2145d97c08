//! Rounds, brought before what waits for them is drawn.

use crate::chain::{Chain, TxRecord};
use crate::error::{ClientError, FailureKind, HintExt as _, Result, fail};
use alloy::primitives::{Address, U256};
use oml_node::chain::ChainError;
use oml_node::chain::beacon::{ProofSource, RoundStep, round_step};
use std::time::{Duration, Instant};

/// Pause between two looks at a round.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an action waits for a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    start: Instant,
    most: Duration,
}

impl Patience {
    /// From now on, at most this long.
    pub(crate) fn of(most: Duration) -> Self {
        Self { start: Instant::now(), most }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.most
    }

    /// A pause between two looks.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a round is on chain, and brings it once it is out if nobody else did. A stale round
/// is left to the draw, which names another one. A dry run looks once and sends nothing.
///
/// # Errors
/// No signer, network failure, no proof of the round, or a round that is not out in time.
pub(crate) async fn bring(
    chain: &Chain,
    round: u64,
    patience: &Patience,
) -> Result<Option<TxRecord>> {
    let proofs = chain.beacon_proofs()?;
    loop {
        let value = proofs.value(round).await.map_err(unread)?;
        let step = round_step(&proofs.beacon().source, round, value, chain.present().await?);
        let over = patience.is_over();
        match step {
            RoundStep::Draw | RoundStep::Renew => return Ok(None),
            RoundStep::Bring => match send(chain, &proofs, round).await {
                Ok(sent) => return Ok(Some(sent)),
                Err(error) if over || error.kind() != FailureKind::Network => return Err(error),
                Err(_) => {}
            },
            RoundStep::Wait if chain.is_dry_run() => return Ok(None),
            RoundStep::Wait if over => return Err(not_out(&proofs, round)),
            RoundStep::Wait => {}
        }
        patience.pause().await;
    }
}

async fn send(chain: &Chain, proofs: &ProofSource, round: u64) -> Result<TxRecord> {
    let proof = proofs.proof(round).await.hint(
        format!("beacon round {round} is out, but its proof could not be had"),
        "nothing is wrong with what waits for it: try again, or name other relays with \
         --drand-endpoint",
        FailureKind::Network,
    )?;
    let call = proof.call().map_err(unread)?;
    let to = Address::from(proofs.beacon().address);
    Ok(chain.send("bring beacon round", to, call, U256::ZERO).await?.record)
}

fn unread(error: ChainError) -> ClientError {
    let message = "the beacon could not be read (check --rpc-url and --addresses)".to_owned();
    ClientError::During { message, cause: error.into() }
}

fn not_out(proofs: &ProofSource, round: u64) -> ClientError {
    let due = match proofs.beacon().source.time_of(round) {
        Some(time) => format!("it comes at chain time {time}"),
        None => format!("it is block {round}"),
    };
    fail(
        format!("beacon round {round} is not out yet: {due}"),
        "run the command again later, or let it wait longer with --wait",
        FailureKind::Timeout,
    )
}
