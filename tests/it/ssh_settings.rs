//! Settings of hosts: what we make of `ssh -G`, held against what `ssh` itself does with the same files.
//!
//! Three oracles: `ssh -G` for names, numbers and switches; `ssh -v` for the key files that it tries; and a real
//! `ProxyCommand` that repeats what it was called with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::resolve::{HostFields, resolve};
use cm_tui::transport::ssh::settings::{Algorithms, IdentityAgent, Route, Settings, UnknownKeys};
use cm_tui::transport::ssh::{Connection, SshError, SshErrorKind};
use proptest::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

/// A folder with a config file and what it includes. `@` in the text stands for the folder.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder };
        case.write("config", config);
        case
    }

    fn write(&self, name: &str, text: &str) {
        let text = text.replace('@', &self.folder.path().display().to_string());
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn fields(&self, name: &str) -> HostFields {
        HostFields {
            config_file: Some(self.config()),
            ..HostFields::named(name)
        }
    }

    async fn resolve(&self, name: &str) -> Result<Settings, SshError> {
        resolve(&self.fields(name)).await
    }

    /// Output and error output of the real `ssh`.
    fn ssh(&self, arguments: &[&str], name: &str) -> (String, String) {
        let output = Command::new("ssh")
            .arg("-T")
            .arg("-F")
            .arg(self.config())
            .args(arguments)
            .args(["--", name])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// Every value of a keyword, as `ssh -G` prints it.
    fn printed(&self, name: &str, key: &str) -> Vec<String> {
        let (stdout, _) = self.ssh(&["-G"], name);
        let values = stdout
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        values.map(str::to_owned).collect()
    }

    /// The key and certificate files that `ssh` really tries.
    fn tried(&self, name: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
        // It says them as soon as it has a stream, whatever is on the other side; a command that says something itself
        // would cut into its lines.
        let (_, stderr) = self.ssh(&["-v", "-oBatchMode=yes", "-oProxyCommand=true"], name);
        let files = |what: &str| {
            let lines = stderr
                .lines()
                .filter_map(|line| line.strip_prefix(what)?.rsplit_once(" type "));
            lines
                .map(|(file, _)| PathBuf::from(file))
                .collect::<Vec<_>>()
        };
        let mut keys = files("debug1: identity file ");
        // A key's own certificate is tried unless the settings name one.
        keys.retain(|key| !key.to_string_lossy().ends_with("-cert"));
        (keys, files("debug1: certificate file "))
    }
}

/// Names, numbers and switches are those of `ssh -G`, key files those that `ssh` tries.
fn agree(case: &Case, name: &str, settings: &Settings) {
    let printed = |key: &str| case.printed(name, key).into_iter().next();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(said(&settings.host_name), printed("hostname"));
    assert_eq!(said(&settings.user), printed("user"));
    assert_eq!(said(&settings.port.to_string()), printed("port"));
    assert_eq!(settings.trust.alias, printed("hostkeyalias"));
    assert_eq!(
        Some(settings.identities_only),
        printed("identitiesonly").map(|v| v == "yes")
    );
    assert_eq!(
        Some(settings.trust.is_hashed),
        printed("hashknownhosts").map(|v| v == "yes")
    );
    assert_eq!(
        Some(settings.algorithms.is_compressed),
        printed("compression").map(|v| v == "yes")
    );
    let (keys, certificates) = case.tried(name);
    assert_eq!(settings.identity_files, keys);
    assert_eq!(settings.certificate_files, certificates);
}

/// A line for each setting that differs from an empty file's, in the words of this program.
async fn differences(case: &Case, settings: &Settings) -> String {
    let bare = Case::new("").resolve("bare").await.unwrap();
    let folder = case.folder.path().display().to_string();
    let debug = |settings: &Settings| format!("{settings:#?}");
    let bare = debug(&bare);
    let bare: Vec<&str> = bare.lines().collect();
    let shown = debug(settings);
    let lines = shown.lines().filter(|line| !bare.contains(line));
    lines
        .map(|line| line.trim().trim_end_matches(',').replace(&folder, "@"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[rstest]
#[case::nothing("", "gpu", "gpu")]
#[case::first_value_wins("Host gpu\n User a\nHost *\n User b\n Port 7", "gpu", "a gpu 7")]
#[case::pattern("Host g?u !gp1\n User a\nHost gp1\n User no", "gpu", "a")]
#[case::negated("Host * !gpu\n User no", "gpu", "gpu")]
#[case::two_patterns("Host other gpu\n Port 99", "gpu", "99")]
#[case::equals_signs("Host=gpu\n User = a\n Port=  9", "gpu", "a 9")]
#[case::tabs_and_capitals("HOST\tgpu\n\tuSeR\ta", "gpu", "a")]
#[case::quotes(
    "Host \"gpu\"\n User \"a b\"\n IdentityFile \"@/my key\"",
    "gpu",
    "a b @/my key"
)]
#[case::comments("# x\nHost gpu # y\n User a # z\n", "gpu", "a")]
#[case::host_name_token("Host *.x\n HostName %h.example.org", "gpu.x", "gpu.x.example.org")]
#[case::percent_in_host_name("Host gpu\n HostName a%%b", "gpu", "a%b")]
#[case::capital_name("Host gpu\n User a\nHost GPU\n User B", "GPU", "gpu")]
#[case::address("Host 10.*\n User a", "10.0.0.1", "10.0.0.1 a")]
#[case::ipv6("Host ::1\n Port 5", "::1", "::1 5")]
#[case::user_typed("Host gpu\n User no", "me@gpu", "me")]
#[case::uri("Host gpu\n User no", "ssh://me@gpu:77", "me 77")]
#[case::include("Include @/more\nHost gpu\n User no", "gpu", "a 5")]
#[case::include_in_host("Host gpu\n Include @/more", "gpu", "a 5")]
#[case::include_elsewhere("Host other\n Include @/more\nHost gpu\n User b", "gpu", "b")]
#[case::include_pattern("Include @/mo*", "gpu", "a 5")]
#[case::include_missing("Include @/none\nHost gpu\n User a", "gpu", "a")]
#[case::match_host("Host gpu\n HostName real\nMatch host real\n User a", "gpu", "real a")]
#[case::match_original(
    "Host gpu\n HostName real\nMatch originalhost gpu\n User a",
    "gpu",
    "real a"
)]
#[case::match_user("Match user me\n Port 8\nMatch user you\n Port 9", "me@gpu", "8")]
#[case::match_all("Match all\n User a", "gpu", "a")]
#[case::match_exec(
    "Match exec \"test %h = gpu\"\n User a\nMatch exec false\n Port 9",
    "gpu",
    "a"
)]
#[case::match_not("Match !host other\n User a", "gpu", "a")]
#[case::match_final(
    "Match final host real\n User a\nHost gpu\n HostName real",
    "gpu",
    "real a"
)]
#[case::key_tokens(
    "Host gpu\n HostName real\n User a\n Port 7\n IdentityFile @/%h-%n-%r-%p-%u-%%-%i",
    "gpu",
    "real-gpu-a-7-"
)]
#[case::key_home("IdentityFile ~/k\nIdentityFile %d/k2", "gpu", "/k2")]
#[case::key_this_machine("IdentityFile @/%l-%L", "gpu", "@/")]
#[case::key_alias_token("HostKeyAlias x.y\nIdentityFile @/%k", "gpu", "@/x.y")]
#[case::key_no_alias_token("Host gpu\n HostName real\nIdentityFile @/%k", "gpu", "@/gpu")]
#[case::key_variable("IdentityFile ${HOME}/k", "gpu", "/k")]
#[case::key_jump("Host gpu\n ProxyJump j\n IdentityFile @/x", "gpu", "@/x")]
#[case::several_keys(
    "IdentityFile @/a\nIdentityFile @/b\nHost gpu\n IdentityFile @/c",
    "gpu",
    "@/a"
)]
#[case::certificates(
    "CertificateFile @/%n-cert.pub\nIdentityFile @/a\nIdentitiesOnly yes",
    "gpu",
    "@/gpu-cert.pub"
)]
#[case::unknown_but_ignored(
    "IgnoreUnknown Foo,UseK*\nFoo bar\nUseKeychain yes\nHost gpu\n User a",
    "gpu",
    "a"
)]
#[case::hashes("HashKnownHosts yes\nHostKeyAlias gpu.real", "gpu", "gpu.real")]
#[case::compression("Host gpu\n Compression yes", "gpu", "is_compressed: true")]
#[case::tag("CanonicalizeHostname no\nHost gpu\n User a", "gpu", "a")]
#[tokio::test]
async fn tricky_files_mean_what_they_mean_to_ssh(
    #[case] config: &str,
    #[case] name: &str,
    #[case] expected: &str,
) {
    let case = Case::new(config);
    case.write("more", "Host gpu\n User a\nHost *\n Port 5\n");
    let settings = case.resolve(name).await.unwrap();
    agree(&case, name, &settings);
    let differences = differences(&case, &settings).await;
    for part in expected.split(' ') {
        assert!(differences.contains(part), "{part} is not in {differences}");
    }
}

#[rstest]
#[case("StrictHostKeyChecking yes", UnknownKeys::Refuse)]
#[case("StrictHostKeyChecking ask", UnknownKeys::Ask)]
#[case("StrictHostKeyChecking accept-new", UnknownKeys::Add)]
#[case("StrictHostKeyChecking no", UnknownKeys::Add)]
#[case("StrictHostKeyChecking off", UnknownKeys::Add)]
#[case("", UnknownKeys::Ask)]
#[case("BatchMode yes", UnknownKeys::Refuse)]
#[tokio::test]
async fn an_unknown_key_meets_what_the_user_decided(
    #[case] config: &str,
    #[case] expected: UnknownKeys,
) {
    let settings = Case::new(config).resolve("gpu").await.unwrap();
    assert_eq!(settings.trust.unknown, expected);
}

#[rstest]
#[case("", "publickey,keyboard-interactive,password")]
#[case("PasswordAuthentication no", "publickey,keyboard-interactive")]
#[case("KbdInteractiveAuthentication no\nPubkeyAuthentication no", "password")]
#[case("ChallengeResponseAuthentication no", "publickey,password")]
#[case(
    "PubkeyAuthentication unbound",
    "publickey,keyboard-interactive,password"
)]
#[case(
    "PreferredAuthentications password,gssapi-with-mic,publickey",
    "password,publickey"
)]
#[case("PreferredAuthentications hostbased", "")]
#[case("BatchMode yes", "publickey")]
#[tokio::test]
async fn authentications_are_those_wanted_and_not_switched_off(
    #[case] config: &str,
    #[case] expected: &str,
) {
    let settings = Case::new(config).resolve("gpu").await.unwrap();
    assert_eq!(settings.authentications.join(","), expected);
}

#[rstest]
#[case("", 15, 3, 15)]
#[case("ServerAliveInterval 0", 15, 3, 15)]
#[case(
    "ServerAliveInterval 1m\nServerAliveCountMax 9\nConnectTimeout 2m",
    60,
    9,
    120
)]
#[case("ConnectTimeout none", 15, 3, 15)]
#[tokio::test]
async fn silence_is_always_noticed(
    #[case] config: &str,
    #[case] interval: u64,
    #[case] count: u32,
    #[case] connect: u64,
) {
    let settings = Case::new(config).resolve("gpu").await.unwrap();
    assert_eq!(
        (
            settings.alive_interval,
            settings.alive_count_max,
            settings.connect_timeout
        ),
        (
            Duration::from_secs(interval),
            count,
            Duration::from_secs(connect)
        )
    );
}

#[rstest]
#[case("IdentityAgent @/%h-%%.sock", IdentityAgent::Socket("@/gpu-%.sock".into()))]
#[case("IdentityAgent \"@/my agent\"", IdentityAgent::Socket("@/my agent".into()))]
#[case("IdentityAgent SSH_AUTH_SOCK", IdentityAgent::Environment)]
#[case("IdentityAgent none", IdentityAgent::None)]
#[case("IdentityAgent $HOME", IdentityAgent::Socket(std::env::var("HOME").unwrap().into()))]
#[case("IdentityAgent $NOBODY_SETS_THIS", IdentityAgent::None)]
#[case("", IdentityAgent::Environment)]
#[tokio::test]
async fn the_agent_with_the_keys_is_where_the_user_says(
    #[case] config: &str,
    #[case] expected: IdentityAgent,
) {
    let case = Case::new(config);
    let settings = case.resolve("gpu").await.unwrap();
    let expected = match expected {
        IdentityAgent::Socket(path) => {
            let path = path.display().to_string();
            IdentityAgent::Socket(
                path.replace('@', &case.folder.path().display().to_string())
                    .into(),
            )
        }
        other => other,
    };
    assert_eq!(settings.identity_agent, expected);
}

#[rstest]
#[case("UserKnownHostsFile @/a @/%h", "@/a|@/gpu")]
#[case("UserKnownHostsFile \"@/my hosts\" @/b", "@/my hosts|@/b")]
#[case("UserKnownHostsFile none", "")]
#[case("UserKnownHostsFile /dev/null", "/dev/null")]
#[tokio::test]
async fn known_hosts_are_read_where_ssh_reads_them(#[case] config: &str, #[case] expected: &str) {
    let case = Case::new(&format!("{config}\nGlobalKnownHostsFile @/global"));
    let settings = case.resolve("gpu").await.unwrap();
    let folder = case.folder.path().display().to_string();
    let files: Vec<String> = settings
        .trust
        .user_files
        .iter()
        .map(|file| file.display().to_string().replace(&folder, "@"))
        .collect();
    assert_eq!(files.join("|"), expected);
    assert_eq!(
        settings.trust.global_files,
        [case.folder.path().join("global")]
    );
}

#[tokio::test]
async fn algorithms_are_the_users_only_where_they_differ_from_the_defaults() {
    let ours = Case::new("").resolve("gpu").await.unwrap();
    assert_eq!(ours.algorithms, Algorithms::default());
    let config = "Ciphers aes256-gcm@openssh.com,aes128-ctr\nHostKeyAlgorithms ^ssh-ed25519\nMACs -hmac-sha1*";
    let case = Case::new("");
    // Here “@” is itself.
    fs::write(case.config(), config).unwrap();
    let settings = case.resolve("gpu").await.unwrap();
    assert_eq!(
        settings.algorithms.ciphers,
        ["aes256-gcm@openssh.com", "aes128-ctr"]
    );
    assert_eq!(settings.algorithms.host_keys[0], "ssh-ed25519");
    assert!(
        settings
            .algorithms
            .macs
            .iter()
            .all(|mac| mac != "hmac-sha1")
    );
    assert!(!settings.algorithms.macs.is_empty());
    assert_eq!(settings.algorithms.key_exchange, Vec::<String>::new());
}

/// The way as `NAME[USER HOST PORT] …`, the first host first.
fn way(settings: &Settings) -> String {
    let Route::Jump(way) = &settings.route else {
        return format!("{:?}", settings.route);
    };
    let hops = way.iter().map(|hop| {
        let route = match &hop.route {
            Route::Direct => String::new(),
            Route::Descriptor => " by a descriptor".to_owned(),
            Route::Jump(_) => " JUMP".to_owned(),
            Route::Command(command) => format!(" via {command}"),
        };
        format!(
            "{}[{} {} {}{route}]",
            hop.name, hop.user, hop.host_name, hop.port
        )
    });
    hops.collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case::one("Host gpu\n ProxyJump me@b:2200", "b[me b 2200]")]
#[case::resolved(
    "Host gpu\n ProxyJump b\nHost b\n HostName 10.0.0.1\n User you\n Port 7",
    "b[you 10.0.0.1 7]"
)]
#[case::typed_wins("Host gpu\n ProxyJump me@b:8\nHost b\n User you\n Port 7", "b[me b 8]")]
#[case::several(
    "Host gpu\n ProxyJump me@a,me@b:2,me@[::1]:3",
    "a[me a 22] b[me b 2] ::1[me ::1 3]"
)]
#[case::uri("Host gpu\n ProxyJump ssh://me@a:4", "a[me a 4]")]
#[case::address("Host gpu\n ProxyJump me@1.2.3.4", "1.2.3.4[me 1.2.3.4 22]")]
#[case::none("Host gpu\n ProxyJump none\nHost *\n ProxyJump b", "Direct")]
#[case::first_hops_own(
    "Host gpu\n ProxyJump me@b\nHost b\n ProxyJump me@a",
    "a[me a 22] b[me b 22]"
)]
#[case::later_hops_own(
    "Host gpu\n ProxyJump me@b,me@c\nHost c\n ProxyJump no\n",
    "b[me b 22] c[me c 22]"
)]
#[case::chain(
    "Host gpu\n ProxyJump me@c\nHost c\n ProxyJump me@b\nHost b\n ProxyJump me@a",
    "a[me a 22] b[me b 22] c[me c 22]"
)]
#[case::first_hop_by_command(
    "Host gpu\n ProxyJump me@b\nHost b\n ProxyCommand nc %h %p",
    "b[me b 22 via nc b 22]"
)]
#[case::later_hop_not_by_command(
    "Host gpu\n ProxyJump me@a,me@b\nHost b\n ProxyCommand nc %h %p",
    "a[me a 22] b[me b 22]"
)]
#[case::command_before_jump("Host gpu\n ProxyCommand nc x\n ProxyJump b", "Command(\"nc x\")")]
#[case::jump_before_command("Host gpu\n ProxyJump me@b\n ProxyCommand nc x", "b[me b 22]")]
#[case::same_address(
    "Host gpu\n HostName 127.0.0.1\n User u\n ProxyJump u@b\nHost b\n HostName 127.0.0.1",
    "b[u 127.0.0.1 22]"
)]
#[tokio::test]
async fn jump_hosts_are_passed_in_the_order_of_openssh(
    #[case] config: &str,
    #[case] expected: &str,
) {
    let case = Case::new("");
    fs::write(case.config(), config).unwrap();
    let settings = case.resolve("gpu").await.unwrap();
    assert_eq!(way(&settings), expected);
}

#[rstest]
#[case("Host *\n ProxyJump b")]
#[case("Host gpu\n ProxyJump a\nHost a\n ProxyJump b\nHost b\n ProxyJump a")]
#[case("Host gpu\n ProxyJump a,b,c,d,e,f,g,h,i")]
#[tokio::test]
async fn a_way_without_end_is_refused(#[case] config: &str) {
    let error = Case::new(config).resolve("gpu").await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Settings);
    assert!(
        error.message.contains("circle")
            || error.message.contains("loop")
            || error.message.contains("behind more than 8"),
        "{error}"
    );
}

#[rstest]
#[case("echo %h %p %r %n %%", "gpu")]
#[case("echo '%h' \"%n\" %%h $HOME ~", "gpu")]
#[case("echo %k a=%%%%", "gpu")]
#[tokio::test]
async fn a_proxy_command_is_called_as_ssh_calls_it(#[case] command: &str, #[case] name: &str) {
    let case = Case::new(&format!(
        "Host gpu\n HostName real\n User me\n Port 7\nProxyCommand {command} | tee @/told\n"
    ));
    let told = case.folder.path().join("told");
    case.ssh(&[], name);
    let theirs = fs::read_to_string(&told).unwrap();
    fs::remove_file(&told).unwrap();
    let Route::Command(command) = case.resolve(name).await.unwrap().route else {
        panic!("no command");
    };
    Command::new("sh")
        .arg("-c")
        .arg(format!("exec {command}"))
        .output()
        .unwrap();
    assert_eq!(fs::read_to_string(&told).unwrap(), theirs);
}

#[rstest]
#[case(
    "Foo bar",
    "ssh refuses the settings of “gpu”: @/config: line 1: Bad configuration option: foo"
)]
#[case(
    "Port x",
    "ssh refuses the settings of “gpu”: @/config line 1: Bad port 'x'"
)]
#[case(
    "ProxyCommand nc %d",
    "cannot use ProxyCommand “nc %d” of “gpu”: “%d” cannot be replaced here"
)]
#[case(
    "IdentityFile ~/%C",
    "cannot use IdentityFile “~/%C” of “gpu”: “%C” cannot be replaced here"
)]
#[case(
    "HostName a;reboot",
    "cannot use the host “gpu”: its HostName is not safe: “a;reboot” holds “;”"
)]
#[case(
    "HostName -oProxyCommand=x",
    "cannot use the host “gpu”: its HostName is not safe: “-oproxycommand=x” starts with “-”"
)]
#[case(
    "User a`b`",
    "cannot use the host “gpu”: its User is not safe: “a`b`” holds “`”"
)]
#[tokio::test]
async fn settings_that_cannot_be_used_are_named(#[case] config: &str, #[case] expected: &str) {
    let case = Case::new(config);
    let error = case.resolve("gpu").await.unwrap_err();
    let folder = case.folder.path().display().to_string();
    assert_eq!(error.kind, SshErrorKind::Settings);
    assert!(
        error.message.replace(&folder, "@").starts_with(expected),
        "{error}"
    );
    assert!(!error.hint.is_empty());
}

#[tokio::test]
async fn a_command_that_hands_over_a_descriptor_is_another_way_than_its_bytes() {
    let case = Case::new("ProxyCommand nc x\nProxyUseFdpass yes");
    let settings = case.resolve("gpu").await.unwrap();
    assert_eq!(settings.route, Route::Descriptor);
    let opened = Connection::open(&settings, &Asker::nobody()).await;
    let error = opened.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Settings);
    assert!(error.hint.contains("openssh"), "{}", error.hint);
}

#[tokio::test]
async fn the_fields_of_a_context_win_over_the_file() {
    let case = Case::new("Host gpu\n User a\n Port 7\n IdentityFile @/a\n ProxyJump b");
    let fields = HostFields {
        user: Some("me".into()),
        port: Some(9),
        identity: Some(case.folder.path().join("my key").display().to_string()),
        jump: Some("me@j".into()),
        ..case.fields("gpu")
    };
    let settings = resolve(&fields).await.unwrap();
    assert_eq!((settings.user.as_str(), settings.port), ("me", 9));
    assert_eq!(way(&settings), "j[me j 22]");
    assert_eq!(
        settings.identity_files,
        [
            case.folder.path().join("my key"),
            case.folder.path().join("a")
        ]
    );
    let direct = HostFields {
        jump: Some("none".into()),
        ..fields
    };
    assert_eq!(resolve(&direct).await.unwrap().route, Route::Direct);
}

/// Lines that a file may be made of; each is sensible alone.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        "(Host|Match host|Match originalhost) (gpu|g\\*|\\*|other|!gpu \\*|real)",
        "Match (all|final|user a|!user a)",
        " HostName (real|%h\\.x|1\\.2\\.3\\.4)",
        " User (a|b|\"a b\")",
        " Port [1-9]{1,3}",
        " IdentityFile (~|/k|%d|\"/a b\")/[a-z%]%%(%h|%n|%r|%p|%u|%k|\\$\\{HOME\\})",
        " CertificateFile /c/[a-z](%h|%n)",
        " HostKeyAlias [a-z]{1,4}",
        " (IdentitiesOnly|HashKnownHosts) (yes|no)",
        "# nothing",
    ]
}

proptest! {
    // Each runs ssh a dozen times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_file_means_what_it_means_to_ssh(lines in prop::collection::vec(line(), 0..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let case = Case::new(&lines.join("\n"));
        match runtime.block_on(case.resolve("gpu")) {
            Ok(settings) => agree(&case, "gpu", &settings),
            Err(error) => {
                let (stdout, _) = case.ssh(&["-G"], "gpu");
                let (_, stderr) = case.ssh(&["-v", "-oProxyCommand=true"], "gpu");
                prop_assert!(
                    stdout.is_empty() || stderr.contains("percent_expand"),
                    "only we refuse it: {error}"
                );
            }
        }
    }
}

#[test]
fn the_oracle_is_there() {
    assert!(
        Path::new("/usr/bin/ssh").exists(),
        "the tests need the OpenSSH client"
    );
}
