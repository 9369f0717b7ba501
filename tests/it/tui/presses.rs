//! Answering: a press acts on the prompt that was on screen when it was pressed, or on none.

use cm_tui::domain::{Answer, HostId, PromptId, PromptKind, SessionId, SessionState};
use cm_tui::fleet::{Notice, RequestId};
use cm_tui::protocol::{Event, Reply, Request};
use cm_tui::tui::effect::Effect;
use rstest::rstest;

use super::fixture::{Dashboard, asking, failure, prompt, session, shop};
use super::picture;

/// A wide dashboard with `shop` selected, not painted yet.
fn at_shop() -> Dashboard {
    let mut dashboard = Dashboard::fleet(132, 38);
    while dashboard.selected().as_deref() != Some("shop") {
        dashboard.press("tab");
    }
    dashboard
}

fn answers(dashboard: &Dashboard) -> Vec<(PromptId, Answer)> {
    dashboard
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send {
                request: Request::AnswerPrompt { prompt, answer, .. },
                ..
            } => Some((*prompt, *answer)),
            _ => None,
        })
        .collect()
}

#[rstest]
#[case("y", Answer::Yes)]
#[case("n", Answer::No)]
fn a_prompt_that_was_seen_is_answered(#[case] key: &str, #[case] answer: Answer) {
    let mut dashboard = at_shop();
    dashboard.look().press(key);
    assert_eq!(answers(&dashboard), [(PromptId(7), answer)]);
}

#[rstest]
#[case(0)]
#[case(100)]
#[case(249)]
fn a_prompt_that_has_only_just_appeared_is_not(#[case] millis: u64) {
    let mut dashboard = at_shop();
    dashboard.paint();
    dashboard.wait(millis).press("y");
    assert_eq!(answers(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: the prompt has only just appeared"
    );
}

#[test]
fn a_prompt_that_no_frame_has_shown_is_not_answered() {
    let mut dashboard = at_shop();
    dashboard.wait(5_000).press("y");
    assert_eq!(answers(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: the prompt has only just appeared"
    );
}

#[test]
fn a_prompt_that_changed_after_the_last_frame_is_not_answered() {
    let mut dashboard = at_shop();
    dashboard.look();
    let changed = asking(
        shop(),
        prompt(
            8,
            PromptKind::Command,
            "rm -rf ~",
            "Do you want to proceed?",
        ),
    );
    dashboard
        .event("local", Event::SessionChanged(Box::new(changed)))
        .press("y");
    assert_eq!(answers(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: the prompt changed as you pressed"
    );
    dashboard.look().press("y");
    assert_eq!(answers(&dashboard), [(PromptId(8), Answer::Yes)]);
}

#[test]
fn a_key_for_a_prompt_that_is_gone_starts_nothing_else() {
    let mut dashboard = at_shop();
    dashboard.look();
    let idle = session(
        "s1",
        "shop",
        "claude-code",
        "/home/ada/src/shop",
        SessionState::Idle,
        0,
    );
    dashboard
        .event("local", Event::SessionChanged(Box::new(idle)))
        .press("n");
    assert_eq!(dashboard.effects, []);
    assert!(dashboard.model.overlays.is_empty());
    assert_eq!(dashboard.toast(), "not answered: the prompt is gone");
}

#[test]
fn a_flapping_prompt_is_never_answered() {
    let mut dashboard = at_shop();
    for id in 100..200 {
        let flapping = asking(shop(), prompt(id, PromptKind::Command, "ls", "Proceed?"));
        dashboard.event("local", Event::SessionChanged(Box::new(flapping)));
        dashboard.paint();
        dashboard.wait(50).press("y");
        assert_eq!(answers(&dashboard), []);
    }
}

#[test]
fn an_answer_is_sent_once_and_then_said() {
    let mut dashboard = at_shop();
    dashboard.look().press("y");
    let Some(Effect::Send { id, .. }) = dashboard.effects.first().cloned() else {
        panic!("nothing was sent");
    };
    dashboard.press("y");
    assert_eq!(answers(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "already answered; the tool has not reacted yet"
    );
    assert!(picture::text(&dashboard.paint()).contains("answered yes"));
    dashboard.notice(
        "local",
        Notice::Replied {
            id,
            reply: Box::new(Reply::Done),
        },
    );
    assert_eq!(dashboard.toast(), "shop: Yes · rm -rf build");
}

#[test]
fn a_refused_answer_says_why() {
    let mut dashboard = at_shop();
    dashboard.look().press("y");
    let refused = failure("the prompt changed", "look again");
    let reply = Box::new(Reply::Failed(refused));
    dashboard.notice(
        "local",
        Notice::Replied {
            id: RequestId(dashboard.model.pending.keys().max().unwrap().0),
            reply,
        },
    );
    assert_eq!(dashboard.toast(), "not answered: the prompt changed");
}

#[test]
fn what_cannot_be_read_whole_is_not_answered() {
    let mut dashboard = at_shop();
    let subject = format!("echo {}; rm -rf ~", "padding ".repeat(800));
    let long = asking(
        shop(),
        prompt(9, PromptKind::Command, &subject, "Do you want to proceed?"),
    );
    dashboard
        .event("local", Event::SessionChanged(Box::new(long)))
        .look();
    let text = picture::text(&dashboard.paint());
    assert!(
        text.contains("more lines: press I to read") && !text.contains("y approve"),
        "{text}"
    );
    dashboard.press("y");
    assert_eq!(answers(&dashboard), []);
    assert_eq!(
        dashboard.toast(),
        "not answered: not all of it can be read here"
    );
}

#[test]
fn a_question_without_certain_answers_offers_none() {
    let mut dashboard = at_shop();
    dashboard.press("tab");
    assert_eq!(dashboard.selected().as_deref(), Some("docs"));
    dashboard.look();
    assert!(picture::text(&dashboard.paint()).contains("attach or type to answer"));
    dashboard.press("y");
    assert_eq!(answers(&dashboard), []);
}

#[test]
fn while_typing_the_letters_are_only_letters() {
    let mut dashboard = at_shop();
    dashboard.look().press("i").press("y");
    let expected = Effect::Send {
        host: HostId::local(),
        id: RequestId(dashboard.model.pending.keys().max().unwrap().0),
        request: Request::SendKeys {
            session: SessionId::new("s1"),
            bytes: b"y".to_vec(),
        },
    };
    assert_eq!(dashboard.effects, [expected]);
}
