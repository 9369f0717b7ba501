//! A settings file of a tool: read whole, replaced whole, with what was there before kept beside it.
//!
//! Promises: a link stays a link, its target is what changes; the file is never half written; and nothing is written over what
//! somebody else wrote since it was read.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::cli::exit::{CommandError, Exit};

/// What the name of the file gets to be that of its backup.
const BACKUP: &str = ".cm-tui-backup";
/// Settings may hold keys of accounts, so new ones are their owner's.
const PRIVATE: u32 = 0o600;

pub struct SettingsFile {
    /// As people name it.
    pub path: PathBuf,
    /// Behind all links.
    target: PathBuf,
    /// What it held when it was read; `None` when it was not there.
    pub text: Option<String>,
}

impl SettingsFile {
    /// # Errors
    /// When it cannot be read, is no text, or is a link that leads nowhere.
    pub fn open(path: PathBuf) -> Result<Self, CommandError> {
        let text = read(&path)?;
        let target = match fs::canonicalize(&path) {
            Ok(target) => target,
            Err(_) if fs::symlink_metadata(&path).is_ok() => {
                return Err(CommandError::failed(
                    format!("cannot read {}: the link leads nowhere", path.display()),
                    "make the file that it leads to, or take the link away",
                ));
            }
            Err(_) => path.clone(),
        };
        Ok(Self { path, target, text })
    }

    pub fn backup_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(BACKUP);
        name.into()
    }

    /// What the file was before it was last changed by us.
    pub fn backup(&self) -> Result<Option<String>, CommandError> {
        read(&self.backup_path())
    }

    /// Replaces the file; what was there is kept beside it.
    pub fn change(&self, text: &str) -> Result<(), CommandError> {
        self.is_unchanged()?;
        if let Some(before) = &self.text {
            self.write(&self.backup_path(), before)?;
        }
        self.write(&self.target, text)
    }

    /// Makes the file what its backup says it was, and takes that away; without a text, the file.
    pub fn restore(&self, text: Option<&str>) -> Result<(), CommandError> {
        self.is_unchanged()?;
        let gone = match text {
            Some(text) => {
                self.write(&self.target, text)?;
                self.backup_path()
            }
            None => self.target.clone(),
        };
        fs::remove_file(&gone).map_err(|error| {
            CommandError::because(format!("cannot remove {}", gone.display()), &error)
        })
    }

    fn is_unchanged(&self) -> Result<(), CommandError> {
        if read(&self.path)? == self.text {
            return Ok(());
        }
        Err(CommandError::new(
            Exit::Refused,
            format!(
                "{} has changed meanwhile; nothing was written",
                self.path.display()
            ),
            "run the command again",
        ))
    }

    /// Writes a file: whole, or not at all, and for no more eyes than the settings are.
    fn write(&self, file: &Path, text: &str) -> Result<(), CommandError> {
        let permissions = fs::metadata(&self.target)
            .map_or_else(|_| Permissions::from_mode(PRIVATE), |now| now.permissions());
        replace(file, text, permissions).map_err(|error| {
            CommandError::because(format!("cannot write {}", file.display()), &error)
        })
    }
}

/// The text of a file that may not be there.
fn read(path: &Path) -> Result<Option<String>, CommandError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let what = format!("cannot read {}", path.display());
            Err(CommandError::because(what, &error))
        }
    }
}

fn replace(path: &Path, text: &str, permissions: Permissions) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Two that write at once do not share it.
    let beside = dir.join(format!(".{name}.{}", std::process::id()));
    let written = (|| {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(PRIVATE);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _gone = fs::remove_file(&beside);
    }
    written
}
