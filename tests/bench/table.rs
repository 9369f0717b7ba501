//! Rows for people: what was measured beside what was promised.

/// One line of the table.
#[derive(Debug, Default)]
pub struct Row {
    figure: String,
    measured: String,
    bar: String,
    verdict: Verdict,
    beside: String,
    notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    /// There is no bar.
    #[default]
    None,
    Met,
    Missed,
    Failed,
}

impl Row {
    pub fn new(figure: &str, measured: impl Into<String>) -> Self {
        Self {
            figure: figure.to_owned(),
            measured: measured.into(),
            ..Self::default()
        }
    }

    /// A figure that could not be measured.
    pub fn failed(figure: &str) -> Self {
        Self {
            verdict: Verdict::Failed,
            ..Self::new(figure, "could not be measured; see above")
        }
    }

    pub fn has_failed(&self) -> bool {
        self.verdict == Verdict::Failed
    }

    /// What was promised, and whether that is kept.
    #[must_use]
    pub fn bar(mut self, bar: &str, is_met: bool) -> Self {
        bar.clone_into(&mut self.bar);
        self.verdict = if is_met {
            Verdict::Met
        } else {
            Verdict::Missed
        };
        self
    }

    /// What others need for the same.
    #[must_use]
    pub fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }

    /// A line below the row.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn cells(&self) -> [&str; 5] {
        let verdict = match self.verdict {
            Verdict::None => "",
            Verdict::Met => "ok",
            Verdict::Missed => "MISSED",
            Verdict::Failed => "FAILED",
        };
        [
            &self.figure,
            &self.measured,
            &self.bar,
            verdict,
            &self.beside,
        ]
    }
}

/// All rows in aligned columns.
pub fn print(rows: &[Row]) -> String {
    let head = ["figure", "measured", "bar", "", "beside it"];
    let lines = || std::iter::once(head).chain(rows.iter().map(Row::cells));
    let width = |column: usize| {
        lines()
            .map(|cells| cells[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: [&str; 5]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(head);
    let rule: usize = widths.iter().sum::<usize>() + 2 * (head.len() - 1);
    text = text + &"─".repeat(rule) + "\n";
    for row in rows {
        text += &line(row.cells());
        for note in &row.notes {
            text = text + "    " + note + "\n";
        }
    }
    text
}
