//! Reads what a control client prints: replies to our commands, and notices.
//!
//! A reply is raw text between `%begin` and `%end`, and a program can print a line that looks like `%end`. Two things
//! keep such a line inside the reply: the closing line must repeat time and number of the opening one, and a reply
//! that carries screen text is not over before its known number of lines has come.

use std::collections::VecDeque;

/// A line longer than this is cut: no reply we ask for comes near, and a program's text must not grow the agent.
const LONGEST_LINE: usize = 1 << 20;

/// What is known of a reply before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines that cannot look like a closing line, because we wrote their beginning.
    Own,
    /// As [`Self::Own`], to a command inside an `if-shell`.
    Inner,
    /// One own line whose first word is the number of the pane's rows; the next shapes count on it.
    State,
    /// As many lines as the pane has rows.
    Screen,
    /// The primary screen while the alternate one is shown, else nothing or an empty line. It keeps the size that it
    /// had when it was left, which tmux does not tell.
    OtherScreen,
}

/// A command's reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether tmux carried the command out; if not, the lines are its reason.
    pub ok: bool,
    /// Without line ends.
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// Returns the lines as text, for a person or for our own formats.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.join(&b'\n')).into_owned()
    }
}

/// Something a control client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The reply to the oldest command without one.
    Reply(Reply),
    /// The client is attached to a session, or to another one.
    Attached,
    /// Sessions, windows, panes or clients are not what they were.
    Changed,
    /// The client ends, with tmux's reason if it gave one.
    Exit(String),
}

#[derive(Debug)]
struct Block {
    /// Time, number and flags as in the opening line.
    mark: Vec<u8>,
    ours: bool,
    least: usize,
    lines: Vec<Vec<u8>>,
}

/// Cuts a control client's output into [`Item`]s; independent of how the output was cut into reads.
#[derive(Debug, Default)]
pub struct Parser {
    /// Replies to commands inside an `if-shell` are marked as if somebody else had run them.
    pub hides_inner: bool,
    line: Vec<u8>,
    block: Option<Block>,
    expected: VecDeque<Shape>,
    rows: usize,
}

impl Parser {
    /// Announces the replies of a list that is about to be sent.
    pub fn expect(&mut self, shapes: &[Shape]) {
        self.expected.extend(shapes);
    }

    /// Takes back the announcement of the next `count` replies: tmux stops a list at its first error.
    pub fn skip(&mut self, count: usize) {
        self.expected.drain(..count.min(self.expected.len()));
    }

    /// Reads `bytes` and returns the first complete item with the rest of the bytes, so that the caller can act on
    /// an item before the next is read.
    pub fn next<'a>(&mut self, mut bytes: &'a [u8]) -> (Option<Item>, &'a [u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            self.extend_line(line);
            bytes = rest.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            if let Some(item) = self.end_line(line) {
                return (Some(item), bytes);
            }
        }
        self.extend_line(bytes);
        (None, &[])
    }

    fn extend_line(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.line.len());
        self.line
            .extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
    }

    fn end_line(&mut self, line: Vec<u8>) -> Option<Item> {
        let Some(block) = &mut self.block else {
            return self.outside(&line);
        };
        let closing = match line.strip_prefix(b"%end ") {
            Some(mark) => Some((true, mark)),
            None => line.strip_prefix(b"%error ").map(|mark| (false, mark)),
        };
        match closing {
            Some((ok, mark)) if mark == block.mark && block.lines.len() >= block.least => {
                let block = self.block.take()?;
                block.ours.then(|| self.close(ok, block.lines))
            }
            _ => {
                block.lines.push(line);
                None
            }
        }
    }

    fn close(&mut self, ok: bool, lines: Vec<Vec<u8>>) -> Item {
        if self.expected.pop_front() == Some(Shape::State) {
            let text = lines.first().map(|line| String::from_utf8_lossy(line));
            let text = text.unwrap_or_default();
            let rows = text.split(' ').next().and_then(|word| word.parse().ok());
            self.rows = rows.unwrap_or(0);
        }
        Item::Reply(Reply { ok, lines })
    }

    fn outside(&mut self, line: &[u8]) -> Option<Item> {
        if let Some(mark) = line.strip_prefix(b"%begin ") {
            // Flag 0: a command that somebody else's action ran in our client's name.
            let is_inner = self.hides_inner && self.expected.front() == Some(&Shape::Inner);
            let ours = is_inner || mark.last() == Some(&b'1');
            self.block = Some(Block {
                mark: mark.to_vec(),
                ours,
                least: if ours { self.least_lines() } else { 0 },
                lines: Vec::new(),
            });
            return None;
        }
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        match word {
            b"%exit" => {
                let reason = line.get(word.len()..).unwrap_or_default();
                let reason = String::from_utf8_lossy(reason).trim().to_owned();
                Some(Item::Exit(reason))
            }
            b"%session-changed" => Some(Item::Attached),
            b"%sessions-changed"
            | b"%session-renamed"
            | b"%session-window-changed"
            | b"%client-session-changed"
            | b"%client-detached"
            | b"%window-add"
            | b"%window-close"
            | b"%window-renamed"
            | b"%window-pane-changed"
            | b"%unlinked-window-add"
            | b"%unlinked-window-close"
            | b"%unlinked-window-renamed"
            | b"%layout-change"
            | b"%pane-mode-changed"
            | b"%subscription-changed" => Some(Item::Changed),
            _ => None,
        }
    }

    fn least_lines(&self) -> usize {
        match self.expected.front() {
            Some(Shape::Screen) => self.rows,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(parser: &mut Parser, mut bytes: &[u8]) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            let (item, rest) = parser.next(bytes);
            let Some(item) = item else { return items };
            items.push(item);
            bytes = rest;
        }
    }

    const RECORDED: &[u8] = b"%begin 1795247533 273 0\n%end 1795247533 273 0\n\
        %session-changed $0 cm\n\
        %begin 1795247533 279 1\n2 0 0 0\n%end 1795247533 279 1\n\
        %begin 1795247533 280 1\n%end 1795247533 280 1\nlast row\n%end 1795247533 280 1\n\
        %output %1 x\n%begin 1795247534 281 1\ncan't find pane: %99\n%error 1795247534 281 1\n\
        %window-renamed @0 r@1:99\n%exit server exited\n";

    fn announced() -> Parser {
        let mut parser = Parser::default();
        parser.expect(&[Shape::State, Shape::Screen, Shape::Own]);
        parser
    }

    #[test]
    fn screen_text_that_looks_like_the_end_stays_in_the_reply() {
        let found = items(&mut announced(), RECORDED);
        assert_eq!(found.len(), 6, "{found:?}");
        assert_eq!(found[0], Item::Attached);
        assert_eq!(
            found[2],
            Item::Reply(Reply {
                ok: true,
                lines: vec![b"%end 1795247533 280 1".to_vec(), b"last row".to_vec()]
            })
        );
        let Item::Reply(refused) = &found[3] else {
            panic!("{found:?}")
        };
        assert!(!refused.ok && refused.text() == "can't find pane: %99");
        assert_eq!(found[5], Item::Exit("server exited".to_owned()));
    }

    #[test]
    fn a_primary_screen_that_is_smaller_than_the_pane_is_a_whole_reply() {
        let mut parser = Parser::default();
        parser.expect(&[Shape::State, Shape::Screen, Shape::OtherScreen]);
        let found = items(
            &mut parser,
            b"%begin 1 1 1\n2 1 0\n%end 1 1 1\n%begin 1 2 1\na\nb\n%end 1 2 1\n\
              %begin 1 3 1\none row\n%end 1 3 1\n",
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_reply_inside_an_if_counts_where_tmux_hides_that_it_is_ours() {
        let said = b"%begin 1 1 1\n%end 1 1 1\n%begin 1 2 0\nsent\n%end 1 2 0\n\
            %begin 1 3 0\nof a hook\n%end 1 3 0\n";
        for (hides_inner, counted) in [(true, 2), (false, 1)] {
            let mut parser = Parser {
                hides_inner,
                ..Parser::default()
            };
            parser.expect(&[Shape::Own, Shape::Inner]);
            assert_eq!(items(&mut parser, said).len(), counted);
        }
    }

    proptest! {
        #[test]
        fn items_do_not_depend_on_how_the_output_was_cut(cuts in prop::collection::vec(1_usize..40, 0..40)) {
            let mut parser = announced();
            let mut found = Vec::new();
            let mut rest = RECORDED;
            for cut in cuts {
                let (part, later) = rest.split_at(cut.min(rest.len()));
                found.extend(items(&mut parser, part));
                rest = later;
            }
            found.extend(items(&mut parser, rest));
            prop_assert_eq!(found, items(&mut announced(), RECORDED));
        }

        #[test]
        fn no_output_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            items(&mut announced(), &bytes);
        }
    }
}
