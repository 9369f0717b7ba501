//! The room as a whole: what is found in files, and what is written to them. The files of `tests/it/known_hosts/` are
//! judged by `ssh` itself, and in `oracle.rs` `ssh-keygen` says which line is for whom.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::SystemTime;

use rstest::rstest;
use russh::keys::ssh_key::public::{Ed25519PublicKey, KeyData};
use tempfile::TempDir;

use super::*;
use crate::transport::ssh::SshErrorKind;
use crate::transport::ssh::settings::UnknownKeys;

pub(super) const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBL8spp2Ojs3aO0T/lNYuo1NbIJ1o/nEeAf/zgQ/vW6+yh/w2LFGGekzt85OR4/EU6p8xlb5wCvm8ney0l/4/gNQ=";
pub(super) const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCgLxfqolcr4VoCEXss9z6C9VyIyjISzAvDX/DX7Ta5TpTGONsmhHpwMDNNgZHEuDZQfRLlDGcur/Q42a6ApaSutu281YbGTnr8BQVWTn6my3waI+9egxkmqNI1RsMKh21xanMgiWPcGqVCFXW9xNkbNh2cNNTAjP0/Cb19zaG3eZhZS0+cZEaA58C2qki0XqgrCzg30eEImu3mRL45SVMCLsfutsYOm4IOpIt4CxkezcIJFbvFqWRx5QWd7+qc1VKaxdAGpu+W/YtvcwIj93ipthGrWP4ELSdAOemX3Nhule+s0OR/DdTVlkGw2A2zUYbMrzaYZQv/qU9upWRmD3/ubeVvKPiRwyy+/cgT6ya1TKDIb5oyi5LY/2RhDH2KEy9VfUuYRsGxbTFOG8x86XmtkKgG4hqTyMX1gjb4qSKxH6dmpG7aQprDXNyCBXdtogifF5Ai91IoZ46o2VwXP4Q/iOnvl1SBsaMMLk8MnelMp5DgVvtq2GruK15eAFNUvZU=";

/// An Ed25519 key of this number's own.
fn key(number: u8) -> HostKey {
    HostKey::from(KeyData::Ed25519(Ed25519PublicKey([number; 32])))
}

pub(super) fn text(number: u8) -> String {
    key(number).line().unwrap()
}

pub(super) struct Files {
    dir: TempDir,
    trust: Trust,
}

impl Files {
    /// `$1` in the content is the first key.
    pub(super) fn new(content: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("known_hosts");
        fs::write(&file, filled(content)).unwrap();
        Self {
            trust: trust(&file),
            dir,
        }
    }

    pub(super) fn file(&self) -> &Path {
        &self.trust.user_files[0]
    }

    pub(super) fn content(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    pub(super) fn load(&self, host: &HostName) -> KnownHosts {
        KnownHosts::load(&self.trust, host).unwrap()
    }

    fn check(&self, host: &HostName, key: &HostKey) -> String {
        match self.load(host).check(key, SystemTime::now()) {
            Verdict::Known(accepted) => format!("known:{}", accepted.place().unwrap().line),
            Verdict::Unknown(_) => "unknown".into(),
            Verdict::Changed(place) => format!("changed:{}", place.line),
            Verdict::Revoked(place) => format!("revoked:{}", place.line),
        }
    }

    fn remember(&self, host: &HostName, key: &HostKey) -> Result<PathBuf, SshError> {
        remember(&self.trust, host, key, SystemTime::now())
    }
}

fn trust(file: &Path) -> Trust {
    Trust {
        user_files: vec![file.to_owned()],
        global_files: Vec::new(),
        revoked: None,
        alias: None,
        unknown: UnknownKeys::Ask,
        is_hashed: false,
    }
}

fn filled(content: &str) -> String {
    let content = content.replace("$RSA", RSA).replace("$ECDSA", ECDSA);
    (1..=9).fold(content, |content, number| {
        content.replace(&format!("${number}"), &text(number))
    })
}

fn gpu() -> HostName {
    HostName::new("gpu", 22)
}

#[rstest]
#[case("", "unknown")]
#[case("other $1\n", "unknown")]
#[case("gpu $1\n", "known:1")]
#[case("gpu $2\n", "changed:1")]
#[case("gpu $2\ngpu $1\n", "known:2")]
#[case::only_another_type("gpu $RSA\n", "changed:1")]
#[case::the_line_of_its_own_type_is_named("gpu $RSA\ngpu $2\ngpu $ECDSA\n", "changed:2")]
#[case::revoked_before_known("@revoked gpu $1\ngpu $1\n", "revoked:1")]
#[case::revoked_after_known("gpu $1\n@revoked * $1\n", "revoked:2")]
#[case::another_is_revoked("gpu $1\n@revoked * $2\n", "known:1")]
#[case::an_authority_is_no_host("@cert-authority gpu $1\n", "unknown")]
#[case::damaged("gpu ssh-ed25519 AAAA\ngpu $1\n", "known:2")]
#[case::unknown_type("gpu ssh-new AAAAB3NzaC1uZXcAAAAA\n", "unknown")]
fn a_key_is_judged(#[case] content: &str, #[case] verdict: &str) {
    assert_eq!(Files::new(content).check(&gpu(), &key(1)), verdict);
}

#[rstest]
#[case("[gpu]:2222 $1\n", "known:1")]
#[case::a_line_without_port_counts("gpu $1\n", "known:1")]
#[case::but_changes_nothing("gpu $2\n", "unknown")]
#[case::and_mends_nothing("gpu $1\n[gpu]:2222 $2\n", "changed:2")]
#[case::and_revokes("[gpu]:2222 $1\n@revoked gpu $1\n", "revoked:2")]
#[case("[gpu]:22 $1\n", "unknown")]
fn a_host_with_a_port_is_judged(#[case] content: &str, #[case] verdict: &str) {
    let files = Files::new(content);
    assert_eq!(files.check(&HostName::new("GPU", 2222), &key(1)), verdict);
}

#[test]
fn all_files_count_and_the_unreadable_one_is_named() {
    let mut files = Files::new("gpu $2\n");
    let global = files.dir.path().join("global");
    fs::write(&global, filled("# ours\n\ngpu $1\n")).unwrap();
    let missing = files.dir.path().join("missing");
    let folder = files.dir.path().to_owned();
    files.trust.user_files.extend([missing, folder.clone()]);
    files.trust.global_files.push(global);
    assert_eq!(files.check(&gpu(), &key(1)), "known:3");
    let skipped: Vec<_> = files.load(&gpu()).skipped().to_vec();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].file, folder);
}

#[test]
fn a_pin_makes_the_unknown_known_and_mends_nothing_else() {
    for (content, expected) in [
        ("", "known"),
        ("gpu $2\n", "changed"),
        ("@revoked gpu $1\n", "revoked"),
    ] {
        let mut known = Files::new(content).load(&gpu());
        known.pin(&key(1));
        let verdict = match known.check(&key(1), SystemTime::now()) {
            Verdict::Known(accepted) => {
                assert!(accepted.place().is_none());
                "known"
            }
            Verdict::Unknown(_) => "unknown",
            Verdict::Changed(_) => "changed",
            Verdict::Revoked(_) => "revoked",
        };
        assert_eq!(verdict, expected);
    }
    let mut known = Files::new("").load(&gpu());
    known.pin(&key(1));
    let other = known.check(&key(2), SystemTime::now());
    assert_eq!(other, Verdict::Unknown(None));
}

#[rstest]
#[case::nothing_known("", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])]
#[case::the_first_known("gpu $RSA\ngpu $1\n", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])]
#[case::another("gpu $RSA\n", ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256"])]
#[case::two("gpu $RSA\ngpu $ECDSA\n", ["ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"])]
#[case::a_revoked_one_is_not_known("@revoked gpu $RSA\n", ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])]
fn known_types_are_asked_for_first(#[case] content: &str, #[case] expected: [&str; 4]) {
    let mut names = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ];
    Files::new(content).load(&gpu()).order(&mut names);
    assert_eq!(names, expected);
}

#[test]
fn what_is_remembered_is_known() {
    for is_hashed in [false, true] {
        for host in [gpu(), HostName::new("gpu", 2222), HostName::new("::1", 22)] {
            let mut files = Files::new("other $2\nlast $3");
            files.trust.is_hashed = is_hashed;
            assert_eq!(&files.remember(&host, &key(1)).unwrap(), files.file());
            assert_eq!(files.check(&host, &key(1)), "known:3");
            assert!(files.content().starts_with(&filled("other $2\nlast $3\n")));
            assert_eq!(files.content().contains(host.as_str()), !is_hashed);
            let once = files.content();
            files.remember(&host, &key(1)).unwrap();
            assert_eq!(files.content(), once);
        }
    }
}

#[test]
fn the_file_and_its_folder_come_to_be_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("home/.ssh/known_hosts");
    let added = remember(&trust(&file), &gpu(), &key(1), SystemTime::now()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&added), 0o600);
    assert_eq!(mode(added.parent().unwrap()), 0o700);
    assert_eq!(fs::read_to_string(&added).unwrap(), filled("gpu $1\n"));
}

#[test]
fn a_link_stays_a_link() {
    let mut files = Files::new("other $2\n");
    let link = files.dir.path().join("link");
    std::os::unix::fs::symlink(files.file(), &link).unwrap();
    files.trust.user_files.insert(0, link.clone());
    files.remember(&gpu(), &key(1)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    files.trust.user_files.remove(0);
    assert_eq!(files.content(), filled("other $2\ngpu $1\n"));
}

#[test]
fn many_at_once_write_whole_lines_and_none_twice() {
    let files = Files::new("");
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let (files, start) = (&files, &start);
            scope.spawn(move || {
                start.wait();
                let host = HostName::new(&format!("h{}", number / 2), 22);
                files.remember(&host, &key(number / 2 + 1)).unwrap();
            });
        }
    });
    let content = files.content();
    let mut lines: Vec<_> = content.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.join("\n"), filled("h0 $1\nh1 $2\nh2 $3\nh3 $4"));
}

#[test]
fn what_another_adds_under_the_lock_is_seen() {
    let files = Files::new("");
    let other = fs::File::open(files.file()).unwrap();
    other.lock().unwrap();
    thread::scope(|scope| {
        let ours = scope.spawn(|| files.remember(&gpu(), &key(1)));
        fs::write(files.file(), filled("gpu $1\n")).unwrap();
        other.unlock().unwrap();
        ours.join().unwrap().unwrap();
    });
    assert_eq!(files.content(), filled("gpu $1\n"));
}

#[rstest]
#[case::changed_meanwhile("gpu $2\n")]
#[case::revoked_meanwhile("@revoked * $1\n")]
fn what_is_not_to_be_believed_is_not_remembered(#[case] content: &str) {
    let files = Files::new(content);
    let error = files.remember(&gpu(), &key(1)).unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Untrusted);
    assert_eq!(files.content(), filled(content));
}

#[rstest]
#[case("*")]
#[case("a,b")]
#[case("gp?")]
#[case("gpu\nother")]
#[case("gpu other")]
#[case("@revoked")]
#[case("!gpu")]
#[case("#gpu")]
#[case("|1|x")]
#[case("")]
fn a_name_that_is_more_than_a_name_is_not_written(#[case] alias: &str) {
    let files = Files::new("");
    files
        .remember(&HostName::alias(alias), &key(1))
        .unwrap_err();
    assert_eq!(files.content(), "");
}

#[test]
fn where_nothing_can_be_written_says_so() {
    let error = |trust: &Trust| {
        let error = remember(trust, &gpu(), &key(1), SystemTime::now()).unwrap_err();
        format!("{}\nhint: {}", error.message, error.hint)
    };
    let mut trust = trust(Path::new("/dev/null/known_hosts"));
    insta::assert_snapshot!(error(&trust), @r"
    cannot add the key of “gpu” to /dev/null/known_hosts: File exists (os error 17)
    hint: the host is asked about again next time
    ");
    trust.user_files.clear();
    insta::assert_snapshot!(error(&trust), @r"
    cannot add the key of “gpu”: there is no file for it
    hint: the host is asked about again next time; UserKnownHostsFile names the file
    ");
    trust.user_files.push("/dev/null".into());
    remember(&trust, &gpu(), &key(1), SystemTime::now()).unwrap();
}

#[test]
fn a_refusal_says_what_where_and_what_to_do() {
    let place = || Place {
        file: "/etc/it's/known_hosts".into(),
        line: 12,
    };
    let host = HostName::new("gpu-2", 2222);
    let said = |verdict: Verdict| {
        let error = refusal(&host, &key(1), &verdict).unwrap();
        assert_eq!(error.kind, SshErrorKind::Untrusted);
        format!("{}\nhint: {}", error.message, error.hint)
    };
    insta::assert_snapshot!(said(Verdict::Changed(place())), @r"
    host key of “[gpu-2]:2222” changed: /etc/it's/known_hosts:12
    hint: it showed ssh-ed25519 SHA256:RXm/ruZ0eTzRXKwi1AQEDynB0VgHQ2ac9KPSFdf/YnA; only if you know that this is right: ssh-keygen -R '[gpu-2]:2222' -f '/etc/it'\''s/known_hosts' (there is no way to go on without that)
    ");
    insta::assert_snapshot!(said(Verdict::Revoked(place())), @r"
    host key of “[gpu-2]:2222” is revoked: /etc/it's/known_hosts:12
    hint: the host must get another key, or its authority must; there is no way to connect with this one
    ");
    insta::assert_snapshot!(said(Verdict::Unknown(None)), @r"
    host key of “[gpu-2]:2222” is not known, and only known ones are allowed
    hint: StrictHostKeyChecking is on: if ssh-ed25519 SHA256:RXm/ruZ0eTzRXKwi1AQEDynB0VgHQ2ac9KPSFdf/YnA is its key, add that to your known_hosts
    ");
    insta::assert_snapshot!(said(Verdict::Unknown(Some(CertificateFault::Expired))), @r"
    host certificate of “[gpu-2]:2222” does not count: it has expired
    hint: who runs the host must renew it; or add the host's own key to your known_hosts
    ");
    insta::assert_snapshot!(not_accepted(&host).message, @"host key of “[gpu-2]:2222” was not accepted");
}
