//! Trust, judged by `ssh` itself: a real `sshd` shows its key to `ssh` and to us, and both say what they think of it.

mod keys;
mod ssh;

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use cm_tui::transport::ssh::known_hosts::{HostName, KnownHosts, Verdict, remember};
use cm_tui::transport::ssh::settings::{Trust, UnknownKeys};
use rstest::rstest;
use tempfile::TempDir;

use self::keys::Keys;
use self::ssh::ssh;

fn ours(trust: &Trust, name: &HostName, shown: &str) -> &'static str {
    let known = KnownHosts::load(trust, name).unwrap();
    match known.check(&Keys::get().shown(shown), SystemTime::now()) {
        Verdict::Known(_) => "known",
        Verdict::Unknown(_) => "unknown",
        Verdict::Changed(_) => "changed",
        Verdict::Revoked(_) => "revoked",
    }
}

fn trust(dir: &TempDir, content: &str) -> Trust {
    let file = dir.path().join("known_hosts");
    fs::write(&file, Keys::get().filled(content)).unwrap();
    Trust {
        user_files: vec![file],
        global_files: Vec::new(),
        revoked: None,
        alias: None,
        unknown: UnknownKeys::Refuse,
        is_hashed: false,
    }
}

#[rstest]
// Keys.
#[case::nothing("", "foo", 22, "ed", "unknown")]
#[case::known("foo {ed}\n", "foo", 22, "ed", "known")]
#[case::rsa("foo {rsa}\n", "foo", 22, "rsa", "known")]
#[case::rsa_by_another_name("foo rsa-sha2-256 {rsa}\n", "foo", 22, "rsa", "known")]
#[case::ecdsa("foo {ec}\n", "foo", 22, "ec", "known")]
#[case::changed("foo {ed2}\n", "foo", 22, "ed", "changed")]
#[case::only_another_type("foo {rsa}\n", "foo", 22, "ed", "changed")]
#[case::second_of_one_type("foo {ed2}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::second_of_many("foo {rsa}\nfoo {ec}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::a_certificate_for_a_key("foo {cert-cert}\n", "foo", 22, "ed", "changed")]
// Revoked.
#[case::revoked("@revoked foo {ed}\n", "foo", 22, "ed", "revoked")]
#[case::revoked_and_known("foo {ed}\n@revoked foo {ed}\n", "foo", 22, "ed", "revoked")]
#[case::revoked_for_all("@revoked * {ed}\nfoo {ed}\n", "foo", 22, "ed", "revoked")]
#[case::revoked_elsewhere("@revoked bar {ed}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::another_is_revoked("@revoked foo {ed2}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::revoked_by_its_certificate(
    "@revoked foo {cert-cert}\nfoo {ed}\n",
    "foo",
    22,
    "ed",
    "revoked"
)]
// Names.
#[case::upper_in_file("FoO {ed}\n", "foo", 22, "ed", "known")]
#[case::upper_typed("foo {ed}\n", "FOO", 22, "ed", "known")]
#[case::list("bar,foo,baz {ed}\n", "foo", 22, "ed", "known")]
#[case::pattern("*.ex {ed}\n", "a.ex", 22, "ed", "known")]
#[case::pattern_of_another("*.ex {ed}\n", "a.exe", 22, "ed", "unknown")]
#[case::one_letter("f?o {ed}\n", "foo", 22, "ed", "known")]
#[case::negated("*,!foo {ed}\n", "foo", 22, "ed", "unknown")]
#[case::negated_another("*,!bar {ed}\n", "foo", 22, "ed", "known")]
#[case::only_negated("!bar {ed}\n", "foo", 22, "ed", "unknown")]
#[case::ipv6("::1 {ed}\n", "::1", 22, "ed", "known")]
#[case::ipv6_with_port("[::1]:2222 {ed}\n", "::1", 2222, "ed", "known")]
#[case::port("[foo]:2222 {ed}\n", "foo", 2222, "ed", "known")]
#[case::another_port("[foo]:2223 {ed}\n", "foo", 2222, "ed", "unknown")]
#[case::port_pattern("[f*]:* {ed}\n", "foo", 2222, "ed", "known")]
#[case::usual_port_in_brackets("[foo]:22 {ed}\n", "foo", 22, "ed", "unknown")]
#[case::without_port("foo {ed}\n", "foo", 2222, "ed", "known")]
#[case::another_without_port("foo {ed2}\n", "foo", 2222, "ed", "unknown")]
#[case::changed_with_port("foo {ed}\n[foo]:2222 {rsa}\n", "foo", 2222, "ed", "changed")]
// Damage.
#[case::damaged_first("foo ssh-ed25519 AAAA\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::only_damaged("foo ssh-ed25519 AAAA\n", "foo", 22, "ed", "unknown")]
#[case::unknown_type("foo ssh-new AAAAB3NzaC1uZXcAAAAA\n", "foo", 22, "ed", "unknown")]
#[case::wrong_type("foo ssh-rsa {ed}\n", "foo", 22, "ed", "unknown")]
#[case::wrong_marker("@unknown foo {ed2}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::two_markers("@revoked @revoked foo {ed}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::comments(
    "# foo {ed2}\n\n \t\n  foo\t{ed}\twho knows\n",
    "foo",
    22,
    "ed",
    "known"
)]
#[case::crlf("# mine\r\nfoo {ed}\r\n\r\n", "foo", 22, "ed", "known")]
#[case::no_last_end("foo {rsa}\nfoo {ed}", "foo", 22, "ed", "known")]
#[case::not_text("\u{fffd}\u{1}\u{7f}\nfoo {ed}\n", "foo", 22, "ed", "known")]
#[case::nul("foo {ed}\0\nbar\0 {ed}\n", "foo", 22, "ed", "known")]
#[case::bad_hash("|1|AAAA|AAAA {ed}\n|1| {ed}\nfoo {ed}\n", "foo", 22, "ed", "known")]
// Certificates.
#[case::certificate("@cert-authority foo {ca}\n", "foo", 22, "cert", "known")]
#[case::certificate_for_all("@cert-authority * {ca}\n", "foo", 22, "cert", "known")]
#[case::ecdsa_authority(
    "@cert-authority foo {ca}\n@cert-authority foo {ca2}\n",
    "foo",
    22,
    "cert-ca2",
    "known"
)]
#[case::rsa_authority("@cert-authority foo {ca-rsa}\n", "foo", 22, "cert-rsa", "known")]
#[case::sha1("@cert-authority foo {ca-rsa}\n", "foo", 22, "cert-sha1", "unknown")]
#[case::another_authority("@cert-authority foo {ca2}\n", "foo", 22, "cert", "unknown")]
#[case::authority_of_another_host("@cert-authority bar {ca}\n", "foo", 22, "cert", "unknown")]
#[case::authority_as_a_key("foo {ca}\n", "foo", 22, "cert", "changed")]
#[case::tab_after_authority("@cert-authority\tfoo {ca}\n", "foo", 22, "cert", "unknown")]
#[case::another_principal("@cert-authority foo {ca}\n", "foo", 22, "cert-bar", "unknown")]
#[case::upper_principal("@cert-authority foo {ca}\n", "foo", 22, "cert-upper", "unknown")]
#[case::no_principals("@cert-authority foo {ca}\n", "foo", 22, "cert-all", "known")]
#[case::expired("@cert-authority foo {ca}\n", "foo", 22, "cert-old", "unknown")]
#[case::not_yet("@cert-authority foo {ca}\n", "foo", 22, "cert-new", "unknown")]
#[case::critical("@cert-authority foo {ca}\n", "foo", 22, "cert-critical", "unknown")]
#[case::expired_but_known("@cert-authority foo {ca}\nfoo {ed}\n", "foo", 22, "cert-old", "known")]
#[case::expired_and_changed(
    "@cert-authority foo {ca}\nfoo {ed2}\n",
    "foo",
    22,
    "cert-old",
    "changed"
)]
#[case::signed_for_a_changed_host(
    "@cert-authority foo {ca}\nfoo {ed2}\n",
    "foo",
    22,
    "cert",
    "known"
)]
#[case::revoked_authority(
    "@cert-authority foo {ca}\n@revoked * {ca}\n",
    "foo",
    22,
    "cert",
    "revoked"
)]
#[case::revoked_authority_of_a_known_key(
    "foo {ed}\n@revoked * {ca}\n",
    "foo",
    22,
    "cert",
    "revoked"
)]
#[case::revoked_key_in_a_certificate(
    "@cert-authority foo {ca}\n@revoked * {ed}\n",
    "foo",
    22,
    "cert",
    "revoked"
)]
#[case::authority_with_port("@cert-authority [foo]:2222 {ca}\n", "foo", 2222, "cert", "known")]
#[case::authority_without_port("@cert-authority foo {ca}\n", "foo", 2222, "cert", "known")]
#[case::principal_with_port("@cert-authority * {ca}\n", "foo", 2222, "cert-ported", "unknown")]
fn we_think_of_a_key_what_ssh_thinks(
    #[case] content: &str,
    #[case] host: &str,
    #[case] port: u16,
    #[case] shown: &str,
    #[case] verdict: &str,
) {
    let dir = TempDir::new().unwrap();
    // A name before a key's own stands instead of it.
    let content = content
        .replace(
            "rsa-sha2-256 {rsa}",
            &Keys::get().text("rsa").replace("ssh-rsa", "rsa-sha2-256"),
        )
        .replace(
            "ssh-rsa {ed}",
            &Keys::get().text("ed").replace("ssh-ed25519", "ssh-rsa"),
        );
    let trust = trust(&dir, &content);
    let said = ssh(&trust, host, port, &[shown]);
    assert_eq!(said.verdict, verdict, "ssh: {}", said.all);
    assert_eq!(ours(&trust, &HostName::new(host, port), shown), verdict);
}

/// Where we are stricter: `ssh` warns and then treats the key as new, or does not see the line.
#[rstest]
#[case::revoked_without_port("@revoked foo {ed}\n", 2222, "unknown")]
#[case::revoked_without_port_known_with("@revoked foo {ed}\n[foo]:2222 {ed}\n", 2222, "known")]
#[case::tab_after_revoked("@revoked\tfoo {ed}\nfoo {ed}\n", 22, "known")]
fn a_revoked_key_is_refused_where_ssh_overlooks_it(
    #[case] content: &str,
    #[case] port: u16,
    #[case] with_ssh: &str,
) {
    let dir = TempDir::new().unwrap();
    let trust = trust(&dir, content);
    assert_eq!(ssh(&trust, "foo", port, &["ed"]).verdict, with_ssh);
    assert_eq!(ours(&trust, &HostName::new("foo", port), "ed"), "revoked");
}

/// `ssh` is not asked: OpenSSH 9.2 agrees, but versions may differ here.
#[test]
fn a_wildcard_in_a_certificate_is_no_name() {
    let dir = TempDir::new().unwrap();
    let trust = trust(&dir, "@cert-authority * {ca}\n");
    assert_eq!(
        ours(&trust, &HostName::new("foo", 22), "cert-star"),
        "unknown"
    );
}

/// `sshd` does not load such a certificate.
#[test]
fn a_users_certificate_is_not_a_hosts() {
    let dir = TempDir::new().unwrap();
    let trust = trust(&dir, "@cert-authority * {ca}\n");
    assert_eq!(
        ours(&trust, &HostName::new("foo", 22), "cert-user"),
        "unknown"
    );
}

#[rstest]
#[case("foo {ed}\n", "foo", "known")]
#[case("foo {ed}\n", "FOO", "known")]
#[case("[foo]:2222 {ed}\n", "foo", "unknown")]
#[case("elsewhere {ed}\n[elsewhere]:2222 {ed}\n", "foo", "unknown")]
#[case("@cert-authority * {ca}\n", "foo", "unknown")]
fn an_alias_stands_for_name_and_port(
    #[case] content: &str,
    #[case] alias: &str,
    #[case] verdict: &str,
) {
    let dir = TempDir::new().unwrap();
    let mut trust = trust(&dir, content);
    trust.alias = Some(alias.to_owned());
    assert_eq!(ssh(&trust, "elsewhere", 2222, &["ed"]).verdict, verdict);
    assert_eq!(ours(&trust, &HostName::alias(alias), "ed"), verdict);
}

#[test]
fn the_name_in_a_certificate_is_the_alias() {
    let dir = TempDir::new().unwrap();
    let mut trust = trust(&dir, "@cert-authority * {ca}\n");
    for (alias, verdict) in [("foo", "known"), ("bar", "unknown")] {
        trust.alias = Some(alias.to_owned());
        assert_eq!(ssh(&trust, "foo", 2222, &["cert"]).verdict, verdict);
        assert_eq!(ours(&trust, &HostName::alias(alias), "cert"), verdict);
    }
}

#[rstest]
#[case::in_the_second("foo {ed2}\n", "foo {ed}\n", "", "known")]
#[case::in_the_global("bar {ed}\n", "", "foo {ed}\n", "known")]
#[case::changed_in_the_global("", "", "foo {ed2}\n", "changed")]
#[case::revoked_in_the_global("foo {ed}\n", "", "@revoked * {ed}\n", "revoked")]
fn all_files_count(
    #[case] first: &str,
    #[case] second: &str,
    #[case] global: &str,
    #[case] verdict: &str,
) {
    let dir = TempDir::new().unwrap();
    let mut trust = trust(&dir, first);
    let add = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, Keys::get().filled(content)).unwrap();
        path
    };
    let second = add("second", second);
    trust
        .user_files
        .extend([dir.path().join("missing"), second]);
    trust.global_files.push(add("global", global));
    assert_eq!(ssh(&trust, "foo", 22, &["ed"]).verdict, verdict);
    assert_eq!(ours(&trust, &HostName::new("foo", 22), "ed"), verdict);
}

#[rstest]
#[case("", 22)]
#[case("foo {rsa}\n", 22)]
#[case("foo {ec}\n", 22)]
#[case("foo {ed}\nfoo {rsa}\n", 22)]
#[case("foo {rsa}\nfoo {ec}\n", 22)]
#[case("[foo]:2222 {rsa}\nfoo {ec}\n", 2222)]
#[case("@revoked foo {rsa}\n", 22)]
#[case("@cert-authority foo {ca}\n", 22)]
#[case("@cert-authority foo {ca}\nfoo {rsa}\n", 22)]
fn the_host_is_asked_for_the_key_that_ssh_asks_for(#[case] content: &str, #[case] port: u16) {
    let dir = TempDir::new().unwrap();
    let trust = trust(&dir, content);
    let said = ssh(&trust, "foo", port, &["cert", "rsa", "ec"]);
    let defaults = Command::new("ssh")
        .args(["-F", "none", "-G", "foo"])
        .output()
        .unwrap();
    let defaults = String::from_utf8(defaults.stdout).unwrap();
    let mut names: Vec<&str> = defaults
        .lines()
        .find_map(|line| line.strip_prefix("hostkeyalgorithms "))
        .unwrap()
        .split(',')
        .collect();
    let known = KnownHosts::load(&trust, &HostName::new("foo", port)).unwrap();
    assert_eq!(known.has_authority(), content.contains("cert-authority"));
    known.order(&mut names);
    let has = [
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-ed25519",
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ecdsa-sha2-nistp256",
    ];
    let first = names.iter().find(|name| has.contains(name)).unwrap();
    assert_eq!(*first, said.algorithm);
}

#[rstest]
#[case("foo", 22, false)]
#[case("foo", 2222, false)]
#[case("foo", 22, true)]
#[case("foo", 2222, true)]
#[case("::1", 2222, true)]
fn ssh_knows_what_we_remember(#[case] host: &str, #[case] port: u16, #[case] is_hashed: bool) {
    let dir = TempDir::new().unwrap();
    let mut trust = trust(&dir, "bar {ed2}\n# no end");
    trust.is_hashed = is_hashed;
    let name = HostName::new(host, port);
    for shown in ["cert", "rsa"] {
        let mut fresh = trust.clone();
        fresh.user_files[0] = dir.path().join(shown);
        fs::copy(&trust.user_files[0], &fresh.user_files[0]).unwrap();
        assert_eq!(ssh(&fresh, host, port, &[shown]).verdict, "unknown");
        remember(&fresh, &name, &Keys::get().shown(shown), SystemTime::now()).unwrap();
        assert_eq!(ssh(&fresh, host, port, &[shown]).verdict, "known");
        assert_eq!(ours(&fresh, &name, shown), "known");
    }
}

#[test]
fn fingerprints_are_those_that_ssh_keygen_prints() {
    let dir = TempDir::new().unwrap();
    for name in ["ed", "ec", "rsa", "cert"] {
        let output = Command::new("ssh-keygen")
            .args(["-l", "-f"])
            .arg(Keys::get().put(&format!("{name}.pub"), dir.path()))
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let fingerprint = output.split(' ').nth(1).unwrap();
        assert_eq!(Keys::get().shown(name).fingerprint(), fingerprint);
    }
}
