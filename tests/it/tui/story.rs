//! What keys, clicks and notices lead to, told as short stories.

use cm_tui::domain::{HostId, SessionId, SessionState};
use cm_tui::fleet::attach::Place;
use cm_tui::fleet::{Notice, RequestId, SendError};
use cm_tui::protocol::{Event, HistoryPage, Reply, Request, StartSession};
use cm_tui::tui::effect::{Attach, AttachOver, Effect, Target};
use cm_tui::tui::message::Msg;
use cm_tui::tui::model::{Dirty, Page};
use cm_tui::tui::settings::{Loaded, Problem};
use cm_tui::tui::timing::next_wake;
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use rstest::rstest;

use super::fixture::{Dashboard, failure, session, shop};
use super::picture;

fn requests(dashboard: &Dashboard) -> Vec<Request> {
    dashboard
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { request, .. } => Some(request.clone()),
            _ => None,
        })
        .collect()
}

fn newest(dashboard: &Dashboard) -> RequestId {
    *dashboard.model.pending.keys().max().unwrap()
}

fn select(dashboard: &mut Dashboard, name: &str) {
    dashboard.press("g g");
    while dashboard.selected().as_deref() != Some(name) {
        let before = dashboard.model.selection.clone();
        dashboard.press("j");
        assert_ne!(
            dashboard.model.selection, before,
            "{name} is not in the list"
        );
    }
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Msg {
    Msg::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn row_of(dashboard: &mut Dashboard, text: &str) -> u16 {
    let page = picture::text(&dashboard.paint());
    u16::try_from(page.lines().position(|line| line.contains(text)).unwrap()).unwrap()
}

#[test]
fn the_selection_is_a_session_whatever_happens_around_it() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    let newcomer = session("s0", "aaa", "codex", "/home/ada/aaa", SessionState::Idle, 0);
    dashboard.event("local", Event::SessionChanged(Box::new(newcomer)));
    assert_eq!(dashboard.selected().as_deref(), Some("lint"));
    dashboard.event("local", Event::SessionRemoved(SessionId::new("s2")));
    assert_eq!(dashboard.selected().as_deref(), Some("lint"));
    // When it goes itself, its neighbour takes its place.
    dashboard.event("local", Event::SessionRemoved(SessionId::new("s3")));
    assert_eq!(dashboard.selected().as_deref(), Some("old-run"));
}

#[test]
fn sessions_keep_their_place_when_their_state_changes() {
    let mut dashboard = Dashboard::fleet(132, 38);
    let before = row_of(&mut dashboard, "lint");
    let busy = session(
        "s3",
        "lint",
        "codex",
        "/home/ada/src/shop",
        SessionState::Starting,
        0,
    );
    dashboard.event("local", Event::SessionChanged(Box::new(busy)));
    assert_eq!(row_of(&mut dashboard, "lint"), before);
}

#[test]
fn tab_goes_round_those_who_wait_oldest_first() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    let mut visited = Vec::new();
    for _ in 0..3 {
        dashboard.press("tab");
        visited.extend(dashboard.selected());
    }
    assert_eq!(visited, ["docs", "shop", "docs"]);
}

#[test]
fn only_the_screen_in_sight_is_watched() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    dashboard.press("j");
    let target = Target::new(&HostId::local(), &SessionId::new("s5"));
    assert_eq!(dashboard.effects, [Effect::Watch(vec![target])]);
    dashboard.send(Msg::Resized(50, 20));
    assert_eq!(dashboard.effects, [Effect::Watch(vec![])]);
    dashboard.press("v");
    assert_eq!(dashboard.model.watched.len(), 1);
}

#[test]
fn a_screen_out_of_sight_draws_nothing() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    dashboard.model.dirty = Dirty::No;
    dashboard.screen("local", "s2", "other");
    assert_eq!(dashboard.model.dirty, Dirty::No);
    dashboard.screen("local", "s3", "mine");
    assert_eq!(dashboard.model.dirty, Dirty::Soon);
}

#[test]
fn attaching_names_the_pane_and_comes_back_to_the_same_place() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    dashboard.press("enter");
    let attach = Attach {
        socket: "/tmp/tmux-1000/cm".into(),
        tmux_session: 3,
        pane: 3,
    };
    assert_eq!(dashboard.effects, [Effect::Attach(attach)]);
    dashboard.send(Msg::Returned {
        error: Some("tmux: no sessions".to_owned()),
    });
    assert_eq!(dashboard.selected().as_deref(), Some("lint"));
    assert_eq!(dashboard.toast(), "tmux: no sessions");
}

#[test]
fn a_session_elsewhere_is_attached_to_over_its_own_host() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "sweep");
    dashboard.press("enter");
    let over = AttachOver {
        host: HostId::new("gpu-2"),
        name: "sweep".to_owned(),
        place: Place {
            socket: "/tmp/tmux-1000/cm".into(),
            server_pid: 10,
            server_started: 1,
            pane: 3,
            tmux_session: 3,
        },
    };
    assert_eq!(dashboard.effects, [Effect::AttachOver(over)]);
    assert_eq!(dashboard.toast(), "opening sweep on gpu-2");
    dashboard.send(Msg::NotAttached {
        message: "there is no tmux on gpu-2".to_owned(),
        hint: "install it there".to_owned(),
    });
    assert!(dashboard.toast().starts_with("there is no tmux on gpu-2"));
}

#[rstest]
#[case("x y", true)]
#[case("x n", false)]
#[case("x esc", false)]
#[case("x enter", false)]
fn killing_asks_and_the_safe_answer_is_the_default(#[case] keys: &str, #[case] killed: bool) {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    dashboard.press(keys);
    let expected = if killed {
        vec![Request::Kill {
            session: SessionId::new("s3"),
        }]
    } else {
        vec![]
    };
    assert_eq!(requests(&dashboard), expected);
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn starting_sends_what_the_form_says_and_selects_what_came_of_it() {
    let mut dashboard = Dashboard::empty(132, 38);
    dashboard
        .press("n")
        .type_text("Fix the login")
        .press("enter");
    let start = StartSession {
        tool: "claude-code".to_owned(),
        dir: "~/src/shop".to_owned(),
        task: Some("Fix the login".to_owned()),
        name: Some("fix-login".to_owned()),
    };
    assert_eq!(requests(&dashboard), [Request::Start(start)]);
    dashboard.press("enter");
    assert_eq!(requests(&dashboard), [], "once is enough");
    let reply = Box::new(Reply::Started(SessionId::new("s9")));
    dashboard.notice(
        "local",
        Notice::Replied {
            id: newest(&dashboard),
            reply,
        },
    );
    assert!(dashboard.model.overlays.is_empty());
    let started = session(
        "s9",
        "fix-login",
        "claude-code",
        "/home/ada/src/shop",
        SessionState::Starting,
        0,
    );
    dashboard.event("local", Event::SessionChanged(Box::new(started)));
    assert_eq!(dashboard.selected().as_deref(), Some("fix-login"));
}

#[test]
fn a_refused_start_loses_nothing_that_was_typed() {
    let mut dashboard = Dashboard::empty(132, 38);
    dashboard.press("n").type_text("Fix it").press("enter");
    let reply = Box::new(Reply::Failed(failure(
        "no folder “~/src/shop”",
        "make it first",
    )));
    dashboard.notice(
        "local",
        Notice::Replied {
            id: newest(&dashboard),
            reply,
        },
    );
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("no folder “~/src/shop”  make it first"),
        "{page}"
    );
    assert!(page.contains("Fix it"), "{page}");
    dashboard.press("enter");
    assert_eq!(requests(&dashboard).len(), 1);
}

#[test]
fn a_tool_without_a_task_is_asked_for_none() {
    let mut dashboard = Dashboard::empty(132, 38);
    let shell = super::fixture::tools().pop().unwrap();
    dashboard.notice("local", Notice::Tools(vec![shell]));
    dashboard.press("n").type_text("one");
    // From the name back over the task to the tool, and forth again.
    dashboard
        .press("backtab tab")
        .type_text("-two")
        .press("enter");
    let [Request::Start(start)] = &requests(&dashboard)[..] else {
        panic!("{:?}", dashboard.effects);
    };
    assert_eq!(start.name.as_deref(), Some("one-two"));
    assert_eq!(start.task, None);
}

#[test]
fn another_tool_and_folder_can_be_chosen() {
    let mut dashboard = Dashboard::empty(132, 38);
    dashboard.press("n backtab").type_text("c");
    dashboard
        .press("backtab")
        .type_text("/srv/app")
        .press("tab tab")
        .type_text("go")
        .press("enter");
    let start = StartSession {
        tool: "codex".to_owned(),
        dir: "/srv/app".to_owned(),
        task: Some("go".to_owned()),
        name: Some("go".to_owned()),
    };
    assert_eq!(requests(&dashboard), [Request::Start(start)]);
}

#[test]
fn the_demo_starts_three_stand_ins() {
    let mut dashboard = Dashboard::empty(132, 38);
    dashboard.press("D");
    let tasks: Vec<_> = requests(&dashboard)
        .into_iter()
        .filter_map(|request| match request {
            Request::Start(start) if start.tool == "demo" => start.task,
            _ => None,
        })
        .collect();
    assert_eq!(tasks, ["working", "asking", "finishing"]);
}

#[test]
fn typing_sends_every_key_until_the_one_that_leaves() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "api");
    dashboard.press("i");
    for (key, bytes) in [
        ("q", "q"),
        ("ctrl-c", "\u{3}"),
        ("tab", "\t"),
        ("up", "\u{1b}[A"),
        ("esc", "\u{1b}"),
    ] {
        dashboard.press(key);
        let expected = Request::SendKeys {
            session: SessionId::new("s2"),
            bytes: bytes.as_bytes().to_vec(),
        };
        assert_eq!(requests(&dashboard), [expected]);
    }
    dashboard.send(Msg::Paste("two\r\nlines\u{1b}[201~".to_owned()));
    let pasted = requests(&dashboard);
    assert!(
        matches!(&pasted[..], [Request::Paste { text, .. }] if !text.contains('\u{1b}')),
        "{pasted:?}"
    );
    dashboard.press("ctrl-]");
    assert_eq!(
        (requests(&dashboard), dashboard.model.typing.clone()),
        (vec![], None)
    );
}

#[test]
fn application_mode_changes_the_cursor_keys() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "api");
    dashboard.screen("local", "s2", "\u{1b}[?1h").press("i up");
    let expected = Request::SendKeys {
        session: SessionId::new("s2"),
        bytes: b"\x1bOA".to_vec(),
    };
    assert_eq!(requests(&dashboard), [expected]);
}

#[test]
fn typing_that_ends_by_itself_does_not_turn_letters_into_commands() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "api");
    dashboard
        .press("i")
        .event("local", Event::SessionRemoved(SessionId::new("s2")));
    assert_eq!(dashboard.model.typing, None);
    dashboard.press("q x y");
    assert_eq!(
        (dashboard.effects.len(), dashboard.model.overlays.len()),
        (0, 0)
    );
    dashboard.wait(1_000).press("q");
    assert_eq!(dashboard.effects, [Effect::Quit]);
}

#[test]
fn scrolling_back_fetches_pages_and_comes_back_live() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "api");
    dashboard.press("pageup");
    let page = HistoryPage {
        skip: 0,
        lines: 200,
    };
    assert_eq!(
        requests(&dashboard),
        [Request::History {
            session: SessionId::new("s2"),
            page
        }]
    );
    let lines = (0..200)
        .map(|n| format!("\u{1b}[32mold {n}\u{1b}[m"))
        .collect();
    dashboard.notice(
        "local",
        Notice::Replied {
            id: newest(&dashboard),
            reply: Box::new(Reply::History(lines)),
        },
    );
    let shown = picture::text(&dashboard.paint());
    assert!(
        shown.contains("lines back") && shown.contains("old 199") && shown.contains("End live"),
        "{shown}"
    );
    dashboard.press("end");
    let shown = picture::text(&dashboard.paint());
    assert!(
        shown.contains("live") && !shown.contains("old 199"),
        "{shown}"
    );
}

#[test]
fn a_click_selects_and_a_second_one_attaches() {
    let mut dashboard = Dashboard::fleet(132, 38);
    let row = row_of(&mut dashboard, "lint");
    let click = || mouse(MouseEventKind::Down(MouseButton::Left), 5, row);
    dashboard.send(click());
    assert_eq!(dashboard.selected().as_deref(), Some("lint"));
    dashboard.wait(200).send(click());
    assert!(matches!(dashboard.effects[..], [Effect::Attach(_)]));
    dashboard.wait(1_000).send(click()).wait(500).send(click());
    assert_eq!(dashboard.effects, []);
}

#[test]
fn the_wheel_scrolls_what_is_under_it() {
    let mut dashboard = Dashboard::fleet(80, 18);
    let selected = dashboard.selected();
    dashboard.send(mouse(MouseEventKind::ScrollDown, 3, 6));
    assert!(dashboard.model.list_top > 0);
    assert_eq!(dashboard.selected(), selected);
    dashboard.send(mouse(MouseEventKind::ScrollUp, 60, 6));
    assert!(dashboard.model.scroll.is_some());
}

#[test]
fn a_filter_narrows_and_escape_gives_everything_back() {
    let mut dashboard = Dashboard::fleet(132, 38);
    dashboard.press("/").type_text("gpu").press("enter");
    let page = picture::text(&dashboard.paint());
    assert!(page.contains("sweep") && !page.contains("lint"), "{page}");
    dashboard.press("esc");
    assert!(picture::text(&dashboard.paint()).contains("lint"));
    dashboard.press("/").type_text("!gpu");
    let page = picture::text(&dashboard.paint());
    assert!(!page.contains("sweep") && page.contains("lint"), "{page}");
}

#[test]
fn in_a_narrow_terminal_enter_first_looks_then_attaches() {
    let mut dashboard = Dashboard::fleet(50, 20);
    select(&mut dashboard, "lint");
    dashboard.press("enter");
    assert_eq!(dashboard.model.page, Page::Screen);
    dashboard.press("enter");
    assert!(matches!(dashboard.effects[..], [Effect::Attach(_)]));
    dashboard.press("esc");
    assert_eq!(dashboard.model.page, Page::List);
}

#[test]
fn escape_never_quits() {
    let mut dashboard = Dashboard::fleet(132, 38);
    for _ in 0..9 {
        dashboard.press("esc");
        assert_eq!(dashboard.effects, []);
    }
}

#[test]
fn the_palette_finds_sessions_and_actions() {
    let mut dashboard = Dashboard::fleet(132, 38);
    dashboard.press("ctrl-k").type_text("sweep").press("enter");
    assert_eq!(dashboard.selected().as_deref(), Some("sweep"));
    dashboard.press(":").type_text("quit").press("enter");
    assert_eq!(dashboard.effects, [Effect::Quit]);
}

/// Whether a line of the page holds all of `words`, in their order.
fn has_line(page: &str, words: &[&str]) -> bool {
    page.lines().any(|line| {
        let mut rest = Some(line);
        for word in words {
            rest = rest.and_then(|rest| Some(rest.split_once(word)?.1));
        }
        rest.is_some()
    })
}

#[rstest]
#[case::at_a_prompt("shop", "│ N ", "│ n  ")]
#[case::elsewhere("lint", "│ n  N ", "│ N ")]
fn the_help_says_which_keys_act_here(
    #[case] at: &str,
    #[case] starts: &str,
    #[case] starts_not: &str,
) {
    let mut dashboard = Dashboard::fleet(132, 60);
    select(&mut dashboard, at);
    dashboard.press("?");
    let page = picture::text(&dashboard.paint());
    let (here, _) = page.split_once("│ Answer").unwrap();
    let start = "Starts a tool in a folder.";
    assert!(has_line(here, &[starts, start]), "{page}");
    assert!(!has_line(here, &[starts_not, start]), "{page}");
    assert_eq!(has_line(here, &["│ n ", "Answers no"]), at == "shop");
    // No host asks, and this one is there.
    assert!(!here.contains("Opens what a host asks") && !here.contains("Tries the selected"));
    dashboard.type_text("folder");
    let all = picture::text(&dashboard.paint());
    let both = [
        "│ n  N",
        "Starts a tool in a folder; n only without a prompt.",
    ];
    assert!(has_line(&all, &both), "{all}");
}

#[rstest]
#[case("shop", "N")]
#[case("lint", "n")]
fn the_palette_teaches_the_key_that_acts_here(#[case] at: &str, #[case] key: &str) {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, at);
    dashboard.press(":").type_text("start");
    let page = picture::text(&dashboard.paint());
    let key = format!(" {key} │");
    assert!(
        has_line(&page, &["Starts a tool in a folder.", &key]),
        "{page}"
    );
}

#[rstest]
#[case(100, "demo-finishing", "approval")]
#[case(120, "demo-finishing-3d", "approval")]
#[case(160, "demo-finishing-two", "approval")]
fn a_name_has_the_room_that_is_there(
    #[case] columns: u16,
    #[case] name: &str,
    #[case] state: &str,
) {
    let mut dashboard = Dashboard::fleet(columns, 38);
    let mut session = shop();
    name.clone_into(&mut session.name);
    dashboard.event("local", Event::SessionChanged(Box::new(session)));
    let page = picture::text(&dashboard.paint());
    let row = page
        .lines()
        .find(|line| line.contains(state))
        .unwrap_or_else(|| panic!("{page}"));
    assert!(row.contains(&format!("{name} ")), "{row}");
}

#[test]
fn what_was_not_sent_is_said() {
    let mut dashboard = Dashboard::fleet(132, 38);
    select(&mut dashboard, "lint");
    dashboard.press("x y");
    let id = newest(&dashboard);
    dashboard.send(Msg::NotSent {
        id,
        error: SendError::Busy,
    });
    assert_eq!(
        dashboard.toast(),
        "lint not ended: too many requests are waiting"
    );
}

#[test]
fn a_broken_file_keeps_what_was_and_says_where() {
    let mut dashboard = Dashboard::fleet(132, 38);
    let before = dashboard.model.settings.theme.clone();
    let problem = Problem {
        text: "night.toml:3:9: “gray-ish” is not a colour".to_owned(),
        hint: "see".to_owned(),
    };
    dashboard.send(Msg::Reloaded(Box::new(Loaded {
        settings: None,
        config: None,
        problems: vec![problem],
    })));
    assert_eq!(dashboard.model.settings.theme, before);
    assert!(dashboard.toast().starts_with("night.toml:3:9"));
}

#[test]
fn a_file_that_is_whole_again_takes_its_complaint_back() {
    let mut dashboard = Dashboard::fleet(132, 38);
    let problem = Problem {
        text: "config.toml:1:14: invalid string".to_owned(),
        hint: String::new(),
    };
    for (problems, left) in [(vec![problem.clone()], 1), (vec![problem], 1), (vec![], 0)] {
        dashboard.send(Msg::Reloaded(Box::new(Loaded {
            settings: None,
            config: None,
            problems,
        })));
        assert_eq!(dashboard.model.toasts.iter().count(), left);
    }
}

#[test]
fn trouble_of_a_host_is_told_whole_until_it_is_gone() {
    let mut dashboard = Dashboard::fleet(132, 38);
    let trouble = failure(
        "/home/ada/.config/cm-tui/tools/x.toml:2:7: unclosed table",
        "close it",
    );
    dashboard.event("local", Event::Troubled(Some(trouble.clone())));
    dashboard
        .wait(2_000)
        .event("local", Event::Troubled(Some(trouble)));
    let toasts: Vec<_> = dashboard.model.toasts.iter().cloned().collect();
    assert_eq!(toasts.len(), 1);
    assert!(toasts[0].text.ends_with("x.toml:2:7: unclosed table"));
    assert_eq!(toasts[0].hint, "close it");
    dashboard.event("local", Event::Troubled(None));
    assert!(dashboard.model.toasts.is_empty());
}

#[test]
fn who_types_on_after_typing_ended_by_itself_commands_nothing() {
    let mut dashboard = Dashboard::fleet(132, 38);
    dashboard.press("i");
    assert!(dashboard.model.typing.is_some());
    dashboard.notice("local", Notice::Disconnected(failure("lost", "")));
    assert!(dashboard.model.typing.is_none());
    // A sentence, three keys a second: longer than any fixed pause.
    for _ in 0..9 {
        dashboard.wait(300).press("?");
        assert!(dashboard.model.overlays.is_empty());
    }
    dashboard.wait(1_100).press("?");
    assert!(!dashboard.model.overlays.is_empty());
}

#[test]
fn it_wakes_only_for_what_changes_by_itself() {
    let mut dashboard = Dashboard::empty(132, 38);
    assert_eq!(next_wake(&dashboard.model), None);
    // A working session turns its glyph four times a second; without one, ages tick.
    let mut dashboard2 = Dashboard::fleet(132, 38);
    assert_eq!(next_wake(&dashboard2.model), Some(10_250));
    dashboard2.model.settings.reduced_motion = true;
    assert_eq!(next_wake(&dashboard2.model), Some(11_000));
    dashboard.event("local", Event::SessionChanged(Box::new(shop())));
    assert_eq!(next_wake(&dashboard.model), Some(11_000));
    dashboard.press("i");
    assert_eq!(next_wake(&dashboard.model), None);
}

#[test]
fn quitting_and_suspending_are_left_to_the_loop() {
    let mut dashboard = Dashboard::fleet(132, 38);
    assert_eq!(dashboard.press("q").effects, [Effect::Quit]);
    assert_eq!(dashboard.press("ctrl-z").effects, [Effect::Suspend]);
    assert_eq!(dashboard.press("ctrl-l").effects, [Effect::Redraw]);
}
