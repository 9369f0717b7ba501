//! Attaching to a session of another host: the terminal is handed over once the session is there, and not before, so that
//! questions on the way are asked on the dashboard.

use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::perform::stop;
use super::{App, Flow, TuiError, received};
use crate::fleet::attach::{self, Attachment, End};
use crate::term::{Size, sanitize};
use crate::transport::ssh::{SshError, SshErrorKind};
use crate::tui::action::Action;
use crate::tui::attach::screen::Screen;
use crate::tui::attach::{Attached, Left};
use crate::tui::effect::AttachOver;
use crate::tui::key::Chord;
use crate::tui::message::Msg;
use crate::tui::signals::Told;
use crate::tui::update::update;

/// A session of another host on its way to the terminal.
pub(super) struct Opening {
    name: String,
    opening: attach::Opening,
}

/// The session that can be shown now, or never when none is on its way. Safe to cancel.
pub(super) async fn opened(
    opening: &mut Option<Opening>,
) -> (String, Result<Attachment, SshError>) {
    let Some(on_its_way) = opening else {
        return std::future::pending().await;
    };
    let opened = (&mut on_its_way.opening).await;
    let name = std::mem::take(&mut on_its_way.name);
    *opening = None;
    (name, opened)
}

/// What ended a turn of the person at the far terminal.
enum Met {
    Left(Left),
    Told(Told),
}

impl App {
    /// Begins to open a session; one that was on its way before is given up.
    pub(super) fn open(&mut self, over: AttachOver) {
        let area = self.tty.area();
        let size = Size::new(area.width, area.height);
        self.opening = Some(Opening {
            opening: self.fleet.attach(&over.host, over.place, size),
            name: over.name,
        });
    }

    pub(super) async fn opened(
        &mut self,
        name: String,
        opened: Result<Attachment, SshError>,
    ) -> Result<Flow, TuiError> {
        let attachment = match opened {
            Ok(attachment) => attachment,
            Err(error) => return self.take(not_attached(error)).await,
        };
        if self.model.typing.is_some() || !self.model.overlays.is_empty() {
            return self.take(Msg::Interrupted { name }).await;
        }
        self.lend();
        let (flow, trouble) = match self.lend_to(attachment, &name).await {
            Ok(returned) => returned,
            Err(error) => (Flow::On, Some(unusable(&error))),
        };
        if flow == Flow::End {
            return Ok(flow);
        }
        self.take_back()?;
        let msg = trouble.map_or(Msg::Returned { error: None }, not_attached);
        self.take(msg).await
    }

    /// Gives the terminal to a session until the person leaves it. Returns what went wrong.
    async fn lend_to(
        &mut self,
        attachment: Attachment,
        name: &str,
    ) -> std::io::Result<(Flow, Option<SshError>)> {
        let keymap = &self.model.settings.keymap;
        let detach: Vec<Chord> = keymap.chords(Action::LeaveTyping).cloned().collect();
        let mut windows = signal(SignalKind::window_change())?;
        let Attachment { far, passing, size } = attachment;
        let mut attached = Attached::new(Screen::own()?, far, passing, &detach, size);
        loop {
            let met = self.until_left(&mut attached, &mut windows).await;
            attached.give_back().await;
            match met {
                Met::Left(left) => return Ok((Flow::On, trouble(left, name))),
                Met::Told(Told::End) => return Ok((Flow::End, None)),
                Met::Told(Told::Stop) => stop(),
                // Others may have used the terminal: it is taken anew.
                Met::Told(Told::GoOn) => {}
            }
        }
    }

    /// Facts from hosts are taken in meanwhile, so that nothing piles up.
    async fn until_left(&mut self, attached: &mut Attached, windows: &mut Signal) -> Met {
        let resized: std::sync::Arc<Notify> = attached.resized();
        let mut leaving = pin!(attached.run());
        loop {
            tokio::select! {
                left = &mut leaving => return Met::Left(left),
                told = self.signals.next() => return Met::Told(told),
                _ = windows.recv() => resized.notify_one(),
                notice = received(&mut self.notices) => match notice {
                    Some(notice) => {
                        let now = self.clock.now();
                        let msg = self.desk.take(notice);
                        let effects = update(&mut self.model, msg, now);
                        self.send_only(effects);
                    }
                    None => self.notices = None,
                },
            }
        }
    }
}

fn not_attached(error: SshError) -> Msg {
    Msg::NotAttached {
        message: error.message,
        hint: error.hint,
    }
}

fn unusable(error: &std::io::Error) -> SshError {
    let why = format!("cannot use the terminal: {error}");
    SshError::new(SshErrorKind::Refused, why, "")
}

/// What there is to say when the terminal is back; nothing after an end that was asked for.
fn trouble(left: Left, name: &str) -> Option<SshError> {
    let refused = |why: String| Some(SshError::new(SshErrorKind::Refused, why, ""));
    match left {
        Left::Detached | Left::Ended(End::Status(0)) => None,
        Left::Ended(End::Status(status)) => refused(format!("{name}: tmux ended (exit {status})")),
        Left::Ended(End::Signal(signal)) => {
            let signal = sanitize::label(&signal, 20);
            refused(format!("{name}: tmux was killed by {signal}"))
        }
        Left::Ended(End::Lost(error)) => Some(error),
        Left::Gone(error) => Some(unusable(&error)),
    }
}
