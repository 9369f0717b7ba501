//! Prompts that change between a frame and a key: whatever is answered was displayed, as it is, for long enough.
//!
//! `CM_TUI_RACES=10000` sets how many changes are injected; by default a tenth of that.

use cm_tui::domain::{Answer, Prompt, PromptId, PromptKind, SessionId, SessionState};
use cm_tui::fleet::Notice;
use cm_tui::protocol::{Event, Request};
use cm_tui::tui::clock::Moment;
use cm_tui::tui::effect::Effect;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::fixture::{Dashboard, asking, failure, prompt, session};
use super::picture;

/// How many changes one case injects.
const A_CASE: usize = 25;

#[derive(Clone, Copy, Debug)]
enum Change {
    None,
    /// The same prompt with another command.
    Subject,
    /// Another prompt with the same command.
    Id,
    Gone,
    /// One that has waited longer comes in front.
    Older,
    Lost,
    Resized,
}

#[derive(Clone, Debug)]
struct Step {
    before: u64,
    change: Change,
    /// Which session it happens to.
    of: usize,
    repaints: bool,
    after: u64,
    key: &'static str,
}

fn step() -> impl Strategy<Value = Step> {
    let change = prop_oneof![
        2 => Just(Change::None),
        3 => Just(Change::Subject),
        3 => Just(Change::Id),
        2 => Just(Change::Gone),
        1 => Just(Change::Older),
        1 => Just(Change::Lost),
        1 => Just(Change::Resized),
    ];
    let key = prop_oneof![
        6 => Just("y"),
        3 => Just("n"),
        1 => Just("tab"),
        1 => Just("space"),
        1 => Just("I"),
        1 => Just("esc"),
    ];
    let wait = prop_oneof![Just(0), Just(249), Just(250), 0..600u64];
    let after = prop_oneof![Just(0), Just(249), Just(250), 0..60u64];
    (wait, change, 0..3usize, any::<bool>(), after, key).prop_map(
        |(before, change, of, repaints, after, key)| Step {
            before,
            change,
            of,
            repaints,
            after,
            key,
        },
    )
}

/// What stood on the page, as an onlooker would tell.
struct Onlooker {
    /// What each frame in a row showed of this prompt, and since when.
    seen: Vec<(Prompt, Moment)>,
}

impl Onlooker {
    fn look(&mut self, dashboard: &mut Dashboard) {
        let page = picture::text(&dashboard.paint());
        let open = dashboard.model.sessions().filter_map(|(_, session)| {
            let prompt = session.prompt.clone()?;
            page.contains(&prompt.subject).then_some(prompt)
        });
        let now = dashboard.now;
        let seen = open.map(|prompt| {
            let before = self.seen.iter().find(|(other, _)| *other == prompt);
            let since = before.map_or(now, |(_, since)| *since);
            (prompt, since)
        });
        self.seen = seen.collect();
    }
}

fn ask(name: usize, id: u64, subject: u64, age: u64) -> cm_tui::domain::Session {
    let id_of = format!("s{name}");
    let idle = SessionState::Idle;
    let session = session(
        &id_of,
        &format!("tool-{name}"),
        "codex",
        "/home/ada",
        idle,
        age,
    );
    let subject = format!("command-{subject:05}");
    let mut asked = prompt(id, PromptKind::Command, &subject, "Proceed?");
    asked.since = 0;
    asking(session, asked)
}

fn run(steps: &[Step]) {
    let mut dashboard = Dashboard::empty(60, 20);
    let mut next = 100;
    for name in 0..3 {
        next += 1;
        let session = ask(name, next, next, 50 - name as u64);
        dashboard.event("local", Event::SessionChanged(Box::new(session)));
    }
    let mut onlooker = Onlooker { seen: Vec::new() };
    for step in steps {
        dashboard.model.now = dashboard.now;
        onlooker.look(&mut dashboard);
        dashboard.wait(step.before);
        let known = dashboard.model.sessions().find_map(|(_, session)| {
            (session.id == SessionId::new(format!("s{}", step.of))).then(|| session.clone())
        });
        next += 1;
        let mut session = known.unwrap_or_else(|| ask(step.of, next, next, 10));
        match (step.change, &mut session.prompt) {
            (Change::Subject, Some(prompt)) => prompt.subject = format!("command-{next:05}"),
            (Change::Id, Some(prompt)) => prompt.id = PromptId(next),
            (Change::Gone, prompt) => {
                *prompt = None;
                session.state = SessionState::Idle;
            }
            (Change::Older, _) => session.since -= 100_000,
            (Change::None | Change::Lost | Change::Resized, _) => {}
            (_, None) => session = ask(step.of, next, next, 10),
        }
        dashboard.event("local", Event::SessionChanged(Box::new(session)));
        match step.change {
            Change::Lost => {
                dashboard.notice("local", Notice::Disconnected(failure("lost", "")));
                dashboard.connect("local");
            }
            Change::Resized => {
                let columns = 60 + u16::try_from(next % 7).unwrap();
                dashboard.send(cm_tui::tui::message::Msg::Resized(columns, 20));
            }
            _ => {}
        }
        if step.repaints {
            onlooker.look(&mut dashboard);
        }
        dashboard.wait(step.after).press(step.key);
        for effect in &dashboard.effects {
            let Effect::Send {
                request:
                    Request::AnswerPrompt {
                        session,
                        prompt,
                        answer,
                        ..
                    },
                ..
            } = effect
            else {
                continue;
            };
            let meant = if step.key == "y" {
                Answer::Yes
            } else {
                Answer::No
            };
            assert_eq!(*answer, meant);
            let (_, session) = dashboard
                .model
                .sessions()
                .find(|(_, known)| known.id == *session)
                .expect("an answer goes to a session");
            let open = session.prompt.as_ref().expect("an answer is to a prompt");
            assert_eq!(open.id, *prompt, "{step:?}");
            let seen = onlooker.seen.iter().find(|(seen, _)| seen == open);
            let (_, since) = seen.expect("what is answered was on the last frame");
            assert!(dashboard.now.since(*since) >= 250, "{step:?}");
        }
        // Nobody reacts: the next press is not refused for that.
        dashboard.model.pending.clear();
    }
}

#[test]
fn only_what_was_displayed_is_answered_whatever_changes_between_frame_and_key() {
    let wanted = std::env::var("CM_TUI_RACES").ok();
    let wanted: usize = wanted.and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let config = Config {
        cases: u32::try_from(wanted.div_ceil(A_CASE)).unwrap(),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), A_CASE), |steps| {
            run(&steps);
            Ok(())
        })
        .unwrap();
}
