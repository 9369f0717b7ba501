//! Logging in: keys, certificates, the agent, passphrases, passwords and dialogs, and what is said at a refusal.

use std::os::unix::fs::PermissionsExt;

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::settings::{IdentityAgent, Settings};
use cm_tui::transport::ssh::{Connection, SshError, SshErrorKind};
use rstest::rstest;
use russh::MethodKind;

use super::exec::finish;
use super::fake::{Fake, Round, Script};
use super::human::{answers, secrets, summary};
use super::lab::{Agent, KeyPair, Sshd};

async fn open(settings: &Settings) -> Result<Connection, SshError> {
    Connection::open(settings, &Asker::nobody()).await
}

async fn logs_in(settings: &Settings) {
    let connection = open(settings).await.unwrap();
    let exec = connection.exec("echo in").await.unwrap();
    assert_eq!(finish(exec).await.0, "in\n");
}

/// What is said, without what differs from run to run.
fn said(sshd: &Sshd, error: &SshError) -> String {
    let folder = sshd.dir.path().display().to_string();
    let user = format!(" as {}:", super::lab::user());
    format!("{}\nhint: {}", error.message, error.hint)
        .replace(&folder, "LAB")
        .replace(&user, " as me:")
}

#[rstest]
#[case::ed25519("ed25519")]
#[case::ecdsa("ecdsa")]
#[case::rsa_with_sha2("rsa")]
#[tokio::test]
async fn a_key_file_logs_in(#[case] kind: &str) {
    let mut other = None;
    let sshd = Sshd::start(|config| {
        let key = KeyPair::new(&config.dir.join("mine"), kind, "");
        config.authorized = vec![key.public.clone()];
        other = Some(key);
    });
    let settings = Settings {
        identity_files: vec![other.unwrap().path],
        ..sshd.settings()
    };
    logs_in(&settings).await;
}

#[tokio::test]
async fn a_passphrase_is_asked_for_only_when_the_host_takes_the_key_and_again_when_it_is_wrong() {
    let mut keys = Vec::new();
    let sshd = Sshd::start(|config| {
        for name in ["refused", "taken"] {
            keys.push(KeyPair::new(
                &config.dir.join(name),
                "ed25519",
                "open sesame",
            ));
        }
        config.authorized = vec![keys[1].public.clone()];
    });
    let settings = Settings {
        identity_files: keys.iter().map(|key| key.path.clone()).collect(),
        ..sshd.settings()
    };
    let (asker, questions) = answers(vec![secrets(&["wrong"]), secrets(&["open sesame"])]);
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(asker);
    let questions = summary(&questions.await.unwrap());
    let questions = questions.replace(&sshd.dir.path().display().to_string(), "LAB");
    insta::assert_snapshot!(questions, @r"
    passphrase of LAB/taken [] passphrase 
    passphrase of LAB/taken [] passphrase that passphrase is wrong
    ");

    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(said(&sshd, &error), @r"
    cannot log in to “lab” as me: permission denied (tried key LAB/refused; the host takes publickey)
    hint: key LAB/taken is not used: no passphrase was given
    ");
}

#[tokio::test]
async fn a_key_that_others_may_read_is_not_used() {
    let sshd = Sshd::start(|_| {});
    let settings = sshd.settings();
    let open_to_all = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&sshd.key.path, open_to_all).unwrap();
    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(said(&sshd, &error), @r"
    cannot log in to “lab” as me: permission denied (nothing to try; the host takes publickey)
    hint: key LAB/id is not used, because others may read it; try: chmod 600 LAB/id
    ");
}

#[tokio::test]
async fn a_certificate_beside_its_key_logs_in() {
    let mut user = None;
    let sshd = Sshd::start(|config| {
        let authority = KeyPair::new(&config.dir.join("authority"), "ed25519", "");
        let key = KeyPair::new(&config.dir.join("mine"), "rsa", "");
        authority.certify(&key, &["-n", &super::lab::user(), "-V", "+1h"]);
        let authority = authority.path.with_extension("pub");
        config.line(format!("TrustedUserCAKeys {}", authority.display()));
        user = Some(key);
    });
    let settings = Settings {
        identity_files: vec![user.unwrap().path],
        ..sshd.settings()
    };
    logs_in(&settings).await;
}

#[rstest]
#[case::key("ed25519", false)]
#[case::rsa_key("rsa", false)]
#[case::certificate("ed25519", true)]
#[case::rsa_certificate("rsa", true)]
#[tokio::test]
async fn the_agent_logs_in(#[case] kind: &str, #[case] is_certified: bool) {
    let mut user = None;
    let sshd = Sshd::start(|config| {
        let key = KeyPair::new(&config.dir.join("mine"), kind, "");
        if is_certified {
            let authority = KeyPair::new(&config.dir.join("authority"), "ed25519", "");
            authority.certify(&key, &["-n", &super::lab::user(), "-V", "+1h"]);
            let authority = authority.path.with_extension("pub");
            config.line(format!("TrustedUserCAKeys {}", authority.display()));
        } else {
            config.authorized = vec![key.public.clone()];
        }
        user = Some(key);
    });
    let agent = Agent::start(sshd.dir.path());
    agent.add(&user.unwrap());
    let settings = Settings {
        identity_files: Vec::new(),
        identities_only: false,
        identity_agent: IdentityAgent::Socket(agent.socket.clone()),
        ..sshd.settings()
    };
    logs_in(&settings).await;
}

#[tokio::test]
async fn only_named_keys_of_the_agent_are_tried_when_the_settings_say_so() {
    let mut mine = Vec::new();
    let sshd = Sshd::start(|config| {
        for number in 0..8 {
            mine.push(KeyPair::new(
                &config.dir.join(format!("k{number}")),
                "ed25519",
                "",
            ));
        }
        config.authorized = vec![mine[7].public.clone()];
    });
    let agent = Agent::start(sshd.dir.path());
    for key in &mine {
        agent.add(key);
        // The private half is with the agent only.
        std::fs::remove_file(&key.path).unwrap();
    }
    let settings = Settings {
        identity_files: vec![mine[7].path.clone()],
        identities_only: true,
        identity_agent: IdentityAgent::Socket(agent.socket.clone()),
        ..sshd.settings()
    };
    logs_in(&settings).await;
    // A named key comes first also among others.
    let settings = Settings {
        identities_only: false,
        ..settings
    };
    logs_in(&settings).await;
    // Unnamed, it is the eighth: the host would hang up before.
    let settings = Settings {
        identity_files: Vec::new(),
        ..settings
    };
    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(said(&sshd, &error), @r"
    cannot log in to “lab” as me: permission denied (tried key lab of the agent, key lab of the agent, key lab of the agent, key lab of the agent, key lab of the agent; the host takes publickey)
    hint: only 5 keys were tried, because hosts hang up soon after: name the right one with IdentityFile and IdentitiesOnly
    ");
}

#[tokio::test]
async fn a_host_that_hangs_up_on_wrong_keys_has_refused_the_login() {
    let mut wrong = Vec::new();
    let sshd = Sshd::start(|config| {
        config.line("MaxAuthTries 2");
        for number in 0..4 {
            wrong.push(KeyPair::new(&config.dir.join(format!("k{number}")), "ed25519", "").path);
        }
    });
    let settings = Settings {
        identity_files: wrong,
        ..sshd.settings()
    };
    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(said(&sshd, &error), @r"
    cannot log in to “lab” as me: the host closed it, saying “Too many authentication failures” (tried key LAB/k0, key LAB/k1)
    hint: try: ssh lab
    ");
}

#[tokio::test]
async fn an_unusable_agent_does_not_stop_a_key_file() {
    let sshd = Sshd::start(|_| {});
    let settings = Settings {
        identity_agent: IdentityAgent::Socket(sshd.dir.path().join("nobody")),
        ..sshd.settings()
    };
    logs_in(&settings).await;
}

#[tokio::test]
async fn a_password_is_asked_for_again_when_it_was_wrong() {
    let fake = Fake::start(Script {
        methods: vec![MethodKind::Password],
        password: Some("right"),
        ..Script::default()
    })
    .await;
    let settings = Settings {
        user: "me".to_owned(),
        ..fake.settings()
    };
    let (asker, questions) = answers(vec![secrets(&["wrong"]), secrets(&["right"])]);
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(asker);
    insta::assert_snapshot!(summary(&questions.await.unwrap()), @r"
    password for me@lab [] password 
    password for me@lab [] password the host refused that password
    ");

    let (asker, _asked) = answers(vec![secrets(&["a"]), secrets(&["b"]), secrets(&["c"])]);
    let error = Connection::open(&settings, &asker).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(error.message, @"cannot log in to “lab” as me: permission denied (tried password; the host takes password)");
    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    insta::assert_snapshot!(error.message, @"cannot log in to “lab” as me: no password was given");
}

#[tokio::test]
async fn a_dialog_may_ask_several_things_in_several_rounds_and_nothing_in_one() {
    let fake = Fake::start(Script {
        methods: vec![MethodKind::KeyboardInteractive],
        rounds: vec![
            (&[("Password: ", false), ("Realm: ", true)], &["pw", "lab"]),
            (&[], &[]),
            (&[("Code: ", true)], &["123456"]),
        ],
        ..Script::default()
    })
    .await;
    let settings = Settings {
        user: "me".to_owned(),
        ..fake.settings()
    };
    let right = || vec![secrets(&["pw", "lab"]), secrets(&["123456"])];
    let (asker, questions) = answers(right());
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(asker);
    insta::assert_snapshot!(summary(&questions.await.unwrap()), @r"
    login to me@lab [round 1] Password: | Realm: (shown) 
    login to me@lab [round 2
    round 3] Code: (shown)
    ");

    // A wrong answer begins again.
    let mut with_mistake = vec![secrets(&["no", "lab"])];
    with_mistake.extend(right());
    let (asker, questions) = answers(with_mistake);
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(asker);
    assert!(summary(&questions.await.unwrap()).contains("the host refused that answer"));
}

#[tokio::test]
async fn a_host_may_want_two_ways_one_after_the_other() {
    let fake = Fake::start(Script {
        methods: vec![MethodKind::KeyboardInteractive],
        rounds: vec![(&[("Code: ", true)], &["123456"])],
        password: Some("pw"),
        second: Some(MethodKind::Password),
        ..Script::default()
    })
    .await;
    let (asker, questions) = answers(vec![secrets(&["123456"]), secrets(&["pw"])]);
    drop(Connection::open(&fake.settings(), &asker).await.unwrap());
    drop(asker);
    assert_eq!(questions.await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_banner_is_part_of_a_refusal_and_clean() {
    let fake = Fake::start(Script {
        banner: Some("\x1b[31mwelcome\nonly from the \x07office\n".to_owned()),
        methods: vec![MethodKind::PublicKey],
        ..Script::default()
    })
    .await;
    let settings = Settings {
        user: "me".to_owned(),
        ..fake.settings()
    };
    let error = open(&settings).await.unwrap_err();
    insta::assert_snapshot!(error.message, @"cannot log in to “lab” as me: permission denied (nothing to try; the host takes publickey); it says “only from the ·office”");
}

#[rstest]
#[case::for_ever(vec![(&[] as Round, &[] as &[&str]); 20])]
#[case::too_much_at_once(vec![(&[("?", true); 17] as Round, &[] as &[&str])])]
#[tokio::test]
async fn a_host_that_asks_without_end_is_left(
    #[case] rounds: Vec<(Round, &'static [&'static str])>,
) {
    let fake = Fake::start(Script {
        methods: vec![MethodKind::KeyboardInteractive],
        rounds,
        ..Script::default()
    })
    .await;
    let error = open(&fake.settings()).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Authentication);
    assert!(error.message.contains(": it asks "), "{error}");
}

#[tokio::test]
async fn a_key_of_an_old_kind_logs_in_with_its_passphrase_or_says_how_to_convert_it() {
    let mut old = None;
    let sshd = Sshd::start(|config| {
        let key = KeyPair::new(&config.dir.join("old"), "rsa", "open sesame");
        let passphrases = ["-P", "open sesame", "-N", "open sesame"];
        super::lab::run(
            std::process::Command::new("ssh-keygen")
                .args(["-q", "-p", "-m", "PEM"])
                .args(passphrases)
                .arg("-f")
                .arg(&key.path),
        );
        config.authorized = vec![key.public.clone()];
        old = Some(key);
    });
    let old = old.unwrap();
    let settings = Settings {
        identity_files: vec![old.path.clone()],
        ..sshd.settings()
    };
    let (asker, _questions) = answers(vec![secrets(&["open sesame"])]);
    drop(Connection::open(&settings, &asker).await.unwrap());
    std::fs::remove_file(old.path.with_extension("pub")).unwrap();
    let error = open(&settings).await.unwrap_err();
    assert!(error.hint.contains("ssh-keygen -p -f"), "{}", error.hint);
}
