//! One connection to one host: opening it through whatever lies on the way, running commands on it, and its end.
//!
//! russh's session task is the actor that owns the connection; this is its handle. Promise: every wait on it is raced
//! against the end of the connection and a deadline, and a connection that nobody holds any more is gone at once.

use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, Handle};
use tokio::sync::{Semaphore, oneshot, watch};

use super::channel::{self, Ends, Exec, Pty};
use super::handler::{Banner, Host, Stop};
use super::life::{EndOnDrop, Life, Unmet};
use super::opening::{ChannelTask, Order, TunnelTask};
use super::route::{self, Way};
use super::settings::{Route, Settings};
use super::stream::{FirstBytes, Guarded};
use super::trust::Judge;
use super::{SshError, algorithms, auth, errors, jumps, socket, trust};
use crate::term::Size;
use crate::transport::asking::Asker;

/// How long a host may take to open a channel and start a command: a busy one needs seconds for a login shell.
const CHANNEL_DEADLINE: Duration = Duration::from_secs(20);
/// Session channels at a time. sshd refuses the eleventh (`MaxSessions 10`), and lower limits are common.
const MOST_CHANNELS: usize = 6;

/// Handle of a live connection, cheap to clone. It is closed when the last clone is dropped, with all its channels.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

struct Inner {
    name: String,
    life: Arc<Life>,
    handle: Arc<Handle<Host>>,
    channels: Arc<Semaphore>,
    /// The connection to the jump host that this one runs through.
    _through: Option<Connection>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.life.end(errors::closed(&self.name));
    }
}

impl Connection {
    /// Connects, checks the host's key and logs in; asks the human where that is needed. Dropping the future cuts
    /// everything it has begun.
    ///
    /// # Errors
    /// One line that names what failed, where, and what to do.
    pub async fn open(settings: &Settings, asker: &Asker) -> Result<Self, SshError> {
        let through = match &settings.route {
            Route::Jump(hops) => jumps::reach(hops, asker).await?,
            Route::Direct | Route::Command(_) | Route::Descriptor => None,
        };
        Self::open_through(settings, through.as_ref(), asker).await
    }

    /// As [`Self::open`], through a jump host that is connected already.
    pub(super) async fn open_through(
        settings: &Settings,
        through: Option<&Self>,
        asker: &Asker,
    ) -> Result<Self, SshError> {
        let judge = Judge::load(settings, None).await?;
        match Attempt::new(settings, through).run(judge, asker).await {
            Ok(connection) => Ok(connection),
            Err(Failure::Error(error)) => Err(error),
            // Asked without a connection that waits: hosts hang up on slow logins, and on us while the human thinks.
            Err(Failure::Unknown { key, address }) => {
                let accepted = trust::decide(settings, *key, &address, asker).await?;
                let judge = Judge::load(settings, Some(&accepted)).await?;
                match Attempt::new(settings, through).run(judge, asker).await {
                    Ok(connection) => Ok(connection),
                    Err(Failure::Error(error)) => Err(error),
                    Err(Failure::Unknown { .. }) => Err(trust::changed_meanwhile(settings)),
                }
            }
        }
    }

    /// Runs a command. It is a constant: data travels on its input, never in a shell string.
    ///
    /// # Errors
    /// When the host refuses or does not start it in time, or the connection ends.
    pub async fn exec(&self, command: &'static str) -> Result<Exec, SshError> {
        let ends = self.start(Order::exec(command), None).await?;
        Ok(ends.exec())
    }

    /// Runs a command in a terminal; `term` is the value of `TERM` there.
    ///
    /// # Errors
    /// As [`Self::exec`].
    pub async fn pty(
        &self,
        command: &'static str,
        term: &str,
        size: Size,
    ) -> Result<Pty, SshError> {
        let (resize, sizes) = watch::channel(channel::Window::new(size));
        let order = Order {
            command,
            terminal: Some((term.to_owned(), size)),
        };
        let ends = self.start(order, Some(sizes)).await?;
        Ok(ends.pty(resize))
    }

    /// Waits until the connection is gone, and says why.
    pub async fn ended(&self) -> SshError {
        self.0.life.ended().await
    }

    /// What those who go through this host wait at for a place.
    pub(super) fn door(&self) -> &str {
        &self.0.name
    }

    /// How many hold this connection, this handle among them.
    pub(super) fn sharing(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.life.is_over()
    }

    /// Cuts the connection at once, from any state.
    pub fn cut(&self) {
        self.0.life.end(errors::closed(&self.0.name));
    }

    pub(super) fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }

    async fn start(
        &self,
        order: Order,
        sizes: Option<watch::Receiver<channel::Window>>,
    ) -> Result<Ends, SshError> {
        let opening = async {
            let place = Arc::clone(&self.0.channels).acquire_owned().await;
            let place = place.expect("the semaphore is never closed");
            let (ready, answer) = oneshot::channel();
            let task = ChannelTask {
                name: self.0.name.clone(),
                life: Arc::clone(&self.0.life),
                handle: Arc::clone(&self.0.handle),
                sizes,
                ready,
                place,
            };
            // It ends with the channel, and at the latest with the connection.
            let _task = tokio::spawn(task.run(order));
            answer.await
        };
        match self.0.life.race_within(CHANNEL_DEADLINE, opening).await {
            Ok(Ok(started)) => started,
            Ok(Err(_gone)) => Err(errors::lost(&self.0.name, "the connection ended")),
            Err(Unmet::Over(why)) => Err(why),
            Err(Unmet::TooLate) => {
                let why = format!("no answer within {} s", CHANNEL_DEADLINE.as_secs());
                Err(errors::refused(
                    &self.0.name,
                    "run a command",
                    &why,
                    "is it overloaded?",
                ))
            }
        }
    }

    /// A byte stream from this host to another one.
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> Result<Ends, SshError> {
        let Inner { name, life, .. } = &*self.0;
        let (ready, answer) = oneshot::channel();
        let task = TunnelTask {
            name: name.clone(),
            life: Arc::clone(life),
            handle: Arc::clone(&self.0.handle),
            host: host.to_owned(),
            port,
            ready,
        };
        // It ends with the channel, and at the latest with the connection.
        let _task = tokio::spawn(task.run());
        match life.race_within(CHANNEL_DEADLINE, answer).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_gone)) => Err(errors::lost(name, "the connection ended")),
            Err(Unmet::Over(why)) => Err(why),
            Err(Unmet::TooLate) => {
                let what = format!("connect on to {host}:{port}");
                Err(errors::refused(name, &what, "no answer in time", ""))
            }
        }
    }
}

/// Does not keep its connection open.
#[derive(Clone, Debug, Default)]
pub(super) struct WeakConnection(std::sync::Weak<Inner>);

impl WeakConnection {
    pub fn upgrade(&self) -> Option<Connection> {
        self.0.upgrade().map(Connection)
    }
}

/// Why an attempt brought no connection.
enum Failure {
    Error(SshError),
    Unknown {
        key: Box<trust::UnknownKey>,
        address: String,
    },
}

impl From<SshError> for Failure {
    fn from(error: SshError) -> Self {
        Self::Error(error)
    }
}

/// One attempt to connect and log in.
struct Attempt<'a> {
    settings: &'a Settings,
    through: Option<&'a Connection>,
    life: Arc<Life>,
}

impl<'a> Attempt<'a> {
    fn new(settings: &'a Settings, through: Option<&'a Connection>) -> Self {
        Self {
            settings,
            through,
            life: Life::new(),
        }
    }

    async fn run(self, judge: Judge, asker: &Asker) -> Result<Connection, Failure> {
        let (settings, life) = (self.settings, &self.life);
        let name = &settings.name;
        // From here on, whatever fails or is cancelled takes socket, child and russh's task with it.
        let cut = EndOnDrop::new(life, errors::closed(name));
        let config = algorithms::config(settings, &judge)?;
        let way = route::find(settings, self.through, life).await?;
        let Way {
            stream,
            address,
            place,
            deadline,
            said,
        } = way;
        let first = FirstBytes::default();
        let stream = Guarded::new(stream, life, socket::patience(settings)).keep_first(&first);
        let banner = Banner::default();
        let host = Host::new(name, life, judge, &banner);
        let greeting = client::connect_stream(config, stream, host);
        let greeted = tokio::time::timeout_at(deadline, life.race(greeting)).await;
        let mut handle = match greeted {
            Ok(Ok(Ok(handle))) => handle,
            Ok(Ok(Err(Stop::Unknown(key)))) => return Err(Failure::Unknown { key, address }),
            Ok(Err(why) | Ok(Err(Stop::Refused(why)))) => return Err(why.into()),
            failed => {
                let error = match (first.of_a_stranger(), failed) {
                    (Some(words), _) => errors::stranger(name, &words),
                    (None, Ok(Ok(Err(Stop::Russh(error))))) => {
                        errors::not_connected(name, &error, &said.words().await)
                    }
                    (None, _) => errors::silent(name),
                };
                return Err(error.into());
            }
        };
        let (between, mut questions) = Asker::new();
        let mut place = Some(place);
        {
            let mut login = Box::pin(auth::log_in(&mut handle, settings, life, &banner, &between));
            loop {
                tokio::select! {
                    done = &mut login => break done?,
                    Some(question) = questions.recv() => {
                        // Whoever is behind the same jump host or command has another sshd, and waits for no human.
                        if address.is_empty() {
                            place = None;
                        }
                        asker.pass_on(question).await;
                    }
                }
            }
        }
        drop(place);
        cut.disarm();
        Ok(Connection(Arc::new(Inner {
            name: name.clone(),
            life: Arc::clone(life),
            handle: Arc::new(handle),
            channels: Arc::new(Semaphore::new(MOST_CHANNELS)),
            _through: self.through.cloned(),
        })))
    }
}
