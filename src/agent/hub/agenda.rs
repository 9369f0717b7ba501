//! When which session wants attention next: an alarm clock with one alarm per session.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::domain::SessionId;

#[derive(Debug, Default)]
pub(super) struct Agenda {
    order: BTreeSet<(Instant, SessionId)>,
    alarms: HashMap<SessionId, Instant>,
}

impl Agenda {
    /// Sets, moves or clears the alarm of a session.
    pub(super) fn set(&mut self, session: &SessionId, at: Option<Instant>) {
        let old = match at {
            Some(at) if self.alarms.get(session) == Some(&at) => return,
            Some(at) => self.alarms.insert(session.clone(), at),
            None => self.alarms.remove(session),
        };
        if let Some(old) = old {
            self.order.remove(&(old, session.clone()));
        }
        if let Some(at) = at {
            self.order.insert((at, session.clone()));
        }
    }

    /// The earliest alarm.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one session whose alarm has rung; its alarm is cleared.
    pub(super) fn due(&mut self, now: Instant) -> Option<SessionId> {
        if self.next()? > now {
            return None;
        }
        let (_, session) = self.order.pop_first()?;
        self.alarms.remove(&session);
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_session_rings_once_at_its_last_set_time() {
        let (mut agenda, start) = (Agenda::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let (a, b) = (SessionId::new("a"), SessionId::new("b"));
        agenda.set(&a, Some(at(10)));
        agenda.set(&b, Some(at(20)));
        agenda.set(&a, Some(at(30)));
        assert_eq!(agenda.next(), Some(at(20)));
        assert_eq!(agenda.due(at(15)), None);
        assert_eq!(agenda.due(at(40)), Some(b.clone()));
        agenda.set(&b, None);
        assert_eq!(agenda.due(at(40)), Some(a));
        assert_eq!(agenda.next(), None);
    }
}
