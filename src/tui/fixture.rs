//! A screen that was judged wrong, kept for whoever mends the rule: the same three files as a recorded screen has.
//!
//! Promise: what the pane showed is kept as it was, since it is evidence; names in paths are letters, digits and dashes.
//! Only the user can read what is kept, and nothing that exists is ever written to.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use crate::domain::{Explanation, Pictured, SessionState, UnixMillis};
use crate::term::{Emulator, Fed, Size};
use crate::tui::clock::date;

/// The longest part of a folder's name that comes from elsewhere, in bytes.
const NAME: usize = 40;
/// How many screens of one session are kept in a day: whoever meets this holds the key down.
const A_DAY: usize = 1_000;

/// What a screen can be said to show, in the words of recorded screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub state: &'static str,
    /// With which permission it waits; empty when it does not.
    pub kind: &'static str,
    /// For people.
    pub about: &'static str,
}

const fn label(state: &'static str, kind: &'static str, about: &'static str) -> Label {
    Label { state, kind, about }
}

/// In the order they are offered: what rules miss most comes first.
pub const LABELS: [Label; 14] = [
    label("idle", "", "waits for your next prompt"),
    label("working", "", "is busy, or tries again by itself"),
    label("question", "", "wants an answer that permits nothing"),
    label("approval", "command", "asks to run a command"),
    label("approval", "edit", "asks to change a file"),
    label("approval", "create", "asks to write a new file"),
    label("approval", "fetch", "asks for something from the network"),
    label("approval", "trust", "asks you to trust a folder"),
    label("approval", "plan", "asks to carry out a plan"),
    label("approval", "other", "asks to do something else"),
    label("error", "", "the last turn failed; the prompt is back"),
    label("starting", "", "is not ready yet"),
    label("exited", "", "has left; a shell is in front"),
    label("shell", "", "is a plain shell, no tool"),
];

/// A screen with what it was judged to be, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// What people call the session.
    pub session: String,
    pub at: UnixMillis,
    /// What the user says that the screen shows.
    pub label: Label,
    pub judged: Explanation,
}

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("cannot keep the screen in “{}”", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot describe the screen")]
    Meta(#[source] toml::ser::Error),
}

/// The fields of `meta.toml`, in the order of recorded screens.
#[derive(Serialize)]
struct Meta<'a> {
    tool: &'a str,
    version: &'a str,
    cols: u16,
    rows: u16,
    cursor_x: u16,
    cursor_y: u16,
    cursor_visible: bool,
    alternate_on: bool,
    pane_title: &'a str,
    pane_current_command: &'a str,
    state: &'a str,
    #[serde(flatten)]
    permission: Option<Permission<'a>>,
    adversarial: bool,
    note: String,
}

#[derive(Serialize)]
struct Permission<'a> {
    prompt_kind: &'a str,
    subject: &'a str,
    subject_visible: bool,
    approve_keys: &'a str,
    deny_keys: &'a str,
}

impl Fixture {
    /// Writes it into a new folder of its own below `fixtures`, and returns that.
    pub fn store(&self, fixtures: &Path) -> Result<PathBuf, StoreError> {
        let look = &self.judged.look;
        let meta = toml::to_string(&self.meta()).map_err(StoreError::Meta)?;
        let tool = fixtures.join(plain(&look.tool, "tool"));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&tool)
            .map_err(failed(&tool))?;
        let name = format!("{}-{}", date(self.at), plain(&self.session, "session"));
        let folder = new_folder(&tool, &name).map_err(failed(&tool.join(&name)))?;
        let files = [
            ("screen.ans", &look.ansi),
            ("screen.txt", &plain_text(look)),
            ("meta.toml", &meta),
        ];
        for (name, text) in files {
            if let Err(source) = write_new(&folder.join(name), text) {
                // Half a fixture would be taken for one. It is ours alone: we have just made it.
                let _gone = fs::remove_dir_all(&folder);
                return Err(failed(&folder)(source));
            }
        }
        Ok(folder)
    }

    fn meta(&self) -> Meta<'_> {
        let Self { label, judged, .. } = self;
        let look = &judged.look;
        let is_permission = label.state == "approval";
        // Only what was taken for this very permission has a subject that means something. No key is told: none was tried.
        let is_known = judged.state == SessionState::Approval
            && judged.kind.is_some_and(|kind| kind.word() == label.kind)
            && !judged.subject.is_empty();
        Meta {
            tool: &look.tool,
            version: "unknown",
            cols: look.cols,
            rows: look.rows,
            cursor_x: look.cursor_x,
            cursor_y: look.cursor_y,
            cursor_visible: look.cursor_visible,
            alternate_on: look.alternate_on,
            pane_title: &look.pane_title,
            pane_current_command: &look.pane_current_command,
            state: label.state,
            permission: is_permission.then_some(Permission {
                prompt_kind: label.kind,
                subject: if is_known { &judged.subject } else { "" },
                subject_visible: is_known,
                approve_keys: "",
                deny_keys: "",
            }),
            adversarial: false,
            note: self.note(),
        }
    }

    fn note(&self) -> String {
        let judged = &self.judged;
        let kind = judged
            .kind
            .map(|kind| format!(" ({})", kind.word()))
            .unwrap_or_default();
        let against = if judged.disagreement.is_empty() {
            String::new()
        } else {
            format!("; {}", judged.disagreement)
        };
        format!(
            "judged {}{kind} by the rule {}{against}",
            judged.state.word(),
            judged.rule
        )
    }
}

/// The characters alone, row by row.
fn plain_text(look: &Pictured) -> String {
    let mut text = String::new();
    for row in picture(look).screen().text() {
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// The screen as it was, in an emulator of its size.
pub fn picture(look: &Pictured) -> Emulator {
    let mut emulator = Emulator::new(Size::new(look.cols, look.rows));
    let mut fed = Fed::default();
    // Rows keep their place: a full one must not wrap onto the next.
    emulator.feed(b"\x1b[?7l", &mut fed);
    for (index, row) in look.ansi.lines().enumerate() {
        if index > 0 {
            emulator.feed(b"\r\n", &mut fed);
        }
        emulator.feed(b"\x1b[0m", &mut fed);
        emulator.feed(row.as_bytes(), &mut fed);
        if index + 1 >= usize::from(emulator.size().rows) {
            break;
        }
    }
    emulator
}

/// A folder of this name, or of the first one that is free behind it.
fn new_folder(parent: &Path, name: &str) -> io::Result<PathBuf> {
    for number in 1..=A_DAY {
        let folder = match number {
            1 => parent.join(name),
            _ => parent.join(format!("{name}-{number}")),
        };
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// `text` as a part of a path: letters, digits, `-`, `_` and `.` inside; `instead` when nothing of it is left.
fn plain(text: &str, instead: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let keeps = c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        if keeps {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
        if name.len() >= NAME {
            break;
        }
    }
    match name.trim_matches(['-', '.']) {
        "" => instead.to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Claude-Code", "claude-code")]
    #[case("../../etc/passwd", "etc-passwd")]
    #[case(".hidden", "hidden")]
    #[case("work:1.0", "work-1.0")]
    #[case("日本 \u{202e}\n", "session")]
    #[case("", "session")]
    #[case("..", "session")]
    fn a_name_cannot_lead_elsewhere(#[case] text: &str, #[case] name: &str) {
        assert_eq!(plain(text, "session"), name);
        assert!(plain(&text.repeat(99), "session").len() <= NAME);
    }
}
