//! What a subcommand says: text to standard output, asides to standard error, a question to the person at the terminal.
//!
//! Promise: no colour goes where nobody would see it as one, and a reader that has seen enough is no error.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde::Serialize;

use super::exit::CommandError;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Whether what goes to standard output may have colours.
    pub fn is_wanted(self) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = || std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb(),
        }
    }
}

/// What a text is about, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Needs the person.
    Urgent,
    Good,
    Bad,
    Busy,
    Faint,
    Heading,
}

impl Tone {
    /// `text` in this tone, in one of the sixteen colours that every terminal has.
    pub fn paint(self, text: &str, is_coloured: bool) -> String {
        let code = match self {
            Self::Plain => "",
            Self::Urgent => "1;33",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Busy => "36",
            Self::Faint => "2",
            Self::Heading => "1",
        };
        if code.is_empty() || !is_coloured || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Writes to standard output. Says whether anybody still reads.
pub fn print(text: &str) -> Result<bool, CommandError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::because("cannot write", &error)),
    }
}

/// Writes one JSON value, over several lines.
pub fn print_json(value: &impl Serialize) -> Result<bool, CommandError> {
    let text = serde_json::to_string_pretty(value);
    print(&(text.expect("plain values with text for keys") + "\n"))
}

/// Writes one JSON value on one line.
pub fn print_json_line(value: &impl Serialize) -> Result<bool, CommandError> {
    let text = serde_json::to_string(value);
    print(&(text.expect("plain values with text for keys") + "\n"))
}

/// Says something beside the output. Who closed standard error does not want to know.
pub fn aside(text: &str) {
    let _unheard = writeln!(io::stderr(), "cm-tui: {text}");
}

/// Says why something failed, as [`aside`].
pub fn complain(error: &CommandError) {
    let mut text = format!("cm-tui: {error}\n");
    if !error.hint.is_empty() {
        let _never = writeln!(text, "hint: {}", error.hint);
    }
    let _unheard = io::stderr().write_all(text.as_bytes());
}

/// Says why several things failed: all but the last, which is returned for who called to say.
pub fn complain_of(mut errors: Vec<CommandError>) -> Result<(), CommandError> {
    let last = errors.pop();
    errors.iter().for_each(complain);
    last.map_or(Ok(()), Err)
}

/// Whether somebody sits here who can be asked.
pub fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the person; only `y` and `yes` are a yes. Call only when [`is_attended`].
pub fn confirm(question: &str) -> bool {
    let answer = ask(&format!("{question} [y/N]"));
    ["y", "yes"].contains(&answer.to_lowercase().as_str())
}

/// Asks the person for a line; empty when there is none. Call only when [`is_attended`].
pub fn ask(question: &str) -> String {
    let _unheard = write!(io::stderr(), "{question} ");
    let _unheard = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_or_else(|_closed| String::new(), |_| answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_a_colour_only_where_colours_are() {
        assert_eq!(Tone::Bad.paint("no", true), "\x1b[31mno\x1b[0m");
        assert_eq!(Tone::Bad.paint("no", false), "no");
        assert_eq!(Tone::Plain.paint("no", true), "no");
        assert_eq!(Tone::Bad.paint("", true), "");
    }
}
