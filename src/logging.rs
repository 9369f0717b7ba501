//! Writes diagnostics to a file, and only there: a full-screen program has no place for them on its terminal.
//!
//! The file is private (0600) and bounded: when it is over [`ROTATE_AT`] at the start of a run it becomes `NAME.log.1`,
//! replacing an older one. Control characters in messages are written escaped, so that reading the file with `cat` is
//! harmless.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use crate::paths::{DirError, Paths, private_dir};

/// The variable that sets the level: `off`, `error`, `warn`, `info`, `debug` or `trace`.
pub const LEVEL_VARIABLE: &str = "CM_LOG";
/// The size at which the file is put aside, in bytes: weeks of `info`, and two of them still fit an e-mail.
pub const ROTATE_AT: u64 = 5 << 20;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error("cannot write the log “{path}”", path = path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("logging was started twice")]
    AlreadyStarted,
}

/// Starts logging of this process to [`Paths::log_file`] of `name`. Call once, before the first thread.
pub fn start(paths: &Paths, name: &str) -> Result<(), LogError> {
    private_dir(&paths.state_dir)?;
    let file = open(&paths.log_file(name), ROTATE_AT)?;
    let wanted = std::env::var(LEVEL_VARIABLE).ok();
    let level = level(wanted.as_deref());
    tracing::subscriber::set_global_default(subscriber(file, level.unwrap_or(LevelFilter::INFO)))
        .map_err(|_already| LogError::AlreadyStarted)?;
    if level.is_none() {
        tracing::warn!(
            value = wanted,
            "{LEVEL_VARIABLE} is not a level: using info"
        );
    }
    Ok(())
}

/// The level that `wanted` names; `None` when it names none.
fn level(wanted: Option<&str>) -> Option<LevelFilter> {
    wanted.map_or(Some(LevelFilter::INFO), |text| text.trim().parse().ok())
}

fn open(path: &Path, rotate_at: u64) -> Result<File, LogError> {
    let error = |source| LogError::File {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).is_ok_and(|found| found.len() > rotate_at) {
        fs::rename(path, path.with_extension("log.1")).map_err(error)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(error)
}

fn subscriber(file: File, level: LevelFilter) -> impl tracing::Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(Mutex::new(file))
        .finish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn the_level_is_info_unless_named() {
        assert_eq!(level(None), Some(LevelFilter::INFO));
        assert_eq!(level(Some("debug")), Some(LevelFilter::DEBUG));
        assert_eq!(level(Some("loud")), None);
    }

    #[test]
    fn a_large_log_is_put_aside_once() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.log");
        fs::write(&path, "12345").unwrap();
        drop(open(&path, 5).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "12345");
        drop(open(&path, 4).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        assert_eq!(
            fs::read_to_string(temp.path().join("x.log.1")).unwrap(),
            "12345"
        );
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn foreign_text_in_a_message_cannot_drive_a_terminal() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.log");
        let log = subscriber(open(&path, ROTATE_AT).unwrap(), LevelFilter::INFO);
        tracing::subscriber::with_default(log, || {
            tracing::info!(title = "\u{1b}]0;owned\u{7}", "said \u{1b}[2J");
            tracing::debug!("not written");
        });
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("said"), "{text}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{7}'),
            "{text:?}"
        );
        assert!(!text.contains("not written"));
    }
}
