//! Where a tool works, as only its own machine can tell: the host's name, the contexts, the project, the branch.
//!
//! Promise: the agent and `cm-tui policy test` ask here, so both judge the same case; and what is not told plainly is not
//! known, which never lets a rule allow anything. The files that are read here are the tool's to write: they are small
//! plain ones, or they are not read.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::LocalContexts;

/// The most that is read of a file of git, in bytes: a line with the longest path fits.
const LONGEST: u64 = 8 << 10;

/// What the rules can look at besides the prompt.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// As the host calls itself.
    pub host: String,
    /// Nothing where it cannot be told.
    pub contexts: Option<Vec<&'a str>>,
    /// The root of the git repository, or of the linked worktree; without one the folder itself.
    pub project: &'a str,
    /// Nothing where none is checked out, or it cannot be told.
    pub branch: Option<String>,
}

impl<'a> Place<'a> {
    /// Looks around the absolute folder `dir`.
    pub fn of(dir: &'a str, contexts: &'a LocalContexts) -> Self {
        let project = Path::new(dir)
            .ancestors()
            .find(|folder| folder.join(".git").exists());
        let project = project.and_then(Path::to_str).unwrap_or(dir);
        Self {
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            contexts: contexts.around(Path::new(dir)),
            project,
            branch: checked_out(Path::new(project)),
        }
    }
}

/// The real path of a path; see [`crate::domain::policy::Case`].
pub fn real(path: &str) -> Option<String> {
    Some(fs::canonicalize(path).ok()?.to_str()?.to_owned())
}

/// The branch that a repository or a linked worktree has checked out, if it is one.
fn checked_out(project: &Path) -> Option<String> {
    let head = short(&git_dir(project)?.join("HEAD"))?;
    let branch = head.trim_end().strip_prefix("ref: refs/heads/")?;
    // A repository that keeps its references in tables has a word there that is no branch: “.invalid”.
    let is_branch = !branch.is_empty() && !branch.starts_with('.') && !branch.contains('\n');
    is_branch.then(|| branch.to_owned())
}

/// Where the HEAD of a project is: in a linked worktree `.git` is a file that says it.
fn git_dir(project: &Path) -> Option<PathBuf> {
    let git = project.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = short(&git)?;
    let named = text
        .strip_prefix("gitdir: ")?
        .trim_end_matches(['\n', '\r']);
    let is_plain = !named.is_empty() && !named.contains(char::is_control);
    is_plain.then(|| project.join(named))
}

/// The text of a plain file that is short enough. A pipe would never end.
fn short(file: &Path) -> Option<String> {
    let found = fs::metadata(file).ok()?;
    if !found.is_file() || found.len() > LONGEST {
        return None;
    }
    let mut text = String::new();
    let file = File::open(file).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rstest::rstest;

    use super::*;

    fn git(dir: &Path, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args([
                "-c",
                "commit.gpgsign=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(arguments)
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// A repository on the branch “work” with a linked worktree on “main” beside it.
    fn repository() -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        let shop = temp.path().join("shop");
        fs::create_dir(&shop).unwrap();
        git(&shop, &["init", "--quiet", "--initial-branch=main"]);
        git(&shop, &["commit", "--quiet", "--allow-empty", "-m", "one"]);
        git(&shop, &["checkout", "--quiet", "-b", "work"]);
        git(&shop, &["worktree", "add", "--quiet", "../linked", "main"]);
        temp
    }

    fn nowhere() -> LocalContexts {
        let paths = crate::paths::Paths::from_lookup(|_| Some("/nowhere".into())).unwrap();
        LocalContexts::read(&paths)
    }

    #[test]
    fn a_linked_worktree_is_a_project_with_a_branch_of_its_own() {
        let (temp, contexts) = (repository(), nowhere());
        let linked = temp.path().join("linked");
        fs::create_dir(linked.join("src")).unwrap();
        let at = |name: &str| {
            let dir = temp.path().join(name).to_str().unwrap().to_owned();
            let place = Place::of(&dir, &contexts);
            let project = Path::new(place.project).strip_prefix(temp.path()).unwrap();
            (project.to_str().unwrap().to_owned(), place.branch)
        };
        let linked_on = |branch: Option<&str>| ("linked".to_owned(), branch.map(str::to_owned));
        assert_eq!(at("shop"), ("shop".to_owned(), Some("work".to_owned())));
        assert_eq!(at("linked"), linked_on(Some("main")));
        assert_eq!(at("linked/src"), linked_on(Some("main")));
        git(&linked, &["checkout", "--quiet", "--detach"]);
        assert_eq!(at("linked"), linked_on(None));
    }

    #[test]
    fn a_worktree_that_is_named_from_its_own_folder_is_found() {
        let temp = repository();
        let linked = temp.path().join("linked");
        fs::write(
            linked.join(".git"),
            "gitdir: ../shop/.git/worktrees/linked\r\n",
        )
        .unwrap();
        assert_eq!(checked_out(&linked).as_deref(), Some("main"));
    }

    #[rstest]
    #[case("")]
    #[case("gitdir: ")]
    #[case("gitdir:../shop/.git")]
    #[case("../shop/.git")]
    #[case("gitdir: ../nowhere")]
    #[case("gitdir: ../shop/.git\nmore")]
    #[case("gitdir: ../pipe")]
    fn a_git_file_that_is_not_right_tells_no_branch(#[case] text: &str) {
        let temp = repository();
        let pipe = temp.path().join("pipe");
        fs::create_dir(&pipe).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe.join("HEAD"), 0o600.into()).unwrap();
        fs::write(temp.path().join("linked/.git"), text).unwrap();
        assert_eq!(checked_out(&temp.path().join("linked")), None);
    }

    #[rstest]
    #[case("ref: refs/heads/main\n", Some("main"))]
    #[case("ref: refs/heads/.invalid\n", None)]
    #[case("ref: refs/heads/\n", None)]
    #[case("ref: refs/tags/one\n", None)]
    #[case("1f0e7c2\n", None)]
    fn only_a_head_that_names_a_branch_tells_one(
        #[case] head: &str,
        #[case] expected: Option<&str>,
    ) {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join(".git")).unwrap();
        fs::write(temp.path().join(".git/HEAD"), head).unwrap();
        assert_eq!(checked_out(temp.path()).as_deref(), expected);
    }
}
