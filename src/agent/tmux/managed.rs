//! Our own tmux servers: their configuration, their names, their start.
//!
//! Everything that must work while the agent is dead is done by tmux itself, by the hooks in the configuration. The
//! user's `~/.tmux.conf` is not read, so nothing in it can change what happens to our sessions.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::{TmuxConfig, error::TmuxError, version::Version};

/// The session that keeps a server up and that our control client is attached to. Its only pane is dead from the
/// start, so it costs no process.
pub const MONITOR: &str = "cm-agent";

/// A global option by which a server of ours is recognised.
pub const MARK: &str = "@cm_managed";

/// tmux looks at all windows for each event: 0.1 ms with 10 of them, 1.1 ms with 500. At 50 a flood in one session
/// also leaves the other servers alone.
pub const SESSIONS_A_SERVER: usize = 50;

/// Hooks use one high number, so that they never replace one that a person adds by hand.
const HOOK: &str = "917";

/// Returns the socket of the managed server with this number, from 1.
pub fn socket(config: &TmuxConfig, number: usize) -> PathBuf {
    match number {
        1 => config.socket_dir.join(&config.label),
        _ => config.socket_dir.join(format!("{}-{number}", config.label)),
    }
}

/// Whether a socket has the name of a managed server. The server must still say so itself.
pub fn is_named_like_ours(config: &TmuxConfig, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix(&config.label));
    path.parent() == Some(&config.socket_dir)
        && number.is_some_and(|number| {
            let digits = number.strip_prefix('-').unwrap_or_default();
            let counts = digits.bytes().all(|d| d.is_ascii_digit()) && !digits.starts_with('0');
            number.is_empty() || (!digits.is_empty() && digits != "1" && counts)
        })
}

/// Creates the folder with mode 0700 if it is missing, and refuses it unless it is a real folder of ours that others
/// cannot enter: the check that tmux makes for its own.
pub fn check_folder(path: &Path) -> Result<(), TmuxError> {
    let unsafe_because = |why| TmuxError::UnsafeFolder {
        path: path.to_owned(),
        why,
    };
    let failed = |source| TmuxError::File {
        what: "create",
        path: path.to_owned(),
        source,
    };
    if let Err(source) = fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(path)
    {
        // A link or a file in its place is reported below.
        if fs::symlink_metadata(path).is_err() {
            return Err(failed(source));
        }
    }
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if !found.is_dir() {
        return Err(unsafe_because("it is not a folder"));
    }
    if found.uid() != rustix::process::getuid().as_raw() {
        return Err(unsafe_because("it belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(unsafe_because("other users may enter it"));
    }
    Ok(())
}

/// Writes the configuration of our servers and returns its path.
pub fn write_configuration(config: &TmuxConfig, version: Version) -> Result<PathBuf, TmuxError> {
    let path = config.run_dir.join("tmux.conf");
    let fresh = config.run_dir.join("tmux.conf.new");
    let text = configuration(config.size, version, has_terminfo("tmux-256color"));
    let write = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&fresh)?.write_all(text.as_bytes())?;
        fs::rename(&fresh, &path)
    };
    match write() {
        Ok(()) => Ok(path),
        Err(source) => Err(TmuxError::File {
            what: "write",
            path,
            source,
        }),
    }
}

/// Returns the configuration text. It can be read again by a running server without harm.
fn configuration((cols, rows): (u16, u16), version: Version, tmux_terminfo: bool) -> String {
    let terminal = if tmux_terminfo {
        "tmux-256color"
    } else {
        "screen-256color"
    };
    let mut text = format!(
        "# Written by cm-agent at each start; changes are lost.\n\
         set -g {MARK} 1\n\
         set -g default-terminal {terminal}\n\
         set -s escape-time 10\n\
         set -s set-clipboard off\n\
         set -s exit-unattached off\n\
         set -g destroy-unattached off\n\
         set -g history-limit 5000\n\
         set -g mouse on\n\
         set -g prefix C-b\n\
         bind -n C-] detach-client\n\
         set -g default-size {cols}x{rows}\n\
         set -wg remain-on-exit on\n\
         set -wg automatic-rename off\n\
         set -wg allow-rename off\n\
         set -wgq allow-passthrough off\n\
         set -wg aggressive-resize off\n\
         set -g status on\n\
         set -g status-position bottom\n\
         set -g status-interval 0\n\
         set -g status-left-length 60\n\
         set -g status-left ' #{{session_name}} '\n\
         set -wg window-status-format ''\n\
         set -wg window-status-current-format ''\n\
         set -g status-right-length 40\n\
         set -g status-right ' ctrl-] back to the dashboard '\n"
    );
    for (hook, command) in hooks((cols, rows), version) {
        let command = command.replace('"', "\\\"");
        writeln!(text, "set-hook -g {hook}[{HOOK}] \"{command}\"")
            .expect("writing to a string cannot fail");
    }
    text
}

/// The size follows a human who attaches and returns when the last one has left; and what tmux does not tell a control
/// client makes a window of the monitor session get its name once more, which it does tell.
///
/// A hook's own commands give no notices, but what `run-shell -C` runs does; it also expands formats, and a format can
/// loop over all windows, which is the only way to find the one that a client has left.
fn hooks((cols, rows): (u16, u16), version: Version) -> Vec<(&'static str, String)> {
    if !version.runs_commands_later() {
        return vec![];
    }
    let follow = "if -F '#{client_control_mode}' '' \
                  'set-option -w window-size latest ; set-option -w @cm_follows 1'";
    let tell = format!("rename-window -t ={MONITOR}: {MONITOR}");
    let left = "#{&&:#{==:#{session_attached},0},#{@cm_follows}}";
    let pin = format!(
        "resize-window -t #{{window_id}} -x #{{?@cm_cols,#{{@cm_cols}},{cols}}} \
         -y #{{?@cm_rows,#{{@cm_rows}},{rows}}} ; set-option -w -u -t #{{window_id}} @cm_follows ; "
    );
    let pin = format!("run-shell -C '{tell} ; #{{S:#{{W:#{{?{left},{pin},}}}}}}'");
    let wake = format!("run-shell -bC '{tell}'");
    let told = ["window-resized", "window-layout-changed", "pane-died"];
    let mut hooks = vec![
        ("client-attached", follow.to_owned()),
        ("client-session-changed", follow.to_owned()),
        ("client-detached", pin),
    ];
    hooks.extend(told.map(|hook| (hook, wake.clone())));
    hooks
}

fn has_terminfo(name: &str) -> bool {
    let own = std::env::var_os("TERMINFO").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".terminfo"));
    let system = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"].map(PathBuf::from);
    let first = name.chars().next().unwrap_or('?');
    let folders = own.into_iter().chain(home).chain(system);
    folders.into_iter().any(|folder| {
        let by_letter = folder.join(first.to_string()).join(name);
        // macOS names the folders by number.
        let by_number = folder.join(format!("{:x}", u32::from(first))).join(name);
        by_letter.exists() || by_number.exists()
    })
}

/// Returns a tmux command line for `socket` that knows nothing of a tmux we may run in.
pub fn command(config: &TmuxConfig, socket: &Path) -> Command {
    let mut command = Command::new(&config.tmux);
    command
        .arg("-u")
        .arg("-S")
        .arg(socket)
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Starts the server on `socket`, or only its monitor session if it runs. The server leaves our session and process
/// group by itself, so it outlives us; it inherits none of our descriptors.
pub async fn start(
    config: &TmuxConfig,
    configuration: &Path,
    socket: &Path,
) -> Result<(), TmuxError> {
    let mut command = command(config, socket);
    command.arg("-f").arg(configuration);
    command.args(["new-session", "-d", "-s", MONITOR, "-n", MONITOR]);
    // One word, so tmux runs it by a shell; it ends at once and the pane is kept.
    command.args(["-x", "40", "-y", "3", "true"]);
    let output = command
        .output()
        .await
        .map_err(|source| TmuxError::Program {
            program: config.tmux.clone(),
            source,
        })?;
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() || message.starts_with("duplicate session") {
        Ok(())
    } else {
        Err(TmuxError::Start {
            socket: socket.to_owned(),
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cm", true)]
    #[case("cm-2", true)]
    #[case("cm-17", true)]
    #[case("cm-1", false)]
    #[case("cm-02", false)]
    #[case("cm-", false)]
    #[case("cm2", false)]
    #[case("cmx", false)]
    #[case("default", false)]
    fn managed_sockets_are_known_by_their_names(#[case] name: &str, #[case] ours: bool) {
        let config = TmuxConfig {
            tmux: "/usr/bin/tmux".into(),
            socket_dir: "/tmp/tmux-1".into(),
            label: "cm".to_owned(),
            run_dir: "/run/cm".into(),
            agent_program: "/usr/bin/cm-agent".into(),
            size: (120, 40),
            extra_sockets: Vec::new(),
            capture_leak: 0,
            options: Vec::new(),
        };
        assert_eq!(
            is_named_like_ours(&config, &config.socket_dir.join(name)),
            ours
        );
        assert!(!is_named_like_ours(
            &config,
            &Path::new("/elsewhere").join(name)
        ));
    }

    #[test]
    fn folder_is_made_private_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let fresh = dir.path().join("a/b");
        check_folder(&fresh).unwrap();
        assert_eq!(fs::metadata(&fresh).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(
            check_folder(&fresh),
            Err(TmuxError::UnsafeFolder { .. })
        ));
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(matches!(
            check_folder(&link),
            Err(TmuxError::UnsafeFolder { .. })
        ));
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            check_folder(&file),
            Err(TmuxError::UnsafeFolder { .. })
        ));
    }
}
