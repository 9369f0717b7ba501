//! `cm-agent run`: a tool behind the proxy is as without it, but for one answer.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use proptest::prelude::*;
use rstest::rstest;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::OpenptFlags;
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use tempfile::TempDir;

use crate::lab::{AGENT, Lab};

/// Long enough for a busy machine; a test that waits this long has failed.
const PATIENCE: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

const ASK: &[u8] = b"\x1b]7501;?\x07";
const ANSWER: &[u8] = b"\x1b]7501;?\x1b\\";

/// A terminal with the proxy as its session's leader, as tmux starts it.
struct Pane {
    ours: File,
    child: Child,
    output: Vec<u8>,
    /// Where the tool runs.
    _dir: TempDir,
}

impl Pane {
    fn start(tool: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&ours).unwrap();
        rustix::pty::unlockpt(&ours).unwrap();
        resize(&ours, 80, 24);
        let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
        let flags =
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let theirs = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
        let theirs = || Stdio::from(theirs.try_clone().unwrap());
        let dir = tempfile::tempdir().unwrap();
        // Whoever dumps core does it here, and we would see it.
        let limits = "ulimit -S -c $(ulimit -H -c); exec \"$@\"";
        let child = Command::new("setsid")
            .args(["--ctty", "sh", "-c", limits, "sh", AGENT, "run", "--"])
            .args(tool)
            .current_dir(dir.path())
            .stdin(theirs())
            .stdout(theirs())
            .stderr(theirs())
            .spawn()
            .unwrap();
        Self {
            ours: File::from(ours),
            child,
            output: Vec::new(),
            _dir: dir,
        }
    }

    fn shell(script: &str) -> Self {
        Self::start(&["sh", "-c", script])
    }

    fn types(&mut self, bytes: &[u8]) {
        self.ours.write_all(bytes).unwrap();
    }

    /// Takes in more output; false at its end.
    fn reads(&mut self) -> bool {
        let mut fds = [PollFd::new(&self.ours, PollFlags::IN)];
        let ready = poll(&mut fds, Some(&PATIENCE)).unwrap();
        let so_far = String::from_utf8_lossy(&self.output);
        assert!(ready > 0, "waited in vain; so far: {so_far:?}");
        let mut bytes = [0; 4 << 10];
        let count = self.ours.read(&mut bytes).unwrap_or(0);
        self.output.extend(&bytes[..count]);
        count > 0
    }

    fn until(&mut self, text: &str) {
        let shows = |output: &[u8]| {
            output
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        while !shows(&self.output) {
            let so_far = String::from_utf8_lossy(&self.output).into_owned();
            assert!(self.reads(), "ended before {text:?}: {so_far:?}");
        }
    }

    /// Everything up to the end of the output, and how the proxy ended.
    fn ends(mut self) -> (Vec<u8>, ExitStatus) {
        while self.reads() {}
        let status = self.child.wait().unwrap();
        (std::mem::take(&mut self.output), status)
    }

    fn text(self) -> String {
        let (output, status) = self.ends();
        assert!(status.success(), "{status}");
        String::from_utf8(output).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn resize(terminal: impl std::os::fd::AsFd, cols: u16, rows: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: cols * 9,
        ws_ypixel: rows * 18,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// Without every answer in them, and how many there were.
fn without_answers(bytes: &[u8]) -> (Vec<u8>, usize) {
    let (mut kept, mut answers, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = bytes.get(at) {
        if bytes[at..].starts_with(ANSWER) {
            answers += 1;
            at += ANSWER.len();
        } else {
            kept.push(*byte);
            at += 1;
        }
    }
    (kept, answers)
}

/// Up to some buffers full of bytes; and some sequences that a terminal reads.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..3000),
        1 => prop::sample::select(vec![&b"\x1b"[..], b"\x1bP", b"\x1b\\", b"\x1b]0;x\x07", b"\x03\x04\x11\x13\x1a"])
            .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    // Each case is some processes.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_passes_in_both_directions(typed in bytes(), before in bytes(), asks in 0..3_usize, after in bytes()) {
        let dir = tempfile::tempdir().unwrap();
        // The question counts wherever the bytes before it leave a terminal: what ends everything comes first. The letter
        // is for an ESC at the end of them, which would take the next one's meaning within a device control string.
        let printed = [before, b"x\x1b\\\x18".to_vec(), ASK.repeat(asks), after].concat();
        std::fs::write(dir.path().join("printed"), &printed).unwrap();
        let expected = typed.len() + asks * ANSWER.len();
        let mut pane = Pane::shell(&format!(
            "cd {}; stty raw -echo; exec 3<&0; printf ready; head -c {expected} <&3 >typed & cat printed; wait",
            dir.path().display(),
        ));
        pane.until("ready");
        let mut keyboard = pane.ours.try_clone().unwrap();
        let keys = typed.clone();
        let typist = std::thread::spawn(move || keyboard.write_all(&keys));
        let (output, status) = pane.ends();
        typist.join().unwrap().unwrap();
        prop_assert!(status.success());
        prop_assert!(output == [b"ready", &printed[..]].concat(), "what was printed has changed");
        let got = std::fs::read(dir.path().join("typed")).unwrap();
        prop_assert_eq!(without_answers(&got), (typed, asks));
    }
}

#[test]
fn the_answer_comes_before_anything_that_the_terminal_answers() {
    let mut pane = Pane::shell(
        "stty raw -echo; printf '\\033]75'; printf '01;?\\007'; printf '\\033[c'; head -c 15 | od -An -c -w15",
    );
    pane.until("\x1b[c");
    pane.types(b"\x1b[?6c");
    let text = pane.text();
    assert!(text.starts_with("\x1b]7501;?\x07\x1b[c"), "{text:?}");
    assert!(
        text.contains("033   ]   7   5   0   1   ;   ? 033   \\ 033   [   ?   6   c"),
        "{text}"
    );
}

#[test]
fn a_terminal_that_is_not_read_loses_nothing() {
    let mut pane = Pane::shell("stty raw -echo; printf ready; seq 200000; printf end");
    pane.until("ready");
    // While nobody reads; and the tool never reads this.
    pane.types(b"x");
    let text = pane.text().replacen("ready", "", 1);
    let expected: Vec<String> = (1..=200_000).map(|number| number.to_string()).collect();
    assert!(
        text == expected.join("\n") + "\nend",
        "{} bytes",
        text.len()
    );
}

#[test]
fn the_tool_has_the_size_of_the_pane() {
    let mut pane = Pane::shell(
        "stty size; trap 'stty size; kill $!; exit 0' WINCH; sleep 1000 & echo ready; wait",
    );
    pane.until("ready");
    resize(&pane.ours, 132, 50);
    assert_eq!(pane.text(), "24 80\r\nready\r\n50 132\r\n");
}

#[rstest]
#[case(Signal::HUP, "HUP")]
#[case(Signal::INT, "INT")]
#[case(Signal::TERM, "TERM")]
#[case(Signal::USR1, "USR1")]
fn a_signal_to_the_proxy_is_the_tools(#[case] signal: Signal, #[case] name: &str) {
    let mut pane = Pane::shell(&format!(
        "trap 'echo got {name}; kill -9 $!; exit 0' {name}; sleep 1000 & echo ready; wait"
    ));
    pane.until("ready");
    pane.signal(signal);
    assert_eq!(pane.text(), format!("ready\r\ngot {name}\r\n"));
}

#[test]
fn keys_interrupt_the_tool_as_its_terminal_says() {
    let mut pane = Pane::shell("trap 'echo stopped; exit 0' INT; echo ready; cat");
    pane.until("ready");
    pane.types(b"hey\r");
    pane.until("hey\r\nhey");
    pane.types(b"\x03");
    assert_eq!(pane.text(), "ready\r\nhey\r\nhey\r\n^Cstopped\r\n");
}

#[rstest]
#[case("exit 0", Some(0), None)]
#[case("exit 7", Some(7), None)]
#[case("exit 255", Some(255), None)]
#[case("kill -TERM $$", None, Some(15))]
#[case("kill -HUP $$", None, Some(1))]
#[case("kill -KILL $$", None, Some(9))]
#[case("kill -SEGV $$", None, Some(11))]
#[case("kill -PIPE $$", None, Some(13))]
#[case("kill -USR1 $$", None, Some(10))]
#[case("kill -40 $$", None, Some(40))]
fn the_proxy_ends_as_the_tool_did(
    #[case] script: &str,
    #[case] code: Option<i32>,
    #[case] signal: Option<i32>,
) {
    let (output, status) = Pane::shell(&format!("echo last words; {script}")).ends();
    assert_eq!(output, b"last words\r\n");
    assert_eq!((status.code(), status.signal()), (code, signal));
    assert!(!status.core_dumped());
}

#[test]
fn a_tool_that_stops_itself_goes_on() {
    assert_eq!(Pane::shell("kill -STOP $$; echo on").text(), "on\r\n");
}

#[test]
fn a_program_that_the_tool_leaves_behind_is_not_waited_for() {
    let text = Pane::shell("trap '' HUP; sleep 1000 & echo $!").text();
    let pid = text.trim().parse().ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn a_pane_that_closes_hangs_up_on_the_tool() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let script = format!(
        "trap 'echo hung up >{}; exit 3' HUP; echo ready; while :; do read line; done",
        mark.display()
    );
    let mut pane = Pane::shell(&script);
    pane.until("ready");
    let elsewhere = File::open("/dev/null").unwrap();
    drop(std::mem::replace(&mut pane.ours, elsewhere));
    let status = pane.child.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(mark).unwrap(), "hung up\n");
}

#[test]
fn the_panes_terminal_is_left_as_it_was() {
    let mut pane = Pane::shell("echo ready; read line; stty raw -echo");
    let before = format!("{:?}", tcgetattr(&pane.ours).unwrap());
    pane.until("ready");
    assert_ne!(format!("{:?}", tcgetattr(&pane.ours).unwrap()), before);
    // Its end would take the terminal with it otherwise.
    let kept = pane.ours.try_clone().unwrap();
    pane.types(b"\r");
    pane.text();
    assert_eq!(format!("{:?}", tcgetattr(&kept).unwrap()), before);
}

#[test]
fn without_a_terminal_there_is_only_the_tool() {
    let output = Command::new(AGENT)
        .args([
            "run",
            "--",
            "sh",
            "-c",
            "printf '\\033]7501;?\\007'; exit 4",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.stdout, ASK);
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn a_tool_that_is_not_there_is_named() {
    let (output, status) = Pane::start(&["/nowhere/claude"]).ends();
    let text = String::from_utf8(output).unwrap();
    assert!(text.contains("cannot run /nowhere/claude"), "{text}");
    assert_eq!(status.code(), Some(127));
}

/// A stand-in for Claude Code in the `PATH`: says whether its question was answered.
fn install_asking_tool(lab: &Lab) -> String {
    let script = "#!/bin/sh\nstty raw -echo\nprintf '\\033]7501;?\\007\\033[c'\nhead -c 2 >got\n\
                  grep -q ']' got && echo answered || echo silent\nexec sleep 1000\n";
    let file = lab.path("home").join("claude");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let path = std::env::var("PATH").unwrap();
    format!("{}:{path}", lab.path("home").display())
}

#[rstest]
#[case::as_it_is_set_up("", "answered", "claude")]
#[case::switched_off("[session]\nproxy = false\n", "silent", "sleep")]
#[tokio::test]
async fn a_session_of_claude_code_is_asked_for_its_status(
    #[case] settings: &str,
    #[case] said: &str,
    #[case] command: &str,
) {
    let lab = Lab::new();
    let path = install_asking_tool(&lab);
    std::fs::create_dir_all(lab.paths.config_file().parent().unwrap()).unwrap();
    std::fs::write(lab.paths.config_file(), settings).unwrap();
    lab.start_agent_with(|agent| agent.env("PATH", path));
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("claude-code", None, "asks", &lab.path("work"))
        .await;
    client.watch(&id);
    client.sees(&id, said).await;
    let shown = lab.tmux(
        "cm",
        &[
            "display-message",
            "-p",
            "-t",
            "asks",
            "#{pane_current_command}",
        ],
    );
    assert_eq!(shown.trim(), command);
}
