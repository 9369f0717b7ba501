//! One task per host: reach it, serve the connection (`serve.rs`), come back after a loss, or wait for the human.
//!
//! Promise: every request is answered exactly once, also when the connection ends or the host is taken away; nobody
//! ever waits for a host; one whose login fails twice is left alone until the human says otherwise.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::backoff::{Backoff, Gate, dice};
use super::link::{Asked, Link};
use super::notice::{HostNotice, Notice, RequestId};
use super::road::{Boxed, DialError, Errand, Retry, Road, chain};
use crate::domain::{HostId, Seq, SessionId};
use crate::protocol::{Failure, FailureKind, HELLO_DEADLINE, Reply, Request, Resume, Welcome};
use crate::transport::asking::{Answer, Asker, Question};
use crate::transport::connection::{self, ConnectionError};

/// How we name ourselves to agents.
const CLIENT: &str = concat!("cm-tui ", env!("CARGO_PKG_VERSION"));
/// A connection that has lasted this long was a good one, and is sought again at once when it ends; one that ends sooner
/// is given the growing pauses, so that an agent that lets us in only to lose us is not asked without end.
const GOOD_HERE: Duration = Duration::from_secs(1);
/// As [`GOOD_HERE`] over a network, where each attempt is a login: an agent that ends as soon as it has let us in costs
/// a growing pause, a network that goes away every few seconds does not.
const GOOD_THERE: Duration = Duration::from_secs(3);
/// After this many refused logins in a row only the human decides to try again: servers punish a third.
const REFUSALS: u32 = 2;
/// How long a stream that has ended may take to say why: an exit status follows the end of the output at once.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Nobody wants the host any more, or there is nobody to serve.
#[derive(Debug)]
pub(super) struct Left;

/// What the client wants of a host.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) road: Road,
    /// Counts up when the human wants it reached anew.
    pub(super) reconnects: u64,
}

/// How an attempt or a connection ended.
pub(super) enum End {
    Failed(DialError),
    /// To be begun again at once: there is another way, or somebody asked for it.
    Anew,
}

impl End {
    pub(super) fn soon(failure: Failure) -> Self {
        Self::Failed(DialError {
            failure,
            retry: Retry::Soon,
        })
    }
}

pub(super) struct HostTask {
    pub(super) host: HostId,
    notices: mpsc::Sender<HostNotice>,
    gate: Arc<Gate>,
    /// How long the machine slept, each time it wakes.
    pub(super) slept: watch::Receiver<Duration>,
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) orders: mpsc::Receiver<(RequestId, Request)>,
    pub(super) wanted: watch::Receiver<BTreeSet<SessionId>>,
    /// The way that is being gone.
    pub(super) road: Road,
    /// Where what we know ends, if we know anything.
    pub(super) resume: Option<Resume>,
    backoff: Backoff,
    /// Refused logins in a row.
    refusals: u32,
    /// Whether the way was ever gone.
    has_tried: bool,
    /// Whether the next attempt is one that the human wants.
    is_urged: bool,
}

/// What the client's front of a host sends on.
pub(super) type Ends = (
    watch::Receiver<Wish>,
    mpsc::Receiver<(RequestId, Request)>,
    watch::Receiver<BTreeSet<SessionId>>,
);

impl HostTask {
    pub(super) fn new(
        host: HostId,
        notices: mpsc::Sender<HostNotice>,
        gate: Arc<Gate>,
        slept: watch::Receiver<Duration>,
        (mut wish, orders, wanted): Ends,
    ) -> Self {
        let road = wish.borrow_and_update().road.clone();
        Self {
            host,
            notices,
            gate,
            slept,
            wish,
            orders,
            wanted,
            backoff: Backoff::new(road.is_remote()),
            road,
            resume: None,
            refusals: 0,
            has_tried: false,
            is_urged: false,
        }
    }

    pub(super) async fn run(mut self) {
        let Err(Left) = self.keep_connected().await;
    }

    async fn keep_connected(&mut self) -> Result<Infallible, Left> {
        loop {
            let end = match self.reach().await? {
                Ok(link) => {
                    let since = Instant::now();
                    let end = self.serve(link).await?;
                    let good = if self.road.is_remote() {
                        GOOD_THERE
                    } else {
                        GOOD_HERE
                    };
                    if since.elapsed() >= good {
                        self.backoff.reset();
                    }
                    end
                }
                Err(end) => end,
            };
            if let End::Failed(error) = end {
                debug!(host = %self.host, message = error.failure.message, "disconnected");
                self.wait_after(error).await?;
            }
            self.tell(Notice::Connecting).await?;
        }
    }

    pub(super) async fn tell(&self, notice: Notice) -> Result<(), Left> {
        let notice = HostNotice {
            host: self.host.clone(),
            notice,
        };
        self.notices.send(notice).await.map_err(|_closed| Left)
    }

    pub(super) async fn fail(&self, id: RequestId, failure: Failure) -> Result<(), Left> {
        self.tell(Notice::Replied {
            id,
            reply: Box::new(Reply::Failed(failure)),
        })
        .await
    }

    /// Answers a request that comes while there is no connection.
    async fn refuse(&self, order: Option<(RequestId, Request)>) -> Result<(), Left> {
        let (id, _) = order.ok_or(Left)?;
        self.fail(id, not_connected()).await
    }

    /// The client wants something else of this host, or the same once more: takes it in.
    pub(super) fn take_wish(&mut self) {
        let road = self.wish.borrow_and_update().road.clone();
        if road == self.road {
            // One more attempt is what was asked for; if it is refused, the human is asked again.
            self.refusals = self.refusals.min(REFUSALS - 1);
        } else {
            self.road = road;
            self.refusals = 0;
            // It may be another machine.
            self.resume = None;
        }
        self.backoff = Backoff::new(self.road.is_remote());
        self.is_urged = true;
    }

    /// One attempt, from the first packet to the greeting. Over a network requests that come meanwhile are answered at
    /// once: what somebody typed must not happen minutes later. On this machine they wait the milliseconds that it takes.
    async fn reach(&mut self) -> Result<Result<Link, End>, Left> {
        let (mut asker, mut questions) = Asker::new();
        if !std::mem::take(&mut self.is_urged) {
            asker = asker.unurged(self.refusals);
        }
        let (step, mut steps) = watch::channel("");
        // The first attempt of each host is its own: fifty hosts are dialled at once, and tried again one by one.
        let is_first = !std::mem::replace(&mut self.has_tried, true);
        let gate = self.road.is_remote() && !is_first;
        let going = go(
            self.road.clone(),
            Errand { asker, step },
            gate.then(|| Arc::clone(&self.gate)),
            self.resume,
        );
        tokio::pin!(going);
        let is_remote = self.road.is_remote();
        let mut has_asked = false;
        let (welcome, mut link) = loop {
            tokio::select! {
                reached = &mut going => match reached {
                    Ok(reached) => break reached,
                    Err(error) => return Ok(Err(End::Failed(error))),
                },
                Some(question) = questions.recv() => {
                    has_asked = true;
                    self.tell(Notice::Asked(question)).await?;
                }
                Ok(()) = steps.changed() => {
                    let words = *steps.borrow_and_update();
                    self.tell(Notice::Step(words)).await?;
                }
                order = self.orders.recv(), if is_remote => self.refuse(order).await?,
                Ok(()) = self.wish.changed() => {
                    self.take_wish();
                    return Ok(Err(End::Anew));
                }
                // What was under way is probably dead; but nobody types a password twice for that.
                Ok(()) = self.slept.changed(), if is_remote && !has_asked => {
                    return Ok(Err(End::Anew));
                }
            }
        };
        self.refusals = 0;
        let run = welcome.run;
        let known = self.resume.filter(|_| welcome.resumed);
        self.tell(Notice::Connected(Box::new(welcome))).await?;
        link.ask(Asked::Tools, Request::Tools);
        // Without the events before it, the first one is a snapshot that names its own number.
        self.resume = Some(known.unwrap_or(Resume { run, seq: Seq(0) }));
        Ok(Ok(link))
    }

    async fn wait_after(&mut self, error: DialError) -> Result<(), Left> {
        if error.retry == Retry::OnceMore {
            self.refusals += 1;
        }
        let question = match error.retry {
            Retry::OnceMore if self.refusals >= REFUSALS => Some(Question::TryAgain {
                message: error.failure.message.clone(),
                hint: error.failure.hint.clone(),
            }),
            Retry::AfterHuman => None,
            Retry::Soon | Retry::OnceMore => {
                self.tell(Notice::Disconnected(error.failure)).await?;
                let pause = self.backoff.pause(dice());
                return self.rest(pause).await;
            }
        };
        self.tell(Notice::Halted(error.failure)).await?;
        self.halt(question).await
    }

    /// Waits before the next attempt; requests that come meanwhile are answered at once.
    async fn rest(&mut self, pause: Duration) -> Result<(), Left> {
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                order = self.orders.recv() => self.refuse(order).await?,
                Ok(()) = self.wish.changed() => {
                    self.take_wish();
                    return Ok(());
                }
                Ok(()) = self.slept.changed() => {
                    self.backoff.reset();
                    return Ok(());
                }
            }
        }
    }

    /// Waits until the human wants another attempt.
    async fn halt(&mut self, question: Option<Question>) -> Result<(), Left> {
        let (asker, mut questions) = Asker::new();
        let answer = async {
            match question {
                Some(question) => asker.ask(question).await,
                None => Answer::No,
            }
        };
        tokio::pin!(answer);
        let mut is_open = true;
        loop {
            tokio::select! {
                answer = &mut answer, if is_open => {
                    if answer == Answer::Yes {
                        self.refusals = REFUSALS - 1;
                        self.is_urged = true;
                        return Ok(());
                    }
                    is_open = false;
                }
                Some(question) = questions.recv(), if is_open => {
                    self.tell(Notice::Asked(question)).await?;
                }
                order = self.orders.recv() => self.refuse(order).await?,
                Ok(()) = self.wish.changed() => {
                    self.take_wish();
                    return Ok(());
                }
            }
        }
    }
}

/// Goes the way and greets the agent at its end.
async fn go(
    road: Road,
    errand: Errand,
    gate: Option<Arc<Gate>>,
    resume: Option<Resume>,
) -> Result<(Welcome, Link), DialError> {
    if let Some(gate) = gate {
        gate.pass().await;
    }
    let stream = road.dial(errand).await?;
    let greeting = connection::greet((stream.reader, stream.writer), CLIENT, resume);
    // The agent's answer has a deadline of its own; this one is for a stream that does not take our hello.
    let greeted = timeout(2 * HELLO_DEADLINE, greeting)
        .await
        .unwrap_or(Err(ConnectionError::Silent));
    let failure = match greeted {
        Ok((welcome, reader, writer)) => {
            let halves = (reader, writer);
            let link = Link::new(halves, stream.guard, stream.ended, stream.interval);
            return Ok((welcome, link));
        }
        Err(ConnectionError::Refused(failure)) => failure,
        Err(error) => why_lost(&error, stream.ended).await,
    };
    Err(DialError {
        failure,
        retry: Retry::Soon,
    })
}

/// Why a stream failed: in its own words where it has some.
pub(super) async fn why_lost(
    error: &ConnectionError,
    ended: Option<Boxed<'static, Failure>>,
) -> Failure {
    if let Some(ended) = ended
        && let Ok(failure) = timeout(LAST_WORDS, ended).await
    {
        return failure;
    }
    Failure {
        kind: FailureKind::Failed,
        message: format!("lost cm-agent: {}", chain(error)),
        hint: "connecting again by itself; sessions go on".to_owned(),
    }
}

pub(super) fn not_connected() -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: "not connected to cm-agent".to_owned(),
        hint: "it is tried again by itself".to_owned(),
    }
}
