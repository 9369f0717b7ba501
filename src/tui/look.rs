//! How a state looks: glyph, word and role, in one table for every view.
//!
//! Promise: a state is never told by colour alone, and both glyph sets take one column each.

use super::clock::rough_age;
use super::theme::Role;
use crate::domain::{HostId, Mode, Prompt, Session, SessionState, UnixMillis};
use crate::fleet::{ConnectionState, Host};
use crate::protocol::LogKind;

/// Which characters may be drawn besides text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GlyphSet {
    #[default]
    Unicode,
    Ascii,
}

/// What a state is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub glyph: &'static str,
    pub role: Role,
}

/// The working glyph's turns. Four a second at most, so that a still eye is not drawn to it.
const TURNS: [&str; 4] = ["◐", "◓", "◑", "◒"];
/// How long one turn stands, in milliseconds.
pub const TURN_MILLIS: u64 = 250;

impl GlyphSet {
    pub fn state(self, state: &SessionState) -> Look {
        let (unicode, ascii, role) = match state {
            SessionState::Approval => ("▲", "!", Role::NeedsYou),
            SessionState::Question => ("?", "?", Role::Question),
            SessionState::Working { .. } => ("◐", "*", Role::Working),
            SessionState::Finished => ("✓", "+", Role::Finished),
            SessionState::Error { .. } => ("✗", "x", Role::Error),
            SessionState::Idle => ("○", "-", Role::Idle),
            SessionState::Starting => ("…", ".", Role::Idle),
            SessionState::Exited { .. } => ("■", "=", Role::Stale),
            SessionState::Lost => ("□", "#", Role::Stale),
            SessionState::Unknown => ("·", "~", Role::Idle),
        };
        Look {
            glyph: self.pick(unicode, ascii),
            role,
        }
    }

    /// The glyph of a working session `mono` milliseconds after the start.
    pub fn turning(self, mono: u64) -> &'static str {
        let turn = usize::try_from(mono / TURN_MILLIS % 4).unwrap_or(0);
        self.pick(TURNS[turn], "*")
    }

    pub fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// The mark of something left out at the end of a text.
    pub fn ellipsis(self) -> &'static str {
        self.pick("…", "~")
    }

    pub fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    pub fn divider(self) -> &'static str {
        self.pick("│", "|")
    }

    /// Between the parts of a path or a title.
    pub fn step(self) -> &'static str {
        self.pick("›", ">")
    }

    /// Between facts that stand side by side.
    pub fn dot(self) -> &'static str {
        self.pick("·", "-")
    }

    /// The marker of the selected row.
    pub fn bar(self) -> &'static str {
        self.pick("▌", ">")
    }
}

/// What a host is drawn with: glyph, word and role.
pub fn host(
    glyphs: GlyphSet,
    host: &Host,
    asks: bool,
    now: UnixMillis,
) -> (&'static str, String, Role) {
    let alert = |word: &str| (glyphs.pick("▲", "!"), word.to_owned(), Role::NeedsYou);
    let wrong = |word: String| (glyphs.pick("✗", "x"), word, Role::Error);
    let since = |then: UnixMillis| rough_age(now.saturating_sub(then));
    match &host.connection {
        _ if asks => alert("needs you"),
        ConnectionState::Asking => alert("needs you"),
        ConnectionState::Lost { .. } if host.needs_human => alert("needs you"),
        // Tried again and again, its row stands still but for the glyph.
        ConnectionState::Connecting => match (host.away_since, &host.failure) {
            (Some(then), Some(_)) => (
                glyphs.pick("…", "."),
                format!("lost {}", since(then)),
                Role::Error,
            ),
            _ => (glyphs.pick("…", "."), "connecting".to_owned(), Role::Muted),
        },
        ConnectionState::Stale { since: then } => (
            glyphs.pick("◌", "~"),
            format!("stale {}", since(*then)),
            Role::NeedsYou,
        ),
        ConnectionState::Lost { since: then } => wrong(format!("lost {}", since(*then))),
        ConnectionState::Connected if host.trouble.is_some() => wrong("trouble".to_owned()),
        ConnectionState::Connected => {
            let word = match host.round_trip {
                _ if host.id.as_str() == HostId::LOCAL => "here".to_owned(),
                Some(took) => format!("{} ms", took.as_millis()),
                None => "connected".to_owned(),
            };
            (glyphs.pick("●", "o"), word, Role::Muted)
        }
    }
}

/// Why a host cannot be used, in the few words that a row has room for: the host's name stands there already.
pub fn reason(host: &Host, message: &str) -> String {
    // It names what known_hosts calls the host, and then a file.
    let key = message
        .strip_prefix("host key of “")
        .and_then(|rest| rest.split_once("” "));
    if let Some((_, how)) = key {
        let how = how.split_once(": ").map_or(how, |(how, _)| how);
        return format!("host key {how}");
    }
    let named = format!("“{}”", host.id);
    let rest = match message.strip_prefix("cannot find host ") {
        Some(rest) => Some(rest),
        None => message.split_once(named.as_str()).map(|(_, rest)| rest),
    };
    rest.and_then(|rest| rest.split_once(": "))
        .map_or(message, |(_, why)| why)
        .to_owned()
}

/// What a session does, in a few words; the part behind the word may be foreign.
pub fn words(session: &Session) -> (String, String) {
    match &session.state {
        SessionState::Working { activity } if !activity.is_empty() => {
            (activity.clone(), String::new())
        }
        SessionState::Error { text } => ("error".to_owned(), text.clone()),
        SessionState::Exited {
            code: Some(code), ..
        } => ("exited".to_owned(), format!("code {code}")),
        SessionState::Exited {
            signal: Some(signal),
            ..
        } => ("exited".to_owned(), format!("signal {signal}")),
        state => (state.word().to_owned(), String::new()),
    }
}

/// What a session wants from the person, for the part of the list that is about that.
pub fn wants(session: &Session) -> String {
    let Some(prompt) = &session.prompt else {
        return session.state.word().to_owned();
    };
    let subject = if prompt.subject.is_empty() {
        &prompt.question
    } else {
        &prompt.subject
    };
    if session.state == SessionState::Approval {
        format!("approve {subject}")
    } else {
        subject.clone()
    }
}

/// In milliseconds.
const HOUR: u64 = 3_600_000;

/// Who answers a session's prompts when no person does, as a word in brackets. `None` where every prompt waits, as it
/// does by default.
pub fn badge(host: &Host, session: &Session, now: UnixMillis) -> Option<(String, Role)> {
    let auto = &session.auto;
    let doubt = if auto.dry_run { "?" } else { "" };
    if !auto.stopped.is_empty() {
        return Some(("[stopped]".to_owned(), Role::Error));
    }
    match auto.mode {
        Mode::Ask => None,
        Mode::Policy => Some((format!("[policy{doubt}]"), Role::Working)),
        Mode::Yes => {
            let left = auto.until.map(|until| {
                let until = until.saturating_add_signed(host.clock_offset);
                let left = until.saturating_sub(now);
                // To the nearest hour: what was just switched on for eight says 8.
                let half = if left < HOUR { 0 } else { HOUR / 2 };
                format!(" {}", rough_age(left + half).trim())
            });
            let left = left.unwrap_or_default();
            Some((format!("[YES{doubt}{left}]"), Role::NeedsYou))
        }
    }
}

/// When the prompt will be answered by itself, on its host's clock.
pub fn pending(prompt: &Prompt) -> Option<UnixMillis> {
    prompt.advice.as_ref()?.answers_at
}

/// The word and role of a line in the event log.
pub fn event(kind: LogKind) -> (&'static str, Role) {
    match kind {
        LogKind::Found => ("found", Role::Muted),
        LogKind::Started => ("started", Role::Text),
        LogKind::Working => ("working", Role::Working),
        LogKind::Waiting => ("needs you", Role::NeedsYou),
        LogKind::Answered => ("answered", Role::Finished),
        LogKind::AutoConfirmed => ("auto-confirmed", Role::Finished),
        LogKind::Withdrawn => ("withdrawn", Role::Muted),
        LogKind::Idle => ("idle", Role::Idle),
        LogKind::Finished => ("finished", Role::Finished),
        LogKind::Failed => ("failed", Role::Error),
        LogKind::Exited => ("exited", Role::Muted),
        LogKind::Killed => ("killed", Role::Muted),
        LogKind::Lost => ("lost", Role::Error),
        LogKind::Renamed => ("renamed", Role::Muted),
        LogKind::Switched => ("switched", Role::Muted),
        LogKind::Refused => ("refused", Role::Error),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cannot reach host “gpu-2”: connection refused", "connection refused")]
    #[case("cannot reach host “gpu-2” at [::1]:22: timed out", "timed out")]
    #[case(
        "cannot reach host “gpu-22”: refused",
        "cannot reach host “gpu-22”: refused"
    )]
    #[case("no agent on “gpu-2”", "no agent on “gpu-2”")]
    #[case("cannot find host “gpu.example”: no such host", "no such host")]
    #[case(
        "host key of “[10.0.0.2]:2222” changed: ~/.ssh/known_hosts:7",
        "host key changed"
    )]
    #[case("host key of “gpu-2” was not accepted", "host key was not accepted")]
    fn a_row_says_why_without_saying_its_name_again(#[case] message: &str, #[case] why: &str) {
        assert_eq!(reason(&Host::new(HostId::new("gpu-2")), message), why);
    }
}
