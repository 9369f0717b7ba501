//! Plain tables: aligned columns with blanks between, no lines, so that they are good for people and for `awk`.
//!
//! Promise: one row is one line. Cells hold cleaned text only, an empty cell is a dash so that columns can be counted, and the last column is never padded.

use super::say::Tone;
use crate::term::sanitize;

/// The widest cell that is not the last one, in columns: a long name must not push the rest off the screen.
const WIDEST: usize = 40;
/// The widest cell at the end of a row.
const LAST: usize = 200;
const GAP: &str = "  ";

#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    pub fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; foreign text is cleaned here.
    pub fn row(&mut self, cells: Vec<(&str, Tone)>) {
        let last = self.head.len().saturating_sub(1);
        let clean = cells.into_iter().enumerate().map(|(at, (text, tone))| {
            let widest = if at == last { LAST } else { WIDEST };
            let text = sanitize::label(text, widest);
            let text = if text.is_empty() {
                "-".to_owned()
            } else {
                text
            };
            (text, tone)
        });
        self.rows.push(clean.collect());
    }

    /// The table with its head, a line each.
    pub fn text(&self, is_coloured: bool) -> String {
        let head: Vec<(String, Tone)> = self
            .head
            .iter()
            .map(|word| (word.to_uppercase(), Tone::Faint))
            .collect();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let cells = std::iter::once(&head).chain(&self.rows);
                let widths =
                    cells.filter_map(|row| row.get(column).map(|(text, _)| sanitize::width(text)));
                widths.max().unwrap_or_default()
            })
            .collect();
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            for (column, (cell, tone)) in row.iter().enumerate() {
                text.push_str(&tone.paint(cell, is_coloured));
                if column + 1 < row.len() {
                    let pad = widths
                        .get(column)
                        .map_or(0, |width| width.saturating_sub(sanitize::width(cell)));
                    text.push_str(&" ".repeat(pad));
                    text.push_str(GAP);
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let mut table = Table::new(&["name", "state"]);
        table.row(vec![("shöp", Tone::Plain), ("idle", Tone::Good)]);
        table.row(vec![("日本", Tone::Plain), ("", Tone::Plain)]);
        table.row(vec![("a\nb\x1b[31m", Tone::Plain), ("x", Tone::Plain)]);
        insta::assert_snapshot!(table.text(false), @r"
        NAME      STATE
        shöp      idle
        日本      -
        a b·[31m  x
        ");
        assert!(table.text(true).contains("\x1b[32midle\x1b[0m\n"));
    }
}
