//! Rules by context and by branch, as the agent and `cm-tui policy test` apply them: both say the same.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use cm_tui::agent::approve::Case;
use cm_tui::agent::rules::RuleFiles;
use cm_tui::domain::{PromptKind, Source};
use cm_tui::paths::Paths;
use rstest::rstest;

use super::cli::User;

/// Folders `shop`, `shop/api`, `other` of a user, with these settings and rules that hold everywhere.
struct World {
    user: User,
    home: PathBuf,
}

impl World {
    fn new(settings: &str, rules: &str) -> Self {
        let user = User::new();
        let home = user.home.path().to_owned();
        for dir in ["shop/api", "other"] {
            fs::create_dir_all(home.join(dir)).unwrap();
        }
        user.write("config.toml", settings);
        user.write("policy.toml", rules);
        Self { user, home }
    }

    fn rule_files(&self) -> RuleFiles {
        let home = self.home.clone();
        RuleFiles::new(Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap())
    }

    /// What is said to a command in a folder, by both.
    fn told(&self, dir: &str, subject: &str) -> String {
        let dir = self.home.join(dir);
        let json = self.user.told(&dir, &["test", subject, "--json"]);
        let told: serde_json::Value = serde_json::from_str(&json).expect(&json);
        let rules = self.rule_files().load();
        let judged = rules.judge.judge(&Case {
            tool: "claude-code".to_owned(),
            kind: PromptKind::Command,
            subject: subject.to_owned(),
            dir: dir.to_str().unwrap().to_owned(),
            source: Source::Hook,
        });
        assert_eq!(judged.verdict.word(), told["verdict"], "{told}");
        if rules.trouble.is_none() {
            assert_eq!(told["why"], judged.why);
        }
        let rule = told["rule"].as_str().unwrap();
        [judged.verdict.word(), rule].join(" ").trim().to_owned()
    }
}

/// Denies a program, with more said of the rule.
fn deny(name: &str, program: &str, more: &str) -> String {
    format!(
        "[[rule]]\nname = '{name}'\nverdict = 'deny'\nprogram = '{program}'\nmatch = ['{program}']\n{more}\n"
    )
}

/// Allows a program, in a context.
fn allow(context: &str) -> String {
    format!(
        "[[rule]]\nname = 'make'\nverdict = 'allow'\nargv = ['make']\nmatch = ['make']\nnot_match = ['x']\n\
        context = '{context}'\n"
    )
}

const CONTEXTS: &str = "[contexts.shop]\ndir = '~/shop'\n[contexts.api]\ndir = '~/shop/api'\n";

#[rstest]
// In it, in a nearer one, outside.
#[case(CONTEXTS, "shop", "deny no-ls", "allow make")]
#[case(CONTEXTS, "shop/api", "allow ls", "ask")]
#[case(CONTEXTS, "other", "allow ls", "ask")]
#[case("", "shop", "allow ls", "ask")]
#[case("[contexts.shop]\ndir = '~/nowhere'", "shop", "allow ls", "ask")]
// In two.
#[case(
    "[contexts.shop]\ndir = '~/shop'\n[contexts.store]\ndir = '~/other/../shop/'",
    "shop/api",
    "deny no-ls",
    "allow make"
)]
// Without a folder it is the whole machine, as far as no other is nearer.
#[case("[contexts.shop]", "other", "deny no-ls", "allow make")]
#[case("[contexts.shop]\n[contexts.x]\ndir = '~'", "other", "allow ls", "ask")]
// Those of hosts, and those that are switched off.
#[case(
    "[contexts.shop]\nhost = 'gpu'\ndir = '~/shop'",
    "shop",
    "allow ls",
    "ask"
)]
#[case(
    "[contexts.shop]\nenabled = false\ndir = '~/shop'",
    "shop",
    "allow ls",
    "ask"
)]
// Settings that cannot be read.
#[case("[contexts.shop\ndir = '~/shop'", "shop", "ask no-ls", "ask")]
#[case("[contexts.shop]\ndir = 'shop'", "other", "ask no-ls", "ask")]
fn a_rule_holds_in_the_context_that_it_names(
    #[case] settings: &str,
    #[case] dir: &str,
    #[case] ls: &str,
    #[case] make: &str,
) {
    let rules = deny("no-ls", "ls", "context = 'shop'") + &allow("shop");
    let world = World::new(settings, &rules);
    assert_eq!(world.told(dir, "ls"), ls);
    assert_eq!(world.told(dir, "make"), make);
}

#[test]
fn a_context_is_found_by_the_real_folder() {
    let world = World::new(CONTEXTS, &deny("no-ls", "ls", "context = 'api'"));
    symlink(world.home.join("shop/api"), world.home.join("link")).unwrap();
    assert_eq!(world.told("link", "ls"), "deny no-ls");
    fs::remove_dir(world.home.join("shop/api")).unwrap();
    symlink(world.home.join("other"), world.home.join("shop/api")).unwrap();
    assert_eq!(world.told("other", "ls"), "deny no-ls");
}

#[test]
fn settings_that_lead_nowhere_or_that_others_can_write_tell_of_no_context() {
    let world = World::new(CONTEXTS, &deny("no-ls", "ls", "context = 'shop'"));
    let file = world.home.join(".config/cm-tui/config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    insta::assert_snapshot!(world.user.told(&world.home, &["check"]), @"
    CONFIG/config.toml: other users can write it
    hint: close it: chmod go-w CONFIG/config.toml
    no prompt is answered automatically until this is corrected
    ");
    world.user.write("policy.toml", &deny("no-ls", "ls", ""));
    let right = world.user.told(&world.home, &["check"]);
    assert!(right.ends_with("all of them right\n"), "{right}");
    world
        .user
        .write("policy.toml", &deny("no-ls", "ls", "context = 'shop'"));
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    assert_eq!(world.told("shop", "ls"), "ask no-ls");
}

/// Contexts with a file of rules, which is there and denies `cat`.
fn with_own_file() -> World {
    let settings = "[contexts.shop]\ndir = '~/shop'\npolicy = '~/.config/cm-tui/shop.toml'\n\
        [contexts.api]\ndir = '~/shop/api'\n";
    let world = World::new(settings, &deny("no-ls", "ls", ""));
    world.user.write(
        "shop.toml",
        &(deny("no-cat", "cat", "") + &allow("").replace("context = ''", "")),
    );
    world
}

#[test]
fn a_context_has_rules_of_its_own_with_those_that_hold_everywhere() {
    let world = with_own_file();
    assert_eq!(world.told("shop", "cat"), "deny no-cat");
    assert_eq!(world.told("shop", "make"), "allow make");
    assert_eq!(world.told("shop", "ls"), "deny no-ls");
    assert_eq!(world.told("shop/api", "make"), "ask");
    assert_eq!(world.told("other", "pwd"), "allow pwd");
    assert_eq!(world.told("other", "make"), "ask");
    assert_eq!(world.told("other", "ls"), "deny no-ls");
    // Its allowance loses against a rule of all.
    world
        .user
        .write("policy.toml", &deny("no-make", "make", "branch = 'x'"));
    assert_eq!(world.told("shop", "make"), "ask no-make");
    // Without the settings nobody knows of the file.
    world.user.write("config.toml", "contexts = 1");
    assert_eq!(world.told("shop", "pwd"), "ask");
    assert_eq!(world.told("other", "pwd"), "ask");
}

#[test]
fn a_file_of_a_context_that_does_not_load_switches_all_answers_off() {
    let world = with_own_file();
    let check = || world.user.told(&world.home, &["check"]);
    assert!(check().ends_with("all of them right\n"), "{}", check());
    world.user.write("shop.toml", &allow("api"));
    insta::assert_snapshot!(check(), @"
    CONFIG/shop.toml:7:11: “context” in a file that is one context’s own
    hint: leave it out: the rules of this file hold in shop
    no prompt is answered automatically until this is corrected
    ");
    assert_eq!(world.told("other", "pwd"), "ask");
    fs::remove_file(world.home.join(".config/cm-tui/shop.toml")).unwrap();
    insta::assert_snapshot!(check(), @"
    CONFIG/shop.toml: cannot read it: No such file or directory (os error 2)
    hint: the context “shop” names it
    no prompt is answered automatically until this is corrected
    ");
    world.user.write(
        "config.toml",
        "[contexts.shop]\ndir = '~/shop'\npolicy = '~/.config/cm-tui/policy.toml'",
    );
    insta::assert_snapshot!(check(), @"
    CONFIG/policy.toml: it is named by the context “shop”
    hint: its rules hold everywhere already: move it elsewhere
    no prompt is answered automatically until this is corrected
    ");
}

#[test]
fn the_folders_of_the_files_of_contexts_are_watched_too() {
    let world = with_own_file();
    let config = world.home.join(".config/cm-tui");
    let usual = vec![config.clone(), config.join("policy.d")];
    assert_eq!(world.rule_files().folders(), usual);
    let settings = "[contexts.shop]\npolicy = '~/rules/shop.toml'";
    world.user.write("config.toml", settings);
    let watched = world.rule_files().folders();
    assert_eq!(watched, [usual, vec![world.home.join("rules")]].concat());
}

#[test]
fn what_a_context_changes_has_another_hash() {
    let world = with_own_file();
    let hash = || world.rule_files().load().judge.hash();
    let first = hash();
    assert_eq!(first, hash());
    let settings = fs::read_to_string(world.home.join(".config/cm-tui/config.toml")).unwrap();
    world
        .user
        .write("config.toml", &format!("theme = 'nord'\n{settings}"));
    assert_eq!(first, hash());
    world
        .user
        .write("config.toml", &settings.replace("'~/shop'", "'~/other'"));
    assert_ne!(first, hash());
}

#[test]
fn a_rule_is_added_beside_those_of_contexts() {
    let world = with_own_file();
    let rules = world.rule_files().add(&deny("no-pwd", "pwd", "")).unwrap();
    assert_eq!(world.told("other", "pwd"), "deny no-pwd");
    assert_eq!(rules.judge.hash(), world.rule_files().load().judge.hash());
    assert_eq!(world.told("shop", "cat"), "deny no-cat");
    let again = world
        .rule_files()
        .add(&deny("no-cat", "cat", ""))
        .unwrap_err();
    assert!(
        again.message.contains("used more than once"),
        "{}",
        again.message
    );
}

fn git(dir: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn a_linked_worktree_is_judged_by_its_own_branch() {
    let world = World::new("", &deny("not-on-main", "ls", "branch = 'main'"));
    let shop = world.home.join("shop");
    git(&shop, &["init", "--quiet", "--initial-branch=main"]);
    git(&shop, &["commit", "--quiet", "--allow-empty", "-m", "one"]);
    git(&shop, &["checkout", "--quiet", "-b", "work"]);
    git(&shop, &["worktree", "add", "--quiet", "../linked", "main"]);
    assert_eq!(world.told("shop", "ls"), "allow ls");
    assert_eq!(world.told("linked", "ls"), "deny not-on-main");
    // Its project is its own folder, so the other one is outside.
    assert_eq!(world.told("linked", "cat ../shop/.git/HEAD"), "ask");
    git(
        &world.home.join("linked"),
        &["checkout", "--quiet", "--detach"],
    );
    assert_eq!(world.told("linked", "ls"), "ask not-on-main");
    fs::write(world.home.join("linked/.git"), "gitdir: /nowhere\n").unwrap();
    assert_eq!(world.told("linked", "ls"), "ask not-on-main");
}
