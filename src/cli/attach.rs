//! `cm-tui attach SESSION`: this terminal shows the session until the person detaches, as from the dashboard.

use std::os::unix::process::CommandExt as _;
use std::pin::pin;
use std::process::{Command, ExitCode};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::domain::{HostId, Session, SessionState};
use crate::fleet::attach::{Attachment, End, Place};
use crate::term::sanitize;
use crate::transport::ssh::SshError;
use crate::tui::action::Action;
use crate::tui::attach::screen::Screen;
use crate::tui::attach::{Attached, Left};
use crate::tui::colours::Colours;
use crate::tui::effect::Attach;
use crate::tui::key::Chord;
use crate::tui::settings::Settings;

/// The widest name that is repeated, in columns.
const COLUMNS: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    #[command(flatten)]
    pub place: Where,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(CommandError::new(
            Exit::Usage,
            "attaching needs a terminal",
            "“cm-tui show SESSION” prints a screen without one",
        ));
    }
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    let local = block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let found = pick::find(&mut reach, &scope, &arguments.session).await?;
        check(&found)?;
        if found.host == HostId::local() {
            return Ok(Some(Attach::to(&found.session)));
        }
        over(&world, reach, &found).await?;
        Ok(None)
    })?;
    let Some(attach) = local else {
        return Ok(ExitCode::SUCCESS);
    };
    // tmux takes our place: its exit code is ours.
    let error = Command::new("tmux")
        .args(attach.arguments())
        // Inside tmux an attach would be refused as nesting, which is what was asked for.
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .exec();
    Err(CommandError::because("cannot run tmux", &error))
}

fn check(found: &Found) -> Result<(), CommandError> {
    let name = sanitize::label(&found.session.name, COLUMNS);
    if found.session.state == SessionState::Lost {
        let message = format!("{name} is lost: its tmux server is gone");
        return Err(CommandError::new(Exit::NotFound, message, ""));
    }
    let tmux = std::env::var("TMUX").unwrap_or_default();
    if found.host == HostId::local() && is_within(&tmux, &found.session) {
        let message =
            format!("{name} is in the tmux that you are in: it would be shown within itself");
        let hint = "go there with tmux's own keys";
        return Err(CommandError::new(Exit::Refused, message, hint));
    }
    Ok(())
}

/// Whether `session` is in the tmux session that shows us, by the value of `TMUX` (`socket,pid,session`).
fn is_within(tmux: &str, session: &Session) -> bool {
    let mut fields = tmux.rsplit(',');
    let ours = (fields.next(), fields.next());
    let theirs = (
        session.tmux_session.to_string(),
        session.pane.server_pid.to_string(),
    );
    ours == (Some(&theirs.0), Some(&theirs.1))
}

/// Shows a session of another host.
async fn over(world: &World, mut reach: Reach, found: &Found) -> Result<(), CommandError> {
    let screen = Screen::own().map_err(|error| unusable(&error))?;
    let size = screen.size();
    let settings = Settings::load(world.paths(), Colours::detect(), None);
    let settings = settings
        .settings
        .unwrap_or_else(|| Settings::new(Colours::detect()));
    let chords = settings.keymap.chords(Action::LeaveTyping).cloned();
    let detach: Vec<Chord> = chords.collect();
    let mut opening = reach
        .fleet
        .attach(&found.host, Place::of(&found.session), size);
    let attachment = loop {
        tokio::select! {
            opened = &mut opening => break opened.map_err(|error| of_ssh(&error))?,
            // What is asked on the way comes as a notice.
            heard = reach.hear() => drop(heard?),
        }
    };
    let Attachment { far, passing, size } = attachment;
    let mut attached = Attached::new(screen, far, passing, &detach, size);
    let left = until_left(&mut attached, &mut reach).await;
    attached.give_back().await;
    let name = sanitize::label(&found.session.name, COLUMNS);
    match left? {
        Left::Detached => {
            say::print(&format!("left {name}; it goes on\n"))?;
            Ok(())
        }
        Left::Ended(End::Status(0)) => Ok(()),
        Left::Ended(End::Status(status)) => {
            let message = format!("{name}: tmux ended (exit {status})");
            Err(CommandError::failed(message, ""))
        }
        Left::Ended(End::Signal(signal)) => {
            let signal = sanitize::label(&signal, COLUMNS);
            let message = format!("{name}: tmux was killed by {signal}");
            Err(CommandError::failed(message, ""))
        }
        Left::Ended(End::Lost(error)) => Err(of_ssh(&error)),
        Left::Gone(error) => Err(unusable(&error)),
    }
}

/// Facts from hosts are taken in meanwhile, so that nothing piles up. A signal that ends us is a way to leave.
async fn until_left(attached: &mut Attached, reach: &mut Reach) -> Result<Left, CommandError> {
    let listen = |kind| signal(kind).map_err(|error| CommandError::because("no signals", &error));
    let mut windows: Signal = listen(SignalKind::window_change())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let resized = attached.resized();
    let mut leaving = pin!(attached.run());
    loop {
        tokio::select! {
            left = &mut leaving => return Ok(left),
            _ = windows.recv() => resized.notify_one(),
            _ = terminate.recv() => return Ok(Left::Detached),
            _ = hang_up.recv() => return Ok(Left::Detached),
            heard = reach.hear() => drop(heard?),
        }
    }
}

fn unusable(error: &std::io::Error) -> CommandError {
    CommandError::because("cannot use the terminal", error)
}

fn of_ssh(error: &SshError) -> CommandError {
    CommandError::new(Exit::Unreachable, error.message.clone(), error.hint.clone())
}
