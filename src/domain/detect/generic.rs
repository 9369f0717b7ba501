//! What every program has in common: questions to be answered with y or n, passwords, shell prompts, and menus of tools
//! whose dialogs nobody has described yet.

use std::sync::LazyLock;

use regex::Regex;

use super::FoundPrompt;
use super::menu::{Menu, meaning};
use super::screen::{Line, Screen};
use crate::domain::{Answer, Choice, PromptKind};

/// How many lines may follow a menu that is still at the live end: hints about keys.
const HINTS: usize = 3;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Whether a shell is in front.
pub(super) fn is_shell(command: &str) -> bool {
    let name = command.strip_prefix('-').unwrap_or(command);
    matches!(
        name,
        "sh" | "bash" | "dash" | "zsh" | "fish" | "ksh" | "ash" | "nu" | "tcsh" | "csh"
    )
}

/// A question on the line of the cursor, with nothing behind it.
pub(super) fn question(screen: &Screen<'_>) -> Option<FoundPrompt> {
    static YES_NO: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)[(\[](y/n|yes/no)[)\]]\s*[?:>]?\s*$"));
    // What no key of ours answers: passwords, more answers than two, values, and whatever ends with a question mark.
    static OTHER: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)[(\[](y(es)?([/,]| or )\[?n(o)?\]?([/,].*)?)[)\]]\s*[?:>]?\s*$|\b(password|passphrase|passcode|pin|otp|token)\b[^:]*:\s*$|\(y\)es/\(n\)o.*:\s*$|[\w'\x22)\]#]\s?\?$|^\s*(please )?(enter|type|choose|select|input)\b.*:$|\b(value|selection|choice|username|login|e-?mail|name|path)( \([^)]*\))?:$|\([A-Z]\)[a-z]+, .*:$",
        )
    });
    if !screen.cursor_is_at_end() || screen.is_at_shell_prompt() {
        return None;
    }
    let text = screen.lines.last()?.trimmed();
    let choices = if let Some(found) = YES_NO.captures(text) {
        let is_long = found
            .get(1)
            .is_some_and(|words| words.as_str().eq_ignore_ascii_case("yes/no"));
        let (yes, no) = if is_long { ("yes", "no") } else { ("y", "n") };
        // Programs that ask like this read a line, so the answer needs its Enter.
        let choice = |word: &str, answer| Choice {
            label: word.to_owned(),
            keys: format!("{word}\r"),
            answer: Some(answer),
        };
        vec![choice(yes, Answer::Yes), choice(no, Answer::No)]
    } else if OTHER.is_match(text) {
        Vec::new()
    } else {
        return None;
    };
    Some(FoundPrompt {
        kind: PromptKind::Question,
        subject: String::new(),
        question: text.to_owned(),
        choices,
    })
}

/// A menu with a mark. It is taken for a permission only where an AI tool is in front (`is_tool`), asks for one in so
/// many words, and offers both a plain yes and a no.
pub(super) fn menu(screen: &Screen<'_>, is_tool: bool) -> Option<FoundPrompt> {
    static ASKS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(allow|permission|approve|proceed|execute|run|apply|edit|write|create|delete|fetch)\b.*\?$",
        )
    });
    static NOT_ONE_ACTION: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)\b(trust|plan|log ?in|sign in|mode|model|update|upgrade|mcp|hooks?)\b")
    });
    // An input box or other text below means that the menu is only text.
    static HINT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)^[^❯›●>*]*(\b(esc|escape|enter|return|tab|space|ctrl)\b|[↑↓]).{0,80}$")
    });
    let menu = Menu::find(screen)?;
    let below = screen.lines.get(menu.rows.end..)?.iter();
    let below: Vec<&str> = below
        .filter(|line| !line.is_blank)
        .map(Line::trimmed)
        .collect();
    let marked = &menu.options[menu.selected];
    let is_live = !screen.look.cursor_visible || screen.cursor_row() == marked.row;
    if !menu.is_numbered
        || !menu.begins_with_one()
        || !is_live
        || below.len() > HINTS
        || !below.iter().all(|line| HINT.is_match(line))
    {
        return None;
    }
    let above = menu.rows.start.saturating_sub(3)..menu.rows.start;
    let question = above
        .rev()
        .find(|&row| !screen.lines[row].is_blank)
        .map_or("", |row| screen.lines[row].trimmed());
    let meanings: Vec<_> = menu
        .options
        .iter()
        .map(|option| meaning(&option.label))
        .collect();
    let offers_both = meanings.contains(&Some(Answer::Yes)) && meanings.contains(&Some(Answer::No));
    let is_permission =
        is_tool && offers_both && ASKS.is_match(question) && !NOT_ONE_ACTION.is_match(question);
    let kind = if is_permission {
        PromptKind::Other
    } else {
        PromptKind::Question
    };
    let choices = menu
        .options
        .iter()
        .zip(meanings)
        .map(|(option, answer)| Choice {
            label: option.label.clone(),
            keys: option
                .number
                .filter(|number| *number < 10)
                .map_or_else(String::new, |number| number.to_string()),
            answer: answer.filter(|_| is_permission),
        })
        .collect();
    Some(FoundPrompt {
        kind,
        subject: String::new(),
        question: question.to_owned(),
        choices,
    })
}

/// Whether a line near the end says how to interrupt what is going on.
pub(super) fn can_be_interrupted(screen: &Screen<'_>) -> bool {
    static HINT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)\b(esc|ctrl-c|ctrl\+c|\^c)( again)? to (interrupt|cancel|stop)\b")
    });
    screen.last(6).any(|line| HINT.is_match(line.text))
}
