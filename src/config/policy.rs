//! Reads the user's rules: `policy.toml` and every file of `policy.d/`.
//!
//! Promise: either all of it is understood, or there is no policy. A file that others can write is not read: who writes
//! the rules gives the answers.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::files::{text, toml_files, whole};
use crate::domain::policy::{Policy, Problem};
use crate::paths::Paths;

/// Write permission for the group and for everybody.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The shipped rules and the user's. Files that are not there are no rules.
pub fn load_policy(paths: &Paths) -> Result<Policy, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut files = Vec::new();
    for file in policy_files(paths).map_err(|problem| vec![problem])? {
        match checked(&file) {
            Ok(text) => files.push((file.display().to_string(), text)),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Policy::load(&files)
    } else {
        Err(problems)
    }
}

/// The files that are there.
fn policy_files(paths: &Paths) -> Result<Vec<PathBuf>, Problem> {
    let file = paths.policy_file();
    let mut files = Vec::new();
    // A link that leads nowhere is there, and a mistake.
    match fs::symlink_metadata(&file) {
        Ok(_) => files.push(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unread(&file, &error)),
    }
    let dir = paths.policy_dir();
    match toml_files(&dir) {
        Ok(more) => files.extend(more),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unread(&dir, &error)),
    }
    Ok(files)
}

fn checked(file: &Path) -> Result<String, Problem> {
    let found = fs::metadata(file).map_err(|error| unread(file, &error))?;
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && found.uid() != 0 {
        let what = format!("it belongs to another user (uid {})", found.uid());
        return Err(problem(file, what, "write it yourself"));
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        let hint = format!("close it: chmod go-w {}", file.display());
        return Err(problem(file, "other users can write it".to_owned(), &hint));
    }
    text(file).map_err(|error| unread(file, &error))
}

fn unread(file: &Path, error: &io::Error) -> Problem {
    let error = whole(file, error);
    problem(file, error.message, &error.hint.unwrap_or_default())
}

fn problem(file: &Path, what: String, hint: &str) -> Problem {
    Problem {
        file: file.display().to_string(),
        line: 0,
        column: 0,
        what,
        hint: hint.to_owned(),
    }
}
