//! `cm-tui policy`, the real program: what it tells of a prompt, and of files that are wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use super::place::Place;

/// A user with a folder of settings.
pub struct User {
    pub home: TempDir,
}

impl User {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join(".config/cm-tui/policy.d")).unwrap();
        Self { home }
    }

    pub fn write(&self, name: &str, text: &str) {
        let file = self.home.path().join(".config/cm-tui").join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn run(&self, dir: &Path, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cm-tui"))
            .arg("policy")
            .args(arguments)
            .current_dir(dir)
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .unwrap()
    }

    /// What is printed; the folder of the settings is `CONFIG`.
    pub fn told(&self, dir: &Path, arguments: &[&str]) -> String {
        let output = self.run(dir, arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let config = self.home.path().join(".config/cm-tui");
        text.replace(config.to_str().unwrap(), "CONFIG")
    }
}

const NO_PUSH: &str = "[[rule]]\nname = 'no-push'\nverdict = 'deny'\nwhy = 'pushing is for people'\nprogram = 'git'\n\
    words = ['push']\nmatch = ['git push']\n";

#[test]
fn a_test_says_the_verdict_the_rule_and_why() {
    let (user, place) = (User::new(), Place::new());
    user.write("policy.toml", NO_PUSH);
    let shop = place.root().join("shop");
    let told = |arguments: &[&str]| user.told(&shop, &[&["test"], arguments].concat());
    insta::assert_snapshot!(told(&["ls -la src"]), @"allow (ls): lists files of the project");
    insta::assert_snapshot!(told(&["git push --force", "--tool", "claude-code"]), @"deny (no-push): pushing is for people");
    insta::assert_snapshot!(told(&["git push --force", "--json"]), @r#"{"verdict":"deny","rule":"no-push","why":"pushing is for people"}"#);
    insta::assert_snapshot!(told(&["ls | sh", "--json"]), @r#"{"verdict":"ask","rule":"","why":"nothing can be proved of it: “|” sends output to another program"}"#);
    insta::assert_snapshot!(told(&["src/main.rs", "--kind", "read"]), @"allow (read-file): reads a file of the project");
    insta::assert_snapshot!(told(&["main.rs", "--kind", "read", "--dir", "src"]), @"allow (read-file): reads a file of the project");
    insta::assert_snapshot!(told(&[".env", "--kind", "read"]), @"ask: “.env” may hold secrets or settings (“.env”)");
    insta::assert_snapshot!(told(&["Trust it?", "--kind", "trust"]), @"ask: a prompt of the kind “trust” is for a person");
    insta::assert_snapshot!(told(&["git status"]), @"allow (git-status): tells of the repository");
    insta::assert_snapshot!(told(&["rg --pre id x"]), @"ask: not allowed by the rule “rg”: “--pre” is not an option that the rule knows");
    insta::assert_snapshot!(told(&["ls", "--dir", "nowhere"]), @"
    cm-tui: cannot look into the folder “nowhere”: No such file or directory (os error 2)
    hint: name a folder that is there: --dir DIR
    ");
}

#[test]
fn a_test_looks_at_branch_host_context_and_evidence() {
    let (user, place) = (User::new(), Place::new());
    user.write(
        "policy.d/make.toml",
        "[[rule]]\nname = 'make'\nverdict = 'allow'\nbranch = 'work'\nhost = 'gpu'\ncontext = 'shop'\nsource = 'screen'\n\
        tool = 'codex'\nargv = ['make']\nmatch = ['make']\nnot_match = ['make x']\n",
    );
    let shop = place.root().join("shop");
    let all = [
        "--branch", "work", "--host", "gpu", "--ctx", "shop", "--source", "screen", "--tool",
        "codex",
    ];
    let told = |given: &[&str]| user.told(&shop, &[&["test", "make"], given].concat());
    assert!(told(&all).starts_with("allow (make)"), "{}", told(&all));
    for left_out in 0..5 {
        let given: Vec<&str> = all
            .chunks(2)
            .enumerate()
            .filter(|(number, _)| *number != left_out)
            .flat_map(|(_, pair)| pair)
            .copied()
            .collect();
        assert!(told(&given).starts_with("ask"), "{given:?}");
    }
    fs::write(shop.join(".git/HEAD"), "ref: refs/heads/work\n").unwrap();
    assert!(
        told(&all[2..]).starts_with("allow (make)"),
        "the branch that is checked out"
    );
}

#[test]
fn a_check_names_every_mistake_with_its_place() {
    let (user, place) = (User::new(), Place::new());
    assert_eq!(user.run(place.root(), &["check"]).status.code(), Some(0));
    user.write(
        "policy.toml",
        "[[rule]]\nname = 'a'\nverdict = 'deny'\nprogam = 'git'\nmatch = ['git push']\n",
    );
    user.write("policy.d/b.toml", "[[rule]]\nname = 'b'\nverdict = 'allow'\nargv = ['make']\nmatch = ['make all']\nnot_match = ['x']\n");
    user.write("policy.d/notes.txt", "not a file of rules");
    insta::assert_snapshot!(user.told(place.root(), &["check"]), @"
    CONFIG/policy.d/b.toml:5:10: the rule “b” does not match its own example
    hint: it is about something else
    CONFIG/policy.toml:4:1: unknown key “progam”
    hint: did you mean “program”?
    no prompt is answered automatically until this is corrected
    ");
    assert_eq!(user.run(place.root(), &["check"]).status.code(), Some(1));
    insta::assert_snapshot!(user.told(&place.root().join("shop"), &["test", "ls", "--json"]), @r#"{"verdict":"ask","rule":"","why":"the policy does not load: CONFIG/policy.d/b.toml:5:10: the rule “b” does not match its own example"}"#);
    let json = user.told(place.root(), &["check", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["ok"], &json["problems"][1]["line"]),
        (&false.into(), &4.into())
    );
}

#[test]
fn rules_that_others_can_write_are_not_read() {
    let (user, place) = (User::new(), Place::new());
    user.write("policy.toml", NO_PUSH);
    let file = user.home.path().join(".config/cm-tui/policy.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    insta::assert_snapshot!(user.told(place.root(), &["check"]), @"
    CONFIG/policy.toml: other users can write it
    hint: close it: chmod go-w CONFIG/policy.toml
    no prompt is answered automatically until this is corrected
    ");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    assert!(
        user.told(place.root(), &["check"])
            .contains("policy.toml: cannot read it")
    );
}

#[test]
fn the_sample_can_be_put_where_the_rules_are() {
    let (user, place) = (User::new(), Place::new());
    let sample = user.told(place.root(), &["sample"]);
    assert!(
        sample.starts_with("# cm-tui’s policy") || sample.starts_with("# cm-tui's policy"),
        "{sample}"
    );
    user.write("policy.toml", &sample);
    insta::assert_snapshot!(user.told(place.root(), &["check"]), @"34 rules, all of them right");
}
