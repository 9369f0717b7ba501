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
use crate::domain::Verdict;
use crate::protocol::{Failure, FailureKind};

/// The largest file of rules that is read, in bytes: some thousand rules.
const LARGEST: u64 = 1 << 20;

/// Where the rules are.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    /// The one file that rules are added to.
    pub own: PathBuf,
    /// A folder of further ones.
    pub folder: PathBuf,
}

impl RuleFiles {
    /// Reads all rules as they are now.
    pub fn load(&self) -> Rules {
        match self.texts() {
            Ok(texts) => rules(&texts),
            Err(failure) => Rules {
                judge: Arc::new(Policy::none()),
                trouble: Some(failure),
            },
        }
    }

    /// Adds a rule to our own file, if everything loads with it; returns what counts from now on.
    ///
    /// # Errors
    /// Why it was not added; nothing was changed then.
    pub fn add(&self, text: &str) -> Result<Rules, Failure> {
        let mut texts = self.texts()?;
        let name = name(&self.own);
        let at = texts.iter().position(|(known, _)| *known == name);
        let mut whole = at.map_or_else(String::new, |at| texts.remove(at).1);
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(text.trim_end());
        whole.push('\n');
        texts.insert(0, (name, whole.clone()));
        let rules = rules(&texts);
        if let Some(trouble) = rules.trouble {
            return Err(trouble);
        }
        replace(&self.own, &whole).map_err(|error| cannot("write", &self.own, &error))?;
        Ok(rules)
    }

    /// Every file with its name, our own first, the others in the order of their names.
    fn texts(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut files = vec![self.own.clone()];
        match fs::read_dir(&self.folder) {
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
            Err(error) => return Err(cannot("read", &self.folder, &error)),
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

fn rules(texts: &[(String, String)]) -> Rules {
    Rules {
        judge: Arc::new(Policy::of(texts)),
        trouble: None,
    }
}

/// Rules that leave everything to people.
#[derive(Debug)]
struct Policy {
    hash: String,
}

impl Policy {
    fn none() -> Self {
        Self {
            hash: String::new(),
        }
    }

    fn of(texts: &[(String, String)]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (name, text) in texts {
            for part in [name, text] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Self {
            hash: hasher.finalize().to_hex().to_string(),
        }
    }
}

impl Judge for Policy {
    fn judge(&self, _case: &Case) -> Judgement {
        Judgement {
            verdict: Verdict::Ask,
            rule: String::new(),
            why: "no rule allows it".to_owned(),
        }
    }

    fn suggest(&self, _case: &Case) -> Option<String> {
        None
    }

    fn hash(&self) -> String {
        self.hash.clone()
    }
}
