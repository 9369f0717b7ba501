//! One session's eyes with a made-up clock: when a screen is judged, what is held back, when a prompt is another one.

use std::time::{Duration, Instant};

use cm_tui::agent::monitor::{Intake, Moment, Monitor, Scene};
use cm_tui::domain::detect::Detector;
use cm_tui::domain::{PromptId, SessionState, Tools};
use cm_tui::term::Size;
use proptest::prelude::*;
use rstest::rstest;

const CLEAR: &str = "\u{1b}[2J\u{1b}[H\u{1b}[?25h";
const APPROVAL: &str =
    "\u{1b}[2J\u{1b}[H\u{1b}[?25lAllow this command to run?\r\n\r\n❯ 1. Yes\r\n  2. No\r\n";
/// A tool of which nothing but its program is known: it is judged by what all tools have in common.
const UNDESCRIBED: &str =
    "id='aider'\nname='Aider'\nshort='aider'\nstart=['aider']\nrecognise={commands=['aider']}\n";
const OTHER_APPROVAL: &str =
    "\u{1b}[2J\u{1b}[H\u{1b}[?25lAllow this edit?\r\n\r\n❯ 1. Yes\r\n  2. No\r\n";
const QUESTION: &str = "\u{1b}[2J\u{1b}[H\u{1b}[?25hAdd the file to the chat? (y/n) ";
const WORKING: &str = "\u{1b}[2J\u{1b}[H\u{1b}[?25hreading, esc to interrupt\r\n";

/// A monitor that is looked after as the hub does it, and its clock in milliseconds.
struct Eyes {
    monitor: Monitor,
    detector: Detector,
    tool: &'static str,
    /// The foreground program; nothing is known of anything but `aider`.
    command: &'static str,
    last_prompt: u64,
    start: Instant,
    now: u64,
}

impl Eyes {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            monitor: Monitor::new(
                Size::new(60, 12),
                Moment {
                    instant: start,
                    wall: 0,
                },
            ),
            detector: Detector::new(Tools::with(vec![toml::from_str(UNDESCRIBED).unwrap()])),
            tool: "aider",
            command: "aider",
            last_prompt: 0,
            start,
            now: 0,
        }
    }

    /// Eyes that have seen `screen` and made up their mind.
    fn that_saw(screen: &str) -> Self {
        let mut eyes = Self::new();
        eyes.print(screen);
        eyes.pass(100);
        eyes
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn moment(&self) -> Moment {
        Moment {
            instant: self.instant(),
            wall: self.now,
        }
    }

    fn wake(&self) -> Option<u64> {
        self.monitor
            .wake_at()
            .map(|at| at.saturating_duration_since(self.start).as_millis() as u64)
    }

    fn print(&mut self, text: &str) -> Intake {
        self.monitor
            .output(text.as_bytes(), &mut Vec::new(), self.moment())
    }

    fn judge(&mut self) -> bool {
        let now = self.moment();
        let scene = Scene {
            tool: self.tool,
            command: self.command,
        };
        self.monitor
            .judge(scene, now, &mut self.last_prompt, &self.detector)
    }

    /// Lets time pass and judges whenever the monitor wants it; returns the states it came to, with their time.
    fn pass(&mut self, ms: u64) -> Vec<(u64, &'static str)> {
        let (end, mut seen) = (self.now + ms, Vec::new());
        while let Some(wake) = self.wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            if self.judge() {
                seen.push((self.now, self.word()));
            }
            assert!(
                self.wake().is_none_or(|next| next > self.now),
                "wants to be judged twice at {}",
                self.now
            );
        }
        self.now = end;
        seen
    }

    fn word(&self) -> &'static str {
        self.monitor.conclusion().state.word()
    }

    fn prompt(&self) -> Option<PromptId> {
        self.monitor
            .conclusion()
            .prompt
            .as_ref()
            .map(|prompt| prompt.id)
    }

    fn is_answerable(&self) -> bool {
        !self.monitor.evidence().is_empty()
    }
}

#[test]
fn a_screen_is_judged_when_it_has_settled() {
    let mut eyes = Eyes::new();
    eyes.print(QUESTION);
    assert_eq!(eyes.wake(), Some(30));
    eyes.now = 20;
    eyes.print(" ");
    assert_eq!(eyes.wake(), Some(50));
    assert_eq!(eyes.pass(100), [(50, "question")]);
}

#[test]
fn two_judgements_keep_their_distance() {
    let mut eyes = Eyes::new();
    eyes.print(WORKING);
    assert_eq!(eyes.pass(31), [(30, "working")]);
    eyes.print(QUESTION);
    assert_eq!(eyes.wake(), Some(90));
}

#[test]
fn a_screen_that_never_settles_is_judged_anyway() {
    let mut eyes = Eyes::new();
    let mut seen = Vec::new();
    for _ in 0..40 {
        eyes.print(WORKING);
        seen.extend(eyes.pass(10));
    }
    assert_eq!(seen, [(100, "working")]);
}

#[test]
fn words_about_work_are_told_once_a_second_and_the_last_ones_always() {
    let mut eyes = Eyes {
        tool: "claude-code",
        command: "claude",
        ..Eyes::new()
    };
    let rule = "─".repeat(60);
    let mut seen = Vec::new();
    for frame in 0..25 {
        eyes.print(&format!("{CLEAR}✻ Forging part {frame}…\r\n\r\n{rule}\r\n❯ \r\n{rule}\r\n  ⏸ manual mode on · esc to interrupt"));
        seen.extend(eyes.pass(100));
    }
    assert_eq!(
        seen,
        [(30, "working"), (1030, "working"), (2030, "working")]
    );
    eyes.pass(5000);
    let last = SessionState::Working {
        activity: "Forging part 24…".into(),
    };
    assert_eq!(eyes.monitor.conclusion().state, last);
}

#[test]
fn nothing_is_judged_inside_a_synchronized_update() {
    let mut eyes = Eyes::that_saw(WORKING);
    eyes.print(&format!("\u{1b}[?2026h{QUESTION}"));
    assert_eq!(eyes.pass(100), []);
    eyes.print(&format!("{APPROVAL}\u{1b}[?2026l"));
    assert_eq!(eyes.pass(100), [(200, "approval")]);
}

#[test]
fn a_synchronized_update_that_never_ends_is_judged_anyway() {
    let mut eyes = Eyes::that_saw(WORKING);
    eyes.print(&format!("\u{1b}[?2026h{APPROVAL}"));
    assert_eq!(eyes.wake(), Some(1100));
    assert_eq!(eyes.pass(2000), [(1100, "approval")]);
}

#[test]
fn a_program_that_shows_nothing_known_has_started_after_a_while() {
    let mut eyes = Eyes::new();
    eyes.command = "node";
    eyes.print("loading");
    assert_eq!(eyes.pass(4000), []);
    assert_eq!(eyes.word(), "starting");
    assert_eq!(eyes.pass(2000), [(5000, "unknown")]);
    assert_eq!(eyes.pass(60_000), []);
}

#[test]
fn a_program_that_draws_nothing_at_all_is_not_judged_over_and_over() {
    let mut eyes = Eyes::new();
    assert_eq!(eyes.pass(60_000).len(), 1);
    assert_eq!(eyes.wake(), None);
}

#[test]
fn a_program_without_rules_is_busy_only_as_long_as_it_prints() {
    let mut eyes = Eyes::new();
    eyes.print("some words\r\n");
    assert_eq!(eyes.pass(1000), [(30, "working")]);
    // Quiet for two seconds, then held back.
    assert_eq!(eyes.pass(3000), [(2250, "unknown")]);
    assert_eq!(eyes.wake(), None);
}

#[test]
fn a_prompt_keeps_its_id_and_age_while_it_stands() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    assert_eq!(
        (eyes.prompt(), eyes.is_answerable()),
        (Some(PromptId(1)), true)
    );
    eyes.print(APPROVAL);
    assert_eq!(eyes.pass(1000), []);
    let conclusion = eyes.monitor.conclusion();
    assert_eq!((eyes.prompt(), conclusion.since), (Some(PromptId(1)), 30));
}

#[rstest]
#[case::another_question(OTHER_APPROVAL, 100)]
#[case::work_in_between(WORKING, 100)]
#[case::a_flicker_in_between(QUESTION, 100)]
fn the_same_question_asked_again_is_another_prompt(#[case] between: &str, #[case] ms: u64) {
    let mut eyes = Eyes::that_saw(APPROVAL);
    eyes.print(between);
    eyes.pass(ms);
    eyes.print(APPROVAL);
    eyes.pass(ms);
    assert_eq!(eyes.word(), "approval");
    assert!(eyes.prompt() > Some(PromptId(1)) && eyes.is_answerable());
}

#[test]
fn a_question_right_after_an_approval_counts_once_it_has_stood() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    eyes.print(QUESTION);
    assert_eq!(eyes.pass(200), []);
    assert_eq!(
        (eyes.word(), eyes.prompt()),
        ("approval", Some(PromptId(1)))
    );
    assert_eq!(eyes.pass(1000), [(380, "question")]);
    assert!(eyes.is_answerable());
}

#[test]
fn a_prompt_that_left_the_screen_cannot_be_answered_while_it_is_still_told() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    assert!(eyes.is_answerable());
    eyes.print(QUESTION);
    eyes.pass(50);
    assert_eq!((eyes.word(), eyes.is_answerable()), ("approval", false));
}

#[test]
fn an_approval_and_its_flicker_lead_straight_to_work() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    eyes.print(QUESTION);
    let mut seen = eyes.pass(200);
    eyes.command = "node";
    eyes.print(CLEAR);
    seen.extend(eyes.pass(60));
    eyes.command = "aider";
    eyes.print(WORKING);
    seen.extend(eyes.pass(100));
    assert_eq!(seen, [(390, "working")]);
}

#[rstest]
#[case(APPROVAL, "approval")]
#[case(QUESTION, "question")]
#[case(WORKING, "working")]
fn one_frame_of_nothing_known_is_not_told(#[case] screen: &str, #[case] word: &str) {
    let mut eyes = Eyes::that_saw(screen);
    eyes.command = "node";
    eyes.print(CLEAR);
    assert_eq!(eyes.pass(200), []);
    assert_eq!(eyes.word(), word);
    assert_eq!(eyes.pass(1000), [(380, "unknown")]);
}

#[rstest]
#[case(WORKING, APPROVAL, "approval")]
#[case(QUESTION, APPROVAL, "approval")]
#[case(APPROVAL, OTHER_APPROVAL, "approval")]
#[case(APPROVAL, WORKING, "working")]
#[case(WORKING, QUESTION, "question")]
fn everything_else_counts_at_once(
    #[case] before: &str,
    #[case] after: &str,
    #[case] word: &'static str,
) {
    let mut eyes = Eyes::that_saw(before);
    eyes.print(after);
    assert_eq!(eyes.pass(31), [(130, word)]);
}

#[test]
fn an_approval_counts_at_once_also_while_something_is_held_back() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    eyes.print(QUESTION);
    eyes.pass(100);
    eyes.print(OTHER_APPROVAL);
    assert_eq!(eyes.pass(31), [(230, "approval")]);
}

#[test]
fn a_screen_that_keeps_flickering_is_told_as_it_is_after_half_a_second() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    let mut seen = Vec::new();
    for round in 0..10 {
        eyes.command = if round % 2 == 0 { "aider" } else { "node" };
        eyes.print(QUESTION);
        seen.extend(eyes.pass(100));
    }
    assert!(
        seen.first()
            .is_some_and(|(at, _)| *at <= 100 + 30 + 500 + 100),
        "{seen:?}"
    );
}

#[test]
fn a_pane_over_its_budget_is_not_drawn_until_it_is_joined_again() {
    let mut eyes = Eyes::that_saw(WORKING);
    let flood = "flooding ".repeat(16 << 10);
    let mut rounds = 0;
    while eyes.print(&flood) == Intake::Drawn {
        rounds += 1;
        assert!(rounds < 10, "never over the budget");
    }
    let mut drawn = Vec::new();
    assert_eq!(
        eyes.monitor
            .output(QUESTION.as_bytes(), &mut drawn, eyes.moment()),
        Intake::Flooded
    );
    assert!(drawn.is_empty());
    eyes.pass(1000);
    eyes.monitor
        .join(Size::new(60, 12), QUESTION.as_bytes(), eyes.instant());
    eyes.pass(100);
    assert_eq!(eyes.word(), "question");
    assert_eq!(eyes.print(WORKING), Intake::Drawn);
    eyes.pass(100);
    assert_eq!(eyes.word(), "working");
}

#[test]
fn what_is_declared_counts_at_once_and_leaves_nothing_to_answer() {
    let mut eyes = Eyes::that_saw(APPROVAL);
    eyes.print(QUESTION);
    let now = Moment {
        instant: eyes.instant(),
        wall: 7,
    };
    assert!(
        eyes.monitor
            .declare(SessionState::Lost, "the server ended", now)
    );
    assert_eq!(
        (
            eyes.word(),
            eyes.prompt(),
            eyes.is_answerable(),
            eyes.wake()
        ),
        ("lost", None, false, None)
    );
    assert_eq!(eyes.monitor.conclusion().since, 7);
    assert!(
        !eyes
            .monitor
            .declare(SessionState::Lost, "the server ended", now)
    );
}

#[test]
fn a_subject_too_long_to_be_read_is_no_subject_and_means_no_certain_answer() {
    let mut eyes = Eyes::new();
    let wide = "x\u{301}\u{302}\u{303}\u{304}".repeat(900);
    let screen = format!("{wide}\u{1b}[H");
    eyes.monitor
        .join(Size::new(1000, 12), screen.as_bytes(), eyes.instant());
    let ask = APPROVAL.replace("this command", &wide);
    eyes.monitor
        .output(ask.as_bytes(), &mut Vec::new(), eyes.moment());
    eyes.pass(100);
    let prompt = eyes.monitor.conclusion().prompt.clone().unwrap();
    assert!(
        prompt.question.len() <= 4096,
        "{} bytes",
        prompt.question.len()
    );
    assert!(prompt.choices.iter().all(|choice| choice.answer.is_none()));
}

#[derive(Clone, Debug)]
enum Step {
    Print(&'static str),
    Title(&'static str),
    Front(&'static str),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let texts = vec![
        APPROVAL,
        OTHER_APPROVAL,
        QUESTION,
        WORKING,
        CLEAR,
        "x",
        "\u{1b}[?2026h",
        "\u{1b}[?2026l",
    ];
    prop_oneof![
        4 => prop::sample::select(texts).prop_map(Step::Print),
        1 => prop::sample::select(vec!["a", "b"]).prop_map(Step::Title),
        1 => prop::sample::select(vec!["aider", "node", "sh"]).prop_map(Step::Front),
        4 => (0u64..400).prop_map(Step::Pass),
        1 => (0u64..9000).prop_map(Step::Pass),
    ]
}

proptest! {
    /// `pass` holds after each judgement that the next one is due later: else the hub would never do anything else.
    #[test]
    fn a_judged_screen_is_not_due_again_and_comes_to_rest(steps in prop::collection::vec(step(), 0..40)) {
        let mut eyes = Eyes::new();
        for step in steps {
            match step {
                Step::Print(text) => { eyes.print(text); }
                Step::Title(title) => eyes.monitor.set_title(title, eyes.instant()),
                Step::Front(command) => eyes.command = command,
                Step::Pass(ms) => { eyes.pass(ms); }
            }
            let asks = eyes.monitor.conclusion().state.needs_you();
            prop_assert_eq!(asks, eyes.prompt().is_some());
            prop_assert!(asks || !eyes.is_answerable());
        }
        eyes.pass(10_000);
        prop_assert_eq!(eyes.wake(), None);
    }
}
