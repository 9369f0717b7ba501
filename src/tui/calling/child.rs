//! Runs a command of the user's beside the dashboard.
//!
//! Promise: it has no way to the terminal but the one it would have to open itself; it and what it started are gone when
//! its time is over or the dashboard ends; whoever waits for it learns in one line what went wrong.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Order;
use crate::config::CallWay;

/// How long a command may take: a message that a service has not taken by then is not taken at all, and `curl` by itself
/// would wait for minutes.
pub const TIME: Duration = Duration::from_secs(10);

/// How a command ended; the error is one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub way: CallWay,
    pub outcome: Result<(), String>,
}

/// Runs `order` and waits for its end, `time` at most. A program that starts with `~/` is in `home`. When this is dropped
/// on the way, it is killed with all that it has started.
pub async fn run(order: Order, home: &Path, time: Duration) -> Told {
    Told {
        way: order.way,
        outcome: attempt(&order, home, time).await,
    }
}

async fn attempt(order: &Order, home: &Path, time: Duration) -> Result<(), String> {
    let Some((name, arguments)) = order.arguments.split_first() else {
        return Ok(());
    };
    let program = name
        .strip_prefix("~/")
        .map_or_else(|| name.into(), |rest| home.join(rest));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // So that all it starts can be ended with it, and keys such as ctrl-c do not reach it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("cannot run “{name}”: there is no such program"),
            _ => format!("cannot run “{name}”: {error}"),
        })?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut group = Group(pid);
    match timeout(time, talk(&mut child, &order.input)).await {
        Ok(Ok(status)) => {
            group.0 = None;
            judged(name, status)
        }
        Ok(Err(error)) => Err(format!("cannot wait for “{name}”: {error}")),
        Err(_elapsed) => {
            group.end();
            let _status = child.wait().await;
            let seconds = time.as_secs();
            Err(format!(
                "“{name}” took longer than {seconds} s and was ended"
            ))
        }
    }
}

/// The command with all that it has started. When this is dropped they are killed, unless it was let go.
struct Group(Option<Pid>);

impl Group {
    fn end(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have ended by itself meanwhile.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

async fn talk(child: &mut Child, input: &str) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // Many programs do not read it.
        let _read = stdin.write_all(input.as_bytes()).await;
    }
    child.wait().await
}

fn judged(name: &str, status: ExitStatus) -> Result<(), String> {
    if status.success() {
        return Ok(());
    }
    Err(match status.code() {
        Some(code) => format!("“{name}” failed with code {code}"),
        None => format!("“{name}” was killed"),
    })
}
