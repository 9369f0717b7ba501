//! Reads the user's rules: `policy.toml`, every file of `policy.d/`, and the files that contexts of this machine name.
//!
//! Promise: either all of it is understood, or there is no policy. A file that others can write is not read: who writes
//! the rules, or says where they hold, gives the answers.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::LocalContexts;
use super::files::{text, toml_files, whole};
use crate::domain::policy::{Policy, Problem, RuleFile};
use crate::paths::Paths;

/// Write permission for the group and for everybody.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The rules of this machine, and the contexts that they can tell apart.
#[derive(Clone, Debug)]
pub struct HostPolicy {
    pub policy: Policy,
    pub contexts: LocalContexts,
}

impl HostPolicy {
    /// No rule, and no context known: everything asks.
    pub fn none() -> Self {
        Self {
            policy: Policy::empty(),
            contexts: LocalContexts::unknown(),
        }
    }
}

/// The shipped rules and the user's. Files that are not there are no rules, unless a context names them.
pub fn load_policy(paths: &Paths) -> Result<HostPolicy, Vec<Problem>> {
    PolicyFiles::read(paths)?.load()
}

/// The user's rules as they were read, not understood yet.
#[derive(Clone, Debug)]
pub struct PolicyFiles {
    /// The file that we write ourselves.
    own: PathBuf,
    files: Vec<RuleFile>,
    contexts: LocalContexts,
    /// What makes it unsafe to believe where contexts are.
    doubt: Option<Problem>,
}

impl PolicyFiles {
    /// Reads all of them. When the settings cannot be read, no context is known, and no rule of one.
    pub fn read(paths: &Paths) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut files = Vec::new();
        let contexts = LocalContexts::read(paths);
        let everywhere = policy_files(paths).map_err(|problem| vec![problem])?;
        for (file, contexts) in contexts.policies() {
            match checked(file) {
                Ok(_) if everywhere.iter().any(|other| other == file) => {
                    let what = format!("it is named by the context “{}”", contexts.join("”, “"));
                    let hint = "its rules hold everywhere already: move it elsewhere";
                    problems.push(problem(file, what, hint));
                }
                Ok(text) => files.push(RuleFile {
                    name: file.display().to_string(),
                    text,
                    contexts,
                }),
                Err(mut problem) => {
                    if problem.hint.is_empty() {
                        problem.hint = format!("the context “{}” names it", contexts.join("”, “"));
                    }
                    problems.push(problem);
                }
            }
        }
        for file in everywhere {
            match checked(&file) {
                Ok(text) => files.push(RuleFile {
                    name: file.display().to_string(),
                    text,
                    contexts: Vec::new(),
                }),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let settings = paths.config_file();
        let doubt = settings.exists().then(|| closed(&settings).err()).flatten();
        Ok(Self {
            own: paths.policy_file(),
            files,
            contexts,
            doubt,
        })
    }

    /// Adds a rule to the file that we write ourselves; returns what is to be written there.
    pub fn add(&mut self, rule: &str) -> String {
        let name = self.own.display().to_string();
        let at = self.files.iter().position(|file| file.name == name);
        let before = at.map_or_else(String::new, |at| self.files.remove(at).text);
        let mut text = before.trim_end().to_owned();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(rule.trim_end());
        text.push('\n');
        self.files.push(RuleFile {
            name,
            text: text.clone(),
            contexts: Vec::new(),
        });
        text
    }

    pub fn load(&self) -> Result<HostPolicy, Vec<Problem>> {
        let policy = Policy::load_files(&self.files)?;
        if let Some(doubt) = self.doubt.as_ref().filter(|_| policy.names_contexts()) {
            return Err(vec![doubt.clone()]);
        }
        Ok(HostPolicy {
            policy: policy.placed(&format!("{:?}", self.contexts)),
            contexts: self.contexts.clone(),
        })
    }
}

/// The files that are there, of those that hold everywhere.
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
    closed(file)?;
    text(file).map_err(|error| unread(file, &error))
}

/// Whether nobody else can write a file.
fn closed(file: &Path) -> Result<(), Problem> {
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
    Ok(())
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
