//! The life of one connection: everybody learns that it is over, once, and why; and anybody may end it at once.
//!
//! Waits on russh can outlast their connection (a write that waits for window, a channel that is never confirmed), so
//! each of them is raced against this. Promise: the first reason stays; ending it frees the socket in any state.

use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::SshError;

pub(super) struct Life {
    over: CancellationToken,
    why: Mutex<Option<SshError>>,
    /// A second descriptor of the socket: russh owns the first one and may be busy with it.
    socket: Mutex<Option<TcpStream>>,
}

/// Why a raced wait brought no result.
pub(super) enum Unmet {
    Over(SshError),
    TooLate,
}

impl Life {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            over: CancellationToken::new(),
            why: Mutex::new(None),
            socket: Mutex::new(None),
        })
    }

    /// Gives it a second descriptor of its socket, to shut down at the end.
    pub fn own(&self, socket: TcpStream) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        if self.over.is_cancelled() {
            self.free_socket();
        }
    }

    /// Ends it; only the first reason counts.
    pub fn end(&self, why: SshError) {
        {
            let mut first = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(why);
        }
        self.over.cancel();
        self.free_socket();
    }

    fn free_socket(&self) {
        let socket = self
            .socket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(socket) = socket {
            // It may be gone already.
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    /// The reason, when it is over.
    pub fn why(&self) -> Option<SshError> {
        self.why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for the end.
    pub async fn ended(&self) -> SshError {
        loop {
            self.over.cancelled().await;
            if let Some(why) = self.why() {
                return why;
            }
        }
    }

    /// The result of `wait`, unless the connection ends first. What is ready counts even when both are.
    pub async fn race<T>(&self, wait: impl Future<Output = T>) -> Result<T, SshError> {
        tokio::select! {
            biased;
            result = wait => Ok(result),
            why = self.ended() => Err(why),
        }
    }

    /// As [`Self::race`], within `limit`.
    pub async fn race_within<T>(
        &self,
        limit: Duration,
        wait: impl Future<Output = T>,
    ) -> Result<T, Unmet> {
        match timeout(limit, self.race(wait)).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(why)) => Err(Unmet::Over(why)),
            Err(_elapsed) => Err(Unmet::TooLate),
        }
    }
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life").field("why", &self.why()).finish()
    }
}

/// Ends a life when it is dropped, for whoever cannot say more: a cancelled or failed attempt to connect.
pub(super) struct EndOnDrop {
    life: Option<Arc<Life>>,
    why: SshError,
}

impl EndOnDrop {
    pub fn new(life: &Arc<Life>, why: SshError) -> Self {
        Self {
            life: Some(Arc::clone(life)),
            why,
        }
    }

    pub fn disarm(mut self) {
        self.life = None;
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(life) = self.life.take() {
            life.end(self.why.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ssh::SshErrorKind;

    fn error(message: &str) -> SshError {
        SshError::new(SshErrorKind::Lost, message, "")
    }

    #[tokio::test]
    async fn the_first_reason_stays() {
        let life = Life::new();
        assert!(life.race(async { 1 }).await.is_ok());
        life.end(error("cut"));
        life.end(error("early eof"));
        assert_eq!(life.ended().await.message, "cut");
        let raced = life.race(std::future::pending::<()>()).await;
        assert_eq!(raced.unwrap_err().message, "cut");
    }

    #[tokio::test]
    async fn a_socket_that_comes_too_late_is_shut_down_as_well() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        let life = Life::new();
        drop(EndOnDrop::new(&life, error("dropped")));
        life.own(ours.try_clone().unwrap());
        let mut byte = [0; 1];
        assert_eq!(std::io::Read::read(&mut theirs, &mut byte).unwrap(), 0);
    }
}
