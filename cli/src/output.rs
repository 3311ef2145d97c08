//! The only module that prints: results to stdout, everything else to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the output module")]

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal, Write};

/// Version of the JSON envelope; raised only when a field changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
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
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// Output in `format`.
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints a command's result: `data` as JSON, or `human`, or `quiet` alone.
    pub(crate) fn result<T: Serialize>(
        &self,
        data: &T,
        quiet: &str,
        human: impl FnOnce() -> String,
    ) {
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

    /// Prints a piece of a result that comes bit by bit; machines get the whole with
    /// [`Self::result`].
    pub(crate) fn piece(&self, text: &str) {
        if self.format == Format::Human {
            print!("{text}");
            // A closed stdout shows up when the result itself is printed.
            let _ = std::io::stdout().flush();
        }
    }

    /// Says on stderr what is going on.
    pub(crate) fn progress(&self, message: impl AsRef<str>) {
        if self.format != Format::Quiet {
            eprintln!("{}", message.as_ref());
        }
    }

    /// Prints a failed command: the error chain and, where there is one, the hint.
    pub(crate) fn failure(&self, report: &eyre::Report, hint: Option<&str>) {
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
    pub(crate) fn bar(&self, length: u64, message: &str) -> ProgressBar {
        if self.format == Format::Quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(length).with_style(style).with_message(message.to_owned())
    }
}

impl oml_client::Progress for Output {
    fn say(&self, line: &str) {
        self.progress(line);
    }

    fn bar(&self, length: u64, message: &str) -> Box<dyn oml_client::ProgressBar> {
        Box::new(ShownBar(Self::bar(self, length, message)))
    }
}

/// A bar on stderr, as the client moves it.
struct ShownBar(ProgressBar);

impl oml_client::ProgressBar for ShownBar {
    fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    fn message(&self, message: String) {
        self.0.set_message(message);
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A plain table: header and rows.
pub(crate) fn table<const N: usize>(
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
