//! A session of another host on a terminal of its own there, for a person who attaches to it.
//!
//! The command that runs on the host is a constant; what it attaches to travels as lines on its terminal, so there is
//! nothing to quote. Promise: what login shells print before is thrown away, and a host without tmux, or a session
//! that is gone, is one clear line.

use std::ffi::OsStr;
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::front::Fleet;
use super::notice::{HostNotice, Notice};
use super::remote::RemoteConfig;
use super::road::Road;
use crate::config::SshTransport;
use crate::domain::{HostId, Session};
use crate::term::{Passing, Size, sanitize};
use crate::transport::asking::Asker;
use crate::transport::ssh::resolve::resolve;
use crate::transport::ssh::settings::Settings;
use crate::transport::ssh::{Connection, Pty, SshError, SshErrorKind};

/// Runs on the host in a terminal. For any login shell: one line, a POSIX script in single quotes, with neither `!` nor
/// a backslash that a shell might read before.
///
/// It prints a mark, reads four lines (socket, pane, the server's own pid and start, session), and prints how it goes on.
/// The last mark waits for an empty line, because tmux begins with throwing away what its terminal has not handed on
/// yet. The marks are put together when printed, so that a shell which shows its commands does not show a mark. Without the
/// terminal's line editing a path may hold any byte but a line break. tmux is also looked for where a login shell would
/// have found it.
pub const COMMAND: &str = concat!(
    "exec sh -c '",
    "stty raw -echo 2>/dev/null; ",
    "m() { printf \"%s:%s;\" cm-attach \"$1\"; }; ",
    "m ready; ",
    "IFS= read -r s && IFS= read -r p && IFS= read -r i && IFS= read -r t || exit 9; ",
    "unset TMUX TMUX_PANE; ",
    "PATH=$PATH:$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin; ",
    "command -v tmux >/dev/null 2>&1 || { m no-tmux; exit 8; }; ",
    "n=$(tmux -S \"$s\" display-message -p -t \"$p\" \"#{pid} #{start_time}\" 2>/dev/null); ",
    "[ \"$n\" = \"$i\" ] || { m gone; exit 7; }; ",
    "stty sane -echo 2>/dev/null; ",
    "m go; IFS= read -r a || exit 9; ",
    "exec tmux -u -S \"$s\" select-window -t \"$p\" \";\" select-pane -t \"$p\" \";\" attach-session -t \"$t\"",
    "'"
);

const MARK: &[u8] = b"cm-attach:";
/// The longest word of a mark with its end.
const WORD: usize = 16;
/// What a login shell may print before it is taken for a program that will never come to an end.
const PREAMBLE: usize = 1 << 20;
/// How long the host may take to start a shell, run its rc files and find tmux: they are slow on some machines, and a
/// person sits waiting and can give up earlier.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a program that has stopped talking may take to say how it ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How the far end's terminal is told about ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// It has this size now.
    Size(Size),
    /// It has this size still, and everything has to be drawn again. Told as a change of the size in pixels, which
    /// makes tmux draw all of it and moves nothing; a change in cells would reflow other people's windows.
    Redraw(Size),
}

/// How a far program ended.
#[derive(Clone, Debug)]
pub enum End {
    Status(u32),
    /// Its name without `SIG`.
    Signal(String),
    /// The connection is gone.
    Lost(SshError),
}

pub type Ending = Pin<Box<dyn Future<Output = End> + Send>>;

/// A program on a terminal of another host. Dropping it closes the terminal there.
pub struct Far {
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    pub end: Ending,
    pub window: Box<dyn Fn(Window) + Send>,
}

/// The tmux pane to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub socket: PathBuf,
    pub server_pid: i32,
    /// In seconds since 1970, as the host's clock has it.
    pub server_started: i64,
    /// The number behind `%`.
    pub pane: u32,
    /// The number behind `$`.
    pub tmux_session: u32,
}

impl Place {
    pub fn of(session: &Session) -> Self {
        Self {
            socket: session.pane.socket.clone(),
            server_pid: session.pane.server_pid,
            server_started: session.pane.server_started,
            pane: session.pane.pane,
            tmux_session: session.tmux_session,
        }
    }

    /// What [`COMMAND`] reads; `None` for a path that is no line.
    fn lines(&self) -> Option<Vec<u8>> {
        let socket: &OsStr = self.socket.as_os_str();
        let is_line = !socket.is_empty() && !socket.as_bytes().contains(&b'\n');
        is_line.then(|| {
            let rest = format!(
                "\n%{}\n{} {}\n${}\n",
                self.pane, self.server_pid, self.server_started, self.tmux_session
            );
            [socket.as_bytes(), rest.as_bytes()].concat()
        })
    }
}

/// What an attach has in hand.
pub struct Attachment {
    pub far: Far,
    /// How much the host may say to the terminal.
    pub passing: Passing,
    /// The size that the host was told.
    pub size: Size,
}

/// An attach that is on its way. Dropping it gives up and leaves nothing behind.
pub type Opening = Pin<Box<dyn Future<Output = Result<Attachment, SshError>> + Send>>;

impl Fleet {
    /// Opens a terminal on a host of the fleet that shows `place`. What has to be asked on the way goes where the host's
    /// own questions go.
    pub fn attach(&self, host: &HostId, place: Place, size: Size) -> Opening {
        let way = self.way(host);
        let host = host.clone();
        Box::pin(async move {
            let Some((Road::Remote(remote), notices)) = way else {
                return Err(no_terminal(&host, ""));
            };
            let RemoteConfig {
                fields,
                transport,
                passing,
                ..
            } = remote.config();
            if *transport == SshTransport::OpenSsh {
                let by_hand = format!("attach by hand: ssh -t {} tmux attach", fields.name);
                return Err(no_terminal(&host, &by_hand));
            }
            let (asker, mut questions) = Asker::new();
            let opening = async {
                let settings = resolve(fields).await?;
                // As ssh hands it on; a host that does not know it is told so by tmux.
                let term = std::env::var("TERM").unwrap_or_else(|_| "xterm-256color".to_owned());
                open(&settings, &asker, &term, size, &place).await
            };
            tokio::pin!(opening);
            let far = loop {
                tokio::select! {
                    far = &mut opening => break far?,
                    Some(question) = questions.recv() => {
                        let notice = Notice::Asked(question);
                        // Without a dashboard nobody answers, which is a "no".
                        let _unheard = notices.send(HostNotice { host: host.clone(), notice }).await;
                    }
                }
            };
            Ok(Attachment {
                far,
                passing: *passing,
                size,
            })
        })
    }
}

fn no_terminal(host: &HostId, hint: &str) -> SshError {
    let why = format!("{host} is not reached by SSH of ours: there is no terminal to open on it");
    SshError::new(SshErrorKind::Settings, why, hint)
}

/// Opens a connection of its own to a host, which asks what the first one asked, and shows the pane on a terminal there.
/// `term` is the kind of terminal that the person has. Safe to cancel: nothing is left behind.
///
/// # Errors
/// When the host cannot be reached, or does not show the session; in a line that names it.
pub async fn open(
    settings: &Settings,
    asker: &Asker,
    term: &str,
    size: Size,
    place: &Place,
) -> Result<Far, SshError> {
    let connection = Connection::open(settings, asker).await?;
    let pty = connection.pty(COMMAND, term, size).await?;
    let far = show(over(connection.clone(), pty), &settings.name, place);
    tokio::select! {
        biased;
        far = far => far,
        why = connection.ended() => Err(why),
    }
}

/// A terminal over a connection that lives as long as it does.
fn over(connection: Connection, pty: Pty) -> Far {
    let Pty {
        input,
        output,
        end,
        window: size,
    } = pty;
    Far {
        input: Box::new(input),
        output: Box::new(output),
        end: Box::pin(async move {
            let ended = end.wait().await;
            match (ended.status, ended.signal) {
                (Some(status), _) => End::Status(status),
                (None, Some(signal)) => End::Signal(signal),
                // The connection took it along, and is about to say why; or the host says nothing at all.
                (None, None) => match timeout(LAST_WORDS, connection.ended()).await {
                    Ok(why) => End::Lost(why),
                    Err(_silent) => End::Status(0),
                },
            }
        }),
        window: Box::new(move |window| match window {
            Window::Size(to) => size.resize(to),
            Window::Redraw(to) => {
                size.resize(to);
                size.redraw();
            }
        }),
    }
}

/// Tells [`COMMAND`], which has just been started on `host`, what to attach to. Afterwards the output is tmux's alone.
///
/// # Errors
/// When it does not come to that, in a line that names the host.
pub async fn show(mut far: Far, host: &str, place: &Place) -> Result<Far, SshError> {
    let refused = |message: String, hint: &str| SshError::new(SshErrorKind::Refused, message, hint);
    let Some(lines) = place.lines() else {
        return Err(refused(
            format!("the tmux socket on {host} has a name that cannot be sent"),
            "",
        ));
    };
    let talk = async {
        let mut said = Vec::new();
        let mut word = next_word(&mut far, &mut said).await;
        if word.as_deref() == Some("ready") {
            if far.input.write_all(&lines).await.is_ok() {
                let _flushed = far.input.flush().await;
            }
            word = next_word(&mut far, &mut said).await;
        }
        (word, said)
    };
    let Ok((word, said)) = timeout(PATIENCE, talk).await else {
        return Err(refused(
            format!("{host} does not start tmux: its shell is busy with something else"),
            "does `ssh -t` to it show a question or a menu at login?",
        ));
    };
    match word.as_deref() {
        Some("go") => {
            // When it does not read any more, its output and its end say why.
            let _unread = far.input.write_all(b"\n").await;
            let _unread = far.input.flush().await;
            far.output = Box::new(Cursor::new(said).chain(far.output));
            Ok(far)
        }
        Some("no-tmux") => Err(refused(
            format!("there is no tmux on {host}"),
            "install it there, or put it on the PATH of the login shell",
        )),
        Some("gone") => Err(refused(format!("the session on {host} is gone"), "")),
        _ => Err(match ended(far.end).await {
            Some(End::Lost(error)) => error,
            _ => refused(
                format!(
                    "the login on {host} ended before tmux was started: {}",
                    last_line(&said)
                ),
                "",
            ),
        }),
    }
}

/// Why there was no mark: the end, if it is known soon.
async fn ended(end: Ending) -> Option<End> {
    // The output ended, so the rest is on its way; a host that keeps it back is none to wait for.
    timeout(LAST_WORDS, end).await.ok()
}

/// Reads up to and with the next mark, and leaves what came after it in `said`. `None` when the output ends first, or
/// goes on without one.
async fn next_word(far: &mut Far, said: &mut Vec<u8>) -> Option<String> {
    let mut bytes = vec![0; 4 << 10];
    let mut passed = 0;
    loop {
        if let Some((word, end)) = word_in(said) {
            said.drain(..end);
            return Some(word);
        }
        // The last line is kept for the complaint; a mark may have begun in it.
        let spare = said.len().saturating_sub(1 << 10);
        said.drain(..spare);
        let count = far.output.read(&mut bytes).await.ok()?;
        passed += count;
        if count == 0 || passed > PREAMBLE {
            return None;
        }
        said.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }
}

/// The first word that is marked, and where its mark ends.
fn word_in(said: &[u8]) -> Option<(String, usize)> {
    let mut from = 0;
    loop {
        let rest = said.get(from..)?;
        let at = rest.windows(MARK.len()).position(|part| part == MARK)?;
        let start = from + at + MARK.len();
        let word = said.get(start..)?;
        let end = word.iter().take(WORD).position(|byte| *byte == b';');
        if let Some(end) = end {
            let text = String::from_utf8_lossy(word.get(..end)?).into_owned();
            return Some((text, start + end + 1));
        }
        if word.len() < WORD {
            return None;
        }
        from = start;
    }
}

/// The last line that says something, cleaned.
pub fn last_line(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(
        || "it said nothing".to_owned(),
        |line| sanitize::label(line, 120),
    )
}
