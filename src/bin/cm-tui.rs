//! The dashboard's program: arguments, then one call.

use std::io::Write as _;
use std::process::ExitCode;

use cm_tui::cli;
use color_eyre::eyre::Report;

fn main() -> ExitCode {
    let arguments = cli::arguments(std::env::args_os());
    // Subcommands are short: nothing that they do not need.
    if let Some(command) = &arguments.command {
        return cli::run(command, &arguments.globals);
    }
    if let Err(report) = color_eyre::install() {
        return fail(&report, "");
    }
    match cli::dashboard(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error.hint();
            fail(&Report::new(error), hint)
        }
    }
}

fn fail(report: &Report, hint: &str) -> ExitCode {
    let causes: Vec<String> = report.chain().map(ToString::to_string).collect();
    let hint = if hint.is_empty() {
        String::new()
    } else {
        format!("hint: {hint}\n")
    };
    // The terminal may be gone; then there is nobody to tell.
    let _told = write!(std::io::stderr(), "cm-tui: {}\n{hint}", causes.join(": "));
    ExitCode::FAILURE
}
