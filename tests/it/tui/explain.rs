//! How a state is known, and what is kept of a screen that was judged wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cm_tui::domain::{Explanation, SessionId, SessionState};
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, Failure, FailureKind, Reply, Request};
use cm_tui::tui::effect::Effect;
use cm_tui::tui::fixture::{Fixture, LABELS};
use cm_tui::tui::message::Msg;
use rstest::rstest;

use super::fixture::{Dashboard, START, explanation, refused, shop};
use super::picture;
use crate::samples::Meta;

/// The page about `shop`, asked for and not answered yet.
fn asking() -> Dashboard {
    let mut dashboard = Dashboard::fleet(80, 24);
    dashboard.press("tab tab e");
    assert_eq!(dashboard.selected().as_deref(), Some("shop"));
    dashboard
}

fn page(dashboard: &mut Dashboard) -> String {
    picture::text(&dashboard.paint())
}

fn changed(seconds: u64) -> Event {
    let mut session = shop();
    session.since += seconds * 1000;
    Event::SessionChanged(Box::new(session))
}

fn stored(dashboard: &Dashboard) -> Fixture {
    let [Effect::Store(fixture)] = dashboard.effects.as_slice() else {
        panic!("{:?}", dashboard.effects);
    };
    (**fixture).clone()
}

#[test]
fn the_key_asks_the_sessions_host_and_shows_its_answer() {
    let mut dashboard = asking();
    let (_, request) = dashboard.request().unwrap();
    let session = SessionId::new("s1");
    assert_eq!(request, Request::Explain { session });
    assert!(page(&mut dashboard).contains("asking local"));
    dashboard.explained(explanation());
    let shown = page(&mut dashboard);
    assert!(shown.contains("rule      claude-code: command"), "{shown}");
    assert!(shown.contains("against   title says working"), "{shown}");
    dashboard.press("e");
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn it_is_asked_again_when_the_session_changes_and_one_at_a_time() {
    let mut dashboard = asking();
    // Not before the first answer has come, and then once.
    dashboard.event("local", changed(1));
    dashboard.event("local", changed(2));
    assert_eq!(dashboard.request(), None);
    dashboard.press("G");
    assert_eq!(dashboard.request(), None);
    let first = dashboard.model.pending.keys().next_back().copied().unwrap();
    let reply = Box::new(Reply::Explanation(Box::new(explanation())));
    dashboard.notice("local", Notice::Replied { id: first, reply });
    assert!(matches!(
        dashboard.request(),
        Some((_, Request::Explain { .. }))
    ));
    let newer = Explanation {
        state: SessionState::Idle,
        rule: "claude-code: input box".to_owned(),
        ..explanation()
    };
    dashboard.explained(newer);
    assert!(page(&mut dashboard).contains("state     ○ idle"));
    // Nothing that changes with time alone asks, nor does another session.
    dashboard.wait(5_000).send(Msg::Ticked);
    assert_eq!(dashboard.request(), None);
    let mut other = shop();
    other.id = SessionId::new("s9");
    dashboard.event("local", Event::SessionChanged(Box::new(other)));
    assert_eq!(dashboard.request(), None);
    dashboard.event("local", changed(9));
    assert!(dashboard.request().is_some());
}

#[test]
fn an_agent_that_cannot_tell_is_asked_once() {
    let mut dashboard = asking();
    let (id, _) = dashboard.request().unwrap();
    let failure = Failure {
        kind: FailureKind::Unsupported,
        message: "the agent does not know “explain”".to_owned(),
        hint: "it is older than this dashboard".to_owned(),
    };
    let reply = Box::new(Reply::Failed(failure));
    dashboard.notice("local", Notice::Replied { id, reply });
    assert_eq!(dashboard.request(), None);
    let shown = page(&mut dashboard);
    assert!(shown.contains("does not know “explain”"), "{shown}");
    assert!(shown.contains("older than this dashboard"), "{shown}");
    // Nothing is there to be wrong.
    dashboard.press("w enter");
    assert_eq!(dashboard.effects, []);
}

#[test]
fn what_was_told_stays_while_the_host_is_away_and_is_asked_for_when_it_is_back() {
    let mut dashboard = asking();
    dashboard.explained(explanation());
    dashboard.notice("local", Notice::Disconnected(refused("local")));
    let shown = page(&mut dashboard);
    assert!(
        shown.contains("outdated  the host is not connected"),
        "{shown}"
    );
    assert!(shown.contains("rule      claude-code: command"), "{shown}");
    dashboard.connect("local");
    let snapshot = Event::Snapshot {
        sessions: vec![shop()],
        log: Vec::new(),
        trouble: None,
    };
    dashboard.event("local", snapshot);
    let asked = dashboard.model.pending.len();
    assert!(asked > 0 && !page(&mut dashboard).contains("outdated"));
    dashboard.event("local", Event::SessionRemoved(SessionId::new("s1")));
    assert!(page(&mut dashboard).contains("outdated  the session is gone"));
}

#[test]
fn every_line_can_be_scrolled_to_and_keys_of_the_page_do_not_reach_the_list() {
    let mut dashboard = asking();
    dashboard.explained(explanation());
    let seen = |shown: &str| shown.contains("generic: question mark");
    assert!(!seen(&page(&mut dashboard)));
    dashboard.press("G");
    assert!(seen(&page(&mut dashboard)));
    assert!(page(&mut dashboard).contains("priority 10 < 30"));
    dashboard.press("home");
    assert!(page(&mut dashboard).contains("state     ▲ approval · command"));
    for _ in 0..60 {
        dashboard.press("j");
    }
    assert!(seen(&page(&mut dashboard)));
    // From the end, one key up is one line up.
    dashboard.press("k");
    assert!(!seen(&page(&mut dashboard)));
    dashboard.press("x y n");
    assert_eq!(dashboard.effects, []);
    assert_eq!(dashboard.selected().as_deref(), Some("shop"));
    dashboard.press("esc");
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn what_is_kept_is_the_screen_that_was_seen_when_the_menu_opened() {
    let mut dashboard = asking();
    dashboard.explained(explanation());
    dashboard.press("w");
    dashboard.event("local", changed(1));
    let mut newer = explanation();
    "a new screen".clone_into(&mut newer.look.ansi);
    dashboard.explained(newer);
    dashboard.press("down enter");
    let fixture = stored(&dashboard);
    assert_eq!(fixture.judged, explanation());
    assert_eq!(fixture.label, LABELS[1]);
    assert_eq!(fixture.session, "shop");
    assert_eq!(fixture.at, START.unix);
    dashboard.send(Msg::Stored(Ok(PathBuf::from("/data/fixtures/x"))));
    assert_eq!(dashboard.toast(), "kept in /data/fixtures/x");
    assert!(page(&mut dashboard).contains("kept in   /data/fixtures/x"));
    dashboard.send(Msg::Stored(Err("cannot keep the screen: full".to_owned())));
    assert_eq!(dashboard.toast(), "cannot keep the screen: full");
}

#[test]
fn leaving_the_menu_keeps_nothing_and_returns_to_the_page() {
    let mut dashboard = asking();
    dashboard.explained(explanation());
    dashboard.press("w down esc");
    assert_eq!(dashboard.effects, []);
    assert!(page(&mut dashboard).contains("rule      claude-code: command"));
}

#[test]
fn an_agent_that_lies_can_write_nothing_but_text_inside_the_frame() {
    let mut told = explanation();
    let bad = "\u{1b}]0;x\u{7}\u{202e}\n\u{9b}2J".repeat(50);
    told.rows = Some((60_000, 3));
    told.look.cols = u16::MAX;
    told.look.rows = 0;
    told.look.ansi = format!("{bad}\u{1b}[99999;99999Hx");
    for text in [&mut told.rule, &mut told.subject, &mut told.disagreement] {
        text.clone_from(&bad);
    }
    for claim in &mut told.claims {
        claim.rule.clone_from(&bad);
        claim.since = u64::MAX;
    }
    for lost in &mut told.dismissed {
        (lost.rule, lost.why) = (bad.clone(), bad.clone());
    }
    let mut dashboard = asking();
    dashboard.explained(told);
    for size in [(40, 12), (56, 13), (80, 24), (160, 50)] {
        dashboard.send(Msg::Resized(size.0, size.1));
        for keys in ["home", "G"] {
            let shown = page(dashboard.press(keys));
            let is_safe = |c: char| !c.is_control() && c != '\u{202e}';
            assert!(shown.chars().all(|c| c == '\n' || is_safe(c)));
        }
    }
    let temp = tempfile::tempdir().unwrap();
    dashboard.press("w enter");
    let folder = stored(&dashboard).store(temp.path()).unwrap();
    let meta = fs::read_to_string(folder.join("meta.toml")).unwrap();
    let _readable: Meta = toml::from_str(&meta).unwrap();
}

fn fixture(label: usize) -> Fixture {
    Fixture {
        session: "../My shop\u{202e}".to_owned(),
        at: START.unix,
        label: LABELS[label],
        judged: explanation(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_kept_screen_is_read_as_a_recorded_one_and_by_nobody_else() {
    let temp = tempfile::tempdir().unwrap();
    let fixtures = temp.path().join("data/fixtures");
    let judged = explanation();
    let folder = fixture(4).store(&fixtures).unwrap();
    assert_eq!(folder, fixtures.join("claude-code/2026-09-21-my-shop"));
    for folder in [&fixtures, &fixtures.join("claude-code"), &folder] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    for file in ["screen.ans", "screen.txt", "meta.toml"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    assert_eq!(read("screen.ans"), judged.look.ansi);
    let text = read("screen.txt");
    assert_eq!(text.lines().count(), 40);
    assert_eq!(text.lines().nth(17), Some(""));
    assert_eq!(text.lines().nth(18), Some("   rm -rf build"));
    assert!(!text.contains('\x1b'));
    let meta: Meta = toml::from_str(&read("meta.toml")).unwrap();
    assert_eq!(
        (meta.tool.as_str(), meta.cols, meta.rows),
        ("claude-code", 120, 40)
    );
    assert_eq!((meta.cursor_x, meta.cursor_y), (1, 22));
    assert_eq!(meta.pane_title, "⠐ Clean the build folder");
    insta::assert_snapshot!(read("meta.toml"), @r#"
    tool = "claude-code"
    version = "unknown"
    cols = 120
    rows = 40
    cursor_x = 1
    cursor_y = 22
    cursor_visible = false
    alternate_on = false
    pane_title = "⠐ Clean the build folder"
    pane_current_command = "claude"
    state = "approval"
    prompt_kind = "edit"
    subject = ""
    subject_visible = false
    approve_keys = ""
    deny_keys = ""
    adversarial = false
    note = "judged approval (command) by the rule claude-code: command; title says working"
    "#);
}

#[rstest]
fn every_answer_of_the_menu_is_a_word_of_recorded_screens(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)] label: usize,
) {
    let temp = tempfile::tempdir().unwrap();
    let folder = fixture(label).store(temp.path()).unwrap();
    let text = fs::read_to_string(folder.join("meta.toml")).unwrap();
    let meta: Meta = toml::from_str(&text).unwrap();
    assert_eq!(meta.state, LABELS[label].state);
    let is_approval = meta.state == "approval";
    assert_eq!(meta.prompt_kind.is_some(), is_approval);
    assert_eq!(meta.subject.is_some(), is_approval);
    // What is at stake is known only where it was judged to be this.
    let is_command = meta.prompt_kind.as_deref() == Some("command");
    assert_eq!(meta.subject_visible, is_approval.then_some(is_command));
    // No key that nobody tried is ever pressed by itself.
    assert_eq!(meta.approve_keys.as_deref(), is_approval.then_some(""));
}

#[test]
fn what_exists_is_never_written_to() {
    let temp = tempfile::tempdir().unwrap();
    let taken = temp.path().join("claude-code/2026-09-21-my-shop");
    fs::create_dir_all(&taken).unwrap();
    fs::write(taken.join("meta.toml"), "mine").unwrap();
    let names: Vec<_> = (0..2)
        .map(|_| fixture(0).store(temp.path()).unwrap())
        .map(|folder| folder.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["2026-09-21-my-shop-2", "2026-09-21-my-shop-3"]);
    assert_eq!(fs::read_to_string(taken.join("meta.toml")).unwrap(), "mine");
}

#[test]
fn a_disk_that_refuses_is_told_with_its_folder() {
    let temp = tempfile::tempdir().unwrap();
    let fixtures = temp.path().join("a file");
    fs::write(&fixtures, "").unwrap();
    let error = fixture(0).store(&fixtures).unwrap_err();
    let told = error.to_string();
    assert!(told.starts_with("cannot keep the screen in “"), "{told}");
    assert!(told.ends_with("a file/claude-code”"), "{told}");
    assert!(!told.contains('\n'));
}
