//! A live connection: requests out, facts in, and a look at its pulse.
//!
//! Promise: no event is missed or doubled across reconnects (the agent's numbers are checked, and what was missed is
//! asked for); what was asked and not answered when the connection ends is answered as failed.

use std::collections::BTreeMap;

use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::host::{End, HostTask, Left, not_connected, why_lost};
use super::link::{Asked, Link};
use super::notice::{Notice, RequestId};
use super::pulse::{Beat, Pulse, Rhythm};
use super::road::Boxed;
use crate::domain::Seq;
use crate::protocol::{self, CodecError, Event, Failure, FailureKind, Reply, Request, ToClient};
use crate::transport::connection::{self, ConnectionError};

impl HostTask {
    /// Serves a connection until it ends.
    pub(super) async fn serve(&mut self, mut link: Link) -> Result<End, Left> {
        let ended = self.pump(&mut link).await;
        let pending = std::mem::take(&mut link.pending);
        // Cut before anybody waits for anything.
        drop(link);
        self.settle(pending).await?;
        ended
    }

    /// Answers what has no answer.
    async fn settle(&self, pending: BTreeMap<u64, Asked>) -> Result<(), Left> {
        for asked in pending.into_values() {
            if let Asked::Client(id) = asked {
                self.fail(id, not_connected()).await?;
            }
        }
        Ok(())
    }

    async fn pump(&mut self, link: &mut Link) -> Result<End, Left> {
        self.wanted.mark_changed();
        let is_remote = self.road.is_remote();
        let rhythm = if is_remote {
            // How long the way is, is of interest from the start.
            link.ask(Asked::Ping(Instant::now()), Request::Ping);
            link.interval.map_or(Rhythm::REMOTE, Rhythm::remote)
        } else {
            Rhythm::LOCAL
        };
        let mut pulse = Pulse::new(rhythm, Instant::now());
        loop {
            // What came is looked at before silence is judged; orders are few.
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    let (id, request) = order.ok_or(Left)?;
                    self.pass_on(link, id, request).await?;
                }
                Ok(()) = self.wish.changed() => {
                    self.take_wish();
                    return Ok(End::Anew);
                }
                Ok(()) = self.wanted.changed() => {
                    let wanted = self.wanted.borrow_and_update().clone();
                    link.watch(&wanted);
                }
                body = link.reader.next() => match body {
                    Ok(Some(body)) => {
                        // A message that we do not know is skipped.
                        if let Some(fact) = connection::read_fact(&body)
                            && let Some(failure) = self.hear(link, fact).await?
                        {
                            return Ok(End::soon(failure));
                        }
                        // Counted from when we last waited for it, not from what we were too busy to hear.
                        if pulse.heard(Instant::now()) {
                            self.tell(Notice::Fresh).await?;
                        }
                    }
                    Ok(None) => return Ok(lost(link, &ConnectionError::Closed).await),
                    Err(error) => return Ok(lost(link, &error).await),
                },
                Some(written) = link.writing.join_next() => {
                    let error = written.ok().and_then(Result::err).unwrap_or(ConnectionError::Closed);
                    return Ok(lost(link, &error).await);
                }
                failure = ended(&mut link.ended) => return Ok(End::soon(failure)),
                Ok(()) = self.slept.changed(), if is_remote => {
                    let slept = *self.slept.borrow_and_update();
                    pulse.wake(Instant::now(), slept);
                }
                () = sleep_until(pulse.due()) => match pulse.beat(Instant::now()) {
                    Beat::Nothing => {}
                    Beat::Ask => {
                        link.ask(Asked::Ping(Instant::now()), Request::Ping);
                    }
                    Beat::Stale => self.tell(Notice::Stale).await?,
                    Beat::Cut => return Ok(End::soon(silent(pulse.silence(Instant::now()).as_secs()))),
                },
            }
        }
    }

    async fn pass_on(&self, link: &mut Link, id: RequestId, request: Request) -> Result<(), Left> {
        match protocol::fits(&request) {
            Ok(()) if link.ask(Asked::Client(id), request) => Ok(()),
            Ok(()) => self.fail(id, not_reading()).await,
            Err(error) => self.fail(id, over_limit(&error)).await,
        }
    }

    async fn hear(&mut self, link: &mut Link, fact: ToClient) -> Result<Option<Failure>, Left> {
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
                // On this machine it is always nothing.
                (Some(Asked::Ping(asked)), _) if self.road.is_remote() => {
                    self.tell(Notice::Heard(asked.elapsed())).await?;
                }
                _ => {}
            },
            ToClient::Event { seq, event } => {
                let known = self.resume.map_or(Seq(0), |resume| resume.seq);
                let is_snapshot = matches!(event, Event::Snapshot { .. });
                if !is_snapshot && seq != known.next() {
                    warn!(host = %self.host, ?seq, ?known, "events are missing; connecting again");
                    self.resume = None;
                    return Ok(Some(why_lost(&ConnectionError::Closed, None).await));
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

/// Why the stream ended, or never when it does not know.
async fn ended(ended: &mut Option<Boxed<'static, Failure>>) -> Failure {
    match ended {
        Some(ended) => ended.await,
        None => std::future::pending().await,
    }
}

async fn lost(link: &mut Link, error: &ConnectionError) -> End {
    End::soon(why_lost(error, link.ended.take()).await)
}

fn silent(seconds: u64) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: format!("lost cm-agent: no answer within {seconds} s"),
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
