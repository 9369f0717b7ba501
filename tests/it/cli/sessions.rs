//! Sessions on the command line: listed, shown, answered, typed into, renamed and ended.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use cm_tui::domain::SessionId;

use super::{command, configure, run};
use crate::lab::{Client, Lab};

async fn lab_with(sessions: &[(&str, &str, Option<&str>)]) -> (Lab, Client, Vec<SessionId>) {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let mut ids = Vec::new();
    for (name, tool, task) in sessions {
        let id = client.start(tool, *task, name, &lab.path("work")).await;
        client.session(&id, name, |_| true).await;
        ids.push(id);
    }
    (lab, client, ids)
}

#[tokio::test]
async fn sessions_are_listed_as_a_table_or_as_json_and_filtered() {
    let (lab, mut client, ids) =
        lab_with(&[("shop", "demo", Some("asking")), ("plain", "shell", None)]).await;
    let shop = client.in_state(&ids[0], "approval").await;
    let subject = shop.prompt.unwrap().subject;

    let table = run(&lab, &["list"]).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("SESSION  HOST   TOOL"), "{table}");
    assert!(lines[1].starts_with("shop     local  demo"), "{table}");
    assert!(
        lines[1].ends_with(&format!("command: {subject}")),
        "{table}"
    );
    assert!(!table.contains('\x1b'), "{table}");
    assert!(
        run(&lab, &["list", "--color", "always"])
            .ok()
            .contains("\x1b[1;33mapproval")
    );

    let told = run(&lab, &["ls", "--json", "--state", "waiting"]).json();
    assert_eq!(told["hosts"][0]["connection"], "connected");
    let sessions = told["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0]["name"], "shop");
    assert_eq!(sessions[0]["contexts"][0], "local");
    assert_eq!(sessions[0]["prompt"]["subject"], subject);

    let none = run(&lab, &["list", "--state", "lost"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(none.err, "cm-tui: no sessions\n");
    let said = run(&lab, &["list", "--state", "aproval"]).fails(2);
    assert!(said.contains("'approval'"), "{said}");
    let said = run(&lab, &["lst"]).fails(2);
    assert!(said.contains("'list'"), "{said}");
}

#[tokio::test]
async fn contexts_and_tags_say_where() {
    let (lab, _client, _ids) = lab_with(&[("shop", "shell", None)]).await;
    let work = lab.path("work").display().to_string();
    configure(
        &lab,
        &format!(
            "[contexts.work]\ndir = \"{work}\"\ntags = [\"day\"]\n\
             [contexts.home]\ndir = \"~/src\"\n\
             [contexts.off]\nhost = \"nowhere.invalid\"\nenabled = false\n"
        ),
    );
    let names = |arguments: &[&str]| {
        let told = run(&lab, &[&["list", "--json"], arguments].concat()).json();
        let names = told["sessions"].as_array().unwrap().iter();
        names
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&["--ctx", "work"]), ["shop"]);
    assert_eq!(names(&["--tag", "day"]), ["shop"]);
    assert_eq!(names(&["--ctx", "local"]), ["shop"]);
    assert!(names(&["--ctx", "home"]).is_empty());
    assert!(names(&["--ctx", "home", "--tag", "day"]).is_empty());

    let said = run(&lab, &["list", "--ctx", "wrk"]).fails(3);
    assert_eq!(
        said,
        "cm-tui: no context is called “wrk”\nhint: did you mean “work”?\n"
    );
    let said = run(&lab, &["list", "--tag", "night"]).fails(3);
    assert_eq!(
        said,
        "cm-tui: no tag is called “night”\nhint: there are: day\n"
    );
    let said = run(&lab, &["list", "--ctx", "off"]).fails(5);
    assert!(said.ends_with("hint: cm-tui ctx enable off\n"), "{said}");
}

#[tokio::test]
async fn a_host_that_is_not_reached_is_an_error_only_when_it_was_asked_for() {
    let (lab, _client, _ids) = lab_with(&[("shop", "shell", None)]).await;
    // Nothing listens there, and no name has to be looked up.
    configure(
        &lab,
        "[contexts.far]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"me\"\n",
    );
    let all = run(&lab, &["list"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert!(all.out.contains("shop"), "{all:?}");
    assert!(
        all.err.starts_with("cm-tui: cannot reach “127.0.0.1”: "),
        "{all:?}"
    );
    let far = run(&lab, &["list", "--ctx", "far"]);
    assert_eq!(far.code, 4, "{far:?}");
    assert!(!far.err.contains("no sessions"), "{far:?}");
    let said = run(&lab, &["show", "api"]).fails(4);
    assert!(
        said.starts_with("cm-tui: no session is called “api”, and cannot reach"),
        "{said}"
    );
    // What is found without it does not need it.
    assert_eq!(run(&lab, &["show", "shop"]).code, 0);
}

#[tokio::test]
async fn one_session_is_told_in_full_and_its_prompt_answered_once() {
    let (lab, mut client, ids) = lab_with(&[("shop", "demo", Some("asking"))]).await;
    let shop = client.in_state(&ids[0], "approval").await;
    let prompt = shop.prompt.unwrap();
    let (number, subject) = (prompt.id.0.to_string(), prompt.subject.as_str());

    let text = run(&lab, &["status", "sh"]).ok();
    assert!(text.contains(&format!("prompt    {number}\n")), "{text}");
    assert!(text.contains(&format!("subject   {subject}\n")), "{text}");
    let told = run(&lab, &["status", ids[0].as_str(), "--json"]).json();
    assert_eq!(told["prompt"]["id"], number.as_str());

    let summary = run(&lab, &["status"]).ok();
    assert!(
        summary.starts_with("local: 1 approval\n\nSESSION"),
        "{summary}"
    );

    let said = run(&lab, &["send", "shop", "y"]).fails(5);
    assert!(
        said.starts_with("cm-tui: shop waits for a permission"),
        "{said}"
    );
    let other = (prompt.id.0 + 1).to_string();
    let said = run(&lab, &["approve", "shop", &other]).fails(5);
    assert!(
        said.contains(&format!(
            "hint: now it asks, as {number}: command {subject}"
        )),
        "{said}"
    );

    let said = run(&lab, &["approve", "shop", &number]).ok();
    assert_eq!(
        said,
        format!("approved {number} of shop: command {subject}\n")
    );
    client
        .session(&ids[0], "the answer", |session| {
            session
                .prompt
                .as_ref()
                .is_none_or(|now| now.id != prompt.id)
        })
        .await;
    let said = run(&lab, &["deny", "shop", &number]).fails(5);
    assert!(said.contains("nothing was answered"), "{said}");
}

#[tokio::test]
async fn a_prompt_is_denied_by_the_session_alone() {
    let (lab, mut client, ids) = lab_with(&[("shop", "demo", Some("asking"))]).await;
    let prompt = client.in_state(&ids[0], "approval").await.prompt.unwrap();
    let said = run(&lab, &["deny", "shop"]).ok();
    assert!(
        said.starts_with(&format!("denied {} of shop: ", prompt.id.0)),
        "{said}"
    );
}

#[tokio::test]
async fn words_for_a_prompt_that_takes_a_key_are_refused_and_nothing_is_answered() {
    let (lab, mut client, ids) = lab_with(&[("shop", "demo", Some("asking"))]).await;
    let prompt = client.in_state(&ids[0], "approval").await.prompt.unwrap();
    let said = run(&lab, &["deny", "shop", "--message", "use git clean"]).fails(5);
    assert_eq!(
        said,
        "cm-tui: this prompt takes a key and no words; nothing was answered\n\
         hint: answer without words, then type them into the session\n"
    );
    let told = run(&lab, &["status", "shop", "--json"]).json();
    assert_eq!(told["prompt"]["id"], prompt.id.0.to_string());
    let said = run(&lab, &["approve", "shop", "-m", "fine"]).fails(2);
    assert!(said.contains("unexpected argument '-m'"), "{said}");
}

#[tokio::test]
async fn what_is_sent_is_seen_on_the_screen() {
    let (lab, mut client, ids) = lab_with(&[("shop", "shell", None)]).await;
    run(&lab, &["send", "shop", "echo", "fine-$((40 + 2))"]).ok();
    client.watch(&ids[0]);
    client.sees(&ids[0], "fine-42").await;
    let screen = run(&lab, &["show", "shop"]).ok();
    assert!(screen.lines().any(|line| line == "fine-42"), "{screen}");
    assert!(!screen.contains('\x1b'), "{screen}");
    assert!(
        run(&lab, &["show", "shop", "--ansi"])
            .ok()
            .contains("\x1b[0m\n")
    );
    let told = run(&lab, &["show", "shop", "--json"]).json();
    assert_eq!(told["name"], "shop");
    let lines = told["lines"].as_array().unwrap();
    assert_eq!(lines.len() as u64, told["rows"].as_u64().unwrap());
    assert!(lines.iter().any(|line| line == "fine-42"));

    run(&lab, &["send", "--no-enter", "shop", "--", "-half"]).ok();
    client.sees(&ids[0], "-half").await;
    let said = run(&lab, &["send", "shop"]).fails(2);
    assert!(said.contains("<TEXT>"), "{said}");
}

#[tokio::test]
async fn a_session_that_is_not_there_or_not_clear_is_refused_with_what_there_is() {
    let lab = Lab::new();
    lab.start_agent();
    for arguments in [
        &["show", "shop"][..],
        &["status", "shop"],
        &["send", "shop", "x"],
        &["approve", "shop"],
        &["kill", "--force", "shop"],
        &["rename", "shop", "x"],
    ] {
        let said = run(&lab, arguments).fails(3);
        assert_eq!(
            said,
            "cm-tui: no session is called “shop”\nhint: there are no sessions\n"
        );
    }
    let mut client = lab.client();
    client.connected().await;
    for name in ["shop", "shopping", "shopper"] {
        let id = client.start("shell", None, name, &lab.path("work")).await;
        client.session(&id, name, |_| true).await;
    }
    let said = run(&lab, &["show", "shopp"]).fails(3);
    assert!(
        said.starts_with("cm-tui: 2 sessions are called “shopp…”\nhint: name one of:\n"),
        "{said}"
    );
    let said = run(&lab, &["show", "shpo"]).fails(3);
    assert!(said.ends_with("hint: did you mean “shop”?\n"), "{said}");
    let said = run(&lab, &["kill", "--force", "shopping", "nothing"]).fails(3);
    assert!(said.contains("“nothing”"), "{said}");
    assert_eq!(
        run(&lab, &["list", "--json"]).json()["sessions"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn sessions_are_renamed_and_ended() {
    let (lab, mut client, ids) = lab_with(&[("shop", "shell", None), ("api", "shell", None)]).await;
    assert_eq!(
        run(&lab, &["rename", "shop", "My Shop"]).ok(),
        "shop is now my-shop\n"
    );
    assert_eq!(
        run(&lab, &["rename", "my", "my shop"]).ok(),
        "my-shop is called so already\n"
    );
    let said = run(&lab, &["kill", "api"]).fails(2);
    assert!(
        said.starts_with("cm-tui: nobody is here to be asked"),
        "{said}"
    );
    assert_eq!(
        run(&lab, &["kill", "-f", "api", "my-shop", "api"]).ok(),
        "ended api\nended my-shop\n"
    );
    for id in ids {
        client
            .until("the end", |state| {
                let local = client_host();
                state
                    .session(&local, &id)
                    .is_none_or(|session| session.state.is_over())
                    .then_some(())
            })
            .await;
    }
}

fn client_host() -> cm_tui::domain::HostId {
    cm_tui::domain::HostId::local()
}

#[tokio::test]
async fn changes_are_followed_until_the_session_ends() {
    let (lab, mut client, ids) = lab_with(&[("shop", "demo", Some("asking"))]).await;
    client.in_state(&ids[0], "approval").await;
    let mut follow = command(&lab, &["status", "shop", "--follow", "--json"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || -> Option<serde_json::Value> {
        let line = lines.next()?.unwrap();
        Some(serde_json::from_str(&line).unwrap())
    };
    let first = next().unwrap();
    assert_eq!(
        (&first["what"], &first["session"]["state"]),
        (&"now".into(), &"approval".into())
    );
    run(&lab, &["kill", "--force", "shop"]).ok();
    // It ends by itself.
    let mut last = first;
    while let Some(change) = next() {
        last = change;
    }
    assert!(
        last["what"] == "removed" || last["session"]["state"] == "exited",
        "{last}"
    );
    assert!(follow.wait().unwrap().success());
}

#[tokio::test]
async fn what_is_printed_is_good_for_other_programs() {
    let (lab, _client, _ids) = lab_with(&[("shop", "shell", None)]).await;
    // A reader that leaves early is no error.
    let mut list = command(&lab, &["status", "--json"]);
    let mut list = list
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(list.stdout.take());
    let output = list.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );

    let mut status = command(&lab, &["status", "--json"]);
    let mut status = status.stdout(Stdio::piped()).spawn().unwrap();
    let Ok(jq) = lab
        .command("jq")
        .args(["-r", ".sessions[0].name"])
        .stdin(status.stdout.take().unwrap())
        .output()
    else {
        // Without jq there is nothing to show.
        status.wait().unwrap();
        return;
    };
    assert!(status.wait().unwrap().success());
    assert_eq!(String::from_utf8(jq.stdout).unwrap(), "shop\n");
}

#[tokio::test]
async fn broken_settings_are_told_and_this_machine_is_used_all_the_same() {
    let (lab, _client, _ids) = lab_with(&[("shop", "shell", None)]).await;
    configure(&lab, "theme = 1\n");
    let ran = run(&lab, &["list"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("shop"), "{ran:?}");
    assert!(ran.err.contains("config.toml:1:9: "), "{ran:?}");
}
