//! What a prompt is about, as lines to read: all of it, with what cannot be seen marked.
//!
//! Promise: every character of the subject is on one of the lines, as itself or as a mark; nothing is cut.

use super::look::GlyphSet;
use super::widget::{clean, wrap};
use crate::domain::{Prompt, PromptKind, Source};
use crate::term::sanitize::MARK;

/// Blanks in a row from which on they are counted instead of shown, in columns: padding pushes what follows out of
/// sight, and nothing that is written by hand has this many.
const PADDING: usize = 12;

/// The text that is asked about: the subject, or the question where there is none.
pub fn text(prompt: &Prompt) -> &str {
    if prompt.subject.trim().is_empty() {
        &prompt.question
    } else {
        &prompt.subject
    }
}

/// The subject in lines of at most `columns`. A line break of the text itself is marked, so that it is not taken for one
/// of the page.
pub fn lines(prompt: &Prompt, columns: u16, glyphs: GlyphSet) -> Vec<String> {
    let text = text(prompt).trim_end_matches(['\n', '\r', ' ']);
    let last = text.lines().count().saturating_sub(1);
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut line = count_padding(&clean(line), glyphs);
        if index < last {
            line.push(' ');
            line.push_str(glyphs.pick("↵", "$"));
        }
        lines.extend(wrap(&line, columns));
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// Writes a long run of blanks as how many there are.
fn count_padding(line: &str, glyphs: GlyphSet) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line.trim_start_matches(' ');
    shown.push_str(&blanks(line.len() - rest.len(), glyphs));
    while let Some(at) = rest.find(' ') {
        let (word, more) = rest.split_at(at);
        rest = more.trim_start_matches(' ');
        shown.push_str(word);
        shown.push_str(&blanks(more.len() - rest.len(), glyphs));
    }
    shown.push_str(rest);
    shown
}

fn blanks(count: usize, glyphs: GlyphSet) -> String {
    if count < PADDING {
        return " ".repeat(count);
    }
    let (open, close) = (glyphs.pick("⟨", "<"), glyphs.pick("⟩", ">"));
    format!(" {open}{count} blanks{close} ")
}

/// What an eye may be mistaken about, in words; none when the subject is what it looks like.
pub fn warnings(prompt: &Prompt) -> Vec<String> {
    let text = text(prompt);
    let mut said = Vec::new();
    let clean = clean(text);
    if clean.contains(MARK) {
        said.push(format!("hidden characters in it are shown as {MARK}"));
    }
    let is_code = !matches!(
        prompt.kind,
        PromptKind::Question | PromptKind::Plan | PromptKind::Login
    );
    let is_odd = |c: char| !c.is_ascii() && c != MARK;
    if is_code && clean.chars().any(is_odd) {
        said.push(
            "not all of its characters are ASCII: some may only look like letters".to_owned(),
        );
    }
    said
}

/// Whether words that come with a no reach the tool: only a hook's answer has room for them.
pub fn takes_words(prompt: &Prompt) -> bool {
    prompt.evidence.contains(&Source::Hook)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::domain::PromptId;

    fn about(subject: &str) -> Prompt {
        Prompt {
            id: PromptId(1),
            kind: PromptKind::Command,
            subject: subject.to_owned(),
            question: "Proceed?".to_owned(),
            choices: Vec::new(),
            rule: String::new(),
            evidence: Vec::new(),
            since: 0,
            advice: None,
        }
    }

    #[rstest]
    #[case("rm -rf build", &["rm -rf build"])]
    #[case("", &["Proceed?"])]
    #[case("cat <<E\nx\nE\n", &["cat <<E ↵", "x ↵", "E"])]
    #[case("ls                    ; rm x", &["ls ⟨20 blanks⟩ ; rm", "x"])]
    #[case("a\u{202e}b\u{200b}c", &["a·b·c"])]
    fn nothing_is_out_of_sight(#[case] subject: &str, #[case] shown: &[&str]) {
        assert_eq!(lines(&about(subject), 20, GlyphSet::Unicode), shown);
    }

    #[rstest]
    #[case("ls -l", 0)]
    #[case("ls\u{200b} -l", 1)]
    #[case("рm -rf", 1)]
    fn what_may_mislead_is_said(#[case] subject: &str, #[case] count: usize) {
        assert_eq!(warnings(&about(subject)).len(), count);
    }

    proptest! {
        #[test]
        fn every_word_is_on_a_line(words in prop::collection::vec("[a-z/.;|$-]{1,30}", 1..40), columns in 8u16..90) {
            let lines = lines(&about(&words.join(" ")), columns, GlyphSet::Unicode);
            prop_assert_eq!(lines.concat().replace(' ', ""), words.concat());
            prop_assert!(lines.iter().all(|line| crate::tui::widget::width(line) <= columns));
        }
    }
}
