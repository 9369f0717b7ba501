//! Builds lines for a control client: lists of commands whose arguments arrive at tmux exactly as given.
//!
//! Three languages meet here and each has its own escapes: tmux's command line ([`quote`]), tmux's formats
//! ([`format_text`]), and patterns inside formats ([`contains`]).

use std::fmt::Write as _;

use super::{error::TmuxError, order::Guard, parse::Shape, version::Version};

/// Bytes in one `send-keys` command; tmux parses each as a number, and a list of such commands is as good.
const KEYS_A_COMMAND: usize = 256;

/// The guard's format is printed through `strftime` into 8 kB by tmux 3.3; with escapes this stays below.
const LONGEST_GUARD: usize = 2000;

/// A line of commands that tmux runs one after the other without looking at its panes in between, up to the first
/// error; with the replies that they give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandList {
    line: String,
    shapes: Vec<Shape>,
}

impl CommandList {
    /// Starts with one command, as written here, that gives a reply of our own making.
    pub fn new(command: &str) -> Self {
        Self::default().then(command, Shape::Own)
    }

    /// Adds a command with one reply.
    #[must_use]
    pub fn then(mut self, command: &str, shape: Shape) -> Self {
        if !self.line.is_empty() {
            self.line.push_str(" ; ");
        }
        self.line.push_str(command);
        self.shapes.push(shape);
        self
    }

    /// Adds `if-shell -F`: `yes` or `no` is run at once. Both must give the same number of replies, all of our own making.
    #[must_use]
    pub fn then_if(self, target: &str, condition: &str, yes: &Self, no: &Self) -> Self {
        debug_assert_eq!(yes.shapes.len(), no.shapes.len());
        let command = format!(
            "if-shell -F -t {target} {} {} {}",
            quote(condition),
            quote(&yes.line),
            quote(&no.line)
        );
        let mut list = self.then(&command, Shape::Own);
        list.shapes.extend(yes.shapes.iter().map(|_| Shape::Inner));
        list
    }

    /// Adds all commands of `later`.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.line.push_str(" ; ");
        self.line.push_str(&later.line);
        self.shapes.extend(later.shapes);
        self
    }

    /// Returns the line without its end.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Returns the replies to expect.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }
}

/// Quotes `text` as one argument. Control characters become escapes, so the line stays one line; NUL, which no
/// argument can hold, becomes a space.
pub fn quote(text: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '\'';
    if text.chars().all(plain) {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 8);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x1b' => quoted.push_str("\\e"),
            '\0' => quoted.push(' '),
            c if c.is_ascii_control() => {
                write!(quoted, "\\{:03o}", u32::from(c)).expect("writing to a string cannot fail");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Quotes `text` for `sh`.
pub fn shell_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Escapes `text` so that a format that is also a time format (`pipe-pane`, `display-message`) yields it.
pub fn format_text(text: &str) -> String {
    text.replace('#', "##").replace('%', "%%")
}

/// Returns a format that is not 0 when one line of the pane's visible screen contains `text`.
pub fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 16);
    for c in text.trim_end().chars() {
        match c {
            // glob characters
            '*' | '?' | '[' | ']' | '\\' => pattern.extend(['\\', c]),
            // format characters
            '#' | ',' | '}' => pattern.extend(['#', c]),
            c => pattern.push(c),
        }
    }
    format!("#{{C:{pattern}}}")
}

/// Returns the list that leads `target` out of copy mode and the like. In a mode keys are commands, and one that asks
/// something asks our control client, which then runs nothing any more: it cannot answer.
pub fn leave_mode(target: &str, version: Version) -> CommandList {
    let leave = if version.is_complete() {
        format!("copy-mode -q -t {target}")
    } else {
        format!("send-keys -t {target} -X cancel")
    };
    let nothing = CommandList::new("display-message -p -");
    CommandList::default().then_if(
        target,
        "#{pane_in_mode}",
        &CommandList::new(&leave),
        &nothing,
    )
}

/// Returns the commands that type `bytes` into `target`.
pub fn keys(target: &str, bytes: &[u8]) -> CommandList {
    bytes
        .chunks(KEYS_A_COMMAND)
        .fold(CommandList::default(), |list, chunk| {
            let mut command = format!("send-keys -t {target} -H");
            for byte in chunk {
                write!(command, " {byte:02x}").expect("writing to a string cannot fail");
            }
            list.then(&command, Shape::Own)
        })
}

/// The conditions of a guard, in the order in which a refusal names them.
pub struct Conditions {
    formats: Vec<String>,
}

impl Conditions {
    /// Turns `guard` into formats that are 1 or another number when they hold, 0 when not.
    ///
    /// # Errors
    ///
    /// [`TmuxError::Invalid`] for texts that tmux could not compare exactly.
    pub fn new(guard: &Guard) -> Result<Self, TmuxError> {
        let invalid = |why| TmuxError::Invalid {
            what: "the guard",
            why,
        };
        let mut formats = vec![
            format!("#{{==:#{{pane_pid}},{}}}", guard.pane_pid),
            "#{==:#{pane_dead},0}".to_owned(),
            "#{==:#{pane_in_mode},0}".to_owned(),
            "#{==:#{pane_input_off}#{pane_synchronized},00}".to_owned(),
        ];
        if let Some(command) = &guard.command {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
            if !command.chars().all(plain) {
                return Err(invalid("the program name has unusual characters"));
            }
            formats.push(format!("#{{==:#{{pane_current_command}},{command}}}"));
        } else {
            formats.push("1".to_owned());
        }
        formats.push(guard.cursor_row.map_or_else(
            || "1".to_owned(),
            |row| format!("#{{==:#{{cursor_y}},{row}}}"),
        ));
        for text in &guard.must_contain {
            if text.chars().any(char::is_control) {
                return Err(invalid("a text has control characters"));
            }
            if text.trim().is_empty() {
                return Err(invalid("a text is empty"));
            }
            formats.push(contains(text));
        }
        if formats.iter().map(String::len).sum::<usize>() > LONGEST_GUARD {
            return Err(invalid("its texts are longer than 2000 bytes"));
        }
        Ok(Self { formats })
    }

    /// Returns one format that is 1 when all conditions hold.
    pub fn all(&self) -> String {
        self.formats
            .iter()
            .rev()
            .fold("1".to_owned(), |rest, one| format!("#{{&&:{one},{rest}}}"))
    }

    /// Returns a time format that shows every condition, one word each.
    pub fn each(&self) -> String {
        self.formats.join(" ").replace('%', "%%")
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn arguments_are_quoted_for_tmux() {
        assert_snapshot!(quote("a; b $HOME #{x} {y} \\"), @r"'a; b $HOME #{x} {y} \'");
        assert_snapshot!(quote("it's\n\x01\"$x\\"), @r#""it's\n\001\"\$x\\""#);
    }

    #[test]
    fn keys_are_sent_as_numbers_in_bounded_commands() {
        assert_snapshot!(keys("%3", b"\x1b[A;").line(), @"send-keys -t %3 -H 1b 5b 41 3b");
        assert_eq!(keys("%3", &[b'x'; 600]).shapes().len(), 3);
    }

    #[test]
    fn guard_becomes_one_condition() {
        let guard = Guard {
            pane_pid: 7,
            must_contain: vec!["1. Yes, #1?".to_owned()],
            command: Some("node".to_owned()),
            cursor_row: None,
        };
        assert_snapshot!(Conditions::new(&guard).unwrap().all(), @r"#{&&:#{==:#{pane_pid},7},#{&&:#{==:#{pane_dead},0},#{&&:#{==:#{pane_in_mode},0},#{&&:#{==:#{pane_input_off}#{pane_synchronized},00},#{&&:#{==:#{pane_current_command},node},#{&&:1,#{&&:#{C:1. Yes#, ##1\?},1}}}}}}}");
    }

    #[test]
    fn guard_that_tmux_would_misread_is_invalid() {
        let mut guard = Guard {
            pane_pid: 7,
            must_contain: vec!["a\nb".to_owned()],
            command: None,
            cursor_row: None,
        };
        assert!(Conditions::new(&guard).is_err());
        guard.must_contain = vec!["x".repeat(3000)];
        assert!(Conditions::new(&guard).is_err());
        guard.must_contain = vec![" ".to_owned()];
        assert!(Conditions::new(&guard).is_err());
        guard.must_contain.clear();
        guard.command = Some("a,b".to_owned());
        assert!(Conditions::new(&guard).is_err());
    }
}
