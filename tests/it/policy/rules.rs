//! What rules can look at, and what they cannot lower.

use cm_tui::domain::policy::{Case, Judgement, Policy, Verdict, suggest};
use cm_tui::domain::{PromptKind, Source};
use rstest::rstest;

use super::place::{Place, real};

/// A case of the shop, to be changed by each test.
fn judge(policy: &Policy, place: &Place, change: impl FnOnce(&mut Case<'_>)) -> Judgement {
    let shop = place.shop();
    let mut case = Case {
        tool: "claude-code",
        kind: PromptKind::Command,
        subject: "make all",
        host: "local",
        contexts: Some(&["shop"]),
        dir: &shop,
        project: Some(&shop),
        branch: Some("main"),
        source: Source::Hook,
        resolve: &real,
    };
    change(&mut case);
    policy.judge(&case)
}

fn load(text: &str) -> Policy {
    Policy::load(&[("rules".to_owned(), text.to_owned())]).unwrap()
}

fn with(place: &str) -> Policy {
    load(&format!(
        "[[rule]]\nname = 'r'\nverdict = 'allow'\nargv = ['make', 'all']\nmatch = ['make all']\nnot_match = ['make']\n{place}"
    ))
}

#[rstest]
#[case("", Verdict::Allow)]
#[case("tool = 'claude-code'", Verdict::Allow)]
#[case("tool = ['codex', 'claude-code']", Verdict::Allow)]
#[case("tool = 'codex'", Verdict::Ask)]
#[case("tool = 'claude'", Verdict::Ask)]
#[case("host = 'local'", Verdict::Allow)]
#[case("host = 'gpu'", Verdict::Ask)]
#[case("context = 'shop'", Verdict::Allow)]
#[case("context = 'sho'", Verdict::Ask)]
#[case("branch = 'main'", Verdict::Allow)]
#[case("branch = 'ma*'", Verdict::Allow)]
#[case("branch = ['Main', 'release/*']", Verdict::Ask)]
#[case("source = 'hook'", Verdict::Allow)]
#[case("source = 'screen'", Verdict::Ask)]
#[case("dir = '/srv/elsewhere/**'", Verdict::Ask)]
fn a_rule_applies_where_it_says(#[case] place_of_rule: &str, #[case] expected: Verdict) {
    let place = Place::new();
    let judged = judge(&with(place_of_rule), &place, |_| {});
    assert_eq!(judged.verdict, expected, "{judged:?}");
}

#[test]
fn a_folder_is_compared_by_its_real_path() {
    let place = Place::new();
    let root = std::fs::canonicalize(place.root()).unwrap();
    let policy = with(&format!("dir = '{}/shop/src/**'", root.display()));
    let shop = place.shop();
    let verdict = |dir: &str| {
        let dir = format!("{shop}/{dir}");
        let case = Case {
            tool: "claude-code",
            kind: PromptKind::Command,
            subject: "make all",
            host: "local",
            contexts: Some(&[]),
            dir: &dir,
            project: Some(&shop),
            branch: None,
            source: Source::Hook,
            resolve: &real,
        };
        policy.judge(&case).verdict
    };
    assert_eq!(verdict("src/api"), Verdict::Allow);
    assert_eq!(verdict("code"), Verdict::Allow);
    assert_eq!(verdict("docs"), Verdict::Ask);
    assert_eq!(verdict("src/../docs"), Verdict::Ask);
}

#[rstest]
#[case(Source::Hook, Verdict::Allow)]
#[case(Source::Screen, Verdict::Allow)]
#[case(Source::Status, Verdict::Ask)]
#[case(Source::Title, Verdict::Ask)]
#[case(Source::Notice, Verdict::Ask)]
#[case(Source::Process, Verdict::Ask)]
fn only_who_knows_the_subject_is_believed(#[case] source: Source, #[case] expected: Verdict) {
    let place = Place::new();
    let judged = judge(&with(""), &place, |case| case.source = source);
    assert_eq!(judged.verdict, expected);
}

#[test]
fn what_is_not_known_is_not_allowed() {
    let place = Place::new();
    let ask = |change: fn(&mut Case<'_>)| {
        let judged = judge(&with("branch = 'main'\ncontext = 'shop'"), &place, change);
        assert_eq!(
            (judged.verdict, judged.rule.as_str()),
            (Verdict::Ask, ""),
            "{judged:?}"
        );
    };
    ask(|case| case.branch = None);
    ask(|case| case.contexts = None);
    ask(|case| case.resolve = &|_| None);
    ask(|case| case.project = Some("/"));
    ask(|case| case.project = Some("/home/ann"));
    ask(|case| case.project = Some("relative"));
    ask(|case| case.dir = "/tmp");
    ask(|case| case.subject = "");
    ask(|case| case.subject = "make all x");
    ask(|case| case.kind = PromptKind::Question);
}

#[rstest]
#[case("/srv/project/nofile")]
#[case("src/../nofile")]
fn a_word_that_names_a_file_elsewhere_is_not_allowed_word_for_word(#[case] word: &str) {
    let place = Place::new();
    let subject = format!("make {word}");
    let policy = load(&format!(
        "[[rule]]\nname = 'r'\nverdict = 'allow'\nargv = ['make', '{word}']\nmatch = ['{subject}']\nnot_match = ['make']\n"
    ));
    let shop = place.shop();
    let case = Case {
        tool: "claude-code",
        kind: PromptKind::Command,
        subject: &subject,
        host: "local",
        contexts: Some(&[]),
        dir: &shop,
        project: Some(&shop),
        branch: None,
        source: Source::Hook,
        resolve: &real,
    };
    assert_eq!(policy.judge(&case).verdict, Verdict::Ask);
}

const PUSH: &str = "[[rule]]\nname = 'no-push'\nverdict = 'deny'\nprogram = 'git'\nwords = ['push']\nmatch = ['git push']\n";

#[rstest]
#[case("git push", true)]
#[case("git push --force origin main", true)]
#[case("git -C /tmp push", true)]
#[case("/usr/bin/git push", true)]
#[case("./git push", true)]
#[case("env A=1 git push", true)]
#[case("sudo -u x git 'push'", true)]
#[case("git status", false)]
#[case("echo git push", false)]
#[case("git pushed", false)]
fn a_rule_that_denies_sees_the_program_behind_others(
    #[case] subject: &'static str,
    #[case] denied: bool,
) {
    let place = Place::new();
    let judged = judge(&load(PUSH), &place, |case| case.subject = subject);
    assert_eq!(judged.verdict == Verdict::Deny, denied, "{judged:?}");
    let why = "the rule “no-push” says so";
    assert_eq!(
        (judged.rule == "no-push", judged.why == why),
        (denied, denied)
    );
}

#[test]
fn a_chain_is_never_denied_nor_allowed_but_asked() {
    let place = Place::new();
    let judged = judge(&load(PUSH), &place, |case| case.subject = "ls && git push");
    assert_eq!(judged.verdict, Verdict::Ask);
    assert_eq!(
        judged.why,
        "nothing can be proved of it: “&” joins commands or sends one to the background"
    );
}

#[rstest]
#[case(
    "program = 'rm'\nwords = ['-r', '-f']\nmatch = ['rm -rf x']",
    "rm -fvr x",
    Verdict::Deny
)]
#[case(
    "program = 'rm'\nwords = ['-r', '-f']\nmatch = ['rm -rf x']",
    "rm -r x",
    Verdict::Ask
)]
#[case("words = ['-r']\nmatch = ['rm -r']", "rm --verbose x", Verdict::Ask)]
#[case("words = ['-rf']\nmatch = ['rm -rf x']", "rm -vrf x", Verdict::Ask)]
#[case(
    "words = ['--force']\nmatch = ['a --force']",
    "git x --force=yes",
    Verdict::Deny
)]
#[case(
    "words = ['--force']\nmatch = ['a --force']",
    "git x --forced",
    Verdict::Ask
)]
#[case(
    "contains = ['DROP table']\nmatch = ['drop TABLE x']",
    "psql -c 'Drop Table x'",
    Verdict::Deny
)]
#[case("contains = ['prod']\nmatch = ['prod']", "ls && x PROD", Verdict::Deny)]
#[case("contains = ['prod']\nmatch = ['prod']", "ls", Verdict::Allow)]
#[case(
    "path = ['deploy/**']\nmatch = ['cat deploy/run.sh']",
    "cat ./deploy/run.sh",
    Verdict::Deny
)]
#[case(
    "path = ['deploy/**']\nmatch = ['cat deploy/run.sh']",
    "cat src/../DEPLOY/run.sh",
    Verdict::Deny
)]
#[case(
    "path = ['deploy/**']\nmatch = ['cat deploy/run.sh']",
    "x --file=deploy/run.sh",
    Verdict::Deny
)]
#[case(
    "path = ['deploy/**']\nmatch = ['cat deploy/run.sh']",
    "cat README.md",
    Verdict::Allow
)]
#[case(
    "path = ['src/**']\nmatch = ['cat src/a']",
    "cat code/main.rs",
    Verdict::Deny
)]
#[case(
    "path = ['/etc/**']\nmatch = ['cat /etc/passwd']",
    "cat rootlink/etc/passwd",
    Verdict::Deny
)]
#[case("tool = 'codex'\nmatch = ['x']", "ls", Verdict::Allow)]
#[case("branch = 'MAIN'\nmatch = ['x']", "ls", Verdict::Deny)]
fn signs_are_seen_in_every_form(
    #[case] signs: &str,
    #[case] subject: &'static str,
    #[case] expected: Verdict,
) {
    let place = Place::new();
    let policy = load(&format!("[[rule]]\nname = 'd'\nverdict = 'deny'\n{signs}"));
    let judged = judge(&policy, &place, |case| case.subject = subject);
    assert_eq!(judged.verdict, expected, "{judged:?}");
}

#[test]
fn a_rule_for_a_branch_asks_where_the_branch_is_not_known() {
    let place = Place::new();
    let policy = load(
        "[[rule]]\nname = 'd'\nverdict = 'deny'\nprogram = 'ls'\nbranch = 'main'\nmatch = ['ls']",
    );
    let judged = |branch: Option<&'static str>| {
        judge(&policy, &place, |case| {
            case.subject = "ls";
            case.contexts = Some(&[]);
            case.branch = branch;
        })
    };
    assert_eq!(judged(Some("main")).verdict, Verdict::Deny);
    assert_eq!(judged(Some("work")).verdict, Verdict::Allow);
    let unknown = judged(None);
    assert_eq!(
        (unknown.verdict, unknown.rule.as_str()),
        (Verdict::Ask, "d")
    );
    assert_eq!(
        unknown.why,
        "the rule “d” may be about it: the branch is not known"
    );
}

#[test]
fn the_strictest_rule_is_named_and_among_equals_the_first_by_name() {
    let rule = |name: &str, verdict: &str| {
        format!(
            "[[rule]]\nname = '{name}'\nverdict = '{verdict}'\nprogram = 'mv'\nwhy = 'because {name}'\nmatch = ['mv a']\n"
        )
    };
    let place = Place::new();
    let policy = load(&[rule("c", "deny"), rule("a", "ask"), rule("b", "deny")].concat());
    let judged = judge(&policy, &place, |case| case.subject = "mv a b");
    assert_eq!(
        judged,
        Judgement {
            verdict: Verdict::Deny,
            rule: "b".into(),
            why: "because b".into()
        }
    );
}

#[rstest]
#[case("make all", true)]
#[case("cargo test --workspace", true)]
#[case("npm run build", true)]
#[case("git commit -m 'a message'", true)]
#[case("make README.md", true)]
#[case("make -C ../outside all", false)]
#[case("make .env", false)]
#[case("make FILE=.env", false)]
#[case("make FILE=../outside/x", false)]
#[case("make link-out/notes.txt", false)]
#[case("make /nowhere", false)]
#[case("make '~/x'", false)]
#[case("make ../nowhere", false)]
#[case("mkfs.ext4 x", false)]
#[case("git push", false)]
#[case("rm x", false)]
#[case("/bin/rm x", false)]
#[case("python3 x.py", false)]
#[case("env make", false)]
#[case("sudo make", false)]
#[case("tmux ls", false)]
#[case("make; make", false)]
#[case("make \u{200b}", false)]
#[case("./tools/ls", true)]
fn a_suggested_rule_allows_exactly_this(#[case] subject: &'static str, #[case] is_safe: bool) {
    let place = Place::new();
    let shop = place.shop();
    let case = Case {
        tool: "claude-code",
        kind: PromptKind::Command,
        subject,
        host: "local",
        contexts: Some(&[]),
        dir: &shop,
        project: Some(&shop),
        branch: None,
        source: Source::Hook,
        resolve: &real,
    };
    let Some(text) = suggest(&case) else {
        assert!(!is_safe, "nothing suggested");
        return;
    };
    assert!(is_safe, "{text}");
    let policy = load(&text);
    assert_eq!(policy.judge(&case).verdict, Verdict::Allow, "{text}");
    assert_ne!(
        policy
            .judge(&Case {
                tool: "codex",
                ..case
            })
            .verdict,
        Verdict::Allow
    );
    assert_ne!(
        policy
            .judge(&Case {
                host: "gpu",
                ..case
            })
            .verdict,
        Verdict::Allow
    );
    assert_ne!(
        policy
            .judge(&Case {
                source: Source::Screen,
                ..case
            })
            .verdict,
        Verdict::Allow
    );
    let more = format!("{subject} more");
    assert_ne!(
        policy
            .judge(&Case {
                subject: &more,
                ..case
            })
            .verdict,
        Verdict::Allow
    );
}

#[test]
fn a_suggested_rule_for_a_file_is_for_that_file() {
    let place = Place::new();
    let shop = place.shop();
    let case = |subject: &'static str| Case {
        tool: "claude-code",
        kind: PromptKind::Edit,
        subject,
        host: "local",
        contexts: Some(&[]),
        dir: &shop,
        project: Some(&shop),
        branch: None,
        source: Source::Hook,
        resolve: &real,
    };
    let policy = load(&suggest(&case("src/main.rs")).unwrap());
    assert_eq!(policy.judge(&case("./src/main.rs")).verdict, Verdict::Allow);
    assert_eq!(policy.judge(&case("code/main.rs")).verdict, Verdict::Allow);
    assert_eq!(policy.judge(&case("src/lib.rs")).verdict, Verdict::Ask);
    for refused in [
        ".env",
        "src/link.txt",
        "nofile",
        "../outside/notes.txt",
        ".git/config",
    ] {
        assert_eq!(suggest(&case(refused)), None, "{refused}");
    }
    let question = Case {
        kind: PromptKind::Question,
        ..case("src/main.rs")
    };
    assert_eq!(suggest(&question), None);
    let fetch = Case {
        kind: PromptKind::Fetch,
        ..case("src/main.rs")
    };
    assert_eq!(suggest(&fetch), None);
    let title = Case {
        source: Source::Title,
        ..case("src/main.rs")
    };
    assert_eq!(suggest(&title), None);
}

#[test]
fn the_hash_is_of_all_the_text() {
    let hash = |files: &[(&str, &str)]| {
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()))
            .collect();
        Policy::load(&files).unwrap().hash()
    };
    let shipped = Policy::shipped().hash();
    assert_eq!(shipped.len(), 64);
    assert_eq!(shipped, hash(&[]));
    assert_ne!(shipped, Policy::empty().hash());
    assert_ne!(shipped, hash(&[("a", "")]));
    assert_ne!(hash(&[("a", "# x")]), hash(&[("a", "# y")]));
    assert_ne!(
        hash(&[("a", "# x\n"), ("b", "")]),
        hash(&[("a", ""), ("b", "# x\n")])
    );
    assert_eq!(
        hash(&[("a", "# x"), ("b", "# y")]),
        hash(&[("b", "# y"), ("a", "# x")])
    );
}

#[test]
fn a_rule_for_a_context_that_is_not_known_lowers_nothing() {
    let place = Place::new();
    let policy = load(
        "[[rule]]\nname = 'r'\nverdict = 'deny'\ncontext = 'shop'\nprogram = 'make'\n\
         match = ['make all']\nnot_match = ['ls']",
    );
    let known = judge(&policy, &place, |_| {});
    assert_eq!(known.verdict, Verdict::Deny, "{known:?}");
    let elsewhere = judge(&policy, &place, |case| case.contexts = Some(&["api"]));
    assert_eq!(
        (elsewhere.verdict, elsewhere.rule.as_str()),
        (Verdict::Ask, "")
    );
    let outside = judge(&policy, &place, |case| {
        case.contexts = Some(&[]);
        case.subject = "ls";
    });
    assert_eq!(outside.verdict, Verdict::Allow, "{outside:?}");
    let outside = judge(&policy, &place, |case| case.contexts = Some(&[]));
    assert_eq!((outside.verdict, outside.rule.as_str()), (Verdict::Ask, ""));
    let of_two = judge(&policy, &place, |case| {
        case.contexts = Some(&["api", "shop"]);
    });
    assert_eq!(of_two.verdict, Verdict::Deny, "{of_two:?}");
    let unknown = judge(&policy, &place, |case| case.contexts = None);
    assert_eq!(
        (unknown.verdict, unknown.rule.as_str()),
        (Verdict::Ask, "r")
    );
    assert_eq!(
        unknown.why,
        "the rule “r” may be about it: the context is not known"
    );
}

#[test]
fn where_the_context_is_not_known_nothing_is_allowed_and_what_is_denied_everywhere_stays_so() {
    let place = Place::new();
    let shipped = judge(&Policy::shipped(), &place, |case| {
        case.subject = "ls";
        case.contexts = None;
    });
    assert_eq!(
        (shipped.verdict, shipped.why.as_str()),
        (Verdict::Ask, "which context it is in cannot be told")
    );
    let denied = judge(&load(PUSH), &place, |case| {
        case.subject = "git push";
        case.contexts = None;
    });
    assert_eq!(denied.verdict, Verdict::Deny);
}
