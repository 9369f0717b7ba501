//! What is made of the words of a task: a name for the session, and the command line to read before it runs.

use crate::tui::widget::clean;

/// The longest name made from a task.
const NAME_LEN: usize = 24;
/// Words that say nothing about a task.
const EMPTY_WORDS: [&str; 24] = [
    "a", "an", "and", "are", "at", "do", "find", "for", "from", "how", "in", "is", "it", "of",
    "on", "or", "please", "that", "the", "this", "to", "what", "why", "with",
];

/// A word as a shell would need it, for reading only: sessions are started without a shell.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("\"{}\"", clean(word).replace('"', "\\\""))
    }
}

/// A short name made of the first words that say something.
pub fn name_from(task: &str) -> Option<String> {
    let mut name = String::new();
    let words = task
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_lowercase)
        .filter(|word| !word.is_empty() && !EMPTY_WORDS.contains(&word.as_str()));
    for word in words.take(3) {
        if !name.is_empty() {
            if name.len() + 1 + word.len() > NAME_LEN {
                break;
            }
            name.push('-');
        }
        name.extend(word.chars().take(NAME_LEN));
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Find why run 41 diverges after step 12k", Some("run-41-diverges"))]
    #[case("fix the login", Some("fix-login"))]
    #[case("", None)]
    #[case("the", None)]
    #[case("日本語", None)]
    #[case(
        "refactor-authentication-middleware layer",
        Some("refactor-authentication")
    )]
    fn names_come_from_what_the_task_says(#[case] task: &str, #[case] name: Option<&str>) {
        assert_eq!(name_from(task).as_deref(), name);
    }

    #[rstest]
    #[case("claude", "claude")]
    #[case("--model=x", "--model=x")]
    #[case("fix it", "\"fix it\"")]
    #[case("say \"hi\"", "\"say \\\"hi\\\"\"")]
    #[case("$(rm)", "\"$(rm)\"")]
    fn words_are_quoted_for_reading(#[case] word: &str, #[case] shown: &str) {
        assert_eq!(quoted(word), shown);
    }
}
