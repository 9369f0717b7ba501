//! Every message that crosses the wire, on one page.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Answer, DecisionFilter, Explanation, HookDecision, HookEvent, Mode, PromptId, RecordSeq,
    Recorded, Seq, Session, SessionId, UnixMillis,
};

/// The first message of a client. Everything else is refused before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Always [`super::MAGIC`]; whatever else speaks first is not a client.
    pub magic: String,
    /// The oldest and newest protocol version the client speaks.
    pub oldest: u16,
    pub newest: u16,
    /// Program and version, for the log.
    pub client: String,
    /// Where the client's knowledge of an earlier connection ends, if it has any.
    pub resume: Option<Resume>,
}

/// A place in one agent run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The agent run, as told by [`Welcome::run`].
    pub run: u64,
    /// The last event that was applied.
    pub seq: Seq,
}

/// The agent's answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    Welcome(Welcome),
    /// The agent cannot serve this client; the connection ends.
    Refused(Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version that both now speak.
    pub version: u16,
    /// Program and version of the agent.
    pub agent: String,
    /// A random number of this agent run; sequence numbers count within it.
    pub run: u64,
    /// The host's own name, cleaned.
    pub host: String,
    /// The agent's clock now, so that ages can be shown right.
    pub now: UnixMillis,
    /// The home folder on the host, for short paths.
    pub home: String,
    /// True when the events after [`Resume::seq`] follow; false when a [`Event::Snapshot`] does.
    pub resumed: bool,
}

/// What a client asks. The agent answers each exactly once, by the id it came with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Answered with [`Reply::Done`].
    Ping,
    /// Answered with [`Reply::Sessions`].
    List,
    /// Which tools can be started here. Answered with [`Reply::Tools`].
    Tools,
    /// Answered with [`Reply::Started`].
    Start(StartSession),
    /// Makes a git worktree beside the repository that a folder is in. Answered with [`Reply::Folder`].
    MakeWorktree {
        dir: String,
        /// What tells it from others: part of the folder's and the branch's name.
        name: String,
    },
    /// Ends the session's program and removes the session.
    Kill {
        session: SessionId,
    },
    Rename {
        session: SessionId,
        name: String,
    },
    /// Types bytes as they are, up to [`super::MAX_KEYS`].
    SendKeys {
        session: SessionId,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// Pastes text as one block (bracketed where the program asked for that).
    Paste {
        session: SessionId,
        text: String,
    },
    /// Answers the prompt that was displayed. A prompt that is gone or changed is not answered.
    AnswerPrompt {
        session: SessionId,
        prompt: PromptId,
        answer: Answer,
        /// What the tool is told with a no, where it takes words; may be empty.
        #[serde(default)]
        message: String,
    },
    /// Who answers the session's permissions from now on when no person does.
    SetMode {
        session: SessionId,
        mode: Mode,
        /// Whether evidence of the screen is enough, for tools without hooks.
        screen: bool,
        /// Only record what would have been answered.
        dry_run: bool,
        /// When it ends by itself; absent for the host's default.
        hours: Option<u32>,
    },
    /// The rule that would allow exactly what this prompt asks. Answered with [`Reply::Rule`].
    SuggestRule {
        session: SessionId,
        prompt: PromptId,
    },
    /// Adds a rule, as text, to the host's policy; refused when the policy would not load with it.
    AddRule {
        text: String,
    },
    /// From now on the session's screen is sent: a keyframe, then updates.
    Watch {
        session: SessionId,
    },
    Unwatch {
        session: SessionId,
    },
    /// Lines that scrolled off. Answered with [`Reply::History`].
    History {
        session: SessionId,
        page: HistoryPage,
    },
    /// How the session's state came about. Answered with [`Reply::Explanation`].
    Explain {
        session: SessionId,
    },
    /// Which sessions something is kept of, also of those that have ended. Answered with [`Reply::KeptLogs`].
    KeptLogs,
    /// Lines that a session printed. Answered with [`Reply::Logs`].
    Logs(LogsWanted),
    /// A piece of a session's recording. Answered with [`Reply::Recording`].
    Recording {
        /// Its id, or the key of its log.
        session: SessionId,
        from: RecordingCursor,
    },
    /// A tool's own hook says what the tool is doing. Answered with [`Reply::Done`] when a session was found for it.
    Hook(HookEvent),
    /// A tool's own hook asks whether the tool may, and waits. Answered with [`Reply::Decision`], which may take as long as
    /// a person does. A [`Request::Ping`] of the same number afterwards says that the tool has the answer.
    Decide(HookEvent),
    /// What was decided on this host, the newest first. Answered with [`Reply::Decisions`].
    Decisions {
        filter: DecisionFilter,
        /// Only what is older than this.
        before: Option<RecordSeq>,
        /// At most so many; an answer never has more than fit a message.
        limit: u32,
    },
    /// Answered with [`Reply::Status`].
    Status,
    /// The agent ends; sessions live on.
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartSession {
    /// A profile's id.
    pub tool: String,
    /// An existing folder; `~` is the host's home.
    pub dir: String,
    pub task: Option<String>,
    /// Wanted name; made from tool and folder when absent, numbered when taken.
    pub name: Option<String>,
}

/// Which lines of the history are wanted, counted upward from the top of the visible screen: `skip` 0 is the line
/// that scrolled off last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    pub skip: u32,
    /// At most [`super::MAX_HISTORY_LINES`].
    pub lines: u32,
}

/// Which lines of a log are wanted. A client that reads on asks from [`LogPage::next`]: it has every line once, whatever
/// became of its connection in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsWanted {
    /// The session's id, or the key of its log.
    pub session: SessionId,
    pub from: LogCursor,
    /// When there is nothing more yet: the answer waits for it, up to [`super::FOLLOW`].
    pub follow: bool,
    /// Only lines that are not older.
    pub since: Option<UnixMillis>,
    /// Only lines in which this regular expression is found.
    pub grep: Option<String>,
}

/// A place among the lines of a log, which are numbered from 1 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogCursor {
    /// This line, or the first one that is still kept.
    Line(u64),
    /// So many lines before the end.
    Last(u64),
}

/// A place in a recording; both are 0 at its beginning, and only the agent knows what else they mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingCursor {
    pub segment: u64,
    pub offset: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Done,
    Sessions(Vec<Session>),
    Tools(Vec<Tool>),
    Started(SessionId),
    /// An absolute path on the host.
    Folder(String),
    /// Oldest first. Each line is text with SGR sequences only.
    History(Vec<String>),
    Explanation(Box<Explanation>),
    /// The last written first.
    KeptLogs(Vec<KeptLog>),
    Logs(LogPage),
    Recording(RecordingPage),
    /// A rule as it would stand in the policy; absent where none is safe.
    Rule(Option<String>),
    /// What the hook answers its tool; absent to leave it to the tool's own dialog.
    Decision(Option<HookDecision>),
    Decisions(DecisionPage),
    Status(Status),
    Failed(Failure),
}

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLog {
    /// Names this log among all; ids of sessions may come again.
    pub key: String,
    pub session: SessionId,
    pub name: String,
    pub tool: String,
    pub dir: String,
    pub created: UnixMillis,
    pub written: UnixMillis,
    pub bytes: u64,
}

/// Lines of a log, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    pub lines: Vec<KeptLine>,
    /// The number to go on from.
    pub next: u64,
    /// Whether there is nothing more for now.
    pub is_end: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLine {
    pub number: u64,
    pub at: UnixMillis,
    /// Not printed: what the agent has to say, such as a new state.
    pub is_note: bool,
    /// Foreign text.
    pub text: String,
}

/// Whole lines of an asciicast. All pieces one after the other are one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingPage {
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    pub next: RecordingCursor,
    /// Whether there is nothing more for now.
    pub is_end: bool,
}

/// Some decisions of one host, the newest first. A text that is too long for a message is cut and ends with `…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionPage {
    pub records: Vec<Recorded>,
    /// Where the next page begins, as `before`; `None` when nothing older fits.
    pub more: Option<RecordSeq>,
}

/// A tool that has a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The profile's id.
    pub id: String,
    /// For people, for example `Claude Code`.
    pub name: String,
    /// A few letters for narrow columns, for example `claude`.
    pub short: String,
    /// Where its program was found, or `None` when it is not installed.
    pub program: Option<String>,
    /// Whether it can be given a task at the start.
    pub takes_task: bool,
    /// Whether its rules were never held against any version of it.
    #[serde(default)]
    pub is_untested: bool,
    /// The command line it is started with; `{task}` stands for the task.
    pub command: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub pid: i32,
    pub agent: String,
    pub uptime_seconds: u64,
    /// `tmux -V`, or why there is none.
    pub tmux: String,
    pub servers: Vec<String>,
    pub sessions: u32,
    pub clients: u32,
}

/// Why something was not done, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// What failed, with its name, and why. One line.
    pub message: String,
    /// What to do about it. One line, may be empty.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The other side does not know this request or version.
    Unsupported,
    /// A limit or rule of the protocol was broken.
    Invalid,
    NotFound,
    /// It would be possible at another time: a prompt that changed, a pane in copy mode.
    Refused,
    /// tmux or the system said no.
    Failed,
}

/// A fact from the agent. Numbered without gaps; never dropped: a client that cannot keep up is disconnected and
/// comes back for what it missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Everything at once: replaces what the client knew. `log` holds recent lines, oldest first.
    Snapshot {
        sessions: Vec<Session>,
        log: Vec<LogLine>,
        trouble: Option<Failure>,
    },
    /// A new session, or new facts about a known one.
    SessionChanged(Box<Session>),
    /// Gone from tmux, or removed.
    SessionRemoved(SessionId),
    /// Something worth a line in the event log happened.
    Logged(LogLine),
    /// Something is wrong with the host as a whole (tmux missing or too old, profiles broken); `None` clears it.
    Troubled(Option<Failure>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: UnixMillis,
    pub session: SessionId,
    /// The session's name at that time.
    pub name: String,
    pub what: LogKind,
    /// The subject, the answer, the exit code: what the word alone does not say. Cleaned.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    Found,
    Started,
    Working,
    Waiting,
    Answered,
    AutoConfirmed,
    Withdrawn,
    Idle,
    Finished,
    Failed,
    Exited,
    Killed,
    Lost,
    Renamed,
    /// Another mode, or one that has ended.
    Switched,
    /// Something was not allowed to give orders.
    Refused,
}

/// A piece of a watched screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenUpdate {
    pub session: SessionId,
    /// Counts up by one with each update of a session; an update applies only to the version before it.
    pub version: u64,
    /// Present on a keyframe: start from a blank screen of this size (columns, rows).
    pub keyframe: Option<(u16, u16)>,
    /// Drawing sequences for a terminal emulator.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// What a client sends after its hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToAgent {
    /// Chosen by the client, repeated in the answer.
    pub id: u64,
    pub request: Request,
}

/// What the agent sends after its greeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToClient {
    Reply { id: u64, reply: Reply },
    Event { seq: Seq, event: Event },
    Screen(ScreenUpdate),
}
