//! `cm-tui logs SESSION`: what a session of any host printed, as text or as the recording, now and as it goes on.
//!
//! Promise: every line is printed once and in order, whatever becomes of the connection in between: it is asked for by its
//! number. Foreign text is cleaned, except in JSON, where it is data; the recording is plain drawing by itself.

use std::process::ExitCode;

use serde_json::json;

use super::age::age;
use super::exit::CommandError;
use super::pick::{self, Candidate, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::domain::{HostId, SessionId};
use crate::protocol::{KeptLine, KeptLog, LogCursor, LogsWanted, RecordingCursor, Reply, Request};
use crate::term::sanitize;

/// The longest line, in columns: as the agent keeps it at most.
const COLUMNS: usize = 8192;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one; also of one that has ended
    #[arg(value_name = "SESSION")]
    pub session: String,

    /// Go on with what it prints from now on
    #[arg(long, short)]
    pub follow: bool,

    /// Only what is not older than this: 90s, 10m, 2h, 3d, 1w
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub since: Option<u64>,

    /// Only lines in which this regular expression is found
    #[arg(long, value_name = "PATTERN")]
    pub grep: Option<String>,

    /// Only the last lines
    #[arg(long, short = 'n', value_name = "LINES", conflicts_with = "since")]
    pub tail: Option<u64>,

    /// The recording instead of the lines, for asciinema 3 or newer: asciinema play
    /// FILE
    #[arg(long, conflicts_with_all = ["follow", "since", "grep", "tail", "json"])]
    pub raw: bool,

    #[command(flatten)]
    pub place: Where,

    /// One JSON object a line: number, at, note, text
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let (host, log) = find(&mut reach, &scope, &arguments.session).await?;
        if arguments.raw {
            print_recording(&mut reach, &host, &log).await?;
        } else {
            print_lines(&mut reach, &host, &log, arguments).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The log that is meant: that of a session, else one that is still kept.
async fn find(
    reach: &mut Reach,
    scope: &Scope,
    name: &str,
) -> Result<(HostId, SessionId), CommandError> {
    if let Some(found) = pick::find_any(reach, scope, name).await? {
        return Ok((found.host, found.session.id));
    }
    let (mut candidates, mut missing) = (Vec::new(), reach.unreached());
    let hosts = reach.connected().into_iter();
    let requests = hosts.map(|host| (host, Request::KeptLogs)).collect();
    for (host, reply) in reach.ask_each(requests).await? {
        match reply {
            Ok(Reply::KeptLogs(kept)) => {
                let home = reach.state.host(&host).map_or("", pick::home);
                let is_meant = |log: &KeptLog| scope.holds(&host, home, &log.dir);
                let kept = kept.into_iter().filter(is_meant);
                candidates.extend(ended(&host, kept, name));
            }
            Ok(_) => missing.push(CommandError::other_answer()),
            Err(error) => missing.push(error),
        }
    }
    match pick::one(name, &candidates)? {
        Some(log) => Ok((log.host.clone(), log.id.clone())),
        None => Err(pick::none(name, &candidates, missing)),
    }
}

/// What is kept on a host, the last written first. Names and ids come again: the last of those that are called exactly so
/// is meant.
fn ended(host: &HostId, kept: impl Iterator<Item = KeptLog>, name: &str) -> Vec<Candidate> {
    let candidate = |log: KeptLog| Candidate {
        host: host.clone(),
        id: SessionId::new(log.key),
        alias: Some(log.session),
        name: log.name,
        rest: format!("{} on {host}, kept", log.tool),
    };
    let mut all: Vec<Candidate> = kept.map(candidate).collect();
    match all.iter().position(|log| log.is_called(name)) {
        Some(last) => vec![all.swap_remove(last)],
        None => all,
    }
}

async fn print_lines(
    reach: &mut Reach,
    host: &HostId,
    log: &SessionId,
    arguments: &Arguments,
) -> Result<(), CommandError> {
    let now = reach.now_on(host);
    let tail = arguments.tail;
    let mut wanted = LogsWanted {
        session: log.clone(),
        from: tail.map_or(LogCursor::Line(1), LogCursor::Last),
        follow: arguments.follow,
        since: arguments.since.map(|age| now.saturating_sub(age)),
        grep: arguments.grep.clone(),
    };
    loop {
        let request = Request::Logs(wanted.clone());
        let reply = if wanted.follow {
            reach.ask_on(host, request).await?
        } else {
            reach.ask(host, request).await?
        };
        let Reply::Logs(page) = reply else {
            return Err(CommandError::other_answer());
        };
        wanted.from = LogCursor::Line(page.next);
        let lines = page.lines.iter();
        let text: String = lines.map(|line| shown(line, arguments.json)).collect();
        let is_over = page.is_end && !wanted.follow;
        if !say::print(&text)? || is_over {
            return Ok(());
        }
    }
}

async fn print_recording(
    reach: &mut Reach,
    host: &HostId,
    log: &SessionId,
) -> Result<(), CommandError> {
    let mut from = RecordingCursor::default();
    loop {
        let request = Request::Recording {
            session: log.clone(),
            from,
        };
        let Reply::Recording(piece) = reach.ask(host, request).await? else {
            return Err(CommandError::other_answer());
        };
        from = piece.next;
        // Whole lines of JSON, so that no letter is cut.
        if !say::print(&String::from_utf8_lossy(&piece.bytes))? || piece.is_end {
            return Ok(());
        }
    }
}

fn shown(line: &KeptLine, is_json: bool) -> String {
    if is_json {
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
