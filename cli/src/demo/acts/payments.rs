//! Acts 3 and 6: requests against vouchers, receipts, settlement; and a host that settles less than it served.

use super::Play;
use crate::chain::Chain;
use crate::commands::{balance, channel, deployment, license, proof, settle};
use crate::demo::nodes::url;
use crate::demo::processes::free_port;
use crate::demo::report::Act;
use crate::error::{Exit, fail};
use crate::files::{self, ChannelFile, LicenseFile};
use eyre::Result;
use k256::ecdsa::SigningKey;
use oml_contracts::EthAddress;
use oml_contracts::terms::Violation;
use oml_payments::{PayerChannel, PayerSession, Price, SignedVoucher};
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
    pub async fn pay(&mut self) -> Result<Act> {
        let mut act =
            self.start(3, "an honest host serves; a payer pays per request; the host settles");
        let mark = self.stage.begin().await?;
        let gateway = self.open_gateway(0, "hostA", Some(2)).await?;
        let (mut session, channel) = self.open_session(0, &gateway).await?;
        let mut promised = 0;
        for prompt in PROMPTS {
            let answer = session.complete("model", prompt, ANSWER).await?;
            promised = answer.voucher.cumulative_amount.get();
            self.say(format!(
                "  {prompt:?} → {:?} ({} tokens, receipt {})",
                answer.text.trim(),
                answer.tokens,
                answer.receipt.seq
            ));
        }
        act.notes.push(format!("{} receipts verified", session.receipts().len()));
        let claimed = self.wait_for_claim(&channel, promised).await?;
        act.notes.push(format!("claimed {claimed} units"));
        self.pull(&["hostA", "owner"]).await?;
        self.finish(mark, act).await
    }

    /// Act 6: host D signs receipts for more than it settles; one receipt is enough.
    pub async fn under_report(&mut self) -> Result<Act> {
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
        let first = first.ok_or_else(|| eyre::eyre!("no voucher was signed"))?;
        let license = self.licenses[3].clone();
        let host = self.stage.chain("hostD")?.clone();
        settle::claim(&host, &license, vec![first], 16).await?;
        self.say("  hostD settled 1 of 5 requests");
        let receipt =
            session.receipts().last().cloned().ok_or_else(|| eyre::eyre!("no receipt came"))?;
        files::save(&self.stage.dir.join("receipt-hostD.json"), &receipt)?;
        let passerby = self.stage.chain("passerby")?.clone();
        let settle_by = receipt.served_at + license.terms.settlement_period;
        passerby.wait_past(settle_by).await?;
        let accepted = proof::one(&passerby, &license, &receipt, Violation::UnderMetering).await?;
        act.verdict = "proven".to_owned();
        act.evidence_level = Some(accepted.level);
        act.slashed = accepted.slashed.map(|s| s.to_string());
        if accepted.slashed.unwrap_or_default() == 0 {
            return Err(fail("nothing was slashed", "see the logs of the chain", Exit::Failed));
        }
        let status = license::state(&passerby, license.license_id).await?.status;
        act.notes.push(format!("license {}", license::status_name(&status)));
        self.wait_for_payouts().await?;
        self.pull(&["passerby", "owner", "hostD"]).await?;
        self.finish(mark, act).await
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
        let ports = (free_port()?, free_port()?);
        let license = self.licenses[number].clone();
        let config = self.stage.host_node(host, &license, &upstream, ports, redeem_after)?;
        self.start_node(host, &config, ports.0).await?;
        let gateway = url(ports.1);
        deployment::register(self.stage.chain(host)?, &license, &gateway).await?;
        self.gateways.push((host.to_owned(), gateway.clone()));
        self.say(format!("  {host}'s gateway answers at {gateway}"));
        Ok(gateway)
    }

    async fn open_session(
        &self,
        number: usize,
        gateway: &str,
    ) -> Result<(PayerSession, ChannelFile)> {
        let payer = self.stage.account("payer")?;
        let license = &self.licenses[number];
        let (channel, _) = channel::open(&payer.chain, license, None, Self::tokens(20)).await?;
        files::save(
            &self.stage.dir.join(format!("channel-{}.json", license.license_id)),
            &channel,
        )?;
        let serving = license::state(&payer.chain, license.license_id).await?.servingKey;
        let reference = channel_ref(&payer.chain, license, &channel, serving.into());
        let key = SigningKey::from_slice(payer.signer.to_bytes().as_slice())?;
        let session = PayerSession::new(reference, key, gateway)?.with_budget(Self::tokens(20));
        Ok((session, channel))
    }

    /// Waits until the host's node has claimed the newest voucher.
    async fn wait_for_claim(&self, channel: &ChannelFile, amount: u128) -> Result<u128> {
        let chain = self.stage.chain("payer")?;
        for _ in 0..120 {
            let call = crate::contracts::PaymentEscrow::channelCall {
                channelId: channel.channel_id.into(),
            };
            let claimed = chain.read(chain.escrow(), call).await?.claimed.to();
            if claimed >= amount {
                let host = self.stage.account("hostA")?.signer.address();
                let owed = balance::owed(chain, self.stage.token(), host).await?;
                self.say(format!(
                    "  hostA's node claimed {claimed} units; {} are the host's",
                    owed.escrow
                ));
                return Ok(claimed);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Err(fail(
            format!("host A's node did not claim {amount} units within 30 s"),
            format!("its log is {}", self.stage.dir.join("logs/hostA.log").display()),
            Exit::Timeout,
        ))
    }
}

fn channel_ref(
    chain: &Chain,
    license: &LicenseFile,
    channel: &ChannelFile,
    serving_key: EthAddress,
) -> PayerChannel {
    PayerChannel {
        chain_id: chain.addresses.chain_id,
        escrow: chain.addresses.payment_escrow,
        challenge_manager: chain.addresses.challenge_manager,
        license_id: license.license_id,
        model_id: license.terms.model_id,
        serving_key,
        payer: channel.payer,
        signer: channel.signer,
        salt: channel.salt,
        price: Price::of_terms(&license.terms),
    }
}
