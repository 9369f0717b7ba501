//! Attaching to a session of another host: a person's terminal on one side, a real tmux behind a terminal of its own on
//! the other.

mod dashboard;
mod far;
mod login;
mod person;
mod ssh;

use std::time::Duration;

use cm_tui::fleet::attach::{End, Far, Window};
use cm_tui::term::{Passing, Size};
use cm_tui::transport::ssh::{SshError, SshErrorKind};
use cm_tui::tui::attach::Attached;
use cm_tui::tui::attach::Left;
use cm_tui::tui::attach::screen::Screen;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use far::Tmux;
use person::Person;

/// Long enough for a busy machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(30);
const SIZE: Size = Size { cols: 80, rows: 24 };

fn attached(person: &Person, far: Far, passing: Passing) -> Attached {
    let screen = Screen::open(&person.path).unwrap();
    let size = screen.size();
    let detach = ["ctrl-]".parse().unwrap()];
    Attached::new(screen, far, passing, &detach, size)
}

/// Runs until somebody leaves, and gives the terminal back.
fn run(mut attached: Attached) -> JoinHandle<Left> {
    tokio::spawn(async move {
        let left = attached.run().await;
        attached.give_back().await;
        left
    })
}

async fn joined(running: JoinHandle<Left>) -> Left {
    timeout(PATIENCE, running).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_person_types_resizes_and_detaches() {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let attached = attached(&person, far, Passing::Filtered);
    let resized = attached.resized();
    let running = run(attached);
    person.sees("[work]").await;
    person.types(b"hello\r").await;
    person.sees("hello").await;
    assert!(person.outer.seen.is_alternate);
    person.resize(Size::new(100, 30));
    resized.notify_one();
    // The status line is on the last row of the new size.
    person
        .until("the last row", |person| {
            let rows = person.emulator.screen().text();
            rows.get(29).is_some_and(|row| row.contains("[work]"))
        })
        .await;
    person.types(b"\x1d").await;
    assert!(matches!(joined(running).await, Left::Detached));
    person.is_clean(&before).await;
    tmux.has_no_client();
}

/// A program is often left with escape, and then the session.
#[tokio::test]
async fn the_detach_keys_work_after_an_escape() {
    let tmux = Tmux::new("cat -v");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    person.types(b"\x1b").await;
    person.sees("^[").await;
    person.types(b"\x1d").await;
    assert!(matches!(joined(running).await, Left::Detached));
    person.is_clean(&before).await;
}

#[tokio::test]
async fn the_end_of_the_session_gives_the_terminal_back() {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    tmux.run(&["kill-server"]);
    let left = joined(running).await;
    assert!(matches!(left, Left::Ended(End::Status(_))), "{left:?}");
    person.is_clean(&before).await;
}

#[tokio::test]
async fn who_leaves_by_the_keys_of_tmux_has_left() {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let running = run(attached(&person, far, Passing::Raw));
    person.sees("[work]").await;
    // One key: tmux takes two that come at once for a paste.
    tmux.run(&["bind-key", "-n", "C-q", "detach-client"]);
    person.types(b"\x11").await;
    let left = joined(running).await;
    assert!(matches!(left, Left::Ended(End::Status(0))), "{left:?}");
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_killed_program_gives_the_terminal_back() {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    let pid = tmux.run(&["list-clients", "-F", "#{client_pid}"]);
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let left = joined(running).await;
    assert!(matches!(left, Left::Ended(End::Signal(_))), "{left:?}");
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_terminal_that_was_used_by_others_is_drawn_again_whole() {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let mut attached = attached(&person, far, Passing::Filtered);
    let sizes = "#{window_width}x#{window_height}";
    tokio::select! {
        left = attached.run() => panic!("{left:?}"),
        () = async {
            // What is typed before tmux is there, it throws away until 3.2.
            person.sees("[work]").await;
            person.types(b"before\r").await;
            person.sees("before").await;
        } => {}
    }
    let size = tmux.run(&["display-message", "-p", sizes]);
    // As when the process is stopped.
    attached.give_back().await;
    person.is_clean(&before).await;
    person.forget();
    let running = run(attached);
    // Rows that did not change since are here too.
    person.sees("[work]").await;
    person.sees("before").await;
    assert!(person.outer.seen.is_alternate);
    assert_eq!(tmux.run(&["display-message", "-p", sizes]), size);
    person.types(b"\x1d").await;
    joined(running).await;
    person.is_clean(&before).await;
}

#[rstest]
#[case(Passing::Filtered)]
#[case(Passing::Raw)]
#[tokio::test]
async fn the_clipboard_is_reached_in_raw_mode_alone(#[case] passing: Passing) {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.show("sh", SIZE).await.unwrap();
    let running = run(attached(&person, far, passing));
    person.sees("[work]").await;
    // tmux itself sets it, before it shows what is typed next.
    let client = tmux.run(&["list-clients", "-F", "#{client_name}"]);
    tmux.run(&["set-buffer", "-w", "-t", &client, "hi"]);
    person.types(b"all-said\r").await;
    person.sees("all-said").await;
    let forbidden = &person.outer.seen.forbidden;
    let clipboard = forbidden.iter().any(|what| what.contains("52;"));
    match passing {
        Passing::Filtered => assert_eq!(forbidden, &Vec::<String>::new()),
        Passing::Raw => assert!(clipboard, "{forbidden:?}"),
    }
    person.types(b"\x1d").await;
    joined(running).await;
    person.is_clean(&before).await;
}

/// A far end in this process: what it prints, what it was told, and its end.
struct Near {
    prints: tokio::io::DuplexStream,
    windows: mpsc::UnboundedReceiver<Window>,
    end: oneshot::Sender<End>,
}

fn near() -> (Far, Near) {
    let (here, there) = tokio::io::duplex(64 << 10);
    let (output, input) = tokio::io::split(here);
    let (told, windows) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let far = Far {
        input: Box::new(input),
        output: Box::new(output),
        end: Box::pin(async { ended.await.unwrap() }),
        window: Box::new(move |window| told.send(window).unwrap()),
    };
    let prints = there;
    (
        far,
        Near {
            prints,
            windows,
            end,
        },
    )
}

#[rstest]
#[case(Passing::Filtered)]
#[case(Passing::Raw)]
#[tokio::test]
async fn a_terminal_that_stands_still_stops_nothing_and_is_drawn_again(#[case] passing: Passing) {
    let (far, mut near) = near();
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let running = run(attached(&person, far, passing));
    near.prints
        .write_all(b"\x1b[?1049h\x1b[?1000h\x1b[?1006hfirst")
        .await
        .unwrap();
    person.sees("first").await;
    // Nobody reads the terminal now. All of this is taken all the same, modes in the midst of it too.
    let flood = b"\x1b[31mflood\x1b[m \x1b]0;title\x07".repeat(1 << 15);
    let all = async {
        near.prints.write_all(&flood).await.unwrap();
        near.prints
            .write_all(b"\x1b[?1000l\x1b[?2004h")
            .await
            .unwrap();
        near.prints.write_all(&flood).await.unwrap();
    };
    timeout(PATIENCE, all).await.unwrap();
    // It is read again: the far end is asked to draw, and does.
    let asked = person.until_told(&mut near.windows).await;
    assert_eq!(asked, Window::Redraw(SIZE));
    near.prints.write_all(b"\x1b[2J\x1b[Hfresh").await.unwrap();
    person.sees("fresh").await;
    let seen = &person.outer.seen;
    assert!(seen.is_alternate && seen.has(2004) && seen.has(1006) && !seen.has(1000));
    if passing == Passing::Filtered {
        assert_eq!(seen.forbidden, Vec::<String>::new());
    }
    // Keys reach it, and it ends.
    person.types(b"x").await;
    let mut key = [0];
    near.prints.read_exact(&mut key).await.unwrap();
    drop(near.prints);
    near.end.send(End::Status(0)).unwrap();
    assert!(matches!(joined(running).await, Left::Ended(End::Status(0))));
    person.outer.seen.forgive_titles();
    person.is_clean(&before).await;
}

#[tokio::test]
async fn somebody_leaves_while_the_terminal_stands_still() {
    let (far, mut near) = near();
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let running = run(attached(&person, far, Passing::Filtered));
    let flood = b"\x1b[?1003h0123456789".repeat(1 << 15);
    timeout(PATIENCE, near.prints.write_all(&flood))
        .await
        .unwrap()
        .unwrap();
    person.types(b"\x1d").await;
    // It is read again after the keys were pressed.
    person.is_clean(&before).await;
    assert!(matches!(joined(running).await, Left::Detached));
}

#[rstest]
#[case(Passing::Filtered)]
#[case(Passing::Raw)]
#[tokio::test]
async fn a_lost_connection_says_why_even_in_the_middle_of_a_sequence(#[case] passing: Passing) {
    let (far, mut near) = near();
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let running = run(attached(&person, far, passing));
    let cut = b"\x1b[?1049h\x1b[?1003h\x1b[?25lhere\x1b[1;4m\x1b(0\x1b]2;half a ti";
    near.prints.write_all(cut).await.unwrap();
    person.sees("here").await;
    drop(near.prints);
    let error = SshError::new(SshErrorKind::Lost, "gpu-2 does not answer", "");
    near.end.send(End::Lost(error)).unwrap();
    let left = joined(running).await;
    let Left::Ended(End::Lost(error)) = left else {
        panic!("{left:?}")
    };
    assert_eq!(error.to_string(), "gpu-2 does not answer");
    person.outer.seen.forgive_titles();
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_dropped_attach_leaves_no_mode_behind() {
    let (far, mut near) = near();
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let running = run(attached(&person, far, Passing::Filtered));
    near.prints
        .write_all(b"\x1b[?1049h\x1b[?1003hhere")
        .await
        .unwrap();
    person.sees("here").await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_terminal_that_is_gone_ends_it() {
    let (far, _near) = near();
    let person = Person::new(SIZE);
    let running = run(attached(&person, far, Passing::Filtered));
    drop(person);
    let left = joined(running).await;
    assert!(matches!(left, Left::Gone(_)), "{left:?}");
}
