//! Settings, profiles and themes as files: what is read, what is refused, and what a person is told.

use std::fs;
use std::path::Path;

use cm_tui::config::{self, Config, ConfigError, Glyphs, Schema, load_tools, watch};
use cm_tui::domain::{ToolProfile, Tools};
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
    for key in Config::KEYS.iter().filter(|key| !key.ends_with('*')) {
        let name = key.rsplit('.').next().unwrap();
        assert!(
            uncommented.contains(&format!("{name} = ")),
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
