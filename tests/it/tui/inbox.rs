//! The inbox, words that go with a no, rules, and answers to several prompts at once.

use cm_tui::domain::{Answer, HostId, Mode, PromptId, PromptKind, SessionId, SessionState, Source};
use cm_tui::fleet::{Notice, RequestId};
use cm_tui::protocol::{Event, Reply, Request};
use cm_tui::tui::effect::{Effect, Target};
use cm_tui::tui::model::Page;
use rstest::rstest;

use super::fixture::{Dashboard, asking, failure, prompt, session, shop};
use super::picture;

const RULE: &str = "[[rule]]\nname = \"clean\"\nallow = [\"rm -rf build\"]\n";

fn requests(dashboard: &Dashboard) -> Vec<Request> {
    let effects = dashboard.effects.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Send { request, .. } => Some(request.clone()),
            _ => None,
        })
        .collect()
}

fn answered(session: &str, prompt: u64, answer: Answer, message: &str) -> Request {
    Request::AnswerPrompt {
        session: SessionId::new(session),
        prompt: PromptId(prompt),
        answer,
        message: message.to_owned(),
    }
}

/// The inbox of two hosts: `docs` with a question, `shop` and `cart` that both want to clean a folder.
fn inbox(columns: u16, rows: u16) -> Dashboard {
    let mut dashboard = Dashboard::fleet(columns, rows);
    dashboard.event("local", changed(cart("rm -rf build")));
    dashboard.press("I");
    dashboard
}

fn cart(subject: &str) -> cm_tui::domain::Session {
    let cart = session(
        "s8",
        "cart",
        "claude-code",
        "/home/ada/src/cart",
        SessionState::Idle,
        20,
    );
    let question = "Do you want to proceed?";
    asking(cart, prompt(12, PromptKind::Command, subject, question))
}

fn changed(session: cm_tui::domain::Session) -> Event {
    Event::SessionChanged(Box::new(session))
}

fn go_to(dashboard: &mut Dashboard, name: &str) {
    dashboard.press("g g");
    while dashboard.selected().as_deref() != Some(name) {
        let before = dashboard.selected();
        dashboard.press("j");
        assert_ne!(dashboard.selected(), before, "{name} is not in the inbox");
    }
}

fn reply(dashboard: &mut Dashboard, reply: Reply) {
    let id = *dashboard.model.pending.keys().max().unwrap();
    let reply = Box::new(reply);
    dashboard.notice("local", Notice::Replied { id, reply });
}

#[test]
fn every_open_prompt_is_there_whole_and_oldest_first() {
    let mut dashboard = inbox(80, 40);
    let page = picture::text(&dashboard.paint());
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    assert!(at("docs") < at("shop") && at("shop") < at("cart"));
    assert!(page.contains("Which database should the example use?"));
    assert!(page.contains("3 open, oldest first"), "{page}");
    dashboard.press("esc");
    assert!(dashboard.model.inbox.is_none());
}

#[test]
fn tab_and_the_arrows_go_from_prompt_to_prompt_and_enter_attaches() {
    let mut dashboard = inbox(50, 30);
    go_to(&mut dashboard, "docs");
    dashboard.press("tab");
    assert_eq!(dashboard.selected().as_deref(), Some("shop"));
    dashboard.press("down");
    assert_eq!(dashboard.selected().as_deref(), Some("cart"));
    dashboard.press("enter");
    assert!(matches!(dashboard.effects[..], [Effect::Attach(_)]));
    dashboard.press("v");
    assert_eq!(
        (dashboard.model.inbox.is_none(), dashboard.model.page),
        (true, Page::Screen)
    );
}

#[rstest]
#[case("y", Answer::Yes)]
#[case("n", Answer::No)]
fn the_selected_prompt_is_answered_and_its_neighbour_follows(
    #[case] key: &str,
    #[case] answer: Answer,
) {
    let mut dashboard = inbox(80, 30);
    go_to(&mut dashboard, "shop");
    dashboard.press(key);
    assert_eq!(requests(&dashboard), [], "not before it was looked at");
    dashboard.look().press(key);
    assert_eq!(requests(&dashboard), [answered("s1", 7, answer, "")]);
    let mut busy = shop();
    busy.prompt = None;
    busy.state = SessionState::Starting;
    dashboard.event("local", changed(busy));
    assert_eq!(dashboard.selected().as_deref(), Some("cart"));
    // The next one has come under the key by itself: a second press is not meant for it.
    dashboard.paint();
    dashboard.wait(100).press(key);
    assert_eq!(requests(&dashboard), []);
    dashboard.look().press(key);
    assert_eq!(requests(&dashboard), [answered("s8", 12, answer, "")]);
}

#[test]
fn a_long_command_is_answered_when_all_of_it_was_on_screen() {
    let mut dashboard = inbox(80, 20);
    let lines: Vec<_> = (0..60).map(|n| format!("echo {n}")).collect();
    dashboard.event("local", changed(cart(&lines.join("\n"))));
    go_to(&mut dashboard, "cart");
    let page = picture::text(&dashboard.look().paint());
    assert!(
        page.contains("reads on") && !page.contains("y approve"),
        "{page}"
    );
    dashboard.press("y");
    assert_eq!(requests(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: not all of it has been on screen"
    );
    // A jump over the middle is no reading.
    dashboard.press("pagedown pagedown pagedown pagedown pagedown pagedown pagedown");
    dashboard.look().press("y");
    assert_eq!(requests(&dashboard), []);
    let mut text = String::new();
    dashboard.press("pageup pageup pageup pageup pageup pageup pageup");
    for _ in 0..9 {
        text.push_str(&picture::text(&dashboard.look().paint()));
        dashboard.press("pagedown");
    }
    assert!(lines.iter().all(|line| text.contains(line.as_str())));
    let page = picture::text(&dashboard.look().paint());
    assert!(page.contains("y approve"), "{page}");
    dashboard.press("y");
    assert_eq!(requests(&dashboard), [answered("s8", 12, Answer::Yes, "")]);
}

#[test]
fn identical_prompts_are_answered_together_once_each_was_read() {
    let mut dashboard = inbox(80, 40);
    go_to(&mut dashboard, "shop");
    dashboard.press("space j space");
    // Nobody has seen them yet.
    dashboard.press("y");
    assert_eq!(requests(&dashboard), []);
    dashboard.look().press("y");
    let both = [
        answered("s1", 7, Answer::Yes, ""),
        answered("s8", 12, Answer::Yes, ""),
    ];
    assert_eq!(requests(&dashboard), both);
}

#[test]
fn a_prompt_that_differs_is_not_marked_and_one_that_is_not_marked_not_answered() {
    let mut dashboard = inbox(80, 40);
    dashboard.event("local", changed(cart("rm -rf dist")));
    go_to(&mut dashboard, "shop");
    dashboard.press("space j space");
    assert_eq!(dashboard.toast(), "not marked: shop asks something else");
    dashboard.look().press("y");
    assert_eq!(requests(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: others are marked, this one is not"
    );
    // The marks go first, the inbox only then.
    dashboard.press("esc");
    assert!(dashboard.model.inbox.is_some());
    dashboard.look().press("y");
    assert_eq!(requests(&dashboard), [answered("s8", 12, Answer::Yes, "")]);
}

#[test]
fn a_marked_prompt_that_changes_is_no_part_of_the_answer() {
    let mut dashboard = inbox(80, 40);
    go_to(&mut dashboard, "shop");
    dashboard.press("space j space k").look();
    dashboard.event("local", changed(cart("rm -rf ~")));
    dashboard.press("y");
    assert_eq!(requests(&dashboard), []);
    assert_eq!(dashboard.toast(), "not answered: cart asks something else");
}

/// At `shop`, whose prompt is known by `evidence`.
fn known_by(evidence: Source, in_inbox: bool) -> Dashboard {
    let mut dashboard = inbox(80, 30);
    let mut shop = shop();
    shop.prompt.as_mut().unwrap().evidence = vec![evidence];
    dashboard.event("local", changed(shop));
    go_to(&mut dashboard, "shop");
    if !in_inbox {
        dashboard.press("esc");
    }
    dashboard.look();
    dashboard
}

#[rstest]
fn where_a_tool_takes_no_words_none_can_be_typed(#[values(true, false)] in_inbox: bool) {
    let mut dashboard = known_by(Source::Screen, in_inbox);
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("n deny") && !page.contains("d say why"),
        "{page}"
    );
    dashboard.press("d");
    assert!(dashboard.model.overlays.is_empty());
    assert_eq!(dashboard.toast(), "the tool takes no words here");
    dashboard.press("n");
    assert_eq!(
        requests(&dashboard),
        [answered("s1", 7, Answer::No, "")],
        "a plain no is still given"
    );
}

#[rstest]
fn a_no_can_have_words_where_a_hook_takes_them(#[values(true, false)] in_inbox: bool) {
    let mut dashboard = known_by(Source::Hook, in_inbox);
    dashboard.press("d").type_text("use cargo clean");
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("the tool is told this with the no") && page.contains("rm -rf build"),
        "{page}"
    );
    dashboard.press("enter");
    let answer = answered("s1", 7, Answer::No, "use cargo clean");
    assert_eq!(requests(&dashboard), [answer]);
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn words_for_a_prompt_that_has_changed_meanwhile_deny_nothing() {
    let mut dashboard = known_by(Source::Hook, true);
    dashboard.press("d").type_text("no");
    let mut other = shop();
    other.prompt.as_mut().unwrap().subject = "ls".to_owned();
    dashboard.event("local", changed(other));
    dashboard.press("enter");
    assert_eq!(requests(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: the prompt is another one by now"
    );
}

/// At `shop`, asked for a rule.
fn asked_for_a_rule() -> Dashboard {
    let mut dashboard = inbox(100, 30);
    go_to(&mut dashboard, "shop");
    dashboard.look().press("a");
    let suggest = Request::SuggestRule {
        session: SessionId::new("s1"),
        prompt: PromptId(7),
    };
    assert_eq!(requests(&dashboard), [suggest]);
    dashboard
}

#[test]
fn a_rule_is_shown_edited_and_in_place_before_the_answer_is_sent() {
    let mut dashboard = asked_for_a_rule();
    reply(&mut dashboard, Reply::Rule(Some(RULE.to_owned())));
    let page = picture::text(&dashboard.paint());
    assert!(page.contains("name = \"clean\""), "{page}");
    // What is typed goes into it, the keys for answers as well.
    dashboard.type_text("# y").press("enter ctrl-s");
    let text = format!("# y\n{}", RULE.trim_end());
    assert_eq!(requests(&dashboard), [Request::AddRule { text }]);
    dashboard.press("ctrl-s");
    assert_eq!(requests(&dashboard), [], "once is enough");
    reply(&mut dashboard, Reply::Done);
    assert_eq!(requests(&dashboard), [answered("s1", 7, Answer::Yes, "")]);
    assert!(dashboard.model.overlays.is_empty());
}

#[rstest]
#[case(Mode::Ask, true)]
#[case(Mode::Policy, false)]
#[case(Mode::Yes, false)]
fn where_nobody_asks_the_rules_that_is_said_beside_a_new_one(
    #[case] mode: Mode,
    #[case] is_said: bool,
    #[values((40, 14), (80, 24), (160, 50))] size: (u16, u16),
) {
    let mut dashboard = inbox(size.0, size.1);
    let mut shop = shop();
    shop.auto.mode = mode;
    dashboard.event("local", changed(shop));
    go_to(&mut dashboard, "shop");
    dashboard.look().press("a");
    reply(&mut dashboard, Reply::Rule(Some(RULE.to_owned())));
    let page = picture::text(&dashboard.paint());
    let said = "rules count only in mode policy";
    assert_eq!(page.contains(said), is_said, "{page}");
    if is_said {
        insta::assert_snapshot!(format!("rule-in-ask-{}x{}", size.0, size.1), page);
    }
}

#[test]
fn a_rule_that_is_refused_is_not_lost_and_nothing_is_answered() {
    let mut dashboard = asked_for_a_rule();
    reply(&mut dashboard, Reply::Rule(Some(RULE.to_owned())));
    dashboard.press("ctrl-s");
    let refused = failure("rule “clean”: no example", "add match and not_match");
    reply(&mut dashboard, Reply::Failed(refused));
    let page = picture::text(&dashboard.paint());
    assert!(
        page.contains("no example") && page.contains("add match") && page.contains("[[rule]]"),
        "{page}"
    );
    assert_eq!(requests(&dashboard), []);
    dashboard.press("esc");
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn with_the_rule_in_place_a_changed_prompt_is_not_answered() {
    let mut dashboard = asked_for_a_rule();
    reply(&mut dashboard, Reply::Rule(Some(RULE.to_owned())));
    dashboard.press("ctrl-s");
    let id: RequestId = *dashboard.model.pending.keys().max().unwrap();
    let mut other = shop();
    other.prompt.as_mut().unwrap().id = PromptId(8);
    dashboard.event("local", changed(other));
    let reply = Box::new(Reply::Done);
    dashboard.notice("local", Notice::Replied { id, reply });
    assert_eq!(requests(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: the prompt is another one by now"
    );
}

#[test]
fn where_no_rule_is_safe_none_is_written() {
    let mut dashboard = asked_for_a_rule();
    reply(&mut dashboard, Reply::Rule(None));
    assert!(picture::text(&dashboard.paint()).contains("no rule would be safe for this"));
    dashboard.press("ctrl-s enter");
    assert_eq!(requests(&dashboard), []);
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn what_is_read_stays_where_it_is_when_others_come_and_go() {
    let mut dashboard = inbox(80, 40);
    go_to(&mut dashboard, "cart");
    let row = |dashboard: &mut Dashboard| {
        let page = picture::text(&dashboard.paint());
        let of = page.lines().position(|line| line.contains("cart "));
        of.unwrap_or_else(|| panic!("{page}"))
    };
    let many: Vec<_> = (0..30).map(|n| format!("echo {n}")).collect();
    dashboard.event("local", changed(cart(&many.join("\n"))));
    let before = row(&mut dashboard);
    // An older one appears above, with a long command.
    let mut early = session(
        "s9",
        "early",
        "codex",
        "/home/ada",
        SessionState::Idle,
        9_000,
    );
    early = asking(early, prompt(40, PromptKind::Command, &many.join("\n"), ""));
    dashboard.event("local", changed(early));
    assert_eq!(row(&mut dashboard), before);
    assert_eq!(dashboard.selected().as_deref(), Some("cart"));
}

#[test]
fn a_host_that_is_lost_takes_its_prompts_out_of_the_inbox() {
    let mut dashboard = inbox(80, 30);
    go_to(&mut dashboard, "docs");
    dashboard.notice("gpu-2", Notice::Disconnected(failure("lost", "")));
    assert_eq!(dashboard.selected().as_deref(), Some("shop"));
    dashboard.notice("local", Notice::Disconnected(failure("lost", "")));
    let page = picture::text(&dashboard.paint());
    assert!(page.contains("Nobody waits for you."), "{page}");
    let target = Target::new(&HostId::local(), &SessionId::new("s1"));
    assert!(dashboard.model.session(&target).is_some());
    dashboard.look().press("y");
    assert_eq!(requests(&dashboard), []);
}

#[test]
fn notes_take_their_room_from_the_inbox_and_cover_nothing() {
    let mut dashboard = inbox(80, 30);
    let before = picture::text(&dashboard.paint());
    dashboard.press("y");
    assert!(!dashboard.toast().is_empty());
    let after = picture::text(&dashboard.paint());
    for line in before.lines().skip(1).take(14) {
        assert!(after.contains(line), "{line}\n{after}");
    }
    assert!(after.contains(&dashboard.toast()));
}
