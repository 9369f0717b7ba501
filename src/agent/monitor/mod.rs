//! One session's eyes: output bytes, hooks and time in, state changes out. No I/O, no clock.
//!
//! | file | idea |
//! | --- | --- |
//! | `judging.rs` | when the screen is judged, and what becomes the conclusion |
//! | `voices.rs` | what each source said last |
//! | `merge.rs` | … and what all of it comes to |
//! | `hold.rs` | what is doubtful has to stand for a while |
//! | `cells.rs` | how the cells of its screen are painted |
//! | `explain.rs` | how it came about, for people |
//!
//! Promise: a screen is judged only when it stands still (or has not stood still for a while), never in the middle of
//! a synchronized update that will end; and a pane that prints more than anybody can read is not parsed at all.
//!
//! Tools flicker: right after an answer one shows a question for 0.2 s, another nothing known for one frame. So two
//! verdicts are held back until they have stood for a moment: unknown after a known state, and a question after an
//! approval. All others count at once, above all a new approval. While one is held the old state goes on being told, but
//! a prompt that the screen does not show any more cannot be answered ([`Monitor::evidence`] is empty), and when it
//! comes back it is another prompt.

mod cells;
mod explain;
mod hold;
mod judging;
mod merge;
mod voices;

use std::time::{Duration, Instant};

pub use self::cells::Cells;
pub use self::judging::SETTLE;

use self::hold::{Dissent, Held};
use self::voices::Said;
use super::budget::Budget;
use crate::domain::{HookEvent, Prompt, PromptId, SessionState, UnixMillis};
use crate::term::{Emulator, Fed, Screen, Signal, Size};

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
    /// Which sources say something else, in words; empty when all agree.
    pub disagreement: String,
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
    found: UnixMillis,
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
    said: Said,
    /// Something was said that can be told before the screen stands still.
    urgent: Option<Instant>,
    /// When to weigh again although nothing is printed.
    weigh_at: Option<Instant>,
    dissent: Option<Dissent>,
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
                disagreement: String::new(),
            },
            started: now.instant,
            found: now.wall,
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
            said: Said::default(),
            urgent: None,
            weigh_at: None,
            dissent: None,
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
    ///
    /// Returns whether the screen is another one now.
    pub fn join(&mut self, size: Size, seed: &[u8], now: Instant) -> bool {
        let mut picture = Emulator::new(size);
        picture.feed(seed, &mut Fed::default());
        let is_known = self.in_step && picture.screen().looks_like(self.screen());
        if is_known {
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
            picture.keep_lines();
            self.emulator = picture;
            self.in_step = true;
        }
        self.touch(now);
        !is_known
    }

    /// Takes the rows that have left the primary screen at its top since this was asked last.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.emulator.take_lines()
    }

    /// How long nothing was printed.
    pub fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_output)
    }

    /// Whether the screen is half drawn.
    pub fn is_synchronizing(&self) -> bool {
        self.emulator.is_synchronizing()
    }

    /// Whether the screen may have wrong colours, which another picture would tell or mend.
    pub fn wants_audit(&self) -> bool {
        self.emulator.has_guessed_pen() && self.audits < MAX_AUDITS
    }

    /// Takes in output and appends what it drew to `drawn`. Nothing is drawn when the answer is [`Intake::Flooded`].
    pub fn output(&mut self, bytes: &[u8], drawn: &mut Vec<u8>, moment: Moment) -> Intake {
        let now = moment.instant;
        if !self.budget.spend(bytes.len() as u64, now) {
            self.in_step = false;
            self.said.forget_reports();
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
                Signal::ProgramStatus(text) => {
                    if self.said.report(&text, moment) {
                        self.hurry(now);
                    }
                }
                Signal::Bell => self.said.notice("bell", moment),
                Signal::Notification(text) => self.said.notice(&text, moment),
                Signal::SynchronizedBegin | Signal::SynchronizedEnd => {}
            }
        }
        self.touch(now);
        intake
    }

    /// Takes in what the tool's own hook says.
    pub fn hook(&mut self, event: &HookEvent, now: Moment) {
        if self.said.call(event, now) {
            self.hurry(now.instant);
        }
    }

    /// Makes a prompt that still stands another one: somebody has answered it, and it may be the same question again.
    pub fn renew_prompt(&mut self, now: UnixMillis, last_prompt: &mut u64) {
        if let Some(prompt) = &mut self.conclusion.prompt {
            *last_prompt += 1;
            prompt.id = PromptId(*last_prompt);
            prompt.since = now;
        }
    }

    /// Takes over what is known without looking at the screen: the program ended, the server is gone.
    pub fn declare(&mut self, state: SessionState, rule: &str, now: Moment) -> bool {
        self.unjudged = None;
        self.quiet_at = None;
        self.held = None;
        self.evidence.clear();
        self.said.forget_tool();
        self.urgent = None;
        self.weigh_at = None;
        self.dissent = None;
        self.change(state, rule.to_owned(), None, now)
    }

    fn touch(&mut self, now: Instant) {
        let first = self.unjudged.map_or(now, |(first, _)| first);
        self.unjudged = Some((first, now));
        self.last_output = now;
    }
}

#[cfg(test)]
mod tests;
