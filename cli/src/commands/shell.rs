//! `oml completions` and `oml man`: what a shell and a reader of manuals install.

use crate::error::{FailureKind, HintExt as _};
use crate::flags::Global;
use clap::{Args, Command};
use clap_complete::Shell;
use eyre::Result;
use serde_json::json;
use std::path::PathBuf;

/// Print what a shell completes commands and flags by.
#[derive(Args, Clone, Debug)]
pub(crate) struct Completions {
    /// Shell that reads it
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one for each command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Manual {
    /// Folder for the pages, e.g. ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Prints completions of the whole command line.
pub(crate) fn completions(args: &Completions, mut root: Command, global: &Global) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut root, "oml", &mut script);
    let script = String::from_utf8_lossy(&script).trim_end().to_owned();
    let data = json!({ "shell": args.shell.to_string(), "script": script });
    global.output().result(&data, &script, || script.clone());
}

/// Writes the manual of the whole command line.
pub(crate) fn manual(args: &Manual, mut root: Command, global: &Global) -> Result<()> {
    global.refuse_dry_run("a manual")?;
    let path = args.out.display().to_string();
    let made = std::fs::create_dir_all(&args.out).and_then(|()| {
        root.build();
        clap_mangen::generate_to(root, &args.out)
    });
    made.hint(
        format!("the manual could not be written to {path}"),
        "name a folder that you may write to",
        FailureKind::Failed,
    )?;
    let pages = std::fs::read_dir(&args.out)?.count();
    let data = json!({ "folder": args.out, "pages": pages });
    global.output().result(&data, &path, || {
        format!("wrote the manual to {path}; `man -l {path}/oml.1` shows its first page")
    });
    Ok(())
}
