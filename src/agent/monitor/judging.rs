//! When a screen is judged, and what becomes the conclusion.

use std::mem::discriminant;
use std::time::{Duration, Instant};

use super::cells::Cells;
use super::hold::{Dissent, Held};
use super::merge::Weighed;
use super::{Conclusion, Moment, Monitor, Scene};
use crate::agent::found::{evidence, identify};
use crate::domain::detect::{BUSY, Detector, Look};
use crate::domain::{Prompt, SessionState};
use crate::term::Screen;

/// A screen that has not changed for this long has settled: tools draw a frame within a few milliseconds.
pub const SETTLE: Duration = Duration::from_millis(30);
/// The shortest time between two judgements: spinners redraw ten times a second, states do not.
const JUDGE_GAP: Duration = Duration::from_millis(60);
/// A screen that never settles is judged this often anyway: some draw without rest right after an answer, and what comes
/// next has to be told within 150 ms.
const JUDGE_ANYWAY: Duration = Duration::from_millis(100);
/// A synchronized update that has not ended by now never will; tmux shows it after as long.
const UPDATE_ENDS: Duration = Duration::from_secs(1);
/// A program that shows nothing we know for this long after its start has started.
const STARTING: Duration = Duration::from_secs(5);
/// How often a tool's words about its work are told while nothing else changes: they may count seconds and tokens, and
/// each costs every client a message and a frame.
const ACTIVITY_GAP: Duration = Duration::from_secs(1);

impl Monitor {
    /// When [`Self::judge`] should be called, if at all.
    pub fn wake_at(&self) -> Option<Instant> {
        let soon = [self.urgent, self.weigh_at].into_iter().flatten().min();
        if self.unjudged.is_some() && self.emulator.is_synchronizing() {
            return soon.into_iter().chain(self.look_at()).min();
        }
        let started =
            (self.conclusion.state == SessionState::Starting).then(|| self.started + STARTING);
        let held = self.held.as_ref().map(Held::until);
        let dissent = self.dissent.as_ref().and_then(Dissent::until);
        let look = self.look_at();
        [look, soon, started, held, dissent, self.quiet_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// When what was printed can be looked at.
    fn look_at(&self) -> Option<Instant> {
        let (first, last) = self.unjudged?;
        if self.emulator.is_synchronizing() {
            return Some(first + UPDATE_ENDS);
        }
        let settled = (last + SETTLE).min(first + JUDGE_ANYWAY);
        let gap = self.judged.map(|judged| judged + JUDGE_GAP);
        Some(gap.map_or(settled, |gap| settled.max(gap)))
    }

    /// A word that the screen neither contradicts nor has to complete is told at once.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.unjudged.is_none() || (self.said.shown().is_none() && !self.said.waits()) {
            self.urgent = Some(now);
        }
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
        let is_early = self.look_at().is_some_and(|at| now.instant < at);
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        let is_weighed = is_due(self.urgent) || is_due(self.weigh_at);
        if is_early && (is_weighed || self.emulator.is_synchronizing()) {
            self.urgent = None;
            self.weigh_at = None;
            return is_weighed && self.weigh(scene, now, last_prompt);
        }
        let quiet_for = now.instant.saturating_duration_since(self.last_output);
        self.unjudged = None;
        self.judged = Some(now.instant);
        let (rows, screen) = self.emulator.rows_and_screen();
        let verdict = detector.judge(&Look {
            rows,
            paint: Some(&Cells(screen)),
            ..look(screen, &self.title, scene, quiet_for)
        });
        let is_working = matches!(verdict.state, SessionState::Working { .. });
        self.quiet_at = (is_working && quiet_for < BUSY).then(|| self.last_output + BUSY);
        let profile = detector.profile(scene.tool);
        if profile.is_some_and(|profile| profile.runs_as(scene.command)) {
            let titles = profile.map(|profile| &profile.title);
            self.said.see_title(titles, &self.title, now);
        } else {
            self.said.forget_tool();
        }
        self.said.see_screen(verdict, now);
        self.weigh(scene, now, last_prompt)
    }

    /// Makes one state of all that was said and seen.
    fn weigh(&mut self, scene: Scene<'_>, now: Moment, last_prompt: &mut u64) -> bool {
        self.urgent = None;
        self.weigh_at = None;
        let Some(weighed) = self.said.weigh(scene.tool, now.instant) else {
            return false;
        };
        self.weigh_at = weighed.again;
        self.conclude(weighed, now, last_prompt)
    }

    fn conclude(&mut self, weighed: Weighed, now: Moment, last_prompt: &mut u64) -> bool {
        let Weighed {
            verdict,
            is_on_screen,
            sources,
            dissent,
            ..
        } = weighed;
        self.dissent = Dissent::of(dissent, self.dissent.take(), now.instant);
        let fresh = now.instant.saturating_duration_since(self.started) < STARTING;
        let state = match verdict.state {
            SessionState::Unknown if fresh && self.conclusion.state == SessionState::Starting => {
                SessionState::Starting
            }
            SessionState::Starting if !fresh => SessionState::Unknown,
            state => state,
        };
        let was_held = self.held.is_some();
        self.held = Held::of(self.held, &self.conclusion.state, &state, now.instant);
        if self.held.is_some() {
            self.evidence.clear();
            return false;
        }
        self.evidence = match self.said.shown() {
            Some(prompt) if is_on_screen => evidence(prompt, &self.screen().text()),
            _ => Vec::new(),
        };
        let rule = verdict.rule;
        // A hook that comes a moment after the screen may name what is at stake with other words: then it is another prompt,
        // so that nobody answers words that were not shown.
        let open = self.conclusion.prompt.clone().filter(|_| !was_held);
        let prompt = verdict.prompt.map(|found| {
            let prompt = identify(open.as_ref(), found, &rule, now.wall, last_prompt);
            Prompt {
                evidence: sources,
                ..prompt
            }
        });
        self.change(state, rule, prompt, now)
    }

    pub(super) fn change(
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
        let disagreement = self
            .dissent
            .as_ref()
            .map_or("", |dissent| dissent.told(now.instant));
        let since = if same_state && same_prompt {
            old.since
        } else {
            now.wall
        };
        let is_early = self
            .changed
            .is_some_and(|changed| now.instant < changed + ACTIVITY_GAP);
        let is_work = matches!(state, SessionState::Working { .. });
        if is_early && same_state && same_prompt && is_work && old.disagreement == disagreement {
            // Not lost: a tool that works is looked at again with its next frame, and once more when it falls quiet.
            return false;
        }
        let changed =
            old.state != state || old.prompt != prompt || old.disagreement != disagreement;
        let disagreement = disagreement.to_owned();
        self.conclusion = Conclusion {
            state,
            since,
            rule,
            prompt,
            disagreement,
        };
        if changed {
            self.changed = Some(now.instant);
        }
        changed
    }
}

/// One moment of a pane, but for its rows and its paint.
pub(super) fn look<'a>(
    screen: &Screen,
    title: &'a str,
    scene: Scene<'a>,
    quiet_for: Duration,
) -> Look<'a> {
    let cursor = screen.cursor();
    Look {
        tool: scene.tool,
        rows: &[],
        cols: screen.size().cols,
        cursor: (cursor.row, cursor.col),
        cursor_visible: cursor.visible,
        alternate: screen.is_alternate(),
        title,
        command: scene.command,
        quiet_for,
        paint: None,
    }
}
