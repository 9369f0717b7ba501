//! `cm-tui explain SESSION`: how the state of a session of this machine is known.
//!
//! It asks the agent that the dashboard asks (and starts it as the dashboard does); what it prints is what the dashboard's
//! page shows, without colours. Foreign text is cleaned, except in JSON, where it is data.

use std::fmt::Write as _;
use std::path::PathBuf;

use thiserror::Error;

use super::dashboard::{DashboardError, agent_program};
use crate::domain::{
    Explanation, HostId, PromptKind, Session, SessionId, SessionState, UnixMillis,
};
use crate::fleet::{Fleet, HostNotice, HostSpec, Notice, RequestId, SendError};
use crate::paths::Paths;
use crate::protocol::{Event, Failure, Reply, Request};
use crate::term::sanitize;
use crate::tui::clock::{Clock, age};
use crate::tui::fixture::picture;

/// The longest text on a line, in columns: a row of a wide pane.
const COLUMNS: usize = 400;
/// The exit code when no session, or more than one, is called so; as that of `cm-agent` for what is not there.
const NOT_FOUND: u8 = 3;

#[derive(Debug, Error)]
pub enum ExplainSessionError {
    #[error(transparent)]
    Start(#[from] DashboardError),
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[error("no session is called “{}”", sanitize::label(name, COLUMNS))]
    NotFound { name: String, known: Vec<String> },
    #[error("{} sessions are called “{}…”", among.len(), sanitize::label(name, COLUMNS))]
    Ambiguous { name: String, among: Vec<String> },
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error("cannot ask the agent")]
    NotSent(#[from] SendError),
    #[error("the agent has left")]
    Left,
}

impl ExplainSessionError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Start(error) => error.hint().to_owned(),
            Self::NotFound { known, .. } if known.is_empty() => "nothing runs here".to_owned(),
            Self::NotFound { known, .. } => format!("there are:\n{}", known.join("\n")),
            Self::Ambiguous { among, .. } => format!("name one of:\n{}", among.join("\n")),
            Self::Refused(failure) => failure.hint.clone(),
            _ => String::new(),
        }
    }

    /// 3 when no one session is meant, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotFound { .. } | Self::Ambiguous { .. } => NOT_FOUND,
            _ => 1,
        }
    }
}

/// A session and how its state is known.
#[derive(Clone, Debug)]
pub struct Explained {
    pub session: Session,
    pub explanation: Explanation,
    /// When it was told.
    pub now: UnixMillis,
}

/// Asks the agent of this machine about the session that `name` (its name or id, or the beginning of one) means.
pub fn explain_session(
    name: &str,
    agent: Option<PathBuf>,
) -> Result<Explained, ExplainSessionError> {
    let paths = Paths::from_env().map_err(DashboardError::from)?;
    let local = HostSpec::local(paths, agent_program(agent)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExplainSessionError::Runtime)?;
    let (session, explanation) = runtime.block_on(ask(local, name))?;
    Ok(Explained {
        session,
        explanation,
        now: Clock::start().now().unix,
    })
}

async fn ask(local: HostSpec, name: &str) -> Result<(Session, Explanation), ExplainSessionError> {
    let (fleet, mut notices) = Fleet::start(vec![local]);
    let mut meant = None;
    while let Some(HostNotice { notice, .. }) = notices.recv().await {
        match notice {
            Notice::Event(event) if meant.is_none() => {
                // The first thing that an agent tells is everything.
                let Event::Snapshot { sessions, .. } = *event else {
                    continue;
                };
                let session = find(sessions, name)?;
                let request = Request::Explain {
                    session: session.id.clone(),
                };
                fleet.send(&HostId::local(), RequestId(1), request)?;
                meant = Some(session);
            }
            Notice::Replied { reply, .. } => match (*reply, meant.take()) {
                (Reply::Explanation(explanation), Some(session)) => {
                    return Ok((session, *explanation));
                }
                (Reply::Failed(failure), _) => return Err(ExplainSessionError::Refused(failure)),
                (_, session) => meant = session,
            },
            Notice::Disconnected(failure) | Notice::Halted(failure) => {
                return Err(ExplainSessionError::Refused(failure));
            }
            _ => {}
        }
    }
    Err(ExplainSessionError::Left)
}

/// The one session that `name` means: what is called exactly so comes before what only begins so.
pub(super) fn find(sessions: Vec<Session>, name: &str) -> Result<Session, ExplainSessionError> {
    let is_exact = |session: &Session| session.name == name || session.id.as_str() == name;
    let begins = |session: &Session| {
        !name.is_empty()
            && (session.name.starts_with(name) || session.id.as_str().starts_with(name))
    };
    let described: Vec<String> = sessions.iter().map(described).collect();
    let (exact, rest): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_exact);
    let mut fitting = if exact.is_empty() {
        rest.into_iter().filter(begins).collect()
    } else {
        exact
    };
    match (fitting.pop(), fitting.is_empty()) {
        (Some(session), true) => Ok(session),
        (Some(last), false) => Err(ExplainSessionError::Ambiguous {
            name: name.to_owned(),
            among: fitting.iter().chain([&last]).map(self::described).collect(),
        }),
        (None, _) => Err(ExplainSessionError::NotFound {
            name: name.to_owned(),
            known: described,
        }),
    }
}

/// One line by which a session can be told from others.
fn described(session: &Session) -> String {
    let Session {
        id,
        name,
        tool,
        state,
        ..
    } = session;
    let text = format!(
        "{name}  {}  {tool}, {}",
        SessionId::as_str(id),
        state.word()
    );
    format!("  {}", sanitize::label(&text, COLUMNS))
}

impl Explained {
    /// The explanation as one JSON object.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(&self.explanation);
        text.expect("plain values with text for keys") + "\n"
    }

    /// For people, in aligned columns.
    pub fn text(&self) -> String {
        let told = &self.explanation;
        let mut text = String::new();
        let mut fact = |label: &str, value: &str| {
            let value = sanitize::label(value, COLUMNS);
            let _never = writeln!(text, "{label:<10}{value}");
        };
        let kind = told.kind.map(PromptKind::word).unwrap_or_default();
        fact("session", &self.session.name);
        fact("id", self.session.id.as_str());
        fact("tool", &told.look.tool);
        fact("state", &format!("{} {kind}", told.state.word()));
        fact("since", &format!("{} ago", self.ago(told.since)));
        fact("rule", &told.rule);
        if !told.subject.is_empty() {
            fact("subject", &told.subject);
        }
        fact(
            "against",
            match told.disagreement.as_str() {
                "" => "nothing",
                words => words,
            },
        );
        // As on the dashboard's page: what decided first, but a whole screen last.
        if told.rows.is_some() {
            self.write_rows(&mut text);
        }
        self.write_claims(&mut text);
        self.write_lost(&mut text);
        if told.rows.is_none() {
            self.write_rows(&mut text);
        }
        text
    }

    fn ago(&self, since: UnixMillis) -> String {
        age(self.now.saturating_sub(since))
    }

    /// The rows that the rule matched; the whole screen when it names none.
    fn write_rows(&self, text: &mut String) {
        let told = &self.explanation;
        let rows = picture(&told.look).screen().text();
        let last = rows.iter().rposition(|row| !row.trim().is_empty());
        let (first, last) = match (told.rows, last) {
            (Some((first, last)), _) => (usize::from(first), usize::from(last)),
            (None, Some(last)) => (0, last),
            (None, None) => return,
        };
        let title = if told.rows.is_some() {
            "rows that the rule matched"
        } else {
            "the screen"
        };
        let _never = writeln!(text, "\n{title}, of {}", rows.len());
        for (index, row) in rows.iter().enumerate().take(last + 1).skip(first) {
            // Blanks in front belong to the picture.
            let blank = row.len() - row.trim_start_matches(' ').len();
            let shown = sanitize::label(row, COLUMNS);
            let line = format!("{:>4}  {:blank$}{shown}", index + 1, "");
            let _never = writeln!(text, "{}", line.trim_end());
        }
    }

    fn write_claims(&self, text: &mut String) {
        let _never = writeln!(text, "\nwho says what, since when");
        for claim in &self.explanation.claims {
            let (source, state) = (claim.source.word(), claim.state.word());
            let kind = claim.kind.map(PromptKind::word).unwrap_or_default();
            let ago = self.ago(claim.since);
            let rule = sanitize::label(&claim.rule, COLUMNS);
            let differs =
                claim.state != SessionState::Unknown && state != self.explanation.state.word();
            let mark = if differs { '!' } else { ' ' };
            let _never = writeln!(
                text,
                "{mark} {source:<8}{state:<10}{kind:<10}{ago:>5}  {}",
                rule.trim_end()
            );
        }
    }

    fn write_lost(&self, text: &mut String) {
        let lost = &self.explanation.dismissed;
        if lost.is_empty() {
            return;
        }
        let _never = writeln!(text, "\nrules that lost, and why");
        for lost in lost {
            let (rule, why) = (
                sanitize::label(&lost.rule, COLUMNS),
                sanitize::label(&lost.why, COLUMNS),
            );
            let _never = writeln!(text, "  {rule:<32}  {why}");
        }
    }
}
