//! Recorded screens, `tests/screens/TOOL/SAMPLE`, read in one way by every test that shows or judges them.
//!
//! Promise: a label that is missing, or one that is not known, fails the test that reads it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cm_tui::term::{Emulator, Fed, Screen, Size};
use serde::Deserialize;

/// How many there are at least: a folder that is not found must not pass for one without screens.
const LEAST: usize = 700;

static ALL: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let samples: Vec<_> = sorted(&screens())
        .iter()
        .flat_map(|tool| sorted(tool))
        .map(|folder| Sample::read(&folder))
        .collect();
    assert!(samples.len() >= LEAST, "{} screens", samples.len());
    samples
});

/// A recorded screen and what it is.
pub struct Sample {
    /// `TOOL/SAMPLE`.
    pub name: String,
    /// Without blanks at their ends.
    pub rows: Vec<String>,
    /// With its colours, where they were recorded.
    pub screen: Option<Screen>,
    pub meta: Meta,
}

/// The pane, and the labels that people gave it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    pub tool: String,
    #[serde(rename = "version")]
    _version: String,
    pub cols: u16,
    pub rows: u16,
    pub cursor_x: u16,
    pub cursor_y: u16,
    pub cursor_visible: bool,
    pub alternate_on: bool,
    pub pane_title: String,
    pub pane_current_command: String,
    pub state: String,
    pub prompt_kind: Option<String>,
    pub subject: Option<String>,
    pub subject_visible: Option<bool>,
    pub approve_keys: Option<String>,
    pub deny_keys: Option<String>,
    pub adversarial: bool,
    #[serde(rename = "note")]
    _note: String,
}

impl Sample {
    /// All of them, sorted by name.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The one called `TOOL/SAMPLE`; the others are not read.
    pub fn named(name: &str) -> Self {
        Self::read(&screens().join(name))
    }

    fn read(folder: &Path) -> Self {
        let meta = fs::read_to_string(folder.join("meta.toml")).unwrap();
        let meta: Meta = toml::from_str(&meta).unwrap();
        let text = fs::read_to_string(folder.join("screen.txt")).unwrap();
        let ansi = fs::read_to_string(folder.join("screen.ans")).ok();
        let name = folder.strip_prefix(screens()).unwrap();
        Self {
            name: name.to_str().unwrap().to_owned(),
            rows: text.lines().map(|row| row.trim_end().to_owned()).collect(),
            screen: ansi.map(|ansi| coloured(&ansi, meta.cols)),
            meta,
        }
    }

    pub fn folder(&self) -> PathBuf {
        screens().join(&self.name)
    }
}

fn screens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// A screen from what `capture-pane -e` wrote.
fn coloured(ansi: &str, cols: u16) -> Screen {
    let rows = u16::try_from(ansi.lines().count()).unwrap().max(1);
    let mut emulator = Emulator::new(Size::new(cols, rows));
    for (row, line) in (1..).zip(ansi.lines()) {
        let placed = format!("\x1b[{row};1H{line}");
        emulator.feed(placed.as_bytes(), &mut Fed::default());
    }
    emulator.screen().clone()
}
