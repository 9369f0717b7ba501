//! What a dialog says is at stake, exactly: the rows it stands in, put together as they were before the tool wrapped them.
//!
//! Promise: a part is never taken for the whole. Where something is left out, cut off or ambiguous there is no subject.

use super::Pattern;
use super::dialog::Question;
use super::menu::Menu;
use super::screen::{Line, Screen};
use super::shape::{Dialog, Placement, Subject};
use super::wrap::{Wrap, Wrapped, unwrap};

/// The longest subject that is passed on, in bytes: a longer one cannot be read at a glance, and counts as not seen.
const LONGEST: usize = 8 << 10;

/// What is at stake; nothing unless all of it can be seen.
pub(super) fn find(
    dialog: &Dialog,
    screen: &Screen<'_>,
    menu: &Menu,
    question: &Question,
) -> Option<String> {
    let shape = &dialog.subject;
    let wrap = Wrap {
        limit: usize::from(screen.look.cols).saturating_sub(shape.wrap),
        breaks: shape.breaks,
    };
    let text = if let Some(text) = &shape.text {
        text.clone()
    } else if let Some(pattern) = &shape.question {
        let rows: Vec<_> = screen.lines[question.rows.clone()]
            .iter()
            .map(|line| row(line, None))
            .collect();
        let text = unwrap(&rows, wrap)?.replace('\n', " ");
        pattern.group(&text)?.to_owned()
    } else {
        let rows = rows(dialog.placement, shape, screen, menu, question)?;
        unwrap(&rows, wrap)?.trim().to_owned()
    };
    let text = match &shape.part {
        Some(part) => part.group(&text)?.to_owned(),
        None => text,
    };
    let text = match &shape.short {
        Some(short) => match shorter(short, &text, screen, question) {
            Some(name) => name.to_owned(),
            None => text,
        },
        None => text,
    };
    (!text.is_empty() && text.len() <= LONGEST).then_some(text)
}

fn rows<'a>(
    placement: Placement,
    shape: &Subject,
    screen: &Screen<'a>,
    menu: &Menu,
    question: &Question,
) -> Option<Vec<Wrapped<'a>>> {
    let lines = &screen.lines;
    // Text in a frame of its own cannot imitate the frame that it stands in.
    let frames = lines[question.rows.start].frames;
    let fits = |pattern: &Pattern, row: usize| {
        lines[row].frames == frames && pattern.is_match(lines[row].trimmed())
    };
    let (first, end) = match placement {
        Placement::AboveMenu => {
            let start = shape.start.as_ref()?;
            let end = match &shape.end {
                Some(end) => (0..question.rows.start).rev().find(|&row| fits(end, row))?,
                None => question.rows.start,
            };
            ((0..end).rev().find(|&row| fits(start, row))?, end)
        }
        // From the first beginning on: whatever imitates another one inside is shown as well.
        Placement::AboveSubject if question.is_ambiguous => return None,
        Placement::AboveSubject if shape.start.is_none() && shape.end.is_none() => return None,
        Placement::AboveSubject => {
            let below = question.rows.end..menu.rows.start;
            let first = match &shape.start {
                Some(start) => below.clone().find(|&row| fits(start, row))?,
                None => question.rows.end.checked_sub(1)?,
            };
            let end = match &shape.end {
                Some(end) => (first + 1..below.end).find(|&row| fits(end, row))?,
                None => below.end,
            };
            (first, end)
        }
    };
    let head = shape.start.as_ref().and_then(|start| {
        let line = &lines[first];
        let text = start.group(line.trimmed())?;
        let before = line.trimmed().len() - text.len();
        Some(Wrapped {
            text,
            column: line.column + line.indent() + before,
        })
    });
    // What a row has more than the first one in front is its own.
    let begins = |line: &&Line<'_>| !line.is_blank;
    let left = match &head {
        Some(head) => head.column,
        None => lines[first + 1..end]
            .iter()
            .find(begins)
            .map_or(0, |line| line.column + line.indent()),
    };
    let rest = lines[first + 1..end].iter().map(|line| match &shape.strip {
        Some(strip) => row(line, Some(strip)),
        None => indented(line, left),
    });
    let is_hidden = |text: &str| {
        shape
            .hidden
            .as_ref()
            .is_some_and(|hidden| hidden.is_match(text))
    };
    let raw_hidden = lines[first + 1..end]
        .iter()
        .any(|line| is_hidden(line.trimmed()));
    let rows: Vec<_> = head.into_iter().chain(rest).collect();
    let hides = raw_hidden || rows.iter().any(|row| is_hidden(row.text));
    // Blank rows around it are not part of it.
    let is_text = |row: &Wrapped<'_>| !row.text.is_empty();
    let from = rows.iter().position(is_text)?;
    let to = rows.iter().rposition(is_text)?;
    (!hides).then(|| rows[from..=to].to_vec())
}

/// A row without the mark that each row of it begins with.
fn row<'a>(line: &Line<'a>, strip: Option<&Pattern>) -> Wrapped<'a> {
    let trimmed = line.trimmed();
    let text = strip.map_or(trimmed, |strip| strip.strip_from(trimmed));
    let mark = trimmed.strip_suffix(text).unwrap_or_default();
    Wrapped {
        text,
        column: line.column + line.indent() + mark.chars().count(),
    }
}

/// A row with the blanks that it has behind column `left`.
fn indented<'a>(line: &Line<'a>, left: usize) -> Wrapped<'a> {
    let indent = line.indent();
    let own = (line.column + indent).saturating_sub(left).min(indent);
    let text = line.text.get(indent - own..).unwrap_or_default().trim_end();
    Wrapped {
        text,
        column: line.column + indent - own,
    }
}

/// The name of the same thing in the transcript, if it is the end of `text`.
fn shorter<'a>(
    pattern: &Pattern,
    text: &str,
    screen: &Screen<'a>,
    question: &Question,
) -> Option<&'a str> {
    let above = screen.lines[..question.rows.start].iter().rev();
    let name = above
        .map(Line::trimmed)
        .find_map(|line| pattern.group(line))?;
    let rest = text.strip_suffix(name)?;
    (rest.is_empty() || rest.ends_with('/')).then_some(name)
}
