//! Compression, as the user's `Compression` and the host's decide it together.

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::Connection;
use rstest::rstest;

use super::exec::{comes_back, finish};
use super::lab::Sshd;

/// A host with these further lines of `sshd_config`, which says what it negotiates, and a connection to it.
async fn lab(lines: &[&str], is_compressed: bool) -> (Sshd, Connection) {
    let sshd = Sshd::start(|config| {
        config.line("LogLevel DEBUG");
        for line in lines {
            config.line(*line);
        }
    });
    let mut settings = sshd.settings();
    settings.algorithms.is_compressed = is_compressed;
    let connection = Connection::open(&settings, &Asker::nobody()).await.unwrap();
    (sshd, connection)
}

#[rstest]
#[case::wanted("Compression delayed", true, true)]
#[case::not_wanted("Compression delayed", false, false)]
#[case::refused_by_the_host("Compression no", true, false)]
#[tokio::test]
async fn a_connection_is_compressed_when_both_sides_want_it(
    #[case] line: &str,
    #[case] is_wanted: bool,
    #[case] is_expected: bool,
) {
    let (sshd, connection) = lab(&[line], is_wanted).await;
    let exec = connection.exec("echo through").await.unwrap();
    assert_eq!(finish(exec).await.0, "through\n");
    // After all that it says of the connection itself.
    sshd.logged("Starting session: command");
    let log = sshd.log();
    let negotiated = log.matches("compression: zlib@openssh.com").count();
    assert_eq!(negotiated, if is_expected { 2 } else { 0 }, "{log}");
    let begun = log.contains("Enabling compression");
    assert_eq!(begun, is_expected, "{log}");
}

/// Text and noise both ways, with new keys again and again: each time both streams of the compression begin anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressed_connection_loses_nothing_when_its_keys_change() {
    let (sshd, connection) = lab(&["RekeyLimit 256K"], true).await;
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut sent = vec![0; 2 << 20];
    noise.fill(&mut sent);
    for number in 0..50_000 {
        sent.extend_from_slice(format!("line {number} of a build that says much\n").as_bytes());
    }
    comes_back(&connection, sent).await;
    drop(connection);
    sshd.logged("Connection closed by");
    let log = sshd.log();
    let negotiated = log.matches("compression: zlib@openssh.com").count();
    assert!(negotiated > 6, "{negotiated}: {log}");
}
