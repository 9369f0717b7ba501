//! Hosts that ask: nothing that was typed for something else becomes an answer, and every answer is meant.

use cm_tui::domain::HostId;
use cm_tui::fleet::Notice;
use cm_tui::transport::asking::{Answer, Question, Secret, SecretField, SecretsQuestion};
use cm_tui::tui::effect::Effect;
use cm_tui::tui::message::Msg;
use cm_tui::tui::overlay::Overlay;
use cm_tui::tui::questions::QuestionId;
use cm_tui::tui::toast::Level;
use rstest::rstest;

use super::asked::{host_key, install, secrets, try_again};
use super::fixture::{Dashboard, refused};
use super::picture;

const FINGERPRINT: &str = "SHA256:Nq1vXCX7Xa2YQk/p0ZtQy3w+8nV5m1lJrB0cWq4oLh8";

/// `question` of gpu-2 is open, and was long enough to be answered.
fn asking(question: Question) -> Dashboard {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.ask(1, "gpu-2", question).look();
    assert!(is_open(&dashboard, 1));
    dashboard
}

fn is_open(dashboard: &Dashboard, id: u64) -> bool {
    matches!(dashboard.model.overlays.last(), Some(Overlay::Question(form)) if form.id() == QuestionId(id))
}

fn answers(dashboard: &Dashboard) -> Vec<(u64, Answer)> {
    dashboard
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Answer { id, answer } => Some((id.0, answer.clone())),
            _ => None,
        })
        .collect()
}

/// Everything that is answered while keys are pressed one by one.
fn pressed(dashboard: &mut Dashboard, keys: &str) -> Vec<(u64, Answer)> {
    let mut given = Vec::new();
    for key in keys.split(' ') {
        dashboard.press(key);
        given.extend(answers(dashboard));
    }
    given
}

fn page(dashboard: &mut Dashboard) -> String {
    picture::text(&dashboard.paint())
}

#[rstest]
#[case("enter")]
#[case("y")]
#[case("y enter")]
#[case("enter enter enter")]
#[case("y e s")]
#[case("Y E S enter")]
#[case("n o enter")]
fn a_key_is_not_trusted_by_accident(#[case] keys: &str) {
    let mut dashboard = asking(host_key());
    assert_eq!(pressed(&mut dashboard, keys), []);
    assert!(is_open(&dashboard, 1));
}

#[rstest]
#[case(host_key())]
#[case(secrets(None))]
#[case(install())]
#[case(try_again())]
fn escape_says_no(#[case] question: Question, #[values("esc", "ctrl-c")] key: &str) {
    let mut dashboard = asking(question);
    assert_eq!(pressed(&mut dashboard, key), [(1, Answer::No)]);
    assert!(dashboard.model.overlays.is_empty() && dashboard.model.questions.is_empty());
}

#[test]
fn a_key_is_trusted_by_the_word_or_by_its_fingerprint() {
    let mut dashboard = asking(host_key());
    assert_eq!(pressed(&mut dashboard, "y e s enter"), [(1, Answer::Yes)]);
    let mut dashboard = asking(host_key());
    dashboard.send(Msg::Paste(format!("{FINGERPRINT}\n")));
    assert_eq!(answers(&dashboard), [], "the end of a line submits nothing");
    assert_eq!(pressed(&mut dashboard, "enter"), [(1, Answer::Yes)]);
}

#[test]
fn another_fingerprint_is_said_to_be_another_one() {
    let mut dashboard = asking(host_key());
    dashboard.send(Msg::Paste(FINGERPRINT.replace('q', "r")));
    assert_eq!(pressed(&mut dashboard, "enter"), []);
    assert!(page(&mut dashboard).contains("fingerprint of another key"));
}

#[test]
fn a_key_that_cannot_be_read_whole_is_not_trusted() {
    let Question::HostKey(mut key) = host_key() else {
        panic!()
    };
    key.file = "/very/long/path".repeat(40);
    let mut dashboard = Dashboard::hosts(40, 12);
    dashboard.ask(1, "gpu-2", Question::HostKey(key)).look();
    assert_eq!(pressed(&mut dashboard, "y e s enter"), []);
    dashboard.send(Msg::Resized(120, 40)).look();
    assert_eq!(pressed(&mut dashboard, "enter"), [(1, Answer::Yes)]);
}

#[rstest]
#[case(install(), "y", &[Answer::Yes])]
#[case(install(), "n", &[Answer::No])]
#[case(install(), "enter", &[Answer::No])]
#[case(try_again(), "y", &[Answer::Yes])]
#[case(try_again(), "enter", &[Answer::No])]
#[case(try_again(), "x", &[])]
fn yes_is_a_letter_and_enter_is_no(
    #[case] question: Question,
    #[case] key: &str,
    #[case] expected: &[Answer],
) {
    let mut dashboard = asking(question);
    dashboard.press(key);
    let given: Vec<_> = answers(&dashboard)
        .into_iter()
        .map(|(_, answer)| answer)
        .collect();
    assert_eq!(given, expected);
}

#[test]
fn secrets_are_typed_or_pasted_field_by_field_and_never_seen() {
    let mut dashboard = asking(secrets(Some("wrong password")));
    assert!(page(&mut dashboard).contains("wrong password"));
    dashboard.type_text("hunter").press("2 tab");
    dashboard.send(Msg::Paste("424242\r\nrm -rf ~\n".to_owned()));
    let shown = page(&mut dashboard);
    assert!(
        shown.contains("424242") && !shown.contains("hunter") && !shown.contains("rm -rf"),
        "{shown}"
    );
    assert!(!shown.contains("wrong password"), "typing on answers it");
    let printed = format!("{:?}", dashboard.model);
    assert!(!printed.contains("hunter") && !printed.contains("424242"));
    assert_eq!(answers(&dashboard), []);
    dashboard.press("enter");
    let expected = ["hunter2", "424242"].map(|text| Secret::new(text.to_owned()));
    assert_eq!(
        answers(&dashboard),
        [(1, Answer::Secrets(expected.to_vec()))]
    );
    assert!(!format!("{:?}", dashboard.effects).contains("hunter"));
}

#[test]
fn enter_goes_on_to_the_next_field_and_nothing_is_sent_empty_by_mistake() {
    let mut dashboard = asking(secrets(None));
    assert_eq!(pressed(&mut dashboard, "enter enter"), []);
    assert!(page(&mut dashboard).contains("nothing is typed; press again to send it empty"));
    let empty = vec![Secret::default(), Secret::default()];
    assert_eq!(
        pressed(&mut dashboard, "enter"),
        [(1, Answer::Secrets(empty))]
    );
}

#[test]
fn a_host_that_asks_for_a_hundred_things_still_shows_the_one_that_is_typed() {
    let field = |number| SecretField {
        label: format!("field {number}"),
        is_echoed: true,
    };
    let question = Question::Secrets(SecretsQuestion {
        title: "many".to_owned(),
        instructions: "line\n".repeat(500),
        fields: (0..100).map(field).collect(),
        complaint: None,
    });
    let mut dashboard = Dashboard::hosts(40, 12);
    dashboard.ask(1, "gpu-2", question).look();
    for number in 0..100 {
        assert!(page(&mut dashboard).contains(&format!("field {number}")));
        dashboard.press("tab");
    }
}

#[test]
fn keys_that_were_on_their_way_are_ignored_until_there_is_a_pause() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.ask(1, "gpu-2", install());
    assert_eq!(pressed(&mut dashboard, "y"), [], "no frame has shown it");
    dashboard.paint();
    // Somebody who types on has not looked up.
    for _ in 0..9 {
        dashboard.wait(200);
        assert_eq!(pressed(&mut dashboard, "y esc"), []);
    }
    dashboard.wait(249);
    assert_eq!(pressed(&mut dashboard, "y"), []);
    dashboard.wait(250);
    assert_eq!(pressed(&mut dashboard, "y"), [(1, Answer::Yes)]);
}

#[test]
fn a_paste_that_was_on_its_way_is_ignored() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.ask(1, "gpu-2", secrets(None)).paint();
    dashboard.send(Msg::Paste("a whole letter".to_owned()));
    dashboard.look().press("tab enter");
    assert!(page(&mut dashboard).contains("nothing is typed"));
}

#[rstest]
#[case("g g i", "i")]
#[case("?", "x")]
#[case("/", "y")]
#[case("g", "x")]
fn whoever_has_the_keys_keeps_them(#[case] before: &str, #[case] key: &str) {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.press("g g").look().press(before);
    dashboard.ask(1, "gpu-2", install()).look();
    assert!(!is_open(&dashboard, 1));
    assert!(page(&mut dashboard).contains("gpu-2 asks you"));
    dashboard.press(key);
    assert_eq!(answers(&dashboard), []);
    // Back on the page it still waits to be asked for.
    dashboard.press("ctrl-] esc esc").wait(2_000).press("esc");
    assert!(dashboard.model.overlays.is_empty());
    assert_eq!(dashboard.model.questions.len(), 1);
    let shown = page(&mut dashboard);
    assert!(shown.contains("A answer host"), "{shown}");
    dashboard.press("A").look();
    assert_eq!(pressed(&mut dashboard, "y"), [(1, Answer::Yes)]);
}

#[test]
fn an_open_prompt_keeps_its_keys() {
    let mut dashboard = Dashboard::fleet(132, 38);
    dashboard.press("tab tab").look();
    assert!(dashboard.model.open_prompt().is_some());
    dashboard.ask(1, "gpu-2", install()).look().press("y");
    assert_eq!(answers(&dashboard), []);
    assert!(matches!(dashboard.effects[..], [Effect::Send { .. }]));
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn several_hosts_ask_one_after_another() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard
        .ask(1, "gpu-2", host_key())
        .ask(2, "lab", install())
        .ask(3, "build-7", try_again())
        .look();
    assert!(page(&mut dashboard).contains("gpu-2 · unknown key · 2 more"));
    assert_eq!(pressed(&mut dashboard, "esc"), [(1, Answer::No)]);
    dashboard.look();
    assert!(page(&mut dashboard).contains("lab · install cm-agent · 1 more"));
    assert_eq!(pressed(&mut dashboard, "y"), [(2, Answer::Yes)]);
    assert_eq!(
        pressed(&mut dashboard, "y"),
        [],
        "the key that answered one does not answer the next"
    );
    dashboard.look();
    assert_eq!(pressed(&mut dashboard, "n"), [(3, Answer::No)]);
    assert!(dashboard.model.overlays.is_empty());
}

#[test]
fn what_is_withdrawn_disappears_and_takes_no_key_with_it() {
    let mut dashboard = asking(secrets(None));
    dashboard.type_text("hunt");
    dashboard.send(Msg::Withdrawn(QuestionId(1)));
    assert!(dashboard.model.overlays.is_empty() && dashboard.model.questions.is_empty());
    assert_eq!(
        dashboard.toast(),
        "gpu-2 does not wait for the answer any more"
    );
    // The rest of the word: `q` would quit, `x` would ask to kill.
    dashboard.type_text("xq").press("enter");
    assert!(dashboard.effects.is_empty() && dashboard.model.overlays.is_empty());
    // One that was not open goes without a word.
    dashboard.wait(2_000).press("g g i");
    dashboard.ask(2, "lab", install());
    dashboard.send(Msg::Withdrawn(QuestionId(2)));
    assert!(!page(&mut dashboard).contains("lab asks"));
}

#[test]
fn a_host_that_asks_says_so_in_its_row_and_enter_opens_it() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.press("g g i").ask(1, "gpu-2", host_key());
    dashboard.press("ctrl-]");
    while dashboard.selected().as_deref() != Some("gpu-2") {
        dashboard.press("j");
    }
    let shown = page(&mut dashboard);
    assert!(
        shown.contains("gpu-2 unknown key") && shown.contains("▲ needs you"),
        "{shown}"
    );
    assert!(
        shown.contains("gpu-2 needs your answer: unknown key"),
        "{shown}"
    );
    dashboard.press("enter");
    assert!(is_open(&dashboard, 1));
}

#[test]
fn what_a_host_says_cannot_leave_its_lines() {
    let nasty =
        "\u{1b}]52;c;AAAA\u{7}\u{1b}[2J\u{202e}drowssap\r\n╰─ Esc refuse ─╯\u{9b}31m".to_owned();
    let question = Question::Secrets(SecretsQuestion {
        title: nasty.clone(),
        instructions: nasty.clone(),
        fields: vec![SecretField {
            label: nasty.clone(),
            is_echoed: true,
        }],
        complaint: Some(nasty),
    });
    let mut dashboard = asking(question);
    let buffer = dashboard.paint();
    for cell in &buffer.content {
        assert!(
            cell.symbol()
                .chars()
                .all(|c| !c.is_control() && c != '\u{202e}')
        );
    }
    assert!(picture::text(&buffer).contains("╭─ gpu-2 · log in"));
}

#[test]
fn what_is_out_of_sight_is_not_answered() {
    let mut dashboard = asking(install());
    dashboard.send(Msg::Resized(30, 8)).look();
    assert_eq!(pressed(&mut dashboard, "y esc"), []);
    dashboard.send(Msg::Resized(80, 24)).paint();
    assert_eq!(pressed(&mut dashboard, "y"), []);
    dashboard.look();
    assert_eq!(pressed(&mut dashboard, "y"), [(1, Answer::Yes)]);
}

#[test]
fn no_note_covers_what_is_asked() {
    let mut dashboard = Dashboard::hosts(40, 12);
    dashboard
        .model
        .toast(Level::Failed, "failed ".repeat(20), "");
    dashboard.ask(1, "gpu-2", host_key());
    let shown = page(&mut dashboard);
    assert!(shown.contains("host   [gpu-2]:2222"), "{shown}");
}

#[test]
fn the_key_for_who_waits_finds_hosts_too() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.press("tab");
    assert_eq!(dashboard.toast(), "nobody needs you");
    dashboard
        .press("g g i")
        .ask(1, "gpu-2", host_key())
        .press("ctrl-] tab");
    assert!(is_open(&dashboard, 1));
}

#[test]
fn a_lost_host_is_tried_again_by_key_and_one_that_is_there_is_not() {
    let mut dashboard = Dashboard::hosts(80, 24);
    dashboard.press("G R");
    assert_eq!(
        dashboard.effects,
        [Effect::Reconnect(HostId::new("lab"))],
        "of the selected session"
    );
    while dashboard.selected().as_deref() != Some("gpu-2") {
        dashboard.press("k");
    }
    dashboard.notice("gpu-2", Notice::Halted(refused("gpu-2")));
    let shown = page(&mut dashboard);
    assert!(shown.contains("it is not tried again by itself"), "{shown}");
    dashboard.press("enter");
    assert_eq!(dashboard.effects, [Effect::Reconnect(HostId::new("gpu-2"))]);
    dashboard.press("g g R");
    assert_eq!(dashboard.effects, []);
    assert_eq!(dashboard.toast(), "local is connected");
}
