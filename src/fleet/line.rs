//! The line to a host: ours over SSH or the system's `ssh`, which look alike from here.

use std::time::Duration;

use super::deploy::shell::{Ending, Limits, Ran, Shell, drive};
use super::road::{BoxReader, BoxWriter, Boxed, Errand};
use crate::config::SshTransport;
use crate::transport::openssh;
use crate::transport::ssh::resolve::{HostFields, resolve};
use crate::transport::ssh::{self, Ended, SshError};

/// A connection. It is cut when it is dropped, whoever else holds a part of it.
pub(super) struct Line(Kind);

enum Kind {
    Ours(ssh::Connection),
    Systems(openssh::Connection),
}

/// A command that runs on the host.
pub(super) struct Command {
    pub(super) stdin: BoxWriter,
    pub(super) stdout: BoxReader,
    pub(super) end: Boxed<'static, Ended>,
}

impl Drop for Line {
    fn drop(&mut self) {
        match &self.0 {
            Kind::Ours(connection) => connection.cut(),
            Kind::Systems(connection) => connection.cut(),
        }
    }
}

impl Line {
    /// Connects and logs in; also says how often the host should be asked for a sign of life, where the user's settings
    /// say that.
    pub(super) async fn open(
        fields: &HostFields,
        transport: SshTransport,
        errand: &Errand,
    ) -> Result<(Self, Option<Duration>), SshError> {
        errand.step.send_replace("reading its settings");
        match transport {
            SshTransport::Ssh => {
                let settings = resolve(fields).await?;
                errand.step.send_replace("opening SSH");
                let connection = ssh::Connection::open(&settings, &errand.asker).await?;
                let interval = Some(settings.alive_interval).filter(|interval| !interval.is_zero());
                Ok((Self(Kind::Ours(connection)), interval))
            }
            SshTransport::OpenSsh => {
                let connection = openssh::Connection::open(fields).await?;
                errand.step.send_replace("opening SSH");
                Ok((Self(Kind::Systems(connection)), None))
            }
        }
    }

    pub(super) async fn exec(&self, command: &'static str) -> Result<Command, SshError> {
        match &self.0 {
            Kind::Ours(connection) => {
                let exec = connection.exec(command).await?;
                Ok(Command {
                    stdin: Box::new(exec.stdin),
                    stdout: Box::new(exec.stdout),
                    end: Box::pin(exec.end.wait()),
                })
            }
            Kind::Systems(connection) => {
                let exec = connection.exec(command).await?;
                let end = async move {
                    let ended = exec.end.wait().await;
                    Ended {
                        status: ended.status,
                        signal: ended.signal,
                        stderr: ended.stderr,
                    }
                };
                Ok(Command {
                    stdin: Box::new(exec.stdin),
                    stdout: Box::new(exec.stdout),
                    end: Box::pin(end),
                })
            }
        }
    }

    /// Completes when the line is gone, and says why. Keeps the line in no way.
    pub(super) fn ended(&self) -> Boxed<'static, SshError> {
        match &self.0 {
            Kind::Ours(connection) => {
                let connection = connection.clone();
                Box::pin(async move { connection.ended().await })
            }
            Kind::Systems(connection) => {
                let connection = connection.clone();
                Box::pin(async move { connection.ended().await })
            }
        }
    }
}

impl Shell for Line {
    async fn run(
        &self,
        command: &'static str,
        stdin: Vec<u8>,
        limits: Limits,
    ) -> Result<Ran, SshError> {
        let Command {
            stdin: input,
            stdout,
            end,
        } = self.exec(command).await?;
        let ending = async {
            let ended = end.await;
            Ok(Ending {
                status: ended.status,
                stderr: ended.stderr,
            })
        };
        drive((input, stdout, ending), stdin, limits).await
    }
}
