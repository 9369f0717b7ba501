//! Who answers when nobody does: badges, the page that sets a mode, what is about to be answered, and calls.

use cm_tui::config::Notify;
use cm_tui::domain::{Advice, AutoConfirm, Mode, PromptKind, SessionId, SessionState, Verdict};
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, LogKind, LogLine, Reply, Request};
use cm_tui::tui::effect::Effect;
use cm_tui::tui::message::Msg;
use rstest::rstest;

use super::fixture::{Dashboard, START, asking, failure, prompt, session, shop};
use super::picture;

fn at_shop(columns: u16, rows: u16) -> Dashboard {
    let mut dashboard = Dashboard::fleet(columns, rows);
    while dashboard.selected().as_deref() != Some("shop") {
        dashboard.press("tab");
    }
    dashboard
}

fn requests(dashboard: &Dashboard) -> Vec<Request> {
    let effects = dashboard.effects.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Send { request, .. } => Some(request.clone()),
            _ => None,
        })
        .collect()
}

fn with(auto: AutoConfirm) -> Event {
    Event::SessionChanged(Box::new(cm_tui::domain::Session { auto, ..shop() }))
}

#[rstest]
#[case(Mode::Policy, false, "[policy]")]
#[case(Mode::Policy, true, "[policy?]")]
#[case(Mode::Yes, false, "[YES 7h]")]
#[case(Mode::Yes, true, "[YES? 7h]")]
fn the_mode_is_a_word_in_the_row_the_prompt_and_the_inbox(
    #[case] mode: Mode,
    #[case] dry_run: bool,
    #[case] badge: &str,
    #[values((40, 14), (80, 24), (160, 50))] size: (u16, u16),
) {
    let mut dashboard = at_shop(size.0, size.1);
    let auto = AutoConfirm {
        mode,
        dry_run,
        until: (mode == Mode::Yes).then_some(START.unix + 7 * 3_600_000 + 60_000),
        ..AutoConfirm::default()
    };
    dashboard.event("local", with(auto));
    let page = picture::text(&dashboard.paint());
    let lines: Vec<_> = page.lines().filter(|line| line.contains(badge)).collect();
    assert!(lines.iter().any(|line| line.contains("shop ")), "{page}");
    assert!(lines.iter().any(|line| line.contains("approve")), "{page}");
    dashboard.press("I");
    let page = picture::text(&dashboard.paint());
    assert!(page.contains(badge), "{page}");
}

#[test]
fn a_mode_that_switched_itself_off_says_why() {
    let mut dashboard = at_shop(132, 38);
    let stopped = "3 denials in a row".to_owned();
    let auto = AutoConfirm {
        stopped,
        ..AutoConfirm::default()
    };
    dashboard.event("local", with(auto));
    assert!(picture::text(&dashboard.paint()).contains("[stopped]"));
    for key in ["I", "m"] {
        dashboard.press(key);
        let page = picture::text(&dashboard.paint());
        let said = "switched off by itself: 3 denials in a row";
        assert!(page.contains(said), "{key}: {page}");
    }
}

fn set(mode: Mode, screen: bool, dry_run: bool, hours: Option<u32>) -> Request {
    Request::SetMode {
        session: SessionId::new("s1"),
        mode,
        screen,
        dry_run,
        hours,
    }
}

#[rstest]
#[case("m p enter", set(Mode::Policy, false, false, None))]
#[case(
    "m right tab space tab space enter",
    set(Mode::Policy, true, true, None)
)]
#[case("m y backtab y e s enter", set(Mode::Yes, false, false, Some(8)))]
#[case("m y enter s h o p enter", set(Mode::Yes, false, false, Some(8)))]
#[case(
    "m y tab left backtab backtab y e s enter",
    set(Mode::Yes, false, false, Some(4))
)]
fn a_mode_is_set_from_its_page(#[case] keys: &str, #[case] request: Request) {
    let mut dashboard = at_shop(132, 38);
    dashboard.press(keys);
    assert_eq!(requests(&dashboard), [request]);
    let id = *dashboard.model.pending.keys().max().unwrap();
    let reply = Box::new(Reply::Done);
    dashboard.notice("local", Notice::Replied { id, reply });
    assert!(dashboard.model.overlays.is_empty());
    assert!(dashboard.toast().starts_with("shop: mode "));
}

#[rstest]
#[case("m y enter")]
#[case("m y enter enter")]
#[case("m y backtab y e enter")]
#[case("m y backtab n o enter")]
fn yes_to_everything_wants_a_word_typed_out(#[case] keys: &str) {
    let mut dashboard = at_shop(132, 38);
    dashboard.press(keys);
    assert_eq!(requests(&dashboard), []);
    let page = picture::text(&dashboard.paint());
    assert!(page.contains("type yes or shop to confirm"), "{page}");
    assert!(page.contains("in 8 h, by itself"), "{page}");
}

#[test]
fn a_mode_that_is_refused_says_why_and_stays_open() {
    let mut dashboard = at_shop(132, 38);
    dashboard.press("m p enter");
    let id = *dashboard.model.pending.keys().max().unwrap();
    let refused = failure("the policy does not load", "see cm-tui policy check");
    let reply = Box::new(Reply::Failed(refused));
    dashboard.notice("local", Notice::Replied { id, reply });
    let page = picture::text(&dashboard.paint());
    assert!(page.contains("the policy does not load"), "{page}");
    dashboard.press("enter");
    assert_eq!(requests(&dashboard).len(), 1);
}

fn advised(answers_at: Option<u64>) -> Event {
    let mut shop = shop();
    shop.prompt.as_mut().unwrap().advice = Some(Advice {
        verdict: Verdict::Allow,
        rule: "clean".to_owned(),
        why: "inside the project".to_owned(),
        answers_at,
        waits: String::new(),
    });
    Event::SessionChanged(Box::new(shop))
}

#[test]
fn what_will_be_answered_by_itself_counts_down() {
    let mut dashboard = at_shop(132, 38);
    dashboard.event("local", advised(Some(START.unix + 2_300)));
    for (seconds, wait) in [(3, 400), (2, 1_000), (1, 2_000), (0, 0)] {
        let said = format!("allowed by rule clean in {seconds} s · y or n takes over");
        let page = picture::text(&dashboard.paint());
        assert!(page.contains(&said), "{said}: {page}");
        dashboard.wait(wait);
    }
    dashboard.event("local", advised(None));
    let page = picture::text(&dashboard.paint());
    let said = "policy: allow, rule clean: inside the project";
    assert!(page.contains(said), "{page}");
    dashboard.press("I");
    assert!(picture::text(&dashboard.paint()).contains(said));
    dashboard.press("esc");
    let Event::SessionChanged(mut shop) = advised(None) else {
        unreachable!("a session that is advised has changed");
    };
    let advice = shop.prompt.as_mut().unwrap().advice.as_mut().unwrap();
    advice.waits = "only the screen tells of it".to_owned();
    dashboard.event("local", Event::SessionChanged(shop));
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("waits for you: only the screen tells of it"),
        "{page}"
    );
    assert!(!page.contains(said), "{page}");
}

#[rstest]
#[case("I")]
#[case("?")]
#[case(":")]
#[case("m")]
#[case("i")]
#[case("x")]
fn how_many_wait_is_in_sight_on_every_page(#[case] key: &str) {
    for (columns, rows) in [(80, 24), (160, 50)] {
        let mut dashboard = at_shop(columns, rows);
        let said = if columns < 100 {
            "▲2"
        } else {
            "▲ 2 need you"
        };
        dashboard.press(key);
        let page = picture::text(&dashboard.paint());
        let wide = "▲ 2 need you";
        assert!(page.contains(said) || page.contains(wide), "{key}: {page}");
    }
}

fn asks(id: &str, number: u64, answers_at: Option<u64>) -> Event {
    let session = session(id, "api", "codex", "/home/ada", SessionState::Idle, 0);
    let mut prompt = prompt(number, PromptKind::Command, "ls", "Proceed?");
    prompt.advice = answers_at.map(|at| Advice {
        verdict: Verdict::Allow,
        rule: "ls".to_owned(),
        why: String::new(),
        answers_at: Some(at),
        waits: String::new(),
    });
    Event::SessionChanged(Box::new(asking(session, prompt)))
}

fn calls(dashboard: &Dashboard) -> Vec<&str> {
    let effects = dashboard.effects.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Call(words) => Some(words.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn that_nobody_waits_is_taken_back_as_soon_as_somebody_does() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.press("tab");
    assert_eq!(dashboard.toast(), "nobody needs you");
    dashboard.event("local", asks("s2", 30, None));
    assert_eq!(dashboard.toast(), "");
}

#[test]
fn who_looks_elsewhere_is_called_by_a_new_prompt_and_nobody_else_is() {
    let mut dashboard = Dashboard::fleet(80, 24);
    assert_eq!(dashboard.model.settings.notify.terminal, Notify::Bell);
    dashboard.send(Msg::Focused(true));
    dashboard.event("local", asks("s2", 30, None));
    assert_eq!(calls(&dashboard), Vec::<&str>::new());
    dashboard.send(Msg::Focused(false));
    // Known already.
    dashboard.event("local", asks("s2", 30, None));
    assert_eq!(calls(&dashboard), Vec::<&str>::new());
    // Answered without a person.
    dashboard.event("local", asks("s2", 31, Some(START.unix + 3_000)));
    assert_eq!(calls(&dashboard), Vec::<&str>::new());
    // Now it is not.
    dashboard.event("local", asks("s2", 31, None));
    assert_eq!(calls(&dashboard), ["cm-tui: api on local needs you"]);
    dashboard.wait(4_999).event("local", asks("s2", 32, None));
    assert_eq!(calls(&dashboard), Vec::<&str>::new());
    dashboard.wait(1).event("local", asks("s2", 33, None));
    assert_eq!(calls(&dashboard).len(), 1);
}

#[test]
fn what_was_answered_by_itself_is_told_with_its_rule() {
    let line = LogLine {
        at: START.unix,
        session: SessionId::new("s1"),
        name: "shop".to_owned(),
        what: LogKind::AutoConfirmed,
        detail: "rule clean: rm -rf build".to_owned(),
    };
    // Where there is no room for the log, as a note.
    let mut dashboard = Dashboard::fleet(80, 24);
    dashboard.event("local", Event::Logged(line.clone()));
    assert_eq!(
        dashboard.toast(),
        "shop: auto-confirmed rule clean: rm -rf build"
    );
    let mut dashboard = Dashboard::fleet(80, 40);
    dashboard.event("local", Event::Logged(line));
    assert_eq!(dashboard.toast(), "");
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("auto-confirmed rule clean: rm -rf build"),
        "{page}"
    );
}
