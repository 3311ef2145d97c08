//! The demo's processes: a local chain, model servers and nodes, each a real process with its own
//! log file.

use eyre::Result;
use oml_client::{FailureKind, HintExt as _, fail};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Everything that was started. Dropping it kills what still runs, unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Processes {
    logs: PathBuf,
    running: Vec<NamedProcess>,
    at_end: AtEnd,
}

/// What becomes of processes when the play ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// They are killed.
    Kill,
    /// They run on, for people to look around.
    Keep,
}

#[derive(Debug)]
struct NamedProcess {
    name: String,
    child: Child,
}

impl Processes {
    /// Logs go to `logs`, one file per process.
    pub(crate) fn new(logs: PathBuf, at_end: AtEnd) -> Result<Self> {
        std::fs::create_dir_all(&logs)?;
        Ok(Self { logs, running: Vec::new(), at_end })
    }

    /// Starts `program` under `name`.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(
        &mut self,
        name: &str,
        program: &Path,
        args: &[S],
    ) -> Result<u32> {
        // Appended to, so that a restarted process keeps its history.
        let path = self.logs.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(path)?;
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(self.at_end == AtEnd::Kill)
            .spawn()
            .hint(
                format!("{} could not be started", program.display()),
                "run ./scripts/demo.sh, which installs what the demo needs",
                FailureKind::Failed,
            )?;
        let pid = child.id().unwrap_or_default();
        self.running.push(NamedProcess { name: name.to_owned(), child });
        Ok(pid)
    }

    /// Waits until `url` answers with success, or the process ends.
    pub(crate) async fn ready(&mut self, name: &str, url: &str, within: Duration) -> Result<()> {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let start = Instant::now();
        loop {
            self.check(name)?;
            if client.get(url).send().await.is_ok_and(|r| r.status().is_success()) {
                return Ok(());
            }
            if start.elapsed() > within {
                return Err(fail(
                    format!("{name} does not answer at {url} after {} s", within.as_secs()),
                    format!("its log is {}", self.log(name).display()),
                    FailureKind::Timeout,
                )
                .into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// An error if `name` has ended although nobody stopped it.
    pub(crate) fn check(&mut self, name: &str) -> Result<()> {
        let log = self.log(name);
        for process in self.running.iter_mut().filter(|p| p.name == name) {
            if let Some(status) = process.child.try_wait()? {
                let tail = std::fs::read_to_string(&log).unwrap_or_default();
                let tail: Vec<&str> = tail.lines().rev().take(8).collect();
                let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
                return Err(fail(
                    format!("{name} ended with {status}:\n{tail}"),
                    format!("its whole log is {}", log.display()),
                    FailureKind::Failed,
                )
                .into());
            }
        }
        Ok(())
    }

    /// An error if any process has ended on its own.
    pub(crate) fn check_all(&mut self) -> Result<()> {
        let names: Vec<String> = self.running.iter().map(|p| p.name.clone()).collect();
        names.iter().try_for_each(|name| self.check(name))
    }

    /// Asks `name` to stop (SIGTERM) and waits; kills it when it does not.
    pub(crate) async fn stop(&mut self, name: &str) -> Result<()> {
        let Some(at) = self.running.iter().position(|p| p.name == name) else { return Ok(()) };
        let mut process = self.running.remove(at);
        if let Some(pid) = process.child.id() {
            Command::new("kill").arg(pid.to_string()).status().await?;
        }
        if tokio::time::timeout(Duration::from_secs(10), process.child.wait()).await.is_err() {
            process.child.kill().await?;
        }
        Ok(())
    }

    /// Sends a signal (`STOP`, `CONT`, `KILL` …) to `name`; after `KILL` it is forgotten, so that
    /// it can be restarted.
    pub(crate) async fn signal(&mut self, name: &str, signal: &str) -> Result<()> {
        let at = self.running.iter().position(|p| p.name == name);
        let at = at.ok_or_else(|| eyre::eyre!("{name} does not run"))?;
        let pid = self.running[at].child.id().unwrap_or_default().to_string();
        Command::new("kill").args(["-s", signal, &pid]).status().await?;
        if signal == "KILL" {
            let mut killed = self.running.remove(at);
            killed.child.wait().await?;
        }
        Ok(())
    }

    /// Name and process id of everything that runs.
    pub(crate) fn list(&self) -> Vec<(String, u32)> {
        self.running.iter().filter_map(|p| Some((p.name.clone(), p.child.id()?))).collect()
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}
