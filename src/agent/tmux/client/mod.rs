//! One control client: a connection to one run of one tmux server, for commands and notices.
//!
//! The client is bound to the server process it connected to. That is what makes pane ids safe: an order for a pane of
//! another run is refused before it is written. It always reads, and keeps few commands in flight, because tmux
//! buffers replies without limit.

mod serving;

use std::{collections::VecDeque, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout},
    sync::oneshot,
    time::{Instant, timeout},
};

pub use self::serving::{End, Known};

use super::{
    command::CommandList,
    context::Context,
    error::TmuxError,
    facts::ServerRef,
    managed, panes,
    parse::{Item, Parser, Reply, Shape},
    version::Version,
};

/// How long tmux may take for anything before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);

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
