//! The part of a session's history that was fetched, and how far up somebody looks.
//!
//! Promise: memory is bounded; lines are kept as they came and become cells only while they are shown.

use std::collections::VecDeque;

use super::effect::Target;
use crate::fleet::RequestId;
use crate::protocol::HistoryPage;
use crate::term::{Emulator, Fed, Size};

/// Lines per page: four screens, so that scrolling rarely waits.
const PAGE: u32 = 200;
/// The most lines that are kept, oldest refused: at 200 bytes a line this is 4 MB.
const KEPT: usize = 20_000;

#[derive(Debug)]
pub struct Scrollback {
    pub target: Target,
    /// Lines above the live place that are shown.
    pub up: u32,
    /// Lines above the live place that somebody asked for; more than `up` while they are on their way.
    pub goal: u32,
    /// Oldest first.
    lines: VecDeque<String>,
    pub waiting: Option<RequestId>,
    /// Whether the oldest line there is has come.
    complete: bool,
}

impl Scrollback {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            up: 0,
            goal: 0,
            lines: VecDeque::new(),
            waiting: None,
            complete: false,
        }
    }

    /// How many lines above the screen are known.
    pub fn known(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    pub fn is_complete(&self) -> bool {
        self.complete || self.lines.len() >= KEPT
    }

    /// The page to ask for next, when the lines shown come near the end of what is known.
    pub fn wanted(&self, lines_above_shown: u32) -> Option<HistoryPage> {
        let near = lines_above_shown + PAGE / 2 > self.known();
        (near && !self.is_complete() && self.waiting.is_none()).then_some(HistoryPage {
            skip: self.known(),
            lines: PAGE,
        })
    }

    /// Takes a page in, oldest line first.
    pub fn add(&mut self, page: Vec<String>) {
        self.waiting = None;
        self.complete |= page.len() < PAGE as usize;
        for line in page.into_iter().rev() {
            self.lines.push_front(line);
        }
    }

    /// The page could not be had; no other is asked for.
    pub fn give_up(&mut self) {
        self.waiting = None;
        self.complete = true;
    }

    /// Up to `rows` lines as cells, the first of them `above` lines over the screen.
    pub fn picture(&self, above: u32, rows: u16, cols: u16) -> Option<Emulator> {
        let above = usize::try_from(above.min(self.known())).ok()?;
        let count = above.min(usize::from(rows));
        let rows = u16::try_from(count).ok().filter(|rows| *rows > 0)?;
        let mut emulator = Emulator::new(Size::new(cols, rows));
        let first = self.lines.len() - above;
        let shown = first..first + usize::from(emulator.size().rows);
        let mut out = Fed::default();
        for (index, line) in self.lines.range(shown).enumerate() {
            if index > 0 {
                emulator.feed(b"\r\n", &mut out);
            }
            // No wrapping: a line that is longer than the pane is now is cut, as tmux shows it.
            emulator.feed(b"\x1b[0m\x1b[?7l", &mut out);
            emulator.feed(line.as_bytes(), &mut out);
            out.drawn.clear();
        }
        Some(emulator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{HostId, SessionId};

    #[test]
    fn pages_grow_upward_until_a_short_one_comes() {
        let target = Target::new(&HostId::local(), &SessionId::new("s"));
        let mut scroll = Scrollback::new(target);
        assert_eq!(
            scroll.wanted(0),
            Some(HistoryPage {
                skip: 0,
                lines: PAGE
            })
        );
        scroll.add((200..400).map(|n| format!("\x1b[31mline {n}")).collect());
        assert_eq!(scroll.wanted(10), None);
        assert_eq!(
            scroll.wanted(150),
            Some(HistoryPage {
                skip: 200,
                lines: PAGE
            })
        );
        scroll.add(vec!["first".to_owned()]);
        assert_eq!(scroll.wanted(201), None);
        let picture = scroll.picture(2, 9, 20).unwrap();
        assert_eq!(picture.screen().text(), ["line 398", "line 399"]);
        assert_eq!(
            scroll.picture(500, 1, 20).unwrap().screen().text(),
            ["first"]
        );
    }
}
