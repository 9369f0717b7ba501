//! The system's `ssh` as a child, against a real sshd that it starts itself (as its `ProxyCommand`, so no port is taken).

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cm_tui::transport::openssh::{Connection, Ended, Exec};
use cm_tui::transport::ssh::SshErrorKind;
use cm_tui::transport::ssh::resolve::HostFields;
use rstest::rstest;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::sshd::lab::{Sshd, user};

/// Keys, an sshd's and a client's settings in a folder.
struct Lab {
    folder: TempDir,
}

impl Lab {
    fn new() -> Self {
        let lab = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for key in ["host", "login", "other"] {
            let status = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(lab.path(key))
                .status()
                .unwrap();
            assert!(status.success());
        }
        fs::copy(lab.path("login.pub"), lab.path("authorized")).unwrap();
        let key = fs::read_to_string(lab.path("host.pub")).unwrap();
        fs::write(lab.path("known"), format!("lab {key}")).unwrap();
        // sshd refuses to start as root without it.
        if rustix::process::geteuid().is_root() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create("/run/sshd")
                .unwrap();
        }
        lab.write(
            "sshd",
            "HostKey @/host\nAuthorizedKeysFile @/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\n",
        );
        lab.write("config", LAB);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let text = text.replace('@', &self.folder.path().display().to_string());
        fs::write(self.path(name), text).unwrap();
    }

    async fn open(&self) -> Connection {
        let fields = HostFields {
            config_file: Some(self.path("config")),
            ..HostFields::named("lab")
        };
        Connection::open(&fields).await.unwrap()
    }
}

const LAB: &str = "ProxyCommand /usr/sbin/sshd -i -e -f @/sshd 2>/dev/null\nIdentityFile @/login\n\
                   IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile @/known\nGlobalKnownHostsFile /dev/null\n\
                   StrictHostKeyChecking yes\n";

/// All that a command prints, and its end.
async fn run(connection: &Connection, command: &'static str, input: &[u8]) -> (String, Ended) {
    let mut exec = connection.exec(command).await.unwrap();
    exec.stdin.write_all(input).await.unwrap();
    exec.stdin.shutdown().await.unwrap();
    let mut output = String::new();
    exec.stdout.read_to_string(&mut output).await.unwrap();
    (output, exec.end.wait().await)
}

#[tokio::test]
async fn a_command_gets_its_input_and_gives_output_status_and_complaints() {
    let lab = Lab::new();
    let connection = lab.open().await;
    let (output, ended) = run(&connection, "cat; echo complaint >&2; exit 7", b"hello\n").await;
    assert_eq!(output, "hello\n");
    assert_eq!((ended.status, ended.signal.as_deref()), (Some(7), None));
    assert_eq!(ended.stderr, "complaint\n");
    assert!(ended.failure("lab").is_none());
}

#[tokio::test]
async fn bytes_pass_unchanged_in_both_directions_at_the_same_time() {
    let lab = Lab::new();
    let connection = lab.open().await;
    let exec = connection.exec("cat").await.unwrap();
    let sent: Vec<u8> = (0..2_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut stdin, mut stdout) = (exec.stdin, exec.stdout);
    let mut received = Vec::new();
    let (written, read) = tokio::join!(
        async {
            stdin.write_all(&sent).await?;
            stdin.shutdown().await
        },
        stdout.read_to_end(&mut received)
    );
    written.unwrap();
    read.unwrap();
    assert!(sent == received);
    assert_eq!(exec.end.wait().await.status, Some(0));
}

#[tokio::test]
async fn the_users_settings_cannot_turn_the_stream_into_something_else() {
    let lab = Lab::new();
    lab.write(
        "config",
        &format!(
            "{LAB}RequestTTY force\nRemoteCommand echo wrong\nLocalCommand echo wrong\nPermitLocalCommand yes\n\
             StdinNull yes\nSessionType none\nForkAfterAuthentication yes\nLogLevel DEBUG3\nForwardAgent yes\n\
             LocalForward 127.0.0.1:1 127.0.0.1:1\nExitOnForwardFailure yes\nEscapeChar ~\n"
        ),
    );
    let connection = lab.open().await;
    let (output, ended) = run(&connection, "cat; tty; echo \"$SSH_AUTH_SOCK\"", b"\n~.\n").await;
    assert_eq!(
        (output.as_str(), ended.status),
        ("\n~.\nnot a tty\n\n", Some(0))
    );
    assert_eq!(ended.stderr, "");
}

#[rstest]
#[case::unknown_key(
    |lab: &Lab| lab.write("known", ""),
    SshErrorKind::Untrusted,
    "No ED25519 host key is known for lab",
    "log in once by hand: ssh lab"
)]
#[case::changed_key(
    |lab: &Lab| {
        let other = fs::read_to_string(lab.path("other.pub")).unwrap();
        fs::write(lab.path("known"), format!("lab {other}")).unwrap();
    },
    SshErrorKind::Untrusted,
    "Offending ED25519 key in @/known:1",
    "find out why before you trust it"
)]
#[case::revoked_key(
    |lab: &Lab| {
        let key = fs::read_to_string(lab.path("host.pub")).unwrap();
        fs::write(lab.path("known"), format!("\u{40}revoked * {key}")).unwrap();
    },
    SshErrorKind::Untrusted,
    "is marked as revoked",
    "find out why before you trust it"
)]
#[case::refused_login(
    |lab: &Lab| { fs::copy(lab.path("other.pub"), lab.path("authorized")).unwrap(); },
    SshErrorKind::Authentication,
    "Permission denied (publickey)",
    "log in once by hand: ssh lab"
)]
#[case::nobody_there(
    |lab: &Lab| lab.write("config", "ProxyCommand exit 1\n"),
    SshErrorKind::Unreachable,
    "",
    "try: ssh lab"
)]
#[tokio::test]
async fn a_failure_of_ssh_is_one_line_with_a_hint(
    #[case] spoil: impl Fn(&Lab),
    #[case] kind: SshErrorKind,
    #[case] words: &str,
    #[case] hint: &str,
) {
    let lab = Lab::new();
    spoil(&lab);
    let connection = lab.open().await;
    let mut exec = connection.exec("echo here").await.unwrap();
    let mut output = String::new();
    exec.stdout.read_to_string(&mut output).await.unwrap();
    assert_eq!(output, "");
    let ended = exec.end.wait().await;
    let error = ended.failure("lab").unwrap();
    let message = error
        .message
        .replace(&lab.folder.path().display().to_string(), "@");
    assert_eq!((error.kind, error.hint.as_str()), (kind, hint), "{ended:?}");
    assert!(
        message.starts_with("cannot use “lab”: ") && message.contains(words),
        "{message}"
    );
    assert_eq!(connection.ended().await.message, error.message);
}

/// Whether a process runs; one that was not waited for counts.
fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

/// A command that runs until its input ends.
async fn running(connection: &Connection) -> Exec {
    let mut exec = connection.exec("echo up; cat").await.unwrap();
    let mut line = [0; 3];
    exec.stdout.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"up\n");
    exec
}

/// Our children that run `ssh` with the settings of this lab.
fn children(lab: &Lab) -> Vec<String> {
    let config = lab.path("config").display().to_string();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let line = String::from_utf8_lossy(&read("cmdline")).into_owned();
        let status = String::from_utf8_lossy(&read("status")).into_owned();
        let is_child = status
            .lines()
            .any(|line| line.strip_prefix("PPid:\t") == Some(&own));
        if is_child && line.contains(&config) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[rstest]
#[case::parts(|connection: Connection, exec| { drop(exec); drop(connection); })]
#[case::connection(|connection: Connection, exec| { drop(connection); std::mem::forget(exec); })]
#[case::cut(|connection: Connection, exec| { connection.cut(); std::mem::forget((connection, exec)); })]
#[tokio::test]
async fn a_child_that_nobody_uses_is_killed_and_buried(
    #[case] leave: impl FnOnce(Connection, Exec),
) {
    let lab = Lab::new();
    let connection = lab.open().await;
    let exec = running(&connection).await;
    let before = children(&lab);
    assert_eq!(before.len(), 1);
    leave(connection, exec);
    while is_alive(&before[0]) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cut_ends_what_waits_and_refuses_what_comes() {
    let lab = Lab::new();
    let connection = lab.open().await;
    let mut exec = running(&connection).await;
    let mut rest = Vec::new();
    let (read, error, ()) = tokio::join!(
        exec.stdout.read_to_end(&mut rest),
        connection.ended(),
        async { connection.cut() }
    );
    assert_eq!(read.unwrap(), 0);
    assert_eq!(error.kind, SshErrorKind::Lost);
    assert_eq!(exec.end.wait().await, Ended::default());
    assert_eq!(
        connection.exec("true").await.unwrap_err().kind,
        SshErrorKind::Lost
    );
}

#[tokio::test]
async fn settings_that_ssh_refuses_are_told_before_anything_runs() {
    let lab = Lab::new();
    lab.write("config", "Foo bar\n");
    let fields = HostFields {
        config_file: Some(lab.path("config")),
        ..HostFields::named("lab")
    };
    let error = Connection::open(&fields).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Settings);
    assert!(
        error.message.contains("Bad configuration option: foo"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_key_is_refused_whatever_the_settings_say() {
    let lab = Lab::new();
    let other = fs::read_to_string(lab.path("other.pub")).unwrap();
    fs::write(lab.path("known"), format!("lab {other}")).unwrap();
    let config = LAB.replace("Checking yes", "Checking no");
    lab.write("config", &config);
    let connection = lab.open().await;
    let (output, ended) = run(&connection, "echo here", b"").await;
    assert_eq!(output, "");
    let error = ended.failure("lab").unwrap();
    assert_eq!(error.kind, SshErrorKind::Untrusted, "{error}");
    // One that nobody knows is taken, which is what they mean.
    lab.write("known", "");
    let (output, _) = run(&lab.open().await, "echo here", b"").await;
    assert_eq!(output, "here\n");
}

/// Without that it asks on our terminal for a jump host's password, or whether to trust it.
#[tokio::test]
async fn no_ssh_on_the_way_through_jump_hosts_asks_anything() {
    let lab = Lab::new();
    let [middle, inner] = [(); 2].map(|()| Sshd::start(|_| {}));
    let host = |name: &str, sshd: &Sshd, jump: &str| {
        format!(
            "Host {name}\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile {}\nUserKnownHostsFile {}\n\
             IdentitiesOnly yes\nIdentityAgent none\n{jump}\n",
            sshd.port,
            user(),
            sshd.key.path.display(),
            sshd.known_hosts().display(),
        )
    };
    // Whoever is above the first one's command is told to a file.
    let first = LAB.replace(
        "ProxyCommand ",
        "ProxyCommand sh -c 'p=$PPID; while [ $p -gt 1 ]; do ps -o args= -p $p; p=$(ps -o ppid= -p $p); done >@/way; exec ",
    );
    let first = first.replace("2>/dev/null", "2>/dev/null'");
    let config = [
        host("inner", &inner, "ProxyJump lab,middle"),
        host("middle", &middle, ""),
        format!("Host lab\n{first}"),
    ];
    lab.write("config", &config.concat());
    let fields = HostFields {
        config_file: Some(lab.path("config")),
        ..HostFields::named("inner")
    };
    let connection = Connection::open(&fields).await.unwrap();
    let (output, ended) = run(&connection, "cat", b"through\n").await;
    assert_eq!(output, "through\n", "{ended:?}");
    let way = fs::read_to_string(lab.path("way")).unwrap();
    let programs: Vec<&str> = way
        .lines()
        .filter(|line| line.starts_with("ssh "))
        .collect();
    assert_eq!(programs.len(), 3, "{way}");
    for program in programs {
        // Its own options stand before those of the next one.
        let (own, _) = program.split_once("ProxyCommand=").unwrap_or((program, ""));
        assert!(own.contains("-o BatchMode=yes"), "{program}");
    }
}

/// Some ways are for it alone.
#[tokio::test]
async fn a_way_that_only_ssh_can_go_is_left_to_it() {
    let lab = Lab::new();
    // The program hands over one end of a pair of sockets, and sshd gets the other one.
    lab.write(
        "pass",
        "import array, os, socket, subprocess\n\
         near, far = socket.socketpair()\n\
         out = socket.socket(fileno=os.dup(1))\n\
         out.sendmsg([b'\\0'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [near.fileno()]))])\n\
         subprocess.Popen(['/usr/sbin/sshd', '-i', '-e', '-f', '@/sshd'], stdin=far, stdout=far, stderr=subprocess.DEVNULL)\n",
    );
    let config = LAB.replace("/usr/sbin/sshd -i -e -f @/sshd", "python3 @/pass");
    lab.write("config", &format!("{config}ProxyUseFdpass yes\n"));
    let (output, ended) = run(&lab.open().await, "echo here", b"").await;
    assert_eq!(output, "here\n", "{ended:?}");
}
