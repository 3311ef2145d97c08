//! The `oml` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    oml_cli::main()
}
