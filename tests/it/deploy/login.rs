//! A host made of a login shell and a home folder, and what can go wrong with its connection.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cm_tui::fleet::deploy::program::Program;
use cm_tui::fleet::deploy::shell::{Ending, drive};
use cm_tui::fleet::deploy::{Limits, Ran, Release, Shell};
use cm_tui::transport::ssh::{SshError, SshErrorKind};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// What our commands call, besides the program that makes a sum.
pub const TOOLS: [&str; 15] = [
    "sh", "cat", "head", "wc", "mkdir", "rmdir", "rm", "mv", "ls", "chmod", "find", "uname", "df",
    "getconf", "setsid",
];

/// A login shell as sshd starts it: `SHELL -c COMMAND`, without a terminal, with little in its environment.
pub struct Login {
    pub dir: TempDir,
    shell: Vec<String>,
    path: String,
    env: Vec<(String, String)>,
}

impl Login {
    /// `shell` may be several words, such as `busybox sh`.
    pub fn new(shell: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
        for folder in ["home", "bin", "run", "tmux"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(dir.path().join(folder), private).unwrap();
        }
        let path = format!("{}:/usr/bin:/bin", dir.path().join("bin").display());
        Self {
            shell: shell.split(' ').map(str::to_owned).collect(),
            path,
            env: Vec::new(),
            dir,
        }
    }

    /// Only the named programs exist.
    pub fn with_only(mut self, programs: &[&str]) -> Self {
        for name in programs {
            let real = format!("/usr/bin/{name}");
            assert!(Path::new(&real).exists(), "{real}");
            symlink(real, self.dir.path().join("bin").join(name)).unwrap();
        }
        self.path = self.dir.path().join("bin").display().to_string();
        self
    }

    /// `sh` is another one than the system's.
    pub fn with_sh(self, program: &str) -> Self {
        symlink(program, self.dir.path().join("bin/sh")).unwrap();
        self
    }

    /// What comes before `-c COMMAND`.
    pub fn with_shell(mut self, words: &[&str]) -> Self {
        self.shell = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Where our agents lie.
    pub fn cache(&self) -> PathBuf {
        self.home().join(".local/share/cm/agent")
    }

    /// Writes a file below the home.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a program below the home that says it is an agent.
    pub fn agent(&self, name: &str, line: &str) -> PathBuf {
        let path = self.write(name, &stand_in(line, 0));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    pub fn command(&self, command: &str) -> Command {
        let mut login = Command::new(&self.shell[0]);
        login
            .args(&self.shell[1..])
            .args(["-c", command])
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", &self.path)
            .env("XDG_RUNTIME_DIR", self.dir.path().join("run"))
            .env("TMUX_TMPDIR", self.dir.path().join("tmux"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home());
        login
    }

    fn spawn(&self, command: &str) -> Child {
        self.command(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Every file below the home that has to do with us.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        gather(&self.home().join(".local/share/cm"), &mut found);
        let home = self.home();
        let mut names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(&home).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        gather(&path, found);
        found.push(path);
    }
}

impl Shell for Login {
    async fn run(
        &self,
        command: &'static str,
        stdin: Vec<u8>,
        limits: Limits,
    ) -> Result<Ran, SshError> {
        let mut child = self.spawn(command);
        let streams = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let end = async move {
            let mut stderr = String::new();
            errors.read_to_string(&mut stderr).await.unwrap();
            let status = child.wait().await.unwrap().code();
            Ok(Ending {
                status: status.map(i32::cast_unsigned),
                stderr,
            })
        };
        drive((streams.0, streams.1, end), stdin, limits).await
    }
}

/// A connection on which only the first bytes of the input arrive, in order.
pub struct Cut<'a> {
    pub login: &'a Login,
    pub after: usize,
    pub loss: Loss,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Only of the input: the answer still comes back.
    Input,
    /// Of everything at once.
    All,
}

impl Shell for Cut<'_> {
    async fn run(
        &self,
        command: &'static str,
        mut stdin: Vec<u8>,
        limits: Limits,
    ) -> Result<Ran, SshError> {
        stdin.truncate(self.after);
        if self.loss == Loss::Input {
            return self.login.run(command, stdin, limits).await;
        }
        let mut child = self.login.spawn(command);
        drop((child.stdout.take(), child.stderr.take()));
        let mut input = child.stdin.take().unwrap();
        input.write_all(&stdin).await.unwrap();
        drop(input);
        child.wait().await.unwrap();
        Err(SshError::new(SshErrorKind::Lost, "connection lost", ""))
    }
}

/// A script that says it is an agent, greets when it is started, and is at least so many bytes long.
pub fn stand_in(line: &str, bytes: usize) -> String {
    let script = format!(
        "#!/bin/sh\ncase $1 in --version) echo '{line}';; stdio) printf 'agent speaks\\n'; cat;; esac\nexit 0\n"
    );
    let padding = bytes.saturating_sub(script.len());
    script + &"#".repeat(padding)
}

/// A program that takes the place of ours.
pub fn program(bytes: usize) -> Program {
    Program::new(stand_in(&Release::ours().line(), bytes).into_bytes())
}
