//! What speaks for a state, merged: each trap that the real tools set, with a made-up clock, their own screens and streams.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cm_tui::agent::monitor::{Moment, Monitor, Scene};
use cm_tui::domain::detect::Detector;
use cm_tui::domain::{HookEvent, Prompt, PromptKind, SessionState, Source, Tools};
use cm_tui::term::Size;
use rstest::rstest;

use crate::samples::Sample;

/// A monitor that is looked after as the hub does it, and its clock in milliseconds.
struct Eyes {
    monitor: Monitor,
    detector: Detector,
    tool: &'static str,
    command: &'static str,
    last_prompt: u64,
    start: Instant,
    now: u64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

impl Eyes {
    fn of(tool: &'static str, command: &'static str) -> Self {
        let start = Instant::now();
        let now = Moment {
            instant: start,
            wall: 0,
        };
        Self {
            monitor: Monitor::new(Size::new(80, 24), now),
            detector: Detector::new(Tools::built_in()),
            tool,
            command,
            last_prompt: 0,
            start,
            now: 0,
        }
    }

    fn claude() -> Self {
        Self::of("claude-code", "claude")
    }

    fn codex() -> Self {
        Self::of("codex", "codex")
    }

    /// Shows a recorded screen and lets the monitor look at it.
    fn showing(mut self, sample: &str) -> Self {
        self.show(sample);
        self.pass(200);
        self
    }

    fn show(&mut self, sample: &str) {
        let sample = Sample::named(&format!("{}/{sample}", self.tool));
        let meta = &sample.meta;
        let cursor = if meta.cursor_visible { 'h' } else { 'l' };
        let rows = sample.rows.join("\r\n");
        let rows = rows.trim_end();
        let title = &meta.pane_title;
        let (row, col) = (meta.cursor_y + 1, meta.cursor_x + 1);
        self.print(&format!(
            "\u{1b}[?1049h\u{1b}[2J\u{1b}[H{rows}\u{1b}[{row};{col}H\u{1b}[?25{cursor}\u{1b}]0;{title}\u{7}"
        ));
    }

    fn moment(&self) -> Moment {
        Moment {
            instant: self.start + Duration::from_millis(self.now),
            wall: self.now,
        }
    }

    fn print(&mut self, text: &str) {
        let now = self.moment();
        self.monitor.output(text.as_bytes(), &mut Vec::new(), now);
    }

    fn status(&mut self, text: &str) {
        self.print(&format!("\u{1b}]7501;{text}\u{1b}\\"));
    }

    fn title(&mut self, text: &str) {
        self.print(&format!("\u{1b}]0;{text}\u{7}"));
    }

    fn hook(&mut self, name: &str, action: &str, subject: &str) {
        let event = HookEvent {
            tool: self.tool.into(),
            event: name.into(),
            conversation: "c".into(),
            cwd: "/srv".into(),
            pane: None,
            action: action.into(),
            subject: subject.into(),
            detail: String::new(),
        };
        let now = self.moment();
        self.monitor.hook(&event, now);
    }

    /// Lets time pass and judges whenever the monitor wants it; returns the states it came to, with their time.
    fn pass(&mut self, ms: u64) -> Vec<(u64, &'static str)> {
        let (end, mut seen) = (self.now + ms, Vec::new());
        while let Some(wake) = self.wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            let before = self.word();
            let now = self.moment();
            let scene = Scene {
                tool: self.tool,
                command: self.command,
            };
            let changed = self
                .monitor
                .judge(scene, now, &mut self.last_prompt, &self.detector);
            if changed && before != self.word() {
                seen.push((self.now, self.word()));
            }
            let next = self.wake();
            assert!(next.is_none_or(|next| next > self.now), "judged in vain");
        }
        self.now = end;
        seen
    }

    fn wake(&self) -> Option<u64> {
        let after = |at: Instant| at.saturating_duration_since(self.start).as_millis() as u64;
        self.monitor.wake_at().map(after)
    }

    fn word(&self) -> &'static str {
        self.monitor.conclusion().state.word()
    }

    fn prompt(&self) -> &Prompt {
        self.monitor.conclusion().prompt.as_ref().unwrap()
    }

    fn disagreement(&self) -> &str {
        &self.monitor.conclusion().disagreement
    }
}

#[test]
fn a_report_is_told_before_the_screen_stands_still() {
    let mut eyes = Eyes::codex().showing("idle-start");
    assert_eq!(eyes.word(), "idle");
    eyes.print("\u{1b}[5;1Hhalf a fra");
    eyes.status("state=working:app=codex");
    assert_eq!(eyes.pass(0), [(200, "working")]);
    eyes.print("\u{1b}]7501;state=done:app=codex\u{7}");
    assert_eq!(eyes.pass(10), [(200, "finished")]);
}

#[test]
fn a_hook_names_the_subject_and_the_screen_gives_the_choices() {
    let mut eyes = Eyes::claude().showing("cmd-rm-rf");
    let before = eyes.prompt().clone();
    assert_eq!(before.evidence, [Source::Screen]);
    eyes.hook("PermissionRequest", "Bash", "rm  -rf build");
    eyes.pass(1);
    let after = eyes.prompt().clone();
    // What is exact is exact, and cleaned. Nobody was shown these words before, so it is another prompt.
    assert_eq!(after.subject, "rm  -rf build");
    assert_eq!(after.choices, before.choices);
    assert_ne!(after.id, before.id);
    assert_ne!(after.fingerprint(), before.fingerprint());
    assert_eq!(after.evidence, [Source::Hook, Source::Screen]);
    assert_eq!(eyes.monitor.evidence().last().unwrap(), "rm -rf build");
}

#[test]
fn a_prompt_that_a_hook_announced_is_told_once_it_is_drawn() {
    let mut eyes = Eyes::claude().showing("working-wait");
    eyes.hook("PermissionRequest", "Bash", "rm -rf build");
    assert_eq!(eyes.pass(100), []);
    eyes.show("cmd-rm-rf");
    assert_eq!(eyes.pass(500), [(330, "approval")]);
    assert_eq!(eyes.prompt().evidence, [Source::Hook, Source::Screen]);
    assert_eq!(eyes.last_prompt, 1);
}

#[test]
fn a_hook_says_nothing_when_escape_is_pressed_so_the_screen_corrects_it() {
    let mut eyes = Eyes::claude().showing("cmd-rm-rf");
    eyes.hook("PermissionRequest", "Bash", "rm -rf build");
    eyes.pass(100);
    eyes.show("interrupted-esc");
    assert_eq!(eyes.pass(100), [(330, "idle")]);
    // Dropped for good.
    assert_eq!(eyes.pass(10_000), []);
    assert_eq!(eyes.disagreement(), "");
}

#[test]
fn a_turn_that_was_interrupted_before_anything_was_drawn_ends_by_itself() {
    let mut eyes = Eyes::claude().showing("idle-after-answer");
    eyes.hook("UserPromptSubmit", "", "");
    assert_eq!(eyes.pass(900), [(200, "working")]);
    assert_eq!(eyes.pass(1000), [(1200, "idle")]);
}

#[test]
fn a_report_corrects_a_hook_that_is_silent_on_errors_and_interrupts() {
    let mut eyes = Eyes::codex().showing("working-thinking");
    eyes.status("state=working:app=codex");
    eyes.hook("PreToolUse", "Bash", "make");
    eyes.pass(100);
    assert_eq!(eyes.word(), "working");
    eyes.status("state=idle:app=codex");
    eyes.show("interrupted-esc");
    eyes.pass(100);
    assert_eq!(eyes.word(), "idle");
    assert_eq!(eyes.pass(5000), []);
}

#[test]
fn the_end_of_a_hidden_turn_is_not_the_end() {
    let mut eyes = Eyes::codex().showing("working-thinking");
    eyes.hook("UserPromptSubmit", "", "");
    eyes.hook("agent-turn-complete", "", "");
    eyes.pass(2000);
    assert_eq!(eyes.word(), "working");
}

#[test]
fn of_two_prompts_the_one_on_the_screen_counts() {
    let mut eyes = Eyes::claude().showing("cmd-rm-rf");
    eyes.hook("PermissionRequest", "Bash", "touch b");
    eyes.pass(2000);
    assert_eq!(eyes.prompt().subject, "rm -rf build");
    assert_eq!(eyes.prompt().evidence, [Source::Screen]);
    assert_eq!(eyes.disagreement(), "hook names another subject");
}

#[rstest]
#[case("AskUserQuestion", "Which?", "question", PromptKind::Question)]
#[case("ExitPlanMode", "plan", "approval", PromptKind::Plan)]
fn a_hook_for_permissions_also_comes_for_questions_and_plans(
    #[case] action: &str,
    #[case] subject: &str,
    #[case] word: &str,
    #[case] kind: PromptKind,
) {
    let mut eyes = Eyes::claude();
    eyes.print("something unknown");
    eyes.hook("PermissionRequest", action, subject);
    eyes.pass(400);
    assert_eq!((eyes.word(), eyes.prompt().kind), (word, kind));
    assert_eq!(eyes.prompt().choices, []);
    assert_eq!(eyes.prompt().evidence, [Source::Hook]);
}

#[rstest]
#[case(
    "state=blocked:app=codex:kind=permission",
    "approval",
    PromptKind::Other
)]
#[case(
    "state=blocked:app=codex:kind=question",
    "question",
    PromptKind::Question
)]
#[case("state=blocked:app=codex", "question", PromptKind::Question)]
#[case(
    "state=blocked:kind=permission:msg=YXBwcm92ZSBCYXNoOiB0b3VjaCB6MQ==",
    "approval",
    PromptKind::Other
)]
fn a_report_without_a_prompt_on_the_screen_can_be_answered_by_nobody(
    #[case] report: &str,
    #[case] word: &'static str,
    #[case] kind: PromptKind,
) {
    let mut eyes = Eyes::codex().showing("idle-start");
    eyes.status(report);
    // The prompt may be about to be drawn.
    assert_eq!(eyes.pass(249), []);
    assert_eq!(eyes.pass(100), [(450, word)]);
    let prompt = eyes.prompt();
    assert_eq!((prompt.kind, prompt.subject.as_str()), (kind, ""));
    assert_eq!(prompt.choices, []);
    assert_eq!(eyes.monitor.evidence(), [""; 0]);
    eyes.pass(2000);
    assert_eq!(eyes.disagreement(), "screen says idle");
}

#[test]
fn what_a_file_contains_is_no_report_of_the_shell() {
    let mut eyes = Eyes::of("shell", "bash");
    eyes.print("$ ");
    eyes.pass(100);
    eyes.status("state=blocked:kind=permission");
    eyes.title("[ ! ] Action Required | shop");
    assert_eq!(eyes.pass(5000), []);
    assert_eq!((eyes.word(), eyes.disagreement()), ("idle", ""));
}

#[test]
fn a_report_of_another_tool_does_not_count() {
    let mut eyes = Eyes::codex().showing("idle-start");
    eyes.status("state=working:app=claude-code");
    assert_eq!(eyes.pass(5000), []);
}

#[test]
fn a_tool_that_takes_its_report_back_leaves_the_screen_to_say_it() {
    let mut eyes = Eyes::codex().showing("idle-start");
    eyes.status("state=working:app=codex");
    eyes.pass(100);
    assert_eq!(eyes.word(), "working");
    eyes.status("state=clear");
    eyes.pass(100);
    assert_eq!(eyes.word(), "idle");
}

#[test]
fn what_a_tool_said_does_not_outlive_it() {
    let mut eyes = Eyes::claude().showing("working-wait");
    eyes.hook("PreToolUse", "Bash", "make");
    eyes.status("state=working:app=claude-code");
    eyes.pass(100);
    assert_eq!(eyes.word(), "working");
    eyes.command = "bash";
    // The title stays.
    eyes.print("\u{1b}[?1049l\u{1b}[2J\u{1b}[H\u{1b}[?25huser@host:~$ ");
    eyes.pass(200);
    assert_eq!(eyes.word(), "exited");
    eyes.command = "claude";
    eyes.show("idle-after-answer");
    eyes.pass(200);
    assert_eq!((eyes.word(), eyes.disagreement()), ("idle", ""));
}

#[test]
fn a_title_that_is_garbage_says_nothing() {
    let mut eyes = Eyes::claude().showing("idle-after-answer");
    eyes.title("Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA");
    eyes.pass(3000);
    assert_eq!((eyes.word(), eyes.disagreement()), ("idle", ""));
    let scene = Scene {
        tool: "claude-code",
        command: "claude",
    };
    let sources: Vec<Source> = eyes
        .monitor
        .explain(scene, &eyes.detector, eyes.moment().instant)
        .claims
        .iter()
        .map(|claim| claim.source)
        .collect();
    assert_eq!(sources, [Source::Process, Source::Screen]);
}

#[test]
fn a_title_at_rest_does_not_tell_idle_from_waiting() {
    let mut eyes = Eyes::claude().showing("cmd-rm-rf");
    eyes.title("✳ Work on the shop");
    eyes.pass(3000);
    assert_eq!((eyes.word(), eyes.disagreement()), ("approval", ""));
}

#[test]
fn who_disagrees_is_told_after_a_while_and_no_longer_than_that() {
    let mut eyes = Eyes::codex().showing("working-thinking");
    eyes.status("state=idle:app=codex");
    eyes.pass(1000);
    assert_eq!((eyes.word(), eyes.disagreement()), ("idle", ""));
    eyes.pass(1000);
    assert_eq!(
        eyes.disagreement(),
        "title says working; screen says working"
    );
    eyes.show("idle-start");
    eyes.pass(100);
    assert_eq!(eyes.disagreement(), "");
}

#[test]
fn a_bell_is_noted_and_decides_nothing() {
    let mut eyes = Eyes::codex().showing("idle-start");
    eyes.print("\u{7}\u{1b}]9;Approval requested: rm -rf build\u{7}");
    assert_eq!(eyes.pass(2000), []);
    let scene = Scene {
        tool: "codex",
        command: "codex",
    };
    let told = eyes
        .monitor
        .explain(scene, &eyes.detector, eyes.moment().instant);
    let claims = told.claims;
    let notice = claims.iter().find(|claim| claim.source == Source::Notice);
    assert_eq!(notice.unwrap().rule, "Approval requested: rm -rf build");
    assert_eq!(notice.unwrap().state, SessionState::Unknown);
}

#[test]
fn a_flood_that_was_not_read_takes_the_reports_with_it() {
    let mut eyes = Eyes::codex().showing("idle-start");
    eyes.status("state=working:app=codex");
    eyes.pass(100);
    let flood = "x".repeat(1 << 20);
    for _ in 0..64 {
        eyes.print(&flood);
    }
    let now = eyes.moment().instant;
    eyes.monitor.join(Size::new(80, 24), b"", now);
    eyes.show("idle-start");
    eyes.now += 5000;
    eyes.show("idle-start");
    eyes.pass(500);
    assert_eq!(eyes.word(), "idle");
}

/// The recorded session of Codex, byte for byte and at its own speed.
#[test]
fn a_whole_session_of_codex_is_told_in_order() {
    let folder = folder().join("recordings/codex-story");
    let raw = std::fs::read(folder.join("stream.raw")).unwrap();
    let index = std::fs::read_to_string(folder.join("stream.idx")).unwrap();
    let steps: Vec<(f64, usize)> = index
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut eyes = Eyes::codex();
    let mut seen = Vec::new();
    for (at, (seconds, from)) in steps.iter().enumerate() {
        let ms = Duration::from_secs_f64(*seconds).as_millis() as u64;
        let told = eyes.pass(ms.saturating_sub(eyes.now));
        seen.extend(told.into_iter().map(|(_, word)| word));
        let to = steps.get(at + 1).map_or(raw.len(), |next| next.1);
        let now = eyes.moment();
        eyes.monitor.output(&raw[*from..to], &mut Vec::new(), now);
        // The tool has left; its pane shows the shell again.
        if raw[..to].ends_with(b"state=clear\x1b\\") {
            eyes.command = "bash";
        }
    }
    seen.extend(eyes.pass(2000).into_iter().map(|(_, word)| word));
    seen.dedup();
    insta::assert_snapshot!(seen.join(" "));
}
