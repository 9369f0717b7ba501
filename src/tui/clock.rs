//! Time as the dashboard sees it: a moment that is passed in, and ages as people read them.
//!
//! Promise: nothing else in `tui` asks a clock; the loop makes one [`Moment`] per turn.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::UnixMillis;

/// One turn of the loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since the dashboard started. Never goes back, so it is what durations are measured with.
    pub mono: u64,
    /// Wall clock, for ages of things that other machines dated.
    pub unix: UnixMillis,
}

impl Moment {
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self {
            mono: self.mono + millis,
            unix: self.unix + millis,
        }
    }

    /// Milliseconds from `earlier` to this moment.
    pub fn since(self, earlier: Self) -> u64 {
        self.mono.saturating_sub(earlier.mono)
    }
}

/// Where moments come from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    pub fn now(&self) -> Moment {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment {
            mono: millis(self.started.elapsed()),
            unix: millis(unix),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The widest text that [`age`] makes, in columns: `59:59`.
pub const AGE_WIDTH: u16 = 5;

/// An age in milliseconds as m:ss up to an hour, then whole hours, then days.
pub fn age(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", (seconds / 86_400).min(9999)),
    }
}

/// An age in milliseconds as one number, right-aligned in three columns (four from a hundred days on): ` 9s`, `59m`, `23h`.
pub fn rough_age(millis: u64) -> String {
    let seconds = millis / 1000;
    let (number, unit) = match seconds {
        0..60 => (seconds, 's'),
        60..3600 => (seconds / 60, 'm'),
        3600..86_400 => (seconds / 3600, 'h'),
        _ => ((seconds / 86_400).min(999), 'd'),
    };
    format!("{number:>2}{unit}")
}

/// The day in UTC, as `2026-09-21`.
pub fn date(at: UnixMillis) -> String {
    // Years are counted from March, so that the day a leap year adds is the last; 719 468 days lie between 0000-03-01
    // and 1970-01-01, 146 097 days are 400 years.
    let days = at / 86_400_000 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, " 0s")]
    #[case(59_999, "59s")]
    #[case(60_000, " 1m")]
    #[case(3_600_000, " 1h")]
    #[case(u64::MAX, "999d")]
    fn rough_ages_have_one_unit(#[case] millis: u64, #[case] text: &str) {
        assert_eq!(rough_age(millis), text);
    }

    #[rstest]
    #[case(0, "1970-01-01")]
    #[case(951_782_400_000, "2000-02-29")]
    #[case(951_868_799_999, "2000-02-29")]
    #[case(951_868_800_000, "2000-03-01")]
    #[case(1_790_000_000_000, "2026-09-21")]
    #[case(4_107_542_399_999, "2100-02-28")]
    #[case(4_107_542_400_000, "2100-03-01")]
    fn days_have_their_date(#[case] at: UnixMillis, #[case] written: &str) {
        assert_eq!(date(at), written);
    }

    #[rstest]
    #[case(0, "0:00")]
    #[case(999, "0:00")]
    #[case(42_000, "0:42")]
    #[case(750_000, "12:30")]
    #[case(3_599_000, "59:59")]
    #[case(3_600_000, "1h")]
    #[case(86_399_000, "23h")]
    #[case(259_200_000, "3d")]
    #[case(u64::MAX, "9999d")]
    fn ages_are_short_and_never_wider_than_their_column(#[case] millis: u64, #[case] text: &str) {
        assert_eq!(age(millis), text);
        assert!(text.len() <= usize::from(AGE_WIDTH));
    }
}
