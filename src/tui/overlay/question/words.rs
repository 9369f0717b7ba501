//! What a question says, line by line: facts are wrapped and never cut, explanations are left out where room is scarce.

use unicode_segmentation::UnicodeSegmentation as _;

use super::QuestionForm;
use crate::term::sanitize;
use crate::transport::asking::{HostKeyQuestion, InstallQuestion, Question, SecretsQuestion};
use crate::tui::theme::Role;
use crate::tui::widget::{clean, width, wrap};

/// Columns inside the frame below which labels are short.
pub(super) const NARROW: u16 = 50;
/// The most lines of a host's own words; a login banner is no reason to hide the field.
const SAID: usize = 6;
/// The most columns of a host's name in the title.
const NAME: usize = 32;

/// One line of the question.
pub(super) enum Line {
    Blank,
    Text(String, Role),
    /// Label and value; the label is empty where a value goes on.
    Fact(&'static str, String, Role),
    /// What the host itself says, marked as such.
    Said(String),
}

/// How much is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Ample,
    Scarce,
}

impl QuestionForm {
    pub(super) fn lines(&self, columns: u16, room: Room) -> Vec<Line> {
        let mut lines = match &self.question {
            Question::HostKey(key) => host_key(key, columns, room),
            Question::Secrets(secrets) => said(secrets, columns, room),
            Question::Install(install) => self.install(install, columns, room),
            Question::TryAgain { message, hint } => self.try_again(message, hint, columns, room),
        };
        if let Some(complaint) = &self.complaint {
            lines.extend(
                wrap(complaint, columns)
                    .into_iter()
                    .map(|text| Line::Text(text, Role::Error)),
            );
        }
        if room == Room::Ample {
            lines.insert(0, Line::Blank);
            lines.push(Line::Blank);
        }
        lines
    }

    fn install(&self, install: &InstallQuestion, columns: u16, room: Room) -> Vec<Line> {
        let mut lines = Vec::new();
        if room == Room::Ample {
            let words = format!(
                "{} has no cm-agent that we can talk to. Put ours there? It needs no rights and listens on no port.",
                name(self.host.as_str())
            );
            lines.extend(texts(&words, columns, Role::Text));
            lines.push(Line::Blank);
        }
        lines.extend(facts("system", &install.system, columns, Role::Text));
        lines.extend(facts("path", &install.path, columns, Role::Name));
        lines.extend(facts("size", &size(install.bytes), columns, Role::Text));
        if let Some(found) = &install.found {
            lines.extend(facts("found", found, columns, Role::NeedsYou));
        }
        lines
    }

    fn try_again(&self, message: &str, hint: &str, columns: u16, room: Room) -> Vec<Line> {
        let mut lines: Vec<_> = texts(message, columns, Role::Error).collect();
        if !hint.is_empty() {
            lines.extend(texts(hint, columns, Role::Muted));
        }
        if room == Room::Ample {
            lines.push(Line::Blank);
            let words = format!(
                "Logging in to {} failed twice. It is not tried again by itself: some hosts lock out who fails too often.",
                name(self.host.as_str())
            );
            lines.extend(texts(&words, columns, Role::Text));
        }
        lines
    }
}

fn host_key(key: &HostKeyQuestion, columns: u16, room: Room) -> Vec<Line> {
    let mut lines = Vec::new();
    if room == Room::Ample {
        let words = "No file knows the key that this host showed. Compare its fingerprint with one that you got another way, for example with ssh-keygen -lf on the host itself.";
        lines.extend(texts(words, columns, Role::Text));
        lines.push(Line::Blank);
    }
    let narrow = columns < NARROW;
    let label = |short, long| if narrow { short } else { long };
    lines.extend(facts("host", &key.host, columns, Role::Name));
    if !key.address.is_empty() {
        lines.extend(facts(
            label("at", "address"),
            &key.address,
            columns,
            Role::Text,
        ));
    }
    lines.extend(facts(
        label("type", "key type"),
        &key.algorithm,
        columns,
        Role::Text,
    ));
    let room = columns.saturating_sub(label_columns(columns)).max(1);
    let fingerprint = clean(&key.fingerprint);
    let mut label = label("key", "fingerprint");
    for part in chunks(&fingerprint, room) {
        lines.push(Line::Fact(label, part, Role::Key));
        label = "";
    }
    lines.extend(facts(
        if narrow { "file" } else { "added to" },
        &key.file,
        columns,
        Role::Text,
    ));
    lines
}

fn said(secrets: &SecretsQuestion, columns: u16, room: Room) -> Vec<Line> {
    let mut lines: Vec<_> = texts(&secrets.title, columns, Role::Name).collect();
    if secrets.instructions.trim().is_empty() {
        return lines;
    }
    let words = wrap(secrets.instructions.trim(), columns.saturating_sub(2));
    let most = if room == Room::Ample { SAID } else { 2 };
    let left_out = words.len().saturating_sub(most);
    lines.extend(words.into_iter().take(most).map(Line::Said));
    if left_out > 0 {
        lines.push(Line::Text(format!("{left_out} more lines"), Role::Muted));
    }
    lines
}

fn texts(words: &str, columns: u16, role: Role) -> impl Iterator<Item = Line> {
    wrap(words, columns)
        .into_iter()
        .map(move |text| Line::Text(text, role))
}

/// A fact with its label; a long value goes on below.
fn facts(label: &'static str, value: &str, columns: u16, role: Role) -> Vec<Line> {
    let room = columns.saturating_sub(label_columns(columns)).max(1);
    let mut label = label;
    let lines = wrap(&clean(value), room).into_iter();
    lines
        .map(|text| Line::Fact(std::mem::take(&mut label), text, role))
        .collect()
}

pub(super) fn label_columns(columns: u16) -> u16 {
    if columns < NARROW { 7 } else { 13 }
}

/// Cuts text into pieces of at most `columns`, wherever that is.
fn chunks(text: &str, columns: u16) -> Vec<String> {
    let mut parts = vec![String::new()];
    for grapheme in text.graphemes(true) {
        let last = parts.last().map_or(0, |part| width(part));
        if last + width(grapheme) > columns {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(grapheme);
        }
    }
    parts
}

/// A host's name, never so long that the rest of a title is lost.
pub(super) fn name(host: &str) -> String {
    sanitize::label(host, NAME)
}

/// A size in bytes as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KB", bytes / 1024),
        _ => format!("{}.{} MB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(1023, "1023 bytes")]
    #[case(1024, "1 KB")]
    #[case(3_600_000, "3.4 MB")]
    fn sizes_are_read_by_people(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(size(bytes), text);
    }

    #[test]
    fn a_fingerprint_is_cut_only_where_the_line_ends() {
        let parts = chunks("SHA256:ab/cd+ef", 8);
        assert_eq!(parts, ["SHA256:a", "b/cd+ef"]);
    }
}
