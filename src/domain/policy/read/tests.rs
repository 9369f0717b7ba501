//! What is told of files that load and of those that do not.

use rstest::rstest;

use crate::domain::policy::{Policy, Problem, RuleFile, SAMPLE, SHIPPED, SHIPPED_NAME};

fn told(text: &str) -> String {
    told_of(text, &[])
}

/// The same for a file that is for these contexts alone.
fn told_of(text: &str, contexts: &[&str]) -> String {
    let line = |problem: &Problem| {
        if problem.hint.is_empty() {
            problem.to_string()
        } else {
            format!("{problem} / {}", problem.hint)
        }
    };
    let file = RuleFile {
        name: "p.toml".to_owned(),
        text: text.to_owned(),
        contexts: contexts.iter().map(ToString::to_string).collect(),
    };
    match Policy::load_files(&[file]) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn the_shipped_rules_load() {
    let alone = format!("shipped = false\n{SHIPPED}");
    assert_eq!(told(&alone), "");
    let rules = SHIPPED.matches("[[rule]]").count();
    assert_eq!(Policy::shipped().rules().count(), rules);
    assert_eq!(Policy::empty().rules().count(), 0);
    let own = Policy::load(&[("own".into(), "shipped = false".into())]).unwrap();
    assert_eq!(own.rules().count(), 0);
}

#[test]
fn the_sample_and_its_examples_load() {
    assert_eq!(told(SAMPLE), "");
    assert!(
        SAMPLE
            .lines()
            .all(|line| line.is_empty() || line.starts_with('#'))
    );
    let settings = SAMPLE
        .lines()
        .filter(|line| line.starts_with('#') && !line.starts_with("# "));
    let settings: Vec<&str> = settings.filter_map(|line| line.strip_prefix('#')).collect();
    let examples = SAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .filter(|line| !line.starts_with(' '));
    let text: Vec<&str> = settings.into_iter().chain(examples).collect();
    let text = text.join("\n");
    assert!(
        text.contains("shipped = true") && text.matches("[[rule]]").count() > 4,
        "{text}"
    );
    assert_eq!(told(&text), "");
}

#[test]
fn a_problem_of_the_shipped_rules_has_their_name() {
    let own = "[[rule]]\nname = 'ls'\nverdict = 'deny'\nmatch = ['x']";
    assert_eq!(
        told(own),
        format!(
            "p.toml:2:8: the name “ls” is used more than once / rename it: the other one is in {SHIPPED_NAME}"
        )
    );
}

const RULE: &str =
    "[[rule]]\nname = 'r'\nverdict = 'allow'\nmatch = ['mk a']\nnot_match = ['no']\n";

#[rstest]
#[case("program = 'mk'\noperands = 'text'", "")]
#[case("argv = ['mk', 'a']", "")]
#[case("program = 'mk'\noperands = 'text'\nkind = 'command'", "")]
#[case(
    "program = 'mk'\noperands = 'txt'",
    "p.toml:7:12: “txt” are no operands / did you mean “text”?"
)]
#[case(
    "progam = 'mk'",
    "p.toml:2:8: no rule can allow this\np.toml:6:1: unknown key “progam” / did you mean “program”?"
)]
#[case(
    "program = 'mk'",
    "p.toml:4:10: the rule “r” does not match its own example / the rule knows no “a”"
)]
#[case(
    "program = 'mk'\noperands = 'text'\noptions = ['l']",
    "p.toml:8:12: “l” is not the name of an option / as in"
)]
#[case(
    "program = 'mk'\noperands = 'text'\noptions = ['-l.']",
    "p.toml:8:12: “-l.” is not the name of an option / as in"
)]
#[case(
    "program = 'mk'\noperands = 'text'\noptions = ['-l NUMER']",
    "p.toml:8:12: “NUMER” is no value: NUMBER"
)]
#[case(
    "program = 'mk'\noperands = 'text'\noptions = ['-l=TEXT']",
    "p.toml:8:12: only an option with two dashes"
)]
#[case(
    "program = 'mk'\noperands = 'text'\noptions = 5",
    "p.toml:8:11: “options” is a list of strings"
)]
#[case("program = 5", "p.toml:6:11: “program” is a string")]
#[case(
    "program = 'env'\noperands = 'text'",
    "p.toml:6:11: “env” runs what it is given"
)]
#[case(
    "program = 'python3.12'\noperands = 'text'",
    "p.toml:6:11: “python3.12” runs what it is given"
)]
#[case(
    "program = './mk'\noperands = 'text'",
    "p.toml:6:11: “./mk” is not the bare name of a program"
)]
#[case(
    "program = 'if'\noperands = 'text'",
    "p.toml:6:11: “if” is not the bare name of a program"
)]
#[case(
    "argv = ['sudo', 'mk']",
    "p.toml:6:8: “sudo” is never allowed by a rule"
)]
#[case("argv = []", "p.toml:6:8: “argv” is empty")]
#[case(
    "argv = ['mk', 'b']",
    "p.toml:4:10: the rule “r” does not match its own example / it is about something else"
)]
#[case(
    "program = 'mk'\nargv = ['mk']",
    "p.toml:2:8: “program”, “argv” and “path” exclude each other"
)]
#[case(
    "program = 'mk'\npath = 'a'",
    "p.toml:2:8: “program”, “argv” and “path” exclude each other"
)]
#[case(
    "argv = ['mk']\npath = 'a'",
    "p.toml:2:8: “program”, “argv” and “path” exclude each other"
)]
#[case(
    "operands = 'text'",
    "p.toml:2:8: words are allowed, but of no program"
)]
#[case("subcommand = 'x'", "p.toml:2:8: words are allowed, but of no program")]
#[case("options = ['-l']", "p.toml:2:8: words are allowed, but of no program")]
#[case(
    "program = 'mk'\nkind = 'read'",
    "p.toml:2:8: a rule for a program is of the kind “command” only"
)]
#[case(
    "kind = ['fetch']",
    "p.toml:2:8: no rule can allow this without a person"
)]
#[case(
    "kind = ['read', 'tool_call']",
    "p.toml:2:8: no rule can allow this without a person"
)]
#[case(
    "kind = ['trust']",
    "p.toml:2:8: no rule can allow this\np.toml:6:9: “trust” means nothing as “kind”"
)]
#[case(
    "kind = ['raed']",
    "p.toml:2:8: no rule can allow this\np.toml:6:9: “raed” means nothing as “kind” / did you mean “read”?"
)]
#[case(
    "kind = ['edit']",
    "p.toml:2:8: a rule that allows changes needs “path”"
)]
#[case(
    "kind = []",
    "p.toml:2:8: no rule can allow this\np.toml:6:8: “kind” is empty"
)]
#[case("kind = ['edit']\npath = []", "p.toml:7:8: “path” is empty")]
#[case(
    "kind = ['edit']\npath = ['../x']",
    "p.toml:7:9: a pattern has no “.”, “..” or empty name in it"
)]
#[case(
    "words = ['x']\nprogram = 'mk'\noperands = 'text'",
    "p.toml:6:1: “words” means nothing in a rule that says allow"
)]
#[case(
    "program = 'mk'\noperands = 'text'\ndir = ['src']",
    "p.toml:8:7: a folder is an absolute path"
)]
#[case(
    "program = 'mk'\noperands = 'text'\nsource = ['title']",
    "p.toml:8:11: “title” means nothing as “source”"
)]
#[case(
    "program = 'mk'\noperands = 'text'\ntool = ['']",
    "p.toml:8:9: not a word of printable ASCII"
)]
#[case(
    "program = 'mk'\noperands = 'text'\ntool = ['ä']",
    "p.toml:8:9: not a word of printable ASCII"
)]
fn a_rule_that_could_mean_something_else_is_refused(#[case] body: &str, #[case] expected: &str) {
    assert_told(&told(&format!("{RULE}{body}")), expected);
}

/// Whether each line is told, by its beginning, and no other.
fn assert_told(told: &str, expected: &str) {
    let is_told = |(line, expected): (&str, &str)| line.starts_with(expected);
    assert!(
        told.lines().count() == expected.lines().count()
            && told.lines().zip(expected.lines()).all(is_told),
        "{told}"
    );
}

#[rstest]
#[case("x = ", "p.toml:1:")]
#[case("rules = 1", "p.toml:1:1: unknown key “rules” / did you mean “rule”?")]
#[case("rule = 1", "p.toml:1:1: “rule” is a list of tables")]
#[case("rule = [1]", "p.toml:1:9: a rule is a table")]
#[case("shipped = 'no'", "p.toml:1:11: “shipped” is true or false")]
#[case("[[rule]]\nverdict = 'deny'", "p.toml:1:1: a rule has no name")]
#[case(
    "[[rule]]\nname = 'a b'\nverdict = 'deny'\nmatch = ['x']",
    "p.toml:2:8: not a name"
)]
#[case(
    "[[rule]]\nname = ''\nverdict = 'deny'\nmatch = ['x']",
    "p.toml:2:8: not a name"
)]
#[case(
    "[[rule]]\nname = 'a'\nmatch = ['x']",
    "p.toml:1:1: a rule has no verdict"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'no'",
    "p.toml:3:11: “no” is no verdict / one of: allow, ask, deny"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'",
    "p.toml:2:8: the rule “a” has no example that matches"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nargv = ['x']\nmatch = ['x']",
    "p.toml:4:1: “argv” means nothing in a rule that says deny"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nprogram = 'git'\nmatch = ['x']",
    "p.toml:5:10: the rule “a” does not match its own example"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nprogram = 'git'\nmatch = ['git x']\nnot_match = ['git y']",
    "p.toml:6:14: the rule “a” matches an example that it must not match"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'allow'\nargv = ['x']\nmatch = ['x']",
    "p.toml:2:8: the rule “a” has no example that does not match"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nmatch = ['x\u{200b}']",
    "p.toml:4:10: the rule “a” does not match its own example / it has a character"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\ncontains = ['']\nmatch = ['x']",
    "p.toml:4:13: not a word of printable ASCII"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nprogram = 'a b'\nmatch = ['x']",
    "p.toml:4:11: “a b” is not the bare name"
)]
#[case(
    "[[rule]]\nname = 'a'\nverdict = 'deny'\nmatch = ['x']\nbranch = ['[m]']",
    "p.toml:5:11: “[” means nothing in a pattern"
)]
fn a_file_that_could_mean_something_else_is_refused(#[case] text: &str, #[case] expected: &str) {
    assert_told(&told(text), expected);
}

#[test]
fn a_name_has_up_to_64_characters() {
    for (length, expected) in [
        (64, ""),
        (65, "p.toml:2:8: not a name / use up to 64 letters"),
    ] {
        let name = "x".repeat(length);
        let rule = format!("[[rule]]\nname = '{name}'\nverdict = 'deny'\nmatch = ['x']");
        assert_told(&told(&rule), expected);
    }
}

#[test]
fn a_person_may_take_back_what_a_shipped_rule_allows() {
    let deny = "[[rule]]\nname = 'd'\nverdict = 'deny'\nprogram = 'pwd'\nmatch = ['pwd']";
    assert_eq!(told(deny), "");
}

#[test]
fn a_rule_that_others_always_go_before_is_refused() {
    let allow = "[[rule]]\nname = 'r'\nverdict = 'allow'\nargv = ['mk']\nmatch = ['mk']\nnot_match = ['no']\n";
    let deny = "[[rule]]\nname = 'd'\nverdict = 'deny'\nprogram = 'mk'\nmatch = ['mk']\n";
    let expected = "p.toml:2:8: the rule “r” never applies / the rule “d” goes before it for each of its examples";
    assert_eq!(told(&format!("{allow}{deny}")), expected);
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = "shiped = 1\n[[rule]]\nname = 'a'\nverdict = 'x'\n[[rule]]\nverdict = 'deny'\n";
    let told = told(text);
    let places: Vec<&str> = told
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(places, ["p.toml:1:1:", "p.toml:4:11:", "p.toml:5:1:"]);
}

#[test]
fn too_many_rules_are_refused() {
    let rules = |count: usize| -> String {
        let rule =
            |number| format!("[[rule]]\nname = 'r{number}'\nverdict = 'ask'\nmatch = ['x']\n");
        (0..count).map(rule).collect()
    };
    let expected = "policy: there are more than 1000 rules / join some of them";
    for (count, expected) in [(1000, ""), (1001, expected)] {
        let text = format!("shipped = false\n{}", rules(count));
        assert_eq!(told(&text), expected);
    }
}

#[test]
fn the_file_of_a_context_says_nothing_of_others() {
    let rule = "[[rule]]\nname = 'a'\nverdict = 'deny'\nmatch = ['x']\n";
    assert_eq!(told_of(rule, &["shop"]), "");
    assert_eq!(
        told_of(&format!("{rule}context = 'api'"), &["shop", "store"]),
        "p.toml:5:11: “context” in a file that is one context’s own / leave it out: the rules of this file hold in shop, store"
    );
    assert_eq!(
        told_of("shipped = false", &["shop"]),
        "p.toml:1:11: “shipped” in a file that is one context’s own / write it into policy.toml: those rules hold everywhere"
    );
}

#[test]
fn where_contexts_are_is_in_the_hash_if_a_rule_is_about_them() {
    let plain = Policy::shipped();
    assert_eq!(plain.hash(), plain.clone().placed("/a").hash());
    let file = |contexts: &[&str]| RuleFile {
        name: "p.toml".to_owned(),
        text: "[[rule]]\nname = 'a'\nverdict = 'deny'\nmatch = ['x']\n".to_owned(),
        contexts: contexts.iter().map(ToString::to_string).collect(),
    };
    let hash = |contexts: &[&str], places: &str| {
        let policy = Policy::load_files(&[file(contexts)]).unwrap();
        policy.placed(places).hash()
    };
    assert_eq!(hash(&["shop"], "/a"), hash(&["shop"], "/a"));
    assert_ne!(hash(&["shop"], "/a"), hash(&["shop"], "/b"));
    assert_ne!(hash(&["shop"], "/a"), hash(&["api"], "/a"));
    assert_ne!(hash(&["shop"], "/a"), hash(&[], "/a"));
    assert_eq!(hash(&[], "/a"), hash(&[], "/b"));
}
