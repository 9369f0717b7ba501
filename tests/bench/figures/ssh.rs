//! What SSH costs beside the `ssh` program: on the same sshd, in turns, in one run.

use std::process::Stdio;
use std::time::{Duration, Instant};

use cm_tui::protocol::{Request, ToAgent};
use cm_tui::term::Size;
use cm_tui::transport::connection;
use cm_tui::transport::ssh::{Connection, Exec, Pty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Effort;
use crate::far::{Far, Peer, STDIO};
use crate::lab::Client;
use crate::stats::{Sample, ms};
use crate::table::Row;

/// What a figure of ours may cost beside that of `ssh`.
const READY_BAR: f64 = 1.0;
const ROUND_TRIP_BAR: f64 = 1.5;
const KEY_BAR: f64 = 1.1;
const BUSY_BAR: Duration = Duration::from_millis(15);

const ATTACH: &str = "exec tmux -L bench attach-session -t bench";
/// Keys whose echo stands nowhere else on the screen.
const KEYS: [u8; 2] = *b"@~";

pub async fn measure(effort: Effort) -> Vec<Row> {
    let far = Far::new();
    let mut rows = vec![ready(&far, effort).await, round_trip(&far, effort).await];
    far.tmux(&[
        "new-session",
        "-d",
        "-s",
        "bench",
        "-x",
        "80",
        "-y",
        "24",
        "exec cat",
        ";",
        "set-option",
        "-g",
        "status",
        "off",
    ]);
    rows.push(keys(&far, effort).await);
    rows.extend(beside_bulk(&far, effort).await);
    rows
}

fn ratio(ours: &Sample, theirs: &Sample) -> f64 {
    ours.median().as_secs_f64() / theirs.median().as_secs_f64()
}

/// From nothing to an agent that has answered, beside a command that does nothing.
async fn ready(far: &Far, effort: Effort) -> Row {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The agent of the host runs already, as it does for all but the very first connection.
    Client::of(far.spec(far.sshd.port)).connected().await;
    for _ in 0..effort.count(20) {
        let since = Instant::now();
        let mut client = Client::of(far.spec(far.sshd.port));
        client.connected().await;
        ours.push(since.elapsed());
        drop(client);
        let since = Instant::now();
        assert!(
            far.ssh(&[], "true")
                .stdin(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        theirs.push(since.elapsed());
    }
    let (ours, theirs) = (Sample::new(ours), Sample::new(theirs));
    let ratio = ratio(&ours, &theirs);
    Row::new(
        "host ready: connected, logged in, agent answered",
        ours.describe(),
    )
    .bar("p50 ≤ 1.0 × ssh host true", ratio <= READY_BAR)
    .beside(format!("ssh host true: {}", theirs.describe()))
    .note(format!(
        "{ratio:.2} ×; with ssh -G, finding the agent and starting its stdio"
    ))
}

async fn round_trip(far: &Far, effort: Effort) -> Row {
    let connection = far.connect().await;
    let exec = connection.exec(STDIO).await.unwrap();
    let (_welcome, mut reader, mut writer) =
        connection::greet((exec.stdout, exec.stdin), "bench", None)
            .await
            .unwrap();
    let mut cat = Peer::start(&mut far.ssh(&[], "exec cat"));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    cat.round_trip(&[b'x'; 64]);
    for id in 0..effort.count(2000) as u64 {
        let sent = Instant::now();
        let ping = ToAgent {
            id,
            request: Request::Ping,
        };
        writer.send(&ping).await.unwrap();
        loop {
            let body = reader.next().await.unwrap().expect("the agent stays");
            let reply = connection::read_fact(&body);
            if matches!(reply, Some(cm_tui::protocol::ToClient::Reply { id: of, .. }) if of == id) {
                break;
            }
        }
        ours.push(sent.elapsed());
        theirs.push(cat.round_trip(&[b'x'; 64]));
    }
    let (ours, theirs) = (Sample::new(ours), Sample::new(theirs));
    let ratio = ratio(&ours, &theirs);
    Row::new("ping through cm-agent stdio over SSH", ours.describe())
        .bar("p50 ≤ 1.5 × ssh host cat", ratio <= ROUND_TRIP_BAR)
        .beside(format!(
            "64 bytes through ssh host cat: {}",
            theirs.describe()
        ))
        .note(format!(
            "{ratio:.2} ×; the daemon answers, cat only repeats"
        ))
}

/// A session of tmux on the host, shown in a terminal there.
struct Attached {
    pty: Pty,
    _connection: Connection,
}

impl Attached {
    async fn new(far: &Far) -> Self {
        let connection = far.connect().await;
        Self::on(connection).await
    }

    async fn on(connection: Connection) -> Self {
        let size = Size { cols: 80, rows: 24 };
        let pty = connection
            .pty(ATTACH, "xterm-256color", size)
            .await
            .unwrap();
        let mut attached = Self {
            pty,
            _connection: connection,
        };
        attached.key(b'#').await;
        attached
    }

    async fn key(&mut self, key: u8) -> Duration {
        let sent = Instant::now();
        self.pty.input.write_all(&[key]).await.unwrap();
        self.pty.input.flush().await.unwrap();
        let mut buffer = [0; 4096];
        loop {
            let count = self.pty.output.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the session ended");
            if buffer[..count].contains(&key) {
                return sent.elapsed();
            }
        }
    }
}

/// Two keys in turn, so that the echo of one is not taken for that of the other.
fn key(number: usize) -> u8 {
    KEYS[number % KEYS.len()]
}

async fn keys(far: &Far, effort: Effort) -> Row {
    let mut attached = Attached::new(far).await;
    let mut ssh = Peer::start(far.ssh(&["-tt"], ATTACH).env("TERM", "xterm-256color"));
    ssh.key(b'#');
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..effort.count(400) {
        ours.push(attached.key(key(number)).await);
        ssh.until(key(number));
        // The other client of the session hears each key too.
        theirs.push(ssh.key(key(number + 1)));
        attached.hear(key(number + 1)).await;
    }
    let (ours, theirs) = (Sample::new(ours), Sample::new(theirs));
    let ratio = ratio(&ours, &theirs);
    Row::new(
        "key to echo in an attached session over SSH",
        ours.describe(),
    )
    .bar("p50 ≤ 1.1 × ssh -t host tmux attach", ratio <= KEY_BAR)
    .beside(format!("ssh: {}", theirs.describe()))
    .note(format!("{ratio:.2} ×"))
}

impl Attached {
    async fn hear(&mut self, key: u8) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.pty.output.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the session ended");
            if buffer[..count].contains(&key) {
                return;
            }
        }
    }
}

/// Keys while another channel of the same connection moves all it can, and while nobody takes what it brings.
async fn beside_bulk(far: &Far, effort: Effort) -> Vec<Row> {
    let connection = far.connect().await;
    let mut attached = Attached::on(connection.clone()).await;
    let bulk = connection.exec("exec cat /dev/zero").await.unwrap();
    let Exec {
        stdin,
        mut stdout,
        end,
    } = bulk;
    let moving = tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        let mut moved = 0;
        while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
            moved += count;
        }
        moved
    });
    let drained = sample(&mut attached, effort).await;
    moving.abort();
    drop((stdin, end));
    let stalled = connection.exec("exec cat /dev/zero").await.unwrap();
    let unread = sample(&mut attached, effort).await;
    drop(stalled);
    let row = |name: &str, sample: Sample| {
        Row::new(name, sample.describe())
            .bar(&format!("p99 < {}", ms(BUSY_BAR)), sample.p99() < BUSY_BAR)
    };
    vec![
        row("key to echo while another channel moves bulk", drained),
        row(
            "key to echo while that channel's reader stands still",
            unread,
        ),
    ]
}

async fn sample(attached: &mut Attached, effort: Effort) -> Sample {
    let mut times = Vec::new();
    for number in 0..effort.count(600) {
        times.push(attached.key(key(number)).await);
    }
    Sample::new(times)
}
