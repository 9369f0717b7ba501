//! The system's `ssh` as a child: the second way to a host, for logins that only it can do.
//!
//! It looks like [`ssh`](super::ssh), but every command is an `ssh` of its own (the user's settings may let them share a
//! connection). It runs in batch mode: a question of its own would be written over the dashboard, so what needs a human
//! has to be done once by hand. Promise: a child is killed and buried when nobody uses it any more, and never takes keys
//! or signals from our terminal.

mod child;
mod jumps;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::child::Watched;
use super::ssh::resolve::{Dump, HostFields, Resolver, quoted};
use super::ssh::settings::{Route, Settings};
use super::ssh::{SshError, SshErrorKind};

/// A host that is reached by the system's `ssh`. The last clone dropped kills what runs there through us.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    program: PathBuf,
    /// Everything but the command.
    arguments: Vec<String>,
    cut: CancellationToken,
    _cut_when_unused: DropGuard,
    /// Why `ssh` itself failed, the first time that it did.
    failed: watch::Sender<Option<SshError>>,
}

impl Connection {
    /// Reads the host's settings. Nothing is connected before the first command.
    ///
    /// # Errors
    /// When no `ssh` is installed or it refuses the settings.
    pub async fn open(fields: &HostFields) -> Result<Self, SshError> {
        Self::open_with(&Resolver::default(), fields).await
    }

    async fn open_with(resolver: &Resolver, fields: &HostFields) -> Result<Self, SshError> {
        let settings = resolver.resolve(fields).await?;
        let dump = resolver.dump(fields).await?;
        let dump = dump.ok_or_else(|| no_program("it is not there"))?;
        let cut = CancellationToken::new();
        Ok(Self(Arc::new(Inner {
            name: fields.name.clone(),
            program: resolver.program.clone(),
            arguments: arguments(&resolver.program, fields, &settings, &dump),
            _cut_when_unused: cut.clone().drop_guard(),
            cut,
            failed: watch::Sender::new(None),
        })))
    }

    /// Runs a command. It is a constant: data travels on its input, never in a shell string. Whether the host was reached
    /// shows at its end: see [`Connection::ended`] and [`Ended::failure`].
    ///
    /// # Errors
    /// When `ssh` cannot be started, or the connection was cut.
    #[expect(
        clippy::unused_async,
        reason = "called like the exec of the other way, which waits for the host"
    )]
    pub async fn exec(&self, command: &'static str) -> Result<Exec, SshError> {
        let inner = &self.0;
        if inner.cut.is_cancelled() {
            return Err(self.closed());
        }
        let mut child = Command::new(&inner.program)
            .args(&inner.arguments)
            .arg(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| no_program(&error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(no_program("it has no pipes"));
        };
        let unused = CancellationToken::new();
        let in_use = Arc::new(unused.clone().drop_guard());
        let (sender, ended) = oneshot::channel();
        let watched = Watched {
            name: inner.name.clone(),
            child,
            cut: inner.cut.clone(),
            unused,
            failed: inner.failed.clone(),
            ended: sender,
        };
        // It ends with the child, or kills it as soon as nobody uses it.
        let _task = tokio::spawn(watched.run(stderr));
        Ok(Exec {
            stdin: Input(Some(stdin)),
            stdout: Output {
                stdout,
                _in_use: Arc::clone(&in_use),
            },
            end: ExecEnd {
                ended,
                _in_use: in_use,
            },
        })
    }

    /// Waits until `ssh` could not reach the host or lost it, or the connection was cut, and says why.
    pub async fn ended(&self) -> SshError {
        let mut failed = self.0.failed.subscribe();
        tokio::select! {
            biased;
            failed = failed.wait_for(Option::is_some) => {
                failed.ok().and_then(|error| error.clone()).unwrap_or_else(|| self.closed())
            }
            () = self.0.cut.cancelled() => self.closed(),
        }
    }

    /// Kills what runs, at once. Nothing can be started afterwards.
    pub fn cut(&self) {
        self.0.cut.cancel();
    }

    fn closed(&self) -> SshError {
        let message = format!("the connection to “{}” was closed", self.0.name);
        SshError::new(SshErrorKind::Lost, message, "")
    }
}

fn no_program(why: &str) -> SshError {
    SshError::new(
        SshErrorKind::Settings,
        format!("cannot run ssh: {why}"),
        "install the OpenSSH client, or set transport = \"ssh\"",
    )
}

/// What makes an `ssh` a plain stream: no questions, no terminal, nothing forwarded, whatever the user's settings say.
fn arguments(program: &Path, fields: &HostFields, settings: &Settings, dump: &Dump) -> Vec<String> {
    let mut arguments: Vec<String> = ["-T"].map(str::to_owned).to_vec();
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    for fixed in [
        "ClearAllForwardings=yes",
        "RemoteCommand=none",
        "EscapeChar=none",
    ] {
        option(fixed.to_owned());
    }
    for each in jumps::options(settings) {
        option(each);
    }
    if let Route::Jump(way) = &settings.route
        && let Some(command) = jumps::command(program, fields, way)
    {
        // Its name may hold the jump hosts: it stays what it is by hand.
        if let Some(path) = dump.one("controlpath").filter(|path| *path != "none") {
            let path = path.replace('%', "%%");
            option(format!("ControlPath={}", quoted(&path)));
        }
        option(format!("ProxyCommand={command}"));
    }
    // Older versions do not know these, and then the user has not set them either.
    for (keyword, needed) in [
        ("SessionType", "default"),
        ("StdinNull", "no"),
        ("ForkAfterAuthentication", "no"),
    ] {
        if dump
            .one(&keyword.to_ascii_lowercase())
            .is_some_and(|value| value != needed)
        {
            option(format!("{keyword}={needed}"));
        }
    }
    arguments.extend(fields.arguments());
    arguments
}

/// A command that runs on the host. Dropping output and end kills its `ssh`.
#[derive(Debug)]
pub struct Exec {
    pub stdin: Input,
    pub stdout: Output,
    pub end: ExecEnd,
}

/// Bytes to the command. Shutting it down, or dropping it, is the end of its input.
#[derive(Debug)]
pub struct Input(Option<ChildStdin>);

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Some(stdin) => Pin::new(stdin).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe has no other way to say that nothing more comes.
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}

/// Bytes from the command. It ends with the command or with the connection: [`ExecEnd`] says which.
#[derive(Debug)]
pub struct Output {
    stdout: ChildStdout,
    _in_use: Arc<DropGuard>,
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buffer)
    }
}

/// How a command ended, once it has.
#[derive(Debug)]
pub struct ExecEnd {
    ended: oneshot::Receiver<Ended>,
    _in_use: Arc<DropGuard>,
}

impl ExecEnd {
    /// Waits until the command's `ssh` has ended.
    pub async fn wait(self) -> Ended {
        self.ended.await.unwrap_or_default()
    }
}

/// Neither status nor signal: it was killed because the connection was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub status: Option<u32>,
    /// The number of the signal that ended `ssh` itself; one that ended the command is a status for `ssh`.
    pub signal: Option<String>,
    /// The last 8 KiB of the error output, of the command and of `ssh`: clean it before it is shown.
    pub stderr: String,
}

impl Ended {
    /// Why `ssh` could not reach or lost the host; none when the command came to its own end. A signal that ended `ssh` is
    /// a failure too.
    pub fn failure(&self, name: &str) -> Option<SshError> {
        let is_own = self.status == Some(words::OWN_FAILURE) || self.signal.is_some();
        is_own.then(|| words::failure(name, &self.stderr))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(0), None, false)]
    #[case(Some(1), None, false)]
    #[case(Some(255), None, true)]
    #[case(None, Some("13"), true)]
    #[case(None, None, false)]
    fn only_an_end_of_ssh_itself_is_a_failure(
        #[case] status: Option<u32>,
        #[case] signal: Option<&str>,
        #[case] expected: bool,
    ) {
        let ended = Ended {
            status,
            signal: signal.map(str::to_owned),
            stderr: String::new(),
        };
        assert_eq!(ended.failure("gpu").is_some(), expected);
    }
}
