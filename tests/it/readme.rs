//! The README says what the program does, not what it once did.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use cm_tui::cli::Arguments;
use cm_tui::tui::action::{Category, TABLE};

const README: &str = include_str!("../../README.md");
const BEGIN: &str =
    "<!-- keys: made from the table in src/tui/action.rs, held against it by a test -->\n";
const END: &str = "<!-- /keys -->";

/// The key table, as Markdown, in the order of the help page.
fn keys() -> String {
    let mut table = String::from("\n| keys | | name in `[keys]` |\n| --- | --- | --- |\n");
    for category in Category::ALL
        .into_iter()
        .filter(|category| *category != Category::Form)
    {
        for spec in TABLE.iter().filter(|spec| spec.category == category) {
            let keys: Vec<String> = spec.keys.iter().map(|key| format!("`{key}`")).collect();
            writeln!(
                table,
                "| {} | {} | {} |",
                keys.join(" "),
                spec.help,
                spec.name
            )
            .unwrap();
        }
    }
    table.push('\n');
    table
}

#[test]
fn the_key_table_is_the_table() {
    let (_, rest) = README
        .split_once(BEGIN)
        .expect("the beginning of the key table");
    let (shown, _) = rest.split_once(END).expect("the end of the key table");
    assert_eq!(
        shown,
        keys(),
        "put this between the two comments:\n{}",
        keys()
    );
}

#[test]
fn what_the_readme_points_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for part in README.split("](").skip(1) {
        let (target, _) = part.split_once(')').unwrap();
        if let Some(anchor) = target.strip_prefix('#') {
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase();
            let mut headings = README.lines().filter(|line| line.starts_with('#'));
            assert!(headings.any(|line| heading(line) == anchor), "{target}");
        } else if !target.starts_with("http") {
            assert!(root.join(target).exists(), "{target}");
            links += 1;
        }
    }
    assert!(links > 3);
    for command in ["sh assets/setup.sh run", "sh assets/setup.sh test"] {
        assert!(README.lines().any(|line| line == command), "{command}");
    }
}

#[test]
fn every_command_of_the_readme_is_one() {
    let root = Arguments::command();
    let lines = README
        .lines()
        .filter_map(|line| line.strip_prefix("cm-tui "));
    let spans = README.split("`cm-tui ").skip(1);
    let mut commands = 0;
    for typed in lines.chain(spans) {
        let typed = typed.split(['`', '\n']).next().unwrap();
        let words = typed.split(' ');
        let mut command = &root;
        for word in words.take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
            if !command.has_subcommands() {
                break;
            }
            let found = command.find_subcommand(word);
            command = found.unwrap_or_else(|| panic!("cm-tui {typed}"));
            commands += 1;
        }
    }
    assert!(commands > 20, "{commands}");
}
