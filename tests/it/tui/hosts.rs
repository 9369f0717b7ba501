//! Many hosts in one list: they come and go, and nothing else moves.

use std::time::Duration;

use cm_tui::domain::{HostId, SessionId, SessionState};
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, Failure, FailureKind, Request, StartSession};
use cm_tui::transport::asking::Question;
use cm_tui::tui::effect::Effect;
use cm_tui::tui::message::Msg;
use cm_tui::tui::model::Page;
use cm_tui::tui::timing::next_wake;
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::fixture::{Dashboard, refused, session};
use super::picture;
use super::views::contexts;

fn page(dashboard: &mut Dashboard) -> String {
    picture::text(&dashboard.paint())
}

/// The first word of every row of the list.
fn names(dashboard: &mut Dashboard) -> Vec<String> {
    let page = page(dashboard);
    let list = page
        .lines()
        .skip(2)
        .filter_map(|line| line.split('│').next());
    list.map(|row| {
        let words: Vec<_> = row.trim_start_matches('▌').split_whitespace().collect();
        let is_glyph = |word: &&&str| word.chars().count() > 1;
        words
            .iter()
            .find(is_glyph)
            .map_or(String::new(), ToString::to_string)
    })
    .take(18)
    .collect()
}

fn select(dashboard: &mut Dashboard, name: &str) {
    dashboard.press("g g");
    while dashboard.selected().as_deref() != Some(name) {
        dashboard.press("j");
    }
}

#[test]
fn no_row_moves_when_hosts_come_and_go() {
    let mut dashboard = Dashboard::hosts(80, 24);
    let before = names(&mut dashboard);
    for host in ["gpu-2", "build-7", "lab", "local"] {
        dashboard.notice(host, Notice::Stale);
        assert_eq!(names(&mut dashboard), before);
        dashboard.notice(host, Notice::Disconnected(refused(host)));
        assert_eq!(names(&mut dashboard), before);
        dashboard.notice(host, Notice::Connecting);
        assert_eq!(names(&mut dashboard), before);
        dashboard.notice(host, Notice::Halted(refused(host)));
        assert_eq!(names(&mut dashboard), before);
        dashboard.connect(host);
        assert_eq!(names(&mut dashboard), before);
    }
}

#[test]
fn a_host_that_is_tried_again_and_again_looks_the_same_but_for_its_glyph() {
    let mut dashboard = Dashboard::hosts(80, 24);
    let row = |dashboard: &mut Dashboard| {
        let page = page(dashboard);
        let line = page.lines().find(|line| line.starts_with(" lab"));
        line.unwrap().replace('✗', "…")
    };
    let lost = row(&mut dashboard);
    assert!(lost.contains("lost  1m"), "{lost}");
    dashboard.notice("lab", Notice::Connecting);
    assert_eq!(row(&mut dashboard), lost);
    dashboard.notice("lab", Notice::Disconnected(refused("lab")));
    assert_eq!(row(&mut dashboard), lost);
}

#[test]
fn the_failure_and_what_to_do_are_there_in_full() {
    let mut dashboard = Dashboard::hosts(100, 24);
    select(&mut dashboard, "train");
    let shown = page(&mut dashboard);
    for words in [
        "cannot reach host “lab”: connection refused",
        "is sshd running? try: ssh lab",
        "R tries again at once",
        "last screen, 1m old",
        "Refactoring… (6m 2s",
    ] {
        assert!(shown.contains(words), "{words}\n{shown}");
    }
    // In a narrow terminal they are one key away, also where nothing runs.
    dashboard.notice("gpu-2", Notice::Disconnected(refused("gpu-2")));
    dashboard.send(Msg::Resized(40, 12));
    select(&mut dashboard, "gpu-2");
    dashboard.press("enter");
    assert_eq!(dashboard.model.page, Page::Screen);
    let shown = page(&mut dashboard).replace('\n', " ");
    assert!(shown.contains("is sshd running?"), "{shown}");
}

#[test]
fn a_host_without_sessions_is_selected_and_started_on() {
    let mut dashboard = Dashboard::hosts(120, 30);
    dashboard.model.settings.contexts = contexts();
    dashboard.connect("gpu-2");
    select(&mut dashboard, "gpu-2");
    assert!(page(&mut dashboard).contains("Nothing runs here yet."));
    dashboard.press("enter").type_text("go").press("enter");
    let start = StartSession {
        tool: "codex".to_owned(),
        dir: "~/train".to_owned(),
        task: Some("go".to_owned()),
        name: Some("go".to_owned()),
    };
    let [Effect::Send { host, request, .. }] = &dashboard.effects[..] else {
        panic!("{:?}", dashboard.effects);
    };
    assert_eq!(
        (host.as_str(), request),
        ("gpu-2", &Request::Start(start)),
        "with the folder and the tool of its context"
    );
    // Its first session takes the selection over.
    let first = session(
        "g1",
        "go",
        "codex",
        "/home/ada/train",
        SessionState::Idle,
        0,
    );
    dashboard.event("gpu-2", Event::SessionChanged(Box::new(first)));
    dashboard.press("esc");
    assert_eq!(dashboard.selected().as_deref(), Some("go"));
    // And leaves it behind when it goes.
    dashboard.event("gpu-2", Event::SessionRemoved(SessionId::new("g1")));
    assert_eq!(dashboard.selected().as_deref(), Some("gpu-2"));
}

#[test]
fn another_context_brings_its_own_tool_unless_one_was_chosen() {
    let started = |keys: &str| {
        let mut dashboard = Dashboard::hosts(120, 30);
        dashboard.model.settings.contexts = contexts();
        dashboard.connect("gpu-2").connect("build-7");
        dashboard.press("g g n").press(keys).press("enter");
        match dashboard.effects.last() {
            Some(Effect::Send {
                host,
                request: Request::Start(start),
                ..
            }) => format!("{host} {} {}", start.dir, start.tool),
            other => panic!("{other:?}"),
        }
    };
    let to_where = "backtab backtab";
    assert_eq!(started("tab"), "local ~/notes claude-code");
    assert_eq!(
        started(&format!("{to_where} t r a i n tab")),
        "gpu-2 ~/train codex"
    );
    assert_eq!(
        started(&format!("{to_where} c i tab")),
        "build-7 ~/ci shell"
    );
    assert_eq!(
        started("backtab right backtab c i tab"),
        "build-7 ~/ci codex"
    );
    assert_eq!(
        started(&format!("{to_where} g p u - 2 space / d a t a tab")),
        "gpu-2 /data claude-code"
    );
}

#[test]
fn a_second_click_does_for_a_host_what_enter_does() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.notice("gpu-2", Notice::Disconnected(refused("gpu-2")));
    let page = page(&mut dashboard);
    let row = page.lines().position(|line| line.starts_with(" gpu-2"));
    let click = || {
        Msg::Mouse(MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: 5,
            row: u16::try_from(row.unwrap()).unwrap(),
            modifiers: KeyModifiers::NONE,
        })
    };
    dashboard.send(click());
    assert_eq!(dashboard.selected().as_deref(), Some("gpu-2"));
    dashboard.wait(200).send(click());
    assert_eq!(dashboard.effects, [Effect::Reconnect(HostId::new("gpu-2"))]);
}

#[test]
fn with_several_hosts_the_list_is_there_before_any_session_is() {
    let mut dashboard = Dashboard::new(&["local", "gpu-2", "lab"], 80, 24);
    dashboard.connect("local");
    dashboard.notice("lab", Notice::Halted(refused("lab")));
    insta::assert_snapshot!(page(&mut dashboard));
}

#[test]
fn typing_goes_on_while_a_host_is_only_stale() {
    let mut dashboard = Dashboard::hosts(120, 30);
    select(&mut dashboard, "api");
    dashboard.press("i");
    dashboard.notice("local", Notice::Stale);
    assert!(dashboard.model.typing.is_some());
    dashboard.notice("local", Notice::Disconnected(refused("local")));
    assert!(dashboard.model.typing.is_none());
}

#[test]
fn the_round_trip_is_shown_once_it_is_known() {
    let mut dashboard = Dashboard::hosts(120, 30);
    dashboard.connect("gpu-2");
    assert!(page(&mut dashboard).contains("● connected"));
    dashboard.notice("gpu-2", Notice::Heard(Duration::from_millis(38)));
    assert!(page(&mut dashboard).contains("● 38 ms"));
}

#[test]
fn the_filter_finds_hosts_without_sessions_too() {
    let mut dashboard = Dashboard::hosts(120, 30);
    dashboard.press("/").type_text("gpu");
    let shown = page(&mut dashboard);
    assert!(
        shown.contains("gpu-2") && !shown.contains("build-7 ~/ci"),
        "{shown}"
    );
}

#[test]
fn it_wakes_for_the_age_of_a_lost_host_even_where_nothing_runs() {
    let mut dashboard = Dashboard::new(&["local", "lab"], 120, 30);
    dashboard.connect("local").connect("lab");
    assert_eq!(next_wake(&dashboard.model), None);
    dashboard.notice("lab", Notice::Disconnected(refused("lab")));
    assert_eq!(next_wake(&dashboard.model), Some(11_000));
}

#[test]
fn a_host_in_trouble_says_why_on_its_row_and_on_its_page() {
    let mut dashboard = Dashboard::new(&["local", "gpu-2"], 120, 30);
    dashboard.connect("local").connect("gpu-2");
    let trouble = Failure {
        kind: FailureKind::Failed,
        message: "tmux is not installed".to_owned(),
        hint: "install tmux 3.2 or newer".to_owned(),
    };
    dashboard.event("gpu-2", Event::Troubled(Some(trouble)));
    let row = |page: &str| {
        page.lines()
            .find(|l| l.contains("✗ trouble"))
            .map(str::to_owned)
    };
    let shown = page(&mut dashboard);
    let shown = row(&shown).unwrap();
    assert!(shown.contains("gpu-2 tmux is not installed"), "{shown}");
    // The note goes with a key; the page stays.
    select(&mut dashboard, "gpu-2");
    dashboard.wait(2_000).press("k").press("j");
    let shown = page(&mut dashboard);
    let said = shown.lines().filter(|line| line.contains("│ "));
    let right: Vec<_> = said.filter_map(|line| line.split('│').nth(1)).collect();
    assert!(
        right
            .iter()
            .any(|line| line.contains("install tmux 3.2 or newer")),
        "{shown}"
    );
}

#[test]
fn what_is_being_done_is_not_said_beside_what_is_asked() {
    let mut dashboard = Dashboard::new(&["local", "gpu-2"], 120, 30);
    dashboard.connect("local");
    dashboard.notice("gpu-2", Notice::Connecting);
    dashboard.notice("gpu-2", Notice::Step("opening SSH"));
    select(&mut dashboard, "gpu-2");
    assert!(page(&mut dashboard).contains("connecting: opening SSH…"));
    let message = "permission denied".to_owned();
    dashboard.ask(
        1,
        "gpu-2",
        Question::TryAgain {
            message,
            hint: String::new(),
        },
    );
    let shown = page(&mut dashboard);
    assert!(shown.contains("gpu-2 needs your answer"), "{shown}");
    assert!(!shown.contains("opening SSH"), "{shown}");
}
