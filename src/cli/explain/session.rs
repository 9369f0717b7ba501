//! `cm-tui explain SESSION`: how the state of a session is known, as its agent tells.
//!
//! What it prints is what the dashboard's page shows, without colours. Foreign text is cleaned, except in JSON, where it is
//! data.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Arguments;
use crate::cli::exit::CommandError;
use crate::cli::pick::{self, Found, Scope};
use crate::cli::reach::{Reach, World, block_on};
use crate::cli::{Globals, say};
use crate::domain::{Explanation, HostId, PromptKind, Session, SessionState, UnixMillis};
use crate::protocol::{Reply, Request};
use crate::term::sanitize;
use crate::tui::clock::age;
use crate::tui::fixture::picture;

/// The longest text on a line, in columns: a row of a wide pane.
const COLUMNS: usize = 400;

/// Asks the agent of the session that `name` means.
pub fn run(name: &str, arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let Found { host, session } = pick::find(&mut reach, &scope, name).await?;
        let request = Request::Explain {
            session: session.id.clone(),
        };
        let Reply::Explanation(explanation) = reach.ask(&host, request).await? else {
            return Err(CommandError::other_answer());
        };
        if arguments.json {
            say::print_json(&explanation)?;
            return Ok(ExitCode::SUCCESS);
        }
        let explained = Explained {
            now: reach.now_on(&host),
            host,
            session,
            explanation: *explanation,
        };
        say::print(&explained.text())?;
        Ok(ExitCode::SUCCESS)
    })
}

/// A session and how its state is known.
struct Explained {
    host: HostId,
    session: Session,
    explanation: Explanation,
    /// When it was told, by the clock of the host.
    now: UnixMillis,
}

impl Explained {
    /// For people, in aligned columns.
    fn text(&self) -> String {
        let told = &self.explanation;
        let mut text = String::new();
        let mut fact = |label: &str, value: &str| {
            let value = sanitize::label(value, COLUMNS);
            let _never = writeln!(text, "{label:<10}{value}");
        };
        let kind = told.kind.map(PromptKind::word).unwrap_or_default();
        fact("session", &self.session.name);
        fact("id", self.session.id.as_str());
        fact("host", self.host.as_str());
        fact("tool", &told.look.tool);
        fact("state", &format!("{} {kind}", told.state.word()));
        fact("since", &format!("{} ago", self.ago(told.since)));
        fact("rule", &told.rule);
        if !told.subject.is_empty() {
            fact("subject", &told.subject);
        }
        fact(
            "against",
            match told.disagreement.as_str() {
                "" => "nothing",
                words => words,
            },
        );
        // As on the dashboard's page: what decided first, but a whole screen last.
        if told.rows.is_some() {
            self.write_rows(&mut text);
        }
        self.write_claims(&mut text);
        self.write_lost(&mut text);
        if told.rows.is_none() {
            self.write_rows(&mut text);
        }
        text
    }

    fn ago(&self, since: UnixMillis) -> String {
        age(self.now.saturating_sub(since))
    }

    /// The rows that the rule matched; the whole screen when it names none.
    fn write_rows(&self, text: &mut String) {
        let told = &self.explanation;
        let rows = picture(&told.look).screen().text();
        let last = rows.iter().rposition(|row| !row.trim().is_empty());
        let (first, last) = match (told.rows, last) {
            (Some((first, last)), _) => (usize::from(first), usize::from(last)),
            (None, Some(last)) => (0, last),
            (None, None) => return,
        };
        let title = if told.rows.is_some() {
            "rows that the rule matched"
        } else {
            "the screen"
        };
        let _never = writeln!(text, "\n{title}, of {}", rows.len());
        for (index, row) in rows.iter().enumerate().take(last + 1).skip(first) {
            // Blanks in front belong to the picture.
            let blank = row.len() - row.trim_start_matches(' ').len();
            let shown = sanitize::label(row, COLUMNS);
            let line = format!("{:>4}  {:blank$}{shown}", index + 1, "");
            let _never = writeln!(text, "{}", line.trim_end());
        }
    }

    fn write_claims(&self, text: &mut String) {
        let _never = writeln!(text, "\nwho says what, since when");
        for claim in &self.explanation.claims {
            let (source, state) = (claim.source.word(), claim.state.word());
            let kind = claim.kind.map(PromptKind::word).unwrap_or_default();
            let ago = self.ago(claim.since);
            let rule = sanitize::label(&claim.rule, COLUMNS);
            let differs =
                claim.state != SessionState::Unknown && state != self.explanation.state.word();
            let mark = if differs { '!' } else { ' ' };
            let _never = writeln!(
                text,
                "{mark} {source:<8}{state:<10}{kind:<10}{ago:>5}  {}",
                rule.trim_end()
            );
        }
    }

    fn write_lost(&self, text: &mut String) {
        let lost = &self.explanation.dismissed;
        if lost.is_empty() {
            return;
        }
        let _never = writeln!(text, "\nrules that lost, and why");
        for lost in lost {
            let (rule, why) = (
                sanitize::label(&lost.rule, COLUMNS),
                sanitize::label(&lost.why, COLUMNS),
            );
            let _never = writeln!(text, "  {rule:<32}  {why}");
        }
    }
}
