//! Effects are carried out: the only place of the room that touches hosts, other programs and our own process.

use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::{App, Flow, TuiError, received};
use crate::domain::{HostId, SessionId};
use crate::fleet::RequestId;
use crate::protocol::Request;
use crate::tui::calling::{Order, TIME, run};
use crate::tui::effect::{Attach, Effect, Target, join_keys};
use crate::tui::fixture::Fixture;
use crate::tui::message::Msg;
use crate::tui::model::Dirty;
use crate::tui::update::update;

impl App {
    pub(super) async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<Flow, TuiError> {
        let mut flow = Flow::On;
        let mut waiting = join_keys(effects);
        while !waiting.is_empty() {
            let mut next = Vec::new();
            for effect in waiting {
                match effect {
                    Effect::Send { host, id, request } => {
                        next.extend(self.send(&host, id, request));
                    }
                    Effect::Watch(targets) => self.watch(targets),
                    Effect::Answer { id, answer } => self.desk.answer(id, answer),
                    Effect::Reconnect(host) => self.fleet.reconnect(&host),
                    Effect::Attach(attach) => {
                        let error = self.attach(&attach).await?;
                        let now = self.clock.now();
                        next.extend(update(&mut self.model, Msg::Returned { error }, now));
                    }
                    Effect::AttachOver(over) => self.open(over),
                    Effect::Store(fixture) => self.store(*fixture),
                    Effect::Call(words) => {
                        let way = self.model.settings.notify.terminal;
                        self.tty.call(way, &words).map_err(TuiError::Terminal)?;
                    }
                    Effect::Tell(order) => self.tell(*order),
                    Effect::Suspend => self.suspend()?,
                    Effect::Redraw => {
                        self.tty.forget().map_err(TuiError::Terminal)?;
                        self.model.raise(Dirty::Now);
                    }
                    Effect::Quit => flow = Flow::End,
                }
            }
            waiting = next;
        }
        Ok(flow)
    }

    /// Hands a request over; returns what follows when it was not taken.
    fn send(&mut self, host: &HostId, id: RequestId, request: Request) -> Vec<Effect> {
        match self.fleet.send(host, id, request) {
            Ok(()) => Vec::new(),
            Err(error) => update(
                &mut self.model,
                Msg::NotSent { id, error },
                self.clock.now(),
            ),
        }
    }

    fn watch(&self, targets: Vec<Target>) {
        let targets: Vec<(HostId, SessionId)> = targets
            .into_iter()
            .map(|target| (target.host, target.session))
            .collect();
        self.fleet.watch(&targets);
    }

    /// Beside the loop, and a few at a time.
    fn tell(&mut self, order: Order) {
        let home = self.machine.paths.home.clone();
        let places = Arc::clone(&self.places);
        self.telling.spawn(async move {
            // Never closed; its place is kept until the command has ended.
            let _place = places.acquire().await;
            run(order, &home, TIME).await
        });
    }

    /// On another thread: disks can be slow, and a network's can hang.
    fn store(&mut self, fixture: Fixture) {
        let folder = self.machine.paths.fixtures_dir();
        self.storing.spawn_blocking(move || fixture.store(&folder));
    }

    /// Stops the process with the terminal restored; returns when it goes on.
    pub(super) fn suspend(&mut self) -> Result<(), TuiError> {
        self.tty.lend();
        stop();
        self.take_back()
    }

    /// Gives the terminal to a session.
    pub(super) fn lend(&mut self) {
        self.tty.lend();
        self.model.attention.lent(true);
    }

    pub(super) fn take_back(&mut self) -> Result<(), TuiError> {
        self.tty.take_back().map_err(TuiError::Terminal)?;
        self.model.attention.lent(false);
        let area = self.tty.area();
        self.model.area = area;
        self.model.raise(Dirty::Now);
        Ok(())
    }

    /// Gives the terminal to tmux until it returns. Facts from hosts are taken in meanwhile, so that nothing piles up.
    /// Returns what went wrong, in a line.
    async fn attach(&mut self, attach: &Attach) -> Result<Option<String>, TuiError> {
        self.lend();
        let child = Command::new("tmux")
            .args(attach.arguments())
            // Inside tmux an attach would be refused as nesting, which is what was asked for.
            .env_remove("TMUX")
            .env_remove("TMUX_PANE")
            .stderr(Stdio::piped())
            .spawn();
        let error = match child {
            Ok(child) => self.until_detached(child).await,
            Err(error) => Some(format!("cannot run tmux: {error}")),
        };
        self.take_back()?;
        Ok(error)
    }

    async fn until_detached(&mut self, child: tokio::process::Child) -> Option<String> {
        let ended = child.wait_with_output();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                output = &mut ended => return match output {
                    Ok(output) if output.status.success() => None,
                    Ok(output) => {
                        let said = String::from_utf8_lossy(&output.stderr);
                        let line = said.lines().next().unwrap_or("it said nothing");
                        Some(format!("tmux: {line}"))
                    }
                    Err(error) => Some(format!("lost tmux: {error}")),
                },
                notice = received(&mut self.notices) => match notice {
                    Some(notice) => {
                        let msg = self.desk.take(notice);
                        let effects = update(&mut self.model, msg, self.clock.now());
                        self.send_only(effects);
                    }
                    None => self.notices = None,
                },
                id = self.desk.withdrawn() => {
                    let effects = update(&mut self.model, Msg::Withdrawn(id), self.clock.now());
                    self.send_only(effects);
                }
            }
        }
    }

    /// Carries out what needs no terminal; what does is dropped, because the person is somewhere else.
    pub(super) fn send_only(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { host, id, request } => drop(self.send(&host, id, request)),
                Effect::Watch(targets) => self.watch(targets),
                Effect::Tell(order) => self.tell(*order),
                _ => {}
            }
        }
        while let Some(told) = self.telling.try_join_next() {
            let effects = match told {
                Ok(told) => update(&mut self.model, Msg::Told(told), self.clock.now()),
                Err(_) => Vec::new(),
            };
            self.send_only(effects);
        }
    }
}

/// Stops the process; returns when it goes on.
pub(super) fn stop() {
    // Not the signal that we catch: this one cannot be caught, and shells treat it alike.
    let stopped =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    if let Err(error) = stopped {
        tracing::warn!(%error, "cannot stop");
    }
}
