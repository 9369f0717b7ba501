//! Over SSH, with a real sshd between the person and tmux.

use cm_tui::fleet::attach::{End, Far, open};
use cm_tui::term::{Passing, Size};
use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::settings::{Settings, UnknownKeys};
use cm_tui::transport::ssh::{SshError, SshErrorKind};
use cm_tui::tui::attach::Left;

use super::far::Tmux;
use super::person::Person;
use super::{SIZE, attached, joined, run};
use crate::sshd::lab::Sshd;
use crate::sshd::network::Proxy;

async fn reach(settings: &Settings, tmux: &Tmux) -> Result<Far, SshError> {
    open(
        settings,
        &Asker::nobody(),
        "xterm-256color",
        SIZE,
        &tmux.place(),
    )
    .await
}

#[tokio::test]
async fn a_session_is_typed_into_resized_redrawn_and_left() {
    let sshd = Sshd::start(|_| {});
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = reach(&sshd.settings(), &tmux).await.unwrap();
    let mut attached = attached(&person, far, Passing::Filtered);
    let resized = attached.resized();
    tokio::select! {
        left = attached.run() => panic!("{left:?}"),
        () = async {
            person.sees("[work]").await;
            person.types(b"hello\r").await;
            person.sees("hello").await;
            person.resize(Size::new(100, 30));
            resized.notify_one();
            person.until("the last row", |person| {
                let rows = person.emulator.screen().text();
                rows.get(29).is_some_and(|row| row.contains("[work]"))
            }).await;
        } => {}
    }
    // Others have the terminal for a while; then all of it is drawn again, and no window was resized for it.
    let sizes = "#{window_width}x#{window_height}";
    let size = tmux.run(&["display-message", "-p", sizes]);
    attached.give_back().await;
    person.is_clean(&before).await;
    person.forget();
    let running = run(attached);
    person.sees("hello").await;
    person.sees("[work]").await;
    assert_eq!(tmux.run(&["display-message", "-p", sizes]), size);
    person.types(b"\x1d").await;
    assert!(matches!(joined(running).await, Left::Detached));
    person.is_clean(&before).await;
    tmux.has_no_client();
}

#[tokio::test]
async fn the_end_of_the_session_is_told_with_its_status() {
    let sshd = Sshd::start(|_| {});
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = reach(&sshd.settings(), &tmux).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    // One key: tmux takes two that come at once for a paste.
    tmux.run(&["bind-key", "-n", "C-q", "detach-client"]);
    person.types(b"\x11").await;
    let left = joined(running).await;
    assert!(matches!(left, Left::Ended(End::Status(0))), "{left:?}");
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_cut_connection_gives_the_terminal_back_and_says_why() {
    let sshd = Sshd::start(|_| {});
    let proxy = Proxy::start(sshd.port);
    let mut settings = Settings {
        port: proxy.port,
        ..sshd.settings()
    };
    // It is known under another port.
    settings.trust.unknown = UnknownKeys::Add;
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = reach(&settings, &tmux).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    proxy.cut();
    let left = joined(running).await;
    let Left::Ended(End::Lost(error)) = left else {
        panic!("{left:?}")
    };
    assert_eq!(error.kind, SshErrorKind::Lost);
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_host_that_refuses_the_login_is_said_before_the_terminal_is_lent() {
    let sshd = Sshd::start(|_| {});
    let tmux = Tmux::new("cat");
    let settings = Settings {
        identity_files: Vec::new(),
        ..sshd.settings()
    };
    let error = reach(&settings, &tmux).await.err().unwrap();
    assert_eq!(error.kind, SshErrorKind::Authentication);
}
