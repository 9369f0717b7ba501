//! `cm-agent run -- TOOL …`: a tool on a terminal of its own inside a pane, so that it reports its status.
//!
//! Some tools write OSC 7501 status reports only to a terminal that says it reads them, which tmux does not. This proxy
//! says so in its place and is otherwise not there: bytes, sizes, signals, ends and stops pass as without it. It holds
//! no state of the screen. Where there is no terminal it makes room for the tool and is gone.
//!
//! What tmux shows of a pane it reads off the pane's foreground process, which is now this one. It therefore calls
//! itself what the tool is called. Programs that the tool puts in the foreground of its own terminal in a process group
//! of their own (a shell with job control does that, no known tool does) are not seen by their names; whoever has to know
//! finds them by the terminal's foreground group of our child (`tpgid` in proc(5)).
//!
//! | file | idea |
//! | --- | --- |
//! | `relay.rs` | bytes, sizes and signals, until the tool ends |
//! | `query.rs` | the question in the tool's output |
//! | `signals.rs` | signals as something to wait for |

mod query;
mod relay;
mod signals;

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit, WaitStatus, ioctl_tiocsctty};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use self::relay::Relay;
use self::signals::Signals;

/// Why a tool does not run behind the proxy.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("no tool to run was named")]
    Nothing,
    #[error("cannot run {}", tool.display())]
    Tool {
        tool: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot give {} a terminal of its own", tool.display())]
    Terminal {
        tool: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl RunError {
    /// As shells say it: 127 for a program that is not there, 126 for one that cannot be run.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Tool { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            _ => 126,
        }
    }
}

/// Runs a tool (its program first, then its arguments) to its end and ends as it did: with its exit code, or by the signal
/// that killed it, in which case this does not return.
///
/// # Errors
/// [`RunError`]; once the tool runs, only when its terminal cannot be waited for.
pub fn run(command: &[OsString]) -> Result<ExitCode, RunError> {
    let tool = command.first().ok_or(RunError::Nothing)?;
    let name = Path::new(tool).file_name().unwrap_or(tool);
    take_name(name, command);
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(exec(command));
    }
    let proxied = proxy(command).map_err(|source| RunError::Terminal {
        tool: tool.into(),
        source,
    });
    proxied.map(end_as)
}

/// What the process that [`run`] starts does: it takes its standard input as its controlling terminal and becomes the
/// tool. Returns only when it cannot.
pub fn become_tool(command: &[OsString]) -> RunError {
    let Some(tool) = command.first() else {
        return RunError::Nothing;
    };
    let taken = rustix::process::setsid().and_then(|_| ioctl_tiocsctty(io::stdin()));
    match taken {
        Ok(()) => exec(command),
        Err(error) => RunError::Terminal {
            tool: tool.into(),
            source: error.into(),
        },
    }
}

/// Becomes the tool; returns only when that fails.
fn exec(command: &[OsString]) -> RunError {
    let [tool, arguments @ ..] = command else {
        return RunError::Nothing;
    };
    RunError::Tool {
        tool: tool.into(),
        source: Command::new(tool).args(arguments).exec(),
    }
}

/// tmux (on Linux) names a pane's program by its first argument, `ps` and others by the thread's name. The first cannot
/// be changed but by starting anew.
fn take_name(name: &OsStr, command: &[OsString]) {
    let current = std::env::args_os().next().unwrap_or_default();
    if Path::new(&current).file_name() != Some(name)
        && let Ok(program) = own_program()
    {
        // If it fails the pane has another name, and the tool runs.
        let _failed = Command::new(program)
            .arg0(name)
            .args(["run", "--"])
            .args(command)
            .exec();
    }
    #[cfg(target_os = "linux")]
    if let Ok(name) = CString::new(name.as_bytes()) {
        let _named = rustix::thread::set_name(&name);
    }
}

/// The file may have been replaced since we were started, by an upgrade.
fn own_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

fn proxy(command: &[OsString]) -> io::Result<WaitStatus> {
    // Before the tool runs, so that nothing is missed.
    let signals = Signals::catch()?;
    let pane = open_pane()?;
    let modes = tcgetattr(&pane)?;
    let (outer, inner) = open_terminal(&pane, &modes)?;
    // What is typed before this is echoed twice, by the pane and by the tool's terminal: some milliseconds of the start.
    let _rest = Raw::set(pane.try_clone()?, modes)?;
    let stdio = || inner.try_clone();
    let mut child = Command::new(own_program()?);
    child
        .arg("run-child")
        .arg("--")
        .args(command)
        .stdin(stdio()?)
        .stdout(stdio()?)
        .stderr(stdio()?);
    let tool = child.spawn()?.id().cast_signed();
    let tool = Pid::from_raw(tool).ok_or(rustix::io::Errno::SRCH)?;
    // They hold the inner end; from now on only the tool and its children do.
    drop((child, inner));
    Relay::new(pane, outer, tool, signals).run()
}

/// The pane's terminal, opened anew: whether reading it waits is then our own business.
fn open_pane() -> io::Result<OwnedFd> {
    let name = rustix::termios::ttyname(io::stdin(), Vec::new());
    // In a container its name may lie outside.
    let path = name.as_deref().unwrap_or(c"/dev/tty");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// A terminal with the pane's modes and size: our end, and the tool's.
fn open_terminal(pane: &OwnedFd, modes: &Termios) -> io::Result<(OwnedFd, File)> {
    let outer = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&outer, rustix::io::FdFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&outer, OFlags::NONBLOCK)?;
    rustix::pty::grantpt(&outer)?;
    rustix::pty::unlockpt(&outer)?;
    let name = rustix::pty::ptsname(&outer, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let inner = File::from(rustix::fs::open(&*name, flags, Mode::empty())?);
    tcsetattr(&inner, OptionalActions::Now, modes)?;
    tcsetwinsize(&outer, tcgetwinsize(pane)?)?;
    Ok((outer, inner))
}

/// The pane's terminal hands on bytes as they are, and is as before when this is dropped.
struct Raw {
    pane: OwnedFd,
    before: Termios,
}

impl Raw {
    fn set(pane: OwnedFd, before: Termios) -> io::Result<Self> {
        let mut raw = before.clone();
        raw.make_raw();
        // Not flushing: what was typed ahead is the tool's.
        tcsetattr(&pane, OptionalActions::Now, &raw)?;
        Ok(Self { pane, before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // It fails when the pane is gone.
        let _restored = tcsetattr(&self.pane, OptionalActions::Now, &self.before);
    }
}

/// The end that the tool had. A core dump of ours would say nothing about it.
fn end_as(status: WaitStatus) -> ExitCode {
    let Some(signal) = status.terminating_signal() else {
        let code = status
            .exit_status()
            .and_then(|code| u8::try_from(code).ok());
        return ExitCode::from(code.unwrap_or(1));
    };
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _limited = rustix::process::setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _undumpable =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // It does not know the real-time signals, whose handling nobody has changed.
    if signal_hook::low_level::emulate_default_handler(signal).is_err() {
        let _sent = signal_hook::low_level::raise(signal);
    }
    // Not reached unless the signal is blocked: as shells say it.
    ExitCode::from(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)))
}
