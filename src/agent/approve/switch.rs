//! A session's mode: what a person switched on, when it ends, what it may spend, and why it was switched off.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::domain::{Answer, AutoConfirm, Mode, UnixMillis};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a session may do by itself before somebody has to look; the host's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub per_hour: usize,
    pub per_day: usize,
    /// Noes of people in a row after which a session is switched off.
    pub denials: u32,
    /// How long the mode `yes` lasts when nobody says.
    pub yes: Duration,
}

/// What a person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub mode: Mode,
    pub screen: bool,
    pub dry_run: bool,
    pub lasts: Option<Duration>,
}

#[derive(Clone, Debug, Default)]
pub struct Switch {
    told: AutoConfirm,
    ends: Option<Instant>,
    /// When something was answered by itself, the oldest first; not longer ago than a day.
    answers: VecDeque<Instant>,
    denials: u32,
}

impl Switch {
    /// For people.
    pub fn told(&self) -> &AutoConfirm {
        &self.told
    }

    pub fn is_on(&self) -> bool {
        self.told.mode != Mode::Ask
    }

    /// A person sets the mode. What was spent stays spent.
    pub fn set(&mut self, wish: Wish, limits: &Limits, now: Instant, wall: UnixMillis) {
        let lasts = match wish.mode {
            Mode::Ask => None,
            Mode::Policy => wish.lasts,
            Mode::Yes => Some(wish.lasts.unwrap_or(limits.yes)),
        };
        self.ends = lasts.and_then(|lasts| now.checked_add(lasts));
        self.denials = 0;
        let until = |lasts: Duration| wall.saturating_add(lasts.as_millis() as UnixMillis);
        self.told = AutoConfirm {
            mode: wish.mode,
            screen: wish.screen && wish.mode != Mode::Ask,
            dry_run: wish.dry_run && wish.mode != Mode::Ask,
            until: lasts.map(until),
            stopped: String::new(),
        };
    }

    /// Switches off until a person sets a mode again. Returns whether it was on.
    pub fn stop(&mut self, why: &str) -> bool {
        if !self.is_on() {
            return false;
        }
        self.ends = None;
        self.told = AutoConfirm {
            stopped: why.to_owned(),
            ..AutoConfirm::default()
        };
        true
    }

    /// When it ends by itself.
    pub fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// Ends it when its time has come. Returns whether it did.
    pub fn expire(&mut self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now) && self.stop("its time is over")
    }

    /// A person answered. Returns whether that was one no too many.
    pub fn answered_by_person(&mut self, answer: Answer, limits: &Limits) -> bool {
        self.denials = match answer {
            Answer::Yes => 0,
            Answer::No => self.denials.saturating_add(1),
        };
        self.denials >= limits.denials
            && self.stop(&format!("{} noes of a person in a row", self.denials))
    }

    /// Something was answered by itself.
    pub fn spend(&mut self, now: Instant) {
        self.forget(now);
        self.answers.push_back(now);
    }

    /// Why nothing more may be spent now; `None` while something may.
    pub fn spent(&mut self, limits: &Limits, now: Instant) -> Option<String> {
        self.forget(now);
        let is_of_the_hour = |at: &&Instant| now.saturating_duration_since(**at) < HOUR;
        let hour = self.answers.iter().rev().take_while(is_of_the_hour).count();
        if hour >= limits.per_hour {
            Some(format!("{hour} answers within an hour are enough"))
        } else if self.answers.len() >= limits.per_day {
            Some(format!(
                "{} answers within a day are enough",
                self.answers.len()
            ))
        } else {
            None
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.answers.front()
            && now.saturating_duration_since(*oldest) >= DAY
        {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_hour: 60,
        per_day: 500,
        denials: 3,
        yes: Duration::from_secs(8 * 3600),
    };

    fn wish(mode: Mode) -> Wish {
        Wish {
            mode,
            screen: true,
            dry_run: false,
            lasts: None,
        }
    }

    fn on(mode: Mode) -> (Switch, Instant) {
        let (mut switch, now) = (Switch::default(), Instant::now());
        switch.set(wish(mode), &LIMITS, now, 1000);
        (switch, now)
    }

    #[test]
    fn a_yes_to_everything_ends_after_its_time_and_says_so() {
        let (mut switch, start) = on(Mode::Yes);
        assert_eq!(switch.told().until, Some(1000 + 8 * 3_600_000));
        assert_eq!(switch.ends(), Some(start + LIMITS.yes));
        assert!(!switch.expire(start + LIMITS.yes.saturating_sub(Duration::from_millis(1))));
        assert!(switch.expire(start + LIMITS.yes));
        assert_eq!(
            (switch.told().mode, switch.told().stopped.as_str()),
            (Mode::Ask, "its time is over")
        );
        assert!(!switch.told().screen);
        let (switch, _) = on(Mode::Policy);
        assert_eq!(switch.ends(), None);
    }

    #[test]
    fn the_switches_are_as_wished_and_off_without_a_mode() {
        let cases = [
            (Mode::Ask, true, false),
            (Mode::Policy, true, true),
            (Mode::Yes, false, false),
        ];
        for (mode, wished, expected) in cases {
            let (mut switch, now) = on(Mode::Policy);
            let wish = Wish {
                screen: wished,
                dry_run: wished,
                ..wish(mode)
            };
            switch.set(wish, &LIMITS, now, 0);
            let told = switch.told();
            assert_eq!((told.screen, told.dry_run), (expected, expected));
        }
    }

    #[test]
    fn an_hour_and_a_day_have_their_limits_whatever_is_switched_meanwhile() {
        let (mut switch, start) = on(Mode::Policy);
        let mut now = start;
        for answers in 0..500 {
            assert_eq!(switch.spent(&LIMITS, now), None, "after {answers}");
            switch.spend(now);
            if answers % 60 == 59 {
                assert_eq!(
                    switch.spent(&LIMITS, now).unwrap(),
                    "60 answers within an hour are enough"
                );
                switch.set(wish(Mode::Yes), &LIMITS, now, 0);
                assert!(switch.spent(&LIMITS, now).is_some());
                now += HOUR;
            }
        }
        now += HOUR;
        assert_eq!(
            switch.spent(&LIMITS, now).unwrap(),
            "500 answers within a day are enough"
        );
        assert_eq!(switch.spent(&LIMITS, start + DAY), None);
    }

    #[test]
    fn three_noes_of_people_in_a_row_switch_it_off() {
        let (mut switch, now) = on(Mode::Policy);
        let answers = [Answer::No, Answer::No, Answer::Yes, Answer::No, Answer::No];
        for answer in answers {
            assert!(!switch.answered_by_person(answer, &LIMITS));
        }
        assert!(switch.answered_by_person(Answer::No, &LIMITS));
        assert_eq!(switch.told().stopped, "3 noes of a person in a row");
        assert!(!switch.stop("something else"));
        switch.set(wish(Mode::Policy), &LIMITS, now, 0);
        assert_eq!(switch.told().stopped, "");
    }
}
