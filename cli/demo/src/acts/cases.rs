//! Acts 4 and 5: a deployment is reported, the committee asks, the contract decides.

use crate::play::Play;
use crate::report::PlayedAct;
use crate::scenario::PROVERS;
use eyre::{Result, eyre};
use oml_client::case::CaseVerdict;
use oml_client::report::{ReportDeployment, ReportKind};
use oml_client::{FailureKind, case, deployment, fail, local_model, report};
use oml_contracts::CaseId;
use std::time::Duration;

impl Play {
    /// Act 4: host B serves its copy to anyone, without vouchers. It is reported and slashed.
    ///
    /// # Errors
    /// A process dies, a transaction fails, or the host is not convicted.
    pub(crate) async fn cheat(&mut self) -> Result<PlayedAct> {
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

    /// Act 5: host C serves another model under its registered address. It is accused and
    /// acquitted.
    ///
    /// # Errors
    /// A process dies, a transaction fails, or the host is not acquitted.
    pub(crate) async fn innocent(&mut self) -> Result<PlayedAct> {
        let mut act =
            self.start(5, "an innocent host is accused: dismissed, the bond goes to the host");
        let mark = self.stage.begin().await?;
        let other = local_model::locate(&self.options.other_model)?;
        let uri = self.start_server("serverC", &other).await?;
        let verdict = self.accuse(2, "hostC", &uri).await?;
        act.judged(&verdict);
        if verdict.verdict != "dismissed" {
            return Err(self.unexpected("the innocent host was not acquitted", &verdict));
        }
        self.pull(&["hostC", "reporter", PROVERS[0], PROVERS[1], PROVERS[2]]).await?;
        self.finish(mark, act).await
    }

    async fn accuse(&mut self, number: usize, host: &str, uri: &str) -> Result<CaseVerdict> {
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
        let (uri, kind) = (uri.to_owned(), ReportKind::UnpaidUse);
        let order = ReportDeployment { license, uri, kind, keep };
        let opened = report::open(reporter, &order).await?;
        let case_id = opened.case_id.ok_or_else(|| eyre!("the case was not opened"))?;
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
    pub async fn await_verdict(&self, case_id: CaseId) -> Result<CaseVerdict> {
        let chain = self.stage.chain("reporter")?;
        let say = |line: String| self.say(line);
        Ok(case::watch(chain, case_id, Duration::from_secs(300), say).await?)
    }

    /// Whether something of a prover is kept in a case: its commitment, or the hash of its tags.
    ///
    /// # Errors
    /// Network failure.
    pub async fn has_committed(&self, case_id: CaseId, prover: &str) -> Result<bool> {
        let prover = self.stage.person(prover)?.account.address();
        let word = case::member_word(self.stage.chain("reporter")?, case_id, prover).await?;
        Ok(!word.is_zero())
    }

    /// How many members have revealed.
    ///
    /// # Errors
    /// Network failure, no such case.
    pub async fn reveals(&self, case_id: CaseId) -> Result<u8> {
        Ok(case::progress(self.stage.chain("reporter")?, case_id).await?.reveals)
    }

    /// Status of a case, in the contract's words.
    ///
    /// # Errors
    /// Network failure, no such case.
    pub async fn case_status(&self, case_id: CaseId) -> Result<&'static str> {
        Ok(case::progress(self.stage.chain("reporter")?, case_id).await?.status)
    }

    /// Slashed money is held for a while, so that a wrong slash could be noticed before it is gone.
    pub(super) async fn wait_for_payouts(&self) -> Result<()> {
        let chain = self.stage.chain("reporter")?;
        let until = chain.rpc().now().await? + case::payout_delay(chain).await?;
        Ok(chain.wait_past(until).await?)
    }

    fn unexpected(&self, what: &str, verdict: &CaseVerdict) -> eyre::Report {
        fail(
            format!(
                "{what}: {} with {} of {} hits",
                verdict.verdict, verdict.hits, verdict.queries
            ),
            format!("logs of all processes are in {}", self.stage.dir.join("logs").display()),
            FailureKind::Failed,
        )
        .into()
    }
}
