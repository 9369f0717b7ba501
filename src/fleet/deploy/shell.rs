//! A command on a host: constant text, data on its standard input, bounded output.
//!
//! [`Shell`] is all that this room needs of a host, so that it works over any transport, and in tests over the shells of
//! this machine. Promise: [`drive`] always ends, and never holds more output than it was allowed.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

use crate::transport::ssh::{SshError, SshErrorKind};

/// How much is written at once. The deadline starts again with each piece, so a piece must pass in that time over the
/// slowest link that is of use.
const PIECE: usize = 32 << 10;

/// What a command may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of standard output, in bytes.
    pub output: usize,
    /// How long it may take, counted again from each piece of input that was taken; output does not extend it, or a
    /// shell that prints for ever would never end.
    pub deadline: Duration,
}

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Of a normal exit.
    pub status: Option<u32>,
    pub stdout: Vec<u8>,
    /// The end of standard error, raw.
    pub stderr: String,
    /// It printed more than allowed, and was not waited for.
    pub is_cut: bool,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    pub status: Option<u32>,
    pub stderr: String,
}

/// Runs commands on a host through the user's login shell, without a terminal.
pub trait Shell: Send + Sync {
    /// Runs `command` with `stdin` as its whole input. Dropping the future ends the command's input, and with it
    /// each command of ours.
    fn run(
        &self,
        command: &'static str,
        stdin: Vec<u8>,
        limits: Limits,
    ) -> impl Future<Output = Result<Ran, SshError>> + Send;
}

/// Feeds a command and gathers what it prints: what every [`Shell`] does with the three streams it has.
///
/// Both directions at once, so that neither blocks the other. That the command stops reading is no error: its answer
/// says why.
///
/// # Errors
/// When the deadline passes or the stream breaks, or as `end` says.
pub async fn drive<W, R, E>(
    (mut input, output, end): (W, R, E),
    stdin: Vec<u8>,
    limits: Limits,
) -> Result<Ran, SshError>
where
    W: AsyncWrite + Unpin,
    R: AsyncRead + Unpin,
    E: Future<Output = Result<Ending, SshError>>,
{
    let mut deadline = Instant::now() + limits.deadline;
    let (progress, mut progressed) = tokio::sync::watch::channel(());
    let feeding = async move {
        for piece in stdin.chunks(PIECE) {
            if input.write_all(piece).await.is_err() || input.flush().await.is_err() {
                return;
            }
            progress.send_replace(());
        }
        // A command that has ended does not care.
        let _ended = input.shutdown().await;
    };
    let gathering = async move {
        let mut stdout = Vec::new();
        let mut room = output.take(limits.output as u64 + 1);
        match room.read_to_end(&mut stdout).await {
            Ok(_) if stdout.len() > limits.output => (stdout, None),
            Ok(_) => (stdout, Some(end.await)),
            Err(error) => (stdout, Some(Err(lost(&error)))),
        }
    };
    tokio::pin!(feeding, gathering);
    let mut is_feeding = true;
    let (stdout, ended) = loop {
        tokio::select! {
            ended = &mut gathering => break ended,
            () = &mut feeding, if is_feeding => is_feeding = false,
            Ok(()) = progressed.changed() => deadline = Instant::now() + limits.deadline,
            () = sleep_until(deadline) => return Err(silent(limits.deadline)),
        }
    };
    match ended {
        Some(ending) => {
            let Ending { status, stderr } = ending?;
            Ok(Ran {
                status,
                stdout,
                stderr,
                is_cut: false,
            })
        }
        None => Ok(Ran {
            stdout,
            is_cut: true,
            ..Ran::default()
        }),
    }
}

fn lost(error: &std::io::Error) -> SshError {
    SshError::new(
        SshErrorKind::Lost,
        format!("the connection ended during a command: {error}"),
        "connecting again by itself",
    )
}

pub(super) fn silent(deadline: Duration) -> SshError {
    SshError::new(
        SshErrorKind::Refused,
        format!("a command got no answer within {} s", deadline.as_secs()),
        "does its login shell wait for something? try a command there by hand",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        output: 10,
        deadline: Duration::from_secs(10),
    };

    fn fine() -> impl Future<Output = Result<Ending, SshError>> {
        std::future::ready(Ok(Ending {
            status: Some(0),
            stderr: String::new(),
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_is_silent_is_given_up() {
        let (near, _far) = tokio::io::duplex(64);
        let (output, input) = tokio::io::split(near);
        let start = Instant::now();
        let error = drive((input, output, fine()), b"hi".to_vec(), LIMITS)
            .await
            .unwrap_err();
        assert_eq!(error.message, "a command got no answer within 10 s");
        assert_eq!(start.elapsed(), LIMITS.deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn input_that_moves_extends_the_deadline_and_output_does_not() {
        let (near, far) = tokio::io::duplex(PIECE);
        let (output, input) = tokio::io::split(near);
        let (mut heard, mut said) = tokio::io::split(far);
        tokio::spawn(async move {
            let mut piece = vec![0; PIECE];
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(9)).await;
                heard.read_exact(&mut piece).await.unwrap();
            }
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(4)).await;
                said.write_all(b".").await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        let start = Instant::now();
        let stdin = vec![0; 4 * PIECE];
        assert!(drive((input, output, fine()), stdin, LIMITS).await.is_err());
        // The last piece fits into the pipe as the one before it is taken.
        assert_eq!(start.elapsed(), Duration::from_secs(3 * 9 + 10));
    }

    #[tokio::test]
    async fn output_over_the_limit_ends_it() {
        let ran = drive(
            (tokio::io::sink(), tokio::io::repeat(b'x'), fine()),
            Vec::new(),
            LIMITS,
        )
        .await
        .unwrap();
        assert!(ran.is_cut);
        assert_eq!(ran.stdout.len(), LIMITS.output + 1);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_not_taken_for_a_command_that_ended() {
        struct Broken;
        impl AsyncRead for Broken {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                _: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()))
            }
        }
        let streams = (tokio::io::sink(), Broken, fine());
        let error = drive(streams, Vec::new(), LIMITS).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Lost);
    }

    #[tokio::test]
    async fn who_does_not_read_may_still_answer() {
        let (input, gone) = tokio::io::duplex(4);
        drop(gone);
        let ran = drive((input, &b"no"[..], fine()), vec![0; 100], LIMITS)
            .await
            .unwrap();
        assert_eq!((ran.stdout.as_slice(), ran.status), (&b"no"[..], Some(0)));
    }
}
