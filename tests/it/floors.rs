//! The floors of the house: a room imports only rooms below it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each room and the floor it is on, as `src/lib.rs` draws it. Rooms of one floor do not see each other.
const FLOORS: [(&str, u8); 12] = [
    ("cli", 6),
    ("tui", 5),
    ("fleet", 4),
    ("agent", 4),
    ("transport", 3),
    ("protocol", 2),
    ("config", 2),
    ("logging", 2),
    ("domain", 1),
    ("term", 1),
    ("paths", 1),
    ("bin", 7),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names with `crate::ROOM`, in code and not in comments.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let in_code = text.lines().take_while(|line| *line != "#[cfg(test)]");
    for (number, line) in in_code
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
    {
        for (at, _) in line.match_indices("crate::") {
            let rest = line.get(at + "crate::".len()..).unwrap();
            let room: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            found.push((number + 1, room));
        }
    }
    found
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let floors: BTreeMap<&str, u8> = FLOORS.into_iter().collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 50, "where are the sources?");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&source).unwrap();
        let room = name
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if room == "lib" {
            continue;
        }
        let own = floors
            .get(room)
            .unwrap_or_else(|| panic!("{room} stands on no floor"));
        for (line, other) in imports(&std::fs::read_to_string(&file).unwrap()) {
            let below = floors.get(other.as_str()).is_some_and(|floor| floor < own);
            if other != room && !other.is_empty() && !below {
                wrong.push(format!("{}:{line} imports {other}", name.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The crates that only one room may know.
#[test]
fn foreign_crates_stay_in_their_rooms() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    for (krate, room) in [
        ("ratatui::", "tui"),
        ("crossterm::", "tui"),
        ("vt100::", "term"),
        ("clap::", "bin"),
        ("russh::", "transport/ssh"),
    ] {
        for file in &files {
            let name = file.strip_prefix(&source).unwrap();
            let uses = std::fs::read_to_string(file).unwrap().lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && line.contains(krate)
            });
            let allowed = name.starts_with(room) || (krate == "clap::" && name.starts_with("cli"));
            assert!(!uses || allowed, "{} uses {krate}", name.display());
        }
    }
}
