//! The only module that prints: results to stdout, everything else to stderr.

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::{IsTerminal, Write};

/// Version of the JSON envelope; raised only when a field changes its meaning. Since 2 an amount is
/// an object with its currency.
const SCHEMA_VERSION: u32 = 2;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON envelope on stdout, stable and versioned.
    Json,
    /// Only the value that identifies the result, one per line.
    Quiet,
}

impl Format {
    /// Its name on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Quiet => "quiet",
        }
    }
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
            Format::Human => print_line(&human()),
            Format::Quiet => print_line(quiet),
            Format::Json => print_line(&Envelope::success(data)),
        }
    }

    /// Prints a piece of a result that comes bit by bit; machines get the whole with
    /// [`Self::result`].
    pub(crate) fn piece(&self, text: &str) {
        if self.format == Format::Human {
            print_text(text);
        }
    }

    /// Says on stderr what is going on.
    pub(crate) fn progress(&self, message: impl AsRef<str>) {
        if self.format != Format::Quiet {
            say_line(message.as_ref());
        }
    }

    /// Asks a person on stderr, in every format; the answer is typed behind it.
    #[expect(clippy::unused_self, reason = "asking is a way of printing, as the others are")]
    pub(crate) fn ask(&self, question: &str) {
        let mut out = std::io::stderr().lock();
        let _ = out.write_all(question.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a failed command: the error chain and, where there is one, the hint.
    pub(crate) fn failure(&self, report: &eyre::Report, hint: Option<&str>) {
        let causes = causes(report);
        if self.format == Format::Json {
            print_line(&Envelope::failure(&report.to_string(), causes, hint));
            return;
        }
        say_line(&format!("error: {report}"));
        if !causes.is_empty() {
            say_line("  Caused by:");
            for cause in causes {
                say_line(&format!("    {cause}"));
            }
        }
        if let Some(hint) = hint {
            say_line(&format!("\nhint: {hint}"));
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

/// The JSON around every result.
#[derive(Serialize)]
struct Envelope<'a, T> {
    data: Option<&'a T>,
    errors: Vec<Failure<'a>>,
    schema_version: u32,
    success: bool,
    warnings: [(); 0],
}

/// A failure in an envelope.
#[derive(Serialize)]
struct Failure<'a> {
    causes: Vec<String>,
    hint: Option<&'a str>,
    message: &'a str,
}

impl<T: Serialize> Envelope<'_, T> {
    /// Written field by field, since numbers above 2^64 do not pass through `serde_json::Value`.
    fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// What was done is done even where its record can't be written as JSON.
    fn success(data: &T) -> String {
        let (errors, warnings) = (Vec::new(), []);
        let data = Some(data);
        let envelope =
            Envelope { data, errors, schema_version: SCHEMA_VERSION, success: true, warnings };
        envelope.text().unwrap_or_else(|error| {
            let hint = "it was done all the same: look it up before you run it again";
            let message = format!("the result can't be written as JSON: {error}");
            Envelope::<()>::failure(&message, Vec::new(), Some(hint))
        })
    }
}

impl Envelope<'_, ()> {
    fn failure(message: &str, causes: Vec<String>, hint: Option<&str>) -> String {
        let errors = vec![Failure { causes, hint, message }];
        let (schema_version, warnings) = (SCHEMA_VERSION, []);
        let envelope =
            Envelope::<()> { data: None, errors, schema_version, success: false, warnings };
        envelope.text().unwrap_or_default()
    }
}

/// Prints to stdout. Where nobody reads any more the command goes on: what it does matters more
/// than who listens.
fn print_text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn print_line(text: &str) {
    print_text(&format!("{text}\n"));
}

/// Says something on stderr, where somebody listens.
fn say_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
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

/// What caused a failure, without what the line above already quotes.
pub(crate) fn causes(report: &eyre::Report) -> Vec<String> {
    let mut above = report.to_string();
    let mut causes = Vec::new();
    for cause in report.chain().skip(1).map(ToString::to_string) {
        if !above.contains(&cause) {
            causes.push(cause.clone());
            above = cause;
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Above 2^64 a number once made the program panic after it had sent money.
    #[test]
    fn json_of_any_number_is_printed() {
        let text = Envelope::success(&u128::MAX);
        assert!(text.contains("\"data\": 340282366920938463463374607431768211455"), "{text}");
        assert!(text.contains("\"schema_version\": 2") && text.contains("\"warnings\": []"));
    }

    #[test]
    fn a_record_that_is_no_json_is_said() {
        let text = Envelope::success(&BTreeMap::from([(vec![1], 1)]));
        assert!(
            text.contains("\"success\": false") && text.contains("done all the same"),
            "{text}"
        );
    }
}
