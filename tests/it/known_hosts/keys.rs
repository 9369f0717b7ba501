//! Keys and certificates, as `ssh-keygen` makes them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use cm_tui::transport::ssh::known_hosts::HostKey;
use tempfile::TempDir;

/// The files of all keys, made once: RSA keys take a while.
pub struct Keys(BTreeMap<String, String>);

impl Keys {
    pub fn get() -> &'static Self {
        static KEYS: OnceLock<Keys> = OnceLock::new();
        KEYS.get_or_init(Self::make)
    }

    fn make() -> Self {
        let dir = TempDir::new().unwrap();
        for (name, kind) in [
            ("ed", "ed25519"),
            ("ed2", "ed25519"),
            ("ec", "ecdsa"),
            ("rsa", "rsa"),
            ("ca", "ed25519"),
            ("ca2", "ecdsa"),
            ("ca-rsa", "rsa"),
        ] {
            keygen(dir.path(), &["-q", "-t", kind, "-N", "", "-f", name]);
        }
        for (name, options) in [
            ("cert", "-s ca -h -n foo"),
            ("cert-ca2", "-s ca2 -h -n foo,bar"),
            ("cert-rsa", "-s ca-rsa -t rsa-sha2-512 -h -n foo"),
            ("cert-sha1", "-s ca-rsa -t ssh-rsa -h -n foo"),
            ("cert-bar", "-s ca -h -n bar"),
            ("cert-upper", "-s ca -h -n FOO"),
            ("cert-star", "-s ca -h -n fo*"),
            ("cert-ported", "-s ca -h -n [foo]:2222"),
            ("cert-all", "-s ca -h"),
            ("cert-old", "-s ca -h -n foo -V 20200101:20210101"),
            ("cert-new", "-s ca -h -n foo -V 20900101:20910101"),
            ("cert-user", "-s ca -n foo"),
            (
                "cert-critical",
                "-s ca -h -n foo -O critical:must@example.org",
            ),
        ] {
            let source = dir.path().join(name);
            fs::copy(dir.path().join("ed"), &source).unwrap();
            fs::copy(
                dir.path().join("ed.pub"),
                dir.path().join(format!("{name}.pub")),
            )
            .unwrap();
            let arguments: Vec<&str> = ["-q", "-I", name]
                .into_iter()
                .chain(options.split(' '))
                .chain([source.to_str().unwrap()])
                .collect();
            keygen(dir.path(), &arguments);
        }
        let read = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        };
        let files = fs::read_dir(dir.path()).unwrap();
        Self(files.map(|entry| read(entry.unwrap())).collect())
    }

    /// Writes a file where a program can read it.
    pub fn put(&self, name: &str, folder: &Path) -> PathBuf {
        let path = folder.join(name);
        let mut file = OpenOptions::new();
        file.create_new(true).write(true).mode(0o600);
        let mut file = file.open(&path).unwrap();
        file.write_all(self.0[name].as_bytes()).unwrap();
        path
    }

    /// Algorithm and key, without the comment.
    pub fn text(&self, name: &str) -> String {
        let text = &self.0[&format!("{name}.pub")];
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// What a host shows that has this key, or the certificate of this name.
    pub fn shown(&self, name: &str) -> HostKey {
        let file = if name.starts_with("cert") {
            format!("{name}-cert.pub")
        } else {
            format!("{name}.pub")
        };
        HostKey::from_openssh(&self.0[&file]).unwrap()
    }

    /// `{ed}` stands for that key.
    pub fn filled(&self, content: &str) -> String {
        let names = ["ed", "ed2", "ec", "rsa", "ca", "ca2", "ca-rsa", "cert-cert"];
        names.iter().fold(content.to_owned(), |content, name| {
            let token = format!("{{{name}}}");
            if content.contains(&token) {
                content.replace(&token, &self.text(name))
            } else {
                content
            }
        })
    }
}

fn keygen(folder: &Path, arguments: &[&str]) {
    let done = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {done:?}");
}
