//! Calling somebody who looks elsewhere: what is new, who is told of it by which way, how often, and what is run.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cm_tui::config::{self, CallWay, Config, NotifyConfig};
use cm_tui::domain::{
    Advice, HostId, Prompt, PromptKind, Session, SessionId, SessionState, Verdict,
};
use cm_tui::protocol::Event;
use cm_tui::tui::calling::{MOST, News, Order, SAME_SESSION, TIME, Told, WINDOW, order, run, ways};
use cm_tui::tui::effect::Effect;
use cm_tui::tui::message::Msg;
use cm_tui::tui::settings::NamedContext;
use cm_tui::tui::timing::next_wake;
use rstest::rstest;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::tui::fixture::{Dashboard, asking, prompt, session};

/// Longer than any machine is busy.
const FOR_EVER: Duration = Duration::from_secs(3_600);

fn settings(text: &str) -> NotifyConfig {
    let (config, _) = config::parse::<Config>(Path::new("f"), text).unwrap();
    config.notify
}

fn in_state(state: SessionState) -> Session {
    session("s1", "shop", "claude-code", "/home/ada/src/shop", state, 0)
}

/// A session as a word says it; numbers are prompts.
fn at(word: &str) -> Session {
    let state = match word {
        "starting" => SessionState::Starting,
        "working" => SessionState::Working {
            activity: String::new(),
        },
        "idle" => SessionState::Idle,
        "finished" => SessionState::Finished,
        "error" => SessionState::Error {
            text: "quota".to_owned(),
        },
        "exited" => SessionState::Exited {
            code: Some(1),
            signal: None,
        },
        "lost" => SessionState::Lost,
        "unknown" => SessionState::Unknown,
        "approval 1" => return asking(in_state(SessionState::Idle), asks(1, PromptKind::Command)),
        "approval 2" => return asking(in_state(SessionState::Idle), asks(2, PromptKind::Command)),
        "question 3" => return asking(in_state(SessionState::Idle), asks(3, PromptKind::Question)),
        "allowed 1" => {
            let mut prompt = asks(1, PromptKind::Command);
            prompt.advice = Some(Advice {
                verdict: Verdict::Allow,
                rule: "r".to_owned(),
                waits: String::new(),
                why: String::new(),
                answers_at: Some(5),
            });
            return asking(in_state(SessionState::Idle), prompt);
        }
        other => panic!("{other}"),
    };
    in_state(state)
}

fn asks(id: u64, kind: PromptKind) -> Prompt {
    prompt(id, kind, "rm -rf build", "Do you want to proceed?")
}

fn news(before: &str, now: &str) -> Option<News> {
    let before = (!before.is_empty()).then(|| at(before));
    News::between(&HostId::new("gpu-2"), before.as_ref(), &at(now))
}

#[rstest]
#[case("working", "approval 1", "shop on gpu-2 needs you")]
#[case("approval 1", "approval 1", "")]
#[case("approval 1", "approval 2", "shop on gpu-2 needs you")]
#[case("idle", "question 3", "shop on gpu-2 needs you")]
#[case("", "approval 1", "shop on gpu-2 needs you")]
#[case("working", "allowed 1", "")]
#[case("allowed 1", "approval 1", "shop on gpu-2 needs you")]
#[case("working", "idle", "shop on gpu-2 is done")]
#[case("starting", "idle", "")]
#[case("approval 1", "idle", "")]
#[case("unknown", "idle", "")]
#[case("working", "finished", "shop on gpu-2 is done")]
#[case("idle", "finished", "")]
#[case("", "finished", "")]
#[case("working", "error", "shop on gpu-2 has failed")]
#[case("error", "error", "")]
#[case("", "error", "")]
#[case("idle", "exited", "shop on gpu-2 has failed")]
#[case("exited", "exited", "")]
#[case("", "exited", "")]
#[case("working", "lost", "shop on gpu-2 is lost")]
#[case("exited", "lost", "")]
#[case("idle", "working", "")]
#[case("working", "unknown", "")]
fn what_is_new_is_that_a_session_waits_is_done_or_has_failed(
    #[case] before: &str,
    #[case] now: &str,
    #[case] sentence: &str,
) {
    let news = news(before, now);
    assert_eq!(news.map_or(String::new(), |news| news.sentence()), sentence);
}

const ALL: &str = "[notify]\ncommand = ['c']\nwebhook = ['w']\n";

#[rstest]
#[case::nobody_looks("", "approval 1", true, "terminal")]
#[case::somebody_looks("", "approval 1", false, "")]
#[case::switched_off("notify = 'off'", "approval 1", true, "")]
#[case::all_that_is_set(ALL, "idle", true, "terminal command webhook")]
#[case::always("[notify]\nwhen = 'always'", "idle", false, "terminal")]
#[case::a_rule_names_the_way(
    "[[notify.rules]]\nsend = ['webhook']\nstates = ['idle']",
    "idle",
    true,
    "webhook"
)]
#[case::a_rule_for_other_states(
    "[[notify.rules]]\nsend = ['webhook']\nstates = ['error', 'lost']",
    "idle",
    true,
    "terminal command webhook"
)]
#[case::nothing_is_sent("[[notify.rules]]\nsend = []", "idle", true, "")]
#[case::the_first_rule_decides(
    "[[notify.rules]]\nstates = ['idle']\nsend = []\n[[notify.rules]]\nwhen = 'always'",
    "idle",
    true,
    ""
)]
#[case::the_second_rule_fits(
    "[[notify.rules]]\nstates = ['error']\nsend = []\n[[notify.rules]]\nwhen = 'always'",
    "idle",
    false,
    "terminal command webhook"
)]
#[case::by_context(
    "[[notify.rules]]\ncontexts = ['web']\nsend = ['command']",
    "idle",
    true,
    "command"
)]
#[case::by_host(
    "[[notify.rules]]\ncontexts = ['gpu-2']\nsend = ['command']",
    "idle",
    true,
    "command"
)]
#[case::other_context(
    "[[notify.rules]]\ncontexts = ['api']\nsend = []",
    "idle",
    true,
    "terminal command webhook"
)]
#[case::by_tag(
    "[[notify.rules]]\ntags = ['home', 'work']\nsend = ['command']",
    "idle",
    true,
    "command"
)]
#[case::all_of_a_rule_must_fit(
    "[[notify.rules]]\ntags = ['work']\ncontexts = ['api']\nsend = []",
    "idle",
    true,
    "terminal command webhook"
)]
#[case::a_way_that_is_not_set_is_not_used(
    "[notify]\ncommand = []\n[[notify.rules]]\nsend = ['command']",
    "idle",
    true,
    ""
)]
fn the_rules_say_who_is_told_by_which_way(
    #[case] text: &str,
    #[case] now: &str,
    #[case] is_away: bool,
    #[case] expected: &str,
) {
    let mut news = news("working", now).unwrap();
    news.contexts = vec!["web".to_owned()];
    news.tags = vec!["work".to_owned()];
    let text = if text.starts_with("[[") {
        format!("{ALL}{text}")
    } else {
        text.to_owned()
    };
    let ways = ways(&settings(&text), &news, is_away);
    let words: Vec<&str> = ways.into_iter().map(CallWay::word).collect();
    assert_eq!(words.join(" "), expected);
}

#[test]
fn placeholders_are_filled_in_and_never_become_options() {
    let mut news = news("working", "approval 1").unwrap();
    news.contexts = vec!["web".to_owned(), "all".to_owned()];
    let arguments = |given: &[&str], subject: &str| {
        let mut news = news.clone();
        subject.clone_into(&mut news.session.prompt.as_mut().unwrap().subject);
        let given: Vec<String> = given.iter().map(|one| (*one).to_owned()).collect();
        order(CallWay::Command, &given, &news, 7).arguments
    };
    assert_eq!(
        arguments(
            &[
                "say",
                "--title={session}@{host}",
                "{state} {context} {tool}",
                r#"{"t":"{text}"}"#
            ],
            ""
        ),
        [
            "say",
            "--title=shop@gpu-2",
            "approval web claude-code",
            r#"{"t":"shop on gpu-2 needs you"}"#
        ]
    );
    for (subject, expected) in [
        ("rm x", "rm x"),
        ("--help", " --help"),
        ("@/etc/passwd", " @/etc/passwd"),
        ("<x", " <x"),
        ("a\x1b]0;b\x07\n{session}", "a·]0;b· {session}"),
        ("; reboot", " ; reboot"),
        ("", "Do you want to proceed?"),
    ] {
        assert_eq!(arguments(&["say", "{subject}"], subject)[1], expected);
    }
    let input = order(CallWay::Webhook, &["w".to_owned()], &news, 7).input;
    insta::assert_snapshot!(input, @r#"{"at":7,"contexts":["web","all"],"dir":"/home/ada/src/shop","host":"gpu-2","id":"s1","session":"shop","state":"approval","subject":"rm -rf build","tags":[],"text":"shop on gpu-2 needs you","tool":"claude-code"}"#);
}

fn shell(script: &str, place: &Path) -> Order {
    Order {
        way: CallWay::Webhook,
        arguments: vec![
            "sh".to_owned(),
            "-c".to_owned(),
            script.to_owned(),
            place.to_str().unwrap().to_owned(),
            "$(id) `id`".to_owned(),
        ],
        input: "{\"session\":\"shop\"}\n".to_owned(),
    }
}

#[tokio::test]
async fn a_command_gets_its_arguments_and_the_event_and_no_terminal() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("got");
    let script = "{ printf '%s\\n' \"$1\"; cat; test -t 1 || test -t 2 || echo none; } >\"$0\"";
    let told = run(shell(script, &file), temp.path(), TIME).await;
    assert_eq!((told.way, told.outcome), (CallWay::Webhook, Ok(())));
    let got = std::fs::read_to_string(&file).unwrap();
    assert_eq!(got, "$(id) `id`\n{\"session\":\"shop\"}\nnone\n");
}

#[tokio::test]
async fn a_program_may_be_in_the_home_folder_and_need_not_read() {
    let temp = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/true", temp.path().join("call")).unwrap();
    let order = Order {
        way: CallWay::Command,
        arguments: vec!["~/call".to_owned()],
        input: "x".repeat(1 << 20),
    };
    assert_eq!(run(order, temp.path(), TIME).await.outcome, Ok(()));
}

#[rstest]
#[case(&["no-such-program-of-ours"], "cannot run “no-such-program-of-ours”: there is no such program")]
#[case(&["sh", "-c", "exit 22"], "“sh” failed with code 22")]
#[case(&["sh", "-c", "kill -9 $$"], "“sh” was killed")]
#[tokio::test]
async fn what_went_wrong_is_one_line(#[case] arguments: &[&str], #[case] expected: &str) {
    let order = Order {
        way: CallWay::Command,
        arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
        input: String::new(),
    };
    let told = run(order, Path::new("/"), TIME).await;
    assert_eq!(told.outcome, Err(expected.to_owned()));
}

/// A command that never ends by itself, and the pipe that it and what it started have open, once they have.
fn hanging(folder: &Path) -> (Order, JoinHandle<File>) {
    let fifo = folder.join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let order = shell("exec 3>\"$0\"; sleep 1000 & echo >&3; wait", &fifo);
    let started = spawn_blocking(move || {
        let mut fifo = File::open(fifo).unwrap();
        fifo.read_exact(&mut [0]).unwrap();
        fifo
    });
    (order, started)
}

/// The clock stands still while another thread waits for the command to have started, then jumps to the end of its time.
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let temp = tempfile::tempdir().unwrap();
    let (order, started) = hanging(temp.path());
    let (started, told) = tokio::join!(started, run(order, temp.path(), TIME));
    let expected = "“sh” took longer than 10 s and was ended";
    assert_eq!(told.outcome, Err(expected.to_owned()));
    // The end of file comes when nobody has it open any more.
    let mut rest = Vec::new();
    started.unwrap().read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_command_ends_with_the_dashboard_and_so_does_all_that_it_started() {
    let temp = tempfile::tempdir().unwrap();
    let (order, started) = hanging(temp.path());
    // Whichever is not the first is dropped.
    let mut fifo = tokio::select! {
        started = started => started.unwrap(),
        told = run(order, temp.path(), FOR_EVER) => panic!("{told:?}"),
    };
    let mut rest = Vec::new();
    fifo.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}

fn dashboard(text: &str) -> Dashboard {
    let mut dashboard = Dashboard::fleet(80, 24);
    dashboard.model.settings.notify = settings(text);
    dashboard.send(Msg::Focused(false));
    dashboard
}

/// Session `number` of this machine asks.
fn asked(number: u64, id: u64) -> Event {
    let name = format!("n{number}");
    let session = session(
        &format!("s{number}"),
        &name,
        "codex",
        "/home/ada/src/shop/web",
        SessionState::Idle,
        0,
    );
    Event::SessionChanged(Box::new(asking(session, asks(id, PromptKind::Command))))
}

/// What commands are told, as `way: arguments`.
fn told(dashboard: &Dashboard) -> Vec<String> {
    let effects = dashboard.effects.iter();
    effects
        .filter_map(|effect| match effect {
            Effect::Tell(order) => Some(format!(
                "{}: {}",
                order.way.word(),
                order.arguments.join(" ")
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn a_command_is_told_where_the_session_runs() {
    let mut dashboard = dashboard(
        "[notify]\ncommand = ['say', '{context}', '{text}']\n[[notify.rules]]\ntags = ['work']\n[[notify.rules]]\nsend = []",
    );
    let context = |name: &str, dir: &str, tag: &str| NamedContext {
        name: name.to_owned(),
        host: HostId::local(),
        dir: Some(dir.to_owned()),
        tool: None,
        tags: vec![tag.to_owned()],
    };
    dashboard.model.settings.contexts = vec![
        context("api", "~/src/api", "api"),
        context("shop", "~/src/shop", "work"),
    ];
    dashboard.event("local", asked(8, 30));
    assert_eq!(
        told(&dashboard),
        ["command: say shop n8 on local needs you"]
    );
    dashboard.event("gpu-2", asked(8, 30));
    assert_eq!(told(&dashboard), Vec::<String>::new());
}

#[test]
fn what_comes_too_often_waits_and_is_told_if_it_still_holds() {
    let mut dashboard = dashboard("[notify]\ncommand = ['say', '{session}', '{subject}']");
    let first = "command: say n8 rm -rf build";
    dashboard.event("local", asked(8, 30));
    assert_eq!(told(&dashboard), [first]);
    // Another question of the same session, and one that is gone before its time.
    dashboard.wait(1_000).event("local", asked(8, 31));
    assert_eq!(told(&dashboard), Vec::<String>::new());
    let due = dashboard.model.calls.next_due();
    assert_eq!(due, Some(dashboard.now.mono - 1_000 + SAME_SESSION));
    assert!(next_wake(&dashboard.model) <= due);
    dashboard.wait(SAME_SESSION - 1_001).send(Msg::Ticked);
    assert_eq!(told(&dashboard), Vec::<String>::new());
    dashboard.wait(1).send(Msg::Ticked);
    assert_eq!(told(&dashboard), [first]);
    dashboard.wait(1).event("local", asked(8, 32));
    dashboard.event("local", Event::SessionRemoved(SessionId::new("s8")));
    dashboard.wait(SAME_SESSION).send(Msg::Ticked);
    assert_eq!(told(&dashboard), Vec::<String>::new());
    assert_eq!(dashboard.model.calls.next_due(), None);
}

#[test]
fn only_so_many_are_told_in_a_minute_and_the_rest_afterwards() {
    let mut dashboard = dashboard("[notify]\ncommand = ['say', '{session}']\nwhen = 'always'");
    let mut count = 0;
    for number in 0..MOST as u64 + 2 {
        dashboard.event("local", asked(100 + number, 100 + number));
        count += told(&dashboard).len();
    }
    assert_eq!(count, MOST);
    dashboard.wait(WINDOW - 1).send(Msg::Ticked);
    assert_eq!(told(&dashboard).len(), 0);
    dashboard.wait(1).send(Msg::Ticked);
    assert_eq!(told(&dashboard), ["command: say n110", "command: say n111"]);
}

#[test]
fn whoever_comes_back_is_not_told_of_what_was_held_back() {
    let mut dashboard = dashboard("[notify]\ncommand = ['say']");
    dashboard.event("local", asked(8, 30));
    dashboard.event("local", asked(8, 31));
    dashboard.send(Msg::Focused(true));
    dashboard.wait(SAME_SESSION).send(Msg::Ticked);
    assert_eq!(told(&dashboard), Vec::<String>::new());
}

#[test]
fn whoever_is_attached_is_told_of_the_other_sessions() {
    let mut dashboard = dashboard("[notify]\ncommand = ['say', '{session}']");
    dashboard.send(Msg::Focused(true));
    assert_eq!(dashboard.selected().as_deref(), Some("shop"));
    dashboard.model.attention.lent(true);
    let mut shop = crate::tui::fixture::shop();
    shop.prompt.as_mut().unwrap().id.0 += 1;
    dashboard.event("local", Event::SessionChanged(Box::new(shop)));
    assert_eq!(told(&dashboard), Vec::<String>::new());
    dashboard.event("local", asked(8, 30));
    assert_eq!(told(&dashboard), ["command: say n8"]);
}

#[test]
fn a_missing_program_is_said_once_until_it_works_again() {
    let mut dashboard = dashboard("[notify]\ncommand = ['say']");
    let ended = |outcome: Result<(), &str>| {
        Msg::Told(Told {
            way: CallWay::Command,
            outcome: outcome.map_err(str::to_owned),
        })
    };
    let why = "cannot run “say”: there is no such program";
    let mut seen = Vec::new();
    for outcome in [
        Err(why),
        Err(why),
        Ok(()),
        Err(why),
        Err("“say” failed with code 2"),
    ] {
        dashboard.send(ended(outcome));
        seen.push(dashboard.toast());
        // Any key, once it could be read.
        dashboard.wait(1_000).press("f12");
        assert_eq!(dashboard.toast(), "");
    }
    let said = format!("no notification: {why}");
    let other = "no notification: “say” failed with code 2";
    assert_eq!(seen, [&said, "", "", &said, other]);
}
