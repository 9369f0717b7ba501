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
use crate::config;
use crate::domain::policy::{self, Policy, Problem};
use crate::paths::Paths;
use crate::protocol::{Failure, FailureKind};

/// The largest file of rules that is read, in bytes: some thousand rules.
const LARGEST: u64 = 1 << 20;

/// Where the rules are.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    paths: Paths,
}

impl RuleFiles {
    pub fn new(paths: Paths) -> Self {
        Self { paths }
    }

    /// The folders in which they are.
    pub fn folders(&self) -> Vec<PathBuf> {
        vec![self.paths.config_dir.clone(), self.paths.policy_dir()]
    }

    /// Reads all rules as they are now. When one is wrong there are none.
    pub fn load(&self) -> Rules {
        let (policy, trouble) = match config::load_policy(&self.paths) {
            Ok(policy) => (policy, None),
            Err(problems) => (Policy::empty(), Some(first(&problems))),
        };
        Rules {
            judge: Here::new(policy),
            trouble,
        }
    }

    /// Adds a rule to our own file, if everything loads with it; returns what counts from now on.
    ///
    /// # Errors
    /// Why it was not added; nothing was changed then.
    pub fn add(&self, text: &str) -> Result<Rules, Failure> {
        let own = self.paths.policy_file();
        let mut texts = self.texts()?;
        let at = texts.iter().position(|(known, _)| *known == name(&own));
        let mut whole = at.map_or_else(String::new, |at| texts.remove(at).1);
        if !whole.is_empty() {
            whole = format!("{}\n\n", whole.trim_end());
        }
        whole.push_str(text.trim_end());
        whole.push('\n');
        texts.insert(0, (name(&own), whole.clone()));
        let policy = Policy::load(&texts).map_err(|problems| first(&problems))?;
        // What is there already has to load by itself, with all that is asked of its files.
        config::load_policy(&self.paths).map_err(|problems| first(&problems))?;
        replace(&own, &whole).map_err(|error| cannot("write", &own, &error))?;
        Ok(Rules {
            judge: Here::new(policy),
            trouble: None,
        })
    }

    /// Every file with its name, our own first, the others in the order of their names.
    fn texts(&self) -> Result<Vec<(String, String)>, Failure> {
        let (mut files, folder) = (vec![self.paths.policy_file()], self.paths.policy_dir());
        match fs::read_dir(&folder) {
            Ok(entries) => {
                let mut further: Vec<PathBuf> = entries
                    .flatten()
                    .map(|entry| entry.path())
                    .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
                    .collect();
                further.sort();
                files.extend(further);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot("read", &folder, &error)),
        }
        let mut texts = Vec::new();
        for file in files {
            match read(&file) {
                Ok(text) => texts.push((name(&file), text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(cannot("read", &file, &error)),
            }
        }
        Ok(texts)
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

fn read(file: &Path) -> io::Result<String> {
    if file.metadata()?.len() > LARGEST {
        return Err(io::Error::other("it is too large"));
    }
    fs::read_to_string(file)
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

fn name(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: format!("cannot {what} {}: {error}", path.display()),
        hint: "nothing is answered by itself until it can be".to_owned(),
    }
}

/// The policy, with what only this machine can tell of a case.
#[derive(Debug)]
struct Here {
    policy: Policy,
    /// How this machine calls itself.
    host: String,
}

impl Here {
    fn new(policy: Policy) -> Arc<Self> {
        let host = rustix::system::uname();
        Arc::new(Self {
            policy,
            host: host.nodename().to_string_lossy().into_owned(),
        })
    }

    fn with<T>(&self, case: &Case, look: impl FnOnce(&policy::Case<'_>) -> T) -> T {
        let dir = Path::new(&case.dir);
        let project = dir
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .unwrap_or(dir);
        let branch = checked_out(project);
        look(&policy::Case {
            tool: &case.tool,
            kind: case.kind,
            subject: &case.subject,
            host: &self.host,
            context: None,
            dir: &case.dir,
            project: project.to_str(),
            branch: branch.as_deref(),
            source: case.source,
            resolve: &|path| Some(fs::canonicalize(path).ok()?.to_str()?.to_owned()),
        })
    }
}

/// The branch that a repository has checked out, if it is one.
fn checked_out(project: &Path) -> Option<String> {
    let head = fs::read_to_string(project.join(".git/HEAD")).ok()?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/")?;
    Some(branch.to_owned())
}

impl Judge for Here {
    fn judge(&self, case: &Case) -> Judgement {
        self.with(case, |case| self.policy.judge(case))
    }

    fn suggest(&self, case: &Case) -> Option<String> {
        self.with(case, policy::suggest)
    }

    fn hash(&self) -> String {
        self.policy.hash()
    }
}
