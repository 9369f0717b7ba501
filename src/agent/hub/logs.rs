//! What sessions print goes to the recorder, and comes back to those who ask for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::orders::no_session;
use super::{ClientId, Hub, moment};
use crate::agent::monitor::{Intake, Moment};
use crate::agent::record::{About, ReadError, Recorder, Wanted};
use crate::domain::{SessionId, SessionState, Tools};
use crate::protocol::{
    FOLLOW, Failure, FailureKind, LogKind, LogLine, LogPage, LogsWanted, RecordingCursor, Reply,
};

/// How long nothing may be printed before what stands on the screen is told as text, and how often a screen that never
/// rests is looked at for that: a person who reads a log waits no longer, and a pane that spins costs one look a second.
const REST: Duration = Duration::from_secs(1);
/// What is said of output that was thrown away.
const FLOODED: &str = "printed faster than can be read: some output was left out";

impl Entry {
    /// Keeps what was drawn and what left the screen.
    pub(super) fn record(&mut self, drawn: Vec<u8>, intake: Intake, now: Moment) {
        if intake == Intake::Flooded {
            return self.record_flood(now);
        }
        let Some(track) = &mut self.track else {
            return;
        };
        track.drawn(now.wall, drawn);
        let repaints = self.session.tool != Tools::SHELL;
        track.scrolled(now.wall, self.monitor.take_lines(), repaints);
        if track.wants_keyframe() {
            let screen = self.monitor.screen();
            track.keyframe(now.wall, screen.size(), screen.keyframe());
        }
        self.rest_at.get_or_insert(now.instant + REST);
    }

    /// Output is thrown away. A flood that goes on is told once.
    pub(super) fn record_flood(&mut self, now: Moment) {
        if let Some(track) = &self.track
            && !std::mem::replace(&mut self.is_flooding, true)
        {
            track.note(now.wall, FLOODED.to_owned());
        }
    }

    /// The screen is another one, which nothing that was drawn before led to.
    pub(super) fn record_whole(&mut self, now: Moment) {
        if let Some(track) = &mut self.track {
            let screen = self.monitor.screen();
            track.keyframe(now.wall, screen.size(), screen.keyframe());
            self.rest_at.get_or_insert(now.instant + REST);
        }
    }

    /// Tells the screen as text: all of it when it stands still.
    fn record_screen(&mut self, is_still: bool, now: Moment) {
        let screen = self.monitor.screen();
        let is_alternate = screen.is_alternate();
        if let Some(track) = &self.track
            && (is_still || is_alternate)
        {
            track.screen(now.wall, screen.text(), is_alternate, is_still);
        }
    }
}

impl Hub {
    /// Begins the log of a session, or goes on with it.
    pub(super) fn keep(&mut self, id: &SessionId) {
        if let (Some(recorder), Some(entry)) = (&self.config.recorder, self.sessions.get_mut(id)) {
            let session = &entry.session;
            let about = About {
                session: id.clone(),
                name: session.name.clone(),
                tool: session.tool.clone(),
                dir: session.dir.clone(),
                created: session.created,
            };
            entry.track = Some(recorder.open(about, moment().wall));
        }
    }

    /// Looks at a screen that may rest.
    pub(super) fn rest(&mut self, id: &SessionId, now: Moment) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if entry.rest_at.is_none_or(|at| at > now.instant) {
            return;
        }
        let is_still = entry.monitor.quiet_for(now.instant) >= REST;
        entry.rest_at = (!is_still).then(|| now.instant + REST);
        if is_still {
            entry.is_flooding = false;
        }
        if is_still || !entry.monitor.is_synchronizing() {
            entry.record_screen(is_still, now);
        }
    }

    /// Tells the last of a session whose program has ended, or that is gone.
    pub(super) fn keep_last(&mut self, id: &SessionId) {
        let now = moment();
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        entry.record_screen(true, now);
        entry.rest_at = None;
    }

    /// A line of the event log is a marker in the session's own log.
    pub(super) fn mark(&self, line: &LogLine) {
        let Some(entry) = self.sessions.get(&line.session) else {
            return;
        };
        let Some(track) = &entry.track else {
            return;
        };
        let word = word(line.what);
        let text = if line.detail.is_empty() {
            word.to_owned()
        } else {
            format!("{word}: {}", line.detail)
        };
        track.note(line.at, text);
        if line.what == LogKind::Exited
            && let SessionState::Exited { code, signal } = entry.session.state
        {
            track.exit(
                line.at,
                code.or(signal.map(|signal| 128 + signal)).unwrap_or(0),
            );
        }
    }

    /// Answers beside the hub: reading takes time, and so does waiting for more.
    pub(super) fn logs(&mut self, client: ClientId, id: u64, wanted: LogsWanted) {
        let is_live = self.sessions.contains_key(&wanted.session);
        self.with_recorder(client, id, move |recorder| read(recorder, wanted, is_live));
    }

    pub(super) fn recording(
        &mut self,
        client: ClientId,
        id: u64,
        session: SessionId,
        from: RecordingCursor,
    ) {
        self.with_recorder(client, id, async move |recorder: Recorder| {
            let read = move || recorder.recording(&session, from);
            match beside(read).await {
                Ok(page) => Reply::Recording(page),
                Err(error) => Reply::Failed(failure(&error)),
            }
        });
    }

    pub(super) fn kept_logs(&mut self, client: ClientId, id: u64) {
        self.with_recorder(client, id, async |recorder: Recorder| {
            let list = beside(move || Ok(recorder.list())).await;
            list.map_or_else(|error| Reply::Failed(failure(&error)), Reply::KeptLogs)
        });
    }

    fn with_recorder<F>(&mut self, client: ClientId, id: u64, work: impl FnOnce(Recorder) -> F)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        if let Some(recorder) = self.config.recorder.clone() {
            return self.beside(client, id, work(recorder));
        }
        let failure = Failure {
            kind: FailureKind::NotFound,
            message: "nothing is kept of what sessions print here".to_owned(),
            hint: "to keep it: keep = true under [logs] in config.toml on that host, then \
                   cm-agent stop"
                .to_owned(),
        };
        self.fail(client, id, failure);
    }
}

/// Reads a page; when there is nothing and the client follows, waits for more.
async fn read(recorder: Recorder, wanted: LogsWanted, is_live: bool) -> Reply {
    let query = match Wanted::of(&wanted) {
        Ok(query) => query,
        Err(error) => return Reply::Failed(failure(&error)),
    };
    let (mut query, session) = (query, Arc::new(wanted.session));
    let mut written = recorder.written();
    let end = Instant::now() + FOLLOW;
    loop {
        // Before reading: what is written meanwhile is news.
        let _seen = *written.borrow_and_update();
        let (reader, asked, about) = (recorder.clone(), query.clone(), Arc::clone(&session));
        let page = match beside(move || reader.page(&about, &asked)).await {
            Ok(page) => page,
            // It has only just begun.
            Err(ReadError::NotKept) if is_live => LogPage {
                lines: Vec::new(),
                next: 1,
                is_end: true,
            },
            Err(error) => return Reply::Failed(failure(&error)),
        };
        if !wanted.follow || !page.lines.is_empty() || !page.is_end {
            return Reply::Logs(page);
        }
        query.from_line(page.next);
        let news = tokio::time::timeout_at(end.into(), written.changed()).await;
        if !matches!(news, Ok(Ok(()))) {
            return Reply::Logs(page);
        }
    }
}

async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ReadError::Io(std::io::Error::other(error))),
    }
}

fn failure(error: &ReadError) -> Failure {
    match error {
        ReadError::NotKept => Failure {
            message: "nothing is kept of that session".to_owned(),
            ..no_session()
        },
        ReadError::Pattern(_) => Failure {
            kind: FailureKind::Invalid,
            message: error.to_string(),
            hint: "it is a regular expression: put a \\ before signs that stand for themselves"
                .to_owned(),
        },
        ReadError::Io(source) => Failure {
            kind: FailureKind::Refused,
            message: format!("{error}: {source}"),
            hint: String::new(),
        },
    }
}

fn word(what: LogKind) -> &'static str {
    match what {
        LogKind::Found => "found",
        LogKind::Started => "started",
        LogKind::Working => "working",
        LogKind::Waiting => "waiting",
        LogKind::Answered => "answered",
        LogKind::AutoConfirmed => "confirmed by a rule",
        LogKind::Withdrawn => "withdrawn",
        LogKind::Idle => "idle",
        LogKind::Finished => "finished",
        LogKind::Failed => "failed",
        LogKind::Exited => "exited",
        LogKind::Killed => "killed",
        LogKind::Lost => "lost",
        LogKind::Renamed => "renamed",
        LogKind::Switched => "switched",
        LogKind::Refused => "refused",
    }
}
