//! The settings of a host, as OpenSSH's own resolver says them: `ssh -G`.
//!
//! So `Include`, `Match`, patterns and defaults are right by construction; what `ssh -G` leaves to be done (tokens, `~`,
//! jump hosts, lists that are only defaults) is done here. Where no `ssh` is installed, the context's fields and plain
//! defaults have to do. Promise: no name reaches `ssh` or a shell that could be an option or a command.

mod dump;
mod expand;
mod fields;
mod local;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;
use tokio::time::timeout;

pub(in crate::transport) use self::dump::Dump;
pub use self::fields::HostFields;
pub(in crate::transport) use self::fields::quoted;
pub(in crate::transport) use self::local::Local;
use super::settings::{Route, Settings};
use super::{SshError, SshErrorKind};
use crate::domain::destination::{self, Destination, DestinationError};
use crate::term::sanitize;

/// How long `ssh -G` may take. It reads files only, but a `Match exec` of the user's may run anything, and
/// `CanonicalizeHostname` waits for DNS, which gives up after ten seconds.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest way to a host. Nobody goes through more machines on purpose; a circle of jump hosts has no end.
const MOST_HOPS: usize = 8;
/// The longest word of OpenSSH that is repeated, in columns: more does not fit a row.
const LONGEST_WORDS: usize = 200;

/// Finds out everything that connecting to a host needs to know.
///
/// # Errors
/// [`SshErrorKind::Settings`], with OpenSSH's own words where it refuses the user's settings.
pub async fn resolve(fields: &HostFields) -> Result<Settings, SshError> {
    Resolver::default().resolve(fields).await
}

/// Resolves hosts with one `ssh`.
#[derive(Clone, Debug)]
pub(in crate::transport) struct Resolver {
    pub program: PathBuf,
}

impl Default for Resolver {
    fn default() -> Self {
        Self {
            program: "ssh".into(),
        }
    }
}

impl Resolver {
    pub async fn resolve(&self, fields: &HostFields) -> Result<Settings, SshError> {
        fields.check()?;
        // What OpenSSH says without any settings: its defaults, and whom it takes the user for.
        let bare = HostFields {
            config_file: Some("/dev/null".into()),
            ..HostFields::named("localhost")
        };
        let Some(defaults) = self.dump(&bare).await? else {
            return local::plain(fields, &Local::guess());
        };
        let local = Local::of(&defaults);
        self.with_route(fields, &defaults, &local).await
    }

    /// What `ssh -G` prints; none where no `ssh` is installed.
    pub async fn dump(&self, fields: &HostFields) -> Result<Option<Dump>, SshError> {
        let name = &fields.name;
        let child = Command::new(&self.program)
            // No pseudo-terminal: else it complains that there is none.
            .args(["-T", "-G"])
            .args(fields.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let failed = |error: &io::Error| {
            let message = format!("cannot run {}: {error}", self.program.display());
            settings_error(message, "check that ssh can be run")
        };
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let Ok(output) = timeout(DEADLINE, child.wait_with_output()).await else {
            let limit = DEADLINE.as_secs();
            let message = format!("ssh -G {name} has not ended within {limit} s");
            return Err(settings_error(message, format!("try: ssh -G {name}")));
        };
        group.0 = None;
        let output = output.map_err(|error| failed(&error))?;
        if output.status.success() {
            Ok(Some(Dump::parse(&String::from_utf8_lossy(&output.stdout))))
        } else {
            let words = last_words(&String::from_utf8_lossy(&output.stderr));
            let message = format!("ssh refuses the settings of “{name}”: {words}");
            Err(settings_error(message, format!("try: ssh -G {name}")))
        }
    }

    /// The last host's settings first, then hop by hop towards us.
    async fn with_route(
        &self,
        fields: &HostFields,
        defaults: &Dump,
        local: &Local,
    ) -> Result<Settings, SshError> {
        let (mut settings, mut jump) = self.one(fields, defaults, local).await?;
        // From the first one on the way to the last.
        let mut way: Vec<Settings> = Vec::new();
        let mut seen = BTreeSet::from([identity(&settings)]);
        while let Some(list) = jump.take() {
            let hops = Destination::hops(&list)
                .map_err(|error| unsafe_name(&settings.name, "its jump host", &error))?;
            if way.len() + hops.len() > MOST_HOPS {
                let message = format!("“{}” is behind more than {MOST_HOPS} hosts", settings.name);
                return Err(settings_error(message, "check ProxyJump: is it a circle?"));
            }
            let mut part = Vec::with_capacity(hops.len());
            for (index, hop) in hops.iter().enumerate() {
                let fields = HostFields {
                    name: hop.host.clone(),
                    user: hop.user.clone(),
                    port: hop.port,
                    identity: None,
                    // Only the first host of a list is reached in its own way, as in OpenSSH.
                    jump: (index > 0).then(|| "none".to_owned()),
                    config_file: fields.config_file.clone(),
                };
                let (hop, its_jump) = self.one(&fields, defaults, local).await?;
                if !seen.insert(identity(&hop)) {
                    let message = format!(
                        "the way to “{}” is a circle: it goes through “{}” twice",
                        settings.name, hop.name
                    );
                    return Err(settings_error(message, "check ProxyJump in ~/.ssh/config"));
                }
                if index == 0 {
                    jump = its_jump;
                }
                part.push(hop);
            }
            part.append(&mut way);
            way = part;
        }
        if !way.is_empty() {
            settings.route = Route::Jump(way);
        }
        Ok(settings)
    }

    /// One host's own settings, and the jump hosts that they name.
    async fn one(
        &self,
        fields: &HostFields,
        defaults: &Dump,
        local: &Local,
    ) -> Result<(Settings, Option<String>), SshError> {
        let destination = fields.check()?;
        let Some(dump) = self.dump(fields).await? else {
            let message = format!("{} is gone", self.program.display());
            return Err(settings_error(message, "install the OpenSSH client"));
        };
        let settings = dump::settings(fields, &destination, &dump, defaults, local)?;
        destination::host_name(&settings.host_name)
            .map_err(|error| unsafe_name(&fields.name, "its HostName", &error))?;
        destination::user_name(&settings.user)
            .map_err(|error| unsafe_name(&fields.name, "its User", &error))?;
        Ok((settings, dump.one("proxyjump").map(str::to_owned)))
    }
}

/// A running `ssh` and what a `Match exec` runs in it: killed when nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself meanwhile.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What makes a host of a way another one: its name, not its address, because hosts behind a tunnel share theirs.
fn identity(settings: &Settings) -> (String, u16, String) {
    let name = settings.name.rsplit('@').next().unwrap_or_default();
    (name.to_owned(), settings.port, settings.user.clone())
}

fn settings_error(message: impl Into<String>, hint: impl Into<String>) -> SshError {
    SshError::new(SshErrorKind::Settings, message, hint)
}

fn unsafe_name(name: &str, what: &str, error: &DestinationError) -> SshError {
    let name = sanitize::label(name, LONGEST_WORDS);
    settings_error(
        format!("cannot use the host “{name}”: {what} is not safe: {error}"),
        "write it as you would after ssh",
    )
}

/// What OpenSSH says about a failure: its last line that is not only a count.
pub(in crate::transport) fn last_words(stderr: &str) -> String {
    let words = stderr
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.contains(": terminating, "));
    sanitize::label(words.unwrap_or("it does not say why"), LONGEST_WORDS)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::transport::ssh::settings::{IdentityAgent, UnknownKeys};

    /// Puts a program there. Another process writes it: one that a test beside us starts could inherit our descriptor, and
    /// what is open for writing cannot be run.
    fn install(folder: &Path, script: &str) -> Resolver {
        let (source, program) = (folder.join("script"), folder.join("ssh"));
        std::fs::write(&source, script).unwrap();
        let mut install = std::process::Command::new("install");
        let status = install
            .args(["-m", "755"])
            .args([&source, &program])
            .status();
        assert!(status.unwrap().success());
        Resolver { program }
    }

    /// An `ssh` that writes down its arguments, one a line, and prints what a real one would.
    fn recorder(folder: &Path) -> Resolver {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >>{}\nexec ssh \"$@\"\n",
            folder.join("arguments").display()
        );
        install(folder, &script)
    }

    #[tokio::test]
    async fn every_field_is_an_argument_of_its_own_and_the_name_comes_last() {
        let temp = tempfile::tempdir().unwrap();
        let fields = HostFields {
            name: "gpu".into(),
            user: Some("CORP\\me too".into()),
            port: Some(2222),
            identity: Some("/keys/my \"best\" key".into()),
            jump: Some("none".into()),
            config_file: Some("/dev/null".into()),
        };
        let settings = recorder(temp.path()).resolve(&fields).await.unwrap();
        assert_eq!(settings.user, "CORP\\me too");
        assert_eq!(settings.port, 2222);
        assert_eq!(
            settings.identity_files,
            [Path::new("/keys/my \"best\" key")]
        );
        let arguments = std::fs::read_to_string(temp.path().join("arguments")).unwrap();
        insta::assert_snapshot!(arguments, @r#"
        -T
        -G
        -F
        /dev/null
        --
        localhost
        -T
        -G
        -F
        /dev/null
        -o
        User="CORP\\me too"
        -o
        Port=2222
        -o
        IdentityFile="/keys/my \"best\" key"
        -o
        ProxyCommand=none
        --
        gpu
        "#);
    }

    #[rstest::rstest]
    #[case("-oProxyCommand=reboot", None, None)]
    #[case("a;reboot", None, None)]
    #[case("a\nb", None, None)]
    #[case("a", Some("-l"), None)]
    #[case("a", Some("$(reboot)"), None)]
    #[case("a", None, Some("-oProxyCommand=reboot"))]
    #[case("a", None, Some("b,`reboot`"))]
    #[tokio::test]
    async fn an_unsafe_name_never_reaches_ssh(
        #[case] name: &str,
        #[case] user: Option<&str>,
        #[case] jump: Option<&str>,
    ) {
        let temp = tempfile::tempdir().unwrap();
        let fields = HostFields {
            user: user.map(str::to_owned),
            jump: jump.map(str::to_owned),
            ..HostFields::named(name)
        };
        let error = recorder(temp.path()).resolve(&fields).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Settings);
        assert!(!temp.path().join("arguments").exists(), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ssh_that_never_ends_is_given_up_with_all_that_it_runs() {
        let temp = tempfile::tempdir().unwrap();
        // The pipe has a reader as soon as this runs, and none when all of it is gone.
        let pipe = temp.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let script = format!("#!/bin/sh\nsleep 1000 <{0} &\nwait\n", pipe.display());
        let resolver = install(temp.path(), &script);
        let mut resolving = Box::pin(async { resolver.resolve(&HostFields::named("gpu")).await });
        // Opening it waits for the reader; meanwhile no time passes.
        let mut writer = {
            tokio::select! {
                biased;
                early = &mut resolving => panic!("{early:?}"),
                opened = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe)) => opened.unwrap().unwrap(),
            }
        };
        let error = resolving.await.unwrap_err();
        assert_eq!(error.message, "ssh -G localhost has not ended within 15 s");
        let gone = tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            while writer.write_all(b"x").is_ok() {}
        });
        gone.await.unwrap();
    }

    #[tokio::test]
    async fn without_ssh_the_fields_and_plain_defaults_have_to_do() {
        let resolver = Resolver {
            program: "/nowhere/ssh".into(),
        };
        let fields = HostFields {
            jump: Some("me@bastion:2200,[::1]:22".into()),
            identity: Some("/keys/%h".into()),
            ..HostFields::named("ssh://you@gpu:2222")
        };
        let settings = resolver.resolve(&fields).await.unwrap();
        assert_eq!(
            (
                settings.user.as_str(),
                settings.host_name.as_str(),
                settings.port
            ),
            ("you", "gpu", 2222)
        );
        assert_eq!(settings.identity_files, [Path::new("/keys/gpu")]);
        assert_eq!(settings.identity_agent, IdentityAgent::Environment);
        assert_eq!(settings.trust.unknown, UnknownKeys::Ask);
        assert_eq!(settings.authentications.len(), 3);
        let Route::Jump(way) = &settings.route else {
            panic!("{:?}", settings.route);
        };
        assert_eq!((way[0].user.as_str(), way[0].port), ("me", 2200));
        assert_eq!((way[1].host_name.as_str(), way[1].port), ("::1", 22));

        let bare = resolver.resolve(&HostFields::named("gpu")).await.unwrap();
        let home = Local::guess().home;
        assert!(bare.identity_files.contains(&home.join(".ssh/id_ed25519")));
        assert_eq!(bare.trust.user_files[0], home.join(".ssh/known_hosts"));
        assert_eq!((bare.route, bare.port), (Route::Direct, 22));
    }

    #[tokio::test]
    async fn plain_defaults_are_those_of_ssh() {
        let fields = HostFields {
            config_file: Some("/dev/null".into()),
            ..HostFields::named("gpu")
        };
        let ours = local::plain(&fields, &Local::guess()).unwrap();
        let mut theirs = resolve(&fields).await.unwrap();
        // A kind of key that nobody compiles in.
        theirs
            .identity_files
            .retain(|file| !file.ends_with("id_xmss"));
        assert_eq!(ours, theirs);
    }

    #[rstest::rstest]
    #[case(
        "f: line 1: Bad configuration option: foo\nf: terminating, 1 bad configuration options\n",
        "f: line 1: Bad configuration option: foo"
    )]
    #[case(
        "Can't open user config file f: No such file or directory\r\n",
        "Can't open user config file f: No such file or directory"
    )]
    #[case("", "it does not say why")]
    fn the_last_words_of_ssh_are_its_reason(#[case] stderr: &str, #[case] expected: &str) {
        assert_eq!(last_words(stderr), expected);
    }
}
