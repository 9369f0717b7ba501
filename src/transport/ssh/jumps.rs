//! Jump hosts: each is a full connection with its own key check and login, reached through the one before it, and
//! shared by the hosts behind it.
//!
//! Promise: however many hosts wait for one jump host, the human is asked once for it; a “no” and a refused login are
//! the answer to all who waited, and for a while to those who come by themselves: what a server counts is its own logins.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::{Connection, WeakConnection};
use super::settings::{Route, Settings};
use super::{SshError, SshErrorKind};
use crate::transport::asking::Asker;

/// Connections that may share one to a jump host: a stall on the way harms these few.
const MOST_SHARING: usize = 8;

/// How long a refusal is the answer to those whom no human urges: all hosts behind a jump host have tried again by then, and
/// a person who has mended something urges.
const REFUSAL_HOLDS: Duration = Duration::from_secs(60);

/// The way to one jump host.
struct Way {
    /// The hosts before it.
    before: Vec<Settings>,
    hop: Settings,
    /// How many attempts have come to an end.
    attempts: AtomicU64,
    /// Locked by whoever connects; the others wait.
    outcome: Mutex<Outcome>,
}

/// Of the latest attempt.
#[derive(Default)]
struct Outcome {
    connection: WeakConnection,
    /// What trying again at once would not mend, and when it was said.
    refusal: Option<(SshError, Instant)>,
    /// Refusals since the last success.
    refusals: u32,
}

impl Outcome {
    /// The refusal, while it is the answer to who comes by itself.
    fn holding(&self) -> Option<&SshError> {
        let (refusal, since) = self.refusal.as_ref()?;
        (since.elapsed() < REFUSAL_HOLDS).then_some(refusal)
    }

    /// The refusal that answers somebody who did not wait for it.
    fn answer_to(&self, asker: &Asker) -> Option<&SshError> {
        let had = asker.refusals()?;
        self.holding().filter(|_| self.refusals > had)
    }
}

/// All ways that are waited for, lead to a living connection, or have just refused us. Never locked while waiting.
static WAYS: LazyLock<std::sync::Mutex<Vec<Arc<Way>>>> = LazyLock::new(std::sync::Mutex::default);

/// Connects to the last of these hosts; the first one is reached directly. None when there are none.
pub(super) async fn reach(
    hops: &[Settings],
    asker: &Asker,
) -> Result<Option<Connection>, SshError> {
    let mut reached: Option<Connection> = None;
    for (index, hop) in hops.iter().enumerate() {
        let way = find(hops.get(..index).unwrap_or_default(), hop);
        reached = Some(way.share(reached.as_ref(), asker).await?);
    }
    Ok(reached)
}

impl Way {
    async fn share(
        &self,
        through: Option<&Connection>,
        asker: &Asker,
    ) -> Result<Connection, SshError> {
        let attempts = self.attempts.load(Ordering::Relaxed);
        let mut outcome = self.outcome.lock().await;
        if let Some(connection) = outcome.connection.upgrade()
            && !connection.is_over()
            && connection.sharing() <= MOST_SHARING
        {
            return Ok(connection);
        }
        let has_waited = self.attempts.load(Ordering::Relaxed) > attempts;
        let heard = outcome.refusal.as_ref().map(|(refusal, _)| refusal);
        if let Some(refusal) = heard
            .filter(|_| has_waited)
            .or_else(|| outcome.answer_to(asker))
        {
            return Err(refusal.clone());
        }
        // What is before it is connected already; the first one may be behind a command.
        let mut hop = self.hop.clone();
        if matches!(hop.route, Route::Jump(_)) {
            hop.route = Route::Direct;
        }
        let opened = Box::pin(Connection::open_through(&hop, through, asker)).await;
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let is_refusal = |error: &&SshError| {
            matches!(
                error.kind,
                SshErrorKind::Authentication | SshErrorKind::Untrusted
            )
        };
        let refusal = opened.as_ref().err().filter(is_refusal).cloned();
        *outcome = Outcome {
            connection: match &opened {
                Ok(connection) => connection.downgrade(),
                Err(_) => WeakConnection::default(),
            },
            refusals: match (&opened, &refusal) {
                (Ok(_), _) => 0,
                (Err(_), Some(_)) => outcome.refusals + 1,
                (Err(_), None) => outcome.refusals,
            },
            refusal: refusal.map(|refusal| (refusal, Instant::now())),
        };
        opened
    }

    fn is_of_use(&self) -> bool {
        let outcome = self.outcome.try_lock();
        outcome.is_ok_and(|outcome| {
            outcome.connection.upgrade().is_some() || outcome.holding().is_some()
        })
    }
}

fn find(before: &[Settings], hop: &Settings) -> Arc<Way> {
    let mut ways = WAYS.lock().unwrap_or_else(PoisonError::into_inner);
    ways.retain(|way| Arc::strong_count(way) > 1 || way.is_of_use());
    if let Some(way) = ways
        .iter()
        .find(|way| way.before == before && way.hop == *hop)
    {
        return Arc::clone(way);
    }
    let way = Arc::new(Way {
        before: before.to_vec(),
        hop: hop.clone(),
        attempts: AtomicU64::new(0),
        outcome: Mutex::default(),
    });
    ways.push(Arc::clone(&way));
    way
}
