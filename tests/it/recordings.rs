//! Whole sessions, byte for byte as the real tools wrote them: the states in order, however the bytes are cut.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cm_tui::agent::monitor::{Moment, Monitor, Scene};
use cm_tui::domain::Tools;
use cm_tui::domain::detect::Detector;
use cm_tui::term::Size;
use proptest::prelude::*;
use rstest::rstest;
use serde::Deserialize;

/// A share of one.
const WHOLE: usize = 1000;

/// A mark is made when the screen shows it; the monitor waits until the screen has settled.
const SETTLED: f64 = 0.25;

/// A state that is marked for less than this, in seconds, may be over when it is marked: marks are up to 1 s late.
const SHORT: f64 = 1.0;

/// The error of a story is on the screen up to 3 s before its mark, its end as well; everything else is up to 1 s late.
/// So between two marks the state is that of the first, then perhaps working, then that of the second.
#[derive(Deserialize)]
struct Timeline {
    tool: String,
    cols: u16,
    rows: u16,
    mark: Vec<Mark>,
}

#[derive(Deserialize)]
struct Mark {
    t: f64,
    state: String,
    subject: Option<String>,
}

struct Story {
    timeline: Timeline,
    raw: Vec<u8>,
    /// When the bytes from an offset on arrived, in seconds.
    arrivals: Vec<(f64, usize)>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/recordings")
        .join(name)
}

impl Story {
    fn read(name: &str) -> Self {
        let dir = folder(name);
        let index = fs::read_to_string(dir.join("stream.idx")).unwrap();
        Self {
            timeline: toml::from_str(&fs::read_to_string(dir.join("timeline.toml")).unwrap())
                .unwrap(),
            raw: fs::read(dir.join("stream.raw")).unwrap(),
            arrivals: index
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// The states that a monitor comes to, with their time in seconds and what is at stake. `cuts` says where what
    /// arrived at once is cut in two, in thousandths of it.
    fn watched(&self, cuts: &[usize]) -> Vec<(f64, &'static str, String)> {
        let start = Instant::now();
        let at = |t: f64| Moment {
            instant: start + Duration::from_secs_f64(t),
            wall: 0,
        };
        let size = Size::new(self.timeline.cols, self.timeline.rows);
        let mut monitor = Monitor::new(size, at(0.0));
        let detector = Detector::new(Tools::built_in());
        let mut last_prompt = 0;
        let mut seen = Vec::new();
        let ends = self.arrivals.iter().skip(1).map(|arrival| arrival.1);
        let ends = ends.chain([self.raw.len()]);
        let times = self.arrivals.iter().skip(1).map(|arrival| arrival.0);
        let mut pass = |monitor: &mut Monitor, until: f64| {
            let end = at(until).instant;
            while let Some(wake) = monitor.wake_at().filter(|wake| *wake <= end) {
                let now = Moment {
                    instant: wake,
                    wall: 0,
                };
                let scene = Scene {
                    tool: &self.timeline.tool,
                    command: self.command(&monitor.screen().text()),
                };
                if monitor.judge(scene, now, &mut last_prompt, &detector) {
                    let told = monitor.conclusion();
                    let subject = told.prompt.as_ref().map(|prompt| prompt.subject.clone());
                    let t = wake.saturating_duration_since(start).as_secs_f64();
                    // The marks were seen on the screen, where a turn that is done looks like any other rest.
                    let word = match told.state.word() {
                        "finished" => "idle",
                        word => word,
                    };
                    seen.push((t, word, subject.unwrap_or_default()));
                }
            }
        };
        for (number, ((arrival, end), next)) in self
            .arrivals
            .iter()
            .zip(ends)
            .zip(times.chain([f64::MAX]))
            .enumerate()
        {
            let (t, from) = *arrival;
            let share = cuts.get(number % cuts.len().max(1)).copied().unwrap_or(0);
            let cut = from + (end - from) * share / WHOLE;
            for piece in [&self.raw[from..cut], &self.raw[cut..end]] {
                monitor.output(piece, &mut Vec::new(), at(t));
            }
            pass(&mut monitor, next.min(t + 60.0));
        }
        seen
    }

    /// The foreground program, which no stream tells: the shell while its prompt is the last that was written.
    fn command(&self, rows: &[String]) -> &'static str {
        let last = rows.iter().rfind(|row| !row.is_empty());
        match self.timeline.tool.as_str() {
            _ if last.is_none_or(|row| row.ends_with("~/shop$")) => "bash",
            "claude-code" => "claude",
            "codex" => "codex",
            _ => "node",
        }
    }

    fn check(&self, cuts: &[usize]) {
        let seen = self.watched(cuts);
        let marks = &self.timeline.mark;
        for (number, mark) in marks.iter().enumerate() {
            let next = marks.get(number + 1);
            let from = mark.t + SETTLED;
            let until = next.map_or(f64::MAX, |next| next.t + SETTLED);
            let before = seen.iter().rfind(|state| state.0 <= from);
            let within = seen
                .iter()
                .filter(|state| state.0 > from && state.0 <= until);
            let path: Vec<_> = before.into_iter().chain(within).collect();
            if matches!(mark.state.as_str(), "shell" | "starting") {
                let is_asking = path
                    .iter()
                    .any(|state| matches!(state.1, "approval" | "question"));
                assert!(!is_asking, "{path:?}");
                continue;
            }
            let mut steps = vec![mark.state.as_str(), "working"];
            // The user types `/exit`: a draft is idle.
            let is_leaving = next.is_some_and(|next| next.state == "exited");
            steps.extend(is_leaving.then_some("idle"));
            steps.extend(next.map(|next| next.state.as_str()));
            // What a tool does in no time is over before the mark that says so.
            let is_short = next.is_some_and(|next| next.t - mark.t < SHORT);
            let after = marks
                .get(number + 2)
                .filter(|_| is_short || next.is_some_and(|next| next.state == "working"));
            steps.extend(after.map(|after| after.state.as_str()));
            let mut step = 0;
            for state in &path {
                let found = steps[step..].iter().position(|name| *name == state.1);
                let Some(found) = found else {
                    panic!("at {} s not {}: {path:?}", mark.t, mark.state);
                };
                step += found;
            }
            assert!(
                is_short || path[0].1 == mark.state,
                "at {} s: {path:?}",
                mark.t
            );
            if let Some(subject) = &mark.subject {
                assert_eq!(&path[0].2, subject, "at {} s", mark.t);
            }
        }
    }
}

#[rstest]
#[case("claude-code-story")]
#[case("codex-story")]
#[case("gemini-cli-story")]
fn a_session_goes_through_its_states_in_order(#[case] name: &str) {
    Story::read(name).check(&[]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]
    #[test]
    fn how_a_session_is_cut_changes_nothing(
        cuts in proptest::collection::vec(0..WHOLE, 1..50),
        name in proptest::sample::select(vec!["claude-code-story", "codex-story", "gemini-cli-story"]),
    ) {
        Story::read(name).check(&cuts);
    }
}

#[rstest]
#[case("claude-code-approvals", "claude-code", "idle")]
#[case("claude-code-first-run", "claude-code", "exited")]
#[case("claude-code-states", "claude-code", "idle")]
#[case("claude-code-story", "claude-code", "exited")]
#[case("codex-main", "codex", "exited")]
#[case("codex-readonly", "codex", "idle")]
#[case("codex-story", "codex", "exited")]
#[case("gemini-cli-story", "gemini-cli", "working")]
fn where_a_stream_ends_is_told(#[case] name: &str, #[case] tool: &str, #[case] state: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_cm-tui"))
        .args(["explain", "--json", "--stream"])
        .arg(folder(name).join("stream.raw"))
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (told["tool"].as_str(), told["state"].as_str()),
        (Some(tool), Some(state))
    );
}
