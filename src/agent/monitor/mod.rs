//! One session's eyes: output bytes and time in, state changes out. No I/O, no clock.
//!
//! Promise: a screen is judged only when it stands still (or has not stood still for a while), never in the middle of
//! a synchronized update; and a pane that prints more than anybody can read is not parsed at all.
//!
//! Tools flicker: right after an answer one shows a question for 0.2 s, another nothing known for one frame. So two
//! verdicts are held back until they have stood for a moment: unknown after a known state, and a question after an
//! approval. All others count at once, above all a new approval. While one is held the old state goes on being told, but
//! a prompt that the screen does not show any more cannot be answered ([`Monitor::evidence`] is empty), and when it
//! comes back it is another prompt.

mod explain;

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::found::{evidence, identify};
use crate::domain::detect::{BUSY, Detector, Look, Verdict};
use crate::domain::{Prompt, SessionState, UnixMillis};
use crate::term::{Emulator, Fed, Screen, Signal, Size};

/// A screen that has not changed for this long has settled: tools draw a frame within a few milliseconds.
pub const SETTLE: Duration = Duration::from_millis(30);
/// The shortest time between two judgements: spinners redraw ten times a second, states do not.
const JUDGE_GAP: Duration = Duration::from_millis(60);
/// A screen that never settles is judged this often anyway.
const JUDGE_ANYWAY: Duration = Duration::from_millis(150);
/// A program that shows nothing we know for this long after its start has started.
const STARTING: Duration = Duration::from_secs(5);
/// How long a doubtful verdict must stand: the longest flicker seen was 0.2 s.
const HOLD: Duration = Duration::from_millis(250);
/// How long doubtful verdicts in a row may be held back in all, so that a screen that keeps flickering is told as it is.
const LONGEST_HOLD: Duration = Duration::from_millis(500);
/// How often a tool's words about its work are told while nothing else changes: they may count seconds and tokens, and
/// each costs every client a message and a frame.
const ACTIVITY_GAP: Duration = Duration::from_secs(1);
/// How many pictures in a row may differ from what we drew with a pen that was a guess before it is left at that: each costs
/// tmux a few kilobytes before 3.6, and what tmux captures is not always what it shows.
const MAX_AUDITS: u8 = 3;

/// Now, on both clocks: one to measure with, one to show.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub instant: Instant,
    pub wall: UnixMillis,
}

/// What the monitor cannot see for itself.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The profile's id.
    pub tool: &'a str,
    /// The foreground program.
    pub command: &'a str,
}

/// What a monitor has concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub state: SessionState,
    pub since: UnixMillis,
    pub rule: String,
    pub prompt: Option<Prompt>,
}

/// What output led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// The screen is up to date.
    Drawn,
    /// Something was printed that only tmux can draw right: join again when convenient.
    Doubtful,
    /// Over the byte budget: the screen is stale from here on, join again later.
    Flooded,
}

#[derive(Debug)]
pub struct Monitor {
    emulator: Emulator,
    title: String,
    conclusion: Conclusion,
    started: Instant,
    /// Output that has not been judged: when its first and its last byte came.
    unjudged: Option<(Instant, Instant)>,
    judged: Option<Instant>,
    last_output: Instant,
    /// When a program that is busy as long as it prints has to be looked at again.
    quiet_at: Option<Instant>,
    held: Option<Held>,
    /// When the conclusion changed last.
    changed: Option<Instant>,
    budget: Budget,
    /// Whether the screen is that of the pane: it was joined, and nothing was thrown away since.
    in_step: bool,
    /// Pictures in a row that did not confirm what we had drawn.
    audits: u8,
    /// The lines of the screen that make up the open prompt, as they are.
    evidence: Vec<String>,
}

impl Monitor {
    pub fn new(size: Size, now: Moment) -> Self {
        Self {
            emulator: Emulator::new(size),
            title: String::new(),
            conclusion: Conclusion {
                state: SessionState::Starting,
                since: now.wall,
                rule: "started".to_owned(),
                prompt: None,
            },
            started: now.instant,
            unjudged: None,
            judged: None,
            last_output: now.instant,
            quiet_at: None,
            held: None,
            changed: None,
            budget: Budget::new(now.instant),
            in_step: false,
            audits: 0,
            evidence: Vec::new(),
        }
    }

    pub fn screen(&self) -> &Screen {
        self.emulator.screen()
    }

    pub fn conclusion(&self) -> &Conclusion {
        &self.conclusion
    }

    /// Texts that the screen shows, each on one line, as long as the open prompt is there; empty when none is open, or
    /// when it was gone at the last look.
    pub fn evidence(&self) -> &[String] {
        &self.evidence
    }

    pub fn set_title(&mut self, title: &str, now: Instant) {
        if self.title != title {
            title.clone_into(&mut self.title);
            self.touch(now);
        }
    }

    /// Starts again from a picture that tmux gave. One that shows what we show already changes nothing: we know more than it
    /// tells, above all the pen. From another one on, the pen is a guess: the one that we had, if there is one.
    pub fn join(&mut self, size: Size, seed: &[u8], now: Instant) {
        let mut picture = Emulator::new(size);
        picture.feed(seed, &mut Fed::default());
        if self.in_step && picture.screen().looks_like(self.screen()) {
            self.emulator.confirm_pen();
            self.audits = 0;
        } else {
            self.audits = if self.in_step {
                self.audits.saturating_add(1)
            } else {
                0
            };
            let blank = Emulator::new(Size::new(1, 1));
            let before = if self.in_step { &self.emulator } else { &blank };
            picture.guess_pen(before.screen());
            self.emulator = picture;
            self.in_step = true;
        }
        self.touch(now);
    }

    /// Whether the screen may have wrong colours, which another picture would tell or mend.
    pub fn wants_audit(&self) -> bool {
        self.emulator.has_guessed_pen() && self.audits < MAX_AUDITS
    }

    /// Takes in output and appends what it drew to `drawn`. Nothing is drawn when the answer is [`Intake::Flooded`].
    pub fn output(&mut self, bytes: &[u8], drawn: &mut Vec<u8>, now: Instant) -> Intake {
        if !self.budget.spend(bytes.len() as u64, now) {
            self.in_step = false;
            return Intake::Flooded;
        }
        let mut fed = Fed {
            drawn: std::mem::take(drawn),
            signals: Vec::new(),
        };
        self.emulator.feed(bytes, &mut fed);
        *drawn = fed.drawn;
        let mut intake = Intake::Drawn;
        for signal in fed.signals {
            match signal {
                Signal::Title(title) => self.title = title,
                Signal::Unsupported(_) => intake = Intake::Doubtful,
                _ => {}
            }
        }
        self.touch(now);
        intake
    }

    /// When [`Self::judge`] should be called, if at all.
    pub fn wake_at(&self) -> Option<Instant> {
        if let (Some((first, _)), true) = (self.unjudged, self.emulator.is_synchronizing()) {
            return Some(first + JUDGE_ANYWAY);
        }
        let output = self.unjudged.map(|(first, last)| {
            let settled = (last + SETTLE).min(first + JUDGE_ANYWAY);
            self.judged
                .map_or(settled, |judged| settled.max(judged + JUDGE_GAP))
        });
        let started =
            (self.conclusion.state == SessionState::Starting).then(|| self.started + STARTING);
        let held = self.held.as_ref().map(Held::until);
        [output, started, held, self.quiet_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Judges the screen; returns whether the conclusion changed. `last_prompt` is counted up for a prompt that was
    /// not there before.
    pub fn judge(
        &mut self,
        scene: Scene<'_>,
        now: Moment,
        last_prompt: &mut u64,
        detector: &Detector,
    ) -> bool {
        if self.emulator.is_synchronizing()
            && self
                .unjudged
                .is_some_and(|(first, _)| now.instant < first + JUDGE_ANYWAY)
        {
            return false;
        }
        let quiet_for = now.instant.saturating_duration_since(self.last_output);
        self.unjudged = None;
        self.judged = Some(now.instant);
        let (cursor, alternate) = (self.screen().cursor(), self.screen().is_alternate());
        let verdict = detector.judge(&Look {
            tool: scene.tool,
            rows: self.emulator.rows(),
            cursor: (cursor.row, cursor.col),
            cursor_visible: cursor.visible,
            alternate,
            title: &self.title,
            command: scene.command,
            quiet_for,
        });
        let is_working = matches!(verdict.state, SessionState::Working { .. });
        self.quiet_at = (is_working && quiet_for < BUSY).then(|| self.last_output + BUSY);
        self.conclude(verdict, now, last_prompt)
    }

    /// Takes over what is known without looking at the screen: the program ended, the server is gone.
    pub fn declare(&mut self, state: SessionState, rule: &str, now: Moment) -> bool {
        self.unjudged = None;
        self.quiet_at = None;
        self.held = None;
        self.evidence.clear();
        self.change(state, rule.to_owned(), None, now)
    }

    fn conclude(&mut self, verdict: Verdict, now: Moment, last_prompt: &mut u64) -> bool {
        let fresh = now.instant.saturating_duration_since(self.started) < STARTING;
        let state = match verdict.state {
            SessionState::Unknown if fresh && self.conclusion.state == SessionState::Starting => {
                SessionState::Starting
            }
            SessionState::Starting if !fresh => SessionState::Unknown,
            state => state,
        };
        let was_held = self.held.is_some();
        self.held = self.hold(&state, now.instant);
        if self.held.is_some() {
            self.evidence.clear();
            return false;
        }
        self.evidence = verdict.prompt.as_ref().map_or_else(Vec::new, evidence);
        let rule = verdict.rule;
        let open = self.conclusion.prompt.as_ref().filter(|_| !was_held);
        let prompt = verdict
            .prompt
            .map(|found| identify(open, found, &rule, now.wall, last_prompt));
        self.change(state, rule, prompt, now)
    }

    /// Whether `state` has to stand for a while before it counts.
    fn hold(&self, state: &SessionState, now: Instant) -> Option<Held> {
        let is_doubtful = match (&self.conclusion.state, state) {
            (SessionState::Unknown | SessionState::Starting, SessionState::Unknown) => false,
            (_, SessionState::Unknown) | (SessionState::Approval, SessionState::Question) => true,
            _ => false,
        };
        let verdict = discriminant(state);
        let held = match self.held {
            Some(held) if held.verdict == verdict => held,
            Some(held) => Held {
                verdict,
                since: now,
                ..held
            },
            None => Held {
                verdict,
                since: now,
                first: now,
            },
        };
        (is_doubtful && now < held.until()).then_some(held)
    }

    fn change(
        &mut self,
        state: SessionState,
        rule: String,
        prompt: Option<Prompt>,
        now: Moment,
    ) -> bool {
        let old = &self.conclusion;
        let same_state = discriminant(&old.state) == discriminant(&state);
        let same_prompt =
            old.prompt.as_ref().map(|prompt| prompt.id) == prompt.as_ref().map(|prompt| prompt.id);
        let since = if same_state && same_prompt {
            old.since
        } else {
            now.wall
        };
        let is_early = self
            .changed
            .is_some_and(|changed| now.instant < changed + ACTIVITY_GAP);
        if is_early && same_state && same_prompt && matches!(state, SessionState::Working { .. }) {
            // Not lost: a tool that works is looked at again with its next frame, and once more when it falls quiet.
            return false;
        }
        let changed = old.state != state || !same_prompt;
        self.conclusion = Conclusion {
            state,
            since,
            rule,
            prompt,
        };
        if changed {
            self.changed = Some(now.instant);
        }
        changed
    }

    fn touch(&mut self, now: Instant) {
        let first = self.unjudged.map_or(now, |(first, _)| first);
        self.unjudged = Some((first, now));
        self.last_output = now;
    }
}

/// A verdict that does not count yet.
#[derive(Clone, Copy, Debug)]
struct Held {
    verdict: Discriminant<SessionState>,
    /// Since when this verdict stands, and since when any has been held back.
    since: Instant,
    first: Instant,
}

impl Held {
    /// When it counts.
    fn until(&self) -> Instant {
        (self.since + HOLD).min(self.first + LONGEST_HOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Tools;

    /// What a program draws after a join at which its pen was red, then what the next picture shows.
    fn audited(picture: &[u8], reset: &[u8]) -> Monitor {
        let start = Instant::now();
        let now = Moment {
            instant: start,
            wall: 0,
        };
        let mut monitor = Monitor::new(Size::new(20, 4), now);
        monitor.join(Size::new(20, 4), b"\x1b[1;1Ha\x1b[0m\x1b[1;2H", start);
        assert!(!monitor.wants_audit());
        monitor.output(b"bc", &mut Vec::new(), start);
        monitor.output(reset, &mut Vec::new(), start);
        assert!(monitor.wants_audit());
        monitor.join(Size::new(20, 4), picture, start);
        assert!(!monitor.wants_audit());
        monitor.output(b"d", &mut Vec::new(), start);
        monitor
    }

    #[test]
    fn a_picture_that_shows_the_same_confirms_the_pen() {
        let monitor = audited(b"\x1b[1;1Habc \x1b[0m\x1b[1;4H", b"\x1b[?2004h");
        assert!(!monitor.wants_audit());
        // What no picture tells is kept.
        assert!(monitor.screen().bracketed_paste());
    }

    #[test]
    fn a_picture_that_shows_other_colours_mends_them() {
        let red = b"\x1b[1;1Ha\x1b[31mbc\x1b[0m\x1b[1;4H";
        let monitor = audited(red, b"");
        let colour = monitor.screen().cell(0, 2).map(|cell| cell.fg());
        assert_eq!(colour, Some(crate::term::Colour::Indexed(1)));
        assert!(monitor.wants_audit());
    }

    #[test]
    fn the_pen_outlives_a_picture() {
        let monitor = audited(b"\x1b[1;1Hxyz\x1b[0m\x1b[2;1H", b"\x1b[0;32m");
        let colour = monitor.screen().cell(1, 0).map(|cell| cell.fg());
        assert_eq!(colour, Some(crate::term::Colour::Indexed(2)));
    }

    #[test]
    fn pictures_that_never_agree_are_not_asked_for_for_ever() {
        let start = Instant::now();
        let now = Moment {
            instant: start,
            wall: 0,
        };
        let mut monitor = Monitor::new(Size::new(20, 4), now);
        let mut audits = 0;
        for round in 0..20 {
            let picture = format!("\x1b[1;1H{round}");
            monitor.join(Size::new(20, 4), picture.as_bytes(), start);
            monitor.output(b"x", &mut Vec::new(), start);
            audits += u32::from(monitor.wants_audit());
        }
        assert_eq!(audits, u32::from(MAX_AUDITS));
    }

    #[test]
    fn an_open_synchronized_update_is_not_looked_at_in_vain() {
        let start = Instant::now();
        let moment = |after| Moment {
            instant: start + after,
            wall: 0,
        };
        let mut monitor = Monitor::new(Size::new(20, 4), moment(Duration::ZERO));
        monitor.output(b"\x1b[?2026hhalf", &mut Vec::new(), start);
        let detector = Detector::new(Tools::built_in());
        let scene = Scene {
            tool: "shell",
            command: "sh",
        };
        let wake = monitor.wake_at().unwrap();
        monitor.judge(
            scene,
            Moment {
                instant: wake,
                wall: 0,
            },
            &mut 0,
            &detector,
        );
        assert!(monitor.wake_at().is_none_or(|next| next > wake));
    }
}
