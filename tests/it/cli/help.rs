//! The help of every subcommand: complete, and no wider than the narrowest usual terminal.

use clap::{Command, CommandFactory as _};
use cm_tui::cli::Arguments;

use super::run;
use crate::lab::Lab;

/// The widest line, in columns.
const WIDEST: usize = 80;

/// Every subcommand as it is typed.
fn all(command: &Command, typed: &[String], found: &mut Vec<Vec<String>>) {
    found.push(typed.to_vec());
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let typed = [typed, &[sub.get_name().to_owned()]].concat();
        all(sub, &typed, found);
    }
}

#[test]
fn the_help_of_every_subcommand_is_narrow_and_says_what_each_argument_does() {
    let mut root = Arguments::command();
    root.build();
    let mut found = Vec::new();
    all(&root, &[], &mut found);
    assert!(found.len() > 8, "{found:?}");
    for typed in found {
        let mut command = &mut root;
        for word in &typed {
            command = command.find_subcommand_mut(word).unwrap();
        }
        let name = typed.join(" ");
        assert!(
            typed.is_empty() || command.get_about().is_some(),
            "{name}: what does it do?"
        );
        for argument in command.get_arguments() {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{name}: what does {id} do?");
        }
        // As a terminal of 80 columns shows it, whatever the test runs in.
        let mut narrow = command.clone().term_width(WIDEST);
        for text in [narrow.render_help(), narrow.render_long_help()] {
            for line in text.to_string().lines() {
                let width = cm_tui::term::sanitize::width(line);
                assert!(width <= WIDEST, "{name}: {width} columns: {line}");
            }
        }
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let lab = Lab::new();
    let text = run(&lab, &["list", "--help"]).ok();
    assert!(
        text.contains("Exit codes: 0 done, 1 failed, 2 wrong usage"),
        "{text}"
    );
    insta::assert_snapshot!(text);
}
