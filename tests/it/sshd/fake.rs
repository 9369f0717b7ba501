//! An SSH server in memory, for what a real one cannot be told to do.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cm_tui::transport::ssh::Connection;
use cm_tui::transport::ssh::settings::Settings;
use russh::keys::load_secret_key;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Response, Session, run_stream,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::human::{answers, secrets};
use super::lab::{KeyPair, settings};

/// The fields of one round: label, and whether what is typed is shown.
pub type Round = &'static [(&'static str, bool)];

/// What the server does.
#[derive(Clone, Default)]
pub struct Script {
    pub banner: Option<String>,
    pub methods: Vec<MethodKind>,
    pub password: Option<&'static str>,
    /// The rounds of its dialog, and the answers that it wants.
    pub rounds: Vec<(Round, &'static [&'static str])>,
    /// The first right login opens nothing: this one is wanted as well.
    pub second: Option<MethodKind>,
    /// Says nothing when the login begins.
    pub is_mute: bool,
    /// Hangs up when the login begins.
    pub hangs_up: bool,
    /// Leaves the opening of channels unanswered.
    pub never_confirms: bool,
}

pub struct Fake {
    pub dir: TempDir,
    pub port: u16,
    /// The outcome of what it tried to open on clients.
    pub opened: watch::Receiver<Vec<String>>,
    /// How often clients have asked for what is never answered.
    asked: watch::Receiver<usize>,
    /// How many channels clients have closed.
    pub closed: watch::Receiver<usize>,
}

impl Fake {
    pub async fn start(script: Script) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("cm-fake")
            .tempdir()
            .unwrap();
        let key = KeyPair::new(&dir.path().join("host"), "ed25519", "");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = format!("[127.0.0.1]:{port} {}\n", key.public);
        std::fs::write(dir.path().join("known_hosts"), line).unwrap();
        let methods = if script.methods.is_empty() {
            MethodSet::server_supported()
        } else {
            MethodSet::from(script.methods.as_slice())
        };
        let config = Arc::new(Config {
            keys: vec![load_secret_key(&key.path, None).unwrap()],
            methods: methods.clone(),
            auth_rejection_time: Duration::ZERO,
            inactivity_timeout: None,
            ..Config::default()
        });
        let (outcomes, opened) = watch::channel(Vec::new());
        let (ask, asked) = watch::channel(0);
        let (close, closed) = watch::channel(0);
        let _serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let handler = Served {
                    script: script.clone(),
                    methods: methods.clone(),
                    round: 0,
                    has_first: false,
                    outcomes: outcomes.clone(),
                    unanswered: Vec::new(),
                    ask: ask.clone(),
                    close: close.clone(),
                };
                let config = Arc::clone(&config);
                let _client = tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, handler).await {
                        let _ended = session.await;
                    }
                });
            }
        });
        Self {
            dir,
            port,
            opened,
            asked,
            closed,
        }
    }

    /// Connects with the password of the script.
    pub async fn connect(&self) -> Connection {
        let (asker, _questions) = answers(vec![secrets(&["pw"])]);
        let settings = Settings {
            authentications: vec!["password".to_owned()],
            ..self.settings()
        };
        Connection::open(&settings, &asker).await.unwrap()
    }

    /// Waits until a client waits for what never comes.
    pub async fn is_waited_for(&self) {
        self.asked
            .clone()
            .wait_for(|count| *count > 0)
            .await
            .unwrap();
    }

    pub fn settings(&self) -> Settings {
        let no_key: &Path = &self.dir.path().join("no key");
        settings(self.port, no_key, &self.dir.path().join("known_hosts"))
    }
}

struct Served {
    script: Script,
    methods: MethodSet,
    round: usize,
    has_first: bool,
    outcomes: watch::Sender<Vec<String>>,
    unanswered: Vec<ChannelOpenHandle>,
    ask: watch::Sender<usize>,
    close: watch::Sender<usize>,
}

impl Served {
    fn right(&mut self) -> Auth {
        match self.script.second {
            Some(second) if !self.has_first => {
                self.has_first = true;
                Auth::Reject {
                    proceed_with_methods: Some(MethodSet::from(&[second][..])),
                    partial_success: true,
                }
            }
            _ => Auth::Accept,
        }
    }

    /// russh would take a method that failed from the list.
    fn wrong(&self) -> Auth {
        Auth::Reject {
            proceed_with_methods: Some(self.methods.clone()),
            partial_success: false,
        }
    }

    fn ask(&self) -> Auth {
        let Some((round, _)) = self.script.rounds.get(self.round) else {
            return self.wrong();
        };
        let prompts: Vec<_> = round
            .iter()
            .map(|(label, echo)| (Cow::Borrowed(*label), *echo))
            .collect();
        Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Owned(format!("round {}", self.round + 1)),
            prompts: prompts.into(),
        }
    }
}

impl Handler for Served {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.script.banner.clone())
    }

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        if self.script.is_mute {
            self.ask.send_modify(|count| *count += 1);
            std::future::pending::<()>().await;
        }
        if self.script.hangs_up {
            return Err(russh::Error::Disconnect);
        }
        Ok(self.wrong())
    }

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(if self.script.password == Some(password) {
            self.right()
        } else {
            self.wrong()
        })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(response) = response else {
            self.round = 0;
            return Ok(self.ask());
        };
        let given: Vec<Vec<u8>> = response.map(|answer| answer.to_vec()).collect();
        let wanted = self
            .script
            .rounds
            .get(self.round)
            .map(|(_, answers)| *answers);
        let is_right = wanted.is_some_and(|wanted| {
            wanted.len() == given.len()
                && wanted
                    .iter()
                    .zip(&given)
                    .all(|(wanted, given)| wanted.as_bytes() == given)
        });
        if !is_right {
            return Ok(self.wrong());
        }
        self.round += 1;
        Ok(if self.round == self.script.rounds.len() {
            self.right()
        } else {
            self.ask()
        })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.script.never_confirms {
            self.ask.send_modify(|count| *count += 1);
            self.unanswered.push(reply);
        } else {
            reply.accept().await;
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        _id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.close.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let command = String::from_utf8_lossy(command).into_owned();
        if command == "refuse" {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        if command == "stay" {
            return Ok(());
        }
        let handle = session.handle();
        let outcomes = self.outcomes.clone();
        let _running = tokio::spawn(async move {
            match command.as_str() {
                "flood errors" => flood_errors(&handle, id).await,
                "open channels" => open_channels(&handle, &outcomes).await,
                "signal" => {
                    let text = String::new();
                    let killed = russh::Sig::KILL;
                    let _gone = handle
                        .exit_signal_request(id, killed, false, text.clone(), text)
                        .await;
                }
                _ => {}
            }
            let _gone = handle.eof(id).await;
            let _gone = handle.close(id).await;
        });
        Ok(())
    }
}

async fn flood_errors(handle: &Handle, id: ChannelId) {
    for _ in 0..2000 {
        if handle
            .extended_data(id, 1, vec![b'e'; 32 << 10])
            .await
            .is_err()
        {
            return;
        }
    }
    let _gone = handle.extended_data(id, 1, b"the end".to_vec()).await;
}

async fn open_channels(handle: &Handle, outcomes: &watch::Sender<Vec<String>>) {
    let tried = [
        ("agent", handle.channel_open_agent().await),
        ("session", handle.channel_open_session().await),
        ("x11", handle.channel_open_x11("127.0.0.1", 1).await),
        (
            "direct",
            handle
                .channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
                .await,
        ),
        (
            "socket",
            handle.channel_open_direct_streamlocal("/tmp/x").await,
        ),
        (
            "forwarded",
            handle
                .channel_open_forwarded_tcpip("127.0.0.1", 22, "127.0.0.1", 1)
                .await,
        ),
        (
            "forwarded socket",
            handle.channel_open_forwarded_streamlocal("/tmp/x").await,
        ),
    ];
    let said = tried
        .into_iter()
        .map(|(what, outcome)| {
            let said = if outcome.is_ok() { "opened" } else { "refused" };
            format!("{what} {said}")
        })
        .collect();
    outcomes.send_replace(said);
}
