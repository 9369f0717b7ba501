//! What each source said last, and since when.

use std::mem::discriminant;
use std::time::Instant;

use super::Moment;
use super::merge::{Voice, Voices, Weighed};
use crate::domain::detect::{FoundPrompt, Pattern, Verdict};
use crate::domain::status::Status;
use crate::domain::tool::Titles;
use crate::domain::{Claim, HookEvent, HookWord, PromptKind, SessionState, Source, UnixMillis};
use crate::term::sanitize;

/// The longest words of a source, in columns: they are shown on one line.
const WORDS_COLS: usize = 200;
/// The longest subject that is told, in bytes: the same as of a prompt that is read from a screen.
const LONGEST_SUBJECT: usize = 4 << 10;

#[derive(Debug, Default)]
pub(super) struct Said {
    pub hook: Option<Voice>,
    status: Option<Reported>,
    title: Option<Voice>,
    screen: Option<Voice>,
    verdict: Option<Verdict>,
    notice: Option<Claim>,
}

/// A status report counts only for the tool that it names.
#[derive(Debug)]
struct Reported {
    app: String,
    voice: Voice,
}

impl Reported {
    fn is_of(&self, tool: &str) -> bool {
        self.app.is_empty() || self.app == tool
    }
}

impl Said {
    /// Takes in a status report; returns whether anything can follow from it.
    pub fn report(&mut self, text: &str, now: Moment) -> bool {
        let Some(status) = Status::parse(text) else {
            return false;
        };
        let Some((state, kind)) = status.claim() else {
            return self.status.take().is_some();
        };
        let (state, message) = (clean(state), label(&status.message));
        let claim = Claim {
            source: Source::Status,
            rule: if message.is_empty() {
                state.word().to_owned()
            } else {
                message
            },
            state,
            kind,
            since: now.wall,
        };
        let voice = renewed(
            self.status.as_ref().map(|old| &old.voice),
            claim,
            String::new(),
            now.instant,
        );
        let app = label(&status.app);
        self.status = Some(Reported { app, voice });
        true
    }

    /// Takes in a call of the tool's hook; returns whether anything can follow from it.
    pub fn call(&mut self, event: &HookEvent, now: Moment) -> bool {
        let (state, kind) = match event.word() {
            HookWord::Nothing => return false,
            HookWord::Over => return self.hook.take().is_some(),
            HookWord::StillWaits => {
                if self
                    .hook
                    .as_ref()
                    .is_some_and(|hook| hook.claim.state.needs_you())
                {
                    return false;
                }
                (SessionState::Approval, Some(PromptKind::Other))
            }
            HookWord::Says(state, kind) => (clean(state), kind),
        };
        let mut subject = lines(&event.subject);
        if subject.len() > LONGEST_SUBJECT {
            subject.clear();
        }
        let claim = Claim {
            source: Source::Hook,
            state,
            kind,
            rule: label(format!("{} {}", event.event, event.action).trim_end()),
            since: now.wall,
        };
        // Each call is a new word, also when it says the same again.
        self.hook = Some(Voice {
            claim,
            at: now.instant,
            subject,
        });
        true
    }

    /// A bell or a notification: that something happened, not what.
    pub fn notice(&mut self, words: &str, now: Moment) {
        self.notice = Some(Claim {
            source: Source::Notice,
            state: SessionState::Unknown,
            kind: None,
            rule: label(words),
            since: now.wall,
        });
    }

    pub fn see_title(&mut self, titles: Option<&Titles>, title: &str, now: Moment) {
        let says = |pattern: &Option<Pattern>| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(title))
        };
        let state = titles.and_then(|titles| {
            if says(&titles.working) {
                let activity = String::new();
                Some(SessionState::Working { activity })
            } else if says(&titles.asking) {
                Some(SessionState::Question)
            } else if says(&titles.rest) {
                Some(SessionState::Idle)
            } else {
                None
            }
        });
        self.title = state.map(|state| {
            let claim = Claim {
                source: Source::Title,
                state,
                kind: None,
                rule: label(title),
                since: now.wall,
            };
            renewed(self.title.as_ref(), claim, String::new(), now.instant)
        });
    }

    /// The rows that the screen's own rule matched, if that is the one that decided.
    pub fn matched(&self, rule: &str) -> Option<(u16, u16)> {
        let verdict = self.verdict.as_ref()?;
        verdict.rows.filter(|_| verdict.rule == rule)
    }

    pub fn see_screen(&mut self, verdict: Verdict, now: Moment) {
        let claim = Claim {
            source: Source::Screen,
            state: clean(verdict.state.clone()),
            kind: verdict.prompt.as_ref().map(|prompt| prompt.kind),
            rule: verdict.rule.clone(),
            since: now.wall,
        };
        self.screen = Some(renewed(
            self.screen.as_ref(),
            claim,
            String::new(),
            now.instant,
        ));
        self.verdict = Some(verdict);
    }

    /// The prompt that the screen showed at the last look.
    pub fn shown(&self) -> Option<&FoundPrompt> {
        self.verdict.as_ref()?.prompt.as_ref()
    }

    /// Whether the last word of hook or status is that the tool waits.
    pub fn waits(&self) -> bool {
        let status = self.status.as_ref().map(|status| &status.voice);
        [self.hook.as_ref(), status]
            .into_iter()
            .flatten()
            .any(|voice| voice.claim.state.needs_you())
    }

    /// Forgets what only a tool that is in front can say.
    pub fn forget_tool(&mut self) {
        self.hook = None;
        self.status = None;
        self.title = None;
    }

    /// Forgets what may have been missed: reports are told once.
    pub fn forget_reports(&mut self) {
        self.status = None;
    }

    /// Weighs everything; `None` before the first look.
    pub fn weigh(&mut self, tool: &str, now: Instant) -> Option<Weighed> {
        let voices = Voices {
            hook: self.hook.as_ref(),
            status: self
                .status
                .as_ref()
                .filter(|status| status.is_of(tool))
                .map(|status| &status.voice),
            title: self.title.as_ref(),
            screen: self.screen.as_ref()?,
            verdict: self.verdict.as_ref()?,
        };
        let weighed = voices.weigh(now);
        if weighed.hook_is_over {
            self.hook = None;
        }
        Some(weighed)
    }

    /// All claims, the most trusted first. `since` is when the pane was first seen.
    pub fn claims(&self, command: &str, since: UnixMillis) -> Vec<Claim> {
        let process = Claim {
            source: Source::Process,
            state: SessionState::Unknown,
            kind: None,
            rule: label(command),
            since,
        };
        let voices = [
            self.hook.as_ref(),
            self.status.as_ref().map(|status| &status.voice),
            self.title.as_ref(),
        ];
        let spoken = voices
            .into_iter()
            .flatten()
            .map(|voice| voice.claim.clone());
        let screen = self.screen.as_ref().map(|voice| voice.claim.clone());
        spoken
            .chain(self.notice.clone())
            .chain([process])
            .chain(screen)
            .collect()
    }
}

/// The claim with its beginning: the same state goes on since it was said first.
fn renewed(old: Option<&Voice>, claim: Claim, subject: String, now: Instant) -> Voice {
    let same = old.filter(|old| {
        discriminant(&old.claim.state) == discriminant(&claim.state) && old.claim.kind == claim.kind
    });
    match same {
        Some(old) => Voice {
            at: old.at,
            claim: Claim {
                since: old.claim.since,
                ..claim
            },
            subject,
        },
        None => Voice {
            claim,
            at: now,
            subject,
        },
    }
}

fn clean(state: SessionState) -> SessionState {
    match state {
        SessionState::Working { activity } => SessionState::Working {
            activity: label(&activity),
        },
        SessionState::Error { text } => SessionState::Error { text: label(&text) },
        state => state,
    }
}

fn label(text: &str) -> String {
    sanitize::label(text, WORDS_COLS)
}

/// Foreign text of one or more lines, each cleaned for itself.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| sanitize::label(line, LONGEST_SUBJECT))
        .collect();
    lines.join("\n")
}
