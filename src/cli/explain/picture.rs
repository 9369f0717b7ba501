//! What there is to judge: a stored screen, or where a recorded stream ended, with what is known of the pane.
//!
//! What is not known is left open: nothing is made up that could turn a doubtful screen into an approval.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::agent::monitor::{Conclusion, Moment, Monitor, Scene};
use crate::cli::exit::CommandError;
use crate::domain::detect::Detector;
use crate::term::{Emulator, Fed, Screen, Signal, Size};

/// The size of a pane whose size is not known: what most recordings have.
const SIZE: (u16, u16) = (80, 24);
/// The widest screen that is measured when its width is not known.
const WIDEST: u16 = 500;

/// What a `meta.toml` may say of a pane. Everything else in the file is passed over, above all its labels.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Meta {
    pub tool: Option<String>,
    pub cols: Option<u16>,
    pub rows: Option<u16>,
    pub cursor_x: Option<u16>,
    pub cursor_y: Option<u16>,
    pub cursor_visible: Option<bool>,
    pub pane_title: Option<String>,
    pub pane_current_command: Option<String>,
    pub alternate_on: Option<bool>,
}

impl Meta {
    fn read(path: &Path) -> Result<Self, CommandError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(unreadable(path, &source)),
        };
        toml::from_str(&text).map_err(|error| {
            // In one line: what TOML says spans several.
            let why = error.message().replace('\n', " ");
            let path = path.display();
            CommandError::failed(
                format!("{path} is not a description of a screen: {why}"),
                "",
            )
        })
    }

    fn with(self, overrides: Self) -> Self {
        Self {
            tool: overrides.tool.or(self.tool),
            cols: overrides.cols.or(self.cols),
            rows: overrides.rows.or(self.rows),
            ..self
        }
    }
}

/// How many titles are kept: a tool shows its own within the first few.
const TITLES: usize = 32;

/// A pane at one moment.
#[derive(Clone, Debug)]
pub struct Picture {
    pub tool: Option<String>,
    pub cols: u16,
    /// The visible rows, top first.
    pub rows: Vec<String>,
    /// The same with their colours.
    pub screen: Screen,
    /// Row and column.
    pub cursor: (u16, u16),
    pub cursor_visible: bool,
    pub alternate: bool,
    /// Empty when it is not known.
    pub title: String,
    /// The foreground program, if it is known.
    pub command: Option<String>,
    /// The last status report (OSC 7501) of a stream, as it came.
    pub status: Option<String>,
    /// What the last status report called the tool.
    pub app: Option<String>,
    /// The first titles that a stream set, each once: those of a tool that has left since tell which it was.
    pub titles: Vec<String>,
    /// Whether a full-screen program has drawn here: it hid the cursor, took the alternate screen or reported a status.
    pub had_program: bool,
    /// The output of a stream.
    stream: Vec<u8>,
}

impl Picture {
    pub fn of_fixture(dir: &Path, overrides: Meta) -> Result<Self, CommandError> {
        let path = dir.join("screen.ans");
        let ansi = fs::read(&path).map_err(|source| unreadable(&path, &source))?;
        let meta = Meta::read(&dir.join("meta.toml"))?.with(overrides);
        let mut lines: Vec<&[u8]> = ansi.split(|&byte| byte == b'\n').collect();
        if lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        let height = meta
            .rows
            .unwrap_or_else(|| u16::try_from(lines.len()).unwrap_or(SIZE.1).max(1));
        let width = meta.cols.unwrap_or_else(|| {
            let rows = drawn(&lines, Size::new(WIDEST, height)).rows().to_vec();
            let widest = rows
                .iter()
                .map(|row| crate::term::sanitize::width(row))
                .max();
            widest
                .and_then(|widest| u16::try_from(widest).ok())
                .unwrap_or(0)
                .max(SIZE.0)
        });
        let mut emulator = drawn(&lines, Size::new(width, height));
        let cursor = emulator.screen().cursor();
        Ok(Self {
            tool: meta.tool,
            cols: width,
            rows: emulator.rows().to_vec(),
            screen: emulator.screen().clone(),
            cursor: (
                meta.cursor_y.unwrap_or(cursor.row),
                meta.cursor_x.unwrap_or(cursor.col),
            ),
            cursor_visible: meta.cursor_visible.unwrap_or(true),
            alternate: meta.alternate_on.unwrap_or(false),
            title: meta.pane_title.unwrap_or_default(),
            command: meta.pane_current_command,
            status: None,
            app: None,
            titles: Vec::new(),
            had_program: true,
            stream: Vec::new(),
        })
    }

    pub fn of_stream(file: &Path, overrides: Meta) -> Result<Self, CommandError> {
        let bytes = fs::read(file).map_err(|source| unreadable(file, &source))?;
        let meta = Meta::read(&file.with_file_name("meta.toml"))?.with(overrides);
        Ok(Self::after(&bytes, meta))
    }

    /// The pane after it printed `bytes`.
    fn after(bytes: &[u8], meta: Meta) -> Self {
        let size = Size::new(meta.cols.unwrap_or(SIZE.0), meta.rows.unwrap_or(SIZE.1));
        let mut emulator = Emulator::new(size);
        let mut fed = Fed::default();
        let (mut title, mut status, mut app, mut had_program) = (None, None, None, false);
        let mut titles: Vec<String> = Vec::new();
        for piece in bytes.chunks(4096) {
            emulator.feed(piece, &mut fed);
            fed.drawn.clear();
            for signal in fed.signals.drain(..) {
                match signal {
                    Signal::Title(text) => {
                        if titles.len() < TITLES && !titles.contains(&text) {
                            titles.push(text.clone());
                        }
                        title = Some(text);
                    }
                    // A question whether the terminal takes reports has no state.
                    Signal::ProgramStatus(text) if text.contains("state=") => {
                        let named = text.split(':').find_map(|field| field.strip_prefix("app="));
                        app = named.map(str::to_owned).or(app);
                        status = Some(text);
                        had_program = true;
                    }
                    _ => {}
                }
            }
            had_program |= emulator.screen().is_alternate() || !emulator.screen().cursor().visible;
        }
        let cursor = emulator.screen().cursor();
        Self {
            tool: meta.tool,
            cols: size.cols,
            rows: emulator.rows().to_vec(),
            screen: emulator.screen().clone(),
            cursor: (cursor.row, cursor.col),
            cursor_visible: cursor.visible,
            alternate: emulator.screen().is_alternate(),
            title: title.clone().or(meta.pane_title).unwrap_or_default(),
            command: meta.pane_current_command,
            status,
            app,
            titles,
            had_program,
            stream: bytes.to_vec(),
        }
    }
}

/// How much of a stream comes at once, and how much later the rest: below what an agent parses of a pane.
const PIECE: usize = 4096;
const PIECE_GAP: Duration = Duration::from_millis(20);
/// When it is told that the foreground program is the one that is in front at the end, and looked at for the last time.
const QUIET: Duration = Duration::from_secs(60);
/// How often a monitor may want to look again when nothing is printed any more: none does more than a few times.
const LOOKS: usize = 64;

impl Picture {
    /// What an agent would have concluded after the stream, with `command` in front; `None` for a fixture.
    pub fn conclusion(&self, tool: &str, command: &str, detector: &Detector) -> Option<Conclusion> {
        if self.stream.is_empty() {
            return None;
        }
        let start = Instant::now();
        let at = |passed: Duration| Moment {
            instant: start + passed,
            wall: u64::try_from(passed.as_millis()).unwrap_or(u64::MAX),
        };
        let size = self.screen.size();
        let mut monitor = Monitor::new(size, at(Duration::ZERO));
        let mut passed = Duration::ZERO;
        let mut prompts = 0;
        let scene = Scene { tool, command };
        // A title that no stream sets is one that the pane had before.
        monitor.set_title(&self.title, start);
        for piece in self.stream.chunks(PIECE) {
            monitor.output(piece, &mut Vec::new(), at(passed));
            passed += PIECE_GAP;
        }
        for _ in 0..LOOKS {
            let Some(wake) = monitor.wake_at() else {
                break;
            };
            passed = passed.max(wake.saturating_duration_since(start));
            monitor.judge(scene, at(passed), &mut prompts, detector);
        }
        monitor.judge(scene, at(passed + QUIET), &mut prompts, detector);
        Some(monitor.conclusion().clone())
    }
}

/// A screen from what `capture-pane -e` wrote: each row where it was, attributes carried over from row to row.
fn drawn(lines: &[&[u8]], size: Size) -> Emulator {
    let mut emulator = Emulator::new(size);
    let mut fed = Fed::default();
    // Line drawing is marked by SO and SI.
    emulator.feed(b"\x1b)0", &mut fed);
    for (row, line) in (1..=size.rows).zip(lines) {
        emulator.feed(format!("\x1b[{row};1H").as_bytes(), &mut fed);
        emulator.feed(line, &mut fed);
        fed = Fed::default();
    }
    emulator
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::because(format!("cannot read {}", path.display()), error)
}
