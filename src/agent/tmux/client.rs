//! One control client: a connection to one run of one tmux server, for commands and notices.
//!
//! The client is bound to the server process it connected to. That is what makes pane ids safe: an order for a pane of
//! another run is refused before it is written. It always reads, and keeps few commands in flight, because tmux
//! buffers replies without limit.

use std::{
    collections::VecDeque, convert::Infallible, path::PathBuf, process::Stdio, sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout},
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    command::CommandList,
    error::TmuxError,
    facts::{PaneDeath, PaneInfo, ServerRef, TmuxEvent},
    link::{Link, Order},
    managed, panes,
    parse::{Item, Parser, Reply, Shape},
    servers::Context,
    version::Version,
};

/// Commands without a reply; tmux buffers replies without limit, so the number of commands is the limit.
const IN_FLIGHT: usize = 32;

/// Lists waiting for the connection; senders wait when it is full.
const QUEUE: usize = 64;

/// Notices come in groups: one action gives several within this time.
const SETTLE: Duration = Duration::from_millis(10);

/// The shortest time between two lists of all panes, which cost tmux 1 ms at 100 panes.
const BETWEEN_LISTS: Duration = Duration::from_millis(100);

/// How often panes are listed by versions that cannot tell by themselves (3.0, 3.1).
const LIST_EVERY: Duration = Duration::from_secs(1);

/// How long a pane may be dead without a status before tmux is made to look. Under load tmux 3.3a was seen to leave a
/// child uncollected for good; it collects all of them whenever another one ends.
const UNCOLLECTED: Duration = Duration::from_millis(300);

/// How long tmux may take for anything before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);

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

enum Sink {
    Order(oneshot::Sender<Result<Vec<Reply>, TmuxError>>),
    Panes,
}

struct Waiting {
    left: usize,
    replies: Vec<Reply>,
    sink: Sink,
}

/// The running connection.
pub struct Client {
    context: Arc<Context>,
    socket: PathBuf,
    managed: bool,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    parser: Parser,
    outbox: Vec<u8>,
    waiting: VecDeque<Waiting>,
    in_flight: usize,
    /// When tmux answered last, or was first asked since.
    heard: Instant,
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
    /// Starts a control client on `socket`.
    pub fn connect(
        context: &Arc<Context>,
        socket: PathBuf,
        managed: bool,
    ) -> Result<Self, TmuxError> {
        let mut command = managed::command(&context.config, &socket);
        if context.version.is_complete() {
            command.arg("-N");
        }
        command.args(["-C", "attach-session"]);
        if managed {
            command.args(["-t", &format!("={}", managed::MONITOR)]);
        }
        if context.version.is_complete() {
            command.args(["-f", "ignore-size,no-output"]);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| TmuxError::Program {
            program: context.config.tmux.clone(),
            source,
        })?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped");
        Ok(Self {
            context: Arc::clone(context),
            socket,
            managed,
            child,
            stdin,
            stdout,
            parser: Parser::default(),
            outbox: Vec::new(),
            waiting: VecDeque::new(),
            in_flight: 0,
            heard: Instant::now(),
        })
    }

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

    /// Asks who answers.
    async fn hello(&mut self) -> Result<(ServerRef, Version), String> {
        let mark = managed::MARK;
        let mut list = CommandList::new(&format!(
            "display-message -p '#{{pid}} #{{start_time}} #{{version}} #{{{mark}}}'"
        ));
        let version = self.context.version;
        if version.is_complete() {
            list = list.then(panes::SUBSCRIPTION, Shape::Own);
        } else {
            list = list.then("refresh-client -F no-output", Shape::Own);
        }
        let (reply, mut replies) = oneshot::channel();
        let mut greeting = Some((list, reply));
        let mut read = vec![0; 4096];
        loop {
            self.flush().await.map_err(|error| error.to_string())?;
            let count = self.stdout.read(&mut read).await;
            let count = count.map_err(|error| error.to_string())?;
            if count == 0 {
                return Err("it ended the connection".to_owned());
            }
            let mut rest = read.get(..count).unwrap_or_default();
            while let (Some(item), later) = self.parser.next(rest) {
                rest = later;
                match item {
                    Item::Reply(reply) => drop(self.reply(reply)),
                    Item::Exit(reason) => return Err(reason),
                    // Commands that arrive before the client is attached run without it.
                    Item::Attached => {
                        if let Some((list, reply)) = greeting.take() {
                            self.enqueue(&list, Sink::Order(reply));
                        }
                    }
                    Item::Changed => {}
                }
            }
            let Ok(replies) = replies.try_recv() else {
                continue;
            };
            let replies = replies.map_err(|error| error.to_string())?;
            if let Some(refused) = replies.iter().find(|reply| !reply.ok) {
                return Err(refused.text());
            }
            let text = replies.first().map(Reply::text).unwrap_or_default();
            return self.server(&text).ok_or(format!("it says “{text}”"));
        }
    }

    fn server(&self, text: &str) -> Option<(ServerRef, Version)> {
        let mut words = text.split(' ');
        let label = self.socket.file_name()?.to_string_lossy().into_owned();
        let server = ServerRef {
            socket: self.socket.clone(),
            label,
            pid: words.next()?.parse().ok()?,
            started: words.next()?.parse().ok()?,
            version: words.next()?.to_owned(),
            managed: self.managed,
        };
        let version = Version::parse(&server.version).unwrap_or(self.context.version);
        Some((server, version))
    }

    fn enqueue(&mut self, list: &CommandList, sink: Sink) {
        if self.waiting.is_empty() {
            self.heard = Instant::now();
        }
        self.parser.expect(list.shapes());
        self.outbox.extend(list.line().as_bytes());
        self.outbox.push(b'\n');
        self.in_flight += list.shapes().len();
        self.waiting.push_back(Waiting {
            left: list.shapes().len(),
            replies: Vec::new(),
            sink,
        });
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        while !self.outbox.is_empty() {
            write_some(&mut self.stdin, &mut self.outbox).await?;
        }
        Ok(())
    }

    /// Returns what tmux wrote to its standard error, e.g. that client and server are of different versions.
    async fn complaint(&mut self) -> String {
        let mut text = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let mut stderr = stderr.take(1000);
            let read = stderr.read_to_end(&mut text);
            let _late = timeout(Duration::from_secs(1), read).await;
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    /// Takes a reply; returns the panes if it completed a list of them.
    fn reply(&mut self, reply: Reply) -> Option<Vec<Reply>> {
        self.heard = Instant::now();
        let waiting = self.waiting.front_mut()?;
        waiting.left = waiting.left.saturating_sub(1);
        self.in_flight = self.in_flight.saturating_sub(1);
        if !reply.ok {
            // tmux drops the rest of the list.
            self.parser.skip(waiting.left);
            self.in_flight = self.in_flight.saturating_sub(waiting.left);
            waiting.left = 0;
        }
        waiting.replies.push(reply);
        if waiting.left > 0 {
            return None;
        }
        let Waiting { replies, sink, .. } = self.waiting.pop_front()?;
        match sink {
            Sink::Order(asker) => {
                // The asker may have given up.
                let _gone = asker.send(Ok(replies));
                None
            }
            Sink::Panes => Some(replies),
        }
    }
}

/// Writes some of the outbox; waits for ever when there is nothing to write. Safe to cancel.
async fn write_some(stdin: &mut Option<ChildStdin>, outbox: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(stdin) = stdin.as_mut().filter(|_| !outbox.is_empty()) else {
        return std::future::pending().await;
    };
    let count = stdin.write(outbox).await?;
    outbox.drain(..count);
    Ok(())
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
