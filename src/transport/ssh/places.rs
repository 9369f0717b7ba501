//! How many connections may be logging in at a time, to one address or through one jump host.
//!
//! sshd drops connections at random when ten are not logged in yet (`MaxStartups 10:30:100`), and hosts are connected
//! to all at once when the dashboard starts. Promise: whoever waits here gets a place when another one is logged in
//! or has failed; first come, first served.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Well below the ten at which sshd begins to refuse, because others log in there too.
pub(super) const PLACES: usize = 6;

static DOORS: LazyLock<Mutex<HashMap<String, Weak<Semaphore>>>> = LazyLock::new(Mutex::default);

/// The right to be logging in; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    // Keeps the door while somebody is in it.
    _door: Arc<Semaphore>,
}

/// Waits for a place at `door`: an address, or the name of a jump host. Without a deadline: those before us have one
/// each, except for the human who is asked for a password: sshd ends that wait at an address, and elsewhere the place is
/// given up for it.
pub(super) async fn take(door: &str) -> Place {
    let door = {
        let mut doors = DOORS.lock().unwrap_or_else(PoisonError::into_inner);
        doors.retain(|_, door| door.strong_count() > 0);
        let known = doors.get(door).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let new = Arc::new(Semaphore::new(PLACES));
            doors.insert(door.to_owned(), Arc::downgrade(&new));
            new
        })
    };
    let permit = Arc::clone(&door)
        .acquire_owned()
        .await
        .expect("a door is never closed");
    Place {
        _permit: permit,
        _door: door,
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_seventh_waits_and_another_door_is_open() {
        let mut places = Vec::new();
        for _ in 0..PLACES {
            places.push(take("a test's door").await);
        }
        let mut seventh = Box::pin(take("a test's door"));
        assert!((&mut seventh).now_or_never().is_none());
        assert!(take("a test's other door").now_or_never().is_some());
        places.pop();
        assert!(seventh.now_or_never().is_some());
    }
}
