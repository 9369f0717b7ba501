//! Settings, profiles and themes as files: what is read, what is refused, and what a person is told.

use std::fs;
use std::path::Path;

use cm_tui::config::{
    self, AttachOutput, Config, ConfigError, ContextConfig, Glyphs, Install, Notify, NotifyConfig,
    Schema, load_tools, watch,
};
use cm_tui::domain::{ToolProfile, Tools};
use cm_tui::paths::Paths;
use rstest::rstest;

/// What a person sees of a file: the error or the warnings, each with its hint.
fn told<T: Schema>(text: &str) -> String {
    let line = |error: &ConfigError| match &error.hint {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    };
    match config::parse::<T>(Path::new("file.toml"), text) {
        Ok((_, warnings)) => warnings
            .iter()
            .map(|warning| line(&warning.0))
            .collect::<Vec<_>>()
            .join("\n"),
        Err(error) => line(&error),
    }
}

#[test]
fn the_sample_says_the_defaults() {
    let (as_is, warnings) = config::parse::<Config>(Path::new("sample"), config::SAMPLE).unwrap();
    assert_eq!((as_is, warnings), (Config::default(), Vec::new()));

    let uncommented = config::SAMPLE
        .lines()
        .filter_map(|line| {
            line.strip_prefix('#')
                .filter(|rest| !rest.starts_with(' ') && !rest.is_empty())
        })
        .collect::<Vec<_>>()
        .join("\n");
    let (parsed, warnings) = config::parse::<Config>(Path::new("sample"), &uncommented).unwrap();
    assert_eq!((parsed, warnings), (Config::default(), Vec::new()));
    let is_default = |key: &&&str| !key.contains('*') && !key.contains(".rules.");
    for key in Config::KEYS.iter().filter(is_default) {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            uncommented.contains(&format!("{name} = ")),
            "{name} is not documented"
        );
    }
}

/// What has no default, since the user names it, is shown as an indented example.
#[test]
fn the_examples_of_the_sample_can_be_used() {
    let example = config::SAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .collect::<Vec<_>>()
        .join("\n");
    let (parsed, warnings) = config::parse::<Config>(Path::new("sample"), &example).unwrap();
    assert_eq!(warnings, Vec::new());
    assert_eq!(parsed.contexts["gpu-2"].host.as_deref(), Some("gpu-2"));
    assert_eq!(parsed.notify.rules.len(), 1);
    let is_named = |key: &&&str| key.contains(".*.") || key.contains(".rules.");
    for key in Config::KEYS.iter().filter(is_named) {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            example.contains(&format!("\n{name} = ")),
            "{name} is not documented"
        );
    }
}

#[test]
fn every_setting_can_be_changed() {
    let text = "theme = 'nord'\nglyphs = 'ascii'\nmouse = false\nreduced_motion = true\ndefault_tool = 'codex'\n\
                detach_key = 'ctrl-q'\n[session]\ncols = 200\n[tmux]\nsockets = ['/tmp/a']\n[keys]\nquit = 'Q'\nkill = \
                ['x', 'g k']";
    let (config, warnings) = config::parse::<Config>(Path::new("f"), text).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(
        (
            config.glyphs,
            config.mouse,
            config.session.cols,
            config.session.rows
        ),
        (Glyphs::Ascii, false, 200, 40)
    );
    assert_eq!(config.keys["quit"].as_slice(), ["Q"]);
    assert_eq!(config.keys["kill"].as_slice(), ["x", "g k"]);
}

#[rstest]
#[case("notify = 'osc777'", Notify::Osc777)]
#[case("[notify]\nterminal = 'off'", Notify::Off)]
#[case("[notify]", Notify::Bell)]
fn notifications_are_a_table_or_one_word(#[case] text: &str, #[case] terminal: Notify) {
    let (config, warnings) = config::parse::<Config>(Path::new("f"), text).unwrap();
    let expected = NotifyConfig {
        terminal,
        ..NotifyConfig::default()
    };
    assert_eq!((config.notify, warnings), (expected, Vec::new()));
}

#[test]
fn contexts_of_one_connection_are_one_host() {
    let text = "[contexts]\nhere = { dir = '/src' }\nweb = { host = 'gpu', dir = '~/web', install = 'never' }\n\
                train = { host = 'gpu', attach = 'raw', enabled = false }\nroot = { host = 'gpu', user = 'root' }";
    let (config, warnings) = config::parse::<Config>(Path::new("f"), text).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let context = |name: &str| &config.contexts[name];
    assert!(context("web").is_same_host(context("train")));
    assert!(!context("web").is_same_host(context("root")));
    assert!(!context("web").is_same_host(context("here")));
    assert!(context("here").is_same_host(&ContextConfig::default()));
    assert_eq!(
        (
            context("web").install,
            context("train").attach,
            context("train").enabled
        ),
        (Install::Never, AttachOutput::Raw, false)
    );
}

#[rstest]
#[case("agents", "/c/agents")]
#[case("~/agents", "/h/agents")]
#[case("/opt/agents", "/opt/agents")]
fn the_folder_of_agents_is_seen_from_the_settings(#[case] given: &str, #[case] expected: &str) {
    let paths = Paths {
        config_dir: "/c".into(),
        state_dir: "/s".into(),
        data_dir: "/d".into(),
        run_dir: "/r".into(),
        home: "/h".into(),
    };
    let config = Config {
        agents_dir: given.into(),
        ..Config::default()
    };
    assert_eq!(config.agents_dir(&paths), Path::new(expected));
}

#[rstest]
#[case(
    "mose = true",
    "file.toml:1:1: unknown key “mose”\nhint: did you mean “mouse”?"
)]
#[case(
    "[session]\nclos = 1",
    "file.toml:2:1: unknown key “clos”\nhint: did you mean “cols”?"
)]
#[case("[future]\nx = 1", "file.toml:1:2: unknown key “future”")]
#[case(
    "mouse = 'yes'",
    "file.toml:1:9: invalid type: string \"yes\", expected a boolean\nhint: write it without quotes"
)]
#[case(
    "[session]\n\ncols = 5",
    "file.toml:3:8: invalid value: integer `5`, expected a number from 20 to 500"
)]
#[case(
    "glyphs = 'fancy'",
    "file.toml:1:10: unknown variant `fancy`, expected `unicode` or `ascii`"
)]
#[case(
    "[tmux]\nsockets = ['a']",
    "file.toml:2:11: invalid value: string \"a\", expected an absolute path"
)]
#[case(
    "[keys]\nquit = 1",
    "file.toml:2:8: expected a key such as \"ctrl-k\", or a list of keys"
)]
#[case(
    "[contexts.a]\nhost = '-oProxyCommand=x'",
    "file.toml:2:8: not a host: “-oProxyCommand=x” starts with “-”\nhint: write it as you would after ssh"
)]
#[case(
    "[contexts.a]\nhost = 'a;reboot'",
    "file.toml:2:8: not a host: “a;reboot” holds “;”\nhint: write it as you would after ssh"
)]
#[case(
    "[contexts.a]\nhost = \"a\\nb\"",
    "file.toml:2:8: not a host: “a\\nb” holds “\\n”\nhint: write it as you would after ssh"
)]
#[case(
    "[contexts.a]\nhost = 'a'\nuser = '-l'",
    "file.toml:3:8: not a user: “-l” starts with “-”\nhint: write the name to log in with"
)]
#[case(
    "[contexts.a]\nhost = 'a'\njump = 'b,$(c)'",
    "file.toml:3:8: not a list of hosts: “$(c)” holds “$”\nhint: write it as for ssh -J: [USER@]HOST[:PORT],…"
)]
#[case(
    "[contexts.a]\nhost = 'a'\nport = 0",
    "file.toml:3:8: a port is a number from 1 to 65535"
)]
#[case(
    "[contexts.a]\nport = 22",
    "file.toml:2:8: port without a host\nhint: a context without a host is this machine"
)]
#[case(
    "[contexts.a]\nhost = 'a'\n[contexts.'b c']\nhost = 'b'",
    "file.toml:3:11: “b c” cannot be the name of a context\nhint: use letters, digits, “-”, “_” and “.”, a letter or \
     digit first"
)]
#[case(
    "contexts.local = { host = 'a' }",
    "file.toml:1:27: the context “local” has a host\nhint: that name is this machine: use another"
)]
#[case(
    "[contexts.a]\ndir = 'src'",
    "file.toml:2:7: the path “src” starts neither with “/” nor with “~/”\nhint: write an absolute path, or one that \
     starts with “~/”"
)]
#[case(
    "[contexts.a]\npolicy = 'rules.toml'",
    "file.toml:2:10: the path “rules.toml” starts neither with “/” nor with “~/”\nhint: write an absolute path, or one \
     that starts with “~/”"
)]
#[case(
    "[contexts.a]\nhost = 'a'\npolicy = '/rules.toml'",
    "file.toml:3:10: the rules for a host live on it\nhint: put the file there, into ~/.config/cm-tui/policy.d/, and \
     leave “policy” out"
)]
#[case(
    "[contexts.a]\ntransport = 'mosh'",
    "file.toml:2:13: unknown variant `mosh`, expected `ssh` or `openssh`"
)]
#[case(
    "[contexts.a]\nhots = 'a'",
    "file.toml:2:1: unknown key “hots”\nhint: did you mean “host”?"
)]
#[case(
    "notify = 'bel'",
    "file.toml:1:10: unknown variant `bel`, expected one of `bell`, `osc9`, `osc777`, `off`"
)]
#[case(
    "notify = 3",
    "file.toml:1:10: invalid type: integer `3`, expected a table, or \"bell\", \"osc9\", \"osc777\" or \"off\""
)]
#[case(
    "[notify]\nwhen = 'never'",
    "file.toml:2:8: unknown variant `never`, expected `unfocused` or `always`"
)]
#[case(
    "[notify]\ncomand = []",
    "file.toml:2:1: unknown key “comand”\nhint: did you mean “command”?"
)]
#[case(
    "[notify]\ncommand = 'notify-send x'",
    "file.toml:2:11: invalid type: string \"notify-send x\", expected a sequence\nhint: write it as a list: \
     [\"program\", \"argument\"]"
)]
#[case(
    "[notify]\ncommand = ['say', '{sesion} x']",
    "file.toml:2:19: unknown placeholder “{sesion}”\nhint: did you mean “{session}”?"
)]
#[case(
    "[notify]\nwebhook = ['{session}']",
    "file.toml:2:12: the program has a placeholder\nhint: the first word is what runs: write the placeholder behind it"
)]
#[case(
    "[notify]\ncommand = ['']",
    "file.toml:2:12: a command without a program\nhint: write a program and its arguments, or [] for none"
)]
#[case(
    "[[notify.rules]]\n[[notify.rules]]\nstates = ['aproval']",
    "file.toml:3:11: unknown variant `aproval`, expected one of `approval`, `question`, `idle`, `finished`, `error`, \
     `exited`, `lost`"
)]
#[case(
    "[[notify.rules]]\nstate = []",
    "file.toml:2:1: unknown key “state”\nhint: did you mean “states”?"
)]
#[case(
    "[[notify.rules]]\n[[notify.rules]]\ncontexts = ['local', 'webb']\n[contexts.web]",
    "file.toml:3:22: there is no context “webb”\nhint: did you mean “web”?"
)]
#[case(
    "[[notify.rules]]\ntags = ['work']",
    "file.toml:2:9: no context has the tag “work”"
)]
#[case(
    "[[notify.rules]]\nsend = ['terminal', 'webhook']",
    "file.toml:2:21: there is no webhook to send by\nhint: set “webhook” under [notify]"
)]
fn a_mistake_in_the_settings_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(told::<Config>(text), expected);
}

#[rstest]
#[case("id = 'x'", "missing field `name`")]
#[case(
    "id = 'x'\nname = 'X'\nshort = 'x'\nstart = ['x']\n[[rule]]\nname = 'r'\nstate = 'idle'\nall = [{ regex = '(' }]",
    "file.toml:8:"
)]
#[case(
    "id = 'x'\nname = 'X'\nshort = 'x'\nstart = ['x']\n[[rule]]\nname = 'r'\nstate = 'approval'",
    "file.toml:7:9: unknown variant `approval`"
)]
#[case(
    "id = 'x'\nname = 'X'\nshort = 'x'\nstart = ['x']\n[[rule]]\nname = 'r'\nstate = 'idle'\nregion = 'top'",
    "file.toml:8:10: unknown region “top”"
)]
#[case(
    "id = 'x'\nname = 'X'\nshort = 'x'\nstart = ['x']\n[[rule]]\nname = 'r'\nstate = 'idle'\nprio = 1",
    "file.toml:8:1: unknown key “prio”"
)]
#[case(
    "id = 'x'\nname = 'X'\nshort = 'x'\nstart = []",
    "file.toml:4:9: start needs at least the program"
)]
#[case(
    "id = 'X!'\nname = 'X'\nshort = 'x'\nstart = ['x']",
    "file.toml:1:6: the id “X!” has"
)]
fn a_mistake_in_a_profile_is_told_with_its_place(#[case] text: &str, #[case] expected: &str) {
    let told = told::<ToolProfile>(text);
    assert!(told.contains(expected), "{told}");
}

#[test]
fn built_in_profiles_have_no_unknown_key() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tools");
    let loaded = load_tools(&dir);
    assert_eq!((loaded.warnings, loaded.errors), (vec![], vec![]));
    assert_eq!(loaded.profiles.len(), Tools::built_in().iter().count());
}

#[test]
fn a_broken_profile_does_not_hide_the_good_ones() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(
        temp.path().join("a.toml"),
        "id = 'a'\nname = 'A'\nshort = 'a'\nstart = ['a']",
    )
    .unwrap();
    fs::write(temp.path().join("b.toml"), "id = ").unwrap();
    fs::write(temp.path().join("notes.txt"), "not a profile").unwrap();
    let loaded = load_tools(temp.path());
    assert_eq!(loaded.profiles.len(), 1);
    assert_eq!(loaded.errors.len(), 1);
    assert!(load_tools(&temp.path().join("missing")).errors.is_empty());
}

#[test]
fn no_file_means_the_defaults() {
    let temp = tempfile::tempdir().unwrap();
    let (config, warnings) = config::load(&temp.path().join("config.toml")).unwrap();
    assert_eq!((config, warnings), (Config::default(), Vec::new()));
}

#[tokio::test]
async fn a_changed_file_is_told_once() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("config.toml");
    let mut changes = watch::watch(vec![temp.path().to_owned()]).unwrap();
    fs::write(&file, "a").unwrap();
    fs::write(&file, "b").unwrap();
    assert_eq!(changes.recv().await.unwrap().0, [file]);
}

#[tokio::test]
async fn a_folder_that_appears_later_is_watched_from_then_on() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("a/b");
    let mut changes = watch::watch(vec![folder.clone()]).unwrap();
    fs::create_dir_all(&folder).unwrap();
    changes.recv().await.unwrap();
    let file = folder.join("x.toml");
    fs::write(&file, "").unwrap();
    // The folder's own appearance may be told in two steps.
    while !changes.recv().await.unwrap().0.contains(&file) {}
}
