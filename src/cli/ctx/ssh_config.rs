//! The hosts of an `ssh_config` that have a plain name. Only the name is taken: all else is what SSH reads there anyway.

use std::collections::BTreeSet;

use super::import::Entry;

/// Each plain name once, in the order of the file; patterns and what is included or matched are told of.
pub fn read(text: &str) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let end = line.find(|c: char| c.is_whitespace() || c == '=');
        let Some((keyword, rest)) = end.and_then(|end| line.split_at_checked(end)) else {
            continue;
        };
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '=');
        match keyword.to_ascii_lowercase().as_str() {
            "host" => {
                for name in rest.split_whitespace().map(|name| name.trim_matches('"')) {
                    if name != "*" && !name.starts_with('!') && seen.insert(name.to_owned()) {
                        entries.push(entry(name));
                    }
                }
            }
            "include" => entries.push(Entry {
                name: format!("Include {rest}"),
                fields: Err("import that file by itself".to_owned()),
                left: Vec::new(),
            }),
            _ => {}
        }
    }
    entries
}

fn entry(name: &str) -> Entry {
    let fields = if name.contains(['*', '?']) {
        Err("it is a pattern, not a host".to_owned())
    } else {
        Ok(vec![("host", Some(name.into()))])
    };
    Entry {
        name: name.to_owned(),
        fields,
        left: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_taken_and_patterns_are_not() {
        let text = "Include conf.d/*\nHost gpu-2 \"gpu-3\"\n  HostName 10.0.0.2\n# Host no\n\
                    host = box\nHost *.lan !x gpu-2 *\nMatch host y\n";
        let found: Vec<(String, bool)> = read(text)
            .into_iter()
            .map(|entry| (entry.name, entry.fields.is_ok()))
            .collect();
        let expected = [
            ("Include conf.d/*", false),
            ("gpu-2", true),
            ("gpu-3", true),
            ("box", true),
            ("*.lan", false),
        ];
        assert_eq!(found, expected.map(|(name, is)| (name.to_owned(), is)));
    }
}
