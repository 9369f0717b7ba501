//! The table of everything a key can do. Keymap, help, palette, hints and the names in the config all come from it.
//!
//! Promise: an action that is not in the table does not exist, and each row says where it works and what it does.

use super::keymap::Context;

/// What the user meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    Approve,
    Deny,
    DenyWithWords,
    ApproveWithRule,
    Inbox,
    Mark,
    NextWaiting,
    AnswerHost,
    Down,
    Up,
    First,
    Last,
    HalfPageDown,
    HalfPageUp,
    Open,
    Back,
    Attach,
    Type,
    Start,
    Rename,
    Kill,
    SetMode,
    Explain,
    Contradict,
    Demo,
    Reconnect,
    Filter,
    ScrollUp,
    ScrollDown,
    ScrollLive,
    Help,
    Palette,
    Quit,
    Suspend,
    Redraw,
    LeaveTyping,
    Accept,
    AcceptAndAttach,
    Submit,
    Cancel,
    NextField,
    PreviousField,
    NextItem,
    PreviousItem,
    ConfirmYes,
    ConfirmNo,
}

/// Groups of the help page, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    Answer,
    Session,
    Move,
    Screen,
    Program,
    Form,
}

impl Category {
    pub const ALL: [Self; 6] = [
        Self::Answer,
        Self::Session,
        Self::Move,
        Self::Screen,
        Self::Program,
        Self::Form,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Answer => "Answer",
            Self::Session => "Sessions",
            Self::Move => "Move",
            Self::Screen => "Screen",
            Self::Program => "Program",
            Self::Form => "Typing and forms",
        }
    }
}

/// Whether doing it can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    Safe,
    /// Ends something; always asks first.
    Ends,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub action: Action,
    /// As written in the config, unique.
    pub name: &'static str,
    /// One or two words for the hint bar.
    pub hint: &'static str,
    /// One sentence for the help page and the palette.
    pub help: &'static str,
    pub category: Category,
    pub contexts: &'static [Context],
    /// As written in the config; a space separates the keys of a chord.
    pub keys: &'static [&'static str],
    pub danger: Danger,
    /// Place in the hint bar, smallest first; `None` stays out of it.
    pub rank: Option<u8>,
}

impl Action {
    pub fn spec(self) -> &'static Spec {
        TABLE
            .iter()
            .find(|spec| spec.action == self)
            .expect("a test holds the table against the enum")
    }

    pub fn from_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|spec| spec.name == name)
            .map(|spec| spec.action)
    }
}

const FLEET: &[Context] = &[Context::Fleet];
const MOVES: &[Context] = &[Context::Fleet, Context::Page];
const PAGE: &[Context] = &[Context::Page];
const PROMPT: &[Context] = &[Context::Prompt];
const LISTS: &[Context] = &[Context::Form, Context::Filter];
const CLOSING: &[Context] = &[Context::Form, Context::Text, Context::Filter, Context::Page];

/// The words of a row, so that the table below stays readable.
const fn row(
    action: Action,
    name: &'static str,
    hint: &'static str,
    help: &'static str,
    category: Category,
    contexts: &'static [Context],
    keys: &'static [&'static str],
) -> Spec {
    Spec {
        action,
        name,
        hint,
        help,
        category,
        contexts,
        keys,
        danger: Danger::Safe,
        rank: None,
    }
}

const fn ranked(spec: Spec, rank: u8) -> Spec {
    Spec {
        rank: Some(rank),
        ..spec
    }
}

const fn dangerous(spec: Spec) -> Spec {
    Spec {
        danger: Danger::Ends,
        ..spec
    }
}

#[rustfmt::skip]
pub const TABLE: &[Spec] = {
    use Action as A;
    use Category as C;
    &[
        ranked(row(A::Approve, "approve", "approve", "Answers yes to the open prompt, this once.", C::Answer, PROMPT, &["y"]), 1),
        ranked(row(A::Deny, "deny", "deny", "Answers no to the open prompt.", C::Answer, PROMPT, &["n"]), 2),
        ranked(row(A::DenyWithWords, "deny-with-words", "say why", "Answers no and tells the tool why, where it takes words.", C::Answer, PROMPT, &["d"]), 3),
        ranked(row(A::ApproveWithRule, "approve-with-rule", "add rule", "Answers yes and adds a rule, which is shown first.", C::Answer, PROMPT, &["a"]), 4),
        ranked(row(A::Inbox, "inbox", "inbox", "Shows every open prompt of every host, oldest first.", C::Answer, FLEET, &["I"]), 9),
        ranked(row(A::Mark, "mark", "mark", "In the inbox: marks it, to answer identical ones at once.", C::Answer, &[Context::Inbox], &["space"]), 6),
        ranked(row(A::NextWaiting, "next-waiting", "next waiting", "Goes to the next session that needs you.", C::Answer, FLEET, &["tab"]), 16),
        ranked(row(A::AnswerHost, "answer-host", "answer host", "Opens what a host asks: whether to trust it, a password.", C::Answer, FLEET, &["A"]), 5),

        ranked(row(A::Attach, "attach", "attach", "Opens the session in tmux; detach comes back here.", C::Session, FLEET, &["enter"]), 10),
        ranked(row(A::Type, "type", "type", "Sends every key to the session until you leave.", C::Session, FLEET, &["i"]), 11),
        ranked(row(A::Start, "start", "new", "Starts a tool in a folder.", C::Session, FLEET, &["n", "N"]), 12),
        ranked(dangerous(row(A::Kill, "kill", "kill", "Ends the session's program; asks first.", C::Session, FLEET, &["x"])), 13),
        ranked(row(A::SetMode, "mode", "mode", "Chooses who answers its prompts when you do not.", C::Session, FLEET, &["m"]), 18),
        row(A::Rename, "rename", "rename", "Gives the session another name.", C::Session, FLEET, &["r"]),
        ranked(row(A::Explain, "explain", "why", "Shows what the session's state was judged by.", C::Session, MOVES, &["e"]), 17),
        ranked(row(A::Contradict, "contradict", "this is wrong", "In an explanation: says what is right, keeps the screen.", C::Session, PAGE, &["w"]), 2),
        row(A::Demo, "demo", "demo", "Starts three stand-in tools to try things with.", C::Session, FLEET, &["D"]),
        ranked(row(A::Reconnect, "reconnect", "reconnect", "Tries the selected host again at once.", C::Session, FLEET, &["R"]), 11),

        ranked(row(A::Filter, "filter", "filter", "Shows only what matches; a leading ! turns it round.", C::Move, FLEET, &["/"]), 14),
        row(A::Down, "down", "down", "Selects the next session.", C::Move, MOVES, &["j", "down"]),
        row(A::Up, "up", "up", "Selects the session before.", C::Move, MOVES, &["k", "up"]),
        row(A::First, "first", "first", "Selects the first session.", C::Move, MOVES, &["g g", "home"]),
        row(A::Last, "last", "last", "Selects the last session.", C::Move, MOVES, &["G"]),
        row(A::HalfPageDown, "half-page-down", "half page down", "Moves the selection down by half a page.", C::Move, MOVES, &["ctrl-d"]),
        row(A::HalfPageUp, "half-page-up", "half page up", "Moves the selection up by half a page.", C::Move, MOVES, &["ctrl-u"]),
        row(A::Open, "open", "look", "Shows the session's screen where it has no room beside.", C::Move, FLEET, &["v", "right", "l"]),
        ranked(row(A::Back, "back", "back", "Goes back one level; never quits.", C::Move, FLEET, &["esc", "left", "h"]), 8),

        row(A::ScrollUp, "scroll-up", "scroll back", "Scrolls the session's screen back.", C::Screen, MOVES, &["pageup", "K"]),
        row(A::ScrollDown, "scroll-down", "scroll down", "Scrolls the session's screen forward.", C::Screen, MOVES, &["pagedown", "J"]),
        ranked(row(A::ScrollLive, "scroll-live", "live", "Returns from the history to the live screen.", C::Screen, FLEET, &["end"]), 7),

        ranked(row(A::Palette, "palette", "commands", "Finds an action or a session by name.", C::Program, FLEET, &[":", "ctrl-k"]), 15),
        ranked(row(A::Help, "help", "help", "Shows all keys.", C::Program, FLEET, &["?", "f1"]), 90),
        ranked(row(A::Quit, "quit", "quit", "Leaves the dashboard; sessions live on.", C::Program, FLEET, &["q", "ctrl-c"]), 91),
        row(A::Suspend, "suspend", "suspend", "Puts the dashboard in the background.", C::Program, FLEET, &["ctrl-z"]),
        row(A::Redraw, "redraw", "redraw", "Draws everything again.", C::Program, FLEET, &["ctrl-l"]),

        row(A::LeaveTyping, "leave-typing", "back to commands", "Ends typing; keys are commands again.", C::Form, &[Context::Typing], &["ctrl-]"]),
        ranked(row(A::Accept, "accept", "accept", "Does what the form or list says.", C::Form, LISTS, &["enter"]), 1),
        row(A::AcceptAndAttach, "accept-and-attach", "start and attach", "Starts the session and opens it at once.", C::Form, &[Context::Form], &["ctrl-o", "ctrl-enter"]),
        row(A::Submit, "submit", "done", "Takes a text of several lines as it stands.", C::Form, &[Context::Text], &["ctrl-s"]),
        ranked(row(A::Cancel, "cancel", "cancel", "Closes what is on top and changes nothing.", C::Form, CLOSING, &["esc", "ctrl-c"]), 4),
        row(A::NextField, "next-field", "next", "Goes to the next field.", C::Form, &[Context::Form], &["tab"]),
        row(A::PreviousField, "previous-field", "back", "Goes to the field before.", C::Form, &[Context::Form], &["backtab"]),
        row(A::NextItem, "next-item", "next", "Selects the next entry.", C::Form, LISTS, &["down", "ctrl-n"]),
        row(A::PreviousItem, "previous-item", "previous", "Selects the entry before.", C::Form, LISTS, &["up", "ctrl-p"]),
        ranked(row(A::ConfirmYes, "confirm-yes", "yes", "Does what is asked.", C::Form, &[Context::Confirm], &["y"]), 1),
        ranked(row(A::ConfirmNo, "confirm-no", "keep", "Changes nothing.", C::Form, &[Context::Confirm], &["n", "esc", "enter", "q", "ctrl-c"]), 2),
    ]
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_one_row_with_words_and_a_unique_name() {
        let actions: BTreeSet<_> = TABLE.iter().map(|spec| spec.action).collect();
        let names: BTreeSet<_> = TABLE.iter().map(|spec| spec.name).collect();
        assert_eq!(actions.len(), TABLE.len());
        assert_eq!(names.len(), TABLE.len());
        assert_eq!(
            Action::ConfirmNo as usize + 1,
            TABLE.len(),
            "an action without a row"
        );
        for spec in TABLE {
            assert!(!spec.hint.is_empty() && !spec.contexts.is_empty() && !spec.keys.is_empty());
            assert!(
                spec.help.ends_with('.') && spec.help.chars().next().unwrap().is_uppercase(),
                "{}",
                spec.name
            );
            assert!(
                spec.name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                spec.name
            );
            assert_eq!(Action::from_name(spec.name), Some(spec.action));
            assert_eq!(spec.action.spec().name, spec.name);
        }
    }
}
