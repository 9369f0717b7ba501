//! A storm of random actions on real tmux servers; after every few of them the client must show what tmux shows.
//!
//! The choice of actions depends on a seed alone. `CM_CHAOS_SEED` and `CM_CHAOS_ROUNDS` choose another storm and a
//! longer one. Sessions are compared by name, size, end and people attached; every screen cell by cell.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cm_tui::domain::{HostId, SessionId, SessionState};
use cm_tui::fleet::FleetState;
use cm_tui::protocol::{Request, StartSession};
use cm_tui::term::{CellRef, Emulator, Fed, Screen, Size};

use crate::lab::{Client, Lab};

/// How long the client may take to agree with tmux: a sign of life of tmux comes every second, a doubtful screen is
/// looked at again after two, and the machine may be busy.
const AGREEMENT: Duration = Duration::from_secs(20);
/// The people's own servers and ours.
const SERVERS: [&str; 3] = ["mine", "other", "cm"];
/// Enough for many things at once, few enough to compare them all.
const PANES: usize = 14;

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        (!things.is_empty()).then(|| &things[self.roll(things.len())])
    }
}

/// A pane as tmux describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Truth {
    server: &'static str,
    pane: String,
    session: String,
    /// What the client must say of it.
    says: String,
    dead: bool,
}

struct Storm {
    lab: Lab,
    client: Client,
    dice: Dice,
    count: usize,
    /// People's terminals: sockets of tmux servers that the agent does not see.
    humans: Vec<String>,
    /// What was done, for whoever has to find out why.
    story: Vec<String>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let lab = Lab::new();
        lab.start_agent();
        let client = lab.client();
        Self {
            lab,
            client,
            dice: Dice(seed),
            count: 0,
            humans: Vec::new(),
            story: Vec::new(),
        }
    }

    fn tell(&mut self, what: String) {
        self.story.push(what);
    }

    /// Runs tmux; what it refuses was not possible at that moment.
    fn try_tmux(&mut self, server: &str, args: &[&str]) -> Option<String> {
        self.tell(format!("tmux -L {server} {}", args.join(" ")));
        self.ask(server, args)
    }

    fn ask(&self, server: &str, args: &[&str]) -> Option<String> {
        let mut command = self.lab.command("tmux");
        if server.contains('/') {
            command.arg("-S").arg(server);
        } else {
            command.args(["-L", server]);
        }
        let output = command
            .args(["-f", "/dev/null"])
            .args(args)
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// All panes there are.
    fn truth(&self) -> BTreeMap<SessionId, Truth> {
        const PANES: &str = "#{pid} #{pane_id} #{session_id} #{session_name} #{window_index} #{pane_index} \
            #{pane_width}x#{pane_height} #{?pane_dead,1,0} #{pane_dead_status}/#{pane_dead_signal}";
        let mut all = BTreeMap::new();
        for server in SERVERS {
            let people = "people #{session_id} #{client_control_mode}";
            let list = [
                "list-panes",
                "-a",
                "-F",
                PANES,
                ";",
                "list-clients",
                "-F",
                people,
            ];
            let Some(text) = self.ask(server, &list) else {
                continue;
            };
            let (people, panes): (Vec<&str>, Vec<&str>) =
                text.lines().partition(|line| line.starts_with("people"));
            let panes: Vec<Vec<&str>> =
                panes.iter().map(|line| line.split(' ').collect()).collect();
            for words in &panes {
                let &[pid, pane, id, session, window, index, size, dead, how] = words.as_slice()
                else {
                    panic!("{words:?}")
                };
                if server == "cm" && session == "cm-agent" {
                    continue;
                }
                let together = panes.iter().filter(|other| other[2] == id).count();
                let name = if together > 1 {
                    format!("{session}:{window}.{index}")
                } else {
                    session.to_owned()
                };
                let attached = people
                    .iter()
                    .filter(|line| **line == format!("people {id} 0"))
                    .count();
                let end = if dead == "1" { how } else { "" };
                let truth = Truth {
                    server,
                    pane: pane.to_owned(),
                    session: session.to_owned(),
                    says: format!("{name} {size} attached {attached} {end}"),
                    dead: dead == "1",
                };
                all.insert(
                    SessionId::new(format!("{server}.{pid}.{}", pane.trim_start_matches('%'))),
                    truth,
                );
            }
        }
        all
    }

    /// What differs between the client and tmux, and nothing when they agree.
    fn difference(&self, truth: &BTreeMap<SessionId, Truth>) -> String {
        let mut difference = String::new();
        let state = &self.client.state;
        let known = says(state);
        for (id, truth) in truth {
            match known.get(id) {
                Some(said) if *said == truth.says => {}
                said => {
                    writeln!(difference, "{id}: tmux: {:?} client: {said:?}", truth.says).unwrap();
                }
            }
        }
        for (id, said) in known.iter().filter(|(id, _)| !truth.contains_key(id)) {
            writeln!(difference, "{id}: not in tmux; client: {said:?}").unwrap();
        }
        for (id, truth) in truth {
            match state.screen(&HostId::local(), id) {
                None => writeln!(difference, "{id}: no screen").unwrap(),
                // tmux writes “Pane is dead” below the last words; the client leaves them as they were.
                Some(_) if truth.dead => {}
                Some(mirror) => match self.picture(truth) {
                    Some(picture) => difference += &picture.compare(id, mirror.screen()),
                    None => writeln!(difference, "{id}: gone").unwrap(),
                },
            }
        }
        difference
    }

    fn picture(&self, truth: &Truth) -> Option<Picture> {
        let format = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{alternate_on}";
        let target = truth.pane.as_str();
        let list = [
            "display-message",
            "-p",
            "-t",
            target,
            format,
            ";",
            "capture-pane",
            "-p",
            "-e",
            "-N",
            "-t",
            target,
        ];
        let text = self.ask(truth.server, &list)?;
        let mut lines = text.lines();
        let state: Vec<u16> = lines
            .next()?
            .split(' ')
            .map(|word| word.parse().unwrap())
            .collect();
        let &[cols, rows, x, y, alternate] = state.as_slice() else {
            panic!("{state:?}")
        };
        let mut emulator = Emulator::new(Size::new(cols, rows));
        let mut seed = String::new();
        for (row, line) in (1..=rows).zip(lines) {
            write!(
                seed,
                "\x1b[{row}H{}",
                line.replace('\x0e', "\x1b(0").replace('\x0f', "\x1b(B")
            )
            .unwrap();
        }
        emulator.feed(seed.as_bytes(), &mut Fed::default());
        Some(Picture {
            screen: emulator.screen().clone(),
            cursor: (x, y),
            alternate: alternate == 1,
        })
    }

    /// Watches everything and takes in notices until the client agrees with tmux. tmux may be what lags, so it is
    /// asked again even when the client hears nothing.
    async fn agree(&mut self) {
        let start = Instant::now();
        loop {
            let truth = self.truth();
            self.client.watch_all(truth.keys());
            while self.client.hears_within(Duration::from_millis(5)).await {}
            let difference = self.difference(&truth);
            if difference.is_empty() {
                return;
            }
            assert!(
                start.elapsed() < AGREEMENT,
                "the client does not agree with tmux:\n{difference}\nafter:\n{}",
                self.story.join("\n")
            );
            self.client.hears_within(Duration::from_millis(300)).await;
        }
    }

    async fn act(&mut self) {
        let truth: Vec<(SessionId, Truth)> = self.truth().into_iter().collect();
        let chosen = self.dice.pick(&truth).cloned();
        let is_full = truth.len() >= PANES;
        self.count += 1;
        let number = self.count;
        let action = self.dice.roll(34);
        let server = SERVERS[self.dice.roll(2)];
        let Some((
            id,
            Truth {
                server: at,
                pane,
                session,
                ..
            },
        )) = chosen.filter(|_| action > 3)
        else {
            if is_full {
                return;
            }
            return self.start(server, number, action).await;
        };
        let t = pane.as_str();
        let session = format!("={session}");
        let flag = if self.dice.roll(2) == 0 { "-d" } else { "-P" };
        match action {
            4 if !is_full => drop(self.try_tmux(at, &["split-window", flag, "-t", t, "sh"])),
            5 if !is_full => drop(self.try_tmux(at, &["split-window", "-h", flag, "-t", t, "sh"])),
            6 if !is_full => drop(self.try_tmux(
                at,
                &["new-window", flag, "-t", &format!("{session}:"), "sh"],
            )),
            7 => drop(self.try_tmux(at, &["kill-pane", "-t", t])),
            8 => drop(self.try_tmux(at, &["kill-window", "-t", t])),
            9 if self.dice.roll(2) == 0 => {
                drop(self.try_tmux(at, &["kill-session", "-t", &session]));
            }
            10 if self.dice.roll(4) == 0 => drop(self.try_tmux(at, &["kill-server"])),
            11 => drop(self.try_tmux(
                at,
                &["rename-session", "-t", &session, &format!("name-{number}")],
            )),
            12 => {
                let (cols, rows) = (20 + self.dice.roll(100), 5 + self.dice.roll(40));
                let (cols, rows) = (cols.to_string(), rows.to_string());
                self.try_tmux(at, &["resize-window", "-t", t, "-x", &cols, "-y", &rows]);
            }
            13 => {
                let layouts = ["even-horizontal", "even-vertical", "main-vertical", "tiled"];
                let layout = layouts[self.dice.roll(4)];
                self.try_tmux(at, &["select-layout", "-t", t, layout]);
            }
            14 => drop(self.try_tmux(at, &["respawn-pane", "-k", "-t", t, "sh"])),
            15 => drop(self.try_tmux(at, &["copy-mode", "-t", t])),
            16 => drop(self.try_tmux(at, &["send-keys", "-t", t, "-X", "cancel"])),
            17 => drop(self.try_tmux(at, &["swap-pane", "-U", "-t", t])),
            18 => drop(self.try_tmux(at, &["break-pane", "-d", "-s", t])),
            19 => drop(self.try_tmux(at, &["pipe-pane", "-t", t])),
            20 => drop(self.try_tmux(at, &["resize-pane", "-Z", "-t", t])),
            21 | 22 => {
                let code = self.dice.roll(4).to_string();
                let ends = [
                    format!("exit {code}"),
                    "kill -9 $$".into(),
                    "kill -TERM $$; kill -HUP $$".into(),
                ];
                let end = ends[self.dice.roll(3)].clone();
                self.types(at, t, &end);
            }
            23 => self.types(at, t, "yes flood"),
            24 => drop(self.try_tmux(at, &["send-keys", "-t", t, "C-c"])),
            25 => self.types(at, t, "clear"),
            26 => self.types(at, t, &format!("printf '\\033]0;title {number}\\007'")),
            27 => self.attach_human(at, &session),
            28 => self.drop_human(),
            29 if self.dice.roll(2) == 0 => self.kill_agent().await,
            30 => {
                self.tell(format!("client: kill {id}"));
                let _gone = self.client.ask(Request::Kill { session: id }).await;
            }
            31 => {
                self.tell(format!("client: keys to {id}"));
                let bytes = format!("seq {} | tail -50\r", 100 * number).into_bytes();
                let _gone = self
                    .client
                    .ask(Request::SendKeys { session: id, bytes })
                    .await;
            }
            _ => self.paint(at, t, number),
        }
    }

    async fn start(&mut self, server: &str, number: usize, action: usize) {
        let name = format!("s{number}");
        if action.is_multiple_of(2) {
            let dir = self.lab.path("work").display().to_string();
            let start = StartSession {
                tool: "shell".into(),
                dir,
                task: None,
                name: Some(name),
            };
            // Refused while the server that it should run on is being killed.
            let reply = self.client.ask(Request::Start(start)).await;
            self.tell(format!("client: start: {reply:?}"));
        } else {
            let (cols, rows) = (30 + self.dice.roll(90), 6 + self.dice.roll(40));
            let (cols, rows) = (cols.to_string(), rows.to_string());
            self.try_tmux(
                server,
                &[
                    "new-session",
                    "-d",
                    "-s",
                    &name,
                    "-x",
                    &cols,
                    "-y",
                    &rows,
                    "sh",
                ],
            );
        }
    }

    fn types(&mut self, server: &str, pane: &str, line: &str) {
        // In copy mode the keys would be commands.
        self.try_tmux(server, &["send-keys", "-t", pane, "-X", "cancel"]);
        self.try_tmux(server, &["send-keys", "-t", pane, "-l", line]);
        self.try_tmux(server, &["send-keys", "-t", pane, "Enter"]);
    }

    /// Lets the pane's shell print something that a program might.
    fn paint(&mut self, server: &str, pane: &str, number: usize) {
        let mut text = String::from("\x1b[0m");
        if self.dice.roll(4) == 0 {
            text += ["\x1b[?1049h", "\x1b[?1049l"][self.dice.roll(2)];
        }
        for _ in 0..=self.dice.roll(60) {
            let (row, col) = (self.dice.roll(40), self.dice.roll(120));
            match self.dice.roll(12) {
                0 => write!(text, "\x1b[{row};{col}H").unwrap(),
                1 => text += "\x1b[2J\x1b[H",
                2 => text += "\x1b[K",
                3 => write!(text, "\x1b[{}A\r", row % 5 + 1).unwrap(),
                4 => write!(text, "\x1b[{}L", row % 3 + 1).unwrap(),
                5 => write!(text, "\x1b[{}P", row % 3 + 1).unwrap(),
                6 => write!(text, "\x1b[1;3;38;5;{col}mstyle {row}\x1b[0m").unwrap(),
                7 => write!(text, "\x1b[4;48;2;{row};{col};9mrgb\x1b[0m 日本 {row}").unwrap(),
                8 => {
                    text += &"a longer line that wraps when the pane is small ".repeat(row % 4 + 1);
                }
                9 => text += "\tor\ttabs",
                _ => writeln!(text, "line {row} \x1b[3{}mcolour\x1b[0m", row % 8).unwrap(),
            }
        }
        text += "\x1b[0m\n";
        let file = self.lab.path(&format!("paint-{number}"));
        std::fs::write(&file, text).unwrap();
        self.types(server, pane, &format!("cat {}", file.display()));
    }

    fn attach_human(&mut self, server: &str, session: &str) {
        let socket = self
            .lab
            .path(&format!("human-{}", self.count))
            .display()
            .to_string();
        let (cols, rows) = (
            (40 + self.dice.roll(80)).to_string(),
            (10 + self.dice.roll(40)).to_string(),
        );
        let attach = format!("exec env -u TMUX tmux -L {server} attach-session -t '{session}'");
        self.try_tmux(
            &socket,
            &["new-session", "-d", "-x", &cols, "-y", &rows, &attach],
        );
        self.humans.push(socket);
    }

    /// One of the people leaves: in order, or his terminal dies.
    fn drop_human(&mut self) {
        if self.humans.is_empty() {
            return;
        }
        let human = self.humans.swap_remove(self.dice.roll(self.humans.len()));
        if self.dice.roll(2) == 0
            && let Some(pid) = self.ask(&human, &["display-message", "-p", "#{pane_pid}"])
        {
            self.tell(format!("kill -9 the client of {human}"));
            let killed = self
                .lab
                .command("kill")
                .args(["-9", pid.trim()])
                .stderr(Stdio::null())
                .status();
            assert!(killed.is_ok());
        }
        self.try_tmux(&human, &["kill-server"]);
    }

    async fn kill_agent(&mut self) {
        self.tell("kill -9 the agent".into());
        let pid = rustix::process::Pid::from_raw(self.lab.agent_pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        self.client
            .until("the loss", |state| {
                (!state.hosts[0].is_live()).then_some(())
            })
            .await;
        self.client.connected().await;
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        for human in std::mem::take(&mut self.humans) {
            self.ask(&human, &["kill-server"]);
        }
    }
}

/// A pane's screen as tmux has it.
struct Picture {
    screen: Screen,
    cursor: (u16, u16),
    alternate: bool,
}

impl Picture {
    fn compare(&self, id: &SessionId, mirror: &Screen) -> String {
        let (size, found) = (self.screen.size(), mirror.size());
        if size != found {
            return format!("{id}: size {size} mirror {found}\n");
        }
        let mut difference = String::new();
        if self.alternate != mirror.is_alternate() {
            writeln!(
                difference,
                "{id}: alternate {} mirror {}",
                self.alternate,
                mirror.is_alternate()
            )
            .unwrap();
        }
        let cursor = (mirror.cursor().col, mirror.cursor().row);
        if cursor != self.cursor {
            writeln!(
                difference,
                "{id}: cursor {:?} mirror {cursor:?}",
                self.cursor
            )
            .unwrap();
        }
        for row in 0..size.rows {
            let wrong: Vec<u16> = (0..size.cols)
                .filter(|col| look(self.screen.cell(row, *col)) != look(mirror.cell(row, *col)))
                .filter(|col| {
                    !is_erased(self.screen.cell(row, *col)) || !is_erased(mirror.cell(row, *col))
                })
                .collect();
            if let Some(first) = wrong.first() {
                let cells = (
                    look(self.screen.cell(row, *first)),
                    look(mirror.cell(row, *first)),
                );
                let (tmux, ours) = (self.screen.row_text(row), mirror.row_text(row));
                let count = wrong.len();
                writeln!(
                    difference,
                    "{id}: row {row}, {count} cells from {first}: {cells:?}\n  tmux   {tmux:?}\n  mirror {ours:?}"
                )
                .unwrap();
            }
        }
        difference
    }
}

/// What can be seen of a cell.
fn look(cell: Option<CellRef<'_>>) -> String {
    let cell = cell.unwrap();
    let text = if cell.text().is_empty() {
        " "
    } else {
        cell.text()
    };
    let (bold, dim, italic) = (cell.bold(), cell.dim(), cell.italic());
    let blank = text == " ";
    let marks = [
        bold && !blank,
        dim && !blank,
        italic && !blank,
        cell.underline(),
        cell.inverse(),
    ];
    let fg = if blank {
        String::new()
    } else {
        format!("{:?}", cell.fg())
    };
    format!("{text:?} {fg} {:?} {marks:?}", cell.bg())
}

/// Up to 3.3 tmux does not tell the background of cells that were erased.
fn is_erased(cell: Option<CellRef<'_>>) -> bool {
    cell.is_some_and(|cell| cell.text().trim().is_empty() && !cell.underline() && !cell.inverse())
}

/// What the client says of every session that is not lost.
fn says(state: &FleetState) -> BTreeMap<SessionId, String> {
    let here = state.hosts[0]
        .sessions
        .values()
        .filter(|session| session.state != SessionState::Lost);
    here.map(|session| {
        let end = match session.state {
            SessionState::Exited { code, signal } => {
                let word = |number: Option<i32>| {
                    number.map_or_else(String::new, |number| number.to_string())
                };
                format!("{}/{}", word(code), word(signal))
            }
            _ => String::new(),
        };
        let (name, attached) = (&session.name, session.attached);
        let says = format!(
            "{name} {}x{} attached {attached} {end}",
            session.cols, session.rows
        );
        (session.id.clone(), says)
    })
    .collect()
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .map_or(usual, |text| text.parse().unwrap())
}

#[tokio::test]
async fn after_any_storm_the_client_shows_what_tmux_shows() {
    let (seed, rounds) = (number("CM_CHAOS_SEED", 7), number("CM_CHAOS_ROUNDS", 12));
    let mut storm = Storm::new(seed);
    storm.client.connected().await;
    for round in 0..rounds {
        let actions = 1 + storm.dice.roll(5);
        storm.tell(format!("-- round {round} of seed {seed}"));
        for _ in 0..actions {
            storm.act().await;
        }
        // Floods have to end before screens can be compared.
        for (_, Truth { server, pane, .. }) in storm.truth() {
            let stop = format!("send-keys -t {pane} C-c");
            storm.ask(
                server,
                &[
                    "if-shell",
                    "-F",
                    "-t",
                    &pane,
                    "#{==:#{pane_current_command},yes}",
                    &stop,
                ],
            );
        }
        storm.agree().await;
    }
}
