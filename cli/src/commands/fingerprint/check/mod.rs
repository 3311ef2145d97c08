//! `oml fingerprint check`: does a target give the answers of a license's copy?

mod answers;
mod flags;
mod judging;
mod ranks;
mod shown;

pub(crate) use flags::Check;
pub(super) use judging::per_key;
pub(super) use shown::verdict_words;

use crate::flags::Global;
use eyre::Result;
use flags::TestKind;
use judging::Judging;
use std::process::ExitCode;

/// Runs `check`; the exit code is the verdict.
pub(super) async fn run(args: &Check, global: &Global) -> Result<ExitCode> {
    let universe = args.own.load()?;
    let judging = match &args.draws.license {
        Some(path) => {
            let chain = global.reading().await?;
            Judging::of_license(&chain, &universe, &global.license(path).await?).await?
        }
        None => Judging::offline(&universe, args.draws.resolve(&universe, global).await?),
    };
    match args.test {
        TestKind::Argmax => answers::run(args, &judging, &universe, global.output()).await,
        TestKind::Rank => ranks::run(args, &judging, &universe, global.output()).await,
    }
}
