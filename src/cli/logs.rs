//! `cm-tui logs SESSION`: what a session of any host printed, as text or as the recording, now and as it goes on.
//!
//! Promise: every line is printed once and in order, whatever becomes of the connection in between: it is asked for by its
//! number. Foreign text is cleaned, except in JSON, where it is data; the
//! recording is plain drawing by itself.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::dashboard::{DashboardError, agent_program};
use super::explain_session::{ExplainSessionError, find};
use crate::domain::{HostId, SessionId, UnixMillis};
use crate::fleet::{Fleet, HostNotice, HostSpec, Notice, RequestId};
use crate::paths::Paths;
use crate::protocol::{
    Event, FailureKind, KeptLine, KeptLog, LogCursor, LogsWanted, RecordingCursor, Reply, Request,
};
use crate::term::sanitize;
use crate::tui::clock::Clock;

/// The longest line, in columns: as the agent keeps it at most.
const COLUMNS: usize = 8192;

/// Show what a session printed
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct LogsArguments {
    /// Its name or id, or the beginning of one; also of one that has ended
    #[arg(value_name = "SESSION")]
    pub session: String,

    /// Go on with what it prints from now on
    #[arg(long, short)]
    pub follow: bool,

    /// Only what is not older than this: 90s, 10m, 2h, 3d
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub since: Option<u64>,

    /// Only lines in which this regular expression is found
    #[arg(long, value_name = "PATTERN")]
    pub grep: Option<String>,

    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES", conflicts_with = "since")]
    pub tail: Option<u64>,

    /// The recording instead of the lines, to be played: asciinema play FILE
    #[arg(long, conflicts_with_all = ["follow", "since", "grep", "tail", "json"])]
    pub raw: bool,

    /// One JSON object a line: number, at, note, text
    #[arg(long)]
    pub json: bool,
}

/// Reads `2h` as milliseconds.
fn age(text: &str) -> Result<u64, String> {
    let wrong = || format!("“{text}” is no age such as 90s, 10m, 2h or 3d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => return Err(wrong()),
    };
    let number: u64 = text
        .strip_suffix(unit)
        .and_then(|number| number.parse().ok())
        .ok_or_else(wrong)?;
    number.checked_mul(seconds * 1000).ok_or_else(wrong)
}

/// Prints the log to standard output.
pub fn logs(wanted: &LogsArguments, agent: Option<PathBuf>) -> Result<(), ExplainSessionError> {
    let paths = Paths::from_env().map_err(DashboardError::from)?;
    let local = HostSpec::local(paths, agent_program(agent)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExplainSessionError::Runtime)?;
    let since = wanted
        .since
        .map(|age| Clock::start().now().unix.saturating_sub(age));
    let reading = Reading {
        wanted,
        since,
        place: Place::Unknown,
    };
    runtime.block_on(reading.run(local))
}

/// Where the reading is.
enum Place {
    /// Nobody has said yet which session is meant.
    Unknown,
    Lines(SessionId, LogCursor),
    Recording(SessionId, RecordingCursor),
}

/// What to do after an answer.
enum Next {
    Ask,
    End,
}

struct Reading<'a> {
    wanted: &'a LogsArguments,
    since: Option<UnixMillis>,
    place: Place,
}

impl Reading<'_> {
    async fn run(mut self, local: HostSpec) -> Result<(), ExplainSessionError> {
        let (fleet, mut notices) = Fleet::start(vec![local]);
        let mut asked = 0;
        while let Some(HostNotice { notice, .. }) = notices.recv().await {
            let is_unknown = matches!(self.place, Place::Unknown);
            let next = match notice {
                // Again: the number says where to go on.
                Notice::Connected(_) if !is_unknown => Next::Ask,
                Notice::Event(event) if is_unknown => {
                    // The first thing that an agent tells is everything.
                    let Event::Snapshot { sessions, .. } = *event else {
                        continue;
                    };
                    match find(sessions, &self.wanted.session) {
                        Ok(session) => self.begin(session.id),
                        // It may have ended: then there is only its log.
                        Err(ExplainSessionError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                    Next::Ask
                }
                Notice::Replied { id, reply } if id == RequestId(asked) => match *reply {
                    // The connection ended first; it is sought again.
                    Reply::Failed(failure)
                        if self.wanted.follow && failure.kind == FailureKind::Failed =>
                    {
                        continue;
                    }
                    reply => self.take(reply)?,
                },
                Notice::Disconnected(failure) if is_unknown || !self.wanted.follow => {
                    return Err(ExplainSessionError::Refused(failure));
                }
                Notice::Halted(failure) => return Err(ExplainSessionError::Refused(failure)),
                _ => continue,
            };
            match next {
                Next::Ask => {
                    asked += 1;
                    fleet.send(&HostId::local(), RequestId(asked), self.request())?;
                }
                Next::End => return Ok(()),
            }
        }
        Err(ExplainSessionError::Left)
    }

    /// It is known which log is meant.
    fn begin(&mut self, session: SessionId) {
        self.place = if self.wanted.raw {
            Place::Recording(session, RecordingCursor::default())
        } else {
            let from = self.wanted.tail.map_or(LogCursor::Line(1), LogCursor::Last);
            Place::Lines(session, from)
        };
    }

    fn request(&self) -> Request {
        match &self.place {
            Place::Unknown => Request::KeptLogs,
            Place::Recording(session, from) => Request::Recording {
                session: session.clone(),
                from: *from,
            },
            Place::Lines(session, from) => Request::Logs(LogsWanted {
                session: session.clone(),
                from: *from,
                follow: self.wanted.follow,
                since: self.since,
                grep: self.wanted.grep.clone(),
            }),
        }
    }

    fn take(&mut self, reply: Reply) -> Result<Next, ExplainSessionError> {
        match (reply, &mut self.place) {
            (Reply::KeptLogs(kept), Place::Unknown) => {
                let log = ended(&kept, &self.wanted.session)?;
                self.begin(log);
                Ok(Next::Ask)
            }
            (Reply::Logs(page), Place::Lines(_, from)) => {
                *from = LogCursor::Line(page.next);
                let text: String = page.lines.iter().map(|line| self.shown(line)).collect();
                let is_over = page.is_end && !self.wanted.follow;
                Ok(if write(text.as_bytes()) && !is_over {
                    Next::Ask
                } else {
                    Next::End
                })
            }
            (Reply::Recording(piece), Place::Recording(_, from)) => {
                *from = piece.next;
                Ok(if write(&piece.bytes) && !piece.is_end {
                    Next::Ask
                } else {
                    Next::End
                })
            }
            (Reply::Failed(failure), _) => Err(ExplainSessionError::Refused(failure)),
            _ => Err(ExplainSessionError::Left),
        }
    }

    fn shown(&self, line: &KeptLine) -> String {
        if self.wanted.json {
            let object = json!({
                "number": line.number,
                "at": line.at,
                "note": line.is_note,
                "text": line.text,
            });
            return format!("{object}\n");
        }
        // Blanks in front belong to the text.
        let blank = line.text.len() - line.text.trim_start_matches(' ').len();
        let text = sanitize::label(&line.text, COLUMNS);
        let mark = if line.is_note { "── " } else { "" };
        let shown = format!("{mark}{:blank$}{text}", "");
        format!("{}\n", shown.trim_end())
    }
}

/// The one log that `name` means, of a session that has ended: the last of those that were called exactly so.
fn ended(kept: &[KeptLog], name: &str) -> Result<SessionId, ExplainSessionError> {
    let is_exact =
        |log: &&KeptLog| log.key == name || log.name == name || log.session.as_str() == name;
    let begins = |log: &&KeptLog| {
        !name.is_empty() && (log.name.starts_with(name) || log.key.starts_with(name))
    };
    let described = |log: &KeptLog| {
        let text = format!("{}  {}  {}, ended", log.name, log.key, log.tool);
        format!("  {}", sanitize::label(&text, COLUMNS))
    };
    if let Some(log) = kept.iter().find(is_exact) {
        return Ok(SessionId::new(log.key.clone()));
    }
    let fitting: Vec<&KeptLog> = kept.iter().filter(begins).collect();
    match fitting.as_slice() {
        [log] => Ok(SessionId::new(log.key.clone())),
        [] => Err(ExplainSessionError::NotFound {
            name: name.to_owned(),
            known: kept.iter().map(described).collect(),
        }),
        several => Err(ExplainSessionError::Ambiguous {
            name: name.to_owned(),
            among: several.iter().map(|log| described(log)).collect(),
        }),
    }
}

/// Whether somebody still reads.
fn write(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Some(90_000))]
    #[case("2h", Some(7_200_000))]
    #[case("3d", Some(259_200_000))]
    #[case("", None)]
    #[case("h", None)]
    #[case("2 h", None)]
    #[case("2w", None)]
    #[case("99999999999999999d", None)]
    fn an_age_is_a_number_and_a_unit(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(age(text).ok(), expected);
    }
}
