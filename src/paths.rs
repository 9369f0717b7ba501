//! Says where files live, and refuses a folder that others could tamper with.
//!
//! The XDG rules hold on every unix: settings under `$XDG_CONFIG_HOME/cm-tui`, logs and state under
//! `$XDG_STATE_HOME/cm-tui`, screens that somebody keeps under `$XDG_DATA_HOME/cm-tui`, sockets under `$XDG_RUNTIME_DIR/cm-tui` or, without it, `run` in the state folder. A
//! shared folder such as `/tmp` is never chosen: whoever comes first there owns the name.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The folder's name under each of the XDG base folders.
const NAME: &str = "cm-tui";
/// The permission bits of group and others.
const OTHERS: u32 = 0o077;
/// Write permission for everybody, and the bit that lets only owners rename and delete.
const WORLD_WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `config.toml`, `themes/`, `tools/`.
    pub config_dir: PathBuf,
    /// Logs, and whatever must survive a reboot.
    pub state_dir: PathBuf,
    /// What somebody asked to keep.
    pub data_dir: PathBuf,
    /// Sockets and the lock: see [`private_dir`].
    pub run_dir: PathBuf,
    pub home: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PathsError {
    #[error("cannot find the home folder: $HOME is not set to an absolute path")]
    NoHome,
}

impl Paths {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, PathsError> {
        Self::from_lookup(|name| match std::env::var_os(name) {
            Some(value) => Some(value.into()),
            // Without $HOME the user database knows.
            None if name == "HOME" => etcetera::home_dir().ok(),
            None => None,
        })
    }

    /// Follows the XDG rules over `lookup`: a variable that is empty or not an absolute path counts as not set.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, PathsError> {
        let absolute = |name: &str| lookup(name).filter(|path| path.is_absolute());
        let home = absolute("HOME").ok_or(PathsError::NoHome)?;
        let config_dir = absolute("XDG_CONFIG_HOME")
            .unwrap_or_else(|| home.join(".config"))
            .join(NAME);
        let state_dir = absolute("XDG_STATE_HOME")
            .unwrap_or_else(|| home.join(".local/state"))
            .join(NAME);
        let data_dir = absolute("XDG_DATA_HOME")
            .unwrap_or_else(|| home.join(".local/share"))
            .join(NAME);
        let run_dir = absolute("XDG_RUNTIME_DIR")
            .map_or_else(|| state_dir.join("run"), |base| base.join(NAME));
        Ok(Self {
            config_dir,
            state_dir,
            data_dir,
            run_dir,
            home,
        })
    }

    /// The agent's socket.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("agent.sock")
    }

    /// Held locked by the one agent that runs.
    pub fn lock(&self) -> PathBuf {
        self.run_dir.join("agent.lock")
    }

    /// The log of the program `name`, for example `cm-agent`.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.state_dir.join(format!("{name}.log"))
    }

    /// What sessions printed, a folder each.
    pub fn logs_dir(&self) -> PathBuf {
        self.state_dir.join("logs")
    }

    /// The record of decisions: 0700, its files 0600.
    pub fn audit_dir(&self) -> PathBuf {
        self.state_dir.join("audit")
    }

    pub fn config_file(&self) -> PathBuf {
        self.config_dir.join("config.toml")
    }

    /// The user's own tool profiles, one `.toml` file each.
    pub fn tools_dir(&self) -> PathBuf {
        self.config_dir.join("tools")
    }

    /// The user's rules for what may be answered without a person.
    pub fn policy_file(&self) -> PathBuf {
        self.config_dir.join("policy.toml")
    }

    /// More of the user's rules, any number of `.toml` files.
    pub fn policy_dir(&self) -> PathBuf {
        self.config_dir.join("policy.d")
    }

    /// Screens that were judged wrong, one folder for each tool.
    pub fn fixtures_dir(&self) -> PathBuf {
        self.data_dir.join("fixtures")
    }

    /// The user's own themes, one `.toml` file each.
    pub fn themes_dir(&self) -> PathBuf {
        self.config_dir.join("themes")
    }
}

/// Why a folder is not safe to keep sockets in.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    #[error("cannot use the folder “{path}”", path = path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("“{path}” is not a folder", path = path.display())]
    NotADirectory { path: PathBuf },
    #[error("“{path}” is a symbolic link", path = path.display())]
    Symlink { path: PathBuf },
    #[error("the folder “{path}” belongs to another user (uid {owner})", path = path.display())]
    ForeignOwner { path: PathBuf, owner: u32 },
    #[error("the folder “{path}” is open to other users (mode {mode:04o})", path = path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("“{path}” lies in “{parent}”, which every user can change", path = path.display(), parent = parent.display())]
    UnsafeParent { path: PathBuf, parent: PathBuf },
}

impl DirError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { path, .. } => format!("check that you may create “{}”", path.display()),
            Self::NotADirectory { path } | Self::Symlink { path } => {
                format!("move it away: mv {0} {0}.old", path.display())
            }
            Self::ForeignOwner { path, .. } => {
                format!(
                    "remove “{}”, or set XDG_RUNTIME_DIR to a folder of your own",
                    path.display()
                )
            }
            Self::Open { path, .. } => format!("close it: chmod 700 {}", path.display()),
            Self::UnsafeParent { parent, .. } => {
                format!("protect it: chmod o-w {}", parent.display())
            }
        }
    }
}

/// Makes sure that `path` is a folder of ours that nobody else can look into: creates it (and missing parents) with
/// mode 0700, then checks what is really there, as tmux does with its own.
///
/// A folder that exists is never changed: that it is open may mean that somebody was already in it.
pub fn private_dir(path: &Path) -> Result<(), DirError> {
    let io_error = |source| DirError::Io {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .or_else(|error| match error.kind() {
            // Something that is no folder has the name: the check below says what.
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(io_error(error)),
        })?;
    let found = fs::symlink_metadata(path).map_err(io_error)?;
    let path = path.to_owned();
    if found.is_symlink() {
        return Err(DirError::Symlink { path });
    }
    if !found.is_dir() {
        return Err(DirError::NotADirectory { path });
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(DirError::ForeignOwner {
            path,
            owner: found.uid(),
        });
    }
    if found.mode() & OTHERS != 0 {
        return Err(DirError::Open {
            path,
            mode: found.mode() & 0o7777,
        });
    }
    for parent in path.ancestors().skip(1) {
        let above = fs::metadata(parent).map_err(|source| DirError::Io {
            path: parent.to_owned(),
            source,
        })?;
        if above.mode() & WORLD_WRITABLE != 0 && above.mode() & STICKY == 0 {
            return Err(DirError::UnsafeParent {
                parent: parent.to_owned(),
                path,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn paths(variables: &[(&str, &str)]) -> Result<Paths, PathsError> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Paths::from_lookup(|name| variables.get(name).map(PathBuf::from))
    }

    #[test]
    fn xdg_variables_decide() {
        let paths = paths(&[
            ("HOME", "/home/a"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "/s"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_RUNTIME_DIR", "/run/user/7"),
        ])
        .unwrap();
        assert_eq!(paths.config_file(), Path::new("/c/cm-tui/config.toml"));
        assert_eq!(
            paths.log_file("cm-agent"),
            Path::new("/s/cm-tui/cm-agent.log")
        );
        assert_eq!(paths.fixtures_dir(), Path::new("/d/cm-tui/fixtures"));
        assert_eq!(paths.socket(), Path::new("/run/user/7/cm-tui/agent.sock"));
    }

    #[test]
    fn without_xdg_variables_everything_is_under_home() {
        let paths = paths(&[
            ("HOME", "/home/a"),
            ("XDG_RUNTIME_DIR", ""),
            ("XDG_CONFIG_HOME", "relative"),
        ])
        .unwrap();
        assert_eq!(paths.config_dir, Path::new("/home/a/.config/cm-tui"));
        assert_eq!(paths.data_dir, Path::new("/home/a/.local/share/cm-tui"));
        assert_eq!(paths.run_dir, Path::new("/home/a/.local/state/cm-tui/run"));
    }

    #[test]
    fn no_home_is_an_error() {
        assert!(matches!(
            paths(&[("HOME", "here")]),
            Err(PathsError::NoHome)
        ));
    }

    #[test]
    fn a_new_folder_is_private_and_accepted_again() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        private_dir(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        private_dir(&dir).unwrap();
    }

    #[test]
    fn an_open_folder_is_refused_and_the_hint_closes_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("open");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o750)).unwrap();
        let error = private_dir(&dir).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("is open to other users (mode 0750)"),
            "{error}"
        );
        assert_eq!(
            error.hint(),
            format!("close it: chmod 700 {}", dir.display())
        );
    }

    #[test]
    fn links_and_files_in_its_place_are_refused() {
        let temp = tempfile::tempdir().unwrap();
        let (link, file) = (temp.path().join("link"), temp.path().join("file"));
        symlink(temp.path(), &link).unwrap();
        fs::write(&file, "").unwrap();
        assert!(matches!(private_dir(&link), Err(DirError::Symlink { .. })));
        assert!(matches!(
            private_dir(&file),
            Err(DirError::NotADirectory { .. })
        ));
    }

    #[test]
    fn a_parent_that_everybody_can_change_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let parent = temp.path().join("parent");
        fs::create_dir(&parent).unwrap();
        fs::set_permissions(&parent, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            private_dir(&parent.join("run")),
            Err(DirError::UnsafeParent { .. })
        ));
    }
}
