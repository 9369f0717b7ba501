//! An explanation as lines of aligned columns, for a given width.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::Scene;
use crate::domain::{Claim, Dismissed, Explanation, PromptKind, SessionState, Source, UnixMillis};
use crate::fleet::Host;
use crate::term::Screen;
use crate::tui::clock::{AGE_WIDTH, age};
use crate::tui::look::GlyphSet;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, ScreenView, Window, width, wrap};

/// Columns of the words that name a fact.
const LABEL: u16 = 9;
/// Columns of a row's number, with the gap behind it.
const NUMBER: u16 = 5;
/// From this width on a claim and a lost rule take one line each.
const WIDE: u16 = 56;

const SOURCES: [Source; 6] = [
    Source::Hook,
    Source::Status,
    Source::Title,
    Source::Notice,
    Source::Process,
    Source::Screen,
];

#[derive(Clone, Debug)]
pub(super) enum Line {
    Gap,
    Title(String),
    Fact {
        label: &'static str,
        value: String,
        role: Role,
    },
    /// A row of the screen, from 0.
    Row(u16),
    Claim {
        claim: Claim,
        /// Whether it says something else than what is told.
        differs: bool,
        /// Whether its rule stands on the same line.
        wide: bool,
    },
    Lost {
        rule: String,
        columns: u16,
        why: String,
    },
    /// What belongs to the line above it.
    More(String),
}

/// What lines are drawn with.
pub(super) struct Ink<'a> {
    pub(super) scene: &'a Scene<'a>,
    /// The screen that was judged.
    pub(super) screen: &'a Screen,
    /// The session's host, if it is still in the fleet.
    pub(super) host: Option<&'a Host>,
}

impl Ink<'_> {
    fn age(&self, since: UnixMillis) -> String {
        let now = self.scene.now.unix;
        age(self
            .host
            .map_or(now.saturating_sub(since), |host| host.age(since, now)))
    }
}

pub(super) fn lines(told: &Explanation, ink: &Ink<'_>, columns: u16) -> Vec<Line> {
    let mut lines = facts(told, ink, columns);
    // What decided comes first; a whole screen would push everything else out of sight.
    if told.rows.is_some() {
        screen_rows(told, ink.screen, &mut lines);
    }
    claims(told, columns, &mut lines);
    lost(&told.dismissed, columns, &mut lines);
    if told.rows.is_none() {
        screen_rows(told, ink.screen, &mut lines);
    }
    lines
}

pub(super) fn fact(label: &'static str, value: &str, role: Role, columns: u16) -> Vec<Line> {
    let mut labels = std::iter::once(label).chain(std::iter::repeat(""));
    wrap(value, columns.saturating_sub(LABEL + 1))
        .into_iter()
        .map(|value| Line::Fact {
            label: labels.next().unwrap_or_default(),
            value,
            role,
        })
        .collect()
}

fn facts(told: &Explanation, ink: &Ink<'_>, columns: u16) -> Vec<Line> {
    let glyphs = ink.scene.settings.glyphs;
    let look = glyphs.state(&told.state);
    let dot = glyphs.dot();
    let mut state = format!("{} {}", look.glyph, told.state.word());
    let kind = told.kind.map(PromptKind::word).unwrap_or_default();
    for more in [kind, &detail(&told.state)] {
        if !more.is_empty() && more != told.state.word() {
            state = format!("{state} {dot} {more}");
        }
    }
    let since = format!("{} ago", ink.age(told.since));
    let against = match told.disagreement.as_str() {
        "" => ("nothing", Role::Muted),
        words => (words, Role::NeedsYou),
    };
    let mut lines = fact("state", &state, look.role, columns);
    lines.extend(fact("since", &since, Role::Text, columns));
    lines.extend(fact("rule", &told.rule, Role::Name, columns));
    if !told.subject.is_empty() {
        lines.extend(fact("subject", &told.subject, Role::Text, columns));
    }
    lines.extend(fact("against", against.0, against.1, columns));
    let tools = ink.host.iter().flat_map(|host| &host.tools);
    let mut untested = tools.filter(|tool| tool.is_untested && tool.id == told.look.tool);
    if let Some(tool) = untested.next() {
        let words = format!(
            "untested: no version of {} was held against them",
            tool.name
        );
        lines.extend(fact("rules", &words, Role::Muted, columns));
    }
    lines
}

fn detail(state: &SessionState) -> String {
    match state {
        SessionState::Working { activity: text } | SessionState::Error { text } => text.clone(),
        SessionState::Exited {
            code: Some(code), ..
        } => format!("code {code}"),
        SessionState::Exited {
            signal: Some(signal),
            ..
        } => format!("signal {signal}"),
        _ => String::new(),
    }
}

/// The rows that the rule matched; all that are written on when it names none.
fn screen_rows(told: &Explanation, screen: &Screen, lines: &mut Vec<Line>) {
    let count = screen.size().rows;
    let last = count.saturating_sub(1);
    let (title, rows) = if let Some((first, to)) = told.rows {
        let (first, to) = (first.min(last), to.min(last));
        let words = if first == to {
            format!("Row {} of {count} matched", first + 1)
        } else {
            let (first, to) = (first + 1, to + 1);
            format!("Rows {first} to {to} of {count} matched")
        };
        (words, first..=to)
    } else {
        let is_written = |row: &u16| !screen.row_text(*row).trim().is_empty();
        let mut written = (0..count).filter(is_written);
        let first = written.next();
        let to = written.next_back().or(first);
        let Some((first, to)) = first.zip(to) else {
            lines.extend([Line::Gap, Line::Title("The screen is empty".to_owned())]);
            return;
        };
        let words = format!("The screen, {count} rows");
        (words, first..=to)
    };
    lines.extend([Line::Gap, Line::Title(title)]);
    lines.extend(rows.map(Line::Row));
}

fn claims(told: &Explanation, columns: u16, lines: &mut Vec<Line>) {
    lines.extend([
        Line::Gap,
        Line::Title("Who says what, since when".to_owned()),
    ]);
    let wide = columns >= WIDE;
    for claim in &told.claims {
        let says_something = claim.state != SessionState::Unknown;
        lines.push(Line::Claim {
            differs: says_something && claim.state.word() != told.state.word(),
            claim: claim.clone(),
            wide,
        });
        if !wide {
            lines.push(Line::More(claim.rule.clone()));
        }
    }
    let spoke: BTreeSet<Source> = told.claims.iter().map(|claim| claim.source).collect();
    let silent: Vec<&str> = SOURCES
        .into_iter()
        .filter(|source| !spoke.contains(source))
        .map(Source::word)
        .collect();
    if !silent.is_empty() {
        let words = format!("nothing from: {}", silent.join(", "));
        let wrapped = wrap(&words, columns.saturating_sub(2));
        lines.extend(wrapped.into_iter().map(Line::More));
    }
}

fn lost(dismissed: &[Dismissed], columns: u16, lines: &mut Vec<Line>) {
    if dismissed.is_empty() {
        return;
    }
    lines.extend([
        Line::Gap,
        Line::Title("Rules that lost, and why".to_owned()),
    ]);
    let widest = dismissed
        .iter()
        .map(|lost| width(&lost.rule))
        .max()
        .unwrap_or(0);
    let wide = columns >= WIDE;
    let rule_columns = if wide {
        widest.min(columns / 2)
    } else {
        columns
    };
    for Dismissed { rule, why } in dismissed {
        if wide {
            let mut rules = std::iter::once(rule.as_str()).chain(std::iter::repeat(""));
            let room = columns.saturating_sub(rule_columns + 4);
            lines.extend(wrap(why, room).into_iter().map(|why| Line::Lost {
                rule: rules.next().unwrap_or_default().to_owned(),
                columns: rule_columns,
                why,
            }));
        } else {
            lines.push(Line::Lost {
                rule: rule.clone(),
                columns: rule_columns,
                why: String::new(),
            });
            let wrapped = wrap(why, columns.saturating_sub(4));
            lines.extend(
                wrapped
                    .into_iter()
                    .map(|why| Line::More(format!("  {why}"))),
            );
        }
    }
}

impl Line {
    pub(super) fn draw(&self, buffer: &mut Buffer, row: Rect, ink: &Ink<'_>) {
        let style = |role: Role| ink.scene.style(role);
        let glyphs = ink.scene.settings.glyphs;
        let mut brush = Brush::new(buffer, row, glyphs);
        match self {
            Self::Gap => {}
            Self::Title(title) => {
                brush.put(title, style(Role::Name));
            }
            Self::Fact { label, value, role } => {
                brush
                    .column(label, LABEL, style(Role::Muted))
                    .skip(1)
                    .put(value, style(*role));
            }
            Self::Row(number) => {
                brush.column_right(&(number + 1).to_string(), NUMBER - 1, style(Role::Muted));
                draw_row(buffer, row, *number, ink);
            }
            Self::Claim {
                claim,
                differs,
                wide,
            } => draw_claim(&mut brush, claim, *differs, *wide, ink),
            Self::Lost { rule, columns, why } => {
                brush
                    .skip(2)
                    .column(rule, *columns, style(Role::Text))
                    .skip(2)
                    .put(why, style(Role::Muted));
            }
            Self::More(text) => {
                brush.skip(2).put(text, style(Role::Muted));
            }
        }
    }
}

/// As the pane showed it, in its own colours.
fn draw_row(buffer: &mut Buffer, row: Rect, number: u16, ink: &Ink<'_>) {
    let gap = NUMBER.min(row.width);
    let area = Rect {
        x: row.x + gap,
        width: row.width - gap,
        ..row
    };
    let view = ScreenView {
        screen: ink.screen,
        above: None,
        window: Window {
            top: i64::from(number),
            left: 0,
        },
        glyphs: ink.scene.settings.glyphs,
        colours: ink.scene.settings.theme.colours,
        mark: ink.scene.style(Role::Muted),
        stale: None,
        cursor: false,
    };
    view.draw(buffer, area);
}

fn draw_claim(brush: &mut Brush<'_>, claim: &Claim, differs: bool, wide: bool, ink: &Ink<'_>) {
    let style = |role: Role| ink.scene.style(role);
    let glyphs: GlyphSet = ink.scene.settings.glyphs;
    let mark = if differs {
        glyphs.pick("≠", "!")
    } else {
        " "
    };
    let role = match (differs, &claim.state) {
        (true, _) => Role::NeedsYou,
        (false, SessionState::Unknown) => Role::Muted,
        (false, state) => glyphs.state(state).role,
    };
    let kind = claim.kind.map(PromptKind::word).unwrap_or_default();
    brush
        .put(mark, style(Role::NeedsYou))
        .skip(1)
        .column(claim.source.word(), 8, style(Role::Text))
        .column(claim.state.word(), 9, style(role));
    if wide {
        brush.column(kind, 10, style(Role::Text));
    }
    brush.column_right(&ink.age(claim.since), AGE_WIDTH, style(Role::Muted));
    if wide {
        brush.skip(2).put(&claim.rule, style(Role::Muted));
    }
}
