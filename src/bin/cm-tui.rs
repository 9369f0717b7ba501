//! The dashboard's program: arguments, then one call.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use cm_tui::cli::{
    self, AuditCommand, Command, ExplainArguments, HistoryArguments, PolicyArguments,
    VerifyArguments,
};
use color_eyre::eyre::Report;

fn main() -> ExitCode {
    let arguments = cli::arguments(std::env::args_os());
    if let Err(report) = color_eyre::install() {
        return fail(&report, "");
    }
    match &arguments.command {
        Some(Command::Explain(wanted)) => explain(wanted, arguments.agent.clone()),
        Some(Command::Audit(wanted)) => {
            let AuditCommand::Verify(wanted) = &wanted.command;
            verify(wanted)
        }
        Some(Command::History(wanted)) => history(wanted, arguments.agent.clone()),
        Some(Command::Policy(wanted)) => policy(wanted),
        None => match cli::dashboard(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let hint = error.hint();
                fail(&Report::new(error), hint)
            }
        },
    }
}

fn explain(wanted: &ExplainArguments, agent: Option<PathBuf>) -> ExitCode {
    let Some(session) = &wanted.session else {
        return match cli::explain(wanted) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&Report::new(error), ""),
        };
    };
    match cli::explain_session(session, agent) {
        Ok(explained) if wanted.json => print(&explained.json()),
        Ok(explained) => print(&explained.text()),
        Err(error) => {
            let (code, hint) = (error.exit_code(), error.hint());
            fail(&Report::new(error), &hint);
            ExitCode::from(code)
        }
    }
}

fn policy(wanted: &PolicyArguments) -> ExitCode {
    match cli::policy(wanted) {
        Ok(told) if told.is_good => print(&told.text),
        Ok(told) => {
            print(&told.text);
            ExitCode::FAILURE
        }
        Err(error) => {
            let hint = error.hint();
            fail(&Report::new(error), hint)
        }
    }
}

fn verify(wanted: &VerifyArguments) -> ExitCode {
    match cli::verify(wanted) {
        Ok(verified) => {
            print(&if wanted.json {
                verified.json()
            } else {
                verified.text()
            });
            ExitCode::from(verified.exit_code())
        }
        Err(error) => {
            let code = error.exit_code();
            fail(&Report::new(error), "");
            ExitCode::from(code)
        }
    }
}

/// What could be found is printed; a host that did not tell is named, and the exit code says that something is missing.
fn history(wanted: &HistoryArguments, agent: Option<PathBuf>) -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as u64);
    match cli::history(wanted, agent, now) {
        Ok(told) => {
            let code = print(&if wanted.json {
                told.json()
            } else {
                told.text()
            });
            for line in &told.silent {
                let _told = writeln!(std::io::stderr(), "cm-tui: {line}");
            }
            if told.silent.is_empty() {
                code
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let (code, hint) = (error.exit_code(), error.hint());
            fail(&Report::new(error), &hint);
            ExitCode::from(code)
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
