//! Starts the chosen agent's `stdio` and finds where its first byte is.
//!
//! A login shell may print on the stream that then carries the protocol. Promise: everything up to our marker is
//! skipped, not a byte after it is lost, and a shell that never comes to the marker is told from an agent that fails.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::time::timeout;

use super::error::DeployError;
use super::marked::{Nonce, head};
use super::shell::{Ran, silent};

/// Reads the word for the marker and the agent's path, prints the marker and becomes the agent.
pub const LAUNCH: &str = "exec sh -c '\
    IFS= read -r n; IFS= read -r p; \
    printf \"\\n%s start\\n\" \"$n\"; \
    exec \"$p\" stdio'";

/// The most that a login shell may print first, in bytes.
const MOST: usize = 64 << 10;
/// As long as the probe may take: the same login shell has to come up.
const DEADLINE: Duration = Duration::from_secs(20);

/// One start of an agent.
#[derive(Clone, Debug)]
pub struct Launch {
    nonce: Nonce,
    /// What [`LAUNCH`] has to be given before any message.
    pub head: Vec<u8>,
}

impl Launch {
    /// # Errors
    /// When `path`, as the host told it, cannot be one; or without random bytes.
    pub fn new(host: &str, path: &str) -> Result<Self, DeployError> {
        let nonce = Nonce::random().map_err(DeployError::Random)?;
        let head = head(&[nonce.as_str(), path]).map_err(|why| DeployError::Setting {
            host: host.to_owned(),
            why,
        })?;
        Ok(Self { nonce, head })
    }

    /// Skips what comes before the agent's own bytes; what is returned begins with them.
    ///
    /// # Errors
    /// When the login shell prints too much, takes too long, or ends. How it ended and its standard error say more.
    pub async fn skip<R: AsyncRead + Unpin>(
        &self,
        host: &str,
        stdout: R,
    ) -> Result<BufReader<R>, DeployError> {
        let mut stdout = BufReader::new(stdout);
        match timeout(DEADLINE, self.skip_lines(&mut stdout)).await {
            Ok(Ok(())) => Ok(stdout),
            Ok(Err(ran)) => Err(DeployError::no_answer(host, &ran)),
            Err(_elapsed) => Err(silent(DEADLINE).into()),
        }
    }

    async fn skip_lines<R: AsyncRead + Unpin>(&self, stdout: &mut BufReader<R>) -> Result<(), Ran> {
        let mut before = Vec::new();
        loop {
            let Ok(chunk) = stdout.fill_buf().await else {
                return Err(Ran::default());
            };
            if chunk.is_empty() {
                return Err(Ran {
                    stdout: before,
                    ..Ran::default()
                });
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(chunk.len(), |end| end + 1);
            let start = before.len();
            before.extend_from_slice(chunk.get(..len).unwrap_or_default());
            stdout.consume(len);
            // The line may have begun in an earlier chunk.
            let line = before
                .get(..start)
                .and_then(|old| old.iter().rposition(|byte| *byte == b'\n'))
                .map_or(0, |end| end + 1);
            let line = before.get(line..).unwrap_or_default();
            if end.is_some() && self.nonce.lines(line).any(|(word, _)| word == "start") {
                return Ok(());
            }
            if before.len() > MOST {
                return Err(Ran {
                    is_cut: true,
                    ..Ran::default()
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn skipped(launch: &Launch, pieces: &[&[u8]]) -> Result<Vec<u8>, DeployError> {
        let (mut far, near) = tokio::io::duplex(1 << 20);
        for piece in pieces {
            tokio::io::AsyncWriteExt::write_all(&mut far, piece)
                .await
                .unwrap();
        }
        drop(far);
        let mut rest = Vec::new();
        let mut stdout = launch.skip("gpu-2", near).await?;
        stdout.read_to_end(&mut rest).await.unwrap();
        Ok(rest)
    }

    fn launch() -> Launch {
        Launch::new("gpu-2", "/bin/cm-agent").unwrap()
    }

    #[tokio::test]
    async fn a_login_shell_that_ends_first_is_told_with_its_words() {
        let words = b"This account is currently not available.\n";
        let error = skipped(&launch(), &[words]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the login shell of gpu-2 does not run commands: This account is currently not available."
        );
    }

    #[tokio::test]
    async fn a_login_shell_that_prints_for_ever_is_told() {
        let flood = vec![b'y'; MOST + 1];
        let error = skipped(&launch(), &[&flood]).await.unwrap_err();
        assert!(matches!(error, DeployError::Chatty { .. }), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_shell_that_hangs_is_given_up() {
        let (_far, near) = tokio::io::duplex(64);
        let error = launch().skip("gpu-2", near).await.err().unwrap();
        assert!(matches!(error, DeployError::Ssh(_)), "{error}");
    }

    proptest! {
        #[test]
        fn not_a_byte_after_the_marker_is_lost(
            noise in proptest::collection::vec(any::<u8>(), 0..200),
            rest in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 0..500usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let launch = launch();
                let marker = format!("\n{} start\n", launch.nonce.as_str());
                let whole = [noise.as_slice(), marker.as_bytes(), &rest].concat();
                let (a, b) = whole.split_at(cut.min(whole.len()));
                assert_eq!(skipped(&launch, &[a, b]).await.unwrap(), rest);
            });
        }
    }
}
