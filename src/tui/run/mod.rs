//! The loop of the dashboard: it waits, takes messages in, has effects carried out (`perform.rs`) and draws.

mod desk;
mod over;
mod perform;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Receiver;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use self::desk::Desk;
use crate::domain::HostId;
use crate::fleet::{self, Fleet, Here, HostNotice};
use crate::tui::calling::Told;
use crate::tui::clock::{Clock, Moment};
use crate::tui::colours::Colours;
use crate::tui::fixture::StoreError;
use crate::tui::message::Msg;
use crate::tui::model::{Dirty, Model};
use crate::tui::own::OwnPane;
use crate::tui::settings::{self, Loaded, Settings};
use crate::tui::signals::{self, Signals};
use crate::tui::terminal::{Tty, is_gone};
use crate::tui::timing;
use crate::tui::update::{demo, update};
use crate::tui::view;

/// The least time between two frames that output alone causes, in milliseconds: 30 a second look smooth, and 24 busy
/// sessions cost no more than one.
const OUTPUT_FRAME: u64 = 33;
/// The least time between two frames, in milliseconds, however fast somebody types: about what terminals show.
const FRAME: u64 = 16;
/// How many notices are taken in before a frame is considered: at some microseconds each they delay a key by less than
/// a frame.
const NOTICES: usize = 128;
/// How long notices are taken in before a frame is considered: screens cost more than facts.
const NOTICES_TIME: Duration = Duration::from_millis(5);
/// How many events of the terminal are taken in before a frame is considered: a held key repeats some 30 times a second,
/// and more than this at once is a flood.
const EVENTS: usize = 64;

/// How many commands that call somebody run at once: more would be felt beside the tools. Each has ten seconds, so that
/// even if all hang, those of one minute are through within the next.
const COMMANDS: usize = 4;

/// How the dashboard is started.
#[derive(Debug)]
pub struct Options {
    /// This machine, as far as reaching others needs it.
    pub machine: Here,
    /// The hosts of the fleet, in the order they are shown.
    pub hosts: Vec<HostId>,
    /// The folder that new sessions are offered with.
    pub here: String,
    /// The pane that the dashboard runs in.
    pub own: OwnPane,
    /// Whether to start the three stand-in tools.
    pub demo: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
}

/// Shows the dashboard until the user leaves or a signal ends it. Needs a tokio runtime with I/O and time.
pub async fn run(
    options: Options,
    fleet: Fleet,
    notices: Receiver<HostNotice>,
) -> Result<(), TuiError> {
    let colours = Colours::detect();
    let signals = Signals::listen().map_err(TuiError::Signals)?;
    let paths = options.machine.paths.clone();
    let loaded = Settings::load(&paths, colours, None);
    let settings = loaded
        .settings
        .clone()
        .unwrap_or_else(|| Settings::new(colours));
    let tty = Tty::take(settings.mouse).map_err(TuiError::Terminal)?;
    let mut model = Model::new(options.hosts, settings, tty.area());
    model.here = options.here;
    model.own = options.own;
    let clock = Clock::start();
    let mut app = App {
        tty,
        model,
        fleet,
        machine: options.machine,
        notices: Some(notices),
        desk: Desk::default(),
        signals,
        clock,
        drawn: Moment::default(),
        demo: options.demo,
        opening: None,
        storing: JoinSet::new(),
        telling: JoinSet::new(),
        places: Arc::new(Semaphore::new(COMMANDS)),
    };
    if !loaded.problems.is_empty() {
        app.take(Msg::Reloaded(Box::new(Loaded {
            settings: None,
            config: None,
            ..loaded
        })))
        .await?;
    }
    let reloads = match settings::reloads(paths, app.model.settings.theme.clone()) {
        Ok(reloads) => Some(reloads),
        Err(error) => {
            // The settings are read all the same; only saving them again has no effect.
            tracing::warn!(%error, "settings are not watched");
            None
        }
    };
    let left = app.run(reloads).await;
    let living = app
        .model
        .sessions()
        .filter(|(_, session)| !session.state.is_over())
        .count();
    let words = match living {
        0 => String::new(),
        1 => "1 session lives on; cm-tui shows it again".to_owned(),
        more => format!("{more} sessions live on; cm-tui shows them again"),
    };
    match left {
        Ok(()) => {
            app.tty.leave_with(&words);
            Ok(())
        }
        Err(TuiError::Terminal(error)) if is_gone(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

struct App {
    tty: Tty,
    model: Model,
    fleet: Fleet,
    machine: Here,
    /// `None` when the fleet has ended.
    notices: Option<Receiver<HostNotice>>,
    /// The ways back to hosts that wait for an answer.
    desk: Desk,
    signals: Signals,
    clock: Clock,
    /// When the last frame was drawn.
    drawn: Moment,
    /// Whether the stand-in tools are still to be started.
    demo: bool,
    /// The session of another host that will be shown next.
    opening: Option<over::Opening>,
    /// Screens on their way to the disk.
    storing: JoinSet<Result<PathBuf, StoreError>>,
    /// Commands that call somebody, and how many more may run. `calling` limits how many there are in a minute.
    telling: JoinSet<Told>,
    places: Arc<Semaphore>,
}

impl App {
    async fn run(&mut self, mut reloads: Option<Receiver<Loaded>>) -> Result<(), TuiError> {
        self.draw()?;
        loop {
            let wake = self.wake();
            let flow = tokio::select! {
                biased;
                told = self.signals.next() => self.told(told)?,
                event = self.tty.event() => self.events(event).await?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    self.ticked().await?
                }
                id = self.desk.withdrawn() => self.take(Msg::Withdrawn(id)).await?,
                (name, opened) = over::opened(&mut self.opening) => self.opened(name, opened).await?,
                Some(stored) = self.storing.join_next() => self.stored(stored).await?,
                Some(told) = self.telling.join_next() => self.has_told(told).await?,
                loaded = received(&mut reloads) => self.reloaded(loaded).await?,
                notice = received(&mut self.notices) => self.told_by_host(notice).await?,
            };
            if flow == Flow::End {
                return Ok(());
            }
            self.draw_if_due()?;
        }
    }

    /// When to wake without any message: for the next frame, or for what changes by itself.
    fn wake(&self) -> Option<Instant> {
        let now = self.clock.now();
        let due = self.frame_due();
        let timer = timing::next_wake(&self.model);
        let wake = due.into_iter().chain(timer).min()?;
        Some(Instant::now() + Duration::from_millis(timing::until(wake, now)))
    }

    /// The moment at which the next frame may be drawn, if one is needed.
    fn frame_due(&self) -> Option<u64> {
        match self.model.dirty {
            Dirty::No => None,
            Dirty::Soon => Some(self.drawn.mono + OUTPUT_FRAME),
            Dirty::Now => Some(self.drawn.mono + FRAME),
        }
    }

    fn draw_if_due(&mut self) -> Result<(), TuiError> {
        match self.frame_due() {
            Some(due) if due <= self.clock.now().mono => self.draw(),
            _ => Ok(()),
        }
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        let now = self.clock.now();
        self.model.now = now;
        let model = &self.model;
        self.tty
            .draw(|buffer| view::draw(model, buffer))
            .map_err(TuiError::Terminal)?;
        self.model.dirty = Dirty::No;
        self.drawn = now;
        update(&mut self.model, Msg::Painted, self.clock.now());
        Ok(())
    }

    async fn ticked(&mut self) -> Result<Flow, TuiError> {
        let now = self.clock.now();
        // The timer also stands for a frame that is due; only the model's own time is a message.
        if timing::next_wake(&self.model).is_some_and(|wake| wake <= now.mono) {
            return self.take(Msg::Ticked).await;
        }
        Ok(Flow::On)
    }

    async fn events(&mut self, first: Option<io::Result<Event>>) -> Result<Flow, TuiError> {
        let mut next = first;
        for _ in 0..EVENTS {
            let flow = match next {
                // The terminal is gone: so are we.
                None | Some(Err(_)) => return Ok(Flow::End),
                Some(Ok(Event::Key(key))) => self.take(Msg::Key(key)).await?,
                Some(Ok(Event::Paste(text))) => self.take(Msg::Paste(text)).await?,
                Some(Ok(Event::Mouse(mouse))) => self.take(Msg::Mouse(mouse)).await?,
                Some(Ok(Event::Resize(columns, rows))) => {
                    self.take(Msg::Resized(columns, rows)).await?
                }
                Some(Ok(Event::FocusGained)) => self.take(Msg::Focused(true)).await?,
                Some(Ok(Event::FocusLost)) => self.take(Msg::Focused(false)).await?,
            };
            // A key that changes what is on screen must be seen before the next one is judged by it.
            if flow == Flow::End
                || self
                    .frame_due()
                    .is_some_and(|due| due <= self.clock.now().mono)
            {
                return Ok(flow);
            }
            let Some(more) = self.tty.event_at_hand().await else {
                return Ok(Flow::On);
            };
            next = Some(more);
        }
        Ok(Flow::On)
    }

    async fn told_by_host(&mut self, first: Option<HostNotice>) -> Result<Flow, TuiError> {
        let Some(first) = first else {
            self.notices = None;
            return Ok(Flow::On);
        };
        let end = Instant::now() + NOTICES_TIME;
        let mut next = Some(first);
        for _ in 0..NOTICES {
            let Some(notice) = next else {
                break;
            };
            let is_connected = matches!(notice.notice, fleet::Notice::Connected(_));
            let msg = self.desk.take(notice);
            self.take(msg).await?;
            if is_connected && std::mem::take(&mut self.demo) {
                let effects = demo(&mut self.model);
                self.carry_out(effects).await?;
            }
            if Instant::now() >= end {
                break;
            }
            next = self
                .notices
                .as_mut()
                .and_then(|notices| notices.try_recv().ok());
        }
        Ok(Flow::On)
    }

    async fn reloaded(&mut self, loaded: Option<Loaded>) -> Result<Flow, TuiError> {
        let Some(loaded) = loaded else {
            return Ok(Flow::On);
        };
        if let Some(config) = &loaded.config {
            self.fleet.set_hosts(fleet::hosts(config, &self.machine));
            self.model.fleet.set_hosts(self.fleet.hosts().cloned());
        }
        let before = self.model.settings.mouse;
        let flow = self.take(Msg::Reloaded(Box::new(loaded))).await?;
        let mouse = self.model.settings.mouse;
        if mouse != before {
            self.tty.set_mouse(mouse).map_err(TuiError::Terminal)?;
        }
        Ok(flow)
    }

    async fn stored(
        &mut self,
        stored: Result<Result<PathBuf, StoreError>, JoinError>,
    ) -> Result<Flow, TuiError> {
        let stored = match stored {
            Ok(Ok(folder)) => Ok(folder),
            Ok(Err(error)) => Err(in_one_line(&error)),
            Err(error) => Err(format!("cannot keep the screen: {error}")),
        };
        self.take(Msg::Stored(stored)).await
    }

    async fn has_told(&mut self, told: Result<Told, JoinError>) -> Result<Flow, TuiError> {
        match told {
            Ok(told) => self.take(Msg::Told(told)).await,
            Err(error) => {
                tracing::warn!(%error, "a notification was not sent");
                Ok(Flow::On)
            }
        }
    }

    fn told(&mut self, told: signals::Told) -> Result<Flow, TuiError> {
        match told {
            signals::Told::End => return Ok(Flow::End),
            signals::Told::Stop => self.suspend()?,
            signals::Told::GoOn => {
                self.tty.lend();
                self.take_back()?;
            }
        }
        Ok(Flow::On)
    }

    /// Takes one message in and does what follows from it.
    async fn take(&mut self, msg: Msg) -> Result<Flow, TuiError> {
        let effects = update(&mut self.model, msg, self.clock.now());
        self.carry_out(effects).await
    }
}

/// What failed, with its causes.
fn in_one_line(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause: &&dyn Error| (*cause).source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

/// The next value, or never when there is no sender any more. Safe to cancel.
async fn received<T>(receiver: &mut Option<Receiver<T>>) -> Option<T> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}
