//! Uploads that are cut, changed, refused by the disk, or meet something in their way.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cm_tui::fleet::deploy::program::Program;
use cm_tui::fleet::deploy::upload::upload;
use cm_tui::fleet::deploy::{DeployError, Limits, Ran, Shell};
use cm_tui::transport::ssh::SshError;
use rstest::rstest;

use super::login::{Cut, Login, Loss, TOOLS, program};

const BLOCK: usize = 4 << 10;

fn only_file(login: &Login) -> String {
    let files: Vec<_> = login
        .files()
        .into_iter()
        .filter(|name| login.home().join(name).is_file())
        .collect();
    let [file] = files.as_slice() else {
        panic!("{files:?}")
    };
    file.clone()
}

#[rstest]
#[case::dash("/usr/bin/dash")]
#[case::bash("/usr/bin/bash")]
#[case::zsh("/usr/bin/zsh")]
#[case::ksh("/usr/bin/ksh")]
#[case::busybox("/usr/bin/busybox")]
#[tokio::test]
async fn every_sh_puts_it_there_whole_and_private(#[case] sh: &str) {
    let login = Login::new("dash").with_sh(sh);
    let program = program(5 * BLOCK);
    let path = upload(&login, "gpu-2", &program).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), program.bytes);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    let path = Path::new(&path);
    assert_eq!(mode(path), 0o700);
    for folder in path.ancestors().skip(1).take(3) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(login.home().join(only_file(&login)), path);
}

#[rstest]
#[case::dash("/usr/bin/dash")]
#[case::bash("/usr/bin/bash")]
#[case::busybox("/usr/bin/busybox")]
#[tokio::test]
async fn a_stream_that_is_cut_leaves_nothing(
    #[case] sh: &str,
    #[values(Loss::Input, Loss::All)] loss: Loss,
) {
    let login = Login::new("dash").with_sh(sh);
    let program = program(6 * BLOCK);
    // The head is some 200 bytes: cut in each of its lines, at each block, and one byte before the end.
    let whole = program.bytes.len();
    let cuts = (0..260).step_by(7).chain((BLOCK..whole).step_by(BLOCK));
    for after in cuts.chain([whole]) {
        let cut = Cut {
            login: &login,
            after,
            loss,
        };
        let error = upload(&cut, "gpu-2", &program).await.unwrap_err();
        assert_eq!(login.files(), [""; 0], "cut after {after}");
        if loss == Loss::Input && after >= BLOCK {
            let said = error.to_string();
            assert!(
                said.starts_with("cm-agent did not reach gpu-2 whole: "),
                "{said}"
            );
        }
    }
}

/// A connection that changes one byte.
struct Flipped<'a>(&'a Login);

impl Shell for Flipped<'_> {
    async fn run(
        &self,
        command: &'static str,
        mut stdin: Vec<u8>,
        limits: Limits,
    ) -> Result<Ran, SshError> {
        *stdin.last_mut().unwrap() ^= 1;
        self.0.run(command, stdin, limits).await
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_and_the_file_was_never_run() {
    let login = Login::new("dash");
    let proof = login.home().join("was-run");
    let script = format!("#!/bin/sh\ntouch {}\n#", proof.display());
    let program = Program::new(script.into_bytes());
    let error = upload(&Flipped(&login), "gpu-2", &program)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cm-agent reached gpu-2 changed: its SHA-256 is wrong"
    );
    assert_eq!(login.files(), [""; 0]);
    assert!(!proof.exists());
}

#[rstest]
#[case::other_words("#!/bin/sh\necho Exec format error\n", "Exec format error")]
#[case::silent("#!/bin/sh\n", "it says nothing")]
#[case::other_version(
    "#!/bin/sh\necho 'cm-agent 9.0.0 (protocol 1 to 9)'\n",
    "cm-agent 9.0.0 (protocol 1 to 9)"
)]
#[case::no_loader("#!/no/such/loader\n", "sh: 1: ")]
#[tokio::test]
async fn what_does_not_run_there_gets_no_name(#[case] script: &str, #[case] words: &str) {
    let login = Login::new("dash");
    let error = upload(&login, "gpu-2", &Program::new(script.into()))
        .await
        .unwrap_err();
    let said = error.to_string();
    let start = format!("cm-agent was uploaded but does not run on gpu-2: {words}");
    assert!(said.starts_with(&start), "{said}");
    assert_eq!(login.files(), [""; 0]);
}

#[rstest]
#[case::sha256sum("sha256sum")]
#[case::shasum("shasum")]
#[case::openssl("openssl")]
#[tokio::test]
async fn any_program_that_makes_sums_will_do(#[case] tool: &str) {
    let mut programs = TOOLS.to_vec();
    programs.extend([tool, "dash", "perl"]);
    let login = Login::new("/usr/bin/dash").with_only(&programs);
    upload(&login, "gpu-2", &program(BLOCK)).await.unwrap();
    let error = upload(&Flipped(&login), "gpu-2", &program(BLOCK + 1)).await;
    assert!(
        matches!(error, Err(DeployError::Changed { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn without_one_nothing_is_written() {
    let login = Login::new("/usr/bin/dash").with_only(&TOOLS);
    let error = upload(&login, "gpu-2", &program(BLOCK)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "gpu-2 has no program that checks what is uploaded"
    );
    assert!(!login.home().join(".local").exists());
}

#[rstest]
#[case::open_to_others("chmod 0777 \"$1\"")]
#[case::group_may_enter("chmod 0750 \"$1\"")]
#[case::a_link("mv \"$1\" \"$1.real\"; ln -s \"$1.real\" \"$1\"")]
#[case::of_another_user("chown 65534 \"$1\"")]
#[tokio::test]
async fn a_folder_that_is_not_ours_alone_is_refused(
    #[case] spoil: &str,
    #[values(".local/share/cm", ".local/share/cm/agent")] folder: &str,
) {
    let is_root = rustix::process::geteuid().is_root();
    if spoil.starts_with("chown") && !is_root {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    let login = Login::new("dash");
    let old = login.agent(".local/share/cm/agent/keep/cm-agent", "old");
    for folder in [".local/share/cm", ".local/share/cm/agent"] {
        let folder = login.home().join(folder);
        std::fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
    let folder = login.home().join(folder);
    let spoiled = std::process::Command::new("sh")
        .args(["-c", spoil, "sh"])
        .arg(&folder)
        .status();
    assert!(spoiled.unwrap().success());
    let error = upload(&login, "gpu-2", &program(BLOCK)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the folder for cm-agent on gpu-2 is not safe: {}",
            folder.display()
        )
    );
    assert!(old.exists());
}

/// A host whose home is its own small or locked file system; the files that are left are listed outside.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn mounted(how: &str) -> Option<Login> {
    let script = format!(
        "{how} || exit 9; \"$@\"; status=$?; find \"$HOME\" >\"$HOME/../left\"; exit $status"
    );
    let words = ["unshare", "-m", "sh", "-c", &script, "sh", "dash"];
    let can = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    if can.is_ok_and(|output| output.status.success()) {
        Some(Login::new("dash").with_shell(&words))
    } else {
        eprintln!("skipped: this user cannot mount");
        None
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_left_as_it_was() {
    // The shell stands in the folder that is mounted over, so it steps in again.
    let mount = "mount -t tmpfs -o size=16k none \"$HOME\" && cd \"$HOME\"";
    let Some(login) = mounted(mount) else { return };
    let error = upload(&login, "gpu-2", &program(64 << 10))
        .await
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("no room for cm-agent on gpu-2: ") && said.contains("No space left"),
        "{said}"
    );
    let left = std::fs::read_to_string(login.dir.path().join("left")).unwrap();
    assert!(!left.contains("/share/cm"), "{left}");
}

#[tokio::test]
async fn a_home_that_cannot_be_written_is_told() {
    let mount =
        "mount --bind \"$HOME\" \"$HOME\" && mount -o remount,ro,bind \"$HOME\" && cd \"$HOME\"";
    let Some(login) = mounted(mount) else { return };
    let error = upload(&login, "gpu-2", &program(BLOCK)).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("cm-agent cannot be written on gpu-2: ")
            && said.contains("Read-only file system"),
        "{said}"
    );
}

#[tokio::test]
async fn a_folder_that_forbids_running_is_told() {
    let mount = "mount -t tmpfs -o noexec none \"$HOME\" && cd \"$HOME\"";
    let Some(login) = mounted(mount) else { return };
    let error = upload(&login, "gpu-2", &program(BLOCK)).await.unwrap_err();
    let said = error.to_string();
    assert!(
        said.starts_with("cm-agent was uploaded but does not run on gpu-2: ")
            && said.contains("Permission denied"),
        "{said}"
    );
    let left = std::fs::read_to_string(login.dir.path().join("left")).unwrap();
    assert!(!left.contains("/share/cm"), "{left}");
}

#[tokio::test]
async fn two_uploads_at_once_end_with_one_whole_file() {
    let login = Login::new("dash");
    let program = program(64 << 10);
    let (one, other) = tokio::join!(
        upload(&login, "gpu-2", &program),
        upload(&login, "gpu-2", &program)
    );
    assert_eq!(one.unwrap(), other.unwrap());
    let file = login.home().join(only_file(&login));
    assert_eq!(std::fs::read(file).unwrap(), program.bytes);
}

#[tokio::test]
async fn the_version_before_stays_and_older_ones_and_leftovers_go() {
    let login = Login::new("dash");
    upload(&login, "gpu-2", &program(BLOCK)).await.unwrap();
    let now = SystemTime::now();
    let age = |name: &str, hours: u64| {
        let path = login.cache().join(name);
        let file = std::fs::File::open(&path).unwrap();
        file.set_modified(now - Duration::from_secs(hours * 3600))
            .unwrap();
    };
    for (name, hours) in [
        ("1-0.0.7-aaaaaaaaaaaa", 2),
        ("1-0.0.8-bbbbbbbbbbbb", 1),
        ("not ours", 9),
    ] {
        login.agent(&format!(".local/share/cm/agent/{name}/cm-agent"), name);
        age(name, hours);
    }
    login.agent(
        ".local/share/cm/agent/1-0.0.8-bbbbbbbbbbbb/cm-agent.part.dead",
        "",
    );
    age("1-0.0.8-bbbbbbbbbbbb/cm-agent.part.dead", 2);
    login.agent(
        ".local/share/cm/agent/1-0.0.8-bbbbbbbbbbbb/cm-agent.part.alive",
        "",
    );
    for entry in std::fs::read_dir(login.cache()).unwrap() {
        // The first upload is the oldest of all.
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("1-0.1") {
            age(&name, 5);
        }
    }
    age("1-0.0.8-bbbbbbbbbbbb", 1);
    let path = upload(&login, "gpu-2", &program(BLOCK + 1)).await.unwrap();
    let new = Path::new(&path).parent().unwrap().file_name().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(login.cache())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["1-0.0.8-bbbbbbbbbbbb".as_ref(), new, "not ours".as_ref()]
    );
    let before = login.cache().join("1-0.0.8-bbbbbbbbbbbb");
    assert!(!before.join("cm-agent.part.dead").exists());
    assert!(before.join("cm-agent.part.alive").exists());
}

#[tokio::test]
async fn a_link_in_place_of_the_program_is_replaced_not_followed() {
    let login = Login::new("dash");
    let program = program(BLOCK);
    let path = upload(&login, "gpu-2", &program).await.unwrap();
    let victim = login.write("victim", "precious");
    std::fs::remove_file(&path).unwrap();
    symlink(&victim, &path).unwrap();
    upload(&login, "gpu-2", &program).await.unwrap();
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "precious");
    assert_eq!(std::fs::read(path).unwrap(), program.bytes);
}
