//! Act 7: a host names its next serving key while a payer's session runs.

use crate::play::Play;
use crate::report::PlayedAct;
use eyre::{Result, ensure, eyre};
use oml_client::host::{self, NextKey};
use std::time::{Duration, Instant};

/// How long the host's node may take to see a rotation.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it usually takes.
const FOLLOWS: Duration = Duration::from_secs(4);

impl Play {
    /// Act 7: host A's gateway answers under its first key, then under the next: receipts of both
    /// are good, and their numbers begin anew.
    ///
    /// # Errors
    /// A process dies, a transaction fails, or a receipt is wrong.
    pub(crate) async fn rotate(&mut self) -> Result<PlayedAct> {
        let mut act =
            self.start(7, "a host rotates its serving key; its node and its payer follow");
        let mark = self.stage.begin().await?;
        let gateway = self.gateway_of(0, "hostA").await?;
        let (mut session, _) = self.open_session(0, &gateway).await?;
        let before = session.complete("model", "The red kite", 8).await?.receipt;
        let license = self.licenses[0].clone();
        let next = NextKey::New(self.stage.keys_of("hostA"));
        let rotated = host::rotate(self.stage.chain("hostA")?, &license, &next).await?;
        self.say(format!("  hostA named key {}, {}", rotated.key_epoch, rotated.signer));
        // A receipt by the key before that is dated after the rotation is none: payers refuse it.
        // So the host's node gets the time of a few blocks to see its new key.
        tokio::time::sleep(FOLLOWS).await;
        let start = Instant::now();
        // The gateway signs with the key before for as long as its node has not seen the next.
        let after = loop {
            let receipt = session.complete("model", "The red kite", 8).await?.receipt;
            if receipt.key_epoch == rotated.key_epoch {
                break receipt;
            }
            ensure!(start.elapsed() < PATIENCE, "hostA's node does not follow its new key");
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        ensure!(before.key_epoch < after.key_epoch, "the first key is older than the next");
        ensure!(
            after.cumulative_requests > before.cumulative_requests,
            "units go on across keys, whatever their numbers"
        );
        let keys = host::keys(self.stage.chain("payer")?, &license).await?;
        let states: Vec<&str> = keys.keys.iter().map(|key| key.state).collect();
        let newest = states.last().ok_or_else(|| eyre!("the license has no key"))?;
        ensure!(*newest == "current", "keys are {states:?}");
        act.notes.push(format!(
            "receipts under keys {} and {}, numbers {} and {}",
            before.key_epoch, after.key_epoch, before.seq, after.seq
        ));
        self.finish(mark, act).await
    }
}
