//! The policy of this host: its files read, held against the folder that a tool works in, and written when a person adds a
//! rule.
//!
//! Promise: rules that do not load as a whole never count, and a rule is only added when all of them load with it; the file
//! is then replaced in one step.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::approve::{Case, Judge, Judgement};
use super::hub::Rules;
use super::place::{self, Place};
use crate::config::{self, HostPolicy, LocalContexts, PolicyFiles};
use crate::domain::policy::{self, Problem};
use crate::paths::Paths;
use crate::protocol::{Failure, FailureKind};

/// Where the rules are.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    paths: Paths,
}

impl RuleFiles {
    pub fn new(paths: Paths) -> Self {
        Self { paths }
    }

    /// The folders in which they are, those that contexts name too; what says so, the settings, is in the first.
    pub fn folders(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.paths.config_dir.clone(), self.paths.policy_dir()];
        for folder in LocalContexts::read(&self.paths).policy_folders() {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    /// Reads all rules as they are now. When one is wrong there are none.
    pub fn load(&self) -> Rules {
        match config::load_policy(&self.paths) {
            Ok(policy) => Rules {
                judge: Arc::new(Here(policy)),
                trouble: None,
            },
            Err(problems) => Rules {
                judge: Arc::new(Here(HostPolicy::none())),
                trouble: Some(first(&problems)),
            },
        }
    }

    /// Adds a rule to our own file, if everything loads with it; returns what counts from now on.
    ///
    /// # Errors
    /// Why it was not added; nothing was changed then.
    pub fn add(&self, text: &str) -> Result<Rules, Failure> {
        let wrong = |problems: Vec<Problem>| first(&problems);
        let mut files = PolicyFiles::read(&self.paths).map_err(wrong)?;
        // What is there already has to load by itself.
        files.load().map_err(wrong)?;
        let whole = files.add(text);
        let policy = files.load().map_err(wrong)?;
        let own = self.paths.policy_file();
        replace(&own, &whole).map_err(|error| cannot("write", &own, &error))?;
        Ok(Rules {
            judge: Arc::new(Here(policy)),
            trouble: None,
        })
    }
}

/// The first of what is wrong, for people.
fn first(problems: &[Problem]) -> Failure {
    let problem = problems.first();
    Failure {
        kind: FailureKind::Invalid,
        message: problem.map_or_else(String::new, ToString::to_string),
        hint: problem.map_or_else(String::new, |problem| problem.hint.clone()),
    }
}

/// Writes a file beside and moves it into place.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let beside = file.with_extension("toml.new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut new = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    fs::File::open(folder)?.sync_all()
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: format!("cannot {what} {}: {error}", path.display()),
        hint: "nothing is answered by itself until it can be".to_owned(),
    }
}

/// The rules of this machine, with what only it can tell of a case.
#[derive(Debug)]
struct Here(HostPolicy);

impl Here {
    fn with<T>(&self, case: &Case, look: impl FnOnce(&policy::Case<'_>) -> T) -> T {
        let place = Place::of(&case.dir, &self.0.contexts);
        look(&policy::Case {
            tool: &case.tool,
            kind: case.kind,
            subject: &case.subject,
            host: &place.host,
            contexts: place.contexts.as_deref(),
            dir: &case.dir,
            project: Some(place.project),
            branch: place.branch.as_deref(),
            source: case.source,
            resolve: &place::real,
        })
    }
}

impl Judge for Here {
    fn judge(&self, case: &Case) -> Judgement {
        self.with(case, |case| self.0.policy.judge(case))
    }

    fn suggest(&self, case: &Case) -> Option<String> {
        self.with(case, policy::suggest)
    }

    fn hash(&self) -> String {
        self.0.policy.hash()
    }
}
