//! Acts 3 and 6: requests against vouchers, receipts, settlement; and a host that settles less than
//! it served.

use crate::clock;
use crate::nodes::HostNode;
use crate::play::Play;
use crate::ports::{free_port, url};
use crate::report::PlayedAct;
use crate::scenario::UNIT;
use eyre::{Result, eyre};
use oml_client::channel::OpenChannel;
use oml_client::files::{self, ChannelFile};
use oml_client::money::Money;
use oml_client::pay::PayableChannel;
use oml_client::{
    FailureKind, balance, channel, deployment, fail, license, opening, proof, settle,
};
use oml_contracts::Amount;
use oml_payments::{PayerSession, SignedVoucher};
use std::path::PathBuf;
use std::time::Duration;

/// What the payer asks.
const PROMPTS: [&str; 5] = [
    "Once upon a time",
    "The old farmer",
    "Every morning the children",
    "In the garden there was",
    "The little boat",
];

/// Tokens of each answer.
const ANSWER: u64 = 12;

impl Play {
    /// Act 3: host A serves against vouchers, hands out receipts, settles; owner and host are paid.
    ///
    /// # Errors
    /// A process dies, a transaction fails, a receipt is wrong, or the host does not claim.
    pub(crate) async fn pay(&mut self) -> Result<PlayedAct> {
        let mut act =
            self.start(3, "an honest host serves; a payer pays per request; the host settles");
        let mark = self.stage.begin().await?;
        let gateway = self.gateway_of(0, "hostA").await?;
        let (mut session, channel) = self.open_session(0, &gateway).await?;
        let mut promised = Amount::ZERO;
        for prompt in PROMPTS {
            let answer = session.complete("model", prompt, ANSWER).await?;
            promised = answer.voucher.cumulative_amount;
            self.say(format!(
                "  {prompt:?} → {:?} ({} tokens, receipt of request {})",
                answer.text.trim(),
                answer.tokens,
                answer.receipt.cumulative_requests
            ));
        }
        act.notes.push(format!("{} receipts verified", session.receipts().len()));
        let claimed = self.wait_for_claim(&channel, promised).await?;
        act.notes.push(format!("claimed {claimed}"));
        self.pull(&["hostA", "owner"]).await?;
        self.finish(mark, act).await
    }

    /// Act 6: host D signs receipts for more than it settles; one receipt is enough.
    ///
    /// # Errors
    /// A process dies, a transaction fails, a receipt is wrong, or nothing is slashed.
    pub(crate) async fn under_report(&mut self) -> Result<PlayedAct> {
        let mut act = self
            .start(6, "a host settles less than it served: slashed with one of its own receipts");
        let mark = self.stage.begin().await?;
        let gateway = self.open_gateway(3, "hostD", None).await?;
        let (mut session, _) = self.open_session(3, &gateway).await?;
        let mut first: Option<SignedVoucher> = None;
        for prompt in PROMPTS {
            let answer = session.complete("model", prompt, ANSWER).await?;
            first.get_or_insert(answer.voucher);
        }
        // An honest host's node would settle in time by itself.
        self.stage.processes.signal("hostD", "KILL").await?;
        self.say("  hostD switches its node off");
        let first = first.ok_or_else(|| eyre!("no voucher was signed"))?;
        let license = self.licenses[3].clone();
        let host = self.stage.chain("hostD")?.clone();
        settle::claim(&host, &license, vec![first], 16).await?;
        self.say("  hostD settled 1 of 5 requests");
        let receipt = session.receipts().last().cloned().ok_or_else(|| eyre!("no receipt came"))?;
        files::save(&self.stage.dir.join("receipt-hostD.json"), &receipt)?;
        let passerby = self.stage.chain("passerby")?.clone();
        let settle_by = receipt.served_at + license.terms.settlement_period;
        self.say("  the period of settlement passes");
        clock::skip(&self.stage.settings.rpc_url, license.terms.settlement_period).await?;
        passerby.wait_past(settle_by).await?;
        let state = self.stage.dir.join("proof-hostD.json");
        let accepted = proof::under_metering(&passerby, &license, &receipt, &state).await?;
        act.verdict = "proven".to_owned();
        act.evidence_level = Some(accepted.level);
        act.slashed = accepted.slashed.as_ref().map(|slashed| slashed.units().to_string());
        if accepted.slashed.is_none_or(|slashed| slashed.is_zero()) {
            let hint = "see the logs of the chain";
            return Err(fail("nothing was slashed", hint, FailureKind::Failed).into());
        }
        let kept = license::kept(&passerby, license.license_id).await?;
        act.notes.push(format!("license {}", kept.status()));
        self.wait_for_payouts().await?;
        self.pull(&["passerby", "owner", "hostD"]).await?;
        self.finish(mark, act).await
    }

    /// The gateway of a host that settles by itself, opened if it was not before.
    pub(super) async fn gateway_of(&mut self, number: usize, host: &str) -> Result<String> {
        match self.gateways.iter().find(|(name, _)| name == host) {
            Some((_, gateway)) => Ok(gateway.clone()),
            None => self.open_gateway(number, host, Some(2)).await,
        }
    }

    /// A model server and, in front of it, a node with the gateway, under the host's license.
    async fn open_gateway(
        &mut self,
        number: usize,
        host: &str,
        redeem_after: Option<u64>,
    ) -> Result<String> {
        let copy = self.copies[number].clone();
        let upstream = self.start_server(&format!("{host}-model"), &copy).await?;
        let (port, gateway_port) = (free_port()?, free_port()?);
        let license = self.licenses[number].clone();
        let node =
            HostNode { license: &license, upstream: &upstream, port, gateway_port, redeem_after };
        let config = self.stage.host_node(host, &node)?;
        self.start_node(host, &config, port).await?;
        let gateway = url(gateway_port);
        deployment::register(self.stage.chain(host)?, &license, &gateway).await?;
        self.gateways.push((host.to_owned(), gateway.clone()));
        self.say(format!("  {host}'s gateway answers at {gateway}"));
        Ok(gateway)
    }

    pub(super) async fn open_session(
        &self,
        number: usize,
        gateway: &str,
    ) -> Result<(PayerSession, ChannelFile)> {
        let payer = self.stage.chain("payer")?;
        let license = self.licenses[number].clone();
        let amount = Amount::new(20 * UNIT);
        let order = OpenChannel { license, voucher_signer: None, amount };
        let channel = opening::open(payer, &order, &self.new_channel_file()).await?.file;
        let session = PayableChannel::read(payer, &channel).await?.session(payer, gateway)?;
        Ok((session, channel))
    }

    /// The first name that no channel of this run has.
    fn new_channel_file(&self) -> PathBuf {
        let name = |number: u32| self.stage.dir.join(format!("channel-{number}.json"));
        (1..).map(name).find(|path| !files::is_there(path)).unwrap_or_else(|| name(0))
    }

    /// Waits until the host's node has claimed the newest voucher.
    async fn wait_for_claim(&self, channel: &ChannelFile, amount: Amount) -> Result<Money> {
        let chain = self.stage.chain("payer")?;
        for _ in 0..120 {
            let claimed = channel::standing(chain, channel).await?.claimed;
            if claimed.amount()? >= amount {
                let host = self.stage.person("hostA")?.account.address();
                let owed = balance::owed(chain, self.stage.token(), host).await?;
                self.say(format!(
                    "  hostA's node claimed {claimed}; {} are the host's",
                    owed.escrow
                ));
                return Ok(claimed);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(fail(
            format!("host A's node did not claim {amount} smallest units within 30 s"),
            format!("its log is {}", self.stage.dir.join("logs/hostA.log").display()),
            FailureKind::Timeout,
        )
        .into())
    }
}
