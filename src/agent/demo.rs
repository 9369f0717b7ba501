//! Scripted stand-ins for AI coding tools: `cm-agent demo working|asking|finishing`.
//!
//! With them anybody can try every key of the dashboard without an account, and tests have something that behaves like
//! a tool. They change nothing: no file is touched and no command is run, whatever is answered. The terminal is left as
//! it was found.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Between two pictures of the spinner: what looks smooth and costs next to nothing.
const TICK: Duration = Duration::from_millis(120);
/// How long `finishing` works.
const SHORT_WORK: Duration = Duration::from_secs(10);
/// How long `asking` works between two questions: long enough to see the state change.
const BETWEEN: Duration = Duration::from_secs(4);
/// From how many columns on the spinner's row has room for a hint.
const ROOMY: usize = 50;
/// The longest draft that is kept, in characters.
const DRAFT: usize = 500;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const ACTIVITIES: [&str; 5] = [
    "Reading the code…",
    "Thinking…",
    "Writing tests…",
    "Running the tests…",
    "Tidying up…",
];
const COMMANDS: [&str; 4] = [
    "cargo test --workspace",
    "git status --short",
    "cargo clippy --all-targets",
    "du -sh target/debug",
];
/// What scrolls by: kind and text.
const LINES: [(Kind, &str); 16] = [
    (
        Kind::Said,
        "I will look at how the cart computes its total first.",
    ),
    (Kind::Ran, "Read src/cart.rs (214 lines)"),
    (Kind::Ran, "Read src/tax.rs (88 lines)"),
    (
        Kind::Said,
        "The rate is rounded too early; the error adds up over many items.",
    ),
    (Kind::Ran, "Edit src/tax.rs"),
    (Kind::Removed, "    let tax = (price * rate).round();"),
    (Kind::Added, "    let tax = price * rate;"),
    (Kind::Ran, "Edit src/cart.rs"),
    (Kind::Added, "    (net + tax).round_dp(2)"),
    (Kind::Ran, "Run cargo test cart"),
    (Kind::Passed, "test cart::empty_cart_is_free ... ok"),
    (Kind::Passed, "test cart::rounding_happens_once ... ok"),
    (
        Kind::Failed,
        "test cart::negative_quantity_is_refused ... FAILED",
    ),
    (
        Kind::Said,
        "One test still expects the old behaviour. I will check whether it is right.",
    ),
    (Kind::Ran, "Read tests/cart.rs (131 lines)"),
    (
        Kind::Passed,
        "test cart::negative_quantity_is_refused ... ok",
    ),
];

#[derive(Clone, Copy)]
enum Kind {
    Said,
    Ran,
    Added,
    Removed,
    Passed,
    Failed,
}

impl Kind {
    fn dressed(self, text: &str) -> String {
        match self {
            Self::Said => format!("\u{1b}[1m●\u{1b}[0m {text}"),
            Self::Ran => format!("\u{1b}[36m●\u{1b}[0m \u{1b}[2m{text}\u{1b}[0m"),
            Self::Added => format!("  \u{1b}[32m+ {text}\u{1b}[0m"),
            Self::Removed => format!("  \u{1b}[31m- {text}\u{1b}[0m"),
            Self::Passed => format!("  \u{1b}[32m✓\u{1b}[0m {text}"),
            Self::Failed => format!("  \u{1b}[31m✗ {text}\u{1b}[0m"),
        }
    }
}

/// Plays one of the scripts until it ends, its terminal does, or ctrl-c is pressed.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for an unknown script; whatever reading or writing the terminal gives.
pub fn run(script: &str) -> io::Result<()> {
    let play: fn(&mut Stage) -> io::Result<Heard> = match script {
        "working" => work_on,
        "asking" => ask_on,
        "finishing" => finish,
        other => {
            let message =
                format!("no demo is called “{other}”: there are working, asking and finishing");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
    };
    let mut stage = Stage::open()?;
    stage.say(&format!("\u{1b}[1mDemo\u{1b}[0m \u{1b}[2m{script}: nothing here touches a file or runs a command\u{1b}[0m"))?;
    stage.say("")?;
    play(&mut stage)?;
    stage.close()
}

fn work_on(stage: &mut Stage) -> io::Result<Heard> {
    loop {
        if let Heard::End = stage.work(Duration::from_secs(3600))? {
            return Ok(Heard::End);
        }
    }
}

fn finish(stage: &mut Stage) -> io::Result<Heard> {
    if let Heard::End = stage.work(SHORT_WORK)? {
        return Ok(Heard::End);
    }
    stage.say("")?;
    stage.say("\u{1b}[32;1m✔ Finished:\u{1b}[0m 2 files changed, 3 tests pass")?;
    Ok(Heard::End)
}

fn ask_on(stage: &mut Stage) -> io::Result<Heard> {
    let mut settled: Vec<&str> = Vec::new();
    for command in COMMANDS.iter().cycle() {
        if let Heard::End = stage.work(BETWEEN)? {
            break;
        }
        stage.say(&format!("\u{1b}[36m●\u{1b}[0m Bash({command})"))?;
        let answer = if settled.contains(command) {
            Some(Chosen::Always)
        } else {
            stage.ask(command)?
        };
        match answer {
            None => break,
            Some(Chosen::No) => stage.say("  \u{1b}[31m⎿ Denied\u{1b}[0m, going on without it")?,
            Some(chosen) => {
                if let Chosen::Always = chosen {
                    settled.push(command);
                }
                stage.say("  \u{1b}[32m⎿ Allowed\u{1b}[0m, pretending to run it")?;
            }
        }
    }
    Ok(Heard::End)
}

/// What came from the keyboard while nothing was asked.
enum Heard {
    Nothing,
    End,
}

#[derive(Clone, Copy)]
enum Chosen {
    Yes,
    Always,
    No,
}

impl Chosen {
    const ALL: [Self; 3] = [Self::Yes, Self::Always, Self::No];

    fn label(self) -> &'static str {
        match self {
            Self::Yes => "Yes",
            Self::Always => "Yes, and don't ask again",
            Self::No => "No",
        }
    }
}

/// The terminal: lines that scroll, and below them a block that is drawn anew.
struct Stage {
    before: Option<Termios>,
    /// How many rows the block takes.
    drawn: usize,
    draft: String,
    tick: usize,
    next_line: usize,
}

impl Stage {
    fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut keys = before.clone();
            // Every key at once and unseen; output stays as it is.
            keys.local_modes
                .remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            tcsetattr(io::stdin(), OptionalActions::Now, &keys)?;
        }
        Ok(Self {
            before,
            drawn: 0,
            draft: String::new(),
            tick: 0,
            next_line: 0,
        })
    }

    fn close(mut self) -> io::Result<()> {
        self.draw(&[])
    }

    fn columns() -> usize {
        tcgetwinsize(io::stdout()).map_or(80, |size| usize::from(size.ws_col).max(20))
    }

    /// Puts a line above the block.
    fn say(&mut self, line: &str) -> io::Result<()> {
        self.draw(&[])?;
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    /// Replaces the block. The cursor stays behind its last row.
    fn draw(&mut self, rows: &[String]) -> io::Result<()> {
        let mut text = String::from("\u{1b}[?25h");
        match self.drawn {
            0 => {}
            1 => text.push_str("\r\u{1b}[J"),
            more => {
                let to_the_top = format!("\r\u{1b}[{}A\u{1b}[J", more - 1);
                text.push_str(&to_the_top);
            }
        }
        text.push_str(&rows.join("\n"));
        self.drawn = rows.len();
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Scrolls lines under a spinner for a while.
    fn work(&mut self, duration: Duration) -> io::Result<Heard> {
        let started = Instant::now();
        while started.elapsed() < duration {
            if self.tick.is_multiple_of(7) {
                let (kind, text) = LINES[self.next_line % LINES.len()];
                self.next_line += 1;
                self.say(&kind.dressed(text))?;
            }
            let spinner = SPINNER[self.tick % SPINNER.len()];
            let activity = ACTIVITIES[self.tick / 40 % ACTIVITIES.len()];
            let seconds = started.elapsed().as_secs();
            let columns = Self::columns();
            // A row that wraps would not be cleared.
            let hint = if columns < ROOMY {
                ""
            } else {
                " · ctrl-c to leave"
            };
            // The end of the draft is what is being typed.
            let hidden = self
                .draft
                .chars()
                .count()
                .saturating_sub(columns.saturating_sub(4));
            let draft: String = self.draft.chars().skip(hidden).collect();
            self.draw(&[
                String::new(),
                format!(
                    "\u{1b}[35m{spinner} {activity}\u{1b}[0m \u{1b}[2m({seconds}s{hint})\u{1b}[0m"
                ),
                String::new(),
                format!("❯ {draft}"),
            ])?;
            self.tick += 1;
            if let Some(typed) = hear(TICK)?
                && let Heard::End = self.type_in(&typed)?
            {
                return Ok(Heard::End);
            }
        }
        Ok(Heard::Nothing)
    }

    /// Takes keys into the draft; Enter sends it.
    fn type_in(&mut self, typed: &[u8]) -> io::Result<Heard> {
        if typed.is_empty() || typed.contains(&3) {
            return Ok(Heard::End);
        }
        if typed.starts_with(b"\x1b") {
            self.draft.clear();
            return Ok(Heard::Nothing);
        }
        for c in String::from_utf8_lossy(typed).chars() {
            match c {
                '\r' | '\n' if !self.draft.trim().is_empty() => {
                    let sent = std::mem::take(&mut self.draft);
                    self.say(&format!("\u{1b}[1m❯ {sent}\u{1b}[0m"))?;
                    self.say("\u{1b}[1m●\u{1b}[0m Noted: that is what I will do next.")?;
                }
                '\u{8}' | '\u{7f}' => drop(self.draft.pop()),
                c if !c.is_control() && self.draft.chars().count() < DRAFT => self.draft.push(c),
                _ => {}
            }
        }
        Ok(Heard::Nothing)
    }

    /// Asks whether `command` may run; `None` at the end of input or on ctrl-c.
    fn ask(&mut self, command: &str) -> io::Result<Option<Chosen>> {
        let mut marked = 0;
        let chosen = loop {
            let mut rows = vec![
                "\u{1b}[2m──────────────────────────────────────\u{1b}[0m".to_owned(),
                " \u{1b}[1mRun a command\u{1b}[0m".to_owned(),
                String::new(),
                format!("   $ {command}"),
                String::new(),
                " Do you want to proceed?".to_owned(),
            ];
            for (index, option) in Chosen::ALL.iter().enumerate() {
                let (mark, colour) = if index == marked {
                    ("❯", "\u{1b}[36m")
                } else {
                    (" ", "")
                };
                rows.push(format!(
                    " {colour}{mark} {}. {}\u{1b}[0m",
                    index + 1,
                    option.label()
                ));
            }
            rows.push(String::new());
            rows.push(" \u{1b}[2mEsc to cancel\u{1b}[0m\u{1b}[?25l".to_owned());
            self.draw(&rows)?;
            let Some(typed) = hear(Duration::from_secs(60))? else {
                continue;
            };
            match typed.as_slice() {
                [] | [3, ..] => break None,
                [b'1', ..] => break Some(Chosen::Yes),
                [b'2', ..] => break Some(Chosen::Always),
                [b'3', ..] | [0x1b] => break Some(Chosen::No),
                [b'\r' | b'\n', ..] => break Some(Chosen::ALL[marked]),
                [0x1b, b'[' | b'O', b'A', ..] => marked = marked.saturating_sub(1),
                [0x1b, b'[' | b'O', b'B', ..] => marked = (marked + 1).min(Chosen::ALL.len() - 1),
                _ => {}
            }
        };
        self.draw(&[])?;
        Ok(chosen)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may be gone: then there is nothing to put right.
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// What is typed within `duration`: `None` is nothing, an empty answer the end of input.
fn hear(duration: Duration) -> io::Result<Option<Vec<u8>>> {
    let stdin = io::stdin();
    let timeout = Timespec::try_from(duration).map_err(io::Error::other)?;
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    match poll(&mut ready, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut buffer = [0; 256];
    let count = rustix::io::read(&stdin, &mut buffer)?;
    Ok(Some(buffer[..count].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_script_is_refused_by_name() {
        let error = run("sleeping").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("“sleeping”"));
    }
}
