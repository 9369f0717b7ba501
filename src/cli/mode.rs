//! `cm-tui mode SESSION [MODE]`: who answers a session's permissions when no person does.
//!
//! Promise: yes to everything is never switched on by accident: it wants a word typed out at a terminal, or `--yes`.

use std::process::ExitCode;

use clap::ValueEnum;

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::domain::{AutoConfirm, HostId, Mode, SessionId, UnixMillis};
use crate::fleet::Host;
use crate::protocol::{Reply, Request};
use crate::term::sanitize;
use crate::tui::clock::rough_age;

/// The widest name or reason that is repeated, in columns.
const COLUMNS: usize = 200;
/// The longest that a mode lasts, in hours; the agent's own limit.
const LONGEST_HOURS: i64 = 24 * 7;
/// The word that confirms, besides the session's name.
const CONFIRMATION: &str = "yes";

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    /// Who answers when you do not: ask (nobody), policy (the rules of its host), yes
    /// (every permission gets a yes). Without, the present one is printed
    #[arg(value_enum, hide_possible_values = true)]
    pub mode: Option<Choice>,

    #[command(flatten)]
    pub switches: Switches,

    #[command(flatten)]
    pub place: Where,
}

/// What goes with a mode, wherever one is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Switches {
    /// Answer also what no hook tells of, where a second source says the same as the
    /// screen
    #[arg(long, requires = "mode")]
    pub screen: bool,

    /// Only record what would have been answered
    #[arg(long, requires = "mode")]
    pub dry_run: bool,

    /// After how many hours it ends by itself, at most 168
    #[arg(long, requires = "mode", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=LONGEST_HOURS))]
    pub hours: Option<u32>,

    /// Do not ask before "yes". Needed where nobody can be asked
    #[arg(long, requires = "mode")]
    pub yes: bool,
}

/// The modes as they are written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    Ask,
    Policy,
    Yes,
}

impl From<Choice> for Mode {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Ask => Self::Ask,
            Choice::Policy => Self::Policy,
            Choice::Yes => Self::Yes,
        }
    }
}

/// A mode that a person wants, agreed to or still to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    mode: Mode,
    switches: Switches,
}

impl Wish {
    /// # Errors
    /// When the switches say nothing of this mode, and when nobody is here to agree to what has to be agreed to.
    pub fn new(choice: Choice, switches: &Switches) -> Result<Self, CommandError> {
        let mode = Mode::from(choice);
        let has_switch = switches.screen || switches.dry_run || switches.hours.is_some();
        if mode == Mode::Ask && has_switch {
            return Err(CommandError::new(
                Exit::Usage,
                "--screen, --dry-run and --hours say nothing of the mode ask",
                "",
            ));
        }
        let wish = Self {
            mode,
            switches: switches.clone(),
        };
        if wish.has_to_be_agreed_to() && !say::is_attended() {
            return Err(CommandError::new(
                Exit::Refused,
                "nobody is here to agree to the mode yes (--yes agrees); nothing was changed",
                "",
            ));
        }
        Ok(wish)
    }

    fn has_to_be_agreed_to(&self) -> bool {
        self.mode == Mode::Yes && !self.switches.yes
    }

    /// Has the person type a word where the mode asks for one. `name` is the session's, as it is shown; empty when it has none yet.
    ///
    /// # Errors
    /// When anything else was typed.
    pub async fn agree(&self, name: &str) -> Result<(), CommandError> {
        if !self.has_to_be_agreed_to() {
            return Ok(());
        }
        let lasts = self.switches.hours.map_or_else(
            || "for 8 h or as its host is set".to_owned(),
            |hours| format!("for {hours} h"),
        );
        let (who, word) = if name.is_empty() {
            ("it", CONFIRMATION.to_owned())
        } else {
            (name, format!("{CONFIRMATION} or {name}"))
        };
        let question = format!(
            "{who} gets a yes to every permission, {lasts}; questions, trust and plans wait\n\
             type {word} to confirm:"
        );
        // The hosts go on meanwhile.
        let typed = tokio::task::spawn_blocking(move || say::ask(&question)).await;
        let typed = typed.unwrap_or_default();
        if typed == CONFIRMATION || !name.is_empty() && typed == name {
            return Ok(());
        }
        let message = "that is not the word; nothing was changed";
        Err(CommandError::new(Exit::Refused, message, ""))
    }

    /// Sets it.
    pub async fn set(
        &self,
        reach: &mut Reach,
        host: &HostId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let request = Request::SetMode {
            session: session.clone(),
            mode: self.mode,
            screen: self.switches.screen,
            dry_run: self.switches.dry_run,
            hours: self.switches.hours,
        };
        reach.order(host, request).await
    }
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let wish = arguments
        .mode
        .map(|mode| Wish::new(mode, &arguments.switches));
    let wish = wish.transpose()?;
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let Found { host, session } = pick::find(&mut reach, &scope, &arguments.session).await?;
        let name = sanitize::label(&session.name, COLUMNS);
        let mut auto = session.auto;
        if let Some(wish) = wish {
            wish.agree(&name).await?;
            wish.set(&mut reach, &host, &session.id).await?;
            auto = now(&mut reach, &host, &session.id).await?;
        }
        let on = reach.state.host(&host);
        let on = on.expect("it was found on a host that we have");
        say::print(&format!("{name}: {}\n", words(on, &auto, reach.now())))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// How a session's switch stands, after all that was asked before: what is told by itself may come later than an answer.
pub async fn now(
    reach: &mut Reach,
    host: &HostId,
    id: &SessionId,
) -> Result<AutoConfirm, CommandError> {
    let found = match reach.ask(host, Request::List).await? {
        Reply::Sessions(sessions) => sessions.into_iter().find(|session| session.id == *id),
        _ => None,
    };
    let gone = || CommandError::new(Exit::NotFound, "the session has gone", "");
    Ok(found.ok_or_else(gone)?.auto)
}

/// A mode in one line: `policy (dry run, screen)`, `yes, ends in 8h`, `ask; switched off by itself: …`.
pub fn words(host: &Host, auto: &AutoConfirm, now: UnixMillis) -> String {
    let mut text = auto.mode.word().to_owned();
    let switches = [(auto.dry_run, "dry run"), (auto.screen, "screen")];
    let on: Vec<&str> = switches
        .into_iter()
        .filter_map(|(is_on, word)| is_on.then_some(word))
        .collect();
    if !on.is_empty() {
        text = format!("{text} ({})", on.join(", "));
    }
    if let Some(until) = auto.until {
        // To the next minute: what was just switched on for eight hours says 8.
        let left = until
            .saturating_add_signed(host.clock_offset)
            .saturating_sub(now)
            .next_multiple_of(60_000);
        text = format!("{text}, ends in {}", rough_age(left).trim());
    }
    if !auto.stopped.is_empty() {
        let why = sanitize::label(&auto.stopped, COLUMNS);
        text = format!("{text}; switched off by itself: {why}");
    }
    text
}
