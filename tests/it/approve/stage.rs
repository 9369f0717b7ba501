//! What the tests of approving have in common: a world with the asking tool in it, and clients that say exactly what a test
//! wants.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use cm_tui::domain::{Answer, Mode, Prompt, PromptId, Session, SessionId};
use cm_tui::protocol::{Event, LogLine, Reply, Request, StartSession, ToAgent, ToClient};
use cm_tui::transport::connection::{MessageReader, MessageWriter, greet, read_fact};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::lab::{AGENT, Lab};

/// The tool's profile. Its title says when it asks, so that two sources tell of it.
const PROFILE: &str = r#"
id = "asker"
name = "Asker"
short = "ask"
program = ["asker"]
start = ["{program}", "approve::tool::play", "--exact", "--ignored", "--nocapture", "-q"]
tested = "1.2.3"

[recognise]
commands = ["asker-bin"]

[title]
working = '^working$'
asking = '^asking$'

[hooks]
argument = "{hooks}"
events = ["PermissionRequest"]
races = true

[[dialog]]
name = "command"
kind = "command"
question = '^May I go on\?$'
footer = '^Esc to cancel$'
no = "\u001b"
subject = { start = '^\$ (.+)$' }

[[rule]]
name = "works"
state = "working"
region = "last 2"
all = [{ regex = '^\* Working…$' }]
"#;

/// A world with a daemon that knows the tool.
pub fn stage() -> Lab {
    let lab = Lab::new();
    let bin = lab.path("bin");
    let tools = lab.paths.tools_dir();
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::create_dir_all(&tools).unwrap();
    std::fs::write(tools.join("asker.toml"), PROFILE).unwrap();
    let program = bin.join("asker-bin");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo asker 1.2.9; exit; }}\nexec {} \"$@\" > /dev/null\n",
        program.display()
    );
    std::fs::write(bin.join("asker"), script).unwrap();
    let run = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(bin.join("asker"), run).unwrap();
    start(&lab);
    lab
}

/// Starts the daemon, so that it finds the tool.
pub fn start(lab: &Lab) {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", lab.path("bin").display());
    lab.start_agent_with(|command| command.env("PATH", path));
}

/// A folder of its own for one tool that asks that often.
pub fn scripted(lab: &Lab, name: &str, way: &str, rounds: usize) -> PathBuf {
    let dir = lab.path("work").join(name);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("script"), format!("{way} {rounds}")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("cue"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    dir
}

/// Makes the tool in this folder show something else after so many microseconds.
pub fn cue(dir: &Path, micros: u64) {
    let pipe = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(dir.join("cue"));
    writeln!(pipe.unwrap(), "{micros}").unwrap();
}

/// What the tool got, once it has ended: the command and the answer.
pub fn heard(dir: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(dir.join("heard")).unwrap();
    text.lines()
        .map(|line| {
            let (command, answer) = line.split_once('\t').unwrap();
            (command.to_owned(), answer.to_owned())
        })
        .collect()
}

/// What a client hears.
#[derive(Debug)]
pub enum Told {
    Reply(u64, Reply),
    Session(Box<Session>),
    Line(LogLine),
}

pub struct Operator {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
    last_id: u64,
    /// Told together and not yet heard.
    waiting: Vec<Told>,
}

impl Operator {
    pub async fn of(lab: &Lab) -> Self {
        let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
        let (_, reader, writer) = greet(stream.into_split(), "operator", None).await.unwrap();
        Self {
            reader,
            writer,
            last_id: 0,
            waiting: Vec::new(),
        }
    }

    pub async fn send(&mut self, request: Request) -> u64 {
        self.try_send(request).await.expect("the agent is there")
    }

    /// `None` when the agent is gone.
    pub async fn try_send(&mut self, request: Request) -> Option<u64> {
        self.last_id += 1;
        let id = self.last_id;
        self.writer.send(&ToAgent { id, request }).await.ok()?;
        Some(id)
    }

    pub async fn hear(&mut self) -> Told {
        self.try_hear().await.expect("the agent hung up")
    }

    /// `None` when the agent is gone.
    pub async fn try_hear(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.waiting.pop() {
                return Some(told);
            }
            let body = self.reader.next().await.ok()??;
            match read_fact(&body).expect("a fact") {
                ToClient::Reply { id, reply } => return Some(Told::Reply(id, reply)),
                ToClient::Event { event, .. } => match event {
                    Event::SessionChanged(session) => return Some(Told::Session(session)),
                    Event::Logged(line) => return Some(Told::Line(line)),
                    Event::Snapshot { sessions, log, .. } => {
                        let sessions = sessions.into_iter().map(|one| Told::Session(Box::new(one)));
                        self.waiting
                            .extend(sessions.chain(log.into_iter().map(Told::Line)));
                        self.waiting.reverse();
                    }
                    Event::SessionRemoved(_) | Event::Troubled(_) => {}
                },
                ToClient::Screen(_) => {}
            }
        }
    }

    /// The answer to one request; what is told meanwhile is not heard.
    pub async fn ask(&mut self, request: Request) -> Reply {
        let wanted = self.send(request).await;
        loop {
            if let Told::Reply(id, reply) = self.hear().await
                && id == wanted
            {
                return reply;
            }
        }
    }

    pub async fn start(&mut self, dir: &Path) -> SessionId {
        let start = StartSession {
            tool: "asker".into(),
            dir: dir.to_str().unwrap().into(),
            task: None,
            name: None,
        };
        match self.ask(Request::Start(start)).await {
            Reply::Started(id) => id,
            other => panic!("not started: {other:?}"),
        }
    }

    /// The session, once it is like that. Asked for first, as it may be already.
    pub async fn session(&mut self, id: &SessionId, is: impl Fn(&Session) -> bool) -> Session {
        let listed = self.send(Request::List).await;
        loop {
            let found = match self.hear().await {
                Told::Session(session) => Some(*session),
                Told::Reply(reply, Reply::Sessions(sessions)) if reply == listed => {
                    sessions.into_iter().find(|session| session.id == *id)
                }
                _ => None,
            };
            if let Some(session) = found.filter(|session| session.id == *id && is(session)) {
                return session;
            }
        }
    }

    /// The open prompt, once it can be answered through the hook or by key.
    pub async fn prompt(&mut self, id: &SessionId, subject: &str) -> Prompt {
        let is = |session: &Session| {
            let prompt = session.prompt.as_ref();
            prompt.is_some_and(|prompt| prompt.subject == subject && !prompt.choices.is_empty())
        };
        self.session(id, is).await.prompt.unwrap()
    }

    pub async fn set(&mut self, session: &SessionId, mode: Mode) -> Reply {
        let request = Request::SetMode {
            session: session.clone(),
            mode,
            screen: false,
            dry_run: false,
            hours: None,
        };
        self.ask(request).await
    }
}

pub fn answer(session: &SessionId, prompt: PromptId, answer: Answer) -> Request {
    Request::AnswerPrompt {
        session: session.clone(),
        prompt,
        answer,
        message: String::new(),
    }
}

/// How often something is tried: as the variable says, else so often that the suite stays short.
pub fn count(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |text| text.parse().unwrap())
}

/// The whole record of the world, held against its own chain.
pub fn record(lab: &Lab) -> String {
    let verified = lab
        .command(env!("CARGO_BIN_EXE_cm-tui"))
        .args(["audit", "verify"])
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}{}",
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr)
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(lab.paths.audit_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect()
}

pub fn agent(lab: &Lab) -> std::process::Command {
    lab.command(AGENT)
}
