//! What stands in for the agent on a host that has none: it speaks the protocol here, and looks at the host by commands.
//!
//! So a host without an agent looks like any other, only poorer: its sessions are listed, looked at and ended; nothing
//! is pushed, no state is known, nothing is started. Promise: the host is asked at a bounded rate, and often only while
//! somebody looks; why there is no agent stays on its row.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{DuplexStream, ReadHalf, WriteHalf, split};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::agentless::{self, AgentlessError, View};
use super::deploy::Shell;
use crate::domain::{Seq, Session, SessionId};
use crate::protocol::{
    Event, Failure, FailureKind, Greeting, Reply, Request, ScreenUpdate, ToClient, Welcome,
};
use crate::transport::connection::{
    ConnectionError, FromClient, MessageReader, MessageWriter, read_order, receive_hello,
};

/// How often the sessions are listed: each look is a login shell on the host.
const LIST: Duration = Duration::from_secs(15);
/// How often a screen that somebody watches is looked at: slow enough to cost nothing, fast enough to follow.
const LOOK: Duration = Duration::from_secs(3);

/// The far end of a stream for a host without an agent.
pub(super) struct StandIn<S> {
    shell: S,
    host: String,
    /// Why there is no agent.
    why: Failure,
    seq: Seq,
    sessions: BTreeMap<SessionId, Session>,
    /// What was wrong with the last look at the sessions.
    trouble: Option<Failure>,
    watched: BTreeSet<SessionId>,
    /// The screens as they were last sent, with their versions.
    sent: BTreeMap<SessionId, (u64, View)>,
}

type Reader = MessageReader<ReadHalf<DuplexStream>>;
type Writer = MessageWriter<WriteHalf<DuplexStream>>;

impl<S: Shell> StandIn<S> {
    pub(super) fn new(shell: S, host: String, why: Failure) -> Self {
        Self {
            shell,
            host,
            why,
            seq: Seq(0),
            sessions: BTreeMap::new(),
            trouble: None,
            watched: BTreeSet::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Serves until the client leaves.
    pub(super) async fn run(mut self, stream: DuplexStream) {
        if let Err(error) = self.serve(stream).await {
            tracing::debug!(host = self.host, %error, "the stand-in ended");
        }
    }

    async fn serve(&mut self, stream: DuplexStream) -> Result<(), ConnectionError> {
        let (_hello, version, mut reader, mut writer) = receive_hello(split(stream)).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let welcome = Welcome {
            version,
            agent: "no cm-agent".to_owned(),
            // Never that of an agent, which would be asked for what was missed.
            run: RandomState::new().hash_one(0_u8),
            host: self.host.clone(),
            now: now.map_or(0, |now| now.as_millis() as u64),
            home: String::new(),
            resumed: false,
        };
        writer.send(&Greeting::Welcome(welcome)).await?;
        self.list().await;
        self.tell_all(&mut writer).await?;
        self.go_on(&mut reader, &mut writer).await
    }

    async fn go_on(
        &mut self,
        reader: &mut Reader,
        writer: &mut Writer,
    ) -> Result<(), ConnectionError> {
        let mut lists = interval(LIST);
        let mut looks = interval(LOOK);
        for timer in [&mut lists, &mut looks] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            timer.reset_at(Instant::now() + timer.period());
        }
        loop {
            tokio::select! {
                body = reader.next() => {
                    let Some(body) = body? else {
                        return Ok(());
                    };
                    match read_order(&body) {
                        FromClient::Order(order) => {
                            let reply = self.answer(order.request).await;
                            writer.send(&ToClient::Reply { id: order.id, reply }).await?;
                            self.look(writer).await?;
                        }
                        FromClient::Unknown(id) | FromClient::OverLimit(id, _) => {
                            let reply = Reply::Failed(self.cannot());
                            writer.send(&ToClient::Reply { id, reply }).await?;
                        }
                        FromClient::Garbage => {}
                    }
                }
                _ = lists.tick() => {
                    let before = (self.sessions.clone(), self.trouble.clone());
                    self.list().await;
                    if before != (self.sessions.clone(), self.trouble.clone()) {
                        self.tell_all(writer).await?;
                    }
                }
                _ = looks.tick(), if !self.watched.is_empty() => {
                    // What was seen is looked at again.
                    let known = std::mem::take(&mut self.sent);
                    for (id, (version, view)) in known {
                        self.show(writer, &id, version, Some(&view)).await?;
                    }
                }
            }
        }
    }

    async fn list(&mut self) {
        match agentless::list(&self.shell, &self.host).await {
            Ok(sessions) => {
                let sessions = sessions.into_iter();
                self.sessions = sessions
                    .map(|session| (session.id.clone(), session))
                    .collect();
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error.failure()),
        }
    }

    async fn tell_all(&mut self, writer: &mut Writer) -> Result<(), ConnectionError> {
        self.seq = self.seq.next();
        let event = Event::Snapshot {
            sessions: self.sessions.values().cloned().collect(),
            log: Vec::new(),
            trouble: Some(self.trouble.clone().unwrap_or_else(|| self.why.clone())),
        };
        writer
            .send(&ToClient::Event {
                seq: self.seq,
                event,
            })
            .await
    }

    async fn answer(&mut self, request: Request) -> Reply {
        match request {
            Request::Ping | Request::Stop => Reply::Done,
            Request::List => Reply::Sessions(self.sessions.values().cloned().collect()),
            Request::Tools => Reply::Tools(Vec::new()),
            Request::Watch { session } if self.sessions.contains_key(&session) => {
                self.sent.remove(&session);
                self.watched.insert(session);
                Reply::Done
            }
            Request::Unwatch { session } => {
                self.watched.remove(&session);
                self.sent.remove(&session);
                Reply::Done
            }
            Request::Kill { session } => self.kill(&session).await,
            _ => Reply::Failed(self.cannot()),
        }
    }

    async fn kill(&mut self, id: &SessionId) -> Reply {
        let Some(session) = self.sessions.get(id) else {
            let host = self.host.clone();
            return Reply::Failed(AgentlessError::Gone { host }.failure());
        };
        match agentless::kill(&self.shell, &self.host, session).await {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed(error.failure()),
        }
    }

    /// Shows what is watched and was not shown yet.
    async fn look(&mut self, writer: &mut Writer) -> Result<(), ConnectionError> {
        let unseen: Vec<SessionId> = self
            .watched
            .iter()
            .filter(|id| !self.sent.contains_key(id))
            .cloned()
            .collect();
        for id in unseen {
            self.show(writer, &id, 0, None).await?;
        }
        Ok(())
    }

    /// Looks at a screen, and sends it when it is another one than `before`.
    async fn show(
        &mut self,
        writer: &mut Writer,
        id: &SessionId,
        version: u64,
        before: Option<&View>,
    ) -> Result<(), ConnectionError> {
        let Some(session) = self.sessions.get(id) else {
            self.watched.remove(id);
            return Ok(());
        };
        // One that is gone or cannot be looked at now is found out about by the next list.
        let Ok(view) = agentless::view(&self.shell, &self.host, session).await else {
            return Ok(());
        };
        let is_new = before != Some(&view);
        let version = version + u64::from(is_new);
        if is_new {
            let update = ScreenUpdate {
                session: id.clone(),
                version,
                keyframe: Some((view.size.cols, view.size.rows)),
                bytes: view.keyframe.clone(),
            };
            writer.send(&ToClient::Screen(update)).await?;
        }
        self.sent.insert(id.clone(), (version, view));
        Ok(())
    }

    fn cannot(&self) -> Failure {
        Failure {
            kind: FailureKind::Unsupported,
            message: format!("without cm-agent on {} that cannot be done", self.host),
            hint: self.why.hint.clone(),
        }
    }
}
