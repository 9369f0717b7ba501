//! `ssh-keygen` as the judge of which line is for whom.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use russh::keys::ssh_key::{HashAlg, PublicKey};

use super::entry::Marker;
use super::tests::{ECDSA, Files, RSA, text};
use super::{HostName, hashed};

/// What `ssh-keygen` finds for a name: `LINE MARKER FINGERPRINT`.
fn asked(file: &Path, name: &str) -> Vec<String> {
    let output = Command::new("ssh-keygen")
        .args(["-l", "-F", name, "-f"])
        .arg(file)
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let mut found = Vec::new();
    let mut head = String::new();
    for line in output.lines() {
        if let Some((_, place)) = line.split_once(" found: line ") {
            head = place.trim().to_owned();
        } else {
            let hash = line.split(' ').find(|word| word.starts_with("SHA256:"));
            found.push(format!("{head} {}", hash.unwrap()));
        }
    }
    found
}

/// The same as we find it.
fn found(files: &Files, host: &HostName, is_portless: bool) -> Vec<String> {
    let known = files.load(host);
    let lines = known.entries.iter();
    lines
        .filter(|entry| entry.is_portless == is_portless)
        .map(|entry| {
            let marker = match entry.marker {
                Marker::None => "",
                Marker::Authority => " CA",
                Marker::Revoked => " REVOKED",
            };
            let hash = PublicKey::from(entry.key.clone()).fingerprint(HashAlg::Sha256);
            format!("{}{marker} {hash}", entry.place.line)
        })
        .collect()
}

fn assert_agreed(files: &Files, host: &str, port: u16) {
    let name = HostName::new(host, port);
    let own = asked(files.file(), name.as_str());
    assert_eq!(found(files, &name, false), own, "{}", files.content());
    if port != 22 {
        let mut portless = asked(files.file(), host);
        portless.retain(|line| !own.contains(line));
        assert_eq!(found(files, &name, true), portless, "{}", files.content());
    }
}

#[test]
fn a_file_that_ssh_keygen_hashed_is_read_as_it_reads_it() {
    let files = Files::new("gpu $1\n[gpu]:2222 $2\n::1,10.0.0.1 $3\n@revoked gpu $4\n*.ex $5\n");
    let done = Command::new("ssh-keygen")
        .args(["-q", "-H", "-f"])
        .arg(files.file())
        .output()
        .unwrap();
    assert!(done.status.success());
    assert!(files.content().contains("|1|"));
    for (host, port, line) in [("gpu", 22, "1"), ("gpu", 2222, "2"), ("::1", 22, "3")] {
        assert!(found(&files, &HostName::new(host, port), false)[0].starts_with(line));
        assert_agreed(&files, host, port);
    }
    assert_agreed(&files, "10.0.0.1", 22);
    assert_agreed(&files, "a.ex", 22);
}

/// A word of a line, mostly sound.
fn names() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("gpu"),
        Just("GPU"),
        Just("gpu-2"),
        Just("gpu.ex"),
        Just("[gpu]:2222"),
        Just("10.0.0.1"),
        Just("::1"),
        Just("*"),
        Just("*.ex"),
        Just("gpu*"),
        Just("g?u"),
        Just("[*]:*"),
        Just("!gpu"),
        Just("!*.ex"),
        Just("!"),
        Just(""),
        Just("|1|"),
        Just("é"),
    ];
    prop_oneof![
        6 => prop::collection::vec(name, 1..4).prop_map(|names| names.join(",")),
        2 => prop::sample::select(vec!["gpu", "[gpu]:2222", "gpu.ex"])
            .prop_map(|name| hashed::hide(name).unwrap()),
        1 => "[!-~]{1,12}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    let marker = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "@revoked ",
        "@cert-authority ",
        "@cert-authority\t",
        "@other ",
        "@",
        "#",
        "@revoked @revoked ",
    ]);
    let blank = || prop::sample::select(vec![" ", " ", "\t", "  ", " \t "]);
    let key = prop_oneof![
        6 => (1_u8..10).prop_map(text),
        1 => prop::sample::select(vec![RSA, ECDSA]).prop_map(str::to_owned),
        1 => Just(RSA.replace("ssh-rsa", "rsa-sha2-256")),
        1 => Just(ECDSA.replace("nistp256 ", "nistp384 ")),
        1 => (1_u8..10, 20_usize..60).prop_map(|(number, length)| {
            text(number).chars().take(length).collect()
        }),
        1 => "[ -~]{0,60}",
    ];
    let end = prop::sample::select(vec!["", "", " a comment", "\r", " ", "\tme\r", "=", "#"]);
    let start = prop::sample::select(vec!["", "", "", " ", "\t"]);
    (start, marker, names(), blank(), key, end).prop_map(
        |(start, marker, names, blank, key, end)| {
            format!("{start}{marker}{names}{blank}{key}{end}")
        },
    )
}

proptest! {
    // Each case starts a few processes.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn ssh_keygen_finds_the_same_lines(
        lines in prop::collection::vec(line(), 1..24),
        end in prop::sample::select(vec!["\n", ""]),
    ) {
        let files = Files::new("");
        fs::write(files.file(), lines.join("\n") + end).unwrap();
        for (host, port) in [("gpu", 22), ("gpu", 2222), ("gpu.ex", 22), ("::1", 22)] {
            assert_agreed(&files, host, port);
        }
    }
}
