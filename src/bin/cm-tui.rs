//! The dashboard's program: arguments, then one call.

use std::io::Write as _;
use std::process::ExitCode;

use cm_tui::cli::{self, Command};
use color_eyre::eyre::Report;

fn main() -> ExitCode {
    let arguments = cli::arguments(std::env::args_os());
    if let Err(report) = color_eyre::install() {
        return fail(&report, "");
    }
    if let Some(Command::Explain(wanted)) = arguments.command {
        let Some(session) = &wanted.session else {
            return match cli::explain(&wanted) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&Report::new(error), ""),
            };
        };
        return match cli::explain_session(session, arguments.agent) {
            Ok(explained) if wanted.json => print(&explained.json()),
            Ok(explained) => print(&explained.text()),
            Err(error) => {
                let (code, hint) = (error.exit_code(), error.hint());
                fail(&Report::new(error), &hint);
                ExitCode::from(code)
            }
        };
    }
    if let Some(Command::Logs(wanted)) = &arguments.command {
        return match cli::logs(wanted, arguments.agent.clone()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let (code, hint) = (error.exit_code(), error.hint());
                fail(&Report::new(error), &hint);
                ExitCode::from(code)
            }
        };
    }
    match cli::dashboard(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error.hint();
            fail(&Report::new(error), hint)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads may have seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&Report::new(error).wrap_err("cannot write"), ""),
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
