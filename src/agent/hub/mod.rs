//! The single owner of all sessions of a host: tmux's facts and clients' requests in, events out.
//!
//! One task, one value, no locks. Whatever takes time (starting a session, joining a pane, typing) runs beside it and
//! comes back as a [`HubMsg`]. Promise: events are numbered without gaps and reach every client in the same order;
//! a slow client or a flooding pane delays nobody else.
//!
//! | file | idea |
//! | --- | --- |
//! | `clients.rs` | who is connected, and what each still has to hear |
//! | `journal.rs` | numbered events, kept for those who come back |
//! | `panes.rs` | tmux's facts become sessions |
//! | `recognise.rs` | which tool a pane runs |
//! | `output.rs` | output becomes screens, and screens states |
//! | `watching.rs` | … which reach those who watch |
//! | `logs.rs` | what sessions print is kept, and read again |
//! | `orders.rs` | requests are carried out |
//! | `starting.rs` | … to start a session |
//! | `hooks.rs` | … to hear what a tool's own hook says, and answer when it asks |
//! | `answers.rs` | … to answer a prompt: claimed and written down |
//! | `sending.rs` | an answer leaves, if everything still holds |
//! | `outcomes.rs` | what came of it |
//! | `judging.rs` | what is asked is judged, for people to see |
//! | `modes.rs` | what a person switched on for a session, and what switches it off |
//! | `automatic.rs` | prompts are answered without a person, where one has switched that on |
//! | `policy.rs` | the rules of the host, and the health of its record |
//! | `versions.rs` | which version of a tool is installed |
//! | `approval.rs` | what is kept of all that |
//! | `inside.rs` | who is no operator |
//! | `decisions.rs` | … to tell what was decided |
//! | `typing.rs` | keys reach a pane in the order they were pressed |

mod agenda;
mod answers;
mod approval;
mod automatic;
mod clients;
mod decisions;
mod entry;
#[cfg(test)]
mod hanging;
mod hooks;
mod inside;
mod journal;
mod judging;
mod logs;
mod modes;
mod orders;
mod outcomes;
mod output;
mod panes;
mod policy;
mod recognise;
mod sending;
mod starting;
mod typing;
mod versions;
mod watching;
mod worktree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::agenda::Agenda;
use self::approval::Approvals;
pub use self::approval::{Approval, ApproveSetup, Rules};
use self::clients::Clients;
pub use self::clients::{ClientId, ClientPort};
use self::entry::Entry;
use self::journal::Journal;
pub use self::panes::OPTIONS;
use super::monitor::Moment;
use super::record::Recorder;
use super::tmux::{
    Chunk, Events, Join, ServerRef, StreamId, Streams, Tmux, TmuxConfig, TmuxError, TmuxEvent,
};
use crate::domain::detect::Detector;
use crate::domain::{SessionId, Tools, UnixMillis};
use crate::protocol::{
    Event, Failure, FailureKind, LogKind, LogLine, Reply, Request, Resume, Welcome,
};
use crate::term::sanitize;

/// Orders and results that wait for the hub. When full, clients wait: that is the back-pressure on them.
const ORDERS: usize = 256;
/// How long clients wait for tmux to be looked through after the start, so that the first list they see is whole: a
/// server that hangs must not keep them out. Usually it takes some ten milliseconds.
const SURVEY: Duration = Duration::from_secs(1);
/// How long a screen that has settled may wait to be looked at. Among busy sessions there is hardly ever a reason to wake
/// up for it alone; nobody sees a state change ten milliseconds later.
const LOOK_SLACK: Duration = Duration::from_millis(10);

/// The longest detail of a log line, in columns: the widest terminal that shows it on one line.
const LOG_COLS: usize = 300;

/// How much of the number of a run is in the numbers of its prompts; below it is room for a million of them.
const RUN_BITS: u64 = (1 << 43) - 1;

pub type HubSender = mpsc::Sender<HubMsg>;

/// What reaches the hub besides tmux's own facts.
#[derive(Debug)]
pub enum HubMsg {
    /// A client has said hello and wants to be served.
    Joined {
        port: ClientPort,
        version: u16,
        resume: Option<Resume>,
        welcome: oneshot::Sender<Result<Welcome, Failure>>,
    },
    /// A client is gone.
    Left(ClientId),
    /// A client asks.
    Ordered {
        client: ClientId,
        id: u64,
        request: Request,
    },
    /// Something that ran beside the hub has an answer for a client.
    Replied {
        client: ClientId,
        id: u64,
        reply: Reply,
    },
    /// tmux has started a session that a client asked for.
    SessionStarted {
        client: ClientId,
        id: u64,
        name: String,
        result: Result<SessionId, Failure>,
    },
    /// A pane was joined, or could not be.
    PaneJoined {
        session: SessionId,
        result: Result<Join, TmuxError>,
    },
    /// Approving went a step further.
    Approval(Approval),
    /// The tool profiles were read again; problems are for people.
    ToolsLoaded {
        tools: Tools,
        trouble: Option<Failure>,
    },
}

/// What the hub needs to know of its surroundings.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// `None` when there is no tmux program: the hub then serves clients and tells them.
    pub tmux: Option<TmuxConfig>,
    pub agent_program: PathBuf,
    pub home: PathBuf,
    /// Where the record of decisions is.
    pub audit_dir: PathBuf,
    pub tools: Tools,
    /// Whether tools whose profile says so are started behind `cm-agent run`.
    pub proxies: bool,
    /// Keeps what sessions print; `None` when the user does not want that, or it cannot be done.
    pub recorder: Option<Recorder>,
    /// A random number that names this run.
    pub run: u64,
    pub approve: ApproveSetup,
}

#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    tmux: Option<Tmux>,
    tools: Tools,
    detector: Detector,
    servers: Vec<ServerRef>,
    sessions: BTreeMap<SessionId, Entry>,
    streams: HashMap<StreamId, SessionId>,
    /// Clients that wait for a session which tmux has started but not listed yet.
    awaited: Vec<(SessionId, ClientId, u64)>,
    /// Names of sessions that are being started.
    reserved: BTreeSet<String>,
    clients: Clients,
    journal: Journal,
    /// When screens should be looked at, give or take [`LOOK_SLACK`].
    looks: Agenda,
    /// When anything else has to be done.
    agenda: Agenda,
    /// Clients that came before tmux was looked through; `None` once it has been.
    early: Option<Vec<HubMsg>>,
    /// What is wrong with the host as a whole.
    trouble: Option<Failure>,
    /// The socket that `trouble` is about, when it is about one.
    unwatched: Option<PathBuf>,
    last_prompt: u64,
    approvals: Approvals,
    started: Instant,
    /// For work that runs beside the hub.
    own: HubSender,
    stop: CancellationToken,
}

/// The two ends through which a hub is reached.
pub fn channel() -> (HubSender, mpsc::Receiver<HubMsg>) {
    mpsc::channel(ORDERS)
}

impl Hub {
    pub fn new(config: HubConfig, own: HubSender, stop: CancellationToken) -> Self {
        Self {
            tools: config.tools.clone(),
            detector: Detector::new(config.tools.clone()),
            journal: Journal::new(config.run),
            tmux: None,
            servers: Vec::new(),
            sessions: BTreeMap::new(),
            streams: HashMap::new(),
            awaited: Vec::new(),
            reserved: BTreeSet::new(),
            clients: Clients::default(),
            looks: Agenda::default(),
            agenda: Agenda::default(),
            early: Some(Vec::new()),
            trouble: None,
            unwatched: None,
            // An answer that was meant for an earlier run finds no prompt in this one.
            last_prompt: (config.run & RUN_BITS) << 20,
            approvals: Approvals::new(config.approve.clone()),
            started: Instant::now(),
            config,
            own,
            stop,
        }
    }

    /// Runs until `stop` is cancelled. Sessions and tmux servers live on.
    pub async fn run(mut self, mut orders: mpsc::Receiver<HubMsg>) {
        let mut events = self.open_tmux().await;
        let streams = events.as_ref().map(Events::streams);
        let patience = tokio::time::sleep(SURVEY);
        tokio::pin!(patience);
        let mut chunks: Vec<Chunk> = Vec::new();
        loop {
            let look = self.looks.next().map(|at| at + LOOK_SLACK);
            let wake = self.agenda.next().into_iter().chain(look).min();
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(order) = orders.recv() => self.take(order),
                Some(event) = next_event(&mut events) => self.hear(event),
                streams = output(streams.as_ref()) => {
                    streams.take(&mut chunks);
                    for chunk in chunks.drain(..) {
                        self.read(&chunk, streams);
                    }
                }
                () = sleep_until(wake) => {}
                () = &mut patience, if self.early.is_some() => self.open(),
            }
            self.keep_appointments();
        }
        info!("stopping; sessions live on");
        if let Some(tmux) = self.tmux.take() {
            tmux.shutdown().await;
        }
    }

    async fn open_tmux(&mut self) -> Option<Events> {
        let opened = match &self.config.tmux {
            None => Err(no_tmux()),
            Some(config) => Tmux::start(config.clone())
                .await
                .map_err(|error| tmux_failure(&error)),
        };
        match opened {
            Ok((tmux, events)) => {
                self.tmux = Some(tmux);
                Some(events)
            }
            Err(failure) => {
                warn!(message = failure.message, "no sessions without tmux");
                self.trouble = Some(failure);
                self.open();
                None
            }
        }
    }

    fn take(&mut self, order: HubMsg) {
        match order {
            HubMsg::Joined {
                port,
                version,
                resume,
                welcome,
            } => match &mut self.early {
                Some(early) => early.push(HubMsg::Joined {
                    port,
                    version,
                    resume,
                    welcome,
                }),
                None => self.welcome(port, version, resume, welcome),
            },
            HubMsg::Left(client) => self.farewell(client),
            HubMsg::Ordered {
                client,
                id,
                request,
            } => self.carry_out(client, id, request),
            HubMsg::Replied { client, id, reply } => self.clients.reply(client, id, reply),
            HubMsg::SessionStarted {
                client,
                id,
                name,
                result,
            } => self.session_started(client, id, &name, result),
            HubMsg::PaneJoined { session, result } => self.joined(&session, result),
            HubMsg::Approval(approval) => self.approve(approval),
            HubMsg::ToolsLoaded { tools, trouble } => self.load_tools(tools, trouble),
        }
    }

    /// From now on clients are let in.
    fn open(&mut self) {
        for joined in self.early.take().into_iter().flatten() {
            self.take(joined);
        }
    }

    fn hear(&mut self, event: TmuxEvent) {
        match event {
            TmuxEvent::ServerUp { server } => self.server_up(server),
            TmuxEvent::ServerDown { server, reason } => self.server_down(&server, &reason),
            TmuxEvent::Panes { server, panes } => self.see_panes(&server, panes),
            TmuxEvent::Surveyed => self.open(),
            TmuxEvent::Problem {
                socket,
                message,
                hint,
            } => {
                warn!(socket = %socket.display(), message, hint, "a tmux server cannot be watched");
                self.unwatched = Some(socket);
                self.set_trouble(Some(Failure {
                    kind: FailureKind::Failed,
                    message,
                    hint,
                }));
            }
        }
    }

    fn load_tools(&mut self, tools: Tools, trouble: Option<Failure>) {
        self.detector = Detector::new(tools.clone());
        self.tools = tools;
        self.set_trouble(trouble);
        for entry in self.sessions.values_mut() {
            entry.judge_again();
        }
        self.reschedule_all();
    }

    /// A server that could not be watched is there, or is gone for good.
    fn settled(&mut self, server: &ServerRef) {
        if self.unwatched.as_ref() == Some(&server.socket) {
            self.unwatched = None;
            self.set_trouble(None);
        }
    }

    fn set_trouble(&mut self, trouble: Option<Failure>) {
        if self.trouble != trouble {
            self.trouble.clone_from(&trouble);
            self.emit(Event::Troubled(trouble));
        }
    }

    /// Numbers an event, remembers it and tells every client.
    fn emit(&mut self, event: Event) {
        self.clients.tell(self.journal.seq().next(), &event);
        self.journal.record(event);
    }

    fn log(&mut self, session: &SessionId, what: LogKind, detail: impl Into<String>) {
        let name = self
            .sessions
            .get(session)
            .map_or_else(String::new, |entry| entry.session.name.clone());
        let detail = sanitize::label(&detail.into(), LOG_COLS);
        let line = LogLine {
            at: moment().wall,
            session: session.clone(),
            name,
            what,
            detail,
        };
        self.mark(&line);
        self.journal.note(line.clone());
        self.emit(Event::Logged(line));
    }

    /// Tells every client what is now known of a session.
    fn announce(&mut self, id: &SessionId) {
        if let Some(entry) = self.sessions.get(id) {
            let session = Box::new(entry.session.clone());
            self.emit(Event::SessionChanged(session));
        }
    }
}

/// Now, on both clocks. The only clock of the room.
fn moment() -> Moment {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Moment {
        instant: Instant::now(),
        wall: wall.map_or(0, |since| since.as_millis() as UnixMillis),
    }
}

async fn next_event(events: &mut Option<Events>) -> Option<TmuxEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits for output of any pane.
async fn output(streams: Option<&Streams>) -> &Streams {
    match streams {
        Some(streams) => {
            streams.ready().await;
            streams
        }
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn no_tmux() -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: "tmux is not installed on this host".to_owned(),
        hint: "install tmux 3.2 or newer, then stop the agent: cm-agent stop".to_owned(),
    }
}

fn tmux_failure(error: &TmuxError) -> Failure {
    use std::error::Error as _;
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let kind = match error {
        TmuxError::ServerGone { .. } | TmuxError::NoServer { .. } => FailureKind::NotFound,
        TmuxError::Invalid { .. } => FailureKind::Invalid,
        _ => FailureKind::Failed,
    };
    let hint = match error {
        TmuxError::TooOld { .. } | TmuxError::UnknownVersion { .. } => {
            "install tmux 3.2 or newer, then stop the agent: cm-agent stop"
        }
        TmuxError::ServerGone { .. } => "the session is gone; start a new one",
        _ => "",
    };
    Failure {
        kind,
        message,
        hint: hint.to_owned(),
    }
}
