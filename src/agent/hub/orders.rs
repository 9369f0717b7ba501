//! Requests are carried out: quick ones at once, the others beside the hub.

use std::future::Future;
use std::time::Instant;

use super::modes::wish;
use super::typing::{self, Input, Keys};
use super::{ClientId, Hub, HubMsg, tmux_failure};
use crate::agent::tmux::Tmux;
use crate::domain::{Session, SessionId, SessionState};
use crate::protocol::{
    Failure, FailureKind, HistoryPage, LogKind, MAX_HISTORY_LINES, MAX_MESSAGE, Reply, Request,
    Status,
};
use crate::term::sanitize;

/// How many bytes of history one answer holds: a message with room for what frames each line.
const HISTORY_BYTES: usize = MAX_MESSAGE / 4 * 3;
/// How many bytes of one line: what is no text grows threefold when it is made one, and has to stay below
/// [`MAX_TEXT`](crate::protocol::MAX_TEXT).
const HISTORY_LINE: usize = 20 << 10;

impl Hub {
    pub(super) fn carry_out(&mut self, client: ClientId, id: u64, request: Request) {
        if let Some(failure) = self.refuse_insiders(client, &request) {
            return self.fail(client, id, failure);
        }
        let reply = match request {
            Request::Ping => {
                self.acknowledged(client, id);
                Reply::Done
            }
            Request::List => Reply::Sessions(
                self.sessions
                    .values()
                    .map(|entry| entry.session.clone())
                    .collect(),
            ),
            Request::Explain { session } => self.explain(&session),
            Request::Hook(event) => self.hooked(client, &event),
            Request::Decide(event) => return self.asked(client, id, event),
            Request::SetMode {
                session,
                mode,
                screen,
                dry_run,
                hours,
            } => {
                let wish = wish(mode, screen, dry_run, hours);
                self.set_mode(client, &session, wish)
            }
            Request::SuggestRule { session, prompt } => {
                return self.suggest_rule(client, id, &session, prompt);
            }
            Request::AddRule { text } => return self.add_rule(client, id, text),
            Request::Tools => Reply::Tools(self.installed_tools()),
            Request::Status => Reply::Status(self.status()),
            Request::Stop => {
                self.stop.cancel();
                Reply::Done
            }
            Request::Watch { session } => self.with(&session, |hub| hub.watch(&session, client)),
            Request::Unwatch { session } => {
                self.unwatch(&session, client);
                Reply::Done
            }
            Request::Start(start) => return self.start(client, id, start),
            Request::MakeWorktree { dir, name } => {
                return self.make_worktree(client, id, &dir, &name);
            }
            Request::Kill { session } => return self.kill(client, id, &session),
            Request::Rename { session, name } => return self.rename(client, id, &session, &name),
            Request::SendKeys { session, bytes } => {
                return self.type_in(client, id, &session, Input::Bytes(bytes));
            }
            Request::Paste { session, text } => {
                return self.type_in(
                    client,
                    id,
                    &session,
                    Input::Text(sanitize::for_paste(&text)),
                );
            }
            Request::AnswerPrompt {
                session,
                prompt,
                answer,
                message,
            } => {
                return self.answer(client, id, &session, prompt, answer, &message);
            }
            Request::Decisions {
                filter,
                before,
                limit,
            } => return self.decisions(client, id, filter, before, limit),
            Request::History { session, page } => return self.history(client, id, &session, page),
            Request::KeptLogs => return self.kept_logs(client, id),
            Request::Logs(wanted) => return self.logs(client, id, wanted),
            Request::Recording { session, from } => {
                return self.recording(client, id, session, from);
            }
        };
        self.clients.reply(client, id, reply);
    }

    fn with(&mut self, session: &SessionId, act: impl FnOnce(&mut Self)) -> Reply {
        if !self.sessions.contains_key(session) {
            return Reply::Failed(no_session());
        }
        act(self);
        Reply::Done
    }

    /// Runs work beside the hub; its reply finds the client by itself.
    pub(super) fn beside(
        &self,
        client: ClientId,
        id: u64,
        work: impl Future<Output = Reply> + Send + 'static,
    ) {
        let hub = self.own.clone();
        tokio::spawn(async move {
            let reply = work.await;
            // Without a hub the client is gone as well.
            let _told = hub.send(HubMsg::Replied { client, id, reply }).await;
        });
    }

    pub(super) fn fail(&mut self, client: ClientId, id: u64, failure: Failure) {
        self.clients.reply(client, id, Reply::Failed(failure));
    }

    /// The session and the way to tmux, or why there is none.
    pub(super) fn find(&self, session: &SessionId) -> Result<(&Session, Tmux), Failure> {
        let entry = self.sessions.get(session).ok_or_else(no_session)?;
        let tmux = self
            .tmux
            .clone()
            .ok_or_else(|| self.trouble.clone().unwrap_or_else(super::no_tmux))?;
        if entry.session.state == SessionState::Lost {
            return Err(Failure {
                kind: FailureKind::NotFound,
                message: format!("{} is lost: its tmux server has ended", entry.session.name),
                hint: "kill it to remove it from the list".to_owned(),
            });
        }
        Ok((&entry.session, tmux))
    }

    fn explain(&self, session: &SessionId) -> Reply {
        match self.sessions.get(session) {
            Some(entry) => {
                let told = entry
                    .monitor
                    .explain(entry.scene(), &self.detector, Instant::now());
                Reply::Explanation(Box::new(told))
            }
            None => Reply::Failed(no_session()),
        }
    }

    fn status(&self) -> Status {
        Status {
            pid: std::process::id().cast_signed(),
            agent: crate::agent::NAME_AND_VERSION.to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            tmux: self
                .trouble
                .as_ref()
                .map_or_else(|| "ok".to_owned(), |trouble| trouble.message.clone()),
            servers: self
                .servers
                .iter()
                .map(|server| format!("{} (tmux {})", server.label, server.version))
                .collect(),
            sessions: self.sessions.len() as u32,
            clients: self.clients.len() as u32,
        }
    }

    fn kill(&mut self, client: ClientId, id: u64, session: &SessionId) {
        let lost = self
            .sessions
            .get(session)
            .is_some_and(|entry| entry.session.state == SessionState::Lost);
        if lost {
            self.remove(session, None);
            return self.clients.reply(client, id, Reply::Done);
        }
        match self.find(session) {
            Ok((known, tmux)) => {
                let pane = known.pane.clone();
                self.beside(client, id, async move {
                    done(tmux.kill(&pane).await.map_err(|error| tmux_failure(&error)))
                });
            }
            Err(failure) => self.fail(client, id, failure),
        }
    }

    fn rename(&mut self, client: ClientId, id: u64, session: &SessionId, name: &str) {
        let wanted = self.free_name(name);
        match self.find(session) {
            Ok((known, tmux)) => {
                let (pane, old) = (known.pane.clone(), known.name.clone());
                if old == sanitize::session_name(name) {
                    return self.clients.reply(client, id, Reply::Done);
                }
                self.log(session, LogKind::Renamed, format!("to {wanted}"));
                self.beside(client, id, async move {
                    done(
                        tmux.rename(&pane, &wanted)
                            .await
                            .map_err(|error| tmux_failure(&error)),
                    )
                });
            }
            Err(failure) => self.fail(client, id, failure),
        }
    }

    fn type_in(&mut self, client: ClientId, id: u64, session: &SessionId, input: Input) {
        let (pane, tmux) = match self.find(session) {
            Ok((known, _)) if known.state.is_over() => {
                let message = format!("{} has exited; nothing reads what is typed", known.name);
                let failure = Failure {
                    kind: FailureKind::Refused,
                    message,
                    hint: String::new(),
                };
                return self.fail(client, id, failure);
            }
            Ok((known, tmux)) => (known.pane.clone(), tmux),
            Err(failure) => return self.fail(client, id, failure),
        };
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        let lane = entry
            .typing
            .get_or_insert_with(|| typing::open(tmux, pane, self.own.clone()));
        if lane.try_send(Keys { client, id, input }).is_err() {
            let failure = Failure {
                kind: FailureKind::Refused,
                message: "too many keys are on their way; this one was not typed".to_owned(),
                hint: "tmux is slow to take them; try again".to_owned(),
            };
            self.fail(client, id, failure);
        }
    }

    fn history(&mut self, client: ClientId, id: u64, session: &SessionId, wanted: HistoryPage) {
        match self.find(session) {
            Ok((known, tmux)) => {
                let pane = known.pane.clone();
                self.beside(client, id, async move {
                    match tmux
                        .history(&pane, wanted.skip, wanted.lines.min(MAX_HISTORY_LINES))
                        .await
                    {
                        Ok(history) => Reply::History(page_of(
                            history.lines.iter().map(|line| line.bytes.as_slice()),
                        )),
                        Err(error) => Reply::Failed(tmux_failure(&error)),
                    }
                });
            }
            Err(failure) => self.fail(client, id, failure),
        }
    }
}

/// The newest lines that fit a message, oldest first; a line that is too long by itself is cut.
fn page_of<'a>(lines: impl DoubleEndedIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut left = HISTORY_BYTES;
    let mut page: Vec<String> = lines
        .rev()
        .map(|line| String::from_utf8_lossy(line.get(..HISTORY_LINE).unwrap_or(line)).into_owned())
        .take_while(|line| {
            let fits = line.len() <= left;
            left = left.saturating_sub(line.len());
            fits
        })
        .collect();
    page.reverse();
    page
}

fn done(result: Result<(), Failure>) -> Reply {
    result.map_or_else(Reply::Failed, |()| Reply::Done)
}

pub(super) fn no_session() -> Failure {
    Failure {
        kind: FailureKind::NotFound,
        message: "that session is gone".to_owned(),
        hint: String::new(),
    }
}
