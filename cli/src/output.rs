//! The only module that prints: results to stdout, everything else to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the output module")]

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal, Write};

/// Version of the JSON envelope; raised only when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON envelope on stdout, stable and versioned.
    Json,
    /// Only the value that identifies the result, one per line.
    Quiet,
}

/// Prints results and progress in the chosen format.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Output in `format`.
    pub const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether a machine reads stdout.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a command's result: `data` as JSON, or `human`, or `quiet` alone.
    pub fn result<T: Serialize>(&self, data: &T, quiet: &str, human: impl FnOnce() -> String) {
        match self.format {
            Format::Human => println!("{}", human()),
            Format::Quiet => println!("{quiet}"),
            Format::Json => {
                let envelope = json!({
                    "schema_version": SCHEMA_VERSION, "success": true,
                    "data": data, "errors": [], "warnings": [],
                });
                println!("{envelope:#}");
            }
        }
    }

    /// Prints a piece of a result that comes bit by bit; machines get the whole with [`Self::result`].
    pub fn piece(&self, text: &str) {
        if self.format == Format::Human {
            print!("{text}");
            // A closed stdout shows up when the result itself is printed.
            let _ = std::io::stdout().flush();
        }
    }

    /// Says on stderr what is going on.
    pub fn progress(&self, message: impl AsRef<str>) {
        if self.format != Format::Quiet {
            eprintln!("{}", message.as_ref());
        }
    }

    /// Prints a failed command: the error chain and, where there is one, the hint.
    pub fn failure(&self, report: &eyre::Report, hint: Option<&str>) {
        let causes: Vec<String> = report.chain().skip(1).map(ToString::to_string).collect();
        if self.format == Format::Json {
            let error = json!({ "message": report.to_string(), "causes": causes, "hint": hint });
            let envelope = json!({
                "schema_version": SCHEMA_VERSION, "success": false,
                "data": null, "errors": [error], "warnings": [],
            });
            println!("{envelope:#}");
            return;
        }
        eprintln!("error: {report}");
        if !causes.is_empty() {
            eprintln!("  Caused by:");
            for cause in causes {
                eprintln!("    {cause}");
            }
        }
        if let Some(hint) = hint {
            eprintln!("\nhint: {hint}");
        }
    }

    /// A progress bar on stderr, hidden where nobody looks.
    pub fn bar(&self, length: u64, message: &str) -> indicatif::ProgressBar {
        if self.format == Format::Quiet || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let style =
            indicatif::ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}")
                .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        indicatif::ProgressBar::new(length).with_style(style).with_message(message.to_owned())
    }
}

/// A plain table: header and rows.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}
