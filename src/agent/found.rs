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

/// The lines of a prompt that must still stand on the screen when a key is sent: the question and the whole subject.
pub(super) fn evidence(found: &FoundPrompt) -> Vec<String> {
    let lines = found.question.lines().chain(found.subject.lines());
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
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
