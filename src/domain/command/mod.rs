//! The small part of shell language of which it can be proved what a shell makes of it: plain words and simple quotes.
//!
//! A rule judges the words that a program would be given, never the text. So a text is read only when every shell splits
//! it in the same way and changes nothing in it; of anything else it is said why not, and a person is asked. There is no
//! way to read a text wrongly and go on: [`words`] knows no escape, no expansion and no operator, it refuses them.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

#[cfg(test)]
mod tests;

/// The longest command line that is read, in bytes: what is longer no person reads to its end before a yes.
pub const LONGEST: usize = 4096;
/// The most spaces in a row: more of them push what follows out of sight.
const MOST_SPACES: usize = 3;

/// What has a meaning of its own as the first word: of POSIX, bash, zsh and fish.
const KEYWORDS: [&str; 31] = [
    "and",
    "begin",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "end",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "nocorrect",
    "noglob",
    "not",
    "or",
    "repeat",
    "return",
    "select",
    "switch",
    "then",
    "time",
    "typeset",
    "until",
    "while",
    "builtin",
    "command",
];

/// Why nothing can be proved of a text. Reads as the end of “this asks, because …”.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprovable {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it has more than one line")]
    Lines,
    #[error("it has a character that is not printable ASCII (U+{code:04X})", code = u32::from(*.0))]
    Unseen(char),
    #[error("it has a run of spaces that can push something out of sight")]
    Padding,
    #[error("“{0}” {meaning}", meaning = meaning(*.0))]
    Special(char),
    #[error("“{0}” inside double quotes is not plain text to every shell")]
    InDoubleQuotes(char),
    #[error("a backslash before “{0}” in single quotes is not plain text to every shell")]
    InSingleQuotes(char),
    #[error("a quote follows a quote")]
    Adjacent,
    #[error("a quote is not closed")]
    Open,
    #[error("its first word is not a plain program name")]
    Program,
    #[error("its first word, “{0}”, is part of the shell's own language")]
    Keyword(String),
}

/// What a shell does with a character outside quotes.
fn meaning(c: char) -> &'static str {
    match c {
        '|' => "sends output to another program",
        '&' => "joins commands or sends one to the background",
        ';' => "joins commands",
        '<' | '>' => "redirects input or output",
        '(' | ')' => "starts another shell",
        '$' | '`' => "puts in what the shell finds",
        '*' | '?' | '[' | ']' => "stands for names that the shell finds",
        '{' | '}' => "makes several words of one",
        '~' => "may stand for a home folder",
        '\\' => "changes what the next character means",
        '!' => "may stand for an earlier command",
        '#' => "may start a comment",
        '=' | '%' => "at the start of a word may stand for something else",
        _ => "is not plain text to every shell",
    }
}

/// Whether a text is one line of printable ASCII that shows all there is to see: no control or invisible character, no
/// end, no gap that pushes the rest out of sight.
pub fn visible(text: &str) -> Result<(), Unprovable> {
    if text.trim().is_empty() {
        return Err(Unprovable::Empty);
    }
    if text.len() > LONGEST {
        return Err(Unprovable::TooLong);
    }
    let mut spaces: usize = 0;
    for c in text.chars() {
        match c {
            '\n' => return Err(Unprovable::Lines),
            ' ' => spaces = spaces.saturating_add(1),
            '!'..='~' => spaces = 0,
            _ => return Err(Unprovable::Unseen(c)),
        }
        if spaces > MOST_SPACES {
            return Err(Unprovable::Padding);
        }
    }
    Ok(())
}

/// Returns the words that a shell would hand to the program, the program's name first; at least one.
pub fn words(text: &str) -> Result<Vec<String>, Unprovable> {
    visible(text)?;
    let mut words = Vec::new();
    let mut reader = Reader::default();
    for c in text.chars() {
        if let Some(word) = reader.feed(c)? {
            words.push(word);
        }
    }
    words.extend(reader.end()?);
    // Quotes in the name of the program serve no purpose but to hide it.
    let first = text.split(' ').find(|word| !word.is_empty());
    check_program(first.unwrap_or_default())?;
    Ok(words)
}

fn check_program(word: &str) -> Result<(), Unprovable> {
    let starts_well =
        word.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '.' | '_'));
    let is_plain = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+'));
    if !starts_well || !is_plain {
        return Err(Unprovable::Program);
    }
    if KEYWORDS.contains(&word) {
        return Err(Unprovable::Keyword(word.to_owned()));
    }
    Ok(())
}

/// Where the reader stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Between,
    Plain,
    /// Inside single quotes, behind a backslash or not.
    Single {
        backslash: bool,
    },
    Double,
    /// Right behind a closing quote.
    Closed,
}

#[derive(Debug, Default)]
struct Reader {
    place: Place,
    word: String,
}

impl Reader {
    /// Takes the next character; returns the word that it ends, if it ends one.
    fn feed(&mut self, c: char) -> Result<Option<String>, Unprovable> {
        let place = match (self.place, c) {
            // To fish these two are escapes.
            (Place::Single { backslash: true }, '\'' | '\\') => {
                return Err(Unprovable::InSingleQuotes(c));
            }
            (Place::Single { .. }, '\'') | (Place::Double, '"') => Place::Closed,
            (Place::Single { .. }, _) => {
                self.word.push(c);
                Place::Single {
                    backslash: c == '\\',
                }
            }
            (Place::Double, '$' | '`' | '\\' | '!') => return Err(Unprovable::InDoubleQuotes(c)),
            (Place::Double, _) => {
                self.word.push(c);
                Place::Double
            }
            (Place::Closed, '\'' | '"') => return Err(Unprovable::Adjacent),
            (_, '\'') => Place::Single { backslash: false },
            (_, '"') => Place::Double,
            (Place::Between, ' ') => Place::Between,
            (_, ' ') => {
                self.place = Place::Between;
                return Ok(Some(std::mem::take(&mut self.word)));
            }
            (place, _) if is_plain(c, place != Place::Plain) => {
                self.word.push(c);
                Place::Plain
            }
            _ => return Err(Unprovable::Special(c)),
        };
        self.place = place;
        Ok(None)
    }

    fn end(self) -> Result<Option<String>, Unprovable> {
        match self.place {
            Place::Between => Ok(None),
            Place::Plain | Place::Closed => Ok(Some(self.word)),
            Place::Single { .. } | Place::Double => Err(Unprovable::Open),
        }
    }
}

/// Whether no shell sees more in a character outside quotes than itself. At the start of a word `=` is a program's path to
/// zsh, also behind an empty quote, and `%` a job to others.
fn is_plain(c: char, is_first: bool) -> bool {
    match c {
        '=' | '%' => !is_first,
        '_' | '-' | '.' | '/' | ',' | ':' | '@' | '+' => true,
        _ => c.is_ascii_alphanumeric(),
    }
}
