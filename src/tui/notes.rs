//! The notes that stand, as lines: what is drawn, and how much room that takes.

use super::clock::age;
use super::look::GlyphSet;
use super::model::Model;
use super::theme::Role;
use super::toast::Level;
use super::widget::wrap;

/// The widest a note gets, in columns.
const WIDEST: u16 = 72;
/// Columns of its edges and its glyph.
pub const EDGES: u16 = 5;
/// From this age on it is said, in milliseconds: only errors stand that long.
const AGED: u64 = 10_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub level: Level,
    pub lines: Vec<(String, Role)>,
}

impl Note {
    pub fn glyph(&self, glyphs: GlyphSet) -> &'static str {
        match self.level {
            Level::Done => glyphs.pick("✓", "+"),
            Level::Refused => glyphs.pick("▲", "!"),
            Level::Failed => glyphs.pick("✗", "x"),
        }
    }
}

/// The notes, newest first, in a terminal of this width.
pub fn notes(model: &Model, columns: u16) -> Vec<Note> {
    let widest = WIDEST.min(columns.saturating_sub(2)).saturating_sub(EDGES);
    let newest_first = model.toasts.iter().rev();
    newest_first
        .map(|toast| {
            let stood = model.now.since(toast.at);
            let text = if stood >= AGED {
                format!("{} ({} ago)", toast.text, age(stood))
            } else {
                toast.text.clone()
            };
            let with =
                |text: &str, role| wrap(text, widest).into_iter().map(move |line| (line, role));
            let mut lines: Vec<_> = with(&text, Role::Text).collect();
            if !toast.hint.is_empty() {
                lines.extend(with(&toast.hint, Role::Muted));
            }
            Note {
                level: toast.level,
                lines,
            }
        })
        .collect()
}
