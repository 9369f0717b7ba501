//! Contexts on the command line: added, changed, imported and tried; the settings keep what people wrote.

use super::{configure, configured, run};
use crate::lab::Lab;

#[test]
fn a_context_lives_from_add_to_remove() {
    let lab = Lab::new();
    let said = run(&lab, &["ctx", "list"]);
    assert_eq!(
        said.err,
        "cm-tui: no contexts; add one: cm-tui ctx add NAME HOST\n"
    );
    let added = [
        "ctx", "add", "gpu", "gpu-2", "--user", "me", "--port", "2222", "--dir", "~/src", "--tag",
        "work", "--tag", "gpu",
    ];
    let said = run(&lab, &added).ok();
    assert!(said.ends_with("try it: cm-tui ctx test gpu\n"), "{said}");
    let said = run(&lab, &added).fails(5);
    assert!(
        said.ends_with("hint: change it: cm-tui ctx edit gpu\n"),
        "{said}"
    );
    run(&lab, &["ctx", "add", "here", "--dir", "/src"]).ok();
    insta::assert_snapshot!(configured(&lab), @r#"
    [contexts.gpu]
    host = "gpu-2"
    dir = "~/src"
    user = "me"
    port = 2222
    tags = ["work", "gpu"]

    [contexts.here]
    dir = "/src"
    "#);
    insta::assert_snapshot!(run(&lab, &["ctx", "list"]).ok(), @r"
    CONTEXT  HOST           FOLDER  TOOL  TAGS      IS
    gpu      me@gpu-2:2222  ~/src   -     work,gpu  on
    here     local          /src    -     -         on
    ");
    let rules = ["--policy", "~/rules/here.toml"];
    run(&lab, &[&["ctx", "edit", "here"], &rules[..]].concat()).ok();
    let shown = run(&lab, &["ctx", "show", "here"]).ok();
    assert!(
        shown.contains("\npolicy     ~/rules/here.toml\n"),
        "{shown}"
    );
    run(&lab, &["ctx", "edit", "here", "--policy", ""]).ok();
    let said = run(&lab, &[&["ctx", "edit", "gpu"], &rules[..]].concat()).fails(2);
    assert_eq!(
        said,
        "cm-tui: the rules for a host live on it\n\
        hint: put the file there, into ~/.config/cm-tui/policy.d/, and leave “policy” out\n"
    );
    run(
        &lab,
        &[
            "ctx", "edit", "gpu", "--host", "gpu-3", "--user", "", "--tag", "",
        ],
    )
    .ok();
    run(&lab, &["ctx", "disable", "here"]).ok();
    insta::assert_snapshot!(run(&lab, &["ctx", "show", "gpu"]).ok(), @r"
    attach     filtered
    dir        ~/src
    enabled    true
    host       gpu-3
    install    ask
    name       gpu
    port       2222
    ssh        gpu-3
    tags       
    transport  ssh
    ");
    let told = run(&lab, &["ctx", "list", "--json"]).json();
    assert_eq!(
        (&told[1]["name"], &told[1]["enabled"]),
        (&"here".into(), &false.into())
    );
    assert_eq!(
        run(&lab, &["ctx", "show", "here", "--json"]).json()["host"],
        serde_json::Value::Null
    );
    run(&lab, &["ctx", "enable", "here"]).ok();
    assert_eq!(
        run(&lab, &["ctx", "remove", "gpu"]).ok(),
        "removed gpu; its sessions live on\n"
    );
    assert_eq!(configured(&lab), "\n[contexts.here]\ndir = \"/src\"\n");
}

#[test]
fn what_is_wrong_with_a_context_is_said_and_not_written() {
    let lab = Lab::new();
    configure(&lab, "# mine\n[contexts.gpu]\nhost = \"gpu-2\"\n");
    let before = configured(&lab);
    let said = run(&lab, &["ctx", "add", "b d", "x"]).fails(2);
    assert!(
        said.starts_with("cm-tui: “b d” cannot be the name of a context\nhint: "),
        "{said}"
    );
    let said = run(&lab, &["ctx", "add", "x", "--port", "22"]).fails(2);
    assert!(said.starts_with("cm-tui: port without a host\n"), "{said}");
    let said = run(&lab, &["ctx", "add", "x", "y", "--dir", "src"]).fails(2);
    assert!(said.contains("starts neither with"), "{said}");
    for order in ["show", "remove", "enable", "disable", "test"] {
        let said = run(&lab, &["ctx", order, "gpo"]).fails(3);
        assert_eq!(
            said,
            "cm-tui: no context is called “gpo”\nhint: did you mean “gpu”?\n"
        );
    }
    run(&lab, &["ctx", "edit", "gpo", "--dir", "~"]).fails(3);
    run(&lab, &["ctx", "edit", "gpu"]).fails(2);
    run(&lab, &["ctx", "lst"]).fails(2);
    assert_eq!(configured(&lab), before);
    configure(&lab, "theme = 1\n");
    let said = run(&lab, &["ctx", "add", "x", "y"]).fails(1);
    assert!(said.contains("config.toml:1:9: "), "{said}");
    assert_eq!(configured(&lab), "theme = 1\n");
}

#[test]
fn old_contexts_and_ssh_hosts_are_taken_over_once() {
    let lab = Lab::new();
    let (json, ssh) = (lab.path("contexts.json"), lab.path("ssh_config"));
    std::fs::write(
        &json,
        r#"{"contexts":[{"name":"my box","type":"ssh","host":"box","user":"me","port":22},
            {"name":"far","type":"agent","host":"far-1","port":3847},
            {"name":"bad","type":"ssh","host":"-x"}, {"name":"here","type":"local","path":"~/src"}]}"#,
    )
    .unwrap();
    std::fs::write(&ssh, "Host far gpu-2\n  User me\nHost *.lan\n").unwrap();
    let (json, ssh) = (json.to_str().unwrap(), ssh.to_str().unwrap());
    let file = lab
        .paths
        .config_file()
        .canonicalize()
        .unwrap_or(lab.paths.config_file());
    let shown = |text: String| text.replace(&file.display().to_string(), "FILE");
    let dry = shown(run(&lab, &["ctx", "import", "--dry-run", json]).ok());
    assert!(dry.ends_with("3 would be added to FILE\n"), "{dry}");
    assert!(!lab.paths.config_file().exists());
    insta::assert_snapshot!(shown(run(&lab, &["ctx", "import", json]).ok()), @r"
    taken  my box as my-box
    taken  far, without port 3847, where nothing of ours listens
    left   bad: not a host: “-x” starts with “-”
    taken  here
    3 added to FILE
    ");
    insta::assert_snapshot!(shown(run(&lab, &["ctx", "import", ssh]).ok()), @r"
    left   far: there is a context of that name
    taken  gpu-2
    left   *.lan: it is a pattern, not a host
    1 added to FILE
    ");
    insta::assert_snapshot!(configured(&lab), @r#"
    [contexts.my-box]
    host = "box"
    user = "me"

    [contexts.far]
    host = "far-1"

    [contexts.here]
    dir = "~/src"

    [contexts.gpu-2]
    host = "gpu-2"
    "#);
    let said = run(&lab, &["ctx", "import", "/nowhere/x"]).fails(1);
    assert!(
        said.starts_with("cm-tui: cannot read /nowhere/x: "),
        "{said}"
    );
}

#[test]
fn a_context_is_tried_step_by_step() {
    let lab = Lab::new();
    lab.start_agent();
    configure(
        &lab,
        "[contexts.here]\ndir = \"~\"\n[contexts.far]\nhost = \"127.0.0.1\"\nport = 1\n",
    );
    let said = run(&lab, &["ctx", "test", "here"]).ok();
    assert!(said.contains(" ms  connecting\n"), "{said}");
    assert!(
        said.lines()
            .last()
            .unwrap()
            .starts_with("reached: cm-agent "),
        "{said}"
    );
    let told = run(&lab, &["ctx", "test", "here", "--json"]).json();
    assert_eq!(
        (&told["reached"], &told["host"]),
        (&true.into(), &"local".into())
    );
    let far = run(&lab, &["ctx", "test", "far"]);
    assert_eq!(far.code, 4, "{far:?}");
    assert!(
        far.err.starts_with("cm-tui: cannot reach “127.0.0.1”: "),
        "{far:?}"
    );
    let far = run(&lab, &["ctx", "test", "far", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&far.out).unwrap();
    assert_eq!((far.code, &told["reached"]), (4, &false.into()));
    assert!(told["error"].as_str().unwrap().starts_with("cannot reach"));
}

#[test]
fn the_settings_are_shown_checked_and_edited() {
    let lab = Lab::new();
    let sample = run(&lab, &["config", "sample"]).ok();
    assert!(sample.contains("#theme = \"ansi\""), "{sample}");
    let path = lab.paths.config_file();
    assert_eq!(
        run(&lab, &["config", "path"]).ok(),
        format!("{}\n", path.display())
    );
    let said = run(&lab, &["config", "check"]).ok();
    assert!(said.ends_with(": nothing is wrong\n"), "{said}");
    configure(&lab, "them = \"ansi\"\n");
    let ran = run(&lab, &["config", "check"]);
    let expected = format!(
        "cm-tui: warning: {}:1:1: unknown key “them”\nhint: did you mean “theme”?\n",
        path.display()
    );
    assert_eq!((ran.code, ran.err), (0, expected));
    let broken = lab.path("broken.toml");
    std::fs::write(&broken, "theme = \"a\"\nmouse = 3\n").unwrap();
    let said = run(&lab, &["config", "check", broken.to_str().unwrap()]).fails(1);
    assert!(said.contains("broken.toml:2:9: invalid type"), "{said}");
    let text = "[notify]\ncommand = [\"say\", \"{sesion}\"]\n";
    std::fs::write(&broken, text).unwrap();
    let said = run(&lab, &["config", "check", broken.to_str().unwrap()]).fails(1);
    let expected =
        "broken.toml:2:19: unknown placeholder “{sesion}”\nhint: did you mean “{session}”?";
    assert!(said.contains(expected), "{said}");
    let text = "[[notify.rules]]\nstates = [\"idle\"]\ntags = [\"wrok\"]\n[contexts.a]\ntags = [\"work\"]\n";
    std::fs::write(&broken, text).unwrap();
    let ran = run(&lab, &["config", "check", broken.to_str().unwrap()]);
    let expected = "broken.toml:3:9: no context has the tag “wrok”\nhint: did you mean “work”?";
    assert!(ran.code == 0 && ran.err.contains(expected), "{}", ran.err);
    let text = "theme = \"nihgt\"\n[keys]\nkill = \"ctrl-foo\"\nkil = \"x\"\n";
    std::fs::write(&broken, text).unwrap();
    let said = run(&lab, &["config", "check", broken.to_str().unwrap()]).fails(1);
    for expected in [
        "broken.toml:1:9: no theme is called “nihgt”\nhint: built in are ",
        "broken.toml:3:8: key for “kill”: “ctrl-foo” is not a key",
        "broken.toml:4:7: no action is called “kil”; is “kill” meant?",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    run(&lab, &["config", "check", "/nowhere/x"]).fails(1);
    run(&lab, &["config"]).fails(2);

    let edit = |editor: &str| {
        let mut command = super::command(&lab, &["ctx", "edit"]);
        super::Ran::of(&command.env("EDITOR", editor).output().unwrap())
    };
    edit("sed -i s/them/theme/").ok();
    assert_eq!(configured(&lab), "theme = \"ansi\"\n");
    edit("false").fails(1);
    let said = edit("sed -i 's/\"ansi\"/1/'").fails(1);
    assert!(said.contains("config.toml:1:9: "), "{said}");
}
