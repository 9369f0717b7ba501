//! What hosts cost that nobody uses, and how soon it is noticed that one is gone.

use std::time::{Duration, Instant};

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::Connection;
use cm_tui::transport::ssh::settings::Settings;
use futures::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Effort;
use crate::far::Far;
use crate::lab::Client;
use crate::network::Proxy;
use crate::process;
use crate::sshd_lab::settings;
use crate::stats::Sample;
use crate::table::Row;

const IDLE: usize = 50;
/// For one idle host, in KiB.
const MEMORY_BAR: u64 = 150;
/// The far end is asked after this silence, …
const INTERVAL: Duration = Duration::from_secs(2);
/// … so often.
const COUNT: u32 = 3;
/// Connects that fail, and that are given up.
const FAILURES: usize = 20;
const CYCLES: usize = 100;
/// Between two cuts: long enough for the connection to count as a good one.
const CALM: Duration = Duration::from_millis(3100);
/// Networks that are cut side by side.
const LINES: usize = 5;
/// After the network is back.
const BACK: Duration = Duration::from_secs(3);

pub async fn measure(effort: Effort) -> Vec<Row> {
    let mut rows = vec![memory().await];
    rows.extend(dead().await);
    rows.push(leaks(effort).await);
    rows.push(cycles(effort).await);
    rows
}

async fn memory() -> Row {
    let far = Far::new();
    let me = std::process::id().cast_signed();
    // What the first one brings along is not what each costs.
    let first = far.connect().await;
    let before = process::resident(me);
    let mut idle = vec![(first, None)];
    for _ in 0..IDLE {
        let connection = far.connect().await;
        let exec = connection.exec("exec cat").await.unwrap();
        idle.push((connection, Some(exec)));
    }
    let each = (process::resident(me) - before) / IDLE as u64;
    Row::new("memory of an idle host", format!("{each} kB"))
        .bar(
            &format!("≤ {MEMORY_BAR} kB at {IDLE} hosts"),
            each <= MEMORY_BAR,
        )
        .note("resident, of this process; one channel open on each")
}

/// What goes on while the far end goes away.
#[derive(Clone, Copy)]
enum While {
    Idle,
    Writing,
    Full,
    Stopped,
}

async fn dead() -> Vec<Row> {
    let cases = [
        ("idle", While::Idle),
        ("writing", While::Writing),
        ("send buffer full", While::Full),
        ("server stopped", While::Stopped),
    ];
    let mut rows = Vec::new();
    for (name, case) in cases {
        rows.push(found(name, case).await);
    }
    rows
}

async fn found(name: &str, case: While) -> Row {
    let far = Far::new();
    let proxy = Proxy::start(far.sshd.port);
    let mut settings = through(&far, &proxy);
    settings.alive_interval = INTERVAL;
    settings.alive_count_max = COUNT;
    let connection = Connection::open(&settings, &Asker::nobody()).await.unwrap();
    let mut exec = connection
        .exec("echo $PPID; exec cat >/dev/null")
        .await
        .unwrap();
    let mut server = String::new();
    while !server.ends_with('\n') {
        server.push(exec.stdout.read_u8().await.unwrap().into());
    }
    let server = Pid::from_raw(server.trim().parse().unwrap()).unwrap();
    if matches!(case, While::Stopped) {
        kill_process(server, Signal::STOP).unwrap();
    } else {
        proxy.freeze();
    }
    let since = Instant::now();
    let mut stdin = exec.stdin;
    let writing = tokio::spawn(async move {
        let (bytes, pause) = match case {
            While::Idle | While::Stopped => return,
            While::Writing => (1, Duration::from_millis(100)),
            While::Full => (64 << 10, Duration::ZERO),
        };
        while stdin.write_all(&vec![0; bytes]).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    });
    let error = connection.ended().await;
    let time = since.elapsed();
    if matches!(case, While::Stopped) {
        kill_process(server, Signal::CONT).unwrap();
    }
    writing.await.unwrap();
    let bar = INTERVAL * (COUNT + 1) + Duration::from_secs(1);
    Row::new(
        &format!("dead host found: {name}"),
        format!("{:.1} s", time.as_secs_f64()),
    )
    .bar(
        &format!(
            "≤ {} s (asked every {} s, {COUNT} ×)",
            bar.as_secs(),
            INTERVAL.as_secs()
        ),
        time <= bar,
    )
    .note(error.message)
}

fn through(far: &Far, proxy: &Proxy) -> Settings {
    let known = far.sshd.dir.path().join("known_proxy");
    let lines = far.sshd.known_lines();
    let lines = lines.replace(
        &format!("]:{}", far.sshd.port),
        &format!("]:{}", proxy.port),
    );
    std::fs::write(&known, lines).unwrap();
    settings(proxy.port, &far.sshd.key.path, &known)
}

/// What is left of connects that did not come about: to a server that says only its name.
async fn leaks(effort: Effort) -> Row {
    let far = Far::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"SSH-2.0-mute\r\n").await.unwrap();
            held.push(stream);
        }
    });
    let mut mute = settings(port, &far.sshd.key.path, &far.sshd.known_hosts());
    mute.connect_timeout = Duration::from_millis(300);
    let (tasks, files, nobody) = (alive(), descriptors(), Asker::nobody());
    let count = effort.count(FAILURES);
    for number in 0..count {
        if number % 2 == 0 {
            Connection::open(&mute, &nobody).await.unwrap_err();
        } else {
            let opening = Connection::open(&mute, &nobody);
            let _given_up = tokio::time::timeout(mute.connect_timeout / 2, opening).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The server here holds its end of each.
    let files = descriptors().saturating_sub(files).saturating_sub(count);
    let tasks = alive().saturating_sub(tasks);
    server.abort();
    Row::new(
        "left of failed connects",
        format!("{tasks} tasks, {files} descriptors"),
    )
    .bar("0, 0 after 1 s", tasks == 0 && files == 0)
    .note(format!(
        "{count} to a server that never answers, half of them cancelled"
    ))
}

/// Networks that go away and come back at once, while the panes on the host go on.
async fn cycles(effort: Effort) -> Row {
    let far = Far::new();
    let cuts = effort.count(CYCLES).div_ceil(LINES);
    let lines = join_all((0..LINES).map(|line| cut(&far, line, cuts))).await;
    let lost: usize = lines.iter().map(|(_, lost)| lost).sum();
    let sample = Sample::new(lines.into_iter().flat_map(|(times, _)| times).collect());
    Row::new(
        "correct screen after the network is cut and back",
        sample.describe(),
    )
    .bar(
        "p99 ≤ 3 s, 0 events lost",
        sample.p99() <= BACK && lost == 0,
    )
    .note(format!(
        "{} cuts; {lost} times the agent could not tell what was missed",
        sample.len()
    ))
}

/// The time from each cut to the correct screen, and how often the agent could not tell what was missed.
async fn cut(far: &Far, line: usize, cuts: usize) -> (Vec<Duration>, usize) {
    let proxy = Proxy::start(far.sshd.port);
    let mut client = Client::of(far.spec(proxy.port));
    client.connected().await;
    let host = client.host.clone();
    let work = far.sshd.dir.path().join(format!("work{line}"));
    std::fs::create_dir(&work).unwrap();
    let id = client
        .start("shell", None, &format!("cycles{line}"), &work)
        .await;
    client.watch(&id);
    let pane = client.session(&id, "the session", |_| true).await.pane;
    let mut times = Vec::new();
    for number in 0..cuts {
        let calm = Instant::now() + CALM;
        while client
            .hears_within(calm.saturating_duration_since(Instant::now()))
            .await
        {}
        // It stands nowhere in what is typed.
        let (typed, shown) = (
            format!("echo cycle\"\"-{number}-end"),
            format!("cycle-{number}-end"),
        );
        proxy.cut();
        let since = Instant::now();
        Far::tmux_at(
            &pane.socket,
            &["send-keys", "-t", &pane.target(), &typed, "Enter"],
        );
        client
            .until("the screen", |state| {
                let is_live = state.hosts.first()?.is_connected();
                let screen = state.screen(&host, &id)?.screen();
                (is_live && screen.text().iter().any(|row| row.contains(&shown))).then_some(())
            })
            .await;
        times.push(since.elapsed());
    }
    (times, client.snapshots - 1)
}

fn alive() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
