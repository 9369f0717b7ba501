//! What the detector found becomes a prompt that can be told: cleaned, bounded, and the same one as long as it stands.

use crate::domain::detect::FoundPrompt;
use crate::domain::{Prompt, PromptId, Source, UnixMillis};
use crate::term::sanitize;

/// The longest line of a prompt, in columns: the widest screen there is.
const PROMPT_COLS: usize = 1000;
/// The longest subject of a prompt, in bytes: a full screen of 80×50. The rest of what is told of a prompt is kept to a
/// part of it, so that what one pane shows never fills a message.
const LONGEST_SUBJECT: usize = 4 << 10;
const LONGEST_LABEL: usize = 1 << 10;
const MOST_CHOICES: usize = 20;

/// The same question that stands since the last look, as `open`, keeps its id and its age. One that is too long to be
/// told whole has no certain answer: a person may look at it, nothing is said for them.
pub(super) fn identify(
    open: Option<&Prompt>,
    found: FoundPrompt,
    rule: &str,
    now: UnixMillis,
    last_prompt: &mut u64,
) -> Prompt {
    let FoundPrompt {
        kind,
        subject,
        question,
        mut choices,
    } = found;
    let (mut subject, mut question) = (clean(&subject), clean(&question));
    choices.truncate(MOST_CHOICES);
    for choice in &mut choices {
        choice.label = clean(&choice.label);
        shorten(&mut choice.label, LONGEST_LABEL);
    }
    let is_cut = shorten(&mut question, LONGEST_SUBJECT);
    if is_cut || subject.len() > LONGEST_SUBJECT {
        subject.clear();
        for choice in &mut choices {
            choice.answer = None;
        }
    }
    let mut prompt = Prompt {
        id: PromptId(0),
        kind,
        subject,
        question,
        choices,
        rule: rule.to_owned(),
        evidence: vec![Source::Screen],
        since: now,
        advice: None,
    };
    if let Some(open) = open.filter(|open| open.fingerprint() == prompt.fingerprint()) {
        (prompt.id, prompt.since) = (open.id, open.since);
    } else {
        *last_prompt += 1;
        prompt.id = PromptId(*last_prompt);
    }
    prompt
}

/// What must still stand on the screen when a key is sent: the question and the whole subject, in the pieces that the rows
/// show, for both were put together again where the tool had wrapped them. What no rows make up stays whole, and then
/// nothing is sent.
pub(super) fn evidence(found: &FoundPrompt, rows: &[String]) -> Vec<String> {
    let lines = found.question.lines().chain(found.subject.lines());
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .flat_map(|line| {
            let mut wrapped = (0..rows.len()).filter_map(|first| pieces(line, rows.get(first..)?));
            wrapped.next().unwrap_or_else(|| vec![line.to_owned()])
        })
        .collect()
}

/// The text as consecutive rows show it, the first of `rows` first; `None` when they do not show all of it.
fn pieces(text: &str, rows: &[String]) -> Option<Vec<String>> {
    let (mut rest, mut pieces) = (text, Vec::new());
    for row in rows {
        let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let shown =
            ends.take_while(|&end| rest.get(..end).is_some_and(|begin| row.contains(begin)));
        let (piece, after) = rest.split_at_checked(shown.last()?)?;
        pieces.push(piece.trim_end().to_owned());
        rest = after.trim_start();
        if rest.is_empty() {
            return Some(pieces);
        }
    }
    None
}

/// Foreign text of one or more lines, each cleaned for itself.
fn clean(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| sanitize::label(line, PROMPT_COLS))
        .collect();
    lines.join("\n")
}

/// Cuts a text to at most `max` bytes; returns whether there was something to cut.
fn shorten(text: &mut String, max: usize) -> bool {
    if text.len() <= max {
        return false;
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end));
    text.truncate(end.unwrap_or(0));
    true
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("rm -rf build", "  $ rm -rf build", "rm -rf build")]
    #[case("rm -rf build", "  $ rm -rf\n    build", "rm -rf\nbuild")]
    #[case("aaaabbbb", "│ aaaa │\n│ bbbb │", "aaaa\nbbbb")]
    #[case("rm -rf build", "  $ rm -rf", "")]
    #[case("rm -rf build", "  $ rm -rf\n    dist", "")]
    fn a_text_is_found_in_the_rows_that_it_was_wrapped_into(
        #[case] text: &str,
        #[case] screen: &str,
        #[case] expected: &str,
    ) {
        let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
        let found = pieces(text, &rows).unwrap_or_default();
        assert_eq!(found.join("\n"), expected);
    }
}
