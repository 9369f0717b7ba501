//! The grammar of commands, case by case.

use rstest::rstest;

use super::*;

#[rstest]
#[case("ls", &["ls"])]
#[case("  ls   -la  ", &["ls", "-la"])]
#[case("git log --format=%h -5", &["git", "log", "--format=%h", "-5"])]
#[case("grep -n 'a | b; $(c) `d` \\.e' src/x.rs", &["grep", "-n", "a | b; $(c) `d` \\.e", "src/x.rs"])]
#[case(r#"rg "it's here" ''"#, &["rg", "it's here", ""])]
#[case(r#"rg --glob="*.rs" a'b'c"#, &["rg", "--glob=*.rs", "abc"])]
#[case("g++ a=b x,y:z@1+2 %", &[])]
#[case("a b%c d=e", &["a", "b%c", "d=e"])]
#[case("./a_b/c-1.2 x", &["./a_b/c-1.2", "x"])]
#[case("/bin/ls 0", &["/bin/ls", "0"])]
#[case("_x", &["_x"])]
#[case("rg '\\a\\b' x", &["rg", "\\a\\b", "x"])]
#[case("rg 'a''' x", &[])]
#[case(r#"rg "" '' x"#, &["rg", "", "", "x"])]
fn words_are_what_a_program_would_get(#[case] text: &str, #[case] expected: &[&str]) {
    let found = words(text).unwrap_or_default();
    assert_eq!(found, expected);
}

#[rstest]
#[case("", Unprovable::Empty)]
#[case("   ", Unprovable::Empty)]
#[case("ls\nrm x", Unprovable::Lines)]
#[case("ls\rrm x", Unprovable::Unseen('\r'))]
#[case("ls\trm", Unprovable::Unseen('\t'))]
#[case("ls\u{a0}x", Unprovable::Unseen('\u{a0}'))]
#[case("ls \u{200b}", Unprovable::Unseen('\u{200b}'))]
#[case("ls\u{7f}", Unprovable::Unseen('\u{7f}'))]
#[case("cat 'ä'", Unprovable::Unseen('ä'))]
#[case("ls    x", Unprovable::Padding)]
#[case("ls 'a    b'", Unprovable::Padding)]
#[case("ls x    ", Unprovable::Padding)]
#[case("ls | wc", Unprovable::Special('|'))]
#[case("ls && rm x", Unprovable::Special('&'))]
#[case("ls; rm x", Unprovable::Special(';'))]
#[case("ls > x", Unprovable::Special('>'))]
#[case("ls 2>&1", Unprovable::Special('>'))]
#[case("cat < x", Unprovable::Special('<'))]
#[case("ls (x)", Unprovable::Special('('))]
#[case("ls x)", Unprovable::Special(')'))]
#[case("ls $HOME", Unprovable::Special('$'))]
#[case("ls `x`", Unprovable::Special('`'))]
#[case("ls *", Unprovable::Special('*'))]
#[case("ls a?", Unprovable::Special('?'))]
#[case("ls [a]", Unprovable::Special('['))]
#[case("ls a]", Unprovable::Special(']'))]
#[case("ls {a,b}", Unprovable::Special('{'))]
#[case("ls a}", Unprovable::Special('}'))]
#[case("ls ~", Unprovable::Special('~'))]
#[case("git show HEAD~1", Unprovable::Special('~'))]
#[case("git show HEAD^", Unprovable::Special('^'))]
#[case("ls a\\ b", Unprovable::Special('\\'))]
#[case("ls !1", Unprovable::Special('!'))]
#[case("ls # x", Unprovable::Special('#'))]
#[case("ls a#b", Unprovable::Special('#'))]
#[case("ls =x", Unprovable::Special('='))]
#[case("ls %1", Unprovable::Special('%'))]
#[case("ls ''=x", Unprovable::Special('='))]
#[case("ls \"\"%1", Unprovable::Special('%'))]
#[case(r#"ls "$x""#, Unprovable::InDoubleQuotes('$'))]
#[case(r#"ls "`x`""#, Unprovable::InDoubleQuotes('`'))]
#[case(r#"ls "a\b""#, Unprovable::InDoubleQuotes('\\'))]
#[case(r#"ls "a!""#, Unprovable::InDoubleQuotes('!'))]
#[case(r"ls 'a\\b'", Unprovable::InSingleQuotes('\\'))]
#[case("ls 'a''b'", Unprovable::Adjacent)]
#[case(r#"ls "a"'b'"#, Unprovable::Adjacent)]
#[case("ls 'a", Unprovable::Open)]
#[case("ls \"a", Unprovable::Open)]
#[case("'ls' x", Unprovable::Program)]
#[case("\"ls\" x", Unprovable::Program)]
#[case("l's' x", Unprovable::Program)]
#[case("A=1 ls", Unprovable::Program)]
#[case("A=1", Unprovable::Program)]
#[case("-x", Unprovable::Program)]
#[case("1 x", Unprovable::Program)]
#[case(": x", Unprovable::Program)]
#[case("a:b", Unprovable::Program)]
#[case("a,b", Unprovable::Program)]
#[case("a@b", Unprovable::Program)]
#[case("a%b", Unprovable::Program)]
#[case("+x", Unprovable::Program)]
#[case("if x", Unprovable::Keyword("if".into()))]
#[case("time ls", Unprovable::Keyword("time".into()))]
#[case("command ls", Unprovable::Keyword("command".into()))]
#[case("  not ls", Unprovable::Keyword("not".into()))]
fn what_cannot_be_proved_is_named(#[case] text: &str, #[case] expected: Unprovable) {
    assert_eq!(words(text), Err(expected));
}

#[test]
fn a_backslash_before_a_closing_single_quote_is_refused() {
    // To fish it does not close.
    assert_eq!(words(r"rg 'a\' x"), Err(Unprovable::InSingleQuotes('\'')));
}

#[test]
fn the_length_is_bounded_in_bytes() {
    let fits = format!("ls {}", "x".repeat(LONGEST - 3));
    assert_eq!(words(&fits).unwrap().len(), 2);
    assert_eq!(words(&format!("{fits}x")), Err(Unprovable::TooLong));
}

#[test]
fn a_reason_reads_as_the_end_of_a_sentence() {
    let why = |text: &str| words(text).unwrap_err().to_string();
    assert_eq!(
        why("a && b"),
        "“&” joins commands or sends one to the background"
    );
    assert_eq!(
        why("a \u{202e}"),
        "it has a character that is not printable ASCII (U+202E)"
    );
    assert_eq!(
        why("a =b"),
        "“=” at the start of a word may stand for something else"
    );
    assert_eq!(why("a ^"), "“^” is not plain text to every shell");
}

#[test]
fn every_character_that_is_refused_says_what_it_would_do() {
    let refused = ('!'..='~').filter_map(|c| match words(&format!("a {c}")) {
        Err(why @ Unprovable::Special(_)) => Some(why.to_string()),
        _ => None,
    });
    insta::assert_snapshot!(refused.collect::<Vec<_>>().join("\n"), @r##"
    “!” may stand for an earlier command
    “#” may start a comment
    “$” puts in what the shell finds
    “%” at the start of a word may stand for something else
    “&” joins commands or sends one to the background
    “(” starts another shell
    “)” starts another shell
    “*” stands for names that the shell finds
    “;” joins commands
    “<” redirects input or output
    “=” at the start of a word may stand for something else
    “>” redirects input or output
    “?” stands for names that the shell finds
    “[” stands for names that the shell finds
    “\” changes what the next character means
    “]” stands for names that the shell finds
    “^” is not plain text to every shell
    “`” puts in what the shell finds
    “{” makes several words of one
    “|” sends output to another program
    “}” makes several words of one
    “~” may stand for a home folder
    "##);
}
