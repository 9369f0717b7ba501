//! Where a path really leads, and whether a yes to it can be given without a person.
//!
//! Promise: a path is inside only when the place that it really names is inside the real project, and nothing on the way
//! there, as written or as resolved, is where secrets or settings live. What cannot be told is not inside.

use super::Case;
use super::secrets;

/// Folders of the kernel: what they name depends on who asks.
const MAGIC: [&str; 3] = ["/proc", "/dev", "/sys"];
/// Folders that are too wide to be a project: everything of a user or of the system is in them.
const WIDE: [&str; 21] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var", "/var/tmp", "/Users",
];
/// Folders whose own folders are the home folders of users.
const HOMES: [&str; 3] = ["/home", "/Users", "/var/home"];

/// The project as it really is.
#[derive(Clone, Debug)]
pub(super) struct Project {
    /// Absolute and resolved, without a slash at the end.
    pub root: String,
    /// As the case names it.
    named: String,
    dir: String,
}

impl Project {
    /// The project of a case, if the tool works inside one that is narrow enough.
    pub fn of(case: &Case<'_>) -> Result<Self, String> {
        let named = case.project.unwrap_or(case.dir);
        let real = |path: &str| {
            let path = Some(path).filter(|path| path.starts_with('/'));
            path.and_then(|path| (case.resolve)(path))
                .map(|path| trim(&path).to_owned())
        };
        let root = real(named).ok_or_else(|| "the project’s folder cannot be told".to_owned())?;
        if is_wide(&root) || is_wide(trim(named)) {
            return Err(format!("“{root}” is too wide to be a project"));
        }
        let dir = real(case.dir).ok_or_else(|| "the tool’s folder cannot be told".to_owned())?;
        if below(&root, &dir).is_none() {
            return Err("the tool does not work inside the project".to_owned());
        }
        if let Some(name) = below(&root, &dir).and_then(secrets::sensitive) {
            return Err(format!(
                "the tool works in “{name}”, where secrets or settings live"
            ));
        }
        Ok(Self {
            root,
            named: trim(named).to_owned(),
            dir: case.dir.to_owned(),
        })
    }

    /// The real path of what `word` names, seen from the tool's folder, if it may be read without a person.
    pub fn inside(&self, case: &Case<'_>, word: &str) -> Result<String, String> {
        let refused = |why: &str| Err(format!("“{word}” {why}"));
        if word.is_empty() || word == "-" {
            return refused("names no file");
        }
        if word.starts_with('~') || word.contains(['$', '`', '*', '?', '{', '}', '\\']) {
            return refused("may stand for another path");
        }
        let path = absolute(&self.dir, word);
        let written = if word.starts_with('/') {
            below(&self.named, &path).or_else(|| below(&self.root, &path))
        } else {
            Some(word)
        };
        if let Some(name) = written.and_then(secrets::sensitive) {
            return refused(&format!("may hold secrets or settings (“{name}”)"));
        }
        if MAGIC
            .iter()
            .any(|magic| below(magic, &lexical(&path)).is_some())
        {
            return refused("is not a plain file");
        }
        let Some(real) = (case.resolve)(&path) else {
            return refused("leads to a place that cannot be told");
        };
        let Some(rest) = below(&self.root, &real) else {
            return refused("is outside the project");
        };
        match secrets::sensitive(rest) {
            Some(name) => refused(&format!("may hold secrets or settings (“{name}”)")),
            None => Ok(real.clone()),
        }
    }

    /// Whether everything below a folder may be read: none of the files that usually hold secrets lies right in it.
    pub fn tree(&self, case: &Case<'_>, word: &str, names: &[&str]) -> Result<(), String> {
        let real = self.inside(case, word)?;
        let found = names
            .iter()
            .find(|name| (case.resolve)(&absolute(&real, name)).is_some());
        match found {
            Some(name) => Err(format!("“{word}” has “{name}” in it")),
            None => Ok(()),
        }
    }

    /// Whether git, started in the tool's folder, works on the project's own repository: no other one lies between the
    /// two, whose settings could name programs to run.
    pub fn has_own_repository(&self, case: &Case<'_>) -> Result<(), String> {
        let exists = |folder: &str, name: &str| (case.resolve)(&absolute(folder, name)).is_some();
        // A linked worktree has a file there, which says where the settings are.
        if !exists(&self.root, ".git/HEAD") {
            return Err("the project’s folder is not a git repository of its own".to_owned());
        }
        let real = (case.resolve)(&absolute(&self.root, ".git"));
        if real.as_deref() != Some(absolute(&self.root, ".git").as_str()) {
            return Err("the git repository is elsewhere".to_owned());
        }
        let mut folder = (case.resolve)(&self.dir).unwrap_or_default();
        while trim(&folder) != self.root {
            if exists(&folder, ".git") || exists(&folder, "HEAD") {
                return Err(format!("“{folder}” has a git repository of its own"));
            }
            let Some((parent, _)) = folder.rsplit_once('/') else {
                return Err("the tool does not work inside the project".to_owned());
            };
            folder = parent.to_owned();
        }
        Ok(())
    }
}

/// The path without slashes at its end.
fn trim(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trimmed }
}

fn is_wide(root: &str) -> bool {
    let home = |base: &str| below(base, root).is_some_and(|rest| !rest.contains('/'));
    WIDE.contains(&root) || HOMES.iter().any(|base| home(base))
}

/// What follows `root/` in a path; empty for the root itself, nothing for what is not below it.
pub(super) fn below<'p>(root: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(trim(root))?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest),
        None => rest.is_empty().then_some(rest),
    }
}

/// The path as seen from a folder.
pub(super) fn absolute(folder: &str, path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", folder.trim_end_matches('/'))
    }
}

/// An absolute path without `.`, `..` and empty parts, as far as that can be told without looking.
pub(super) fn lexical(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::{PromptKind, Source};

    fn in_folder<T>(
        dir: &str,
        resolve: &dyn Fn(&str) -> Option<String>,
        then: impl FnOnce(&Case<'_>) -> T,
    ) -> T {
        then(&Case {
            tool: "claude-code",
            kind: PromptKind::Read,
            subject: "a",
            host: "local",
            contexts: Some(&[]),
            dir,
            project: None,
            branch: None,
            source: Source::Hook,
            resolve,
        })
    }

    #[rstest]
    #[case("/srv/shop", "/srv/shop", true)]
    #[case("/srv/shop", "/home/u", false)]
    #[case("/tmp", "/private/tmp", false)]
    #[case("shop", "/srv/shop", false)]
    fn a_project_is_narrow_by_both_its_names(
        #[case] named: &str,
        #[case] real: &str,
        #[case] expected: bool,
    ) {
        let resolve = |_: &str| Some(real.to_owned());
        let found = in_folder(named, &resolve, |case| Project::of(case).is_ok());
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case("src/a.rs", true)]
    #[case("/srv/shop/a-", true)]
    #[case("", false)]
    #[case("-", false)]
    #[case("~", false)]
    #[case("~x/a", false)]
    #[case("a$b", false)]
    #[case("a*", false)]
    #[case("/srv/shop/.env", false)]
    #[case("/srv/shopping", false)]
    #[case("/proc/self/cwd", false)]
    fn a_word_is_inside_only_when_it_can_name_no_other_file(
        #[case] word: &str,
        #[case] expected: bool,
    ) {
        let resolve = |path: &str| Some(path.to_owned());
        let found = in_folder("/srv/shop", &resolve, |case| {
            Project::of(case).unwrap().inside(case, word).is_ok()
        });
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case("/a", "/a", Some(""))]
    #[case("/a", "/a/b", Some("b"))]
    #[case("/a/", "/a/b/c", Some("b/c"))]
    #[case("/a", "/ab", None)]
    #[case("/a", "/", None)]
    #[case("/a/b", "/a", None)]
    fn below_goes_by_whole_names(
        #[case] root: &str,
        #[case] path: &str,
        #[case] rest: Option<&str>,
    ) {
        assert_eq!(below(root, path), rest);
    }

    #[rstest]
    #[case("/a/./b//c/", "/a/b/c")]
    #[case("/a/../../b", "/b")]
    #[case("/..", "/")]
    fn a_path_is_tidied(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(lexical(path), expected);
    }

    #[rstest]
    #[case("/", true)]
    #[case("/home", true)]
    #[case("/home/u", true)]
    #[case("/Users/u", true)]
    #[case("/root", true)]
    #[case("/home/u/shop", false)]
    #[case("/srv", false)]
    #[case("/root/shop", false)]
    #[case("/tmp", true)]
    #[case("/tmp/x", false)]
    fn a_home_folder_is_no_project(#[case] root: &str, #[case] expected: bool) {
        assert_eq!(is_wide(root), expected);
    }
}
