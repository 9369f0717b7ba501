//! A git worktree for a session of its own, so that two tools do not change the same files.
//!
//! The rule: for a folder in the repository `/src/shop` and the name `fix`, the worktree is `/src/shop-fix`, on the new
//! branch `cm/fix` that begins at what the folder has checked out; the answer is the same folder within it. Promise: what
//! is there already is never used or changed, and nothing that is not committed is taken along or lost.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::{ClientId, Hub};
use crate::protocol::{Failure, FailureKind, Reply};
use crate::term::sanitize;

/// How long git may take: checking out a large repository on a slow disk takes minutes, and a hook that waits for
/// somebody never ends.
const PATIENCE: Duration = Duration::from_secs(300);
/// The widest line of git that is repeated, in columns.
const COLUMNS: usize = 200;

impl Hub {
    /// Makes a worktree beside the repository that `dir` is in. Answered with [`Reply::Folder`].
    pub(super) fn make_worktree(&mut self, client: ClientId, id: u64, dir: &str, name: &str) {
        let dir = self.folder(dir);
        let name = sanitize::session_name(name);
        self.beside(client, id, async move {
            match make(&dir, &name).await {
                Ok(folder) => Reply::Folder(folder.to_string_lossy().into_owned()),
                Err(failure) => Reply::Failed(failure),
            }
        });
    }
}

async fn make(dir: &Path, name: &str) -> Result<PathBuf, Failure> {
    if !dir.is_absolute() {
        let message = format!("{} is not an absolute path", shown(dir));
        return Err(failed(FailureKind::Invalid, message, ""));
    }
    let top = git(dir, &["rev-parse", "--show-toplevel"]).await;
    let top = PathBuf::from(top.map_err(|mut failure| {
        if failure.hint.is_empty() {
            "a worktree needs a git repository; start without one, or in another folder"
                .clone_into(&mut failure.hint);
        }
        failure
    })?);
    let within = git(dir, &["rev-parse", "--show-prefix"]).await?;
    let (Some(parent), Some(folder)) = (top.parent(), top.file_name()) else {
        let message = format!("{} has no place beside it", shown(&top));
        return Err(failed(FailureKind::Failed, message, ""));
    };
    let mut folder = folder.to_owned();
    folder.push(format!("-{name}"));
    let worktree = parent.join(folder);
    if worktree.symlink_metadata().is_ok() {
        let message = format!("{} is there already", shown(&worktree));
        let hint = "take another name, or start in that folder";
        return Err(failed(FailureKind::Refused, message, hint));
    }
    let branch = format!("cm/{name}");
    let path = worktree.to_string_lossy().into_owned();
    git(
        dir,
        &["worktree", "add", "--quiet", "-b", &branch, "--", &path],
    )
    .await?;
    Ok(match within.trim_end_matches('/') {
        "" => worktree,
        within => worktree.join(within),
    })
}

/// Runs git in a folder; what it prints, without the line's end.
async fn git(dir: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(dir)
        .args(arguments)
        // It must not wait for somebody who is not here.
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => {
            let message = format!("cannot run git: {error}");
            return Err(failed(FailureKind::Failed, message, "install git there"));
        }
        Err(_elapsed) => {
            let message = format!("git took longer than {} s", PATIENCE.as_secs());
            return Err(failed(FailureKind::Failed, message, ""));
        }
    };
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(text.trim_end_matches(['\n', '\r']).to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().next().unwrap_or("it said nothing");
    let message = format!("git in {}: {}", shown(dir), sanitize::label(line, COLUMNS));
    Err(failed(FailureKind::Failed, message, ""))
}

fn shown(path: &Path) -> String {
    sanitize::label(&path.to_string_lossy(), COLUMNS)
}

fn failed(kind: FailureKind, message: String, hint: &str) -> Failure {
    Failure {
        kind,
        message,
        hint: hint.to_owned(),
    }
}
