//! Acts 4 and 5: a deployment is reported, the committee asks, the contract decides.

use super::Play;
use crate::commands::{case, deployment, report};
use crate::contracts::ChallengeManager;
use crate::demo::report::Act;
use crate::demo::scenario::PROVERS;
use crate::error::{Exit, fail};
use alloy::primitives::B256;
use eyre::Result;
use oml_contracts::CaseId;
use std::time::Duration;

impl Play {
    /// Act 4: host B serves its copy to anyone, without vouchers. It is reported and slashed.
    pub async fn cheat(&mut self) -> Result<Act> {
        let mut act = self.start(
            4,
            "a host serves its copy without being paid for it: reported, checked, slashed",
        );
        let mark = self.stage.begin().await?;
        let copy = self.copies[1].clone();
        let uri = self.start_server("serverB", &copy).await?;
        let verdict = self.accuse(1, "hostB", &uri).await?;
        act.judged(&verdict);
        if verdict.verdict != "upheld" {
            return Err(self.unexpected("the cheat was not convicted", &verdict));
        }
        self.wait_for_payouts().await?;
        self.pull(&["reporter", "owner", PROVERS[0], PROVERS[1], PROVERS[2]]).await?;
        self.finish(mark, act).await
    }

    /// Act 5: host C serves another model under its registered address. It is accused and acquitted.
    pub async fn innocent(&mut self) -> Result<Act> {
        let mut act =
            self.start(5, "an innocent host is accused: dismissed, the bond goes to the host");
        let mark = self.stage.begin().await?;
        let other = crate::files::model_dir(&self.options.other_model)?;
        let uri = self.start_server("serverC", &other).await?;
        let verdict = self.accuse(2, "hostC", &uri).await?;
        act.judged(&verdict);
        if verdict.verdict != "dismissed" {
            return Err(self.unexpected("the innocent host was not acquitted", &verdict));
        }
        self.pull(&["hostC", "reporter", PROVERS[0], PROVERS[1], PROVERS[2]]).await?;
        self.finish(mark, act).await
    }

    async fn accuse(&mut self, number: usize, host: &str, uri: &str) -> Result<case::Verdict> {
        let case_id = self.open_case(number, host, uri).await?;
        self.await_verdict(case_id).await
    }

    /// Host `number` registers `uri`; the reporter commits and opens a case against it.
    async fn open_case(&mut self, number: usize, host: &str, uri: &str) -> Result<CaseId> {
        let license = self.licenses[number].clone();
        deployment::register(self.stage.chain(host)?, &license, uri).await?;
        self.say(format!("  {host} registered {uri}; the reporter commits, then opens the case"));
        let reporter = self.stage.chain("reporter")?;
        let keep = self.stage.dir.join(format!("report-{host}.json"));
        let opened = report::open_case(reporter, &license, uri, &keep).await?;
        let case_id = opened.case_id.ok_or_else(|| eyre::eyre!("the case was not opened"))?;
        self.say(format!("  case {case_id}"));
        Ok(case_id)
    }

    /// Host B serves its copy without vouchers and is reported; for tests that disturb the case.
    ///
    /// # Errors
    /// A transaction that fails, a server that does not start.
    pub async fn report_cheat(&mut self) -> Result<CaseId> {
        let copy = self.copies[1].clone();
        let uri = self.start_server("serverB", &copy).await?;
        self.open_case(1, "hostB", &uri).await
    }

    /// Waits until a case is decided.
    ///
    /// # Errors
    /// Not decided within five minutes.
    pub async fn await_verdict(&self, case_id: CaseId) -> Result<case::Verdict> {
        let output = self.output;
        let chain = self.stage.chain("reporter")?;
        case::watch(chain, case_id, Duration::from_secs(300), |line| output.progress(line)).await
    }

    /// What is kept of a prover in a case, its commitment or the hash of its tags; zero if nothing yet.
    ///
    /// # Errors
    /// Network failure.
    pub async fn commitment(&self, case_id: CaseId, prover: &str) -> Result<B256> {
        let chain = self.stage.chain("reporter")?;
        let call = ChallengeManager::wordOfCall {
            caseId: case_id.into(),
            prover: self.stage.account(prover)?.signer.address(),
        };
        chain.read(chain.challenges(), call).await
    }

    /// How many members have revealed.
    ///
    /// # Errors
    /// Network failure, no such case.
    pub async fn reveals(&self, case_id: CaseId) -> Result<u8> {
        Ok(case::kept(self.stage.chain("reporter")?, case_id).await?.reveals)
    }

    /// Status of a case, in the contract's words.
    ///
    /// # Errors
    /// Network failure, no such case.
    pub async fn case_status(&self, case_id: CaseId) -> Result<&'static str> {
        Ok(case::status_name(&case::kept(self.stage.chain("reporter")?, case_id).await?.status))
    }

    /// Slashed money is held for a while, so that a wrong slash could be noticed before it is gone.
    pub(super) async fn wait_for_payouts(&self) -> Result<()> {
        let chain = self.stage.chain("reporter")?;
        let delay: u64 = report::config(chain).await?.payoutDelay.to();
        let until = chain.now().await? + delay;
        chain.wait_past(until).await
    }

    fn unexpected(&self, what: &str, verdict: &case::Verdict) -> eyre::Report {
        fail(
            format!(
                "{what}: {} with {} of {} hits",
                verdict.verdict, verdict.hits, verdict.queries
            ),
            format!("logs of all processes are in {}", self.stage.dir.join("logs").display()),
            Exit::Failed,
        )
    }
}
