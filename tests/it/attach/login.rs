//! How it begins: login shells of every kind, and what cannot be attached to.

use cm_tui::fleet::attach::{End, show};
use cm_tui::term::Passing;
use rstest::rstest;
use tokio::io::AsyncWriteExt as _;

use super::far::Tmux;
use super::person::Person;
use super::{SIZE, attached, joined, near, run};

#[rstest]
#[case(&["sh"])]
#[case(&["bash"])]
#[case(&["dash"])]
#[case(&["zsh"])]
#[case(&["fish"])]
#[case(&["tcsh"])]
#[case(&["ksh"])]
#[case(&["busybox", "sh"])]
#[case::that_shows_its_commands(&["bash", "-xv"])]
#[case::that_greets(&["sh", "-c", "echo cm-attach:; printf 'cm-attach:hello world, and more;'; exec bash \"$@\"", "-"])]
#[tokio::test]
async fn any_login_shell_leads_to_tmux_alone(#[case] shell: &[&str]) {
    let tmux = Tmux::new("cat");
    let mut person = Person::new(SIZE);
    let before = person.discipline();
    let far = tmux.start(shell, SIZE);
    let far = show(far, "gpu-2", &tmux.place()).await.unwrap();
    let running = run(attached(&person, far, Passing::Filtered));
    person.sees("[work]").await;
    let text = &person.outer.seen.text;
    assert!(!text.contains("attach"), "{text:?}");
    person.types(b"\x1d").await;
    joined(running).await;
    person.is_clean(&before).await;
}

#[tokio::test]
async fn a_pane_of_another_run_of_tmux_is_not_attached_to() {
    let tmux = Tmux::new("cat");
    let mut place = tmux.place();
    place.server_started -= 1;
    let error = show(tmux.start(&["sh"], SIZE), "gpu-2", &place)
        .await
        .err()
        .unwrap();
    assert_eq!(error.message, "the session on gpu-2 is gone");
    let mut place = tmux.place();
    place.socket = "/nowhere/at all".into();
    let error = show(tmux.start(&["sh"], SIZE), "gpu-2", &place)
        .await
        .err()
        .unwrap();
    assert_eq!(error.message, "the session on gpu-2 is gone");
    place.socket = "/two\nlines".into();
    let error = show(tmux.start(&["sh"], SIZE), "gpu-2", &place)
        .await
        .err()
        .unwrap();
    assert_eq!(
        error.message,
        "the tmux socket on gpu-2 has a name that cannot be sent"
    );
}

#[tokio::test]
async fn a_host_without_tmux_and_one_without_a_login_say_so() {
    let place = Tmux::new("cat").place();
    let (far, mut host) = near();
    host.prints
        .write_all(b"hello\r\ncm-attach:ready;cm-attach:no-tmux;")
        .await
        .unwrap();
    let error = show(far, "gpu-2", &place).await.err().unwrap();
    assert_eq!(error.message, "there is no tmux on gpu-2");
    let (far, mut host) = near();
    host.prints
        .write_all(b"This account is\x1b[31m not available.\r\n\r\n")
        .await
        .unwrap();
    drop(host.prints);
    host.end.send(End::Status(1)).unwrap();
    let error = show(far, "gpu-2", &place).await.err().unwrap();
    assert_eq!(
        error.message,
        "the login on gpu-2 ended before tmux was started: This account is·[31m not available."
    );
}

#[tokio::test(start_paused = true)]
async fn a_shell_that_never_comes_to_it_is_not_waited_for_for_ever() {
    let place = Tmux::new("cat").place();
    let (far, _host) = near();
    let error = show(far, "gpu-2", &place).await.err().unwrap();
    assert_eq!(
        error.message,
        "gpu-2 does not start tmux: its shell is busy with something else"
    );
}
