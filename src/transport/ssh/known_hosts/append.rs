//! Adding a key that the human accepted.
//!
//! Promise: the file only ever grows by whole lines, never holds a key twice, and a key that changed meanwhile is not
//! added. Others may write to it too: we lock each other out, and OpenSSH, which locks nothing, appends in one write as
//! we do.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::OFlags;

use super::refusal::not_added;
use super::{HostKey, HostName, KnownHosts, Verdict, hashed, refusal};
use crate::transport::ssh::settings::Trust;
use crate::transport::ssh::{SshError, SshErrorKind};

/// Whoever holds the lock reads and writes a short file; five seconds also outlast a sleepy network file system.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Short beside what a human notices, long beside what the holder needs.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Adds the key to the first of the user's files and returns that file. Its folder and the file come to be if missing,
/// for nobody else to read. A key that is there already is not added again. Blocks.
///
/// # Errors
/// When the file cannot be written; when there is none; when other keys of the host have come to be known meanwhile.
pub fn remember(
    trust: &Trust,
    host: &HostName,
    key: &HostKey,
    now: SystemTime,
) -> Result<PathBuf, SshError> {
    let Some(path) = trust.user_files.first() else {
        return Err(SshError::new(
            SshErrorKind::Settings,
            format!("cannot add the key of “{host}”: there is no file for it"),
            "the host is asked about again next time; UserKnownHostsFile names the file",
        ));
    };
    let failed = |error: io::Error| not_added(host, path, &error);
    let mut file = open(path).map_err(failed)?;
    lock(&file).map_err(failed)?;
    let verdict = KnownHosts::load(trust, host)?.check(key, now);
    if matches!(verdict, Verdict::Unknown(_)) {
        append(&mut file, trust, host, key).map_err(failed)?;
    } else if let Some(refused) = refusal(host, key, &verdict) {
        return Err(refused);
    }
    Ok(path.clone())
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        // A pipe that nobody reads must not hold us.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
}

/// Waits for the lock. It goes with the file when that is closed.
fn lock(file: &File) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                thread::sleep(LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another program keeps it locked"));
            }
            // Some file systems have no locks; one line in one write is whole without one.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(());
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn append(file: &mut File, trust: &Trust, host: &HostName, key: &HostKey) -> io::Result<()> {
    let name = host.as_str();
    let name = if trust.is_hashed {
        hashed::hide(name)?
    } else if is_one_name(name) {
        name.to_owned()
    } else {
        return Err(io::Error::other("such a name would stand for other hosts"));
    };
    let key = key
        .line()
        .ok_or_else(|| io::Error::other("it cannot be written down"))?;
    let start = if ends_within_a_line(file)? { "\n" } else { "" };
    file.write_all(format!("{start}{name} {key}\n").as_bytes())
}

/// Whether a line with this name is for this name only: an alias can be any text.
fn is_one_name(name: &str) -> bool {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, ',' | '*' | '?');
    !name.is_empty() && !name.starts_with(['!', '|', '@', '#']) && name.chars().all(is_plain)
}

/// Whether the last line lacks its end.
fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
