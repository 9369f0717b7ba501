//! What holds for every allowance, whatever a rule says: the floor that no file can lower.

use super::Case;
use super::path::{Project, absolute};
use super::secrets;
use crate::domain::command;
use crate::domain::{PromptKind, Source};

/// Programs that reach out of the session or above its rights: never answered by a rule.
const NEVER: [&str; 10] = [
    "cm-agent", "cm-tui", "doas", "pkexec", "run0", "screen", "su", "sudo", "tmux", "zellij",
];
/// Programs that run what they are given: of their words nothing can be proved by a list of options.
const LAUNCHERS: &[&str] = &[
    ".",
    "ash",
    "at",
    "awk",
    "bash",
    "batch",
    "builtin",
    "bun",
    "bunx",
    "busybox",
    "chroot",
    "chrt",
    "cmd",
    "command",
    "csh",
    "dash",
    "deno",
    "docker",
    "doas",
    "emacs",
    "env",
    "eval",
    "ex",
    "exec",
    "expect",
    "fish",
    "flock",
    "gawk",
    "gdb",
    "ionice",
    "java",
    "ksh",
    "kubectl",
    "less",
    "lua",
    "man",
    "mawk",
    "more",
    "nano",
    "nawk",
    "nerdctl",
    "nice",
    "node",
    "nohup",
    "npx",
    "nsenter",
    "nvim",
    "osascript",
    "parallel",
    "perl",
    "php",
    "pipx",
    "pkexec",
    "pnpx",
    "podman",
    "python",
    "python2",
    "python3",
    "rlwrap",
    "rsync",
    "ruby",
    "run0",
    "runuser",
    "scp",
    "screen",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "sftp",
    "sh",
    "socat",
    "source",
    "ssh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "tclsh",
    "time",
    "timeout",
    "tmux",
    "trap",
    "unshare",
    "uvx",
    "vi",
    "view",
    "vim",
    "watch",
    "xargs",
    "zsh",
];

/// What is known of a case that may be allowed.
#[derive(Clone, Debug)]
pub(super) enum Known {
    Command(Project, Vec<String>),
    /// A file of the project, by its real path.
    File(Project, String),
}

/// What is known of a case, if it may be allowed at all; else why not.
pub(super) fn permits(case: &Case<'_>) -> Result<Known, String> {
    match case.source {
        Source::Hook | Source::Screen => {}
        Source::Status | Source::Title | Source::Notice | Source::Process => {
            return Err("what exactly is at stake is not known".to_owned());
        }
    }
    if case.contexts.is_none() {
        // It may be in one with rules of its own that nobody has read.
        return Err("which context it is in cannot be told".to_owned());
    }
    match case.kind {
        PromptKind::Command => {
            let words = command::words(case.subject)
                .map_err(|why| format!("nothing can be proved of it: {why}"))?;
            if let Some(name) = words.first().map(|word| file_name(word))
                && NEVER.contains(&name)
            {
                return Err(format!("“{name}” is for a person"));
            }
            Ok(Known::Command(Project::of(case)?, words))
        }
        PromptKind::Read | PromptKind::Edit | PromptKind::Create => {
            let project = Project::of(case)?;
            let real = project.inside(case, case.subject)?;
            Ok(Known::File(project, real))
        }
        kind => Err(format!(
            "no rule can allow a prompt of the kind “{}”",
            kind.word()
        )),
    }
}

/// Whether a word of a command that is allowed word for word still names what it did: nothing outside the project, no
/// secret.
pub(super) fn plain_word(case: &Case<'_>, project: &Project, word: &str) -> Result<(), String> {
    let parts = word
        .split_once('=')
        .map_or([word, ""], |(name, value)| [name, value]);
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let exists = (case.resolve)(&absolute(case.dir, part)).is_some();
        if exists || part.starts_with(['/', '~']) || part.split('/').any(|name| name == "..") {
            project.inside(case, part)?;
        } else if let Some(name) = secrets::sensitive(part) {
            return Err(format!("“{part}” may hold secrets or settings (“{name}”)"));
        }
    }
    Ok(())
}

/// Whether a program runs what it is given.
pub(super) fn is_launcher(program: &str) -> bool {
    LAUNCHERS.contains(&program) || program.starts_with("python3.")
}

/// Whether a program is never answered by a rule.
pub(super) fn is_never(program: &str) -> bool {
    NEVER.contains(&program)
}

/// The last name of a path.
pub(super) fn file_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
