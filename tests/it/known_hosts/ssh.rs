//! A real `sshd` shows its keys to `ssh`.
//!
//! The server speaks over the pipes of a proxy command, so each case has its own host name and port without any port
//! being taken, and nothing waits for a server to start.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cm_tui::transport::ssh::settings::Trust;
use tempfile::TempDir;

use super::keys::Keys;

/// What `ssh` says.
pub struct Said {
    pub verdict: &'static str,
    /// The algorithm that host and client agreed on.
    pub algorithm: String,
    pub all: String,
}

/// Connects with `ssh` to a real server that has these keys.
pub fn ssh(trust: &Trust, host: &str, port: u16, shown: &[&str]) -> Said {
    let keys = Keys::get();
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("sshd_config");
    let mut lines =
        String::from("UsePAM no\nStrictModes no\nPidFile none\nAuthorizedKeysFile none\n");
    for name in shown {
        let key = keys.put(name, dir.path());
        writeln!(lines, "HostKey {}", key.display()).unwrap();
        if name.starts_with("cert") {
            let certificate = keys.put(&format!("{name}-cert.pub"), dir.path());
            writeln!(lines, "HostCertificate {}", certificate.display()).unwrap();
        }
    }
    fs::write(&config, lines).unwrap();
    if rustix::process::getuid().is_root() {
        // Where it separates privileges; an ordinary user's server does not.
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let mut command = Command::new("ssh");
    command
        .args(["-F", "none", "-v", "-p", &port.to_string()])
        .arg(format!("-oUserKnownHostsFile={}", files(&trust.user_files)))
        .arg(format!(
            "-oGlobalKnownHostsFile={}",
            files(&trust.global_files)
        ))
        .arg(format!(
            "-oProxyCommand={} -i -f {}",
            sshd().display(),
            config.display()
        ));
    if let Some(alias) = &trust.alias {
        command.arg(format!("-oHostKeyAlias={alias}"));
    }
    let output = command
        .args([
            "-oBatchMode=yes",
            "-oStrictHostKeyChecking=yes",
            "-oUpdateHostKeys=no",
        ])
        .args([
            "-oIdentityAgent=none",
            "-oIdentityFile=none",
            "-oCheckHostIP=no",
        ])
        // Any will do, and this one is quick.
        .args(["-oKexAlgorithms=curve25519-sha256"])
        .args([host, "true"])
        .env("HOME", dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let all = String::from_utf8_lossy(&output.stderr).into_owned();
    let says = |text: &str| all.contains(text);
    let verdict = if says("SERVICE_ACCEPT received") {
        "known"
    } else if says("has changed and you have requested strict checking") {
        "changed"
    } else if says("host key is known for") {
        "unknown"
    } else if says("was revoked and you have requested strict checking") {
        "revoked"
    } else {
        panic!("{all}")
    };
    let algorithm = all
        .lines()
        .find_map(|line| line.strip_prefix("debug1: kex: host key algorithm: "))
        .unwrap()
        .trim_end()
        .to_owned();
    Said {
        verdict,
        algorithm,
        all,
    }
}

fn files(files: &[PathBuf]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    if files.is_empty() {
        "/dev/null".into()
    } else {
        files.join(" ")
    }
}

fn sshd() -> &'static Path {
    let places = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];
    let found = places.map(Path::new).into_iter().find(|path| path.exists());
    found.expect("these tests need an OpenSSH server: install openssh-server")
}
