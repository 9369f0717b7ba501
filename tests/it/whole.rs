//! The whole thing as a person uses it: `cm-tui` in a real tmux, driven with keys, read from the screen.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::lab::{AGENT, Lab};

const DASHBOARD: &str = env!("CARGO_BIN_EXE_cm-tui");
/// Long enough for a busy machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A person's terminal: a tmux server of its own, out of sight of the agent under test.
struct Terminal<'a> {
    lab: &'a Lab,
    socket: PathBuf,
    /// Something was drawn.
    drawn: Receiver<()>,
}

impl<'a> Terminal<'a> {
    /// Runs the dashboard with `arguments` in a window of this size, and a shell after it.
    fn open(lab: &'a Lab, size: (u16, u16), arguments: &str) -> Self {
        let socket = lab.path("terminal.sock");
        let output = lab.path("output");
        let made = lab.command("mkfifo").arg(&output).status().unwrap();
        assert!(made.success());
        let (tell, drawn) = channel();
        let fifo = output.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4 << 10];
            let mut fifo = std::fs::File::open(fifo).unwrap();
            while fifo.read(&mut bytes).is_ok_and(|count| count > 0) && tell.send(()).is_ok() {}
        });
        let terminal = Self { lab, socket, drawn };
        let pid = lab.path("dashboard.pid");
        let dashboard = format!("echo $$ >{}; exec {DASHBOARD} {arguments}", pid.display());
        let command = format!("stty -echo; sh -c '{dashboard}'; echo left with $?; exec sh");
        let (cols, rows) = (size.0.to_string(), size.1.to_string());
        terminal.tmux(&["new-session", "-d", "-x", &cols, "-y", &rows, &command]);
        terminal.tmux(&["set-option", "status", "off"]);
        terminal.tmux(&["resize-window", "-x", &cols, "-y", &rows]);
        terminal.tmux(&["pipe-pane", "-O", &format!("cat > {}", output.display())]);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = self.lab.command("tmux");
        command
            .args(["-f", "/dev/null", "-S"])
            .arg(&self.socket)
            .args(arguments);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn press(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend_from_slice(keys);
        self.tmux(&arguments);
    }

    /// Looks at the screen whenever something was drawn, until it is as expected.
    fn until(&self, what: &str, expected: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if expected(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                self.drawn.recv_timeout(left).is_ok(),
                "waited in vain for {what}:\n{}",
                self.screen()
            );
        }
    }

    fn sees(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    fn loses(&self, text: &str) {
        self.until(&format!("no {text}"), |screen| !screen.contains(text));
    }

    /// The row of the list that shows this session.
    fn row(&self, name: &str, word: &str) {
        self.until(&format!("{name} {word}"), |screen| {
            screen.lines().any(|line| {
                let list: String = line.chars().take(46).collect();
                list.contains(name) && list.contains(word)
            })
        });
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let mut command = self.lab.command("tmux");
        command.arg("-S").arg(&self.socket).arg("kill-server");
        let _ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

#[test]
fn a_day_with_the_dashboard() {
    let lab = Lab::new();
    let terminal = Terminal::open(&lab, (120, 36), "");

    // The first run says what to press.
    terminal.sees("Nothing runs here yet.");
    terminal.sees("try it with three stand-in tools");
    terminal.press(&["D"]);
    terminal.sees("NEEDS YOU");

    // The one that waits is a key away, and says what it wants; a key answers it.
    terminal.press(&["Tab"]);
    terminal.sees("APPROVE?");
    terminal.sees("y approve");
    // A prompt that has only just appeared is not answered; this one has been there while we looked at it.
    terminal.until("an answer", |screen| {
        if screen.contains("answered") {
            return true;
        }
        if screen.contains("APPROVE?") {
            terminal.press(&["y"]);
        }
        false
    });
    terminal.sees("answered");

    // Somebody else's session appears by itself.
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "visitor",
            "-x",
            "80",
            "-y",
            "20",
            "cat",
        ],
    );
    terminal.row("visitor", "mine");

    // Attach: the whole terminal is the session's; one chord leads back to the same place.
    terminal.press(&["Tab"]);
    terminal.sees("APPROVE?");
    terminal.press(&["Enter"]);
    terminal.sees("ctrl-] back to the dashboard");
    terminal.press(&["C-]"]);
    terminal.sees("NEEDS YOU");

    // A session of our own: start it, type into it, see its output beside the list.
    terminal.press(&["N"]);
    terminal.sees("New session");
    terminal.press(&["Enter"]);
    terminal.row("home", "idle");
    terminal.press(&["i"]);
    terminal.sees("TYPING");
    terminal.press(&["-l", "echo ty''ped-$((6*7))"]);
    terminal.press(&["Enter"]);
    terminal.sees("typed-42");
    terminal.press(&["C-]"]);
    terminal.loses("TYPING");

    // Kill it: it asks first, and names what it ends.
    terminal.press(&["x"]);
    terminal.sees("Kill home?");
    terminal.press(&["y"]);
    terminal.sees("4 sessions");

    // Leave; everything lives on.
    terminal.press(&["q"]);
    terminal.sees("left with 0");
    assert!(
        terminal.screen().contains("live on"),
        "{}",
        terminal.screen()
    );
    let sessions = lab.tmux("cm", &["list-sessions", "-F", "#{session_name}"]);
    assert_eq!(
        sessions.lines().filter(|name| *name != "cm-agent").count(),
        3,
        "{sessions}"
    );
}

#[test]
fn sessions_survive_the_death_of_the_agent_and_can_be_killed_by_name() {
    let lab = Lab::new();
    let terminal = Terminal::open(&lab, (120, 36), "--demo");
    terminal.sees("3 sessions");
    terminal.sees("NEEDS YOU");
    let killed = lab.agent_pid();
    let pid = rustix::process::Pid::from_raw(killed).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    // The dashboard starts another one by itself, which finds the same sessions.
    terminal.until("another agent", |_| {
        let status = lab.command(AGENT).arg("status").output().unwrap();
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        let all = status.contains("sessions  3") && status.contains("clients   2");
        all && lab.agent_pid() != killed
    });
    // What happens now is told by the new agent only.
    lab.tmux("cm", &["rename-session", "-t", "=demo-working", "renamed"]);
    terminal.sees("renamed");
    terminal.sees("3 sessions");
    terminal.press(&["g", "g"]);
    terminal.press(&["x"]);
    terminal.sees("Kill");
    terminal.press(&["y"]);
    terminal.sees("2 sessions");
    terminal.loses("Kill ");
    terminal.press(&["q"]);
    terminal.sees("left with 0");
}

#[test]
fn whoever_looks_elsewhere_is_called_by_a_command() {
    let lab = Lab::new();
    let calls = lab.path("calls");
    let made = lab.command("mkfifo").arg(&calls).status().unwrap();
    assert!(made.success());
    let config = format!(
        "[notify]\nwhen = 'always'\ncommand = ['sh', '-c', 'cat >\"$0\"', '{}']\nwebhook = ['no-such-program']\n\
         [[notify.rules]]\nstates = ['approval']\n[[notify.rules]]\nsend = []\n",
        calls.display()
    );
    let file = lab.paths.config_file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, config).unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let read = std::fs::read_to_string(calls).unwrap();
        // The test may have failed meanwhile.
        let _heard = tell.send(read);
    });
    let terminal = Terminal::open(&lab, (120, 36), "--demo");
    let event = told.recv_timeout(PATIENCE).expect("nobody was called");
    let event: serde_json::Value = serde_json::from_str(&event).unwrap();
    assert_eq!(
        (&event["session"], &event["state"], &event["host"]),
        (&"demo-asking".into(), &"approval".into(), &"local".into())
    );
    terminal.sees("no notification: cannot run “no-such-program”");
    terminal.press(&["q"]);
    terminal.sees("left with 0");
}

#[test]
fn a_terminal_that_is_too_small_is_told_so_and_gets_its_screen_back() {
    let lab = Lab::new();
    let terminal = Terminal::open(&lab, (30, 8), "");
    terminal.sees("40×12");
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.sees("Nothing runs here yet.");
    let modes = "#{alternate_on} #{mouse_any_flag} #{cursor_flag}";
    assert_eq!(
        terminal.tmux(&["display-message", "-p", modes]).trim(),
        "1 1 0"
    );
    // Ended from outside: the terminal is as it was.
    let pid = std::fs::read_to_string(lab.path("dashboard.pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    terminal.sees("left with");
    assert_eq!(
        terminal.tmux(&["display-message", "-p", modes]).trim(),
        "0 0 1"
    );
}

#[test]
fn keys_that_change_nothing_do_not_leave_the_keyboard_dead() {
    let lab = Lab::new();
    let terminal = Terminal::open(&lab, (80, 24), "");
    terminal.sees("Nothing runs here yet.");
    // Nothing else happens here: no session, no age, no toast that would wake the dashboard by chance.
    for _ in 0..10 {
        terminal.press(&["n"]);
        terminal.sees("New session");
        terminal.press(&["C-u", "BSpace", "BSpace"]);
        terminal.press(&["BSpace"]);
        terminal.press(&["Escape"]);
        terminal.loses("New session");
    }
}

#[test]
fn a_session_is_explained_and_a_screen_that_was_judged_wrong_is_kept() {
    let lab = Lab::new();
    let terminal = Terminal::open(&lab, (100, 30), "--demo");
    terminal.sees("NEEDS YOU");
    terminal.press(&["Tab"]);
    terminal.sees("demo-asking ›");
    terminal.sees("APPROVE?");
    terminal.press(&["e"]);
    terminal.sees("rule      demo: command");
    terminal.press(&["w"]);
    terminal.sees("What does this screen show?");
    terminal.press(&["Down", "Enter"]);
    terminal.sees("kept in");
    let mut kept = std::fs::read_dir(lab.paths.fixtures_dir().join("demo")).unwrap();
    let folder = kept.next().unwrap().unwrap().path();
    let meta = std::fs::read_to_string(folder.join("meta.toml")).unwrap();
    assert!(meta.contains("state = \"working\"\n"), "{meta}");
    let screen = std::fs::read_to_string(folder.join("screen.txt")).unwrap();
    assert!(screen.contains("Do you want to proceed?"), "{screen}");
    terminal.press(&["Escape"]);
    terminal.loses("Why demo-asking");
    terminal.press(&["q"]);
    terminal.sees("left with 0");
}
