//! One task per host: connect, greet, carry requests out and facts in, come back after a loss.
//!
//! Promise: no event is missed or doubled across reconnects (the agent's numbers are checked, and what was missed is
//! asked for); every request is answered exactly once, also when the connection ends; nobody ever waits for a host.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use super::front::{FleetConfig, HostNotice, Notice, RequestId};
use super::link::{Asked, Link};
use crate::domain::{HostId, Seq, SessionId};
use crate::protocol::{
    self, CodecError, Event, Failure, FailureKind, Reply, Request, Resume, ToClient,
};
use crate::transport::connection::{self, ConnectionError};
use crate::transport::local;

/// How we name ourselves to agents.
const CLIENT: &str = concat!("cm-tui ", env!("CARGO_PKG_VERSION"));
/// The pauses before the second and any later attempt to connect, doubling from one to the other: a killed agent is
/// back at once, a missing one costs nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A connection that has lasted this long was a good one, and is sought again at once when it ends; one that ends sooner
/// is given the growing pauses, so that an agent that lets us in only to lose us is not asked without end.
const GOOD: Duration = Duration::from_secs(1);
/// An agent that has said nothing for this long is asked whether it is there, …
const ASK_AFTER: Duration = Duration::from_secs(4);
/// … and when it has still said nothing, the connection counts as lost: a stopped agent and a broken line show
/// themselves by nothing else.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// The dashboard is gone; there is nobody to serve.
struct Abandoned;

pub(super) struct HostTask {
    pub(super) host: HostId,
    pub(super) config: FleetConfig,
    pub(super) notices: mpsc::Sender<HostNotice>,
    pub(super) orders: mpsc::Receiver<(RequestId, Request)>,
    pub(super) wanted: watch::Receiver<BTreeSet<SessionId>>,
    /// Where what we know ends, if we know anything.
    pub(super) resume: Option<Resume>,
}

impl HostTask {
    pub(super) async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let failure = match self.connect().await {
                Ok(Ok(link)) => {
                    let since = Instant::now();
                    match self.pump(link).await {
                        Ok(failure) => {
                            if since.elapsed() >= GOOD {
                                pause = Duration::ZERO;
                            }
                            failure
                        }
                        Err(Abandoned) => return,
                    }
                }
                Ok(Err(failure)) => failure,
                Err(Abandoned) => return,
            };
            debug!(host = %self.host, message = failure.message, "disconnected");
            if self.tell(Notice::Disconnected(failure)).await.is_err()
                || self.rest(pause).await.is_err()
            {
                return;
            }
            pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            if self.tell(Notice::Connecting).await.is_err() {
                return;
            }
        }
    }

    async fn tell(&self, notice: Notice) -> Result<(), Abandoned> {
        let notice = HostNotice {
            host: self.host.clone(),
            notice,
        };
        self.notices.send(notice).await.map_err(|_closed| Abandoned)
    }

    /// Waits before the next attempt; requests that come meanwhile are answered at once.
    async fn rest(&mut self, pause: Duration) -> Result<(), Abandoned> {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                order = self.orders.recv() => match order {
                    Some((id, _)) => self.fail(id, not_connected()).await?,
                    None => return Err(Abandoned),
                },
            }
        }
    }

    async fn fail(&self, id: RequestId, failure: Failure) -> Result<(), Abandoned> {
        self.tell(Notice::Replied {
            id,
            reply: Box::new(Reply::Failed(failure)),
        })
        .await
    }

    async fn connect(&mut self) -> Result<Result<Link, Failure>, Abandoned> {
        let stream =
            match local::connect_or_start(&self.config.paths, &self.config.agent_program).await {
                Ok(stream) => stream,
                Err(error) => {
                    return Ok(Err(Failure {
                        kind: FailureKind::Failed,
                        message: chain(&error),
                        hint: error.hint(),
                    }));
                }
            };
        let (welcome, reader, writer) =
            match connection::greet(stream.into_split(), CLIENT, self.resume).await {
                Ok(greeted) => greeted,
                Err(ConnectionError::Refused(failure)) => return Ok(Err(failure)),
                Err(error) => return Ok(Err(lost(&error))),
            };
        let seq = if welcome.resumed {
            self.resume.map_or(Seq(0), |resume| resume.seq)
        } else {
            Seq(0)
        };
        // Without the events before it, the first one is a snapshot that names its own number.
        self.resume = welcome.resumed.then_some(Resume {
            run: welcome.run,
            seq,
        });
        let run = welcome.run;
        self.tell(Notice::Connected(Box::new(welcome))).await?;
        let mut link = Link::new(reader, writer);
        link.ask(Asked::Tools, Request::Tools);
        self.resume.get_or_insert(Resume { run, seq: Seq(0) });
        Ok(Ok(link))
    }

    /// Serves a connection until it ends; returns why.
    async fn pump(&mut self, mut link: Link) -> Result<Failure, Abandoned> {
        self.wanted.mark_changed();
        // Counted from when we last waited for it, not from what we were too busy to hear.
        let (mut heard, mut is_asked) = (Instant::now(), false);
        let failure = loop {
            tokio::select! {
                body = link.reader.next() => match body {
                    Ok(Some(body)) => {
                        // A message that we do not know is skipped.
                        if let Some(fact) = connection::read_fact(&body)
                            && let Some(failure) = self.hear(&mut link, fact).await?
                        {
                            break failure;
                        }
                        (heard, is_asked) = (Instant::now(), false);
                    }
                    Ok(None) => break lost(&ConnectionError::Closed),
                    Err(error) => break lost(&error),
                },
                order = self.orders.recv() => match order {
                    Some((id, request)) => match protocol::fits(&request) {
                        Ok(()) => if !link.ask(Asked::Client(id), request) {
                            self.fail(id, not_reading()).await?;
                        },
                        Err(error) => self.fail(id, over_limit(&error)).await?,
                    },
                    None => return Err(Abandoned),
                },
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return Err(Abandoned);
                    }
                    let wanted = self.wanted.borrow_and_update().clone();
                    link.watch(&wanted);
                }
                () = sleep_until(heard + if is_asked { LOST_AFTER } else { ASK_AFTER }) => {
                    if is_asked {
                        break lost(&ConnectionError::Silent);
                    }
                    link.ask(Asked::Nobody, Request::Ping);
                    is_asked = true;
                }
                Some(written) = link.writing.join_next() => {
                    break lost(&written.ok().and_then(Result::err).unwrap_or(ConnectionError::Closed));
                }
            }
        };
        for asked in link.pending.into_values() {
            if let Asked::Client(id) = asked {
                self.fail(id, not_connected()).await?;
            }
        }
        Ok(failure)
    }

    async fn hear(
        &mut self,
        link: &mut Link,
        fact: ToClient,
    ) -> Result<Option<Failure>, Abandoned> {
        match fact {
            ToClient::Reply { id, reply } => match (link.pending.remove(&id), reply) {
                (Some(Asked::Client(id)), reply) => {
                    self.tell(Notice::Replied {
                        id,
                        reply: Box::new(reply),
                    })
                    .await?;
                }
                (Some(Asked::Tools), Reply::Tools(tools)) => {
                    self.tell(Notice::Tools(tools)).await?;
                }
                // An agent that has just started does not know all sessions yet: tried again when they appear.
                (Some(Asked::Watch(session)), Reply::Failed(_)) => {
                    link.watched.remove(&session);
                }
                _ => {}
            },
            ToClient::Event { seq, event } => {
                let known = self.resume.map_or(Seq(0), |resume| resume.seq);
                let is_snapshot = matches!(event, Event::Snapshot { .. });
                if !is_snapshot && seq != known.next() {
                    warn!(host = %self.host, ?seq, ?known, "events are missing; connecting again");
                    self.resume = None;
                    return Ok(Some(lost(&ConnectionError::Closed)));
                }
                if let Some(resume) = &mut self.resume {
                    resume.seq = seq;
                }
                match &event {
                    Event::SessionRemoved(id) => {
                        link.watched.remove(id);
                    }
                    Event::SessionChanged(session)
                        if self.wanted.borrow().contains(&session.id) =>
                    {
                        link.watch_one(&session.id);
                    }
                    _ => {}
                }
                self.tell(Notice::Event(Box::new(event))).await?;
            }
            // One that we did not ask for, or do not want any more, would only cost memory.
            ToClient::Screen(update) if !link.watched.contains(&update.session) => {}
            ToClient::Screen(update) => self.tell(Notice::Screen(update)).await?,
        }
        Ok(None)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn lost(error: &ConnectionError) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: format!("lost cm-agent: {}", chain(error)),
        hint: "connecting again by itself; sessions go on".to_owned(),
    }
}

fn over_limit(error: &CodecError) -> Failure {
    Failure {
        kind: FailureKind::Invalid,
        message: error.to_string(),
        hint: "send it in smaller parts".to_owned(),
    }
}

fn not_reading() -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: "cm-agent does not read; nothing was sent".to_owned(),
        hint: "wait a moment and try again".to_owned(),
    }
}

fn not_connected() -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: "not connected to cm-agent".to_owned(),
        hint: "it is tried again by itself".to_owned(),
    }
}
