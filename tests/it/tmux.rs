//! The tmux room against real tmux servers on sockets of their own.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use cm_tui::agent::tmux::{
    Chunk, Events, Guard, Join, NewSession, PaneInfo, PaneRef, Refusal, Sent, ServerRef, Started,
    StreamId, Streams, Tmux, TmuxConfig, TmuxError, TmuxEvent, find_program,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// Far more than anything here takes; only a hang reaches it.
const HANG: Duration = Duration::from_secs(20);

/// A folder with tmux sockets; all servers in it end with it.
struct Lab {
    dir: TempDir,
}

impl Lab {
    fn new() -> Self {
        // Short, because socket paths are limited to 107 bytes.
        let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
        let lab = Self { dir };
        for folder in ["s", "run"] {
            let folder = lab.path(folder);
            fs::create_dir(&folder).unwrap();
            Command::new("chmod")
                .arg("700")
                .arg(folder)
                .status()
                .unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> TmuxConfig {
        TmuxConfig {
            tmux: find_program("tmux").expect("tmux is installed"),
            socket_dir: self.path("s"),
            label: "cm".to_owned(),
            run_dir: self.path("run"),
            agent_program: env!("CARGO_BIN_EXE_cm-agent").into(),
            size: (120, 40),
            extra_sockets: Vec::new(),
            capture_leak: 16 << 20,
            options: vec!["@cm_tool".to_owned()],
        }
    }

    async fn start(&self) -> (Tmux, Events) {
        Tmux::start(self.config()).await.unwrap()
    }

    /// Runs the tmux program against a socket of this folder.
    fn tmux(&self, socket: &str, arguments: &[&str]) -> String {
        let output = run_tmux(&self.path("s").join(socket), arguments);
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Starts a server as a user would have it, with one session.
    fn foreign(&self, socket: &str, command: &str) {
        let size = ["-x", "80", "-y", "24"];
        let start = ["new-session", "-d", "-s", "mine"];
        self.tmux(
            socket,
            &[&["-f", "/dev/null"], &start[..], &size, &[command]].concat(),
        );
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for socket in fs::read_dir(self.path("s")).into_iter().flatten().flatten() {
            run_tmux(&socket.path(), &["kill-server"]);
        }
    }
}

fn run_tmux(socket: &Path, arguments: &[&str]) -> Output {
    Command::new("tmux")
        .arg("-u")
        .arg("-S")
        .arg(socket)
        .args(arguments)
        .env_remove("TMUX")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn session(name: &str, argv: &[&str]) -> NewSession {
    NewSession {
        name: name.to_owned(),
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        dir: "/".into(),
        env: Vec::new(),
        options: Vec::new(),
        size: None,
    }
}

fn shell(name: &str, script: &str) -> NewSession {
    session(name, &["sh", "-c", script])
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(HANG, what).await.expect("this does not hang")
}

/// Waits for an event that `pick` accepts.
async fn event<T>(events: &mut Events, mut pick: impl FnMut(&TmuxEvent) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.recv().await.expect("the room is open");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    })
    .await
}

/// Waits until `holds` for the description of `pane`.
async fn pane_when(
    events: &mut Events,
    pane: &PaneRef,
    holds: impl Fn(&PaneInfo) -> bool,
) -> PaneInfo {
    event(events, |event| match event {
        TmuxEvent::Panes { panes, .. } => {
            panes.iter().find(|p| p.pane == *pane && holds(p)).cloned()
        }
        _ => None,
    })
    .await
}

async fn first_pane(events: &mut Events) -> PaneInfo {
    event(events, |event| match event {
        TmuxEvent::Panes { panes, .. } => panes.first().cloned(),
        _ => None,
    })
    .await
}

async fn server_down(events: &mut Events) -> ServerRef {
    event(events, |event| match event {
        TmuxEvent::ServerDown { server, .. } => Some(server.clone()),
        _ => None,
    })
    .await
}

/// Gathers a stream until `done` says so.
async fn read_until(
    streams: &Streams,
    stream: StreamId,
    mut done: impl FnMut(&[u8], &Chunk) -> bool,
) -> Vec<u8> {
    streams.open(stream);
    soon(async {
        let (mut bytes, mut chunks) = (Vec::new(), Vec::new());
        loop {
            streams.ready().await;
            streams.take(&mut chunks);
            for mut chunk in chunks.drain(..).filter(|chunk| chunk.stream == stream) {
                bytes.append(&mut chunk.bytes);
                if done(&bytes, &chunk) {
                    return bytes;
                }
            }
        }
    })
    .await
}

fn screen(join: &Join, later: &[u8]) -> vt100::Parser {
    let size = |cells| NonZero::new(cells).unwrap();
    let mut screen = vt100::Parser::new(size(join.rows), size(join.cols), 0);
    screen.process(&join.seed);
    screen.process(later);
    screen
}

/// Joins until the screen contains `text`: for programs that have to start first.
async fn join_when(tmux: &Tmux, streams: &Streams, pane: &PaneRef, text: &str) -> Join {
    let join = tmux.join(pane).await.unwrap();
    let shows = |later: &[u8]| screen(&join, later).screen().contents().contains(text);
    if !shows(b"") {
        read_until(streams, join.stream, |bytes, _| shows(bytes)).await;
    }
    join
}

#[tokio::test]
async fn server_of_the_user_is_found_watched_and_missed() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    lab.foreign("theirs", "cat");
    let server = event(&mut events, |event| match event {
        TmuxEvent::ServerUp { server } => Some(server.clone()),
        _ => None,
    })
    .await;
    assert_eq!((server.label.as_str(), server.managed), ("theirs", false));
    let pane = first_pane(&mut events).await;
    assert_eq!((pane.session_name.as_str(), pane.cols), ("mine", 80));
    assert_eq!((pane.attached, pane.panes_in_session), (0, 1));
    // tmux starts the command with a shell, which is seen until it has become the command.
    let pane = match pane.command.as_str() {
        "cat" => pane,
        _ => pane_when(&mut events, &pane.pane, |pane| pane.command == "cat").await,
    };

    lab.tmux("theirs", &["split-window", "-d", "-t", "mine:0", "cat"]);
    let split = pane_when(&mut events, &pane.pane, |pane| pane.panes_in_session == 2).await;
    assert!(split.rows < pane.rows);
    assert!(
        lab.tmux("theirs", &["show-hooks", "-g"])
            .lines()
            .all(|hook| !hook.contains("917"))
    );
    let refused = tmux.resize(&pane.pane, 90, 30).await;
    assert!(matches!(refused, Err(TmuxError::NotManaged { .. })));

    lab.tmux("theirs", &["kill-server"]);
    assert_eq!(server_down(&mut events).await, server);
    let gone = tmux.send(&pane.pane, b"x").await;
    assert!(matches!(gone, Err(TmuxError::ServerGone { .. })));
    tmux.shutdown().await;
}

#[tokio::test]
async fn session_starts_with_its_arguments_options_size_and_folder_untouched() {
    let lab = Lab::new();
    let folder = lab.path("odd #{pid} ;'\"$HOME");
    fs::create_dir(&folder).unwrap();
    let (tmux, mut events) = lab.start().await;
    let script = "printf '%s|' \"$@\" \"$CM_X\" \"$PWD\"; stty size; exec cat";
    let odd = [
        "$(id)",
        "a;",
        ";",
        "it's",
        "\"q\" \\",
        "#{pid}",
        "~",
        "{",
        "tab\tline\nend",
        "é",
        "",
    ];
    let mut spec = session("odd", &[&["sh", "-c", script, "sh"], &odd[..]].concat());
    spec.dir = folder.clone();
    spec.env = vec![("CM_X".to_owned(), "v'$; #{pid}".to_owned())];
    spec.options = vec![("@cm_tool".to_owned(), "cla'ude; #{pid}".to_owned())];
    let Started { pane, pid } = tmux.new_session(spec).await.unwrap();

    let info = pane_when(&mut events, &pane, |_| true).await;
    assert_eq!((info.cols, info.rows, info.pid), (120, 40, pid));
    let options = BTreeMap::from([("@cm_tool".to_owned(), "cla'ude; #{pid}".to_owned())]);
    assert_eq!(info.options, options);

    let join = join_when(&tmux, &events.streams(), &pane, "40 120").await;
    let again = tmux.join(&pane).await.unwrap();
    let shown = screen(&again, b"").screen().contents();
    // tmux shows the tab as blanks, and the terminal wraps at 120 columns.
    let shown: String = shown
        .lines()
        .flat_map(|line| [line.trim_end(), ""])
        .collect();
    let expected = format!("{}|v'$; #{{pid}}|{}|", odd.join("|"), folder.display());
    let squeeze = |text: &str| text.replace([' ', '\t', '\n'], "");
    assert!(
        squeeze(&shown).contains(&squeeze(&expected)),
        "{shown}\n{expected}"
    );
    assert_ne!(join.stream, again.stream);

    tmux.set_option(&pane, "@cm_tool", "codex").await.unwrap();
    tmux.rename(&pane, "new-name").await.unwrap();
    let info = pane_when(&mut events, &pane, |pane| pane.session_name == "new-name").await;
    assert_eq!(info.options.get("@cm_tool").unwrap(), "codex");
    let taken = tmux.new_session(shell("new-name", "cat")).await;
    assert!(matches!(taken, Err(TmuxError::Refused { .. })), "{taken:?}");
    let program = tmux.new_session(session("single", &["cat"])).await.unwrap();
    let info = pane_when(&mut events, &program.pane, |pane| pane.command == "cat").await;
    assert_eq!(info.pid, program.pid, "no shell is in between");
    tmux.shutdown().await;
}

/// Once it is given a line, prints colours, cursor moves and scrolling as fast as a shell can.
const FAST: &str = r"read go; i=0; while [ $i -lt 3000 ]; do i=$((i+1));
    printf '\033[38;5;%dm%06d \033[1;3%dmlorem é漢\033[0m \033[%d;%dH\033[48;2;9;8;7mx\033[0m\033[40;1H\r\n' \
    $((i%256)) $i $((i%8)) $((i%30+1)) $((i%100+1)); done; printf 'finished'; exec cat";

fn assert_same_cells(one: &vt100::Parser, other: &vt100::Parser) {
    let (one, other) = (one.screen(), other.screen());
    let (rows, cols) = one.size();
    for row in 0..u16::from(rows) {
        for col in 0..u16::from(cols) {
            let cells = (one.cell(row, col).unwrap(), other.cell(row, col).unwrap());
            let blank = |cell: &vt100::Cell| cell.contents().trim().is_empty();
            let both_blank = blank(cells.0) && blank(cells.1);
            let same = cells.0.fgcolor() == cells.1.fgcolor() && cells.0.bold() == cells.1.bold();
            assert_eq!(
                cells.0.bgcolor(),
                cells.1.bgcolor(),
                "row {row} column {col}"
            );
            assert!(
                both_blank || (same && cells.0.contents() == cells.1.contents()),
                "row {row} column {col}: {cells:?}"
            );
        }
    }
    assert_eq!(one.cursor_position(), other.cursor_position());
}

/// By the control client, and by processes as on a server that has lost enough to joins.
#[rstest::rstest]
#[case(u64::MAX)]
#[case(0)]
#[tokio::test]
async fn joins_in_the_middle_of_fast_output_are_exact(#[case] capture_leak: u64) {
    let lab = Lab::new();
    let config = TmuxConfig {
        capture_leak,
        ..lab.config()
    };
    let (tmux, events) = Tmux::start(config).await.unwrap();
    let streams = events.streams();
    for round in 0..20 {
        let name = format!("fast-{round}");
        let pane = tmux.new_session(shell(&name, FAST)).await.unwrap().pane;
        // The first join only says how far the program is; all that it prints comes after it.
        let first = tmux.join(&pane).await.unwrap();
        tmux.send(&pane, b"\n").await.unwrap();
        let skipped = 1 + round * 7919 % 60_000;
        read_until(&streams, first.stream, |bytes, _| bytes.len() > skipped).await;

        let join = tmux.join(&pane).await.unwrap();
        let mut emulator = screen(&join, b"");
        let mut fed = 0;
        let finished = |s: &vt100::Parser| s.screen().contents().contains("finished");
        if !finished(&emulator) {
            read_until(&streams, join.stream, |bytes, chunk| {
                emulator.process(bytes.get(fed..).unwrap());
                fed = bytes.len();
                assert!(!chunk.overflowed && !chunk.ended);
                finished(&emulator)
            })
            .await;
        }
        let judge = screen(&tmux.join(&pane).await.unwrap(), b"");
        assert_same_cells(&emulator, &judge);
        tmux.kill(&pane).await.unwrap();
    }
    tmux.shutdown().await;
}

#[rstest::rstest]
#[case(u64::MAX)]
#[case(0)]
#[tokio::test]
async fn join_keeps_both_screens_modes_and_an_unfinished_sequence(#[case] capture_leak: u64) {
    let lab = Lab::new();
    let config = TmuxConfig {
        capture_leak,
        ..lab.config()
    };
    let (tmux, events) = Tmux::start(config).await.unwrap();
    let script = r"printf 'primary\033[?1049h\033[?1h\033[?1002h\033[?1006h\033[2J\033[5;7Halt\033[?25l\033[3';
        read x; printf '1mred'; read x; printf '\033[?1049l'; exec cat";
    let pane = tmux.new_session(shell("alt", script)).await.unwrap().pane;
    let streams = events.streams();
    join_when(&tmux, &streams, &pane, "alt").await;
    let join = tmux.join(&pane).await.unwrap();
    assert!(join.alternate && !join.dead);
    let mut emulator = screen(&join, b"");
    assert!(emulator.screen().alternate_screen() && emulator.screen().hide_cursor());
    assert!(emulator.screen().application_cursor());
    tmux.send(&pane, b"\n").await.unwrap();
    let later = read_until(&streams, join.stream, |bytes, _| bytes.ends_with(b"red")).await;
    emulator.process(&later);
    // The echoed line feed came first, in the middle of the sequence, which lets it through.
    let red = (0..120).find_map(|col| {
        let cell = emulator
            .screen()
            .cell(5, col)
            .or(emulator.screen().cell(4, col))?;
        (cell.contents() == "r").then(|| cell.fgcolor())
    });
    assert_eq!(
        red,
        Some(vt100::Color::Idx(1)),
        "{}",
        emulator.screen().contents()
    );
    tmux.send(&pane, b"\n").await.unwrap();
    let later = read_until(&streams, join.stream, |bytes, _| bytes.ends_with(b"1049l")).await;
    emulator.process(&later);
    assert!(emulator.screen().contents().starts_with("primary"));
    tmux.shutdown().await;
}

#[tokio::test]
async fn pending_wrap_survives_a_join() {
    let lab = Lab::new();
    let (tmux, events) = lab.start().await;
    let script = "stty -echo; printf '%0120d' 7; read x; printf next; exec cat";
    let pane = tmux.new_session(shell("wrap", script)).await.unwrap().pane;
    let streams = events.streams();
    join_when(&tmux, &streams, &pane, "0007").await;
    let join = tmux.join(&pane).await.unwrap();
    tmux.send(&pane, b"\n").await.unwrap();
    let later = read_until(&streams, join.stream, |bytes, _| bytes.ends_with(b"next")).await;
    let mut rows = screen(&join, &later)
        .screen()
        .rows(0, 120)
        .take(2)
        .collect::<Vec<_>>();
    assert_eq!((rows.pop().unwrap().as_str(), rows[0].len()), ("next", 120));
    tmux.shutdown().await;
}

#[tokio::test]
async fn guarded_keys_arrive_only_while_everything_holds() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let streams = events.streams();
    let script =
        r"stty -echo; printf 'Run `rm -r [a] *?` 100%%, #{x} ~ \\ }?\n 1. Yes\n'; exec cat";
    let started = tmux.new_session(shell("ask", script)).await.unwrap();
    let pane = started.pane;
    join_when(&tmux, &streams, &pane, "1. Yes").await;
    pane_when(&mut events, &pane, |pane| pane.command == "cat").await;
    let guard = Guard {
        pane_pid: started.pid,
        must_contain: vec![
            r"Run `rm -r [a] *?` 100%, #{x} ~ \ }?".to_owned(),
            "1. Yes".to_owned(),
        ],
        command: Some("cat".to_owned()),
        cursor_row: Some(2),
    };
    let join = tmux.join(&pane).await.unwrap();
    assert_eq!(
        tmux.send_guarded(&pane, &guard, b"1\n").await.unwrap(),
        Sent::Sent
    );
    read_until(&streams, join.stream, |bytes, _| bytes.ends_with(b"1\r\n")).await;

    let refused = async |guard: Guard| match tmux.send_guarded(&pane, &guard, b"WRONG\n").await {
        Ok(Sent::Refused { why }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(guard.clone()).await, Refusal::CursorMoved);
    let guard = Guard {
        cursor_row: Some(3),
        ..guard
    };
    let texts = vec!["1. Yes".to_owned(), "1. No".to_owned()];
    let other = Guard {
        must_contain: texts,
        ..guard.clone()
    };
    assert_eq!(refused(other).await, Refusal::TextMissing(1));
    let other = Guard {
        must_contain: vec!["[b] *?".to_owned()],
        ..guard.clone()
    };
    assert_eq!(refused(other).await, Refusal::TextMissing(0));
    let other = Guard {
        command: Some("vim".to_owned()),
        ..guard.clone()
    };
    assert_eq!(refused(other).await, Refusal::OtherCommand);
    let other = Guard {
        pane_pid: started.pid + 1,
        ..guard.clone()
    };
    assert_eq!(refused(other).await, Refusal::OtherProcess);
    lab.tmux("cm", &["copy-mode", "-t", "=ask:"]);
    assert_eq!(refused(guard.clone()).await, Refusal::InMode);
    lab.tmux("cm", &["send-keys", "-t", "=ask:", "-X", "cancel"]);
    // End of input: the program ends, the pane stays.
    tmux.send(&pane, b"\x04").await.unwrap();
    pane_when(&mut events, &pane, |pane| pane.dead.is_some()).await;
    assert_eq!(refused(guard).await, Refusal::Dead);
    let end = tmux.join(&pane).await.unwrap();
    assert!(end.dead && !screen(&end, b"").screen().contents().contains("WRONG"));
    tmux.shutdown().await;
}

#[tokio::test]
async fn keys_and_pastes_arrive_byte_for_byte() {
    let lab = Lab::new();
    let (tmux, events) = lab.start().await;
    let streams = events.streams();
    let script = r"stty raw -echo; printf '\033[?2004hready'; exec od -An -v -tx1 -w1";
    let pane = tmux.new_session(shell("hex", script)).await.unwrap().pane;
    let join = join_when(&tmux, &streams, &pane, "ready").await;
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend(b"a; \\; 'x' Enter");
    tmux.send(&pane, &bytes).await.unwrap();
    tmux.paste(&pane, "one\n two; \"$HOME\" #{pid} é;")
        .await
        .unwrap();
    bytes.extend("\x1b[200~one\n two; \"$HOME\" #{pid} é;\x1b[201~".as_bytes());
    let mut seen = Vec::new();
    read_until(&streams, join.stream, |read, _| {
        let text = String::from_utf8_lossy(read)
            .replace("ready", "")
            .replace("\x1b[?2004h", "");
        let hex = text.split_whitespace();
        seen = hex
            .map_while(|hex| u8::from_str_radix(hex, 16).ok())
            .collect();
        seen.len() >= bytes.len()
    })
    .await;
    assert_eq!(seen, bytes);
    let dirty = tmux.paste(&pane, "a\x1b[201~b").await;
    assert!(matches!(dirty, Err(TmuxError::Invalid { .. })));
    tmux.shutdown().await;
}

#[tokio::test]
async fn exit_status_is_told_and_the_pane_is_kept() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let pane = tmux
        .new_session(shell("short", "read x; exit 3"))
        .await
        .unwrap()
        .pane;
    tmux.send(&pane, b"\n").await.unwrap();
    let status = |pane: &PaneInfo| pane.dead.and_then(|death| death.status);
    pane_when(&mut events, &pane, |pane| status(pane) == Some(3)).await;
    tmux.shutdown().await;
}

#[tokio::test]
async fn killed_program_is_told_with_its_signal() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let started = tmux.new_session(shell("one", "exec cat")).await.unwrap();
    let pid = started.pid.to_string();
    Command::new("kill").args(["-9", &pid]).status().unwrap();
    let signal = |pane: &PaneInfo| pane.dead.and_then(|death| death.signal);
    pane_when(&mut events, &started.pane, |pane| signal(pane) == Some(9)).await;
    tmux.shutdown().await;
}

/// The user's own configuration and environment must not reach a managed server (T-E6).
#[tokio::test]
async fn managed_server_reads_only_our_configuration() {
    let lab = Lab::new();
    let (tmux, _events) = lab.start().await;
    tmux.new_session(shell("one", "exec cat")).await.unwrap();
    let option = |name: &str| lab.tmux("cm", &["show-options", "-gv", name]);
    let files = lab.tmux("cm", &["display-message", "-p", "#{config_files}"]);
    assert_eq!(files, lab.path("run/tmux.conf").display().to_string());
    assert_eq!(
        (option("prefix"), option("history-limit")),
        ("C-b".into(), "5000".into())
    );
    assert_eq!(
        lab.tmux("cm", &["show-options", "-sv", "set-clipboard"]),
        "off"
    );
    let bound = lab.tmux("cm", &["list-keys", "-T", "root"]);
    let leaves = |line: &str| line.contains(" C-] ") && line.contains(" detach-client");
    assert!(bound.lines().any(leaves), "{bound}");
    // Shut down, the server and its session go on.
    tmux.shutdown().await;
    assert_eq!(lab.tmux("cm", &["has-session", "-t", "=one"]), "");
    assert!(lab.tmux("cm", &["list-sessions"]).contains("one:"));
    assert_eq!(lab.tmux("cm", &["list-clients"]), "");
}

#[tokio::test]
async fn killed_session_ends_its_stream_and_leaves_the_list() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let stay = tmux
        .new_session(shell("stay", "exec cat"))
        .await
        .unwrap()
        .pane;
    let pane = tmux
        .new_session(shell("stay-2", "exec cat"))
        .await
        .unwrap()
        .pane;
    let join = tmux.join(&pane).await.unwrap();
    lab.tmux("cm", &["kill-session", "-t", "=stay-2"]);
    read_until(&events.streams(), join.stream, |_, chunk| chunk.ended).await;
    event(&mut events, |event| match event {
        TmuxEvent::Panes { panes, .. } => {
            let left: Vec<_> = panes.iter().map(|pane| &pane.pane).collect();
            (left == [&stay]).then_some(())
        }
        _ => None,
    })
    .await;
    let refused = tmux.send(&pane, b"x").await;
    assert!(
        matches!(refused, Err(TmuxError::Refused { .. })),
        "{refused:?}"
    );
    tmux.shutdown().await;
}

#[tokio::test]
async fn killed_server_voids_its_panes_even_when_a_new_one_takes_its_place() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let old = tmux
        .new_session(shell("one", "exec cat"))
        .await
        .unwrap()
        .pane;
    Command::new("kill")
        .args(["-9", &old.server_pid.to_string()])
        .status()
        .unwrap();
    assert_eq!(server_down(&mut events).await.pid, old.server_pid);
    let new = tmux
        .new_session(shell("one", "exec cat"))
        .await
        .unwrap()
        .pane;
    assert_eq!(new.pane, old.pane, "the new server counts from the start");
    assert_ne!(new, old);
    for refused in [tmux.send(&old, b"x").await, tmux.kill(&old).await] {
        assert!(matches!(refused, Err(TmuxError::ServerGone { .. })));
    }
    tmux.send(&new, b"x").await.unwrap();
    tmux.shutdown().await;
}

#[tokio::test]
async fn pane_that_the_user_pipes_is_left_alone() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    lab.foreign("theirs", "cat");
    let file = lab.path("log");
    lab.tmux(
        "theirs",
        &[
            "pipe-pane",
            "-t",
            "mine:",
            &format!("exec cat > {}", file.display()),
        ],
    );
    let pane = event(&mut events, |event| match event {
        TmuxEvent::Panes { panes, .. } => {
            let piped = panes.iter().find(|pane| pane.piped_by_other);
            piped.map(|pane| pane.pane.clone())
        }
        _ => None,
    })
    .await;
    let refused = tmux.join(&pane).await;
    assert!(
        matches!(refused, Err(TmuxError::PipedByOther { .. })),
        "{refused:?}"
    );
    tmux.release(&pane).await.unwrap();
    assert_eq!(
        lab.tmux(
            "theirs",
            &["display-message", "-p", "-t", "mine:", "#{pane_pipe}"]
        ),
        "1"
    );
    tmux.shutdown().await;
}

#[tokio::test]
async fn restarted_agent_takes_over_what_its_predecessor_piped_and_shutdown_gives_it_back() {
    let lab = Lab::new();
    let (first, events) = lab.start().await;
    let pane = first
        .new_session(shell("one", "exec cat"))
        .await
        .unwrap()
        .pane;
    let join = first.join(&pane).await.unwrap();
    first.send(&pane, b"x").await.unwrap();
    read_until(&events.streams(), join.stream, |bytes, _| !bytes.is_empty()).await;
    // Not shut down: as after a crash, tmux still thinks that the pane is piped.
    let (second, mut events) = lab.start().await;
    let info = pane_when(&mut events, &pane, |_| true).await;
    assert!(!info.piped_by_other);
    let join = second.join(&pane).await.unwrap();
    second.send(&pane, b"y").await.unwrap();
    read_until(&events.streams(), join.stream, |bytes, _| !bytes.is_empty()).await;
    second.shutdown().await;
    let state = [
        "display-message",
        "-p",
        "-t",
        "=one:",
        "#{pane_pipe}#{@cm_pipe}",
    ];
    assert_eq!(lab.tmux("cm", &state), "0");
    drop(first);
}

#[tokio::test]
async fn resize_is_told_and_refused_outside_its_limits() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let pane = tmux
        .new_session(shell("one", "exec cat"))
        .await
        .unwrap()
        .pane;
    tmux.resize(&pane, 90, 30).await.unwrap();
    pane_when(&mut events, &pane, |pane| {
        (pane.cols, pane.rows) == (90, 30)
    })
    .await;
    lab.tmux(
        "cm",
        &["resize-window", "-t", "=one:", "-x", "77", "-y", "22"],
    );
    pane_when(&mut events, &pane, |pane| {
        (pane.cols, pane.rows) == (77, 22)
    })
    .await;
    assert!(tmux.resize(&pane, 0, 30).await.is_err());
    tmux.shutdown().await;
}

#[tokio::test]
async fn session_takes_the_size_of_a_human_and_returns_to_its_own() {
    let lab = Lab::new();
    let (tmux, mut events) = lab.start().await;
    let pane = tmux
        .new_session(shell("one", "exec cat"))
        .await
        .unwrap()
        .pane;
    // The human's terminal is a pane of another tmux, outside the folder that is watched.
    let attach = format!(
        "exec env -u TMUX tmux -S {}/s/cm attach -t =one",
        lab.dir.path().display()
    );
    let human = lab.path("human");
    let start = [
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "70",
        "-y",
        "20",
        &attach,
    ];
    run_tmux(&human, &start);
    // tmux 3.2 starts it with another size.
    run_tmux(&human, &["resize-window", "-x", "70", "-y", "20"]);
    let is_attached = |pane: &PaneInfo| (pane.cols, pane.attached) == (70, 1) && pane.rows < 20;
    pane_when(&mut events, &pane, is_attached).await;
    // ctrl-] leaves.
    run_tmux(&human, &["send-keys", "C-]"]);
    let back = |pane: &PaneInfo| (pane.cols, pane.rows, pane.attached) == (120, 40, 0);
    pane_when(&mut events, &pane, back).await;
    run_tmux(&human, &["kill-server"]);
    tmux.shutdown().await;
}

#[tokio::test]
async fn sessions_are_spread_over_servers_of_fifty() {
    let lab = Lab::new();
    let (tmux, _events) = lab.start().await;
    let mut servers = BTreeMap::<PathBuf, usize>::new();
    for number in 0..51 {
        let started = tmux
            .new_session(session(&format!("n{number}"), &["cat"]))
            .await
            .unwrap();
        *servers.entry(started.pane.socket).or_default() += 1;
    }
    let expected = BTreeMap::from([(lab.path("s/cm"), 50), (lab.path("s/cm-2"), 1)]);
    assert_eq!(servers, expected);
    tmux.shutdown().await;
}

#[tokio::test]
async fn history_is_fetched_in_parts_from_the_newest() {
    let lab = Lab::new();
    let (tmux, events) = lab.start().await;
    let script = "seq 1 139; printf end; exec cat";
    let pane = tmux.new_session(shell("one", script)).await.unwrap().pane;
    join_when(&tmux, &events.streams(), &pane, "end").await;
    let text = |history: &cm_tui::agent::tmux::History| -> Vec<String> {
        let lines = history.lines.iter();
        lines
            .map(|line| String::from_utf8(line.bytes.clone()).unwrap())
            .collect()
    };
    let newest = tmux.history(&pane, 0, 3).await.unwrap();
    assert_eq!((newest.total, newest.first), (100, 3));
    assert_eq!(text(&newest), ["98", "99", "100"]);
    let oldest = tmux.history(&pane, 98, 50).await.unwrap();
    assert_eq!(
        (oldest.first, text(&oldest)),
        (100, vec!["1".to_owned(), "2".to_owned()])
    );
    assert_eq!(tmux.history(&pane, 100, 5).await.unwrap().lines, []);
    tmux.shutdown().await;
}

#[tokio::test]
async fn flood_leaves_the_other_streams_alone() {
    let lab = Lab::new();
    let (tmux, events) = lab.start().await;
    let streams = events.streams();
    let flood = tmux
        .new_session(session("flood", &["yes"]))
        .await
        .unwrap()
        .pane;
    let quiet = tmux
        .new_session(shell("quiet", "exec cat"))
        .await
        .unwrap()
        .pane;
    let flood = tmux.join(&flood).await.unwrap();
    let quiet_join = tmux.join(&quiet).await.unwrap();
    // Not taken for a while: the time in which the quiet pane answers 50 times.
    for _ in 0..50 {
        tmux.send(&quiet, b"x").await.unwrap();
    }
    read_until(&streams, quiet_join.stream, |bytes, _| bytes.len() >= 50).await;
    streams.discard(flood.stream);
    tmux.send(&quiet, b"y").await.unwrap();
    read_until(&streams, quiet_join.stream, |bytes, chunk| {
        assert!(!chunk.overflowed);
        bytes.contains(&b'y')
    })
    .await;
    tmux.shutdown().await;
}
