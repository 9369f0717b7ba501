//! Whatever a host, a pane or a file says: only clean cells reach the terminal.

use cm_tui::domain::{Origin, Prompt, PromptKind, SessionState};
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, LogKind, LogLine};
use cm_tui::tui::message::Msg;
use proptest::prelude::*;
use ratatui::buffer::Buffer;

use super::fixture::{Dashboard, asking, failure, prompt, session, tools};

/// Escapes, controls of both sets, bidi marks, invisible and wide characters, floods of combining marks.
const NASTY: &str = "a\u{1b}[31mb\u{1b}]52;c;AAAA\u{7}\u{9b}2J\u{202e}gnp\u{2066}x\u{200b}\u{feff}\u{e0041}\r\n\t日本\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{0}\u{7f}👩\u{200d}👩\u{fe0f}";

fn assert_clean(buffer: &Buffer) {
    for cell in &buffer.content {
        for c in cell.symbol().chars() {
            let hidden = matches!(c,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}' | '\u{fe00}'..='\u{fe0f}');
            assert!(!c.is_control() && !hidden, "{:?}", cell.symbol());
        }
        assert!(cell.symbol().chars().count() <= 5, "{:?}", cell.symbol());
    }
}

/// Everything that can be foreign, set to `text`.
fn full_of(text: &str) -> Dashboard {
    let mut dashboard = Dashboard::new(&["local", text], 132, 38);
    dashboard.connect("local").connect(text);
    let mut tools = tools();
    for tool in &mut tools {
        text.clone_into(&mut tool.name);
        text.clone_into(&mut tool.short);
        tool.command = vec![text.to_owned(), "{task}".to_owned()];
    }
    dashboard.notice("local", Notice::Tools(tools));
    let state = SessionState::Error {
        text: text.to_owned(),
    };
    let mut first = session("s1", text, text, text, state, 1);
    first.origin = Origin::Foreign(text.to_owned());
    let working = SessionState::Working {
        activity: text.to_owned(),
    };
    let second = session("s2", text, "claude-code", text, working, 1);
    let asked = Prompt {
        rule: text.to_owned(),
        ..prompt(1, PromptKind::Command, text, text)
    };
    let third = asking(
        session("s3", text, text, text, SessionState::Idle, 1),
        asked,
    );
    let line = LogLine {
        at: dashboard.now.unix,
        session: first.id.clone(),
        name: text.to_owned(),
        what: LogKind::Waiting,
        detail: text.to_owned(),
    };
    dashboard.event(
        "local",
        Event::Snapshot {
            sessions: vec![first, second, third],
            log: vec![line],
            trouble: None,
        },
    );
    dashboard.screen("local", "s3", text);
    dashboard.event("local", Event::Troubled(Some(failure(text, text))));
    dashboard.notice(text, Notice::Disconnected(failure(text, text)));
    dashboard.press("tab");
    dashboard
}

#[test]
fn nothing_nasty_reaches_a_cell_on_any_page() {
    for keys in [
        "down",
        "i",
        "x",
        "r",
        "N",
        "N tab tab tab",
        "N backtab backtab",
        "?",
        ":",
        "/",
        "G",
        "y",
        "I",
        "m",
        "m y",
    ] {
        let mut dashboard = full_of(NASTY);
        dashboard.press(keys);
        dashboard.send(Msg::Paste(NASTY.to_owned()));
        assert_clean(&dashboard.paint());
        dashboard.send(Msg::Resized(40, 14));
        assert_clean(&dashboard.paint());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_reaches_a_cell_unclean(text in "(\\PC|\\p{Cc}|\\p{Cf}|\\p{M}|\u{1b}\\[[0-9;]{0,4}[a-zA-Z]){1,40}") {
        let mut dashboard = full_of(&text);
        assert_clean(&dashboard.paint());
    }
}
