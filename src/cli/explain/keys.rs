//! Keys as `tmux send-keys` names them.

/// What tools read as a key, and its name.
const NAMED: [(&str, &str); 4] = [
    ("\u{1b}[A", "Up"),
    ("\u{1b}[B", "Down"),
    ("\u{1b}", "Escape"),
    ("\r", "Enter"),
];

/// The names of the keys that send `bytes`, separated by blanks.
pub fn names(bytes: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut rest = bytes;
    while let Some(first) = rest.chars().next() {
        let key = NAMED
            .iter()
            .find_map(|(keys, name)| Some((rest.strip_prefix(keys)?, *name)));
        if let Some((behind, name)) = key {
            names.push(name.to_owned());
            rest = behind;
        } else {
            names.push(first.to_string());
            rest = rest.strip_prefix(first).unwrap_or_default();
        }
    }
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::names;

    #[rstest]
    #[case("", "")]
    #[case("1", "1")]
    #[case("\u{1b}", "Escape")]
    #[case("\u{1b}[A\u{1b}[A\r", "Up Up Enter")]
    #[case("y\r", "y Enter")]
    fn keys_are_named_as_tmux_names_them(#[case] bytes: &str, #[case] named: &str) {
        assert_eq!(names(bytes), named);
    }
}
