//! The loop of an established connection: orders go out, replies and notices come in, and the list of panes stays true.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::super::{
    command::CommandList,
    context::Context,
    facts::{PaneDeath, PaneInfo, ServerRef, TmuxEvent},
    link::{Link, Order},
    panes,
    parse::{Item, Reply},
    version::Version,
};
use super::{Client, PATIENCE, Sink, write_some};

/// Lists waiting for the connection; senders wait when it is full.
const QUEUE: usize = 64;

/// Commands without a reply; tmux buffers replies without limit, so the number of commands is the limit.
const IN_FLIGHT: usize = 32;

/// Notices come in groups: one action gives several within this time.
const SETTLE: Duration = Duration::from_millis(10);

/// The shortest time between two lists of all panes, which cost tmux 1 ms at 100 panes.
const BETWEEN_LISTS: Duration = Duration::from_millis(100);

/// How often panes are listed by versions that cannot tell by themselves (3.0, 3.1).
const LIST_EVERY: Duration = Duration::from_secs(1);

/// How long a pane may be dead without a status before tmux is made to look. Under load tmux 3.3a was seen to leave a
/// child uncollected for good; it collects all of them whenever another one ends.
const UNCOLLECTED: Duration = Duration::from_millis(300);

/// Why a connection ended.
#[derive(Debug)]
pub enum End {
    /// We stopped it.
    Stopped,
    /// The session that the client was attached to ended, or the server did.
    Exit(String),
    /// It never came to a connection.
    Failed(String),
}

/// What the owner of a connection remembers from one to the next.
#[derive(Debug, Default)]
pub struct Known {
    /// The server that was reported as up.
    pub server: Option<ServerRef>,
    /// The panes as reported last.
    panes: Option<Vec<PaneInfo>>,
    /// Dropped once the panes have been reported for the first time, see [`TmuxEvent::Surveyed`].
    pub survey: Option<mpsc::Sender<Infallible>>,
}

impl Client {
    /// Serves the connection until it ends; reports facts and publishes the [`Link`] while it lasts.
    pub async fn run(mut self, known: &mut Known, stop: &CancellationToken) -> End {
        let hello = timeout(PATIENCE, self.hello());
        let (server, version) = match stop.run_until_cancelled(hello).await {
            None => return End::Stopped,
            Some(Ok(Ok(found))) => found,
            Some(Ok(Err(reason))) => {
                let complaint = self.complaint().await;
                return End::Failed(if complaint.is_empty() {
                    reason
                } else {
                    complaint
                });
            }
            Some(Err(_late)) => return End::Failed("it does not answer".to_owned()),
        };
        self.parser.hides_inner = version.hides_inner_replies();
        let (orders, inbox) = mpsc::channel(QUEUE);
        let link = Link {
            server: server.clone(),
            version,
            orders,
            leaked: Arc::default(),
            starting: Arc::default(),
        };
        let mut events = VecDeque::new();
        if known.server.as_ref() != Some(&server) {
            if let Some(server) = known.server.take() {
                let reason = "it was replaced by another server".to_owned();
                events.push_back(TmuxEvent::ServerDown { server, reason });
            }
            known.panes = None;
            known.server = Some(server.clone());
            let server = server.clone();
            events.push_back(TmuxEvent::ServerUp { server });
        }
        self.context.publish(&self.socket, Some(link));
        let serving = Serving {
            client: &mut self,
            server,
            version,
            inbox,
            next: None,
            events,
            known,
            stale: Some(Instant::now()),
            listed: None,
            listing: false,
            nudge: None,
            read: vec![0; 64 * 1024],
        };
        let end = serving.run(stop).await;
        self.context.publish(&self.socket, None);
        if matches!(end, End::Stopped) {
            // At the end of its input the client detaches in order.
            self.stdin = None;
            let _late = timeout(Duration::from_secs(1), self.child.wait()).await;
        }
        end
    }
}

/// The loop of an established connection.
struct Serving<'a> {
    client: &'a mut Client,
    server: ServerRef,
    version: Version,
    inbox: mpsc::Receiver<Order>,
    /// An order that does not fit in the commands in flight yet.
    next: Option<Order>,
    /// Facts that the receiver was not ready for. Holds one list of panes at most, so it stays short.
    events: VecDeque<TmuxEvent>,
    known: &'a mut Known,
    /// Since when the list of panes may be wrong.
    stale: Option<Instant>,
    /// When it was asked for last.
    listed: Option<Instant>,
    listing: bool,
    /// When to make tmux collect its children.
    nudge: Option<Instant>,
    read: Vec<u8>,
}

impl Serving<'_> {
    async fn run(mut self, stop: &CancellationToken) -> End {
        let outlet = self.client.context.events.clone();
        loop {
            self.start_orders();
            let (list_at, nudge) = (self.list_at(), self.nudge);
            let (hung, is_asked) = (
                self.client.heard + PATIENCE,
                !self.client.waiting.is_empty(),
            );
            let Client {
                stdin,
                stdout,
                outbox,
                ..
            } = &mut *self.client;
            tokio::select! {
                () = stop.cancelled() => return End::Stopped,
                count = stdout.read(&mut self.read) => match count {
                    Ok(0) => return End::Exit(String::new()),
                    Ok(count) => if let Some(end) = self.take(count) { return end },
                    Err(error) => return End::Exit(error.to_string()),
                },
                written = write_some(stdin, outbox) => if let Err(error) = written {
                    return End::Exit(error.to_string());
                },
                Some(order) = self.inbox.recv(), if self.next.is_none() => self.next = Some(order),
                Ok(permit) = outlet.reserve(), if !self.events.is_empty() => {
                    if let Some(event) = self.events.pop_front() {
                        let is_list = matches!(event, TmuxEvent::Panes { .. });
                        permit.send(event);
                        if is_list {
                            self.known.survey = None;
                        }
                    }
                },
                // Stopped, or something asks our client a question, which nobody can answer: another one is not asked.
                () = sleep_until(hung), if is_asked => return End::Exit("it does not answer".to_owned()),
                () = sleep_until(list_at.unwrap_or_else(Instant::now)), if list_at.is_some() => self.list(),
                () = sleep_until(nudge.unwrap_or_else(Instant::now)), if nudge.is_some() => self.nudge(),
            }
        }
    }

    fn start_orders(&mut self) {
        let Some(order) = self.next.take() else {
            return;
        };
        let fits = self.client.in_flight + order.list.shapes().len() <= IN_FLIGHT;
        if fits || self.client.in_flight == 0 {
            self.client.enqueue(&order.list, Sink::Order(order.reply));
        } else {
            self.next = Some(order);
        }
    }

    /// When to ask for the panes next.
    fn list_at(&self) -> Option<Instant> {
        if self.listing {
            return None;
        }
        let soon = self.stale.map(|since| {
            let earliest = self.listed.map(|listed| listed + BETWEEN_LISTS);
            earliest.map_or(since, |earliest| earliest.max(since))
        });
        let regular = self.listed.map(|listed| listed + LIST_EVERY);
        soon.or(regular.filter(|_| !self.version.is_complete()))
    }

    fn list(&mut self) {
        let list = panes::commands(&self.client.context.config.options);
        self.client.enqueue(&list, Sink::Panes);
        self.stale = None;
        self.listed = Some(Instant::now());
        self.listing = true;
    }

    fn nudge(&mut self) {
        let (nobody, _) = oneshot::channel();
        let list = CommandList::new("run-shell -b true");
        self.client.enqueue(&list, Sink::Order(nobody));
        self.nudge = None;
        self.stale = Some(Instant::now() + UNCOLLECTED);
    }

    /// Reads the first `count` bytes of what was read.
    fn take(&mut self, count: usize) -> Option<End> {
        let read = std::mem::take(&mut self.read);
        let mut rest = read.get(..count).unwrap_or_default();
        let mut end = None;
        while let (Some(item), later) = self.client.parser.next(rest) {
            rest = later;
            match item {
                Item::Changed | Item::Attached => {
                    self.stale.get_or_insert_with(|| Instant::now() + SETTLE);
                }
                Item::Exit(reason) => end = Some(End::Exit(reason)),
                Item::Reply(reply) => {
                    if let Some(replies) = self.client.reply(reply) {
                        self.listing = false;
                        self.panes(&replies);
                    }
                }
            }
        }
        self.read = read;
        end
    }

    fn panes(&mut self, replies: &[Reply]) {
        let [panes, clients] = replies else {
            return;
        };
        let Context { config, owner, .. } = &*self.client.context;
        let panes = panes::read(&self.server, owner, &config.options, panes, clients);
        let is_uncollected = |pane: &PaneInfo| pane.dead == Some(PaneDeath::default());
        if self.server.managed && self.version.tells_signal() && panes.iter().any(is_uncollected) {
            self.nudge
                .get_or_insert_with(|| Instant::now() + UNCOLLECTED);
        }
        if self.known.panes.as_ref() == Some(&panes) {
            return;
        }
        self.known.panes = Some(panes.clone());
        // A list that nobody has seen is replaced by the newer one.
        self.events
            .retain(|event| !matches!(event, TmuxEvent::Panes { .. }));
        let server = self.server.clone();
        self.events.push_back(TmuxEvent::Panes { server, panes });
    }
}
